//! Rows that the configuration puts before the tables: by DMS type, by source type, by column. Knows
//! names and patterns, no tokens.

use super::dms_table::DmsTable;
use super::name_pattern::NamePattern;
use super::pattern::matches;
use super::postgresql::is_native_phrase;
use super::{ColumnPattern, MappingError, Override, OverrideScope, SOURCES};

/// The column whose type is asked for, its names as PostgreSQL keeps them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnName<'a> {
    pub(crate) schema: Option<&'a [u8]>,
    pub(crate) table: &'a [u8],
    pub(crate) column: &'a [u8],
}

/// A type pattern: the name, and the name with its arguments where the pattern has some.
#[derive(Clone, Debug)]
struct TypePattern {
    text: String,
    with_arguments: bool,
}

impl TypePattern {
    fn new(text: &str) -> TypePattern {
        let text = normalized(text.as_bytes());
        let with_arguments = text.contains('(');
        TypePattern { text, with_arguments }
    }

    fn matches(&self, written: &WrittenType) -> bool {
        let text = if self.with_arguments { &written.full } else { &written.name };
        matches(self.text.as_bytes(), text.as_bytes())
    }
}

/// A type as it is written: words in upper case with one blank between them, no blanks in lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenType {
    full: String,
    /// Without its lists.
    name: String,
}

impl WrittenType {
    pub(crate) fn new(written: &[u8]) -> WrittenType {
        let full = normalized(written);
        let (mut name, mut depth) = (String::with_capacity(full.len()), 0_usize);
        for character in full.chars() {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ if depth == 0 => name.push(character),
                _ => {}
            }
        }
        WrittenType { full, name }
    }
}

/// Upper case, one blank between words, none around marks; bytes that are not ASCII one by one.
fn normalized(text: &[u8]) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut blank = false;
    for &byte in text {
        if byte.is_ascii_whitespace() {
            blank = true;
            continue;
        }
        let mark = |c: char| matches!(c, '(' | ')' | ',' | '.');
        let character = char::from(byte.to_ascii_uppercase());
        let behind_list = normal.ends_with(')') && !mark(character);
        let between = blank && !normal.ends_with(mark) && !mark(character);
        if !normal.is_empty() && (between || behind_list) {
            normal.push(' ');
        }
        blank = false;
        normal.push(character);
    }
    normal
}

#[derive(Clone, Debug)]
enum OverrideMatcher {
    Dms(TypePattern),
    Source(TypePattern),
    Column(ColumnPattern),
}

/// The overrides in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    rows: Vec<(OverrideMatcher, String)>,
    pub(super) by_dms: bool,
    pub(super) by_written: bool,
}

impl Overrides {
    /// Checks the overrides for `source`; those for another source are left out of force.
    pub(super) fn new(
        overrides: &[Override],
        source: &str,
        table: &DmsTable,
    ) -> Result<Overrides, MappingError> {
        let mut checked = Overrides::default();
        for row in overrides {
            let bad = |reason: String| MappingError::Override {
                scope: row.scope.text(),
                origin: row.origin.clone(),
                reason,
            };
            let scope = match &row.scope {
                OverrideScope::DmsType(text) => {
                    let name = text.split('(').next().unwrap_or_default().trim();
                    if table.find(name.as_bytes()).is_none() {
                        return Err(bad(format!("\"{name}\" is not a DMS type")));
                    }
                    checked.by_dms = true;
                    OverrideMatcher::Dms(TypePattern::new(text))
                }
                OverrideScope::SourceType(text) => {
                    let (of, text) = text.split_once(':').unwrap_or((source, text));
                    if !SOURCES.contains(&of) {
                        return Err(bad(format!("\"{of}\" is not a source")));
                    }
                    if text.trim().is_empty() {
                        return Err(bad("it names no type".to_owned()));
                    }
                    checked.by_written |= of == source;
                    // A pattern that nothing matches keeps the numbers of the rows in step.
                    OverrideMatcher::Source(TypePattern::new(if of == source { text } else { "(" }))
                }
                OverrideScope::Column(pattern) => {
                    if pattern.dms_type.is_some() && source != "dms" {
                        let reason = "a column's DMS type can be named with source \"dms\" only";
                        return Err(bad(reason.to_owned()));
                    }
                    checked.by_written = true;
                    OverrideMatcher::Column(pattern.clone())
                }
            };
            let target = target_text(&row.target, table).map_err(bad)?;
            checked.rows.push((scope, target));
        }
        Ok(checked)
    }

