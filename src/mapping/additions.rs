//! What rules add to tables: columns whose values are computed from others, and keys. Plain data; knows no
//! SQL but the pieces of an expression.

use super::NamePattern;

/// Something that tables of the target have beside what their source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableAddition {
    /// The schemas it is about.
    pub schema: NamePattern,
    /// The tables it is about.
    pub table: NamePattern,
    /// What is added.
    pub adds: AddedPart,
    /// Where it was written, for messages.
    pub origin: String,
}

impl TableAddition {
    /// In a few words.
    pub(super) fn described(&self) -> String {
        match &self.adds {
            AddedPart::Column(column) => format!("gets {} {}", column.name, column.data_type),
            AddedPart::Key(key) => {
                let kind = if key.is_unique { "unique" } else { "primary" };
                format!("gets the {kind} key {} ({})", key.name, key.columns.join(", "))
            }
        }
    }
}

/// What is added to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedPart {
    /// A column.
    Column(AddedColumn),
    /// A key.
    Key(AddedKey),
}

/// A column that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedColumn {
    /// Its name on the target.
    pub name: String,
    /// Its type: a DMS type such as `STRING(50)`.
    pub data_type: String,
    /// Its value.
    pub value: RowExpression,
}

/// A key that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedKey {
    /// The name of the constraint.
    pub name: String,
    /// Unique, and not the primary key.
    pub is_unique: bool,
    /// Its columns in order, by the names of the source.
    pub columns: Vec<String>,
}

/// An expression over the columns of one row, in PostgreSQL's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowExpression {
    /// Its text, with columns and names left open.
    pub pieces: Vec<ExpressionPiece>,
    /// It gives a text, whatever the columns are.
    pub is_text: bool,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionPiece {
    /// SQL.
    Sql(String),
    /// A column, by the name of the source.
    Column(String),
    /// The schema of the source, as a constant.
    SourceSchema,
    /// The table of the source, as a constant.
    SourceTable,
    /// The schema of the target, as a constant.
    TargetSchema,
    /// The name of the table on the target, as text.
    TargetTable,
}
