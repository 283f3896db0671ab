//! Frames of the target's: they go to the session as they are, or to what is under way.

use super::awaits::CopyEnd;
use super::block_query::QueryEnd;
use super::queue::LENGTH_MAX;
use super::{Aside, AsideState, BehindSync};
use crate::wire::{self, HEAD_BYTES, tag};

impl Aside {
    /// Takes a frame of the target's, or a part of one; gives whether there was one.
    pub(super) fn step_of_target(&mut self) -> bool {
        let unread = self.incoming.unjudged();
        if self.target_passing > 0 {
            let count = self.target_passing.min(unread.len());
            self.out.to_session.extend_from_slice(unread.get(..count).unwrap_or_default());
            self.target_passing -= count;
            self.incoming_taken(count);
            return count > 0;
        }
        let head = match wire::head(unread, LENGTH_MAX) {
            Ok(Some(head)) => head,
            Ok(None) => return false,
            Err(_) => {
                // The session says what is wrong with it.
                let rest = unread.to_vec();
                self.out.to_session.extend_from_slice(&rest);
                self.incoming_taken(rest.len());
                return false;
            }
        };
        if self.passes_to_session(head.tag) {
            self.target_passing = head.frame_bytes;
            return true;
        }
        let unread = self.incoming.unjudged();
        let Some(frame) = unread.get(..head.frame_bytes).map(<[u8]>::to_vec) else { return false };
        self.incoming_taken(head.frame_bytes);
        self.on_target_frame(&frame);
        true
    }

    /// Whether a frame of the target's goes to the session as it is.
    fn passes_to_session(&mut self, frame_tag: u8) -> bool {
        match &mut self.state {
            AsideState::Passing | AsideState::Skipping => {
                if frame_tag == tag::READY_FOR_QUERY || self.awaits_begin {
                    return false;
                }
                self.note_answer(frame_tag);
                true
            }
            AsideState::Querying(query) if matches!(frame_tag, tag::DATA_ROW | tag::COPY_DATA) => {
                query.send_last(&mut self.out);
                true
            }
            _ => false,
        }
    }

    /// An answer to a message that has passed.
    pub(super) fn note_answer(&mut self, frame_tag: u8) {
        self.pipeline.note_answer(frame_tag, self.owed.is_none());
        self.owed.note_answer(frame_tag);
        if frame_tag == tag::COPY_IN_RESPONSE && self.owed.is_extended() {
            self.pipeline.note_copy_in();
        }
    }

    fn incoming_taken(&mut self, count: usize) {
        self.incoming.pass(count);
        self.incoming.mark_sent(count);
    }

    fn on_target_frame(&mut self, frame: &[u8]) {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        let is_ready = frame.first() == Some(&tag::READY_FOR_QUERY);
        if is_ready {
            self.status = wire::ready_status(body);
        }
        if is_ready && std::mem::take(&mut self.swallows_ready) {
            return;
        }
        if self.awaits_begin && self.on_begin(frame) {
            return;
        }
        let is_error = frame.first() == Some(&tag::ERROR_RESPONSE);
        let begins_copy = frame.first() == Some(&tag::COPY_IN_RESPONSE);
        if begins_copy && matches!(self.state, AsideState::Syncing(_)) {
            // The Sync was among the rows of a COPY that has passed, where the target ignores it.
            self.state = AsideState::Passing;
        }
        match &mut self.state {
            AsideState::Syncing(behind) if is_error && !matches!(**behind, BehindSync::End) => {
                // What begins was not reached: the Sync ends what the target skips.
                self.pipeline.note_answer(tag::ERROR_RESPONSE, false);
                self.out.to_session.extend_from_slice(frame);
                self.owed.clear();
                self.state = AsideState::Skipping;
                self.swallows_ready = true;
            }
            AsideState::Syncing(behind) if is_ready => {
                let behind = std::mem::replace(&mut **behind, BehindSync::End);
                self.begin_behind(behind);
            }
            AsideState::Copying { load, is_extended } => {
                let is_extended = *is_extended;
                if let Some(end) = load.on_target(frame, &mut self.out) {
                    self.end_copy(end, is_extended);
                }
            }
            AsideState::Changing { load, .. } => {
                if let Some(end) = load.on_target(frame, &mut self.out) {
                    self.end_change(end);
                }
            }
            AsideState::Ending(behind) => {
                let behind = *behind;
                self.on_ending(frame, behind);
            }
            AsideState::Querying(query) => {
                if query.on_target(frame, &mut self.out) == QueryEnd::Ended {
                    self.state = AsideState::Passing;
                }
            }
            AsideState::Probing(closes) => {
                let closes = *closes;
                self.on_probing(frame, closes);
            }
            AsideState::InSeries => self.on_savepoint(frame),
            _ => {
                self.note_answer(frame.first().copied().unwrap_or_default());
                self.out.to_session.extend_from_slice(frame);
            }
        }
    }

    pub(super) fn end_copy(&mut self, end: CopyEnd, is_extended: bool) {
        let copying = std::mem::replace(&mut self.state, AsideState::Passing);
        if let AsideState::Copying { mut load, .. } = copying {
            self.none_suspended_at = load.none_suspended_at();
            self.input.insert(self.rows_left, &load.take_behind());
            self.pipeline.set_block(load.into_block(), end == CopyEnd::Failed);
        }
        self.state = match (end, is_extended) {
            (CopyEnd::Failed, true) => AsideState::Skipping,
            _ => AsideState::Passing,
        };
    }
}
