//! One COPY whose refused rows are set aside: its rows go on in batches inside savepoints, and a batch that
//! fails is sent again without the row that the server names. Pure: frames in, frames out.
//!
//! ```text
//!         first COPY is sent      CopyInResponse           a batch is full, or the rows end
//!   begin ----------------> Open ---------------> Rows -----------------------------------> Attempt <--.
//!                             | error                                   COPY n, or an error    |   |    | more
//!                             v                                                                '---+----'
//!                           Undo <----- an error that is not about a row ----------------------'   | none
//!                             |                                                                    v
//!                             v                                          Commit <---- Write (rejected_rows)
//!                           ended
//! ```

use std::ops::Range;

use super::awaits::{Awaits, CopyAnswer, CopyEnd, TargetSaid};
use super::batch::{AfterFailure, Attempts, Batch};
use super::facts::LoadFacts;
use super::incoming::{Incoming, LongRow};
use super::outgoing::BothWays;
use super::refusal::{self, NamedLine};
use super::rejected::{RefusedRow, Rejected};
use super::request::CopyRequest;
use super::transaction::{LoadTransaction, OwnWay};
use crate::ledger::rejects::write_sql;
use crate::wire::{self, FAILING_SQL, OwnError, Severity, TransactionStatus, tag};

/// A COPY under way.
#[derive(Debug)]
pub(super) struct CopyLoad {
    request: CopyRequest,
    facts: LoadFacts,
    transaction: LoadTransaction,
    rows: Incoming,
    /// The client's CopyFail.
    client_failed: Option<Vec<u8>>,
    /// The batch that is sent, and what of it goes next.
    flight: Option<(Batch, Attempts)>,
    /// What the next batch is held to.
    limit: Option<usize>,
    awaits: Awaits,
    answer: CopyAnswer,
    rejected: Rejected,
    loaded: u64,
    /// The error of ours that ends the load.
    fault: Option<Vec<u8>>,
}

impl CopyLoad {
    /// Sends the first COPY.
    pub(super) fn begin(
        request: CopyRequest,
        facts: LoadFacts,
        status: TransactionStatus,
        out: &mut BothWays,
    ) -> CopyLoad {
        let errors = &facts.policy.errors;
        let (encoding, major) = (facts.encoding, facts.server_major);
        let mut transaction = LoadTransaction::new(&facts.name, status, OwnWay::Query);
        out.to_target.extend(transaction.attempt(&request.sql));
        CopyLoad {
            transaction,
            rows: Incoming::new(&request.options, encoding, major, errors.batch_bytes),
            client_failed: None,
            flight: None,
            limit: None,
            awaits: Awaits::Open,
            answer: CopyAnswer::new(status),
            rejected: Rejected::new(errors, &request.options),
            loaded: 0,
            fault: None,
            request,
            facts,
        }
    }

    /// Whether no more is taken for now: it is not known whether the target takes rows, or enough are here.
    pub(super) fn is_full(&self) -> bool {
        let is_unsure =
            matches!(self.awaits, Awaits::Open | Awaits::Undo(_)) || self.fault.is_some();
        is_unsure || self.rows.is_full() || self.client_failed.is_some() || self.rejected.is_full()
    }

    /// Rows of the client's.
    pub(super) fn on_rows(&mut self, payload: &[u8], out: &mut BothWays) -> Option<CopyEnd> {
        if self.rows.is_in_long_row() {
            self.pass_long(payload, out);
            return self.end_long_row(out);
        }
        let found = self.rows.take(payload);
        for (row, line) in found.foreign {
            let error = self.request.foreign_break(&row, line);
            let action = self.facts.policy.errors.action(error.sqlstate.as_bytes());
            if !action.goes_on() {
                return self.fail_by(&error, out);
            }
            let failure = wire::error_response(&error, Severity::Error);
            self.rejected.push(RefusedRow { row: &row, length: row.len(), line, action, failure });
        }
        if found.has_garbage {
            let error = OwnError::new("22P04", "received copy data after EOF marker");
            return self.fail_by(&error, out);
        }
        self.pump(out)
    }

    /// The client has no more rows.
    pub(super) fn on_done(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        self.rows.end();
        // A long row that waits is cut once it goes on.
        if self.rows.has_long_row() { self.pump(out) } else { self.on_rows(&[], out) }
    }

    /// The client gives up; `reason` is the body of its CopyFail.
    pub(super) fn on_client_fail(&mut self, reason: &[u8], out: &mut BothWays) -> Option<CopyEnd> {
        self.client_failed = Some(reason.to_vec());
        if matches!(self.awaits, Awaits::LongRow) && self.rows.is_in_long_row() {
            out.to_target.extend(wire::with_body(tag::COPY_FAIL, &[reason]));
            self.awaits = Awaits::ClientFail;
        }
        self.pump(out)
    }

