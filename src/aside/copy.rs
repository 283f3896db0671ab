//! One COPY whose refused rows are set aside: its rows go on in batches inside savepoints, and a batch that
//! fails is sent again without the row that the server names. Pure: frames in, frames out.
//!
//! ```text
//!         first COPY is sent      CopyInResponse           a batch is full, or the rows end
//!   begin ----------------> Open ---------------> Rows -----------------------------------> Attempt <--.
//!                             | error              ^                    COPY n, or an error    |   |    | more
//!                             |                    | SentBehind: a COPY is open        |   |    |
//!                             v                    '-------------------------------------------+---+----'
//!                           Undo <----- an error that is not about a row ----------------------'   | none
//!                             |                                                                    v
//!                             v                                          Commit <---- Write (rejected_rows)
//!                           ended
//! ```

mod ending;
mod long;
mod refused;
mod streamed;
mod syncs;

use super::awaits::{Awaits, CopyAnswer, CopyEnd, SentBehind, TargetSaid};
use super::batch::{Attempt, Attempts, Batch, Pace};
use super::facts::LoadFacts;
use super::incoming::Incoming;
use super::outgoing::BothWays;
use super::refusal;
use super::rejected::Rejected;
use super::request::CopyRequest;
use super::suspects::Suspects;
use super::suspension::Suspension;
use super::transaction::LoadTransaction;
use super::writes::OwnWrites;
use crate::wire::{self, OwnError, TransactionStatus, tag};
use syncs::SyncsAmongRows;

/// A COPY under way.
#[derive(Debug)]
pub(super) struct CopyLoad {
    request: CopyRequest,
    facts: LoadFacts,
    transaction: LoadTransaction,
    rows: Incoming,
    /// The client's CopyFail, or another message with which it ends the COPY; empty once it has gone.
    client_end: Option<Vec<u8>>,
    /// The batch that is sent, and what of it goes next.
    flight: Option<(Batch, Attempts)>,
    /// How far refused rows are apart, and how they look.
    pace: Option<Pace>,
    suspects: Suspects,
    awaits: Awaits,
    behind: SentBehind,
    /// The rows of the next batch that were sent as they came.
    streamed: usize,
    answer: CopyAnswer,
    rejected: Rejected,
    writes: OwnWrites,
    suspension: Suspension,
    loaded: u64,
    /// The error of ours that ends the load.
    fault: Option<Vec<u8>>,
    syncs: SyncsAmongRows,
}

impl CopyLoad {
    /// Sends the first COPY.
    pub(super) fn begin(
        request: CopyRequest,
        facts: LoadFacts,
        status: TransactionStatus,
        transaction: LoadTransaction,
        out: &mut BothWays,
    ) -> CopyLoad {
        let errors = &facts.policy.errors;
        let (encoding, major) = (facts.encoding, facts.server_major);
        let mut load = CopyLoad {
            transaction,
            rows: Incoming::new(&request.options, encoding, major, errors.batch_bytes),
            client_end: None,
            flight: None,
            pace: None,
            suspects: Suspects::new(&request.options, encoding, errors.is_same_for_all_rows()),
            awaits: Awaits::Nothing,
            behind: SentBehind::default(),
            streamed: 0,
            answer: CopyAnswer::new(status),
            rejected: Rejected::new(errors, &request.options, encoding, &request.sql),
            writes: OwnWrites::default(),
            suspension: Suspension::new(&facts),
            loaded: 0,
            fault: None,
            syncs: SyncsAmongRows::default(),
            request,
            facts,
        };
        match load.suspension.is_due() {
            true => load.ask(Awaits::FirstQuestion, out),
            false => load.begin_first(out),
        }
        load
    }

    /// Whether the end of the load is that of its transaction: by the extended protocol that ends with the client's
    /// pipeline.
    fn ends_transaction(&self) -> bool {
        self.transaction.is_ours() && !self.request.is_extended
    }

    /// A transaction of ours that goes on.
    pub(super) fn into_block(self) -> Option<LoadTransaction> {
        let is_open = self.transaction.is_ours() && self.transaction.is_begun();
        (is_open && self.request.is_extended).then_some(self.transaction)
    }

