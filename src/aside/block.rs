//! A transaction of ours in which statements of a pipeline run where the client has none. As the implicit transaction of
//! the server it ends with the client's Sync, with a simple query or a function call, which is its last statement, and
//! where a statement ends it; BEGIN makes it the client's.

use super::block_query::{BlockQuery, BlockText};
use super::transaction::OwnWay;
use super::{Aside, AsideState, BehindSync, Turn, refusal};
use crate::statement::TransactionWord;
use crate::wire::{self, TransactionStatus, tag};

/// What comes behind the end of a transaction of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BehindEnd {
    /// The answer to the client's Sync.
    Sync,
    /// The messages that are held.
    Held,
}

impl Aside {
    /// The client's Sync has come.
    pub(super) fn end_block(&mut self) {
        if self.pipeline.is_dirty() || self.pipeline.is_skipped() {
            self.sync(BehindSync::End);
        } else {
            self.end_transaction(BehindEnd::Sync);
        }
        self.pipeline.note_end();
    }

    /// Ends the transaction.
    pub(super) fn end_transaction(&mut self, behind: BehindEnd) {
        let Some(mut block) = self.pipeline.take_block().filter(|_| self.is_in_transaction())
        else {
            // A statement that was not known for one has ended it.
            self.state = AsideState::Passing;
            self.answer_sync(behind);
            return;
        };
        self.state = AsideState::Ending(behind);
        let frames = match block.has_failed {
            true => block.transaction.give_up(),
            false => block.transaction.statement(b"COMMIT"),
        };
        self.out.to_target.extend(frames);
    }

    fn is_in_transaction(&self) -> bool {
        self.status != TransactionStatus::Idle
    }

    fn answer_sync(&mut self, behind: BehindEnd) {
        if behind == BehindEnd::Sync {
            let status = self.status.byte();
            wire::put_body(&mut self.out.to_session, tag::READY_FOR_QUERY, &[&[status]]);
        }
    }

    /// A frame of the target's while a transaction of ours ends.
    pub(super) fn on_ending(&mut self, frame: &[u8], behind: BehindEnd) {
        match frame.first().copied().unwrap_or_default() {
            tag::READY_FOR_QUERY => {
                // Behind an error what is held is dropped, which the server would skip.
                let is_skipped = behind == BehindEnd::Held && !self.pipeline.holds();
                self.state = if is_skipped { AsideState::Skipping } else { AsideState::Passing };
                self.answer_sync(behind);
            }
            frame_tag @ (tag::ERROR_RESPONSE
            | tag::NOTICE_RESPONSE
            | tag::NOTIFICATION_RESPONSE
            | tag::PARAMETER_STATUS) => {
                if frame_tag == tag::ERROR_RESPONSE {
                    self.pipeline.take_held();
                }
                self.out.to_session.extend_from_slice(frame);
            }
            // Answers to statements of ours.
            _ => {}
        }
    }

    /// All messages are held that execute a statement which begins or ends a transaction.
    pub(super) fn word_unit(&mut self, word: TransactionWord) -> Turn {
        if self.pipeline.is_dirty() {
            return self.probe();
        }
        if word == TransactionWord::Begins || !self.pipeline.has_block() {
            self.awaits_begin = self.pipeline.has_block();
            self.out.to_target.extend(self.pipeline.release());
            return Turn::Taken;
        }
        if word != TransactionWord::Commits {
            self.pipeline.fail_block();
        }
        self.end_transaction(BehindEnd::Held);
        Turn::Taken
    }

    /// A frame of the target's while the answer to a BEGIN in a transaction of ours is waited for; whether it is not for
    /// the session.
    pub(super) fn on_begin(&mut self, frame: &[u8]) -> bool {
        let frame_tag = frame.first().copied().unwrap_or_default();
        match frame_tag {
            tag::NOTICE_RESPONSE => return refusal::is_begun_before(frame),
            tag::COMMAND_COMPLETE if refusal::is_begin(frame) => {
                // It is the client's from here on.
                self.pipeline.take_block();
            }
            tag::COMMAND_COMPLETE | tag::ERROR_RESPONSE | tag::READY_FOR_QUERY => {}
            _ => return false,
        }
        self.awaits_begin = false;
        false
    }

    /// Asks whether the target skips what comes next, by a Close of what is not there and a Flush.
    pub(super) fn probe(&mut self) -> Turn {
        let name = self.facts.name.as_bytes();
        wire::put_body(&mut self.out.to_target, tag::CLOSE, &[b"P", name, b"\0"]);
        wire::put_body(&mut self.out.to_target, tag::FLUSH, &[]);
        self.state = AsideState::Probing(self.pipeline.closes());
        Turn::Taken
    }

    /// A frame of the target's while it is asked that.
    pub(super) fn on_probing(&mut self, frame: &[u8], closes: usize) {
        let frame_tag = frame.first().copied().unwrap_or_default();
        self.state = match frame_tag {
            tag::CLOSE_COMPLETE if closes == 0 => {
                self.pipeline.note_answered();
                self.state = AsideState::Passing;
                return;
            }
            tag::CLOSE_COMPLETE => AsideState::Probing(closes - 1),
            tag::ERROR_RESPONSE => AsideState::Passing,
            _ => AsideState::Probing(closes),
        };
        self.note_answer(frame_tag);
        self.out.to_session.extend_from_slice(frame);
    }

    /// A simple query or a function call in a transaction of ours. `is_read` says that it is looked at, and there.
    pub(super) fn begin_block_query(&mut self, head: wire::Head, is_read: bool) {
        let Some(block) = self.pipeline.take_block() else { return };
        self.pipeline.note_end();
        // A function call leaves the client's unnamed statement alone.
        let way = if head.tag == tag::FUNCTION_CALL { OwnWay::Messages } else { OwnWay::Query };
        let transaction = block.transaction.by(way);
        let body = self.input.body(head).filter(|_| is_read).unwrap_or_default();
        let text = BlockText::read(body, &self.facts);
        let is_whole = matches!(text, BlockText::Whole);
        let query = BlockQuery::begin(text, transaction, &mut self.out);
        self.state = AsideState::Querying(Box::new(query));
        if is_whole {
            self.passing = head.frame_bytes;
        } else {
            self.input.take(head.frame_bytes);
        }
    }

    /// A message of the client's while it runs.
    pub(super) fn query_frame(&mut self, head: wire::Head) -> Turn {
        let AsideState::Querying(query) = &mut self.state else { return Turn::Waits };
        match head.tag {
            _ if !query.takes_rows() => return Turn::Waits,
            tag::COPY_DONE | tag::COPY_FAIL => {
                query.note_rows_end();
                self.passing = head.frame_bytes;
            }
            // Among rows they are ignored.
            tag::FLUSH | tag::SYNC => {
                self.input.take(head.frame_bytes);
            }
            _ => self.passing = head.frame_bytes,
        }
        Turn::Taken
    }
}