    /// Sends what is due, unless an answer is waited for.
    fn pump(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        loop {
            let is_open = matches!(self.awaits, Awaits::Rows);
            if !is_open && !matches!(self.awaits, Awaits::Nothing) {
                return None;
            }
            if let Some(reason) = &self.client_failed {
                let frame = wire::with_body(tag::COPY_FAIL, &[reason]);
                self.open(is_open, out);
                out.to_target.extend(frame);
                self.awaits = Awaits::ClientFail;
                return None;
            }
            if self.rejected.is_full() {
                match is_open {
                    true => self.attempt(0..0, false, true, out),
                    false => self.write(out),
                }
                return None;
            }
            if let Some((batch, attempts)) = &mut self.flight {
                let Some(range) = attempts.next() else {
                    self.limit = attempts.limit();
                    self.flight = None;
                    continue;
                };
                let is_last = range.end == batch.len() && self.rows.is_at_the_end();
                self.attempt(range, is_last, is_open, out);
                return None;
            }
            let Some(batch) = self.rows.next_batch() else {
                return self.pump_the_end(is_open, out);
            };
            let attempts = Attempts::of(batch.len(), self.limit);
            self.flight = Some((batch, attempts));
        }
    }

    /// Begins another COPY, unless one is open.
    fn open(&mut self, is_open: bool, out: &mut BothWays) {
        if !is_open {
            out.to_target.extend(self.transaction.attempt(&self.request.sql));
        }
    }

    /// Sends these rows of the batch.
    fn attempt(&mut self, range: Range<usize>, is_last: bool, is_open: bool, out: &mut BothWays) {
        self.open(is_open, out);
        let rows = self.flight.as_ref().map(|(batch, _)| batch.slice(&range)).unwrap_or_default();
        let head = &self.rows.head;
        if !rows.is_empty() || !head.is_empty() {
            out.to_target.extend(wire::with_body(tag::COPY_DATA, &[head, rows]));
        }
        out.to_target.extend(self.request.end_of_rows(self.rows.is_cut(is_last)));
        self.awaits = Awaits::Attempt(range);
    }

    /// No batch is left: a long row goes, or what ends the load.
    fn pump_the_end(&mut self, is_open: bool, out: &mut BothWays) -> Option<CopyEnd> {
        if self.rows.has_long_row() {
            self.open(is_open, out);
            self.awaits = Awaits::LongRow;
            if !self.rows.head.is_empty() {
                out.to_target.extend(wire::with_body(tag::COPY_DATA, &[&self.rows.head]));
            }
            self.pass_long(&[], out);
            return None;
        }
        if !self.rows.has_ended() || self.rows.is_in_long_row() {
            return None;
        }
        if is_open {
            self.attempt(0..0, true, true, out);
        } else if !self.rejected.is_empty() {
            self.write(out);
        } else if self.transaction.is_ours() || self.transaction.is_behind_failure() {
            let sql: &[u8] = if self.transaction.is_ours() { b"COMMIT" } else { b"" };
            out.to_target.extend(self.transaction.statement(sql));
            self.awaits = Awaits::Commit;
        } else {
            return Some(self.done(out));
        }
        None
    }

    /// A long row goes on as it comes.
    fn pass_long(&mut self, payload: &[u8], out: &mut BothWays) {
        let piece = self.rows.long_piece(payload);
        if !matches!(self.awaits, Awaits::LongRow) || self.answer.failure.is_some() {
            return;
        }
        if piece.has_foreign_break {
            // The server would take what is in front of it for a row.
            out.to_target.extend(wire::with_body(tag::COPY_FAIL, &[b"\0"]));
            return;
        }
        out.to_target.extend(wire::with_body(tag::COPY_DATA, &[&piece.bytes]));
        if piece.is_ended {
            out.to_target.extend(self.request.end_of_rows(self.rows.is_cut(true)));
        }
    }

    /// Once a long row has ended, and the target has answered to it.
    fn end_long_row(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if !matches!(self.awaits, Awaits::Nothing) {
            return None;
        }
        let LongRow { first_bytes, bytes, line, has_foreign_break, .. } =
            self.rows.take_long_row()?;
        if let Some(mut failure) = self.answer.failure.take() {
            if has_foreign_break {
                let error = self.request.foreign_break(&[], line);
                failure = wire::error_response(&error, Severity::Error);
            }
            let action = self.facts.policy.errors.action(refusal::deciding(&failure));
            let failure = refusal::with_line(&failure, self.request.table(), line);
            if !action.goes_on() {
                return self.fail(failure, out);
            }
            self.transaction.note_failure();
            self.rejected.push(RefusedRow {
                row: &first_bytes,
                length: bytes,
                line,
                action,
                failure,
            });
        }
        self.on_rows(&[], out)
    }

    /// Brings refused rows to the target.
    fn write(&mut self, out: &mut BothWays) {
        let from = self.request.rejected_from(&self.facts);
        let sql = write_sql(&from, &self.rejected.take(), self.facts.encoding);
        out.to_target.extend(self.transaction.statement(&sql));
        self.awaits = Awaits::Write;
    }

