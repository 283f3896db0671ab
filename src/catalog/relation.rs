//! A relation of the target and its columns, from the catalog or from the text that creates it. Plain
//! data.

use std::sync::Arc;

use super::Silenced;
use crate::statement::{DefinedTable, NewColumn, NewTable};
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
    /// The indexes of the columns, sorted by their names.
    by_name: Box<[usize]>,
    has_generated: bool,
    /// The indexes of the columns of the primary key, in its order.
    primary_key: Vec<usize>,
    silenced: Silenced,
}

/// A column, and how it gets its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationColumn {
    /// Its name in the client's encoding.
    pub name: Vec<u8>,
    /// What its values have to know, shared by all parameters that go into it.
    pub column: Arc<Column>,
    /// `GENERATED ALWAYS AS IDENTITY`
    pub is_identity_always: bool,
    /// `GENERATED ALWAYS AS (...) STORED`
    pub is_generated: bool,
}

impl Relation {
    /// A relation with these columns, in order.
    pub fn new(schema: String, table: String, columns: Vec<RelationColumn>) -> Relation {
        let name_of = |index: &usize| columns.get(*index).map(|column| &*column.name);
        let mut by_name: Vec<usize> = (0..columns.len()).collect();
        by_name.sort_by_key(name_of);
        // A table has each name once; the parts of a text may say anything, and then the first one counts.
        by_name.dedup_by_key(|index| name_of(index));
        let has_generated = columns.iter().any(|column| column.is_generated);
        let (by_name, primary_key, silenced) = (by_name.into(), Vec::new(), Silenced::default());
        Relation { schema, table, columns, by_name, has_generated, primary_key, silenced }
    }

    /// The same with a primary key, of the columns of these indexes.
    pub fn with_primary_key(self, primary_key: Vec<usize>) -> Relation {
        Relation { primary_key, ..self }
    }

    /// The relation with what the replica role silences on it.
    #[must_use]
    pub fn with_silenced(self, silenced: Silenced) -> Relation {
        Relation { silenced, ..self }
    }

    /// What the replica role silences on it.
    pub fn silenced(&self) -> &Silenced {
        &self.silenced
    }

    /// A table as the text that creates it describes it.
    pub fn from_text(table: &NewTable) -> Relation {
        let part = |at: usize| table.name.iter().rev().nth(at).map(|part| printable(part));
        let columns = table.columns.iter().map(RelationColumn::from_text).collect();
        let (schema, name) = (part(1).unwrap_or_default(), part(0).unwrap_or_default());
        Relation::new(schema, name, columns).with_primary_key(table.primary_key.clone())
    }

    /// The table as it is behind a definition: of one that is created this is empty before.
    pub fn behind(&self, definition: &DefinedTable) -> Relation {
        let mut columns = self.columns.clone();
        for column in &definition.columns {
            let new = RelationColumn::from_text(column);
            match columns.iter_mut().find(|known| known.name == column.name) {
                Some(known) => *known = new,
                None => columns.push(new),
            }
        }
        let place = |key: &Vec<u8>| columns.iter().position(|column| column.name == *key);
        let mut primary_key: Vec<usize> = definition.primary_key.iter().filter_map(place).collect();
        if primary_key.is_empty() {
            primary_key.clone_from(&self.primary_key);
        }
        let part = |at: usize| definition.name.iter().rev().nth(at).map(|part| printable(part));
        let (schema, table) = match self.table.is_empty() {
            true => (part(1).unwrap_or_default(), part(0).unwrap_or_default()),
            false => (self.schema.clone(), self.table.clone()),
        };
        Relation::new(schema, table, columns).with_primary_key(primary_key)
    }

    /// Whether it is not there, or has no columns.
    pub fn is_missing(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether a column is `GENERATED ALWAYS AS (...) STORED`.
    pub fn has_generated(&self) -> bool {
        self.has_generated
    }

    /// The indexes of the columns of its primary key, in its order.
    pub fn primary_key(&self) -> &[usize] {
        &self.primary_key
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[RelationColumn] {
        &self.columns
    }

    /// The index of the column of this name.
    pub fn position(&self, name: &[u8]) -> Option<usize> {
        let name_of = |index: &usize| self.columns.get(*index).map(|column| &*column.name);
        let at = self.by_name.binary_search_by_key(&Some(name), name_of).ok()?;
        self.by_name.get(at).copied()
    }
}

impl RelationColumn {
    /// A column as the text that defines it describes it.
    pub fn from_text(column: &NewColumn) -> RelationColumn {
        // One of a type that is not known here has no OID, so that nothing is done to its values.
        let (type_oid, modifier) =
            type_oid::named(&column.type_name, &column.modifiers).unwrap_or((0, -1));
        let array = column.is_array.then(|| type_oid::array_of(type_oid).unwrap_or_default());
        RelationColumn {
            name: column.name.clone(),
            column: Arc::new(Column {
                name: printable(&column.name),
                type_oid: array.unwrap_or(type_oid),
                element_oid: if column.is_array { type_oid } else { 0 },
                modifier,
                is_nullable: !column.is_not_null,
                user_type: None,
            }),
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
        let relation = Relation::from_text(&NewTable { name, columns, ..NewTable::default() });
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
