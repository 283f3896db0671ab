//! `[mapping.names]`: what schemas, tables and columns are called on the target, for people who have no
//! table mappings of AWS DMS.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::keyword::keywords;
use crate::mapping::{NameChange, NamePattern, NameRule};

/// `[mapping.names]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct NamesSection {
    /// What becomes of schemas.
    pub schemas: NewNames,
    /// What becomes of tables, views and sequences, in every schema.
    pub tables: NewNames,
    /// What becomes of columns, in every table.
    pub columns: NewNames,
}

/// A case for all names, or new names for single ones.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(
    untagged,
    expecting = "expected \"keep\", \"lower\", \"upper\" or a table such as { HR = \"hr\" }"
)]
pub enum NewNames {
    /// All of them.
    Case(NameCase),
    /// Single ones.
    Single(BTreeMap<String, String>),
}

impl Default for NewNames {
    fn default() -> Self {
        NewNames::Case(NameCase::Keep)
    }
}

/// The case of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameCase {
    /// As it is.
    #[default]
    Keep,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

keywords!(NameCase { "keep" => Keep, "lower" => Lower, "upper" => Upper });

/// What a rule speaks of.
#[derive(Clone, Copy)]
enum Kind {
    Schema,
    Table,
    Column,
}

impl NamesSection {
    /// The rules that it stands for.
    pub(super) fn rules(&self) -> Vec<NameRule> {
        let kinds = [
            ("schemas", Kind::Schema, &self.schemas),
            ("tables", Kind::Table, &self.tables),
            ("columns", Kind::Column, &self.columns),
        ];
        let rules = kinds.into_iter().flat_map(|(key, kind, names)| names.rules(key, kind));
        rules.collect()
    }
}

impl NewNames {
    fn rules(&self, key: &str, kind: Kind) -> Vec<NameRule> {
        let any = || NamePattern::glob("%");
        let rule = |pattern: NamePattern, change| {
            let (schema, table, column) = match kind {
                Kind::Schema => (pattern, None, None),
                Kind::Table => (any(), Some(pattern), None),
                Kind::Column => (any(), Some(any()), Some(pattern)),
            };
            NameRule { schema, table, column, change, origin: format!("mapping.names.{key}") }
        };
        match self {
            NewNames::Case(NameCase::Keep) => Vec::new(),
            NewNames::Case(NameCase::Lower) => vec![rule(any(), NameChange::Lowercase)],
            NewNames::Case(NameCase::Upper) => vec![rule(any(), NameChange::Uppercase)],
            NewNames::Single(names) => names
                .iter()
                .map(|(old, new)| rule(NamePattern::exact(old), NameChange::Rename(new.clone())))
                .collect(),
        }
    }
}
