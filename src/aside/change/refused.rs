//! Rows of a statement that are not changed: those that the target refuses or does not have, and all of a table that is
//! suspended.

use std::ops::Range;

use super::super::batch::AfterFailure;
use super::super::change_answer::ChangeResult;
use super::super::outgoing::BothWays;
use super::super::refusal;
use super::super::transaction::BoundStatement;
use super::{ChangeAwaits, ChangeEnd, ChangeLoad};
use crate::policy::{ErrorAction, is_about_row};
use crate::wire::{self, FAILING_SQL, OwnError, Severity};

impl ChangeLoad {
    /// The statement is in as the client has sent it.
    pub(super) fn on_whole(
        &mut self,
        result: ChangeResult,
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        self.changed = result.rows();
        self.unit = result.unit;
        let Some(action) = self.text.unmet(&self.facts).filter(|_| self.changed == 0) else {
            if self.transaction.is_begun() && self.transaction.is_ours() && self.is_last {
                // The statements in front of it were not the last ones.
                return self.pump(out);
            }
            return Some(self.complete(result.tag, out));
        };
        let what = format!("{} of a row that is not there", self.text.operation());
        let failure = wire::error_response(&OwnError::new("02000", what), Severity::Error);
        if action == ErrorAction::UpdateRecord
            && let Some(insert) = self.text.missing_row(&self.values)
        {
            self.attempt(insert, ChangeAwaits::Record(0, failure), out);
            return None;
        }
        let mut rows = 0..self.text.rows();
        match rows.try_for_each(|row| self.set_aside(row, action, failure.clone())) {
            Ok(()) => self.pump(out),
            Err(failure) if self.transaction.is_ours() => self.fail(failure, out),
            Err(failure) => {
                // The client's transaction has to fail with it.
                out.to_target.extend(self.transaction.statement(FAILING_SQL.as_bytes()));
                self.awaits = ChangeAwaits::Undo(failure);
                None
            }
        }
    }

    /// The target has refused these rows; of the whole statement, behind `answered` messages.
    pub(super) fn on_refused(
        &mut self,
        rows: Range<usize>,
        failure: Vec<u8>,
        answered: Option<usize>,
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        let sqlstate = refusal::deciding(&failure);
        let action = self.text.action(sqlstate, &self.facts);
        let suspends =
            !action.goes_on() && self.facts.table_action(sqlstate) == ErrorAction::SuspendTable;
        if !action.goes_on() && !suspends {
            return self.fail(failure, out);
        }
        if let Some(answered) = answered {
            self.unit.extend(self.unit_answers.behind(answered));
        }
        if suspends {
            self.transaction.note_failure();
            self.suspend(0, sqlstate, Some(&failure));
            self.suspended.insert(0, rows);
            return self.pump(out);
        }
        if let AfterFailure::Row(row) = self.attempts.on_failure(rows, None) {
            if action == ErrorAction::InsertRecord {
                let constraint = refusal::constraint(&failure);
                if self.text.can_upsert(constraint) {
                    self.transaction.note_failure();
                    self.record(row, failure, out);
                    return None;
                }
            }
            if let Err(failure) = self.set_aside(row, action, failure) {
                return self.fail(failure, out);
            }
        }
        self.transaction.note_failure();
        self.pump(out)
    }

    /// The row that is there is to take the values of this one, whose INSERT has failed.
    fn record(&mut self, row: usize, failure: Vec<u8>, out: &mut BothWays) {
        self.assigned = self.assigned.take().or_else(|| self.text.assigned());
        let Some(assigned) = &self.assigned else {
            let question = self.text.assigned_question(self.facts.encoding);
            out.to_target.extend(self.transaction.statement(&question));
            self.awaits = ChangeAwaits::Columns(row, failure);
            return;
        };
        let constraint = refusal::constraint(&failure);
        let upsert = self.text.upsert(row, constraint, assigned, &self.values);
        self.attempt(upsert, ChangeAwaits::Record(row, failure), out);
    }

    /// The target has said to which columns an INSERT assigns that lists none.
    pub(super) fn on_columns(
        &mut self,
        row: usize,
        failure: Vec<u8>,
        answer: &[u8],
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        let columns = wire::data_row_text(answer).unwrap_or_default();
        self.assigned = columns.first().copied().flatten().map(<[u8]>::to_vec);
        if self.assigned.is_some() {
            self.record(row, failure, out);
            return None;
        }
        if let Err(failure) = self.set_aside(row, ErrorAction::LogError, failure) {
            return self.fail(failure, out);
        }
        self.pump(out)
    }

    /// The row does not take the values of a conflict; the first error is that of the statement.
    pub(super) fn on_not_recorded(
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
        if let Err(failure) = self.set_aside(row, ErrorAction::LogError, first) {
            return self.fail(failure, out);
        }
        self.transaction.note_failure();
        self.pump(out)
    }

    /// Sends a statement in place of the client's.
    pub(super) fn attempt(
        &mut self,
        bound: BoundStatement,
        awaits: ChangeAwaits,
        out: &mut BothWays,
    ) {
        let frames = self.transaction.attempt_bound(bound);
        self.send(&frames, awaits, out);
    }

    /// Sets a row aside, as the policies say.
    ///
    /// # Errors
    /// Its error ends the statement.
    fn set_aside(
        &mut self,
        row: usize,
        action: ErrorAction,
        failure: Vec<u8>,
    ) -> Result<(), Vec<u8>> {
        if !action.goes_on() {
            return Err(failure);
        }
        let is_conflict = self.text.is_conflict(refusal::sqlstate(&failure), &self.facts);
        let action = self.facts.escalated(&self.text.change.relation, is_conflict, action);
        if !action.goes_on() {
            return Err(failure);
        }
        if action == ErrorAction::SuspendTable {
            self.suspend(row + 1, refusal::sqlstate(&failure), None);
        }
        self.push(row, action, failure);
        Ok(())
    }

    fn push(&mut self, row: usize, action: ErrorAction, failure: Vec<u8>) {
        let kept = self.text.kept(row, &self.values, &self.facts);
        self.rejected.push(kept, row, action, failure);
    }

    /// Suspends the table: rows that were not sent are set aside whole.
    fn suspend(&mut self, row: usize, sqlstate: &[u8], of_all: Option<&[u8]>) {
        self.suspension.begin(row, &self.text.table_name(), sqlstate, of_all);
        self.suspended.extend(std::iter::from_fn(|| self.attempts.next()));
    }

    /// Sets rows aside whole, as many as are written at a time.
    pub(super) fn set_suspended_aside(&mut self) {
        while let Some(rows) = self.suspended.first_mut() {
            if self.rejected.is_full() {
                return;
            }
            let Some(row) = rows.next() else {
                self.suspended.remove(0);
                continue;
            };
            if let Some(error) = self.suspension.error(usize::MAX) {
                let error = error.to_vec();
                self.push(row, ErrorAction::SuspendTable, error);
            }
        }
    }

    /// The messages in front of the Execute are answered, for a table that is suspended.
    pub(super) fn on_prepared(
        &mut self,
        result: ChangeResult,
        failure: Option<Vec<u8>>,
        out: &mut BothWays,
    ) -> Option<ChangeEnd> {
        self.unit = result.unit;
        if let Some(failure) = failure {
            if !is_about_row(refusal::deciding(&failure)) {
                return self.fail(failure, out);
            }
            self.unit.extend(self.unit_answers.behind(result.unit_messages));
            self.transaction.note_failure();
        }
        self.pump(out)
    }
}
