//! Which value of an INSERT, UPDATE or MERGE goes into which column of the relation. Finds,
//! changes nothing, and knows neither the relation's columns nor their types.
//!
//! Source: PostgreSQL manual, INSERT, UPDATE and MERGE; `src/backend/parser/gram.y`.

mod column_type;
mod defined;
mod definition_items;
mod element;
mod executed;
mod flow;
mod joined_rows;
mod left_out;
mod new_table;
mod other_definition;
mod passing;
mod prepared_types;
mod quoted_text;
mod redundant;
mod removed;
mod row_change;
mod row_value;
mod rows;
mod source;
mod source_reading;
mod stated;
mod table_actions;
mod table_definition;
mod update;
mod walker;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use super::constant::StringConstant;
use super::constant_kinds::KindsByPlace;
use super::cursor::{Cursor, narrow};
use super::lexer::TokenKind;
use super::name::{kept_at, kept_parts};
use crate::encoding::Encoding;
pub(super) use definition_items::definition_items;
pub(super) use element::parameter;
pub(super) use flow::meetings;
pub(super) use left_out::without_columns;
pub(super) use new_table::{definitions, new_tables};
pub(super) use redundant::{redundant_assignment, target_bytes};
pub(super) use row_change::row_change;
use walker::Walker;

pub use column_type::type_words;
pub use defined::{DefinedKey, DefinedTable, DefinitionKind, KeyColumn, NewColumn};
pub use definition_items::DefinitionItem;
pub use executed::Execution;
pub use flow::{Leaf, Meeting, MeetingKind, MetValue, RowsSpan};
pub use new_table::NewTable;
pub use quoted_text::DoubleQuoted;
pub use redundant::RedundantAssignment;
pub use removed::{LostParameter, RemovedParts};
pub use row_change::{RowChange, RowChangeKind};

/// The statement that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// INSERT, with the assignments of its ON CONFLICT DO UPDATE.
    Insert,
    /// UPDATE.
    Update,
    /// MERGE, all its WHEN clauses together.
    Merge,
}

/// INSERT, UPDATE or MERGE: what it says of the relation that it writes to before its first value.
/// Indexes are those of the tokens of its [`super::script::Script`], which has the methods that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The kind of statement.
    pub kind: WriteKind,
    /// Whether the statement stands behind `PREPARE ... AS`, so that its parameters are those of
    /// EXECUTE and not of a Bind.
    pub is_prepare: bool,
    /// Where ` OVERRIDING SYSTEM VALUE ` could be inserted, with a blank on both sides: what stands
    /// before may be a name. `None` if there is an OVERRIDING clause already, no query follows
    /// (DEFAULT VALUES), or the statement is not an INSERT.
    pub overriding_at: Option<usize>,
    /// The inserts of a MERGE without an OVERRIDING clause: from their VALUES, in front of which it could be
    /// inserted in the same way, to the end of their rows.
    pub merge_inserts: Vec<Range<usize>>,
    /// The parts of the name of the relation, as PostgreSQL keeps them: table; schema, table; or database,
    /// schema, table.
    pub name: Vec<Vec<u8>>,
    /// The tokens of that name and of the columns behind it.
    pub(super) at: HeadTokens,
    /// The whole statement.
    pub(super) tokens: Range<u32>,
    /// Whether values of it are expressions, or come from rows and queries.
    pub may_meet: bool,
    /// Whether it has conditions.
    pub has_conditions: bool,
    /// Whether it is an INSERT of constants and parameters with nothing behind them, so that it calls nothing
    /// and writes to no other relation.
    pub(super) has_only_values: bool,
    /// The kinds of its constants, those of rows in runs apart; by place where it is an INSERT.
    pub(super) constants: KindsByPlace,
    /// Whether its shape is known to its end. Otherwise it has no slots.
    pub(super) is_understood: bool,
}

/// The tokens in front of the values of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeadTokens {
    /// The name of the relation.
    pub(super) relation: Range<u32>,
    /// The list of columns of an INSERT, with its parentheses.
    pub(super) columns: Option<u32>,
}

impl Write {
    /// The tokens of the name of its relation.
    pub fn name_tokens(&self) -> Range<u32> {
        self.at.relation.clone()
    }

    /// Whether its shape is known to its end.
    pub fn is_understood(&self) -> bool {
        self.is_understood
    }
}

/// One value and the column that it goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The column.
    pub column: SlotColumn,
    /// The whole expression as written, with its parentheses, without an alias.
    pub span: Range<usize>,
    /// The parameter, constant or keyword that it is, without parentheses around it; all of another
    /// expression.
    pub core: Range<usize>,
    /// What the expression is.
    pub value: SlotValue,
    /// The string constant that it is, for [`SlotValue::String`].
    pub constant: Option<StringConstant>,
}

/// How a statement says which column a value is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotColumn {
    /// By name, as PostgreSQL keeps it: an assignment, or an INSERT of MERGE that lists columns.
    Named(Vec<u8>),
    /// By place, counted from 0: in the columns that the head lists, or else in the table.
    Index(usize),
}

