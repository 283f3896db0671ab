//! Rows that go on as they come, in a COPY that is open; and what goes on behind an attempt that the target has not
//! answered. The target does what it gets in order: where an attempt fails, its transaction is aborted, and it refuses
//! what is behind that.

use std::ops::Range;

use super::super::OUTGOING_BYTES_MAX;
use super::super::awaits::{Answered, Awaits, CopyEnd, SentBehind};
use super::super::batch::{Attempt, Pace};
use super::super::outgoing::BothWays;
use super::super::refusal::{self, NamedLine};
use super::CopyLoad;
use crate::wire::{self, TransactionStatus, tag};

/// The server's error for a CopyFail.
const CLIENT_GAVE_UP: &[u8] = b"57014";

/// Attempts that go behind one another at a time.
const ATTEMPTS_MAX: usize = 64;

impl CopyLoad {
    /// Whether rows of the next batch go on as they come.
    pub(super) fn may_stream(&mut self) -> bool {
        let (is_over, pace) = match &self.flight {
            Some((_, attempts)) => (attempts.is_empty(), attempts.pace()),
            None => (true, self.pace),
        };
        is_over
            && pace.is_none_or(Pace::is_calm)
            && !self.suspects.are_known()
            && !(self.rejected.is_full() || self.client_end.is_some() || self.fault.is_some())
            && !(self.suspension.is_begun() || self.suspension.is_due())
            && self.rows.front().is_some()
    }

    /// Sends what may go behind an attempt: rows as they come, or attempts that will hardly fail.
    pub(super) fn send_behind(&mut self, out: &mut BothWays) {
        if self.behind.is_nothing() && self.may_stream() {
            self.open(out);
            self.behind = SentBehind::Rows;
        }
        if matches!(self.behind, SentBehind::Rows) {
            return self.send_rows(out);
        }
        while let Some(attempt) = self.next_behind(out) {
            self.attempt(&attempt, out);
            if let SentBehind::Attempts(attempts) = &mut self.behind {
                attempts.push_back(attempt);
            }
        }
    }

    /// The rows that go behind those that are under way. Where refused rows are known by their looks, that is as many as
    /// go at a time; else something goes behind rows that the target has read before.
    fn next_behind(&mut self, out: &BothWays) -> Option<Attempt> {
        let SentBehind::Attempts(behind) = &self.behind else { return None };
        let Awaits::Attempt(front) = &self.awaits else { return None };
        let is_free = !self.suspension.is_begun() && !self.suspension.is_due();
        let may_go = is_free && self.client_end.is_none() && self.fault.is_none();
        let (_, attempts) = self.flight.as_ref().filter(|_| may_go)?;
        let under_way: usize = behind.iter().chain([front]).map(|attempt| attempt.rows.len()).sum();
        let is_known = self.suspects.are_known()
            && under_way < attempts.rows_at_a_time()
            && behind.len() < ATTEMPTS_MAX
            && !self.rejected.is_full()
            && out.unsent().len() < OUTGOING_BYTES_MAX;
        if is_known || front.is_read && behind.is_empty() { self.next_attempt() } else { None }
    }

    /// Sends the rows of the next batch that have come.
    fn send_rows(&mut self, out: &mut BothWays) {
        let Some(unsent) = self.rows.unsent(self.streamed) else { return };
        wire::put_body(&mut out.to_target, tag::COPY_DATA, &[unsent.head, unsent.rows]);
        self.streamed = unsent.count;
    }

    /// A COPY is open.
    pub(super) fn pump_rows(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if let Some(frame) = &self.client_end {
            let gives_up = frame.first() == Some(&tag::COPY_FAIL);
            // What ends the session goes behind the answer to the COPY: the target reads it as another message where that
            // has failed. Without what comes before binary rows a COPY cannot end.
            match gives_up || self.rows.line_now().is_none() {
                true => self.pass_client_end(out),
                false => self.end_rows(out),
            }
            return None;
        }
        let asks = self.suspension.is_begun() || self.suspension.is_due();
        if self.rejected.is_full() || asks && self.rows.front().is_some() {
            self.end_rows(out);
            return None;
        }
        self.send_rows(out);
        if self.rows.has_whole_batch() {
            self.end_rows(out);
            return self.pump(out);
        }
        if self.rows.has_long_row() && !self.suspension.is_begun() {
            self.begin_long(out);
        } else if self.rows.has_long_row() || self.rows.has_ended() && !self.rows.is_in_long_row() {
            self.end_rows(out);
        }
        None
    }

    /// Ends the COPY that is open behind the rows that were sent.
    fn end_rows(&mut self, out: &mut BothWays) {
        if self.streamed == 0 && !self.rows.head.is_empty() {
            wire::put_body(&mut out.to_target, tag::COPY_DATA, &[&self.rows.head]);
        }
        let sent = self.take_streamed();
        let is_last = self.rows.is_at_the_end() && self.is_all_sent();
        out.to_target.extend(self.request.end_of_rows(self.rows.is_cut(is_last)));
        self.awaits = Awaits::Attempt(Attempt::unread(sent));
    }

    fn is_all_sent(&self) -> bool {
        self.flight.as_ref().is_none_or(|(_, attempts)| attempts.is_empty())
    }

    /// The rows that were sent as they came; their batch is under way.
    fn take_streamed(&mut self) -> Range<usize> {
        let sent = std::mem::take(&mut self.streamed);
        if sent > 0 {
            let batch = self.rows.take_front();
            self.begin_flight(batch, sent);
        }
        0..sent
    }

