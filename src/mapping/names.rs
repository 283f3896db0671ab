//! What schemas, tables and columns of the source are called on the target: rules of the configuration, the
//! first that fits counts. Pure functions of names; knows no SQL and no target.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{AddedPart, ColumnMask, ColumnRemoval, NamePattern, ReplyNaming, TableAddition};

/// What a rule makes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameChange {
    /// Another name.
    Rename(String),
    /// The same in lower case.
    Lowercase,
    /// The same in upper case.
    Uppercase,
    /// Something in front of it.
    AddPrefix(String),
    /// Without this in front, where it is there.
    RemovePrefix(String),
    /// Something else in front, where the first one is there.
    ReplacePrefix(String, String),
    /// Something behind it.
    AddSuffix(String),
    /// Without this behind it, where it is there.
    RemoveSuffix(String),
    /// Something else behind it, where the first one is there.
    ReplaceSuffix(String, String),
}

impl NameChange {
    /// The name that it makes of a name.
    pub fn of<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match self {
            NameChange::Rename(new) => Cow::Owned(new.clone()),
            NameChange::Lowercase => changed(name, name.to_lowercase()),
            NameChange::Uppercase => changed(name, name.to_uppercase()),
            NameChange::AddPrefix(prefix) => Cow::Owned(format!("{prefix}{name}")),
            NameChange::RemovePrefix(prefix) => {
                Cow::Borrowed(name.strip_prefix(prefix.as_str()).unwrap_or(name))
            }
            NameChange::ReplacePrefix(old, new) => match name.strip_prefix(old.as_str()) {
                Some(rest) => Cow::Owned(format!("{new}{rest}")),
                None => Cow::Borrowed(name),
            },
            NameChange::AddSuffix(suffix) => Cow::Owned(format!("{name}{suffix}")),
            NameChange::RemoveSuffix(suffix) => {
                Cow::Borrowed(name.strip_suffix(suffix.as_str()).unwrap_or(name))
            }
            NameChange::ReplaceSuffix(old, new) => match name.strip_suffix(old.as_str()) {
                Some(rest) => Cow::Owned(format!("{rest}{new}")),
                None => Cow::Borrowed(name),
            },
        }
    }
}

fn changed(name: &str, new: String) -> Cow<'_, str> {
    if new == name { Cow::Borrowed(name) } else { Cow::Owned(new) }
}

/// A rule about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRule {
    /// The schemas it speaks of.
    pub schema: NamePattern,
    /// The tables; `None` for a rule about schemas.
    pub table: Option<NamePattern>,
    /// The columns; `None` for a rule about tables or schemas.
    pub column: Option<NamePattern>,
    /// What it makes of their names.
    pub change: NameChange,
    /// Where it was written, for messages.
    pub origin: String,
}

/// Tables to which rules about names apply, or do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSelection {
    /// The schemas.
    pub schema: NamePattern,
    /// The tables.
    pub table: NamePattern,
    /// They are left out, whatever else selects them.
    pub excludes: bool,
}

/// Two names of the source that are one on the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{first} ({first_origin}) and {second} ({second_origin}) both become {target}")]
pub struct NameCollision {
    first: String,
    first_origin: String,
    second: String,
    second_origin: String,
    target: String,
}

/// All rules about names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    pub(super) selections: Vec<TableSelection>,
    pub(super) schemas: Vec<NameRule>,
    pub(super) tables: Vec<NameRule>,
    pub(super) columns: Vec<NameRule>,
    pub(super) additions: Vec<TableAddition>,
    pub(super) removals: Vec<ColumnRemoval>,
    pub(super) masks: Vec<ColumnMask>,
    pub(super) replies: ReplyNaming,
    /// Where tables go whose schema no rule names; AWS DMS's TargetSchema.
    pub(super) target_schema: Option<String>,
}

impl NameRules {
    /// The rules, of which an earlier one goes before a later one. Without selections all tables are
    /// selected.
    ///
    /// # Errors
    /// Two tables or columns that rules name without wildcards get one name.
    pub fn new(
        selections: Vec<TableSelection>,
        rules: Vec<NameRule>,
        target_schema: Option<String>,
    ) -> Result<NameRules, NameCollision> {
        let mut all = NameRules { selections, target_schema, ..NameRules::default() };
        for rule in rules {
            let kind = match (&rule.table, &rule.column) {
                (None, _) => &mut all.schemas,
                (Some(_), None) => &mut all.tables,
                (Some(_), Some(_)) => &mut all.columns,
            };
            kind.push(rule);
        }
        all.check()?;
        Ok(all)
    }

