//! How a COPY ends: with an error of the target's or of ours, or with all rows in or set aside.

use super::super::awaits::{Awaits, CopyEnd};
use super::super::outgoing::BothWays;
use super::super::refusal;
use super::CopyLoad;
use crate::wire::{self, FAILING_SQL, OwnError, Severity, tag};

impl CopyLoad {
    /// The load ends with this error of the target's.
    pub(super) fn fail(&mut self, failure: Vec<u8>, out: &mut BothWays) -> Option<CopyEnd> {
        let failure = self.transaction.with_own_position(failure);
        if !(self.ends_transaction() && self.transaction.is_begun()) {
            return Some(self.failed(&failure, out));
        }
        out.to_target.extend(self.transaction.give_up());
        self.awaits = Awaits::Undo(failure);
        None
    }

    /// The load ends with an error of ours, once what the target is at has ended.
    pub(in crate::aside) fn fail_by(
        &mut self,
        error: &OwnError,
        out: &mut BothWays,
    ) -> Option<CopyEnd> {
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
    pub(super) fn end_by_fault(&mut self, has_failed: bool, out: &mut BothWays) -> Option<CopyEnd> {
        let fault = self.fault.take()?;
        if has_failed || self.transaction.is_ours() {
            return self.fail(fault, out);
        }
        // The client's transaction has to fail with it.
        out.to_target.extend(wire::query(FAILING_SQL));
        self.awaits = Awaits::Undo(fault);
        None
    }

    pub(super) fn failed(&mut self, failure: &[u8], out: &mut BothWays) -> CopyEnd {
        self.note_end(failure);
        out.to_session.extend_from_slice(failure);
        out.to_session.extend(self.request.ready(self.answer.status));
        CopyEnd::Failed
    }

    /// All rows are in, or set aside.
    pub(super) fn done(&self, out: &mut BothWays) -> CopyEnd {
        let (count, table) = (self.rejected.count(), self.request.table_name());
        if count > 0 {
            tracing::info!(
                event = "rows_set_aside",
                table,
                loaded = self.loaded,
                set_aside = count,
                "rows were set aside"
            );
            if self.writes.are_told() {
                out.to_session.extend(refusal::notice(&table, count, &self.facts.run));
            }
        }
        out.to_session.extend(wire::with_body(
            tag::COMMAND_COMPLETE,
            &[format!("COPY {}\0", self.loaded).as_bytes()],
        ));
        out.set_aside += count;
        out.to_session.extend(self.request.ready(self.answer.status));
        CopyEnd::Done
    }
}