    /// The target refuses rows of the COPY that is open.
    pub(super) fn on_rows_refused(
        &mut self,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let sent = self.take_streamed();
        self.on_refused(sent, failure, out)
    }

    /// The target has answered to an attempt.
    pub(super) fn on_attempt(
        &mut self,
        attempt: Attempt,
        said: Answered,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let rows_in = match attempt.rows.is_empty() {
            true => Some(0),
            false => said.copied.first().copied(),
        };
        let (count, failure) = match (rows_in, attempt.suspect(), said.failure) {
            (_, _, None) => (said.copied.iter().sum(), None),
            (Some(count), Some(suspect), Some(failure)) => (count, Some((suspect, failure))),
            (_, _, Some(failure)) => return self.drop_behind(Some((attempt, failure)), out),
        };
        self.loaded += count;
        self.on_loaded(&attempt, failure.is_none());
        if let Some((suspect, failure)) = failure {
            self.fault = self.set_row_aside(suspect, failure).err().or(self.fault.take());
        }
        self.go_on_behind(out)
    }

    /// What was sent behind an attempt that is in or set aside is waited for.
    fn go_on_behind(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if let SentBehind::Attempts(behind) = &mut self.behind {
            if self.fault.is_some() {
                return self.drop_behind(None, out);
            }
            if let Some(next) = behind.pop_front() {
                self.awaits = Awaits::Attempt(next);
            }
            return self.pump(out);
        }
        self.behind = SentBehind::default();
        self.end_flight();
        self.awaits = Awaits::Rows;
        if self.fault.is_some() {
            wire::put_body(&mut out.to_target, tag::COPY_FAIL, &[b"\0"]);
            return None;
        }
        self.pump(out)
    }

    /// What was sent behind an attempt does not count: that was refused, or the load ends.
    fn drop_behind(
        &mut self,
        refused: Option<(Attempt, Vec<u8>)>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let behind = std::mem::take(&mut self.behind);
        let answers = behind.answers() + 1;
        if matches!(behind, SentBehind::Rows) {
            self.streamed = 0;
        }
        if let Some((_, attempts)) = &mut self.flight {
            let suspect = refused.iter().filter_map(|(attempt, _)| attempt.suspect());
            let suspect = suspect.map(|row| Attempt::unread(row..row + 1));
            let unsent = suspect.chain(behind.into_attempts());
            unsent.collect::<Vec<_>>().into_iter().rev().for_each(|next| attempts.put_back(next));
        }
        let refused = refused.map(|(attempt, failure)| (attempt.rows, failure));
        self.on_dropped(answers, refused, out)
    }

    /// One of these answers has come.
    pub(super) fn on_dropped(
        &mut self,
        answers: usize,
        refused: Option<(Range<usize>, Vec<u8>)>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        if answers > 1 {
            self.awaits = Awaits::Dropped { answers: answers - 1, refused };
            return None;
        }
        if self.fault.is_some() {
            return self.end_by_fault(self.answer.status == TransactionStatus::Aborted, out);
        }
        match refused {
            Some((rows, failure)) => self.on_refused(rows, failure, out),
            None => self.pump(out),
        }
    }

    /// The client gives up while a COPY is open.
    pub(super) fn pass_client_end(&mut self, out: &mut BothWays) {
        self.send_tail(out);
        if let Some(frame) = &mut self.client_end {
            let frame = std::mem::take(frame);
            match frame.split_first() {
                Some((&frame_tag, _)) if frame_tag != tag::COPY_FAIL => {
                    // The target ends the session with it, and reads no more than its head.
                    wire::put_body(&mut out.to_target, frame_tag, &[]);
                }
                _ => out.to_target.extend(frame),
            }
        }
        self.awaits = Awaits::ClientEnd;
    }

    /// The target has ended the COPY that the client gave up; it names the line up to which rows came.
    pub(super) fn on_client_failed(
        &mut self,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        if refusal::sqlstate(&failure) == CLIENT_GAVE_UP {
            self.syncs.ignore();
        }
        let failure = self.at_client_line(failure);
        self.fail(failure, out)
    }

    /// Sends what has come of a row, which the server looks at before the end.
    fn send_tail(&self, out: &mut BothWays) {
        let Some(tail) = self.rows.tail().filter(|tail| !tail.is_empty()) else { return };
        let head = if self.streamed == 0 { &*self.rows.head } else { &[] };
        wire::put_body(&mut out.to_target, tag::COPY_DATA, &[head, tail]);
    }

    /// The error with the line in the whole stream, of a row that was sent or of what comes behind it.
    fn at_client_line(&mut self, failure: Vec<u8>) -> Vec<u8> {
        let (sent, next) = (self.take_streamed(), self.rows.line_now());
        let table = self.request.table();
        let named = match (refusal::named_line(&failure, table), &self.flight) {
            (NamedLine::Line(line), Some((batch, _))) => {
                batch.row_at(&sent, line, self.rows.head_lines).map(|named| batch.line(named.row))
            }
            _ => None,
        };
        refusal::with_line_if(failure, table, named.or(next))
    }

    /// What the session is to know at once; the session may end with it.
    pub(super) fn pass_on(&mut self, frame: &[u8], out: &mut BothWays) {
        let is_error = frame.first() == Some(&tag::ERROR_RESPONSE);
        if let Some(failure) = self.answer.said.failure.take_if(|_| is_error) {
            out.to_session.extend(self.at_client_line(failure));
        }
        out.to_session.extend(frame);
    }
}
