//! One statement that changes rows: it is sent as it is, in a savepoint where there is a transaction. Where
//! a row of it is refused, its rows are sent again in parts, and those that are refused alone are set aside.
//! Pure: frames in, frames out.
//!
//! ```text
//!   begin --> Question --> Whole --ok-------------------------------> ended
//!                            | a row is refused                         ^
//!                            v                                          |
//!             Prepared     Part --> Part ... --> Write --> Commit ------'
//!             (suspended)    | an error that is not about a row
//!                            '--> Undo --> ended
//! ```

mod ending;
mod refused;

use std::ops::Range;
use std::sync::Arc;

use super::batch::Attempts;
use super::bound::BoundValues;
use super::change_answer::{ChangeAnswer, ChangeSaid};
use super::change_text::{ChangeText, KeptFormat};
use super::facts::LoadFacts;
use super::outgoing::BothWays;
use super::refusal;
use super::rejected_changes::RejectedChanges;
use super::suspension::Suspension;
use super::transaction::LoadTransaction;
use super::unit::{Unit, UnitAnswers, UnitParts};
use super::writes::OwnWrites;
use crate::wire::{self, TransactionStatus, tag};

/// A statement under way.
#[derive(Debug)]
pub(super) struct ChangeLoad {
    text: Arc<ChangeText>,
    values: BoundValues,
    facts: LoadFacts,
    transaction: LoadTransaction,
    /// The end of the statement is that of the transaction, if it is ours, and ReadyForQuery follows.
    is_last: bool,
    attempts: Attempts,
    awaits: ChangeAwaits,
    answer: ChangeAnswer,
    /// What the client gets before the CommandComplete.
    unit: Vec<u8>,
    unit_answers: UnitAnswers,
    /// The client's messages that are sent whole; none for a simple query.
    messages: Vec<u8>,
    /// Those of them in front of the Execute.
    before_execute: usize,
    rejected: RejectedChanges,
    writes: OwnWrites,
    suspension: Suspension,
    /// Rows that are set aside whole.
    suspended: Vec<Range<usize>>,
    /// What a row that is there is assigned where it takes the values of another one, once that is known.
    assigned: Option<Vec<u8>>,
    changed: u64,
}

/// What the target is to say next.
#[derive(Debug)]
enum ChangeAwaits {
    /// Whether the table is suspended.
    Question,
    Whole,
    /// The messages in front of the Execute, for a table that is suspended.
    Prepared,
    Part(Range<usize>),
    /// To which columns the INSERT assigns; the one of this row has failed with this error.
    Columns(usize, Vec<u8>),
    /// A row that is there takes the values of this one; the INSERT of it has failed with this error.
    Record(usize, Vec<u8>),
    Write,
    Commit,
    /// The end of what the client does not see; then it gets this error.
    Undo(Vec<u8>),
}

/// How a statement has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeEnd {
    Done,
    Failed,
}

impl ChangeLoad {
    /// Sends a simple query with the statement. `is_last` says that ReadyForQuery follows it.
    pub(super) fn begin(
        text: Arc<ChangeText>,
        facts: LoadFacts,
        status: TransactionStatus,
        transaction: LoadTransaction,
        is_last: bool,
        out: &mut BothWays,
    ) -> ChangeLoad {
        ChangeLoad::begun(UnitParts::of(text), facts, status, transaction, is_last, out)
    }

    /// Sends messages that execute the statement. `is_last` says that the client's Sync follows them.
    pub(super) fn begin_unit(
        unit: Unit,
        facts: LoadFacts,
        status: TransactionStatus,
        transaction: LoadTransaction,
        is_last: bool,
        out: &mut BothWays,
    ) -> Option<ChangeLoad> {
        let parts = unit.into_parts()?;
        Some(ChangeLoad::begun(parts, facts, status, transaction, is_last, out))
    }

    fn begun(
        parts: UnitParts,
        facts: LoadFacts,
        status: TransactionStatus,
        transaction: LoadTransaction,
        is_last: bool,
        out: &mut BothWays,
    ) -> ChangeLoad {
        let UnitParts { text, answers, values, messages, before_execute } = parts;
        let mut load = ChangeLoad {
            rejected: RejectedChanges::new(&facts, text.operation()),
            writes: OwnWrites::default(),
            suspension: Suspension::new(&facts),
            suspended: Vec::new(),
            attempts: Attempts::default(),
            awaits: ChangeAwaits::Whole,
            assigned: None,
            changed: 0,
            unit: Vec::new(),
            unit_answers: answers,
            answer: ChangeAnswer::new(status),
            text,
            values,
            messages,
            before_execute,
            facts,
            transaction,
            is_last,
        };
        if load.suspension.is_due() {
            let question = Suspension::question(&load.text.change.relation, &load.facts);
            out.to_target.extend(load.transaction.statements(&question));
            load.awaits = ChangeAwaits::Question;
        } else {
            load.send_whole(out);
        }
        load
    }

    /// Outside of a transaction the statement is one by itself.
    fn is_alone(&self) -> bool {
        self.is_last && self.transaction.is_ours() && !self.transaction.is_begun()
    }

    fn send_whole(&mut self, out: &mut BothWays) {
        let frames = match (self.messages.is_empty(), self.is_alone()) {
            (true, true) => wire::with_body(tag::QUERY, &[&self.text.sql, b"\0"]),
            (true, false) => self.transaction.attempt(&self.text.sql),
            (false, true) => [&self.messages[..], &wire::with_body(tag::SYNC, &[])].concat(),
            (false, false) => self.transaction.attempt_messages(&self.messages),
        };
        self.send(&frames, ChangeAwaits::Whole, out);
    }

