//! Rows that go on as they come, in a COPY that is open; and what goes on behind an attempt that the target has not
//! answered. The target does what it gets in order: where an attempt fails, its transaction is aborted, and it refuses
//! what is behind that.

use std::ops::Range;

use super::super::awaits::{Awaits, CopyEnd, SentBehind};
use super::super::batch::Pace;
use super::super::outgoing::BothWays;
use super::super::refusal;
use super::CopyLoad;
use crate::wire::{self, tag};

impl CopyLoad {
    /// Whether rows of the next batch go on as they come.
    pub(super) fn may_stream(&mut self) -> bool {
        let (is_over, pace) = match &self.flight {
            Some((_, attempts)) => (attempts.is_empty(), attempts.pace()),
            None => (true, self.pace),
        };
        is_over
            && pace.is_none_or(Pace::is_calm)
            && !(self.rejected.is_full() || self.client_failed.is_some() || self.fault.is_some())
            && !(self.suspension.is_begun() || self.suspension.is_due())
            && self.rows.front().is_some()
    }

    /// Sends what may go behind an attempt: rows as they come, or rows behind those that the target has read before.
    pub(super) fn send_behind(&mut self, out: &mut BothWays) {
        match self.behind {
            SentBehind::Nothing => self.begin_behind(out),
            SentBehind::Rows => self.send_rows(out),
            SentBehind::Attempt(_) => {}
        }
    }

    fn begin_behind(&mut self, out: &mut BothWays) {
        if self.may_stream() {
            self.open(out);
            self.behind = SentBehind::Rows;
            self.send_rows(out);
        } else if let Some(range) = self.next_behind() {
            self.attempt(range.clone(), out);
            self.behind = SentBehind::Attempt(range);
        }
    }

    /// The rows that go behind the attempt that is waited for, if that will hardly fail.
    fn next_behind(&mut self) -> Option<Range<usize>> {
        let Awaits::Attempt(front) = &self.awaits else { return None };
        let (_, attempts) = self.flight.as_mut().filter(|_| self.fault.is_none())?;
        let is_free = !self.suspension.is_begun() && !self.suspension.is_due();
        if !is_free || self.client_failed.is_some() || !attempts.is_read(front) {
            return None;
        }
        attempts.next()
    }

    /// Sends the rows of the next batch that have come.
    fn send_rows(&mut self, out: &mut BothWays) {
        let Some(unsent) = self.rows.unsent(self.streamed) else { return };
        wire::put_body(&mut out.to_target, tag::COPY_DATA, &[unsent.head, unsent.rows]);
        self.streamed = unsent.count;
    }

    /// A COPY is open.
    pub(super) fn pump_rows(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if self.client_failed.is_some() {
            self.pass_client_fail(out);
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
        self.awaits = Awaits::Attempt(sent);
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

    /// The target has answered to an attempt that something was sent behind.
    pub(super) fn on_front(
        &mut self,
        range: Range<usize>,
        failure: Option<Vec<u8>>,
        copied: Option<u64>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let behind = std::mem::take(&mut self.behind);
        if let Some(failure) = failure {
            self.streamed = 0;
            if let (SentBehind::Attempt(rows), Some((_, attempts))) = (behind, &mut self.flight) {
                attempts.put_back(rows);
            }
            self.awaits = Awaits::Dropped(range, failure);
            return None;
        }
        self.on_loaded(range, copied);
        match behind {
            SentBehind::Attempt(rows) => self.awaits = Awaits::Attempt(rows),
            SentBehind::Nothing | SentBehind::Rows => {
                self.end_flight();
                self.awaits = Awaits::Rows;
            }
        }
        if self.fault.is_some() {
            if matches!(self.awaits, Awaits::Rows) {
                wire::put_body(&mut out.to_target, tag::COPY_FAIL, &[b"\0"]);
            }
            return None;
        }
        self.pump(out)
    }

    /// The client gives up while a COPY is open.
    pub(super) fn pass_client_fail(&mut self, out: &mut BothWays) {
        let reason = self.client_failed.as_deref().unwrap_or_default();
        wire::put_body(&mut out.to_target, tag::COPY_FAIL, &[reason]);
        self.awaits = Awaits::ClientFail;
    }

    /// The target has ended the COPY that the client gave up; it names the line up to which rows came.
    pub(super) fn on_client_failed(
        &mut self,
        failure: Vec<u8>,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
        let line = self.rows.line_now();
        self.fail(refusal::with_line_if(failure, self.request.table(), line), out)
    }
}