    /// The same with what tables get beside what they have.
    pub fn with_additions(self, additions: Vec<TableAddition>) -> NameRules {
        NameRules { additions, ..self }
    }

    /// What a table gets beside what it has.
    pub fn additions_to(&self, schema: &str, table: &str) -> impl Iterator<Item = &TableAddition> {
        let selected = !self.additions.is_empty() && self.selects(schema, table);
        self.additions.iter().filter(move |addition| {
            selected && addition.table.matches(table) && addition.schema.matches(schema)
        })
    }

    /// Whether a table of this name may get something.
    pub fn may_add_to(&self, table: &str) -> bool {
        self.additions.iter().any(|addition| addition.table.matches(table))
    }

    /// The same with these names in replies.
    pub fn replying(self, replies: ReplyNaming) -> NameRules {
        NameRules { replies, ..self }
    }

    /// Whether replies have the names of the client's texts.
    pub fn replies_with_source(&self) -> bool {
        self.replies == ReplyNaming::Source
    }

    /// The same with rules by which columns do not reach the target; an earlier one goes before a later one.
    pub fn with_removals(self, removals: Vec<ColumnRemoval>) -> NameRules {
        NameRules { removals, ..self }
    }

    /// Whether any column may not reach the target.
    pub fn removes_any(&self) -> bool {
        !self.removals.is_empty()
    }

    /// The rules by which columns of a table go.
    pub fn removals_from(&self, schema: &str, table: &str) -> impl Iterator<Item = &ColumnRemoval> {
        let selected = !self.removals.is_empty() && self.selects(schema, table);
        self.removals.iter().filter(move |removal| {
            selected && removal.table.matches(table) && removal.schema.matches(schema)
        })
    }

    /// The rule by which a column does not reach the target, if there is one.
    pub fn removal(&self, schema: &str, table: &str, column: &str) -> Option<&ColumnRemoval> {
        let removal = ColumnRemoval::of_column(self.removals_from(schema, table), column)?;
        let is_it = |addition: &TableAddition| match &addition.adds {
            AddedPart::Column(added) => removal.keeps && added.name == column,
            AddedPart::Key(_) => false,
        };
        let is_added = self.additions_to(schema, table).any(is_it);
        (!is_added).then_some(removal)
    }

    /// Whether a table of this name may lose columns.
    pub fn may_remove_from(&self, table: &str) -> bool {
        self.removals.iter().any(|removal| removal.table.matches(table))
    }

    /// Whether two tables lose the same columns, whatever they are called.
    pub fn removals_agree(&self, one: (&str, &str), other: (&str, &str)) -> bool {
        self.removals_from(one.0, one.1).eq(self.removals_from(other.0, other.1))
    }

    /// Whether no name is ever changed, no value is masked, and no table gets or loses anything.
    pub fn is_empty(&self) -> bool {
        self.additions.is_empty()
            && self.removals.is_empty()
            && self.masks.is_empty()
            && self.schemas.is_empty()
            && self.tables.is_empty()
            && self.columns.is_empty()
            && self.target_schema.is_none()
    }

    /// Whether a rule may make another name of this one, wherever it stands. This is asked of every name of
    /// a text, and of most nothing else.
    pub fn may_change(&self, name: &str) -> bool {
        let changes = |pattern: &NamePattern, rule: &NameRule| {
            rule.change.of(name) != name && pattern.matches(name)
        };
        let moves = self.target_schema.as_deref().is_some_and(|target| target != name);
        moves && !is_system(name)
            || self.schemas.iter().any(|rule| changes(&rule.schema, rule))
            || self.tables.iter().any(|rule| rule.table.as_ref().is_some_and(|p| changes(p, rule)))
            || self
                .columns
                .iter()
                .any(|rule| rule.column.as_ref().is_some_and(|p| changes(p, rule)))
    }

    /// Whether the rules are about tables of this name.
    pub fn selects(&self, schema: &str, table: &str) -> bool {
        let fits = |selection: &&TableSelection| {
            selection.table.matches(table) && selection.schema.matches(schema)
        };
        if is_system(schema) {
            return false;
        }
        let mut included = self.selections.is_empty();
        for selection in self.selections.iter().filter(fits) {
            if selection.excludes {
                return false;
            }
            included = true;
        }
        included || self.selections.iter().all(|selection| selection.excludes)
    }