/// What an expression is, if it is nothing but a parameter, a constant or a keyword, parentheses
/// around it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotValue {
    /// `$1`.
    Parameter(u16),
    /// `$1` in rows that the statement reads from by a name, `(VALUES ($1)) AS s(a)`, where the value
    /// for the column is `s.a`. The slot has the bytes of `$1`; that of `s.a` comes before it, as
    /// [`SlotValue::Other`].
    SourceParameter(u16),
    /// Decimal digits with or without a sign: `12`, `-1`, `+ 1`, `1_000`.
    Integer,
    /// Digits with a point or an exponent, with or without a sign.
    Number,
    /// `X'1F'` or `B'01'`.
    BitString,
    /// `0x1F`, of as many digits as are written.
    HexInteger,
    /// `'..'`, `E'..'`, `U&'..'` with its UESCAPE, `N'..'` or `$$..$$`.
    String,
    /// `NULL`.
    Null,
    /// `DEFAULT`.
    Default,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// Any other expression.
    Other,
}

/// What the statement of the cursor's text writes, if it is an INSERT, UPDATE or MERGE whose relation and
/// columns are understood, also behind EXPLAIN, PREPARE and WITH. One inside of WITH, COPY, a rule or a
/// routine is not looked for.
pub(super) fn read_write(statement: Cursor<'_>, encoding: Encoding) -> Option<Write> {
    let first = narrow(statement.index());
    let mut walker = Walker::new(statement, encoding, None);
    let is_understood = walker.statement().is_ok();
    // What was not understood goes up to where the text of its statement ends.
    let end = if is_understood { walker.cursor.index() } else { walker.cursor.end() };
    let head = walker.head?;
    let name = kept_parts(statement, &head.at.relation, encoding);
    let has_conditions = head.kind != WriteKind::Insert || walker.has_conditions;
    let may_meet = walker.may_meet || !is_understood;
    let is_plain = is_understood && !may_meet && !has_conditions;
    let has_only_values = is_plain && walker.ends_in_values;
    let (tokens, constants) = (first..narrow(end), walker.constants);
    Some(Write {
        name,
        tokens,
        may_meet,
        has_conditions,
        has_only_values,
        constants,
        is_understood,
        ..head
    })
}

/// The columns that an INSERT lists, as PostgreSQL keeps their names.
pub(super) fn listed_columns<'a>(
    mut cursor: Cursor<'a>,
    write: &Write,
    encoding: Encoding,
) -> Vec<Cow<'a, [u8]>> {
    let Some(list) = write.at.columns else { return Vec::new() };
    cursor.go_to(list as usize);
    let mut walker = Walker::new(cursor, encoding, None);
    let columns = walker.column_list().unwrap_or_default();
    columns.into_iter().map(|column| kept_at(cursor, column.name, encoding)).collect()
}

/// Gives the slots of a statement to `each` until it breaks off.
pub(super) fn for_each_slot_of(
    statement: Cursor<'_>,
    encoding: Encoding,
    each: &mut dyn FnMut(Slot) -> ControlFlow<()>,
) {
    // That the shape is known was found out when the statement was read.
    let _ = Walker::new(statement, encoding, Some(each)).statement();
}

/// How often each parameter of a statement stands in it, those that were left out apart.
#[derive(Debug)]
pub struct ParameterUses {
    /// By number.
    counts: Vec<u32>,
    /// Where those stand that were left out and that go into several columns: each is in the text once.
    read: BTreeSet<usize>,
}

impl ParameterUses {
    /// All of them.
    pub(super) fn of(statement: Cursor<'_>) -> ParameterUses {
        let mut counts: Vec<u32> = Vec::with_capacity(16);
        for token in statement.rest().filter(|token| token.kind == TokenKind::Parameter) {
            let Some(number) = parameter(statement.bytes(token)) else { continue };
            let index = usize::from(number);
            counts.resize(counts.len().max(index + 1), 0);
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
        }
        ParameterUses { counts, read: BTreeSet::new() }
    }

    /// How often one of this number stands there.
    pub fn count(&self, number: u16) -> u32 {
        self.counts.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// Leaves out one that is the whole value of a slot of the statement.
    pub fn leave_out(&mut self, slot: &Slot) {
        let number = match slot.value {
            SlotValue::Parameter(number) => Some(number),
            SlotValue::SourceParameter(number) => {
                self.read.insert(slot.span.start).then_some(number)
            }
            _ => None,
        };
        let count = number.and_then(|number| self.counts.get_mut(usize::from(number)));
        if let Some(count) = count {
            *count = count.saturating_sub(1);
        }
    }

    /// Leaves out one use of a parameter.
    pub fn leave_out_one(&mut self, number: u16) {
        if let Some(count) = self.counts.get_mut(usize::from(number)) {
            *count = count.saturating_sub(1);
        }
    }

    /// The numbers of those of which there are uses, sorted, each once.
    pub fn into_numbers(self) -> Vec<u16> {
        let numbers = (0_u16..=u16::MAX).zip(self.counts);
        numbers.filter_map(|(number, count)| (count > 0).then_some(number)).collect()
    }
}
