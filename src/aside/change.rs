//! One statement that changes rows: it is sent as it is, in a savepoint where there is a transaction. Where
//! a row of it is refused, its rows are sent again in parts, and those that are refused alone are set aside.
//! Pure: frames in, frames out.
//!
//! ```text
//!   begin --> Whole --ok--------------------------------------------> ended
//!               | a row is refused                                      ^
//!               v                                                       |
//!             Part --> Part ... --> Write (rejected_rows) --> Commit ---'
//!               | an error that is not about a row
//!               '--> Undo --> ended
//! ```

use std::ops::Range;
use std::sync::Arc;

use super::batch::{AfterFailure, Attempts};
use super::bound::BoundValues;
use super::change_answer::{ChangeAnswer, ChangeResult, ChangeSaid};
use super::change_text::ChangeText;
use super::facts::LoadFacts;
use super::outgoing::BothWays;
use super::refusal;
use super::rejected_changes::RejectedChanges;
use super::transaction::{BoundStatement, LoadTransaction, OwnWay};
use super::unit::{Unit, UnitAnswers};
use crate::policy::{ErrorAction, is_about_row};
use crate::wire::{self, FAILING_SQL, OwnError, Severity, TransactionStatus, tag};

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
    rejected: RejectedChanges,
    changed: u64,
}

/// What the target is to say next.
#[derive(Debug)]
enum ChangeAwaits {
    Whole,
    Part(Range<usize>),
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
    /// Sends a simple query with the statement.
    pub(super) fn begin(
        text: Arc<ChangeText>,
        facts: LoadFacts,
        status: TransactionStatus,
        out: &mut BothWays,
    ) -> ChangeLoad {
        let mut transaction = LoadTransaction::new(&facts.name, status, OwnWay::Query);
        // Outside of a transaction the statement is one by itself.
        let frames = match transaction.is_ours() {
            true => wire::with_body(tag::QUERY, &[&text.sql, b"\0"]),
            false => transaction.attempt(&text.sql),
        };
        let unit = (text, UnitAnswers::default(), BoundValues::default());
        ChangeLoad::sent(unit, facts, status, transaction, true, &frames, out)
    }

    /// Sends messages that execute the statement. `is_last` says that the client's Sync follows them.
    pub(super) fn begin_unit(
        unit: Unit,
        facts: LoadFacts,
        status: TransactionStatus,
        mut transaction: LoadTransaction,
        is_last: bool,
        out: &mut BothWays,
    ) -> Option<ChangeLoad> {
        let frames = match is_last && transaction.is_ours() && !transaction.is_begun() {
            true => [&unit.frames[..], &wire::with_body(tag::SYNC, &[])].concat(),
            false => transaction.attempt_messages(&unit.frames),
        };
        let unit = unit.into_parts()?;
        Some(ChangeLoad::sent(unit, facts, status, transaction, is_last, &frames, out))
    }