    fn begin_first(&mut self, out: &mut BothWays) {
        self.open(out);
        self.awaits = Awaits::Open;
    }

    /// Asks whether the table is suspended.
    fn ask(&mut self, awaits: Awaits, out: &mut BothWays) {
        let question = Suspension::question(&self.request.relation, &self.facts);
        out.to_target.extend(self.transaction.statements(&question));
        self.awaits = awaits;
    }

    /// When no table was suspended.
    pub(super) fn none_suspended_at(&self) -> Option<u64> {
        self.suspension.none_at()
    }

    /// Whether no more is taken for now: it is not known whether the target takes rows, or enough are here.
    pub(super) fn is_full(&self) -> bool {
        let is_unsure = self.fault.is_some()
            || matches!(self.awaits, Awaits::FirstQuestion | Awaits::Open | Awaits::Undo(_));
        is_unsure || self.rows.is_full() || self.client_end.is_some() || self.rejected.is_full()
    }

    /// Rows of the client's.
    pub(super) fn on_rows(&mut self, payload: &[u8], out: &mut BothWays) -> Option<CopyEnd> {
        if self.rows.is_in_long_row() {
            self.pass_long(payload, out);
            return self.end_long_row(out);
        }
        let found = self.rows.take(payload);
        for (row, line) in found.foreign {
            if let Err(error) = self.set_foreign_aside(&row, line) {
                return self.fail_by(&error, out);
            }
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

    /// The client gives up by this frame.
    pub(super) fn on_client_end(&mut self, frame: Vec<u8>, out: &mut BothWays) -> Option<CopyEnd> {
        self.client_end = Some(frame);
        if matches!(self.awaits, Awaits::LongRow) && self.rows.is_in_long_row() {
            self.pass_client_end(out);
        }
        self.pump(out)
    }

    /// Sends what is due, unless an answer is waited for.
    fn pump(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        loop {
            match self.awaits {
                Awaits::Nothing => {}
                Awaits::Rows => return self.pump_rows(out),
                Awaits::Attempt(_) => {
                    self.send_behind(out);
                    return None;
                }
                _ => return None,
            }
            if self.write_next(out) {
                return None;
            }
            if self.client_end.is_some() {
                self.open(out);
                self.pass_client_end(out);
                return None;
            }
            if self.flight.is_some() && self.suspension.is_due() {
                self.ask(Awaits::Question, out);
                return None;
            }
            if self.rejected.is_full() {
                self.write(out);
                return None;
            }
            if self.flight.is_some() {
                let Some(attempt) = self.next_attempt() else {
                    self.end_flight();
                    continue;
                };
                if self.suspension.error(attempt.rows.start).is_some() {
                    self.set_range_aside(attempt.all());
                    continue;
                }
                self.attempt(&attempt, out);
                self.awaits = Awaits::Attempt(attempt);
                continue;
            }
            if self.may_stream() {
                self.open(out);
                self.awaits = Awaits::Rows;
                continue;
            }
            let Some(batch) = self.rows.next_batch() else {
                return self.pump_the_end(out);
            };
            self.begin_flight(batch, 0);
        }
    }

    /// A batch is sent, of which the first rows were sent before, or its rows are set aside.
    fn begin_flight(&mut self, batch: Batch, sent: usize) {
        let attempts = Attempts::of(sent..batch.len(), batch.attempt_rows(), self.pace);
        self.suspension.on_batch();
        self.flight = Some((batch, attempts));
    }

    /// Nothing of the batch is left.
    fn end_flight(&mut self) {
        if let Some((_, attempts)) = self.flight.take() {
            self.pace = attempts.pace();
        }
    }

    /// Begins another COPY.
    fn open(&mut self, out: &mut BothWays) {
        out.to_target.extend(self.transaction.attempt(&self.request.sql));
        self.streamed = 0;
    }

    /// The rows of the batch that go next.
    fn next_attempt(&mut self) -> Option<Attempt> {
        let (batch, attempts) = self.flight.as_mut()?;
        attempts.next_of(|rows| self.suspects.first(batch, rows))
    }

    /// Sends these rows of the batch, in a COPY of their own.
    fn attempt(&mut self, attempt: &Attempt, out: &mut BothWays) {
        let sql = &self.request.sql;
        out.to_target.extend(match attempt.has_suspect {
            true => self.transaction.attempt_alone(sql, !attempt.rows.is_empty()),
            false => self.transaction.attempt(sql),
        });
        let Some((batch, _)) = &self.flight else { return };
        let suspect = attempt.suspect().map(|row| row..row + 1);
        let rows = Some(attempt.rows.clone()).filter(|rows| !rows.is_empty());
        for rows in rows.into_iter().chain(suspect) {
            let is_last = rows.end == batch.len() && self.rows.is_at_the_end();
            wire::put_body(
                &mut out.to_target,
                tag::COPY_DATA,
                &[&self.rows.head, batch.slice(&rows)],
            );
            out.to_target.extend(self.request.end_of_rows(self.rows.is_cut(is_last)));
        }
    }

    /// No batch is left: a long row goes, or what ends the load.
    fn pump_the_end(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if self.rows.has_long_row() && self.suspension.is_begun() {
            self.pass_long(&[], out);
            return self.end_long_row(out);
        }
        if self.rows.has_long_row() {
            self.open(out);
            self.begin_long(out);
            return None;
        }
        if !self.rows.has_ended() || self.rows.is_in_long_row() {
            return None;
        }
        if !self.rejected.is_empty() || self.suspension.is_unwritten() {
            self.write(out);
        } else if self.ends_transaction() || self.transaction.is_behind_failure() {
            let sql: &[u8] = if self.ends_transaction() { b"COMMIT" } else { b"" };
            out.to_target.extend(self.transaction.statement(sql));
            self.awaits = Awaits::Commit;
        } else {
            return Some(self.done(out));
        }
        None
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
                self.pass_on(frame, out);
                None
            }
            TargetSaid::Ready => self.on_ready(out),
            TargetSaid::Noted | TargetSaid::TakesRows => None,
        }
    }

