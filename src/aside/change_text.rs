//! The text of a statement that changes rows: its parts for single rows, and what is kept of a row that is
//! refused. Pure; sends nothing.

mod plain;
mod upsert;

use std::ops::Range;

use super::bound::{BoundValues, ValueBytes};
use super::facts::{LoadFacts, SessionFacts};
use super::rejected::kept_key;
use super::transaction::BoundStatement;
use crate::ledger::rejects::RejectedFrom;
use crate::policy::ErrorAction;
use crate::statement::script::Script;
use crate::statement::{Lexing, RowChange, RowChangeKind, quoted_text};
use crate::value::{CopyFormat, CopyOptions, binary_to_text};
use crate::wire;

/// A statement that changes rows.
#[derive(Debug)]
pub(super) struct ChangeText {
    pub(super) sql: Vec<u8>,
    pub(super) change: RowChange,
    lexing: Lexing,
    /// The types that its Parse declares.
    types: Vec<u32>,
    /// Characters in front of it in the client's text.
    offset: usize,
}

/// How a row is kept that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptFormat {
    /// As a row of COPY.
    Text,
    /// As the statement that was refused.
    Sql,
}

impl KeptFormat {
    pub(super) const ALL: [KeptFormat; 2] = [KeptFormat::Text, KeptFormat::Sql];

    fn name(self) -> &'static str {
        match self {
            KeptFormat::Text => "text",
            KeptFormat::Sql => "sql",
        }
    }

    /// What cuts a line break off that ends it.
    pub(super) fn lines(self) -> CopyFormat {
        CopyFormat::Text
    }
}

/// What is kept of a row.
#[derive(Debug)]
pub(super) struct KeptRow {
    pub(super) format: KeptFormat,
    pub(super) bytes: Vec<u8>,
    /// The statement for it alone, where it is not these bytes.
    pub(super) statement: Option<Vec<u8>>,
}

impl ChangeText {
    /// The statement of a text, if it is the only one and changes rows.
    pub(super) fn read(
        sql: &[u8],
        types: Vec<u32>,
        facts: &SessionFacts,
        script: &Script,
    ) -> Option<ChangeText> {
        let [statement] = &*script.statements else { return None };
        let change = script.row_change(statement, sql)?;
        Some(ChangeText { sql: sql.to_vec(), change, lexing: facts.lexing, types, offset: 0 })
    }

    /// The same statement behind this number of characters of the client's text.
    pub(super) fn behind(self, offset: usize) -> ChangeText {
        ChangeText { offset, ..self }
    }

    /// An error with its position in the client's text.
    pub(super) fn with_whole_position(&self, failure: Vec<u8>) -> Vec<u8> {
        let moved = wire::with_position(&failure, |at| at + self.offset);
        moved.unwrap_or(failure)
    }

    /// Whether rows of its table are set aside.
    pub(super) fn is_set_aside(&self, facts: &SessionFacts) -> bool {
        facts.sets_aside(&self.change.relation)
    }

    pub(super) fn table_name(&self) -> String {
        self.change.relation.last().map(|name| wire::printable(name)).unwrap_or_default()
    }

    /// How many rows can be tried one by one.
    pub(super) fn rows(&self) -> usize {
        self.change.rows.len().max(1)
    }

    fn bytes(&self, span: Range<usize>) -> &[u8] {
        self.sql.get(span).unwrap_or_default()
    }

    /// The bytes of the statement with these rows alone: what is in front of the rows, each of them, and what is
    /// behind them.
    fn spans(&self, rows: &Range<usize>) -> Vec<Range<usize>> {
        let RowChange { rows: all, span, .. } = &self.change;
        let (front, behind) = match (all.first(), all.last()) {
            (Some(first), Some(last)) => (span.start..first.start, last.end..span.end),
            _ => (span.clone(), span.end..span.end),
        };
        let rows = all.get(rows.clone()).unwrap_or_default().iter().cloned();
        std::iter::once(front).chain(rows).chain([behind]).collect()
    }

    /// The statement with these rows alone, each parameter as `spelled` says.
    fn part(&self, rows: &Range<usize>, spelled: impl FnMut(u16) -> Option<Vec<u8>>) -> Vec<u8> {
        let spans = self.spans(rows);
        let last = spans.len().saturating_sub(1);
        self.spelled(&spans, |number| number > 1 && number < last, spelled)
    }

