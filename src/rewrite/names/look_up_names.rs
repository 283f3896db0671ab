//! Names that are looked up in the catalogs, as a statement or the values of its parameters have them, and what they
//! become. Knows no tokens and no frames.

use super::LOOK_UPS_MAX;
use super::relations::{FoundRelation, Place, RelationFinder};
use crate::catalog::Need;
use crate::mapping::NameRules;
use crate::statement::scope::Comparison;

/// Columns of catalogs that hold schemas.
pub(super) const SCHEMAS: &[&[u8]] =
    &[b"nspname", b"table_schema", b"schemaname", b"sequence_schema"];

/// Columns of catalogs that hold tables, views and sequences.
pub(super) const TABLES: &[&[u8]] = &[
    b"relname",
    b"table_name",
    b"tablename",
    b"viewname",
    b"matviewname",
    b"sequencename",
    b"sequence_name",
];

/// Columns of catalogs that hold columns.
pub(super) const COLUMNS: &[&[u8]] = &[b"attname", b"column_name"];

/// Where a name that is looked up is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrittenAt {
    /// In the constant of this token.
    Constant(u32),
    /// In the value of this parameter, by its index.
    Parameter(usize),
}

/// A name that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LookedUp {
    pub(super) at: WrittenAt,
    pub(super) name: String,
    pub(super) by: Comparison,
    /// What is called otherwise is wanted.
    pub(super) is_negated: bool,
    /// Its underscores are escaped.
    pub(super) escapes: bool,
}

/// The names that a statement looks up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LookUps {
    pub(super) schemas: Vec<LookedUp>,
    pub(super) tables: Vec<LookedUp>,
    pub(super) columns: Vec<LookedUp>,
}

/// A name that is looked up and becomes another one.
#[derive(Debug)]
pub(super) struct Renaming {
    pub(super) at: WrittenAt,
    pub(super) source: String,
    pub(super) target: String,
    /// As it has to be written there.
    pub(super) spelled: String,
}

/// What the columns of catalogs hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Schemas,
    Tables,
    Columns,
}

impl Holds {
    /// What a column of this name holds.
    pub(super) fn of(column: &[u8]) -> Option<Holds> {
        let is_in = |all: &[&[u8]]| all.contains(&column);
        match () {
            () if is_in(SCHEMAS) => Some(Holds::Schemas),
            () if is_in(TABLES) => Some(Holds::Tables),
            () if is_in(COLUMNS) => Some(Holds::Columns),
            () => None,
        }
    }
}

impl LookUps {
    pub(super) fn list(&mut self, holds: Holds) -> &mut Vec<LookedUp> {
        match holds {
            Holds::Schemas => &mut self.schemas,
            Holds::Tables => &mut self.tables,
            Holds::Columns => &mut self.columns,
        }
    }

    /// The relations that are looked up, where it is certain which they are.
    ///
    /// # Errors
    /// This has to be known first.
    pub(super) fn places(
        &self,
        finder: RelationFinder<'_>,
    ) -> Result<Vec<Option<Place>>, Vec<Need>> {
        let names = finder.names;
        // Beside another schema the server's own is that of what describes the table, as in pgjdbc's getColumns.
        let (own, mut schemas): (Vec<&LookedUp>, Vec<&LookedUp>) = self
            .schemas
            .iter()
            .filter(|schema| !schema.is_negated)
            .partition(|schema| is_own(&schema.name));
        if schemas.is_empty() {
            schemas = own;
        }
        let (first, others) = match schemas.split_first() {
            Some((first, others)) => (Some(*first), others),
            None => (None, &[][..]),
        };
        let is_allowed = are_allowed(self.schemas.len(), self.tables.len());
        let mut found = Vec::new();
        for table in &self.tables {
            if table.name.starts_with("pg_") {
                found.push(None);
                continue;
            }
            found.push(match first {
                None => match finder.unqualified(&table.name, false) {
                    FoundRelation::Place(place) => Some(place),
                    FoundRelation::Needs(needs) => return Err(needs),
                    FoundRelation::Unsure => None,
                },
                Some(first) => {
                    let place =
                        |schema: &LookedUp| Place::new(names, &schema.name, &table.name, true);
                    let one = place(first);
                    let agree =
                        is_allowed && others.iter().all(|other| place(other).is_like(&one, names));
                    agree.then_some(one)
                }
            });
        }
        Ok(found)
    }

    /// What becomes of the names where these are the relations that they look up, each at the place of its
    /// table.
    pub(super) fn renamings(&self, found: &[Option<Place>], names: &NameRules) -> Vec<Renaming> {
        let mut all = Vec::new();
        let places = match are_allowed(self.schemas.len(), found.len()) {
            true => found,
            false => &[],
        };
        for schema in &self.schemas {
            let in_it = places.iter().flatten().filter(|place| place.source_schema == schema.name);
            let mut targets: Vec<String> = in_it.map(|place| place.target_schema.clone()).collect();
            targets.dedup();
            let target = match targets.as_slice() {
                [one] => one.clone(),
                _ => names.schema(&schema.name).into_owned(),
            };
            all.extend(schema.renaming(target));
        }
        for (table, place) in self.tables.iter().zip(found) {
            all.extend(place.as_ref().and_then(|place| table.renaming(place.target_table.clone())));
        }
        let columns = match are_allowed(self.columns.len(), found.len()) {
            true => self.columns.as_slice(),
            false => &[],
        };
        for column in columns {
            let places = found.iter().flatten();
            let mut targets: Vec<String> =
                places.map(|place| place.column(names, &column.name)).collect();
            targets.dedup();
            if let [target] = targets.as_slice() {
                all.extend(column.renaming(target.clone()));
            }
        }
        all
    }
}

/// Whether a schema is the server's own.
fn is_own(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema"
}

/// Whether the pairs of two lists of these lengths are few enough to be looked at.
fn are_allowed(some: usize, others: usize) -> bool {
    some.saturating_mul(others) <= LOOK_UPS_MAX as usize
}

impl LookedUp {
    /// The name that a constant or a value of a parameter looks for, if it is one name.
    pub(super) fn read(
        text: &str,
        at: WrittenAt,
        by: Comparison,
        is_negated: bool,
    ) -> Option<LookedUp> {
        let escapes = text.contains("\\_");
        name_in(text, by).map(|name| LookedUp { at, name, by, is_negated, escapes })
    }

    fn renaming(&self, target: String) -> Option<Renaming> {
        let spelled = match self.by {
            Comparison::Equality => target.clone(),
            _ if !is_plain(&target) => return None,
            Comparison::Like if self.escapes => target.replace('_', "\\_"),
            Comparison::Like => target.clone(),
            Comparison::Pattern => format!("^({target})$"),
        };
        let source = self.name.clone();
        (source != target).then_some(Renaming { at: self.at, source, target, spelled })
    }
}

/// The name that a text looks for, if it is one name.
fn name_in(text: &str, by: Comparison) -> Option<String> {
    match by {
        Comparison::Equality => Some(text.to_owned()),
        Comparison::Like => {
            // An underscore without an escape matches itself, too.
            Some(text.replace("\\_", "_")).filter(|name| is_plain(name))
        }
        Comparison::Pattern => {
            let inside = text.strip_prefix("^(")?.strip_suffix(")$")?;
            is_plain(inside).then(|| inside.to_owned())
        }
    }
}

/// Whether a name means itself in a pattern but for underscores of LIKE.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
