//! Which expressions meet columns: those that are assigned to one on the way through other expressions, rows
//! and queries, and those that are compared with one; and of what type the server takes them to be. Finds,
//! changes nothing, and knows neither the columns of relations nor their types.

mod conditions;
mod from;
mod level;
mod meet;
mod operand;
mod query;
mod reader;
mod typed;
mod write;

use std::ops::Range;
use std::rc::Rc;

use super::SlotColumn;
use crate::encoding::Encoding;
use crate::statement::Edit;
use crate::statement::constant::StringConstant;
use crate::statement::cursor::Cursor;
use reader::FlowReader;

pub(super) use typed::oid_of;

/// An expression and a column that it meets.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// The relations of which one has the column, by the names that the text has for them.
    pub relations: Rc<Vec<Vec<Vec<u8>>>>,
    /// The column.
    pub column: SlotColumn,
    /// The expression.
    pub value: MetValue,
    /// The type that the server takes it to be of; a parameter or a constant without one apart.
    pub type_oid: u32,
    /// The parameters and constants whose value it may be.
    pub leaves: Rc<Vec<Leaf>>,
    /// Whether its value is always that of one of them.
    pub is_of_leaves: bool,
    /// How they meet.
    pub kind: MeetingKind,
}

/// How an expression meets a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeetingKind {
    /// It is assigned to it, and is a [`super::Slot`] as well.
    Slot,
    /// It is assigned to it.
    Assigned,
    /// It is compared with it.
    Compared,
    /// It is an array, with whose elements it is compared.
    Elements,
}

/// Where the expression stands.
#[derive(Clone, Debug)]
pub enum MetValue {
    /// These bytes.
    Expression {
        /// The bytes.
        span: Range<usize>,
        /// Whether they are nothing but a parameter or a constant.
        is_plain: bool,
    },
    /// A column of rows.
    Rows(Rc<RowsSpan>, usize),
}

/// Rows that a text holds.
#[derive(Debug, PartialEq, Eq)]
pub struct RowsSpan {
    /// The bytes of the query, or of the call of a function.
    pub span: Range<usize>,
    /// Whether they are the call of a function.
    pub is_function: bool,
    /// The names of the columns.
    pub names: Vec<Vec<u8>>,
}

/// A parameter or a constant whose value reaches a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The number of a parameter.
    Parameter(u16),
    /// A string constant.
    Text(StringConstant),
    /// Another constant.
    Constant(Range<usize>),
}

/// The meetings of a statement. `declared` are the types of its parameters, those of a PREPARE that it is; `edits` those types in it that the
/// target gets otherwise.
pub(in crate::statement) fn meetings(
    statement: Cursor<'_>,
    encoding: Encoding,
    declared: &[u32],
    edits: &[Edit],
) -> Vec<Meeting> {
    let mut reader = FlowReader::new(statement, encoding, declared, edits);
    // What is not understood is the server's.
    let _ = reader.statement();
    reader.found
}