    /// Parts of the statement behind one another, each parameter as `spelled` says. `has_comma` says which of them have
    /// a comma in front.
    fn spelled(
        &self,
        spans: &[Range<usize>],
        has_comma: impl Fn(usize) -> bool,
        mut spelled: impl FnMut(u16) -> Option<Vec<u8>>,
    ) -> Vec<u8> {
        let mut sql = Vec::new();
        for (number, span) in spans.iter().enumerate() {
            if has_comma(number) {
                sql.extend_from_slice(b", ");
            }
            let mut at = span.start;
            let from = self.change.parameters.partition_point(|(at, _)| at.start < span.start);
            let parameters = self.change.parameters.get(from..).unwrap_or_default();
            for (place, parameter) in parameters.iter().take_while(|(at, _)| at.end <= span.end) {
                if let Some(value) = spelled(*parameter) {
                    sql.extend_from_slice(self.bytes(at..place.start));
                    sql.extend(value);
                    at = place.end;
                }
            }
            sql.extend_from_slice(self.bytes(at..span.end));
        }
        sql
    }

    /// The statement with these rows alone, and the parameters in them.
    pub(super) fn bound(&self, rows: &Range<usize>, values: &BoundValues) -> BoundStatement {
        let spans = self.spans(rows);
        let last = spans.len().saturating_sub(1);
        self.renumbered(values, |spelled| {
            self.spelled(&spans, |number| number > 1 && number < last, spelled)
        })
    }

    /// Another statement with a list of values that this one has, and the parameters in them.
    fn bound_spans(
        &self,
        front: &[u8],
        spans: &[Range<usize>],
        back: &[u8],
        values: &BoundValues,
    ) -> BoundStatement {
        self.renumbered(values, |spelled| {
            [front, &self.spelled(spans, |number| number > 0, spelled), back].concat()
        })
    }

    fn renumbered(
        &self,
        values: &BoundValues,
        write: impl FnOnce(&mut dyn FnMut(u16) -> Option<Vec<u8>>) -> Vec<u8>,
    ) -> BoundStatement {
        let mut used: Vec<u16> = Vec::new();
        let sql = write(&mut |parameter| {
            let known = used.iter().position(|known| *known == parameter);
            let index = known.unwrap_or_else(|| {
                used.push(parameter);
                used.len() - 1
            });
            Some(format!("${}", index + 1).into_bytes())
        });
        let types = used.iter().map(|parameter| self.declared(*parameter)).collect();
        BoundStatement { sql, types, values: values.selected(&used) }
    }

    /// The INSERT of the row that an UPDATE does not find, with what the statement says of it; `None` where that is not
    /// plain values.
    pub(super) fn missing_row(&self, values: &BoundValues) -> Option<BoundStatement> {
        let stated = self.change.stated.as_ref()?;
        let mut names: Vec<&[u8]> = Vec::new();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (name, value) in stated {
            // What is assigned goes before what is asked for.
            if !names.contains(&&**name) {
                names.push(name);
                spans.push(value.clone());
            }
        }
        let columns: Vec<Vec<u8>> = names.iter().map(|name| quoted(name)).collect();
        let relation: Vec<Vec<u8>> = self.change.relation.iter().map(|name| quoted(name)).collect();
        let front = [b"INSERT INTO ", &relation.join(&b"."[..])[..], b" ("].concat();
        let front = [&front[..], &columns.join(&b", "[..]), b") VALUES ("].concat();
        Some(self.bound_spans(&front, &spans, b")", values))
    }

    /// The type that the client declares for a parameter; 0 for none.
    fn declared(&self, parameter: u16) -> u32 {
        let index = usize::from(parameter).checked_sub(1);
        index.and_then(|index| self.types.get(index)).copied().unwrap_or_default()
    }

    /// The value of a parameter as text; none of NULL.
    fn text_of(&self, parameter: u16, values: &BoundValues) -> Option<Option<Vec<u8>>> {
        Some(match values.get(parameter)? {
            ValueBytes::Null => None,
            ValueBytes::Text(text) => Some(text.to_vec()),
            ValueBytes::Binary(bytes) => Some(binary_to_text(self.declared(parameter), bytes)?),
        })
    }

