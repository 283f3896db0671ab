//! How a statement that changes rows ends.

use super::super::outgoing::BothWays;
use super::super::refusal;
use super::{ChangeAwaits, ChangeEnd, ChangeLoad};
use crate::wire::{self, tag};

impl ChangeLoad {
    /// The statement ends with this error of the target's.
    pub(super) fn fail(&mut self, failure: Vec<u8>, out: &mut BothWays) -> Option<ChangeEnd> {
        let failure = self.at_own_position(failure);
        if !(self.transaction.is_ours() && self.transaction.is_begun() && self.is_last) {
            return Some(self.failed(&failure, out));
        }
        out.to_target.extend(self.transaction.give_up());
        self.awaits = ChangeAwaits::Undo(failure);
        None
    }

    pub(super) fn failed(&mut self, failure: &[u8], out: &mut BothWays) -> ChangeEnd {
        out.to_session.append(&mut self.unit);
        out.to_session.extend_from_slice(failure);
        out.to_session.extend(self.ready());
        ChangeEnd::Failed
    }

    /// All rows are in, or set aside.
    pub(super) fn done(&mut self, out: &mut BothWays) -> ChangeEnd {
        let (table, count) = (self.text.table_name(), self.rejected.count());
        out.set_aside += count;
        if count > 0 {
            if self.writes.are_told() {
                out.to_session.extend(refusal::notice(&table, count, &self.facts.run));
            }
            tracing::debug!(
                event = "rows_set_aside",
                table,
                changed = self.changed,
                set_aside = count,
                "rows were set aside"
            );
        }
        self.complete(Some(self.text.tag(self.changed)), out)
    }

    pub(super) fn complete(&mut self, tag_body: Option<Vec<u8>>, out: &mut BothWays) -> ChangeEnd {
        out.to_session.append(&mut self.unit);
        if let Some(body) = tag_body {
            out.to_session.extend(wire::with_body(tag::COMMAND_COMPLETE, &[&body]));
        }
        out.to_session.extend(self.ready());
        ChangeEnd::Done
    }

    pub(super) fn ready(&self) -> Vec<u8> {
        match self.is_last {
            true => wire::with_body(tag::READY_FOR_QUERY, &[&[self.answer.status.byte()]]),
            false => Vec::new(),
        }
    }
}
