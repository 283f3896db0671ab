//! Statements by the extended protocol that change rows.

use super::block::BehindEnd;
use super::change::{ChangeEnd, ChangeLoad};
use super::transaction::OwnWay;
use super::unit::Unit;
use super::{Aside, AsideState, BehindSync, Turn};
use crate::wire::{self, HEAD_BYTES, tag};

impl Aside {
    /// All messages are there that execute a statement. The frame behind them says whether it is the last one
    /// of its pipeline.
    pub(super) fn unit(&mut self, head: wire::Head) -> Turn {
        if !self.owed.is_none() {
            return Turn::Waits;
        }
        if self.pipeline.is_skipped() || !self.pipeline.knows_held() {
            // The target has answered a message in front of it with an error meanwhile.
            self.out.to_target.extend(self.pipeline.release());
            return Turn::Taken;
        }
        if let Some(word) = self.pipeline.held_word() {
            return self.word_unit(word);
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
            BehindSync::Query => self.state = AsideState::Passing,
            BehindSync::End => self.end_transaction(BehindEnd::Sync),
        }
    }

    fn begin_unit(&mut self, unit: Unit, is_last: bool) {
        self.unit_names = unit.names().to_vec();
        if is_last {
            self.input.take(HEAD_BYTES);
            self.pipeline.note_end();
        }
        let (facts, status) = (self.facts.load(self.none_suspended_at), self.status);
        let transaction = self.pipeline.transaction(&facts.name, status, OwnWay::Messages);
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
            let names = std::mem::take(&mut self.unit_names);
            if has_failed {
                self.pipeline.note_failed(&names);
            }
            if is_extended && has_failed {
                self.state = AsideState::Skipping;
            }
            if self.series.is_some() {
                self.end_in_series(has_failed);
            }
        }
    }
}