    /// The word that the tag begins with.
    pub(super) fn operation(&self) -> &'static str {
        match self.change.kind {
            RowChangeKind::Insert => "INSERT",
            RowChangeKind::Update => "UPDATE",
            RowChangeKind::Delete => "DELETE",
            RowChangeKind::Merge => "MERGE",
        }
    }

    /// The body of the CommandComplete for this number of rows.
    pub(super) fn tag(&self, rows: u64) -> Vec<u8> {
        let oid = if self.change.kind == RowChangeKind::Insert { "0 " } else { "" };
        format!("{} {oid}{rows}\0", self.operation()).into_bytes()
    }

    /// What becomes of a change that did not meet a row, where a policy says so.
    pub(super) fn unmet(&self, facts: &LoadFacts) -> Option<ErrorAction> {
        let apply = &facts.policy.errors.apply;
        let action = match self.change.kind {
            RowChangeKind::Update => apply.update,
            RowChangeKind::Delete => apply.delete,
            RowChangeKind::Insert | RowChangeKind::Merge => return None,
        };
        let ignored = facts.ignores_conflicts().then_some(ErrorAction::IgnoreRecord);
        ignored.or(action).filter(|_| self.change.has_condition)
    }

    /// Whether an error is that of a change that does not meet its row, and a policy for these is set.
    pub(super) fn is_conflict(&self, sqlstate: &[u8], facts: &LoadFacts) -> bool {
        let is_there = self.change.kind == RowChangeKind::Insert && sqlstate == b"23505";
        let is_ruled = facts.policy.errors.apply.insert.is_some() || facts.ignores_conflicts();
        sqlstate == b"02000" || is_there && is_ruled
    }

    /// What becomes of a row that meets this error.
    pub(super) fn action(&self, sqlstate: &[u8], facts: &LoadFacts) -> ErrorAction {
        let errors = &facts.policy.errors;
        if !self.is_conflict(sqlstate, facts) {
            return errors.action(sqlstate);
        }
        let ignored = facts.ignores_conflicts().then_some(ErrorAction::IgnoreRecord);
        ignored.or(errors.apply.insert).unwrap_or_else(|| errors.action(sqlstate))
    }

    /// What rows that are set aside have in common.
    pub(super) fn rejected_from(&self, format: KeptFormat, facts: &LoadFacts) -> RejectedFrom {
        RejectedFrom {
            run: facts.run.clone(),
            session: facts.session.clone(),
            relation: self.change.relation.clone(),
            operation: self.operation(),
            columns: self.change.columns.clone(),
            format: format.name(),
            options: String::new(),
            key: match format {
                KeptFormat::Text => {
                    let options = CopyOptions::new(CopyFormat::Text);
                    kept_key(facts.policy.errors.keep, &options)
                }
                KeptFormat::Sql => None,
            },
        }
    }

    /// What is kept of a row: a row of COPY where its values are plain, and else the statement for it alone.
    pub(super) fn kept(&self, row: usize, values: &BoundValues, facts: &LoadFacts) -> KeptRow {
        let rows = row..row + 1;
        if let Some(bytes) = self.plain_row(&self.part(&rows, |_| None), values, facts) {
            let statement = facts.policy.errors.control_schema.as_ref();
            let statement = statement.map(|_| self.single(&rows, values));
            return KeptRow { format: KeptFormat::Text, bytes, statement };
        }
        let bytes = self.single(&rows, values);
        KeptRow { format: KeptFormat::Sql, bytes, statement: None }
    }

    /// The statement with these rows alone, its parameters as constants.
    fn single(&self, rows: &Range<usize>, values: &BoundValues) -> Vec<u8> {
        self.part(rows, |parameter| {
            let text = self.text_of(parameter, values)?;
            Some(text.map_or_else(|| b"NULL".to_vec(), |text| quoted_text(&text, self.lexing)))
        })
    }
}

/// A name as it is kept, in quotes.
fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in name {
        quoted.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    quoted.push(b'"');
    quoted
}