    /// The target's name for a schema.
    pub fn schema<'n>(&self, schema: &'n str) -> Cow<'n, str> {
        if is_system(schema) {
            return Cow::Borrowed(schema);
        }
        match self.schemas.iter().find(|rule| rule.schema.matches(schema)) {
            Some(rule) => rule.change.of(schema),
            None => Cow::Borrowed(schema),
        }
    }

    /// The target's schema for a table in a schema.
    pub fn schema_of<'n>(&'n self, schema: &'n str, table: &str) -> Cow<'n, str> {
        if !self.selects(schema, table) {
            return Cow::Borrowed(schema);
        }
        let is_named = self.schemas.iter().any(|rule| rule.schema.matches(schema));
        match &self.target_schema {
            Some(target) if !is_named => Cow::Borrowed(target),
            _ => self.schema(schema),
        }
    }

    /// The target's name for a table.
    pub fn table<'n>(&self, schema: &str, table: &'n str) -> Cow<'n, str> {
        let fits = |rule: &&NameRule| {
            let pattern = rule.table.as_ref();
            pattern.is_some_and(|pattern| pattern.matches(table)) && rule.schema.matches(schema)
        };
        match self.tables.iter().find(fits).filter(|_| self.selects(schema, table)) {
            Some(rule) => rule.change.of(table),
            None => Cow::Borrowed(table),
        }
    }

    /// The target's name for a column.
    pub fn column<'n>(&self, schema: &str, table: &str, column: &'n str) -> Cow<'n, str> {
        let mut rules = self.columns_of(schema, table);
        let fits =
            |rule: &&NameRule| rule.column.as_ref().is_some_and(|pattern| pattern.matches(column));
        match rules.find(fits) {
            Some(rule) => rule.change.of(column),
            None => Cow::Borrowed(column),
        }
    }

    /// The rules about columns of a table.
    fn columns_of(&self, schema: &str, table: &str) -> impl Iterator<Item = &NameRule> {
        let selected = self.selects(schema, table);
        self.columns.iter().filter(move |rule| {
            let pattern = rule.table.as_ref();
            selected
                && pattern.is_some_and(|pattern| pattern.matches(table))
                && rule.schema.matches(schema)
        })
    }

    /// Whether a rule is about the names of columns of a table.
    pub(super) fn renames_columns_of(&self, schema: &str, table: &str) -> bool {
        self.columns_of(schema, table).next().is_some()
    }

    /// Whether the columns of two tables are renamed alike, whatever they are called.
    pub fn columns_agree(&self, one: (&str, &str), other: (&str, &str)) -> bool {
        self.columns_of(one.0, one.1).eq(self.columns_of(other.0, other.1))
    }

    /// Two names without wildcards that become one.
    fn check(&self) -> Result<(), NameCollision> {
        let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
        for rule in self.tables.iter().chain(&self.columns) {
            let table = rule.table.as_ref().and_then(NamePattern::literal);
            let (Some(schema), Some(table)) = (rule.schema.literal(), table) else { continue };
            let column = match &rule.column {
                None => None,
                Some(pattern) => match pattern.literal() {
                    Some(column) => Some(column),
                    None => continue,
                },
            };
            let spelled = |parts: [&str; 2], last: Option<&str>| {
                let mut parts = parts.to_vec();
                parts.extend(last);
                parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".")
            };
            let source = spelled([&schema, &table], column.as_deref());
            let new = column.as_ref().map(|column| self.column(&schema, &table, column));
            let target = spelled(
                [&self.schema_of(&schema, &table), &self.table(&schema, &table)],
                new.as_deref(),
            );
            let this = (source.clone(), rule.origin.clone());
            let other = seen.insert(target.clone(), this);
            if let Some((first, first_origin)) = other.filter(|(first, _)| *first != source) {
                return Err(NameCollision {
                    first,
                    first_origin,
                    second: source,
                    second_origin: rule.origin.clone(),
                    target,
                });
            }
        }
        Ok(())
    }
}

