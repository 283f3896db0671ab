//! What the session changed, brought to the target's own table when the client takes its leave:
//! counts, times and samples of places, in the client's session, because no other login is known.

use super::Session;
use super::client_frames::Judged;
use super::own_statement::{OwnFailure, OwnStatement};
use super::{CopyIn, Step};
use crate::ledger::{Entries, target};

/// What a session is writing to the table.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// What this session changed.
    own: Entries,
    /// What sessions before it could not write.
    inherited: Entries,
}

impl Session {
    /// The client takes its leave: what was changed is written first, where the target can take it.
    pub(super) fn before_terminate(&mut self, first: bool) -> Option<Judged> {
        let is_idle = self.transaction_status == b'I'
            && self.replies.len() == 0
            && matches!(self.copy_in, CopyIn::None)
            && !self.in_pipeline;
        if self.terminated || !is_idle || !self.policy.writes_ledger {
            return None;
        }
        let ledger = &self.policy.common.ledger;
        let inherited = ledger.take_unwritten(&self.startup.database);
        if inherited.is_empty() && self.entries.is_empty() {
            return None;
        }
        if !first {
            ledger.put_back(&self.startup.database, &inherited);
            return Some(Judged::Later);
        }
        // From here on nobody waits for the client any more.
        self.terminated = true;
        let own = std::mem::take(&mut self.entries);
        let mut all = own.clone();
        all.merge(&inherited);
        self.writing = Writing { own, inherited };
        let sql = target::write_sql(&all, self.lexing.encoding);
        let frames = self.ask(OwnStatement::WriteLedger(sql), false);
        Some(Judged::Done(Step::Replace(0, frames)))
    }

    /// The target has answered.
    pub(super) fn on_ledger_written(&mut self, failure: Option<&OwnFailure>) {
        let Writing { own, inherited } = std::mem::take(&mut self.writing);
        let (ledger, database) = (&self.policy.common.ledger, &self.startup.database);
        ledger.add(database, &own, failure.is_none());
        if let Some(failure) = failure {
            ledger.put_back(database, &inherited);
            if ledger.warns(database) {
                tracing::warn!(
                    database,
                    sqlstate = failure.sqlstate,
                    "what was changed could not be written to dms_proxy.rewrites: {}; an \
                     administrator makes a place for it by dms-proxy init-target, or set \
                     values.ledger = \"off\"",
                    failure.message
                );
            }
        }
    }

    /// The session has ended, in whatever way: what it could not write is kept for the next one.
    pub fn leave_ledger(&mut self) {
        let Writing { own, inherited } = std::mem::take(&mut self.writing);
        self.entries.merge(&own);
        let (ledger, database) = (&self.policy.common.ledger, &self.startup.database);
        ledger.put_back(database, &inherited);
        ledger.add(database, &self.entries, false);
        self.entries = Entries::default();
    }
}