    /// A frame of the target's, its head included.
    pub(super) fn on_target(&mut self, frame: &[u8], out: &mut BothWays) -> Option<CopyEnd> {
        match self.answer.on_frame(frame) {
            TargetSaid::TakesRows if matches!(self.awaits, Awaits::Open) => {
                out.to_session.extend(frame);
                self.awaits = Awaits::Rows;
                self.pump(out)
            }
            TargetSaid::ForSession => {
                out.to_session.extend(frame);
                None
            }
            TargetSaid::Ready => self.on_ready(out),
            TargetSaid::Noted | TargetSaid::TakesRows => None,
        }
    }

    /// The statement of ours that was on its way has ended.
    fn on_ready(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        let (failure, copied) = (self.answer.failure.take(), self.answer.copied.take());
        let awaited = std::mem::replace(&mut self.awaits, Awaits::Nothing);
        if self.fault.is_some() {
            return self.end_by_fault(failure.is_some(), out);
        }
        match (awaited, failure) {
            (Awaits::Undo(error), _) => return Some(self.failed(&error, out)),
            (Awaits::Attempt(range), Some(failure)) => return self.on_refused(range, failure, out),
            (Awaits::LongRow, failure) => {
                self.loaded += copied.unwrap_or(0);
                self.answer.failure = failure;
                return self.end_long_row(out);
            }
            (Awaits::Write, Some(failure)) => {
                let first = self.rejected.take_first_error();
                return self.fail(refusal::not_written(&first, &failure), out);
            }
            (Awaits::Commit, Some(failure)) => return Some(self.failed(&failure, out)),
            (Awaits::Commit, None) => return Some(self.done(out)),
            (_, Some(failure)) => return self.fail(failure, out),
            (Awaits::Attempt(range), None) => {
                self.loaded += copied.unwrap_or(0);
                if let Some((_, attempts)) = &mut self.flight {
                    attempts.on_success(range.len());
                }
            }
            (_, None) => {}
        }
        self.pump(out)
    }

    /// An attempt has failed.
    fn on_refused(
        &mut self,
        range: Range<usize>,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let action = self.facts.policy.errors.action(refusal::deciding(&failure));
        let table = self.request.table();
        let head_lines = self.rows.head_lines;
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
            return self.fail(refusal::with_line_if(failure, table, line), out);
        }
        self.transaction.note_failure();
        if let AfterFailure::Row(row) = attempts.on_failure(range, named) {
            let (row, line) = (batch.slice(&(row..row + 1)), batch.line(row));
            let failure = refusal::with_line(&failure, table, line);
            self.rejected.push(RefusedRow { row, length: row.len(), line, action, failure });
        }
        self.pump(out)
    }

    /// The load ends with this error of the target's.
    fn fail(&mut self, failure: Vec<u8>, out: &mut BothWays) -> Option<CopyEnd> {
        let failure = self.transaction.with_own_position(failure);
        if !self.transaction.is_ours() {
            return Some(self.failed(&failure, out));
        }
        out.to_target.extend(self.transaction.give_up());
        self.awaits = Awaits::Undo(failure);
        None
    }

    /// The load ends with an error of ours, once what the target is at has ended.
    pub(super) fn fail_by(&mut self, error: &OwnError, out: &mut BothWays) -> Option<CopyEnd> {
        self.fault = Some(wire::error_response(error, Severity::Error));
        match &self.awaits {
            Awaits::Nothing => return self.end_by_fault(false, out),
            Awaits::Rows => out.to_target.extend(wire::with_body(tag::COPY_FAIL, &[b"\0"])),
            Awaits::LongRow if self.rows.is_in_long_row() => {
                out.to_target.extend(wire::with_body(tag::COPY_FAIL, &[b"\0"]));
            }
            // It ends by itself.
            _ => {}
        }
        None
    }

    /// What the target was at has ended, and with it the load. `has_failed` says that the transaction is
    /// aborted.
    fn end_by_fault(&mut self, has_failed: bool, out: &mut BothWays) -> Option<CopyEnd> {
        let fault = self.fault.take()?;
        if has_failed || self.transaction.is_ours() {
            return self.fail(fault, out);
        }
        // The client's transaction has to fail with it.
        out.to_target.extend(wire::query(FAILING_SQL));
        self.awaits = Awaits::Undo(fault);
        None
    }

    fn failed(&self, failure: &[u8], out: &mut BothWays) -> CopyEnd {
        out.to_session.extend_from_slice(failure);
        out.to_session.extend(self.request.ready(self.answer.status));
        CopyEnd::Failed
    }

    /// All rows are in, or set aside.
    fn done(&self, out: &mut BothWays) -> CopyEnd {
        let complete = self.request.complete(self.loaded, self.rejected.count(), &self.facts.run);
        out.to_session.extend(complete);
        out.to_session.extend(self.request.ready(self.answer.status));
        CopyEnd::Done
    }
}
