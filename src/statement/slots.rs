//! Which value of an INSERT, UPDATE or MERGE goes into which column of the relation. Finds,
//! changes nothing, and knows neither the relation's columns nor their types.
//!
//! Source: PostgreSQL manual, INSERT, UPDATE and MERGE; `src/backend/parser/gram.y`.

mod constant;
mod element;
mod left_out;
mod new_table;
mod passing;
mod source;
mod walker;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use memchr::memchr;

use super::Lexing;
use super::cursor::Cursor;
use super::lexer::{Lexer, Quoting, TokenKind};
use element::parameter;
pub(super) use element::{Ends, element};
use passing::pass_statement;
use walker::{Understanding, Walker};

pub use constant::{constant_text, quoted_boolean, quoted_hex, quoted_text};
pub use left_out::without_columns;
pub use new_table::{NewColumn, NewTable, new_tables};

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

/// What a statement says of the relation that it writes to before its first value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WritesHead {
    /// Parts of the relation's name as PostgreSQL keeps them: table; schema, table; or database,
    /// schema, table.
    pub name: Vec<Vec<u8>>,
    /// The columns that an INSERT lists, as PostgreSQL keeps their names; empty for all of them in
    /// the table's order, and for the other kinds.
    pub columns: Vec<Vec<u8>>,
    /// The kind of statement.
    pub kind: WriteKind,
    /// Whether the statement stands behind `PREPARE ... AS`, so that its parameters are those of
    /// EXECUTE and not of a Bind.
    pub is_prepare: bool,
    /// Where ` OVERRIDING SYSTEM VALUE ` could be inserted, with a blank on both sides: what stands
    /// before may be a name. `None` if there is an OVERRIDING clause already, no query follows
    /// (DEFAULT VALUES), or the statement is no INSERT.
    pub overriding_at: Option<usize>,
}

/// The values that one statement writes into columns of one relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writes {
    /// The relation and the columns.
    pub head: WritesHead,
    /// The bytes of the statement, with what stands in front of it (EXPLAIN, WITH ...), without
    /// its semicolon.
    pub span: Range<usize>,
    /// The values, in the order of the text, but for [`SlotValue::SourceParameter`]. None of them if the statement goes on in a way that
    /// is not understood.
    pub slots: Vec<Slot>,
    /// Whether there are more slots than asked for, which are left out.
    pub truncated: bool,
    /// The parameters of the statement that are used anywhere else than as the whole value of one
    /// of `slots`, sorted, each once.
    pub parameters_elsewhere: Vec<u16>,
}

/// One value and the column that it goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The column.
    pub column: SlotColumn,
    /// The whole expression as written, with its parentheses, without an alias.
    pub span: Range<usize>,
    /// What the expression is.
    pub value: SlotValue,
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

/// Takes a slot and says whether to go on.
pub(super) type Sink<'f> = &'f mut dyn FnMut(&WritesHead, Slot) -> ControlFlow<()>;

/// Whether the text can contain a statement that [`writes`] gives: a cheap look at its first word.
/// A text of several statements always can.
pub fn may_write(sql: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"insert", b"update", b"merge", b"with", b"explain", b"prepare"];
    let mut lexer = Lexer::new(sql, Lexing::default());
    let first = lexer.token();
    let word = lexer.bytes(first);
    if first.kind == TokenKind::Word && WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)) {
        return true;
    }
    let semicolon = memchr(b';', sql).and_then(|at| sql.get(at + 1..)).unwrap_or_default();
    !semicolon.trim_ascii_end().is_empty()
}

/// What each INSERT, UPDATE and MERGE of a text writes, in order, also behind EXPLAIN, PREPARE and
/// WITH. One inside of WITH, COPY, a rule or a routine is not looked for. See [`for_each_write`].
pub fn writes(sql: &[u8], lexing: Lexing, max_slots: usize) -> Vec<Writes> {
    let mut all = Vec::new();
    for_each_write(sql, lexing, max_slots, &mut |writes| {
        all.push(writes);
        ControlFlow::Continue(())
    });
    all
}

