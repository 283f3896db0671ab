//! What [`super::script::Script`] says, by the functions that were there before it, each of which reads the
//! text again. Goes in one piece once nothing uses it; nothing new belongs here.

use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use super::constant::StringConstant;
use super::cursor::Cursor;
use super::lexer::{Quoting, TokenKind};
use super::noted::noted_constants;
use super::script::{self, ConstantPurpose, NotedConstant, Scratch, Statement};
use super::slots::{Ends, SlotValue, element};
use super::tokens::{Extent, Tokens};
use super::{
    CopyStatement, DmsSetting, Edit, Fault, Lexing, NewTable, Replacement, Slot, TableStatement,
    Write, WriteKind, quoted_bytes,
};
use crate::mapping::{Mapping, MappingOptions};

/// Now [`CopyStatement`].
pub type CopyIn = CopyStatement;

/// What one SQL text (a simple query, or the text of a Parse) contains that the proxy acts on.
/// For a text without any of it this is empty and cost no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The replacements, in order, never overlapping.
    pub edits: Vec<Edit>,
    /// The first type that cannot be mapped. Then nothing of the text may be sent.
    pub fault: Option<Fault>,
    /// The COPY streams that the text asks for, in order.
    pub copies: Vec<CopyStatement>,
    /// The dms.* settings that the text sets, in order.
    pub settings: Vec<DmsSetting>,
    /// Whether a statement may put settings back (`RESET ALL`, `DISCARD ALL`,
    /// `RESET session_replication_role`, `SET session_replication_role { = | TO } DEFAULT`).
    pub resets_role: bool,
    /// Whether a statement may change a dms.* setting in any way: SET, RESET of one or of all,
    /// DISCARD ALL, or `set_config` anywhere.
    pub touches_settings: bool,
    /// Whether a statement ends or rolls back (part of) a transaction, which brings settings back:
    /// COMMIT, END, ROLLBACK (TO), ABORT, PREPARE TRANSACTION.
    pub ends_transaction: bool,
    /// Whether a statement may change what the name of a relation stands for: DDL, settings such as
    /// search_path, DO and CALL. The end of a transaction may too, see `ends_transaction`.
    pub changes_relations: bool,
    /// The statements that prepare tables for a load, in order.
    pub table_statements: Vec<TableStatement>,
    /// Whether a statement loads rows: INSERT, COPY FROM STDIN, UPDATE, DELETE, MERGE, TRUNCATE.
    pub loads: bool,
    /// The number of statements in the text.
    pub statements: usize,
    /// Statements that look like DDL and that the finder gave up on; they go through untouched.
    pub not_understood: usize,
    /// Columns whose type neither the tables nor PostgreSQL know; they go through as they are.
    pub unknown_types: usize,
}

impl From<script::Script> for Script {
    fn from(script: script::Script) -> Script {
        let effects = script.effects;
        Script {
            copies: script.copies().cloned().collect(),
            settings: script.settings().cloned().collect(),
            resets_role: effects.resets_role(),
            touches_settings: effects.touches_settings(),
            ends_transaction: effects.ends_transaction(),
            changes_relations: effects.changes_relations(),
            table_statements: script.table_statements().cloned().collect(),
            loads: effects.loads(),
            statements: script.statements.len(),
            not_understood: script.not_understood,
            unknown_types: script.unknown_types,
            edits: script.edits,
            fault: script.fault,
        }
    }
}

/// What `sql` contains that the proxy acts on. `mapping` says which types are replaced.
///
/// Takes any bytes, in time linear to their number.
pub fn read(sql: &[u8], lexing: Lexing, mapping: &Mapping) -> Script {
    script::Script::read(sql, lexing, mapping, &mut Scratch::default()).into()
}

