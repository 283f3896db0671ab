//! A relation of the target and its columns, from the catalog or from the text that creates it. Plain
//! data.

use std::collections::HashMap;

use crate::statement::{NewColumn, NewTable};
use crate::value::{Column, type_oid};
use crate::wire::printable;

/// A relation of the target. One that is not there has no columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    columns: Vec<RelationColumn>,
    /// The index of each column by its name.
    positions: HashMap<Vec<u8>, usize>,
    has_generated: bool,
}

/// A column, and how it gets its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationColumn {
    /// Its name in the client's encoding.
    pub name: Vec<u8>,
    /// What its values have to know.
    pub column: Column,
    /// `GENERATED ALWAYS AS IDENTITY`
    pub is_identity_always: bool,
    /// `GENERATED ALWAYS AS (...) STORED`
    pub is_generated: bool,
}

impl Relation {
    /// A relation with these columns, in order.
    pub fn new(schema: String, table: String, columns: Vec<RelationColumn>) -> Relation {
        let mut positions = HashMap::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            // A table has each name once; the parts of a text may say anything.
            positions.entry(column.name.clone()).or_insert(index);
        }
        let has_generated = columns.iter().any(|column| column.is_generated);
        Relation { schema, table, columns, positions, has_generated }
    }

    /// A table as the text that creates it describes it.
    pub fn from_text(table: &NewTable) -> Relation {
        let part = |at: usize| table.name.iter().rev().nth(at).map(|part| printable(part));
        let columns = table.columns.iter().map(RelationColumn::from_text).collect();
        Relation::new(part(1).unwrap_or_default(), part(0).unwrap_or_default(), columns)
    }

    /// Whether it is not there, or has no columns.
    pub fn is_missing(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether a column is `GENERATED ALWAYS AS (...) STORED`.
    pub fn has_generated(&self) -> bool {
        self.has_generated
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[RelationColumn] {
        &self.columns
    }

    /// The index of the column of this name.
    pub fn position(&self, name: &[u8]) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

impl RelationColumn {
    fn from_text(column: &NewColumn) -> RelationColumn {
        // One of a type that is not known here has no OID, so that nothing is done to its values.
        let (type_oid, modifier) =
            type_oid::named(&column.type_name, &column.modifiers).unwrap_or((0, -1));
        let array = column.is_array.then(|| type_oid::array_of(type_oid).unwrap_or_default());
        RelationColumn {
            name: column.name.clone(),
            column: Column {
                name: printable(&column.name),
                type_oid: array.unwrap_or(type_oid),
                element_oid: if column.is_array { type_oid } else { 0 },
                modifier,
                is_nullable: !column.is_not_null,
            },
            is_identity_always: column.is_identity_always,
            is_generated: column.is_generated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::type_oid::{TEXT, TEXT_ARRAY, VARCHAR};

    #[test]
    fn a_text_says_what_a_table_will_be() {
        let column = |name: &str, type_name: &str, is_array| NewColumn {
            name: name.as_bytes().to_vec(),
            type_name: type_name.to_owned(),
            modifiers: vec![7],
            is_array,
            ..NewColumn::default()
        };
        let columns = vec![
            column("a", "varchar", false),
            column("b", "text", true),
            NewColumn { is_not_null: true, ..column("c", "mood", false) },
        ];
        let name = vec![b"s".to_vec(), b"t".to_vec()];
        let relation = Relation::from_text(&NewTable { name, columns, may_be_there: false });
        assert_eq!((relation.schema.as_str(), relation.table.as_str()), ("s", "t"));
        let types = relation.columns().iter().map(|column| {
            (column.column.type_oid, column.column.element_oid, column.column.is_nullable)
        });
        let expected = [(VARCHAR, 0, true), (TEXT_ARRAY, TEXT, true), (0, 0, false)];
        assert_eq!(types.collect::<Vec<_>>(), expected);
        assert_eq!(relation.position(b"b"), Some(1));
        assert_eq!(relation.position(b"B"), None);
    }
}
