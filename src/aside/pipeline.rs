//! Which of the session's messages belong together: a statement that begins with one of them, or messages that
//! are held until all that execute a statement are there. Sends nothing.

use std::sync::Arc;

use super::facts::SessionFacts;
use super::texts::{KnownText, Texts, is_read};
use super::transaction::{LoadTransaction, OwnWay};
use super::unanswered::SentName;
use super::unit::{HeldText, Unit};
use crate::statement::TransactionWord;
use crate::wire::{self, HEAD_BYTES, TransactionStatus, tag};

/// The messages since the last Sync.
#[derive(Debug, Default)]
pub(super) struct HeldPipeline {
    texts: Texts,
    held: Unit,
    /// The transaction in which statements of it run that has none of the client's.
    block: Option<OwnBlock>,
    /// Something was executed since the last Sync that no statement of ours may end.
    has_executed: bool,
    /// A BEGIN was executed since the last Sync: the transaction is the client's once the target says so, and a Sync
    /// of ours ends nothing.
    has_begun: bool,
    /// Answers are owed that no Sync is behind.
    is_dirty: bool,
    /// The target skips messages up to a Sync.
    is_skipped: bool,
    /// Close messages among those that are not answered.
    closes: usize,
    /// Portals that are bound and not executed: outside of a transaction a Sync of ours would end them.
    portals: usize,
}

/// A transaction of ours that ends with the client's pipeline.
#[derive(Debug)]
pub(super) struct OwnBlock {
    pub(super) transaction: LoadTransaction,
    /// A statement has failed in it.
    pub(super) has_failed: bool,
}

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum MessagePlace {
    /// It goes on as it is.
    Passes,
    /// It is held.
    Held,
    /// What is held goes first.
    Releases,
    /// A Sync of ours goes first, and tells the status of the transaction.
    Syncs,
    /// A statement begins with it.
    Begins(Arc<KnownText>),
}