/// A reading without types.
fn read_plain(sql: &[u8], lexing: Lexing) -> script::Script {
    static MAPPING: LazyLock<Option<Mapping>> = LazyLock::new(|| {
        let options = MappingOptions { source: "postgresql".into(), ..MappingOptions::default() };
        Mapping::new(options).ok()
    });
    let read = |mapping| script::Script::read(sql, lexing, mapping, &mut Scratch::default());
    MAPPING.as_ref().map(read).unwrap_or_default()
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

/// Whether the text can contain a statement that [`writes`] gives.
pub fn may_write(sql: &[u8]) -> bool {
    read_plain(sql, Lexing::default()).writes().next().is_some()
}

/// What each INSERT, UPDATE and MERGE of a text writes; see [`script::Script::slots`].
pub fn writes(sql: &[u8], lexing: Lexing, max_slots: usize) -> Vec<Writes> {
    let mut all = Vec::new();
    for_each_write(sql, lexing, max_slots, &mut |writes| {
        all.push(writes);
        ControlFlow::Continue(())
    });
    all
}

fn head_of(script: &script::Script, write: &Write, sql: &[u8]) -> WritesHead {
    WritesHead {
        name: script.relation(write, sql),
        columns: script.listed_columns(write, sql),
        kind: write.kind,
        is_prepare: write.is_prepare,
        overriding_at: write.overriding_at,
    }
}

/// Calls `each` with what one statement after the other writes, until it breaks off. No more than
/// `max_slots` of a statement's slots are collected.
pub fn for_each_write(
    sql: &[u8],
    lexing: Lexing,
    max_slots: usize,
    each: &mut dyn FnMut(Writes) -> ControlFlow<()>,
) {
    let script = read_plain(sql, lexing);
    for (statement, write) in script.writes() {
        let (mut slots, mut truncated) = (Vec::new(), false);
        script.slots(write, sql, &mut |slot| {
            if slots.len() < max_slots {
                slots.push(slot);
            } else {
                truncated = true;
            }
            ControlFlow::Continue(())
        });
        let head = head_of(&script, write, sql);
        let parameters_elsewhere = script.other_uses(write, sql, max_slots);
        let span = statement.span.clone();
        if each(Writes { head, span, slots, truncated, parameters_elsewhere }).is_break() {
            return;
        }
    }
}

/// What the writing statements of a text say before their first value.
pub fn write_heads(sql: &[u8], lexing: Lexing) -> Vec<WritesHead> {
    let script = read_plain(sql, lexing);
    script.writes().map(|(_, write)| head_of(&script, write, sql)).collect()
}

/// Calls `each` with every slot of a text in order, until it breaks off, and collects nothing.
pub fn for_each_slot(
    sql: &[u8],
    lexing: Lexing,
    each: &mut dyn FnMut(&WritesHead, Slot) -> ControlFlow<()>,
) {
    let script = read_plain(sql, lexing);
    for (_, write) in script.writes() {
        let head = head_of(&script, write, sql);
        let mut stopped = false;
        script.slots(write, sql, &mut |slot| {
            let flow = each(&head, slot);
            stopped = flow.is_break();
            flow
        });
        if stopped {
            return;
        }
    }
}

/// The replacements that take columns out of the statement at `span`; see
/// [`script::Script::without_columns`].
pub fn without_columns(
    sql: &[u8],
    span: Range<usize>,
    lexing: Lexing,
    names: &[&[u8]],
    is_left_out: &dyn Fn(usize) -> bool,
) -> Option<(Vec<Replacement>, Vec<usize>)> {
    let script = read_plain(sql, lexing);
    let at = |(statement, _): &(&Statement, &Write)| statement.span.start == span.start;
    let (_, write) = script.writes().find(at)?;
    script.without_columns(write, sql, names, is_left_out)
}

/// The tables that a text creates, as it is written; see [`script::Script::new_tables`].
pub fn new_tables(sql: &[u8], lexing: Lexing) -> Vec<NewTable> {
    let mut script = read_plain(sql, lexing);
    script.edits.clear();
    script.new_tables(sql)
}

/// The tokens of a text for the readers of constants.
fn tokens(sql: &[u8], lexing: Lexing) -> Tokens {
    Tokens::cut(sql, 0, lexing, Quoting::default(), Extent::Text, Vec::new()).unwrap_or_default()
}

/// The constants of a text, each with its end behind its UESCAPE.
fn constants(sql: &[u8], lexing: Lexing) -> Vec<(NotedConstant, usize)> {
    let tokens = tokens(sql, lexing);
    let cursor = Cursor::new(sql, tokens.entries(), 0);
    let noted = noted_constants(cursor, lexing.encoding, tokens.has_escapes);
    let mut ends = std::collections::HashMap::new();
    let mut cursor = cursor;
    while !noted.is_empty() && !cursor.at(TokenKind::End) {
        let start = cursor.token.start;
        match StringConstant::pass(&mut cursor) {
            Some(_) => drop(ends.insert(start, cursor.previous().end)),
            None => cursor.bump(),
        }
    }
    let with_end = |noted: NotedConstant| {
        let end = ends.get(&noted.constant.span.start).copied();
        let end = end.unwrap_or(noted.constant.span.end);
        (noted, end)
    };
    noted.into_iter().map(with_end).collect()
}

/// Makes every NUL that an escape in a string constant stands for a space; gives the number of them.
/// See [`StringConstant::mend_nul`].
pub fn mend_literals(sql: &mut [u8], lexing: Lexing) -> u64 {
    let found = constants(sql, lexing).into_iter();
    let found = found.filter(|(noted, _)| noted.purpose == ConstantPurpose::SpellsNul);
    found.map(|(noted, _)| noted.constant.mend_nul(sql, lexing.encoding)).sum()
}

/// The string constants that a cast makes `json` or `jsonb` and that have `\u0000` in their bytes, with
/// their UESCAPE.
pub fn json_casts(sql: &[u8], lexing: Lexing) -> Vec<Range<usize>> {
    let found = constants(sql, lexing).into_iter();
    let found = found.filter(|(noted, _)| noted.purpose == ConstantPurpose::JsonByCast);
    found.map(|(noted, end)| noted.constant.span.start..end).collect()
}

/// A string constant that EXECUTE gives to a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteConstant {
    /// The name of the prepared statement, as PostgreSQL keeps it.
    pub statement: Vec<u8>,
    /// The place of the parameter, from 0.
    pub index: usize,
    /// The bytes of the constant.
    pub span: Range<usize>,
}

