//! A row that is longer than a batch: it goes on as it comes, and is cut where it is set aside.

use super::super::awaits::{Awaits, CopyEnd};
use super::super::incoming::LongRow;
use super::super::outgoing::BothWays;
use super::super::refusal;
use super::super::rejected::RefusedRow;
use super::CopyLoad;
use crate::policy::ErrorAction;
use crate::wire::{self, Severity, tag};

impl CopyLoad {
    /// A long row begins in a COPY that takes no other.
    pub(super) fn begin_long(&mut self, out: &mut BothWays) {
        self.awaits = Awaits::LongRow;
        if !self.rows.head.is_empty() {
            wire::put_body(&mut out.to_target, tag::COPY_DATA, &[&self.rows.head]);
        }
        self.pass_long(&[], out);
    }

    /// A long row goes on as it comes.
    pub(super) fn pass_long(&mut self, payload: &[u8], out: &mut BothWays) {
        let piece = self.rows.long_piece(payload);
        if !matches!(self.awaits, Awaits::LongRow) || self.answer.said.failure.is_some() {
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
    pub(super) fn end_long_row(&mut self, out: &mut BothWays) -> Option<CopyEnd> {
        if !matches!(self.awaits, Awaits::Nothing) {
            return None;
        }
        let LongRow { first_bytes, bytes, line, has_foreign_break, .. } =
            self.rows.take_long_row()?;
        if let Some(error) = self.suspension.error(usize::MAX) {
            let (action, failure) = (ErrorAction::SuspendTable, error.to_vec());
            self.rejected.push(RefusedRow {
                row: &first_bytes,
                statement: None,
                length: bytes,
                line,
                action,
                failure,
            });
        } else if let Some(mut failure) = self.answer.said.failure.take() {
            if has_foreign_break {
                let error = self.request.foreign_break(&[], line);
                failure = wire::error_response(&error, Severity::Error);
            }
            let action = self.facts.policy.errors.action(refusal::deciding(&failure));
            let failure = refusal::with_line(&failure, self.request.table(), line);
            if !action.goes_on() {
                return self.fail(failure, out);
            }
            let row = (&*first_bytes, bytes, line);
            if let Err(failure) = self.set_aside(row, failure, action, 0) {
                return self.fail(failure, out);
            }
            self.transaction.note_failure();
        }
        self.on_rows(&[], out)
    }
}