/// Whether a schema is the server's own: no rule is about those.
fn is_system(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema" || schema == "dms_proxy"
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    /// A rule about schemas, tables or columns, whose origin is how it names them.
    pub(crate) fn rule(names: &[&str], change: NameChange) -> NameRule {
        let mut patterns = names.iter().map(|name| pattern(name));
        NameRule {
            schema: patterns.next().unwrap(),
            table: patterns.next(),
            column: patterns.next(),
            change,
            origin: names.join("."),
        }
    }

    fn rules(rules: Vec<NameRule>) -> NameRules {
        NameRules::new(Vec::new(), rules, None).unwrap()
    }

    #[test]
    fn every_change_is_made() {
        let text = |text: &str| text.to_owned();
        for (change, expected) in [
            (NameChange::Rename(text("x")), "x"),
            (NameChange::Lowercase, "t_ab"),
            (NameChange::Uppercase, "T_AB"),
            (NameChange::AddPrefix(text("p_")), "p_T_Ab"),
            (NameChange::RemovePrefix(text("T_")), "Ab"),
            (NameChange::RemovePrefix(text("t_")), "T_Ab"),
            (NameChange::ReplacePrefix(text("T_"), text("u_")), "u_Ab"),
            (NameChange::AddSuffix(text("_s")), "T_Ab_s"),
            (NameChange::RemoveSuffix(text("b")), "T_A"),
            (NameChange::ReplaceSuffix(text("Ab"), text("c")), "T_c"),
        ] {
            assert_eq!(change.of("T_Ab"), expected);
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = rules(vec![
            rule(&["HR"], NameChange::Rename("people".into())),
            rule(&["%"], NameChange::Lowercase),
            rule(&["HR", "EMP"], NameChange::Rename("employees".into())),
            rule(&["%", "%"], NameChange::Lowercase),
            rule(&["HR", "EMP", "ID"], NameChange::Rename("emp_id".into())),
            rule(&["HR", "%", "%"], NameChange::Lowercase),
        ]);
        assert_eq!(rules.schema("HR"), "people");
        assert_eq!(rules.schema("Sales"), "sales");
        assert_eq!(rules.schema("pg_Temp"), "pg_Temp");
        assert_eq!(rules.table("HR", "EMP"), "employees");
        assert_eq!(rules.table("X", "EMP"), "emp");
        assert_eq!(rules.column("HR", "EMP", "ID"), "emp_id");
        assert_eq!(rules.column("HR", "EMP", "NAME"), "name");
        assert_eq!(rules.column("X", "EMP", "NAME"), "NAME");
        assert!(rules.may_change("ID") && !rules.may_change("id"));
        assert!(rules.columns_agree(("HR", "A"), ("HR", "B")));
        assert!(!rules.columns_agree(("HR", "A"), ("X", "B")));
        assert_eq!(rules.sources_of("people"), ["HR"]);
        assert_eq!(rules.sources_of("x"), ["X"]);
    }

    #[test]
    fn tables_that_are_not_selected_stay() {
        let selection = |table: &str, excludes| TableSelection {
            schema: pattern("S"),
            table: pattern(table),
            excludes,
        };
        let lower =
            vec![rule(&["%"], NameChange::Lowercase), rule(&["%", "%"], NameChange::Lowercase)];
        let selections = vec![selection("%", false), selection("TMP[_]%", true)];
        let rules = NameRules::new(selections, lower, Some("t".into())).unwrap();
        assert_eq!((rules.schema_of("S", "A"), rules.table("S", "A")), ("s".into(), "a".into()));
        assert_eq!(rules.table("S", "TMP_A"), "TMP_A");
        assert_eq!(rules.schema_of("S", "TMP_A"), "S");
        assert_eq!(rules.table("Other", "A"), "A");
    }

    #[test]
    fn the_target_schema_is_for_schemas_that_no_rule_names() {
        let named = vec![rule(&["HR"], NameChange::Rename("people".into()))];
        let rules = NameRules::new(Vec::new(), named, Some("all".into())).unwrap();
        assert_eq!(rules.schema_of("HR", "A"), "people");
        assert_eq!(rules.schema_of("X", "A"), "all");
    }

    #[test]
    fn names_that_become_one_are_refused() {
        let new = |table: &str| rule(&["s", table], NameChange::Rename("c".into()));
        let error = NameRules::new(Vec::new(), vec![new("a"), new("b")], None).unwrap_err();
        let expected = r#""s"."a" (s.a) and "s"."b" (s.b) both become "s"."c""#;
        assert_eq!(error.to_string(), expected);
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(name in "[a-zA-Z_]{0,12}", affix in "[a-z]{1,4}") {
            let pairs = [
                (NameChange::AddPrefix(affix.clone()), NameChange::RemovePrefix(affix.clone())),
                (NameChange::AddSuffix(affix.clone()), NameChange::RemoveSuffix(affix.clone())),
            ];
            for (there, back) in pairs {
                let changed = there.of(&name);
                prop_assert_eq!(back.of(&changed), name.as_str());
            }
        }

        #[test]
        fn what_cannot_change_does_not(name in "[a-zA-Z_]{0,8}", schema in "[a-zA-Z]{1,3}") {
            let rules = rules(vec![
                rule(&["A%"], NameChange::Uppercase),
                rule(&["%", "%b"], NameChange::AddPrefix("p".into())),
                rule(&["a", "%", "_"], NameChange::Lowercase),
            ]);
            if !rules.may_change(&name) {
                prop_assert_eq!(rules.schema(&name), name.as_str());
                prop_assert_eq!(rules.table(&schema, &name), name.as_str());
                prop_assert_eq!(rules.column("a", &schema, &name), name.as_str());
            }
        }
    }
}
