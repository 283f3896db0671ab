//! Statements by the extended protocol that change rows, and the transaction in which they run where the client
//! has none: it ends with the client's Sync.

use super::change::{ChangeEnd, ChangeLoad};
use super::transaction::{LoadTransaction, OwnWay};
use super::unit::Unit;
use super::{Aside, AsideState, BehindSync, Turn};
use crate::wire::{self, HEAD_BYTES, tag};

impl Aside {
    /// All messages are there that execute a statement. The frame behind them says whether it is the last one
    /// of its pipeline.
    pub(super) fn unit(&mut self, head: wire::Head) -> Turn {
        if self.owed > 0 {
            return Turn::Waits;
        }
        if self.pipeline.is_skipped() {
            // The target has answered a message in front of it with an error meanwhile.
            self.out.to_target.extend(self.pipeline.release());
            return Turn::Taken;
        }
        // The Sync stays: where the target skips what is held, it ends that.
        let is_last = head.tag == tag::SYNC;
        let unit = self.pipeline.take_held();
        if self.pipeline.is_dirty() {
            self.sync(BehindSync::Unit(unit, is_last));
        } else {
            self.begin_unit(unit, is_last);
        }
        Turn::Taken
    }

    pub(super) fn begin_behind(&mut self, behind: BehindSync) {
        match behind {
            BehindSync::Copy(text) => self.begin_copy(&text, true),
            BehindSync::Unit(unit, is_last) => self.begin_unit(unit, is_last),
            BehindSync::End { has_sync } => self.commit(has_sync),
        }
    }

    fn begin_unit(&mut self, unit: Unit, is_last: bool) {
        if is_last {
            self.input.take(HEAD_BYTES);
        }
        let (facts, status) = (self.facts.load(self.none_suspended_at), self.status);
        let transaction = match self.pipeline.take_block() {
            Some(block) => block.transaction,
            None => LoadTransaction::new(&facts.name, status, OwnWay::Messages),
        };
        let load = ChangeLoad::begin_unit(unit, facts, status, transaction, is_last, &mut self.out);
        if let Some(load) = load {
            self.state = AsideState::Changing { load: Box::new(load), is_extended: !is_last };
        }
    }

    pub(super) fn end_change(&mut self, end: ChangeEnd) {
        let changing = std::mem::replace(&mut self.state, AsideState::Passing);
        if let AsideState::Changing { load, is_extended } = changing {
            self.none_suspended_at = load.none_suspended_at();
            let has_failed = end == ChangeEnd::Failed;
            self.pipeline.set_block(load.into_block(), has_failed);
            if is_extended && has_failed {
                self.state = AsideState::Skipping;
            }
            if self.series.is_some() {
                self.end_in_series(has_failed);
            }
        }
    }

    /// The end of a pipeline has come where a transaction of ours is open. `has_sync` says that it is a Sync.
    pub(super) fn end_block(&mut self, has_sync: bool) {
        if self.pipeline.is_dirty() {
            self.sync(BehindSync::End { has_sync });
        } else {
            self.commit(has_sync);
        }
    }

    fn commit(&mut self, has_sync: bool) {
        self.state = AsideState::Ending { has_sync };
        if let Some(mut block) = self.pipeline.take_block() {
            let frames = match block.has_failed {
                true => block.transaction.give_up(),
                false => block.transaction.statement(b"COMMIT"),
            };
            self.out.to_target.extend(frames);
        }
    }

    /// A frame of the target's while a transaction of ours ends.
    pub(super) fn on_ending(&mut self, frame: &[u8], has_sync: bool) {
        match frame.first().copied().unwrap_or_default() {
            tag::READY_FOR_QUERY => {
                self.state = AsideState::Passing;
                if has_sync {
                    self.out.to_session.extend_from_slice(frame);
                }
            }
            tag::ERROR_RESPONSE
            | tag::NOTICE_RESPONSE
            | tag::NOTIFICATION_RESPONSE
            | tag::PARAMETER_STATUS => self.out.to_session.extend_from_slice(frame),
            // Answers to statements of ours.
            _ => {}
        }
    }
}
