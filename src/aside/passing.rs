//! Messages of the session's outside of a load: they pass, are held, or a load begins with them.

use std::sync::Arc;

use super::copy::CopyLoad;
use super::pipeline::MessagePlace;
use super::texts::{KnownText, is_read};
use super::transaction::OwnWay;
use super::{Aside, AsideState, BehindSync, Turn};
use crate::wire::{self, tag};

impl Aside {
    /// A frame that is not among the rows of a COPY that is looked at.
    pub(super) fn frame(&mut self, head: wire::Head) -> Turn {
        if self.pipeline.holds_a_unit() {
            return self.unit(head);
        }
        let ends_pipeline = matches!(head.tag, tag::QUERY | tag::FUNCTION_CALL);
        if ends_pipeline && self.is_unsure() {
            return if self.owed.is_none() { self.probe() } else { Turn::Waits };
        }
        let reads =
            self.facts.may_set_aside() || self.pipeline.has_block() || !self.pipeline.is_empty();
        let is_short = head.frame_bytes <= self.facts.policy.statement_bytes_max;
        let is_looked_at = reads && is_short && is_looked_at(head.tag);
        if is_looked_at && self.input.body(head).is_none() {
            return Turn::Waits;
        }
        let body = self.input.body(head).filter(|_| is_looked_at).unwrap_or_default();
        let frame_tag = if is_looked_at { head.tag } else { tag::FLUSH };
        match self.pipeline.place(frame_tag, body, &self.facts, self.status) {
            MessagePlace::Passes if ends_pipeline && self.pipeline.is_skipped() => {
                self.passing = head.frame_bytes;
            }
            MessagePlace::Passes if ends_pipeline && self.pipeline.has_block() => {
                self.begin_block_query(head, is_looked_at);
            }
            MessagePlace::Passes => self.pass(head),
            MessagePlace::Held => {
                self.input.take(head.frame_bytes);
            }
            MessagePlace::Releases => self.out.to_target.extend(self.pipeline.release()),
            MessagePlace::Syncs => self.sync(BehindSync::Query),
            MessagePlace::Begins(text) => return self.begins(head, text),
        }
        Turn::Taken
    }

    /// Whether the target may skip what comes next, for all that is known here.
    fn is_unsure(&self) -> bool {
        self.pipeline.is_dirty() && !self.pipeline.is_skipped() && !self.pipeline.holds()
    }

    /// A frame goes on as it is.
    fn pass(&mut self, head: wire::Head) {
        if head.tag == tag::SYNC && self.owed.takes_rows() {
            // The target ignores it.
            self.passing = head.frame_bytes;
            return;
        }
        if head.tag == tag::SYNC && self.pipeline.has_block() {
            self.input.take(head.frame_bytes);
            return self.end_block();
        }
        self.owed.note_passed(head.tag);
        let body = self.input.body(head).unwrap_or_default();
        let is_own = body.starts_with(self.facts.name.as_bytes());
        self.pipeline.note_passed(head.tag, body, is_own);
        self.passing = head.frame_bytes;
    }

    /// A statement begins with this frame.
    fn begins(&mut self, head: wire::Head, text: Arc<KnownText>) -> Turn {
        if !self.owed.is_none() {
            return Turn::Waits;
        }
        let frame = self.input.take(head.frame_bytes).to_vec();
        if head.tag == tag::QUERY {
            self.pipeline.note_end();
            self.begin(&text);
        } else {
            self.pipeline.note_portal_taken(&frame);
            self.sync(BehindSync::Copy(text));
        }
        Turn::Taken
    }

    /// A Sync of ours goes first.
    pub(super) fn sync(&mut self, behind: BehindSync) {
        self.pipeline.note_sync();
        self.out.to_target.extend(wire::with_body(tag::SYNC, &[]));
        self.state = AsideState::Syncing(Box::new(behind));
    }

    /// A simple query whose rows are set aside.
    fn begin(&mut self, text: &KnownText) {
        match text {
            KnownText::Copy(_) => self.begin_copy(text, false),
            KnownText::Change(text) => self.begin_change(Arc::clone(text)),
            KnownText::Series(text) => self.begin_series(text),
            KnownText::Word(_) => {}
        }
    }

    pub(super) fn begin_copy(&mut self, text: &KnownText, is_extended: bool) {
        if let KnownText::Copy(text) = text {
            let (request, status) = (text.request(is_extended), self.status);
            let facts = self.facts.load(self.none_suspended_at);
            let transaction = self.pipeline.transaction(&facts.name, status, OwnWay::Query);
            let load = CopyLoad::begin(request, facts, status, transaction, &mut self.out);
            self.state = AsideState::Copying { load: Box::new(load), is_extended };
        }
    }
}

fn is_looked_at(frame_tag: u8) -> bool {
    is_read(frame_tag) || frame_tag == tag::DESCRIBE
}