/// Calls `each` with what one statement after the other writes, until it breaks off. No more than
/// `max_slots` of a statement's slots are collected.
///
/// A statement whose relation and columns are understood comes without slots if its rest is not; a
/// row whose number of values is not that of the columns has none. Takes any bytes, in time linear
/// to their number.
pub fn for_each_write(
    sql: &[u8],
    lexing: Lexing,
    max_slots: usize,
    each: &mut dyn FnMut(Writes) -> ControlFlow<()>,
) {
    if !may_write(sql) {
        return;
    }
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    while let Some(start) = next_statement(&mut cursor) {
        let (mut slots, mut truncated) = (Vec::new(), false);
        let first = cursor;
        let mut sink = |_: &WritesHead, slot| {
            if slots.len() < max_slots {
                slots.push(slot);
            } else {
                truncated = true;
            }
            ControlFlow::Continue(())
        };
        let mut walker = Walker::new(cursor, lexing.encoding, &mut sink);
        let understanding = walker.statement();
        let head = walker.into_head(&mut cursor);
        pass_statement(&mut cursor, first);
        let Some(head) = head else { continue };
        if understanding == Understanding::None {
            slots = Vec::new();
            truncated = false;
        }
        let span = start..cursor.previous.end;
        let parameters_elsewhere = parameters_elsewhere(sql, lexing, &span, &slots);
        let writes = Writes { head, span, slots, truncated, parameters_elsewhere };
        if each(writes).is_break() {
            return;
        }
    }
}

/// What the writing statements of a text say before their first value: a fraction of the cost of
/// [`for_each_write`] where rows are many.
pub fn write_heads(sql: &[u8], lexing: Lexing) -> Vec<WritesHead> {
    let mut heads = Vec::new();
    if !may_write(sql) {
        return heads;
    }
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    while next_statement(&mut cursor).is_some() {
        let first = cursor;
        let mut sink = |_: &WritesHead, _| ControlFlow::Break(());
        let mut walker = Walker::new(cursor, lexing.encoding, &mut sink);
        walker.statement();
        heads.extend(walker.into_head(&mut cursor));
        pass_statement(&mut cursor, first);
    }
    heads
}

/// Calls `each` with every slot of a text in order, until it breaks off, and collects nothing: for
/// an INSERT of very many rows. A statement is read twice, so that one that turns out not to be
/// understood gives no slot. Otherwise as [`for_each_write`].
pub fn for_each_slot(sql: &[u8], lexing: Lexing, each: Sink<'_>) {
    if !may_write(sql) {
        return;
    }
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    while next_statement(&mut cursor).is_some() {
        let first = cursor;
        let mut slots = false;
        let mut sink = |_: &WritesHead, _| {
            slots = true;
            ControlFlow::Continue(())
        };
        let mut walker = Walker::new(cursor, lexing.encoding, &mut sink);
        let understanding = walker.statement();
        walker.into_head(&mut cursor);
        pass_statement(&mut cursor, first);
        if understanding == Understanding::Whole
            && slots
            && Walker::new(first, lexing.encoding, &mut *each).statement() == Understanding::Stopped
        {
            return;
        }
    }
}

/// Passes empty statements; where the next one starts.
fn next_statement(cursor: &mut Cursor<'_>) -> Option<usize> {
    while cursor.eat_kind(TokenKind::Semicolon) {}
    (!cursor.at(TokenKind::End)).then_some(cursor.token.start)
}

/// The parameters in `span` that stand anywhere else than in `slots`.
fn parameters_elsewhere(
    sql: &[u8],
    lexing: Lexing,
    span: &Range<usize>,
    slots: &[Slot],
) -> Vec<u16> {
    let text = sql.get(..span.end).unwrap_or_default();
    if memchr(b'$', text.get(span.start..).unwrap_or_default()).is_none() {
        return Vec::new();
    }
    let mut uses = BTreeMap::<u16, usize>::new();
    let lexer = Lexer::new(text, lexing).at(span.start);
    for token in lexer {
        if token.kind == TokenKind::Parameter
            && let Some(number) = parameter(lexer.bytes(token))
        {
            *uses.entry(number).or_default() += 1;
        }
    }
    let mut read = BTreeSet::new();
    for slot in slots {
        let number = match slot.value {
            SlotValue::Parameter(number) => number,
            // One that goes into several columns stands in the text once.
            SlotValue::SourceParameter(number) if read.insert(slot.span.start) => number,
            _ => continue,
        };
        if let Some(count) = uses.get_mut(&number) {
            *count = count.saturating_sub(1);
        }
    }
    uses.into_iter().filter_map(|(number, count)| (count > 0).then_some(number)).collect()
}