    /// The PostgreSQL type of each override, in order.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(_, target)| target.as_str())
    }

    /// The override for a DMS type with its arguments, as `NUMERIC` and `(38,10)`.
    pub(super) fn of_dms(&self, name: &[u8], modifiers: &[u8]) -> Option<(usize, &str)> {
        let written = WrittenType::new(&[name, modifiers].concat());
        self.best(|scope| match scope {
            OverrideMatcher::Dms(pattern) if pattern.matches(&written) => {
                Some(u8::from(pattern.with_arguments))
            }
            _ => None,
        })
    }

    /// The override for a type as it is written, and for the column it stands at.
    pub(super) fn of_written(
        &self,
        written: &WrittenType,
        at: Option<ColumnName<'_>>,
    ) -> Option<(usize, &str)> {
        self.best(|scope| match scope {
            OverrideMatcher::Source(pattern) if pattern.matches(written) => {
                Some(u8::from(pattern.with_arguments))
            }
            OverrideMatcher::Column(pattern) => {
                let at = at?;
                let named = |pattern: &NamePattern, name: &[u8]| {
                    std::str::from_utf8(name).is_ok_and(|name| pattern.matches(name))
                };
                let typed = |dms_type: &String| same_dms_type(dms_type, &written.name);
                let matches = named(&pattern.schema, at.schema.unwrap_or(b"public"))
                    && named(&pattern.table, at.table)
                    && named(&pattern.column, at.column)
                    && pattern.dms_type.as_ref().is_none_or(typed);
                matches.then_some(2)
            }
            _ => None,
        })
    }

    /// The last of those that rank highest.
    fn best(&self, rank: impl Fn(&OverrideMatcher) -> Option<u8>) -> Option<(usize, &str)> {
        let ranked = self.rows.iter().enumerate();
        let ranked = ranked.filter_map(|(at, row)| rank(&row.0).map(|rank| (rank, at, &row.1)));
        ranked.max_by_key(|(rank, at, _)| (*rank, *at)).map(|(_, at, target)| (at, target.as_str()))
    }
}

/// Whether two names stand for one DMS type; BOOLEAN is what later guides call BOOL.
fn same_dms_type(one: &str, other: &str) -> bool {
    let short = |name: &str| if name == "BOOLEAN" { "BOOL".to_owned() } else { name.to_owned() };
    short(&one.to_ascii_uppercase()) == short(other)
}

/// The PostgreSQL type that an override's target means, if it is one type.
pub(super) fn target_text(target: &str, table: &DmsTable) -> Result<String, String> {
    let target = target.trim();
    let bad = || format!("\"{target}\" is not one type");
    if !target.is_ascii() || !is_one_type(target) {
        return Err(bad());
    }
    let (name, list) = target.split_at(target.find('(').unwrap_or(target.len()));
    if !table.is_foreign(name.trim().as_bytes()) {
        return Ok(target.to_owned());
    }
    let inner = list.trim().trim_start_matches('(').trim_end_matches(')');
    let numbers = inner.split(',').map(str::trim).filter(|number| !number.is_empty());
    let numbers = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| bad())?;
    table.through(&name.trim().to_ascii_uppercase(), &numbers).map_err(|refusal| refusal.message)
}

/// Whether this is one type: a name, or the words of a type that PostgreSQL has, each with at most a
/// list of simple arguments, and perhaps the brackets of an array.
fn is_one_type(text: &str) -> bool {
    let mut element = text;
    while let Some((before, inside)) = element.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        if !inside.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        element = before.trim_end();
    }
    let written = WrittenType::new(element.as_bytes());
    let name = written.name.as_str();
    let is_part = |part: &str| {
        let quoted = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
        quoted.is_some_and(|part| !part.is_empty() && !part.contains('"'))
            || (part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$')))
    };
    if !is_native_phrase(name) && !name.split('.').all(is_part) {
        return false;
    }
    let mut rest = element;
    while let Some((_, behind)) = rest.split_once('(') {
        let Some((list, behind)) = behind.split_once(')') else { return false };
        let is_argument = |argument: &str| {
            let argument = argument.trim();
            let word = argument.strip_prefix('-').unwrap_or(argument);
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !list.split(',').all(is_argument) {
            return false;
        }
        rest = behind;
    }
    !rest.contains(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_type() {
        for good in [
            "NUMERIC(20,0)",
            "text",
            "timestamp(3) with time zone",
            "double precision",
            "public.geometry(Point, 4326)",
            "\"My Type\"",
            "varchar(10)[][3]",
            "numeric(4, -2)",
        ] {
            assert!(is_one_type(good), "{good}");
        }
        for bad in [
            "",
            "int not null",
            "int, int",
            "int;",
            "f(",
            "f)",
            "f()",
            "f((1))",
            "int default 1",
            "1",
            "a b",
            "varchar(10",
            "x[a]",
            "'x'",
            "int) , b text",
            "int -- x",
        ] {
            assert!(!is_one_type(bad), "{bad}");
        }
    }

    #[test]
    fn keys_name_scopes() {
        use OverrideScope::{Column, DmsType, SourceType};
        assert_eq!(OverrideScope::parse("UINT8"), DmsType("UINT8".into()));
        assert_eq!(OverrideScope::parse("uint8 (3)"), DmsType("uint8 (3)".into()));
        assert_eq!(OverrideScope::parse("NUMBER(10,0)"), SourceType("NUMBER(10,0)".into()));
        assert_eq!(OverrideScope::parse("oracle:DATE"), SourceType("oracle:DATE".into()));
        let Column(column) = OverrideScope::parse("s%.*.id") else { panic!("no column") };
        assert_eq!(OverrideScope::Column(column).text(), "s%.*.id");
    }

    #[test]
    fn spelling_does_not_matter() {
        let written = WrittenType::new(b"timestamp ( 3 )with  time\n zone");
        assert_eq!(written.full, "TIMESTAMP(3) WITH TIME ZONE");
        assert_eq!(written.name, "TIMESTAMP WITH TIME ZONE");
    }
}