impl HeldPipeline {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.held.is_empty()
    }

    /// Where a message belongs. `body` is empty for a message that is not read.
    pub(super) fn place(
        &mut self,
        frame_tag: u8,
        body: &[u8],
        facts: &SessionFacts,
        status: TransactionStatus,
    ) -> MessagePlace {
        if self.held.is_complete() {
            return MessagePlace::Releases;
        }
        // The portal of a COPY is one of them.
        let has_portals = self.portals > usize::from(frame_tag == tag::EXECUTE);
        let is_free = !self.is_skipped
            && status != TransactionStatus::Aborted
            && !((self.has_executed || has_portals) && status == TransactionStatus::Idle);
        let found = if is_read(frame_tag) && !self.is_skipped {
            let is_open = status != TransactionStatus::Idle && !self.has_block();
            self.texts.look(frame_tag, body, is_open, facts)
        } else {
            None
        };
        let found = found.filter(|text| text.is_set_aside(facts) || self.is_held_word(text));
        let held = match found.as_deref() {
            Some(KnownText::Change(text)) => Some(HeldText::Change(Arc::clone(text))),
            Some(KnownText::Word(word)) => Some(HeldText::Word(*word)),
            _ => None,
        };
        if frame_tag != tag::QUERY && is_free && self.held.take(frame_tag, body, held) {
            return MessagePlace::Held;
        }
        if !self.held.is_empty() {
            return MessagePlace::Releases;
        }
        let begins = match frame_tag {
            tag::QUERY => true,
            // A statement whose messages were not held goes on as it is.
            tag::EXECUTE => matches!(found.as_deref(), Some(KnownText::Copy(_))),
            _ => false,
        };
        match found.filter(|text| begins && is_free && text.is_set_aside(facts)) {
            Some(_) if self.has_begun && frame_tag == tag::QUERY => MessagePlace::Syncs,
            Some(text) => MessagePlace::Begins(text),
            None => MessagePlace::Passes,
        }
    }

    /// Whether a text begins or ends a transaction while one of ours is open.
    fn is_held_word(&self, text: &KnownText) -> bool {
        matches!(text, KnownText::Word(_)) && self.has_block()
    }

    /// A message goes to the target as it is. `is_own` says that it is one of the session's own, `begins` that
    /// it begins a transaction.
    pub(super) fn note_passed(&mut self, frame_tag: u8, body: &[u8], is_own: bool) {
        match frame_tag {
            tag::SYNC | tag::QUERY | tag::FUNCTION_CALL => {
                self.note_end();
                self.texts.note_sent(frame_tag, body);
            }
            tag::PARSE | tag::BIND if !self.is_skipped => {
                self.is_dirty = true;
                self.portals += usize::from(frame_tag == tag::BIND && !is_own);
                self.texts.note_sent(frame_tag, body);
            }
            // Rows, and what asks for answers.
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL | tag::FLUSH => {}
            tag::CLOSE => {
                self.is_dirty = true;
                self.closes += 1;
            }
            tag::EXECUTE => {
                self.is_dirty = true;
                let begins = self.texts.begins_transaction(body);
                self.has_begun |= !is_own && begins;
                self.has_executed |= !is_own && !begins;
                self.portals = self.portals.saturating_sub(usize::from(!is_own));
            }
            _ => self.is_dirty = true,
        }
    }

    /// A Sync of ours goes to the target.
    pub(super) fn note_sync(&mut self) {
        (self.has_executed, self.has_begun) = (false, false);
        (self.is_dirty, self.is_skipped) = (false, false);
        (self.closes, self.portals) = (0, 0);
    }

    /// The client's pipeline ends.
    pub(super) fn note_end(&mut self) {
        self.note_sync();
        self.texts.note_end();
    }

    /// How many Close messages are not answered.
    pub(super) fn closes(&self) -> usize {
        self.closes
    }

    /// The target has answered all messages.
    pub(super) fn note_answered(&mut self) {
        (self.is_dirty, self.closes) = (false, 0);
    }

    /// The target has answered to a message that has passed. `is_last` says that no Sync is on its way.
    pub(super) fn note_answer(&mut self, frame_tag: u8, is_last: bool) {
        self.texts.note_answer(frame_tag);
        match frame_tag {
            tag::ERROR_RESPONSE if is_last => self.is_skipped = self.is_dirty,
            tag::CLOSE_COMPLETE if is_last => self.closes = self.closes.saturating_sub(1),
            _ => {}
        }
    }

    /// The target takes rows of a COPY in the pipeline, so that a Sync behind the Execute was none.
    pub(super) fn note_copy_in(&mut self) {
        (self.is_dirty, self.has_executed) = (true, true);
    }

    /// The target has answered everything.
    pub(super) fn note_quiet(&mut self) {
        self.closes = 0;
        self.texts.note_quiet();
    }

    /// A COPY begins by this Execute; a portal is executed once.
    pub(super) fn note_portal_taken(&mut self, execute: &[u8]) {
        let body = execute.get(HEAD_BYTES..).unwrap_or_default();
        if let Some((portal, _)) = wire::cstring(body) {
            self.texts.forget(&SentName::Portal(portal.to_vec()));
        }
    }

    /// A statement has not been executed whose messages have these names.
    pub(super) fn note_failed(&mut self, names: &[SentName]) {
        names.iter().for_each(|name| self.texts.forget(name));
    }

    /// Whether the target skips messages up to a Sync.
    pub(super) fn is_skipped(&self) -> bool {
        self.is_skipped
    }

    /// Whether answers are owed that no Sync is behind.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Whether all messages are held that execute a statement.
    pub(super) fn holds_a_unit(&self) -> bool {
        self.held.is_complete()
    }

    /// Whether messages are held.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether it is known what the statement that is held is: the answer to an earlier Parse may have come meanwhile.
    pub(super) fn knows_held(&self) -> bool {
        self.held.earlier_statement().is_none_or(|name| self.texts.has_statement(name))
    }

    /// What the statement that is held says of its transaction.
    pub(super) fn held_word(&self) -> Option<TransactionWord> {
        self.held.word()
    }

    /// What is held.
    pub(super) fn take_held(&mut self) -> Unit {
        std::mem::take(&mut self.held)
    }

    /// What is held goes on as it is.
    pub(super) fn release(&mut self) -> Vec<u8> {
        let held = self.take_held();
        for (frame_tag, body) in held.messages() {
            self.note_passed(frame_tag, &body, false);
        }
        held.frames
    }

    pub(super) fn set_block(&mut self, transaction: Option<LoadTransaction>, has_failed: bool) {
        self.block = transaction.map(|transaction| OwnBlock { transaction, has_failed });
    }

    pub(super) fn take_block(&mut self) -> Option<OwnBlock> {
        self.block.take()
    }

    /// The transaction in which a statement runs: one of ours that is open, the client's, or another one.
    pub(super) fn transaction(
        &mut self,
        name: &str,
        status: TransactionStatus,
        way: OwnWay,
    ) -> LoadTransaction {
        match self.take_block() {
            Some(block) => block.transaction.by(way),
            None => LoadTransaction::new(name, status, way),
        }
    }

    /// A statement has failed in the transaction of ours.
    pub(super) fn fail_block(&mut self) {
        if let Some(block) = &mut self.block {
            block.has_failed = true;
        }
    }

    pub(super) fn has_block(&self) -> bool {
        self.block.is_some()
    }
}
