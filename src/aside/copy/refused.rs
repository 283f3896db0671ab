//! Rows of a COPY that are not loaded: those that the target refuses, and all of a table that is suspended.

use std::ops::Range;

use super::super::awaits::{Awaits, CopyEnd};
use super::super::batch::{AfterFailure, Attempt, NamedRow};
use super::super::outgoing::BothWays;
use super::super::refusal::{self, NamedLine};
use super::super::rejected::RefusedRow;
use super::CopyLoad;
use super::syncs::is_late;
use crate::policy::ErrorAction;
use crate::wire::{self, OwnError, Severity, tag};

impl CopyLoad {
    /// Brings refused rows to the target.
    pub(super) fn write(&mut self, out: &mut BothWays) {
        let from = self.request.rejected_from(&self.facts);
        self.writes.push_rows(&from, &self.rejected.take(), &self.facts);
        self.writes.extend(self.suspension.take_sql(&from, &self.facts));
        self.write_next(out);
    }

    /// Sends what is to be written down next; whether there was something.
    pub(super) fn write_next(&mut self, out: &mut BothWays) -> bool {
        let Some(sql) = self.writes.next() else { return false };
        out.to_target.extend(self.transaction.write(&sql));
        self.awaits = Awaits::Write;
        true
    }

    /// The target has said whether the table is suspended.
    pub(super) fn on_suspended(&mut self, row: &[u8]) {
        self.suspension.on_answer(row, &self.request.table_name());
    }

    /// An attempt has failed.
    pub(super) fn on_refused(
        &mut self,
        range: Range<usize>,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let sqlstate = refusal::deciding(&failure);
        let action = self.facts.policy.errors.action(sqlstate);
        let (table, head_lines) = (self.request.table(), self.rows.head_lines);
        let (Some((batch, attempts)), false) = (&mut self.flight, range.is_empty()) else {
            return self.fail(failure, out);
        };
        let named = match refusal::named_line(&failure, table) {
            NamedLine::Line(line) if line <= head_lines => return self.fail(failure, out),
            NamedLine::Line(line) => batch.row_at(&range, line, head_lines),
            NamedLine::None => None,
        };
        if !action.goes_on() {
            let line = named.map(|named| batch.line(named.row));
            return self.on_unwanted(range, line, failure, out);
        }
        if let Some(NamedRow { row, is_certain: true }) = named {
            self.suspects.learn(batch, &(range.start..row), row, &failure);
        }
        if let AfterFailure::Row(row) = attempts.on_failure(range, named)
            && let Err(failure) = self.set_row_aside(row, failure)
        {
            return self.fail(failure, out);
        }
        self.transaction.note_failure();
        self.pump(out)
    }

    /// The load ends with an error, or its table is suspended. `line` is that of the row.
    fn on_unwanted(
        &mut self,
        rows: Range<usize>,
        line: Option<u64>,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        if is_late(&failure) && self.is_broken_off() {
            // The server ends the session with the message that came among the rows, before it looks at this.
            self.transaction.note_failure();
            return self.pump(out);
        }
        let sqlstate = refusal::deciding(&failure);
        if self.facts.table_action(sqlstate) != ErrorAction::SuspendTable {
            return self.fail(refusal::with_line_if(failure, self.request.table(), line), out);
        }
        self.transaction.note_failure();
        let table = self.request.table_name();
        self.suspension.begin(rows.start, &table, sqlstate, Some(&failure));
        if let Some((_, attempts)) = &mut self.flight {
            attempts.put_back(Attempt::unread(rows));
        }
        self.pump(out)
    }

    /// Whether a message has come among the rows that is not about them.
    fn is_broken_off(&self) -> bool {
        let frame_tag = self.client_end.as_ref().and_then(|frame| frame.first());
        frame_tag.is_some_and(|frame_tag| *frame_tag != tag::COPY_FAIL)
    }

    /// Sets a row of the batch aside that the target refuses.
    ///
    /// # Errors
    /// Its error, with the line of the stream, ends the load.
    pub(super) fn set_row_aside(&mut self, row: usize, failure: Vec<u8>) -> Result<(), Vec<u8>> {
        let Some((batch, _)) = &self.flight else { return Err(failure) };
        let (bytes, line) = (batch.slice(&(row..row + 1)).to_vec(), batch.line(row));
        let failure = refusal::with_line(&failure, self.request.table(), line);
        let action = self.facts.policy.errors.action(refusal::deciding(&failure));
        if !action.goes_on() {
            return Err(failure);
        }
        self.suspects.on_refused();
        self.set_aside((&bytes, bytes.len(), line), failure, action, row + 1)
    }

    /// Sets a row with this length and line aside, as the policies say; `next` is the row behind it.
    ///
    /// # Errors
    /// Its error ends the load.
    pub(super) fn set_aside(
        &mut self,
        (row, length, line): (&[u8], usize, u64),
        failure: Vec<u8>,
        action: ErrorAction,
        next: usize,
    ) -> Result<(), Vec<u8>> {
        let action = self.facts.escalated(&self.request.relation, false, action);
        if !action.goes_on() {
            return Err(failure);
        }
        if action == ErrorAction::SuspendTable {
            let table = self.request.table_name();
            self.suspension.begin(next, &table, refusal::sqlstate(&failure), None);
        }
        self.rejected.push(RefusedRow { row, statement: None, length, line, action, failure });
        Ok(())
    }

    /// Sets a row aside whose line break is of another kind than the stream has.
    ///
    /// # Errors
    /// Its error ends the load.
    pub(super) fn set_foreign_aside(&mut self, row: &[u8], line: u64) -> Result<(), OwnError> {
        let error = self.request.foreign_break(row, line);
        let action = self.facts.policy.errors.action(error.sqlstate.as_bytes());
        let failure = wire::error_response(&error, Severity::Error);
        // Rows of batches behind the one under way are set aside.
        match action.goes_on() {
            true => self
                .set_aside((row, row.len(), line), failure, action, usize::MAX)
                .map_err(|_| error),
            false => Err(error),
        }
    }

    /// Sets rows of the batch aside whole, as many as are written at a time.
    pub(super) fn set_range_aside(&mut self, mut range: Range<usize>) {
        let Some((batch, attempts)) = &mut self.flight else { return };
        for at in range.by_ref() {
            let Some(error) = self.suspension.error(at) else { continue };
            let (row, line) = (batch.slice(&(at..at + 1)), batch.line(at));
            let (action, failure) = (ErrorAction::SuspendTable, error.to_vec());
            self.rejected.push(RefusedRow {
                row,
                statement: None,
                length: row.len(),
                line,
                action,
                failure,
            });
            if self.rejected.is_full() {
                break;
            }
        }
        attempts.put_back(Attempt::unread(range));
    }

    /// The target does not take rows for the table.
    pub(super) fn on_not_open(&mut self, failure: Vec<u8>, out: &mut BothWays) -> Option<CopyEnd> {
        let sqlstate = refusal::deciding(&failure);
        if self.facts.table_action(sqlstate) != ErrorAction::SuspendTable {
            return self.fail(failure, out);
        }
        let table = self.request.table_name();
        self.suspension.begin(0, &table, sqlstate, Some(&failure));
        self.transaction.note_failure();
        out.to_session.extend(self.request.copy_in_response());
        self.pump(out)
    }
}