/// The string constants with `u0000` in their bytes that `EXECUTE name ( ... )` passes.
pub fn execute_constants(sql: &[u8], lexing: Lexing) -> Vec<ExecuteConstant> {
    let arguments = |(NotedConstant { constant, purpose }, end)| match purpose {
        ConstantPurpose::Argument { statement, index } => {
            Some(ExecuteConstant { statement, index, span: constant.span.start..end })
        }
        _ => None,
    };
    constants(sql, lexing).into_iter().filter_map(arguments).collect()
}

/// The expression that is all of `span`, with the tokens it was read from.
fn whole(sql: &[u8], span: Range<usize>, lexing: Lexing) -> Option<(SlotValue, Slice<'_>)> {
    let text = sql.get(span)?;
    let tokens = tokens(text, lexing);
    let mut cursor = Cursor::new(text, tokens.entries(), 0);
    let value = element(&mut cursor, Ends::Clause).ok()?;
    let is_whole = cursor.at(TokenKind::End);
    is_whole.then(|| {
        (
            value.value,
            Slice {
                core: text.get(value.core(cursor)).unwrap_or_default(),
                constant: value.constant(cursor),
                text,
            },
        )
    })
}

/// Makes every JSON escape `\u0000` in the string constant at `span` `\u0020`; see
/// [`StringConstant::mend_json`].
pub fn mend_json_constant(sql: &mut [u8], span: Range<usize>, lexing: Lexing) -> u64 {
    let Some(text) = sql.get_mut(span.clone()) else { return 0 };
    let constant = whole(text, 0..span.len(), lexing).and_then(|(_, slice)| slice.constant);
    constant.map_or(0, |constant| constant.mend_json(text, lexing.encoding))
}

/// The part of a text that an expression is.
struct Slice<'a> {
    text: &'a [u8],
    core: &'a [u8],
    constant: Option<StringConstant>,
}

/// The `bytea` constant for the one at `span`, parentheses around it or not; see [`quoted_bytes`].
pub fn quoted_hex(sql: &[u8], span: Range<usize>, lexing: Lexing) -> Option<String> {
    let (value, slice) = whole(sql, span, lexing)?;
    let is_one = matches!(value, SlotValue::BitString | SlotValue::HexInteger);
    if is_one { quoted_bytes(slice.core, lexing) } else { None }
}

/// The value of the string constant at `span`, parentheses around it or not; see
/// [`StringConstant::value`].
pub fn constant_text(sql: &[u8], span: Range<usize>, lexing: Lexing) -> Option<Vec<u8>> {
    let (_, slice) = whole(sql, span, lexing)?;
    slice.constant?.value(slice.text, lexing.encoding)
}
