//! The type mapping as rows of data: source type, DMS type, PostgreSQL type. Uses no other module but the names of its options.

mod additions;
mod arguments;
mod dialect;
mod dms;
mod dms_row;
mod dms_table;
mod masked_columns;
pub mod masks;
mod name_advice;
mod name_pattern;
mod name_schemas;
mod names;
mod names_on_target;
mod options;
mod overrides;
mod pattern;
pub(crate) mod postgresql;
mod removals;
mod rules;
mod schema_list;
mod spellings;
mod table;
mod verdict;

pub use additions::{
    AddedColumn, AddedKey, AddedPart, ExpressionPiece, RowExpression, TableAddition,
};
pub use arguments::{ArgumentForm, Arguments};
pub(crate) use dialect::SourceTable;
pub use masks::{ColumnMask, Mask};
pub use name_advice::{name_advice, name_list};
pub use name_pattern::NamePattern;
#[cfg(test)]
pub(crate) use names::tests::rule as name_rule;
pub use names::{NameChange, NameCollision, NameRule, NameRules, TableSelection};
pub use names_on_target::{TargetRelation, advice_on_target};
pub use options::{
    ColumnPattern, JsonPolicy, MappingError, MappingOptions, Override, OverrideScope, ReplyNaming,
    SOURCES, UnknownTypes,
};
pub(crate) use overrides::{ColumnName, WrittenType};
pub use removals::ColumnRemoval;
pub(crate) use spellings::SpellingId;
pub use table::{json_table, markdown_table, text_table};
pub use verdict::{Modifiers, Place, Refusal, Verdict};

use dms_table::{DmsTable, DmsVerdict};
use overrides::Overrides;
use postgresql::KeptTypes;

/// A row of the mapping in force, as an index into [`Mapping::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// One row of the mapping in force, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable name of the row.
    pub id: String,
    /// The type in the source's own spelling; several with commas between.
    pub source_type: String,
    /// When the row holds, empty where it always does.
    pub condition: String,
    /// The DMS type between, empty where the row has none.
    pub dms: String,
    /// The PostgreSQL type, symbolic where it depends on a length.
    pub target: String,
    /// Where the row comes from: the address of a page, or the origin of an override.
    pub source: String,
}

/// The type that a user-defined one becomes.
const USER_DEFINED: &str = "character varying";

/// `invalid_parameter_value`: a type that the table names, with modifiers that it has no row for.
const SQLSTATE_INVALID: &str = "22023";

/// `feature_not_supported`: a type that no table names.
const SQLSTATE_UNKNOWN: &str = "0A000";

/// The table that the incoming type names are looked up in.
#[derive(Clone, Debug)]
pub(crate) enum Dialect {
    /// The DMS table itself.
    Dms,
    /// A source with a table of its own.
    Source(Box<SourceTable>),
    /// PostgreSQL: all but user-defined types stay.
    PostgreSql(KeptTypes),
}

/// The mapping in force. Immutable; share it by `Arc`.
#[derive(Clone, Debug)]
pub struct Mapping {
    options: MappingOptions,
    rules: Vec<Rule>,
    /// The rules for types that depend on what stands around them, counted behind the others.
    around: Vec<Rule>,
    table: DmsTable,
    dialect: Dialect,
    overrides: Overrides,
    /// The number of rules before those of the overrides.
    built_in: usize,
}

impl Mapping {
    /// The mapping that `options` asks for.
    ///
    /// # Errors
    /// The source is not known, a number is out of its range, or an override cannot be used.
    pub fn new(options: MappingOptions) -> Result<Mapping, MappingError> {
        if !(1..=4).contains(&options.string_length_factor) {
            return Err(MappingError::LengthFactor(options.string_length_factor));
        }
        let dialect = match options.source.as_str() {
            "dms" => Dialect::Dms,
            "postgresql" => Dialect::PostgreSql(KeptTypes::new(&options.keep_types)),
            source => match SourceTable::new(source)? {
                Some(table) => Dialect::Source(Box::new(table)),
                None => return Err(MappingError::UnknownSource(options.source)),
            },
        };
        let table = DmsTable::new(&options);
        let overrides = Overrides::new(&options.overrides, &options.source, &table)?;
        let mut rules = rules::built_in(&dialect, &table, options.json);
        let built_in = rules.len();
        rules.extend(rules::overriding(&options.overrides, overrides.targets()));
        let around = rules::around(&dialect);
        Ok(Mapping { options, rules, around, table, dialect, overrides, built_in })
    }