    /// The statement of ours that was on its way has ended.
    fn on_ready(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        let said = std::mem::take(&mut self.answer.said);
        let row = std::mem::take(&mut self.answer.row);
        let awaited = match std::mem::replace(&mut self.awaits, Awaits::Nothing) {
            Awaits::Attempt(attempt) => return self.on_attempt(attempt, said, out),
            Awaits::Dropped { answers, refused } => return self.on_dropped(answers, refused, out),
            awaited => awaited,
        };
        if self.fault.is_some() {
            return self.end_by_fault(said.failure.is_some(), out);
        }
        match (awaited, said.failure) {
            (Awaits::Undo(error), _) => return Some(self.failed(&error, out)),
            (Awaits::FirstQuestion, None) => {
                self.on_suspended(&row);
                self.begin_first(out);
                return None;
            }
            (Awaits::Question, None) => self.on_suspended(&row),
            (Awaits::Open, Some(failure)) => return self.on_not_open(failure, out),
            (Awaits::Rows, Some(failure)) => return self.on_rows_refused(failure, out),
            (Awaits::LongRow, failure) => {
                self.loaded += said.copied.iter().sum::<u64>();
                self.answer.said.failure = failure;
                return self.end_long_row(out);
            }
            (Awaits::Write, Some(failure)) => {
                let first = self.rejected.take_first_error();
                return self.fail(refusal::not_written(&first, &failure), out);
            }
            (Awaits::Commit, Some(failure)) => return Some(self.failed(&failure, out)),
            (Awaits::Commit, None) => return Some(self.done(out)),
            (Awaits::ClientEnd, Some(failure)) => return self.on_client_failed(failure, out),
            (_, Some(failure)) => return self.fail(failure, out),
            (Awaits::Write, None) => self.writes.on_done(&row),
            (_, None) => {}
        }
        self.pump(out)
    }

    /// Rows of the batch are in, and their suspect or not.
    fn on_loaded(&mut self, attempt: &Attempt, is_suspect_in: bool) {
        let Some((batch, attempts)) = &mut self.flight else { return };
        attempts.on_success(attempt);
        self.suspects.on_taken(attempt.rows.len());
        if let Some(suspect) = attempt.suspect().filter(|_| is_suspect_in) {
            self.suspects.on_suspect_taken(batch.slice(&(suspect..suspect + 1)));
        }
    }
}
