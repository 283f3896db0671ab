//! Which columns of the target have values that are masked, for the text at hand. Data; decides nothing.

use crate::catalog::Relation;
use crate::mapping::Mask;
use crate::value::Column;

/// A table of the target with columns whose values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedTable {
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) table: String,
    /// The columns that the text gives values to and that are masked.
    pub(super) columns: Vec<(String, Mask)>,
}

impl MaskedTable {
    fn is(&self, relation: &Relation) -> bool {
        self.schema == relation.schema && self.table == relation.table
    }

    /// Adds columns to the tables.
    pub(super) fn add(
        tables: &mut Vec<MaskedTable>,
        relation: &Relation,
        columns: Vec<(String, Mask)>,
    ) {
        let table = match tables.iter_mut().position(|table| table.is(relation)) {
            Some(at) => tables.get_mut(at),
            None => {
                let (schema, table) = (relation.schema.clone(), relation.table.clone());
                tables.push(MaskedTable { schema, table, columns: Vec::new() });
                tables.last_mut()
            }
        };
        let Some(table) = table else { return };
        for column in columns {
            if !table.columns.contains(&column) {
                table.columns.push(column);
            }
        }
    }
}

/// What becomes of the values of a column.
pub(super) fn mask_of(
    tables: &[MaskedTable],
    relation: &Relation,
    column: &Column,
) -> Option<Mask> {
    let table = tables.iter().find(|table| table.is(relation))?;
    let found = table.columns.iter().find(|(name, _)| *name == column.name);
    found.map(|(_, mask)| *mask)
}