    fn send(&mut self, frames: &[u8], awaits: ChangeAwaits, out: &mut BothWays) {
        out.to_target.extend_from_slice(frames);
        self.answer.skip(self.transaction.answers_in_front());
        self.awaits = awaits;
    }

    /// The target has said whether the table is suspended.
    fn on_suspended(&mut self, row: &[u8], out: &mut BothWays) -> Option<ChangeEnd> {
        self.suspension.on_answer(row, &self.text.table_name());
        if !self.suspension.is_begun() {
            self.send_whole(out);
            return None;
        }
        self.suspended.push(0..self.text.rows());
        if self.messages.is_empty() {
            return self.pump(out);
        }
        // What the client has named has to be there afterwards.
        let messages = self.messages.get(..self.before_execute).unwrap_or_default();
        let frames = match self.is_alone() {
            true => [messages, &wire::with_body(tag::SYNC, &[])].concat(),
            false => self.transaction.attempt_messages(messages),
        };
        self.answer.expect(self.unit_answers.count());
        self.send(&frames, ChangeAwaits::Prepared, out);
        None
    }

    /// When no table was suspended.
    pub(super) fn none_suspended_at(&self) -> Option<u64> {
        self.suspension.none_at()
    }

    /// A transaction of ours that goes on.
    pub(super) fn into_block(self) -> Option<LoadTransaction> {
        let goes_on = !self.is_last && self.transaction.is_ours() && self.transaction.is_begun();
        goes_on.then_some(self.transaction)
    }

    /// A frame of the target's, its head included.
    pub(super) fn on_target(&mut self, frame: &[u8], out: &mut BothWays) -> Option<ChangeEnd> {
        match self.answer.on_frame(frame) {
            ChangeSaid::Noted => None,
            ChangeSaid::ForSession => {
                let is_notice = frame.first() == Some(&tag::NOTICE_RESPONSE);
                let told = is_notice.then(|| self.at_own_position(frame.to_vec()));
                out.to_session.extend_from_slice(told.as_deref().unwrap_or(frame));
                None
            }
            ChangeSaid::Ready => self.on_ready(out),
        }
    }

    /// An error or a notice of the target's with its position in the text of the client's.
    fn at_own_position(&self, frame: Vec<u8>) -> Vec<u8> {
        self.text.with_whole_position(self.transaction.with_own_position(frame))
    }

    fn on_ready(&mut self, out: &mut BothWays) -> Option<ChangeEnd> {
        let mut result = self.answer.take();
        let failure = result.failure.take();
        match (std::mem::replace(&mut self.awaits, ChangeAwaits::Commit), failure) {
            (ChangeAwaits::Undo(error), _) => Some(self.failed(&error, out)),
            (ChangeAwaits::Question, None) => self.on_suspended(&result.row, out),
            (ChangeAwaits::Question, Some(failure)) => self.fail(failure, out),
            (ChangeAwaits::Whole, None) => self.on_whole(result, out),
            (ChangeAwaits::Whole, Some(failure)) => {
                self.unit = result.unit;
                let answered = result.unit_messages;
                let rows = self.text.rows();
                self.on_refused(0..rows, failure, Some(answered), out)
            }
            (ChangeAwaits::Prepared, failure) => self.on_prepared(result, failure, out),
            (ChangeAwaits::Part(_), None) => {
                self.changed += result.rows();
                self.pump(out)
            }
            (ChangeAwaits::Part(rows), Some(failure)) => self.on_refused(rows, failure, None, out),
            (ChangeAwaits::Columns(row, first), None) => {
                self.on_columns(row, first, &result.row, out)
            }
            (ChangeAwaits::Columns(..), Some(failure)) => self.fail(failure, out),
            (ChangeAwaits::Record(..), None) => {
                self.changed += result.rows();
                self.pump(out)
            }
            (ChangeAwaits::Record(row, first), Some(failure)) => {
                self.on_not_recorded(row, first, failure, out)
            }
            (ChangeAwaits::Write, None) => {
                self.writes.on_done(&result.row);
                self.pump(out)
            }
            (ChangeAwaits::Write, Some(failure)) => {
                let first = self.rejected.take_first_error();
                self.fail(refusal::not_written(&first, &failure), out)
            }
            (ChangeAwaits::Commit, None) => Some(self.done(out)),
            (ChangeAwaits::Commit, Some(failure)) => Some(self.failed(&failure, out)),
        }
    }

    /// Sends what is due.
    fn pump(&mut self, out: &mut BothWays) -> Option<ChangeEnd> {
        if let Some(sql) = self.writes.next() {
            out.to_target.extend(self.transaction.write(&sql));
            self.awaits = ChangeAwaits::Write;
            return None;
        }
        self.set_suspended_aside();
        let next = if self.rejected.is_full() { None } else { self.attempts.next() };
        if let Some(rows) = next {
            let part = self.text.bound(&rows, &self.values);
            self.attempt(part, ChangeAwaits::Part(rows), out);
            return None;
        }
        self.rejected.write(&self.text, &self.facts, &mut self.writes);
        let from = self.text.rejected_from(KeptFormat::Sql, &self.facts);
        self.writes.extend(self.suspension.take_sql(&from, &self.facts));
        if !self.writes.is_empty() || !self.suspended.is_empty() {
            return self.pump(out);
        }
        if self.transaction.is_begun() && self.transaction.is_ours() && self.is_last {
            out.to_target.extend(self.transaction.statement(b"COMMIT"));
            self.awaits = ChangeAwaits::Commit;
            return None;
        }
        Some(self.done(out))
    }
}