    fn sent(
        (text, unit_answers, values): (Arc<ChangeText>, UnitAnswers, BoundValues),
        facts: LoadFacts,
        status: TransactionStatus,
        transaction: LoadTransaction,
        is_last: bool,
        frames: &[u8],
        out: &mut BothWays,
    ) -> ChangeLoad {
        out.to_target.extend_from_slice(frames);
        let mut answer = ChangeAnswer::new(status);
        answer.skip(transaction.answers_in_front());
        ChangeLoad {
            rejected: RejectedChanges::new(&facts.policy.errors),
            attempts: Attempts::default(),
            awaits: ChangeAwaits::Whole,
            changed: 0,
            unit: Vec::new(),
            text,
            values,
            facts,
            transaction,
            is_last,
            answer,
            unit_answers,
        }
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
                out.to_session.extend(frame);
                None
            }
            ChangeSaid::Ready => self.on_ready(out),
        }
    }

    fn on_ready(&mut self, out: &mut BothWays) -> Option<ChangeEnd> {
        let mut result = self.answer.take();
        let failure = result.failure.take();
        match (std::mem::replace(&mut self.awaits, ChangeAwaits::Commit), failure) {
            (ChangeAwaits::Undo(error), _) => Some(self.failed(&error, out)),
            (ChangeAwaits::Whole, None) => self.on_whole(result, out),
            (ChangeAwaits::Whole, Some(failure)) => {
                self.unit = result.unit;
                let action = self.text.action(refusal::deciding(&failure), &self.facts);
                if action.goes_on() {
                    self.unit.extend(self.unit_answers.behind(result.unit_messages));
                }
                let rows = self.text.rows();
                self.on_refused(0..rows, failure, out)
            }
            (ChangeAwaits::Part(_), None) => {
                self.changed += result.rows();
                self.pump(out)
            }
            (ChangeAwaits::Part(rows), Some(failure)) => self.on_refused(rows, failure, out),
            (ChangeAwaits::Record(..), None) => {
                self.changed += result.rows();
                self.pump(out)
            }
            (ChangeAwaits::Record(row, first), Some(failure)) => {
                self.on_not_recorded(row, first, failure, out)
            }
            (ChangeAwaits::Write, None) => self.pump(out),
            (ChangeAwaits::Write, Some(failure)) => {
                let first = self.rejected.take_first_error();
                self.fail(refusal::not_written(&first, &failure), out)
            }
            (ChangeAwaits::Commit, None) => Some(self.done(out)),
            (ChangeAwaits::Commit, Some(failure)) => Some(self.failed(&failure, out)),
        }
    }

    /// The statement is in as the client has sent it.
    fn on_whole(&mut self, result: ChangeResult, out: &mut BothWays) -> Option<ChangeEnd> {
        self.changed = result.rows();
        self.unit = result.unit;
        let action = self.text.unmet(&self.facts).filter(|_| self.changed == 0);
        let Some(action) = action else {
            if self.transaction.is_begun() && self.transaction.is_ours() && self.is_last {
                // The statements in front of it were not the last ones.
                return self.pump(out);
            }
            return Some(self.complete(result.tag, out));
        };
        let what = format!("{} of a row that is not there", self.text.operation());
        let failure = wire::error_response(&OwnError::new("02000", what), Severity::Error);
        if !action.goes_on() {
            if self.transaction.is_ours() {
                return self.fail(failure, out);
            }
            // The client's transaction has to fail with it.
            out.to_target.extend(self.transaction.statement(FAILING_SQL.as_bytes()));
            self.awaits = ChangeAwaits::Undo(failure);
            return None;
        }
        self.set_aside(0, action, failure);
        self.pump(out)
    }

    /// The target has refused these rows.
    fn on_refused(
        &mut self,
        rows: Range<usize>,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        let action = self.text.action(refusal::deciding(&failure), &self.facts);
        if !action.goes_on() {
            return self.fail(failure, out);
        }
        self.transaction.note_failure();
        let AfterFailure::Row(row) = self.attempts.on_failure(rows, None) else {
            return self.pump(out);
        };
        if action == ErrorAction::InsertRecord {
            let constraint = refusal::constraint(&failure);
            if let Some(upsert) = self.text.upsert(row, constraint, &self.values) {
                self.attempt(upsert, ChangeAwaits::Record(row, failure), out);
                return None;
            }
        }
        self.set_aside(row, action, failure);
        self.pump(out)
    }

    /// The row that is there does not take the values.
    fn on_not_recorded(
        &mut self,
        row: usize,
        first: Vec<u8>,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        // A unique index is not a constraint by which ON CONFLICT can be told.
        let is_about_row = is_about_row(refusal::deciding(&failure));
        if !is_about_row && refusal::sqlstate(&failure) != b"42704" {
            return self.fail(failure, out);
        }
        self.transaction.note_failure();
        self.set_aside(row, ErrorAction::LogError, first);
        self.pump(out)
    }

    /// Sends a statement in place of the client's.
    fn attempt(&mut self, bound: BoundStatement, awaits: ChangeAwaits, out: &mut BothWays) {
        out.to_target.extend(self.transaction.attempt_bound(bound));
        self.answer.skip(self.transaction.answers_in_front());
        self.awaits = awaits;
    }

    fn set_aside(&mut self, row: usize, action: ErrorAction, failure: Vec<u8>) {
        let kept = self.text.kept(row, &self.values, &self.facts);
        self.rejected.push(kept, row, action, failure);
    }

    /// Sends what is due.
    fn pump(&mut self, out: &mut BothWays) -> Option<ChangeEnd> {
        let next = if self.rejected.is_full() { None } else { self.attempts.next() };
        if let Some(rows) = next {
            let part = self.text.bound(&rows, &self.values);
            self.attempt(part, ChangeAwaits::Part(rows), out);
            return None;
        }
        if let Some(sql) = self.rejected.take_sql(&self.text, &self.facts) {
            out.to_target.extend(self.transaction.statement(&sql));
            self.awaits = ChangeAwaits::Write;
            return None;
        }
        if self.transaction.is_begun() && self.transaction.is_ours() && self.is_last {
            out.to_target.extend(self.transaction.statement(b"COMMIT"));
            self.awaits = ChangeAwaits::Commit;
            return None;
        }
        Some(self.done(out))
    }

    /// The statement ends with this error of the target's.
    fn fail(&mut self, failure: Vec<u8>, out: &mut BothWays) -> Option<ChangeEnd> {
        let failure = self.transaction.with_own_position(failure);
        if !(self.transaction.is_ours() && self.transaction.is_begun() && self.is_last) {
            return Some(self.failed(&failure, out));
        }
        out.to_target.extend(self.transaction.give_up());
        self.awaits = ChangeAwaits::Undo(failure);
        None
    }

    fn failed(&mut self, failure: &[u8], out: &mut BothWays) -> ChangeEnd {
        out.to_session.append(&mut self.unit);
        out.to_session.extend_from_slice(failure);
        out.to_session.extend(self.ready());
        ChangeEnd::Failed
    }

    /// All rows are in, or set aside.
    fn done(&mut self, out: &mut BothWays) -> ChangeEnd {
        let (table, count) = (self.text.table_name(), self.rejected.count());
        if count > 0 {
            out.to_session.extend(refusal::notice(&table, count, &self.facts.run));
            tracing::debug!(
                table,
                changed = self.changed,
                set_aside = count,
                "rows were set aside"
            );
        }
        self.complete(Some(self.text.tag(self.changed)), out)
    }

    fn complete(&mut self, tag_body: Option<Vec<u8>>, out: &mut BothWays) -> ChangeEnd {
        out.to_session.append(&mut self.unit);
        if let Some(body) = tag_body {
            out.to_session.extend(wire::with_body(tag::COMMAND_COMPLETE, &[&body]));
        }
        out.to_session.extend(self.ready());
        ChangeEnd::Done
    }

    fn ready(&self) -> Vec<u8> {
        match self.is_last {
            true => wire::with_body(tag::READY_FOR_QUERY, &[&[self.answer.status.byte()]]),
            false => Vec::new(),
        }
    }
}