    /// The rows in force: those of the source's table, then the overrides. [`RuleId`] counts in
    /// this order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The row that a rewrite names, or the rule for a type that depends on what stands around it.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        let at = usize::from(id.0);
        self.rules.get(at).or_else(|| self.around.get(at.checked_sub(self.rules.len())?))
    }

    /// The PostgreSQL type of a DMS type such as `STRING(50)`.
    ///
    /// # Errors
    /// A sentence about one that there is no type for.
    pub fn type_of_dms(&self, text: &str) -> Result<String, String> {
        let (name, modifiers) = text.split_at(text.find('(').unwrap_or(text.len()));
        match self.overrides.of_dms(name.as_bytes(), modifiers.as_bytes()) {
            Some((_, target)) => Ok(target.to_owned()),
            None => overrides::target_text(text, &self.table),
        }
    }

    /// The options that it was made from.
    pub fn options(&self) -> &MappingOptions {
        &self.options
    }

    /// The table of the source.
    #[inline]
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// Whether columns of JSON become columns of text.
    pub fn json_becomes_text(&self) -> bool {
        !matches!(&self.dialect, Dialect::PostgreSql(_)) && self.options.json == JsonPolicy::Text
    }

    /// Whether it is the row of JSON, which `mapping.json` leaves out.
    pub fn is_json_rule(&self, id: RuleId) -> bool {
        let at = usize::from(id.0);
        let rule = self.rules.get(at).filter(|_| at < self.built_in);
        rule.is_some_and(|rule| rule.source_type.split(", ").any(|name| name == "JSON"))
    }

    /// Whether what stands in double quotes may be a string constant to the source.
    pub(crate) fn has_double_quoted_text(&self) -> bool {
        matches!(&self.dialect, Dialect::Source(table) if table.double_quoted_text)
    }

    /// Whether a backslash escapes in the string constants of the source.
    pub(crate) fn has_backslash_escapes(&self) -> bool {
        matches!(&self.dialect, Dialect::Source(table) if table.backticks)
    }

    /// Whether there are overrides of types as they are written, or of columns.
    #[inline]
    pub(crate) fn overrides_written(&self) -> bool {
        self.overrides.by_written
    }

    /// Whether a row of a table has this one word, in any case.
    #[inline]
    pub fn names(&self, name: &[u8]) -> bool {
        match &self.dialect {
            Dialect::Dms => self.table.find(name).is_some(),
            Dialect::Source(table) => {
                table.spellings().first(name).is_some_and(|at| table.spellings().is_type(at))
            }
            Dialect::PostgreSql(_) => false,
        }
    }

    /// What becomes of the DMS type `name` (any case, unquoted and unqualified) at this place.
    /// Allocates only for a type that is replaced or refused.
    #[inline]
    pub fn lookup(&self, name: &[u8], modifiers: Modifiers<'_>, place: Place) -> Verdict {
        match self.table.find(name) {
            Some(_) if self.overrides.by_dms => self.overridden_dms(name, modifiers, place),
            Some(rows) => self.verdict(self.table.verdict(rows, modifiers, place)),
            None => Verdict::Keep,
        }
    }

    /// As [`Mapping::lookup`], where there are overrides of DMS types.
    fn overridden_dms(&self, name: &[u8], modifiers: Modifiers<'_>, place: Place) -> Verdict {
        let list = match modifiers {
            Modifiers::Absent => &[],
            Modifiers::List { text, .. } => text,
        };
        let foreign = self.table.is_foreign(name);
        match self.overrides.of_dms(name, list) {
            Some((at, text)) if foreign || place == Place::Definition => {
                Verdict::Replace { text: text.to_owned(), rule: self.override_id(at) }
            }
            _ => match self.table.find(name) {
                Some(rows) => self.verdict(self.table.verdict(rows, modifiers, place)),
                None => Verdict::Keep,
            },
        }
    }

    fn verdict(&self, verdict: DmsVerdict) -> Verdict {
        match verdict {
            DmsVerdict::Keep => Verdict::Keep,
            DmsVerdict::Replace(text, row) => Verdict::Replace { text, rule: rule_id(row) },
            DmsVerdict::Refuse(refusal) => Verdict::Refuse(refusal),
        }
    }

    /// What becomes of a type of the source with this spelling and these arguments.
    /// `written` are its bytes, for messages.
    pub(crate) fn source_type(
        &self,
        spelling: SpellingId,
        arguments: &Arguments,
        written: &[u8],
        place: Place,
    ) -> Verdict {
        let Dialect::Source(table) = &self.dialect else { return Verdict::Keep };
        if place == Place::Cast && table.spellings().is_native(spelling) {
            return Verdict::Keep;
        }
        let Some(at) = table.select(spelling, arguments) else {
            return Verdict::Refuse(table.refusal(spelling, written));
        };
        let Some(row) = table.row(at) else { return Verdict::Keep };
        if self.options.json == JsonPolicy::Keep && rules::is_json(row) {
            return Verdict::Keep;
        }
        let dms = row.dms_type(arguments);
        if self.overrides.by_dms {
            let list = dms.numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            let list = if list.is_empty() { list } else { format!("({list})") };
            let overriding = self.overrides.of_dms(dms.name.as_bytes(), list.as_bytes());
            if let Some((at, text)) = overriding {
                return Verdict::Replace { text: text.to_owned(), rule: self.override_id(at) };
            }
        }
        match self.table.through(dms.name, &dms.numbers) {
            Ok(text) if rules::same_spelling(text.as_bytes(), written) => Verdict::Keep,
            Ok(text) => Verdict::Replace { text, rule: rule_id(at) },
            Err(refusal) => Verdict::Refuse(Refusal {
                message: format!("type {}: {}", dms_table::shown(written), refusal.message),
                ..refusal
            }),
        }
    }

    /// The override for a type as it is written, at a column or elsewhere.
    pub(crate) fn override_of(
        &self,
        written: &WrittenType,
        at: Option<ColumnName<'_>>,
    ) -> Option<Verdict> {
        let (at, text) = self.overrides.of_written(written, at)?;
        Some(Verdict::Replace { text: text.to_owned(), rule: self.override_id(at) })
    }

    /// What becomes of a user-defined type of PostgreSQL that does not stay.
    pub(crate) fn user_defined(&self) -> Verdict {
        Verdict::Replace { text: USER_DEFINED.to_owned(), rule: RuleId(0) }
    }

    /// What becomes of a bare NUMERIC of PostgreSQL.
    pub(crate) fn unbounded_numeric(&self) -> Option<Verdict> {
        let text = self.table.through("NUMERIC", &[]).ok().filter(|text| text != "DECIMAL")?;
        Some(Verdict::Replace { text, rule: RuleId(1) })
    }

    /// Why a column of an unknown type is refused, if it is.
    pub(crate) fn unknown(&self, written: &[u8]) -> Option<Refusal> {
        if self.options.unknown == UnknownTypes::Pass {
            return None;
        }
        let (source, written) = (&self.options.source, dms_table::shown(written));
        Some(Refusal {
            sqlstate: SQLSTATE_UNKNOWN,
            message: format!("type {written} is in no table of source {source}"),
            hint: format!(
                "Say what it becomes: {quote}{source}:{written}{quote} = \"TEXT\" under \
                 [mapping.types], or let it pass with mapping.unknown = \"pass\".",
                quote = if written.contains('"') { '\'' } else { '"' }
            ),
        })
    }

    /// The type of an identity column whose type would be `text`, where PostgreSQL takes none of the kind.
    pub(crate) fn identity_type(&self, text: &[u8]) -> Option<(String, RuleId)> {
        let rule = self.rule_named(rules::IDENTITY)?;
        let (name, list) = match text.iter().position(|byte| *byte == b'(') {
            Some(open) => text.split_at(open),
            None => (text, &b""[..]),
        };
        let decimals: &[&[u8]] = &[b"decimal", b"numeric", b"dec"];
        let name = name.trim_ascii();
        if !decimals.iter().any(|decimal| name.eq_ignore_ascii_case(decimal)) {
            return None;
        }
        let digits = list.iter().skip(1).skip_while(|byte| byte.is_ascii_whitespace());
        let digits: Vec<u8> = digits.copied().take_while(u8::is_ascii_digit).collect();
        let precision = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
        let text = match precision {
            Some(1..=4_u32) => "SMALLINT",
            Some(5..=9) => "INTEGER",
            _ => "BIGINT",
        };
        Some((text.to_owned(), rule))
    }

    /// The rule for the clause of an identity column, where a source writes it in its own way.
    pub(crate) fn identity_clause_rule(&self) -> Option<RuleId> {
        let is_foreign = matches!(self.dialect, Dialect::Source(_));
        self.rule_named(rules::IDENTITY).filter(|_| is_foreign)
    }

    /// The rule for a column of decimals that refers to one of integers.
    pub(crate) fn foreign_key_rule(&self) -> Option<RuleId> {
        self.rule_named(rules::FOREIGN_KEY)
    }

    /// The rule for a type that the source makes of another one.
    pub(crate) fn alias_rule(&self) -> Option<RuleId> {
        self.rule_named(rules::ALIAS)
    }

    /// The rule for a DEFAULT that a source writes in its own way.
    pub(crate) fn default_rule(&self) -> Option<RuleId> {
        self.rule_named(rules::DEFAULT)
    }

    /// The rule for an ADD that stands once in front of several columns.
    pub(crate) fn add_rule(&self) -> Option<RuleId> {
        self.rule_named(rules::ADD)
    }

    fn rule_named(&self, id: &str) -> Option<RuleId> {
        let at = self.around.iter().position(|rule| rule.id == id)?;
        Some(rule_id(self.rules.len() + at))
    }

    fn override_id(&self, at: usize) -> RuleId {
        rule_id(self.built_in + at)
    }
}

/// Tables have fewer than 65536 rows.
fn rule_id(row: usize) -> RuleId {
    RuleId(u16::try_from(row).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests;
