//! What a statement defines of a table, as plain data.

use std::ops::Range;

/// The parts of a name, as PostgreSQL keeps them.
pub(super) type DefinedName = Vec<Vec<u8>>;

/// A statement that defines columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedTable {
    /// The parts of the table's name.
    pub name: DefinedName,
    /// What the statement does.
    pub kind: DefinitionKind,
    /// The columns that it creates, adds or gives another type, in order.
    pub columns: Vec<NewColumn>,
    /// The columns of the primary key that it makes.
    pub primary_key: Vec<Vec<u8>>,
    /// The expressions in it, in order.
    pub expressions: Vec<DefinitionExpression>,
    /// The foreign keys that it makes, in order.
    pub foreign_keys: Vec<DefinedKey>,
    /// It is known which columns the table has behind it, if that was known before.
    pub is_certain: bool,
}

/// What a definition does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionKind {
    /// CREATE TABLE.
    Create {
        /// It says IF NOT EXISTS.
        may_be_there: bool,
    },
    /// ALTER TABLE, and CREATE INDEX, which adds nothing to its table.
    Alter,
    /// CREATE DOMAIN, which is like a table with a column `value`, or a routine with its arguments.
    NotTable,
}

/// A column of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name, as PostgreSQL keeps it.
    pub name: Vec<u8>,
    /// Its type in lower case, of several words with a blank between: `character varying`. Empty for a
    /// type with a schema of its own. Quotes stay: `"char"`.
    pub type_name: String,
    /// The numbers behind the type.
    pub modifiers: Vec<i32>,
    /// Where the type stands.
    pub type_span: Range<usize>,
    /// Whether it is an array.
    pub is_array: bool,
    /// Whether it takes no NULL.
    pub is_not_null: bool,
    /// `GENERATED ALWAYS AS IDENTITY`
    pub is_identity_always: bool,
    /// `GENERATED ALWAYS AS (...) STORED`
    pub is_generated: bool,
}

/// An expression of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionExpression {
    /// The column whose value it is; `None` for a CHECK.
    pub column: Option<Vec<u8>>,
    /// Whether it is a DEFAULT, in which no column can stand.
    pub is_default: bool,
    /// Its tokens.
    pub(in crate::statement) tokens: Range<u32>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedKey {
    /// The columns, in its list or where they are defined.
    pub columns: Vec<KeyColumn>,
    /// The table that it refers to.
    pub parent: DefinedName,
    /// The columns that it refers to; none for those of the primary key.
    pub parent_columns: Vec<Vec<u8>>,
    /// Where the action of ALTER TABLE begins that adds it.
    pub action_at: usize,
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name, as PostgreSQL keeps it.
    pub name: Vec<u8>,
    /// Where it stands.
    pub span: Range<usize>,
}

impl DefinedTable {
    pub(super) fn new(kind: DefinitionKind) -> DefinedTable {
        DefinedTable {
            name: Vec::new(),
            kind,
            columns: Vec::new(),
            primary_key: Vec::new(),
            expressions: Vec::new(),
            foreign_keys: Vec::new(),
            is_certain: true,
        }
    }

    pub(super) fn note(
        &mut self,
        tokens: Option<Range<u32>>,
        column: Option<&[u8]>,
        is_default: bool,
    ) {
        if let Some(tokens) = tokens.filter(|tokens| !tokens.is_empty()) {
            let column = column.map(<[u8]>::to_vec);
            self.expressions.push(DefinitionExpression { column, is_default, tokens });
        }
    }
}
