//! Which of the session's messages belong together: a statement that begins with one of them, or messages that
//! are held until all that execute a statement are there. Sends nothing.

use std::sync::Arc;

use super::facts::SessionFacts;
use super::texts::{KnownText, Texts, is_read};
use super::transaction::LoadTransaction;
use super::unit::Unit;
use crate::wire::{TransactionStatus, tag};

/// The messages since the last Sync.
#[derive(Debug, Default)]
pub(super) struct HeldPipeline {
    texts: Texts,
    held: Unit,
    /// The transaction in which statements of it run that has none of the client's.
    block: Option<OwnBlock>,
    /// Something was executed since the last Sync that no statement of ours may end.
    has_executed: bool,
    /// Answers are owed that no Sync is behind.
    is_dirty: bool,
    /// The target skips messages up to a Sync.
    is_skipped: bool,
}

/// A transaction of ours that ends with the client's Sync.
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
        let is_free = !self.is_skipped
            && status != TransactionStatus::Aborted
            && !(self.has_executed && status == TransactionStatus::Idle);
        let found = if is_read(frame_tag) {
            let is_open = status != TransactionStatus::Idle;
            self.texts.look(frame_tag, body, is_open, facts).filter(|text| text.is_set_aside(facts))
        } else {
            None
        };
        let change = match found.as_deref() {
            Some(KnownText::Change(text)) if is_free => Some(text),
            _ => None,
        };
        if frame_tag != tag::QUERY && is_free && self.held.take(frame_tag, body, change) {
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
        match found.filter(|_| begins && is_free) {
            Some(text) => MessagePlace::Begins(text),
            None => MessagePlace::Passes,
        }
    }

    /// A message goes to the target as it is. `is_own` says that it is one of the session's own, `begins` that
    /// it begins a transaction.
    pub(super) fn note_passed(&mut self, frame_tag: u8, body: &[u8], is_own: bool) {
        match frame_tag {
            tag::SYNC | tag::QUERY | tag::FUNCTION_CALL => {
                self.note_sync();
                self.texts.note_end();
            }
            tag::EXECUTE => {
                self.is_dirty = true;
                self.has_executed |= !is_own && !self.texts.begins_transaction(body);
            }
            _ => self.is_dirty = true,
        }
    }

    /// A Sync of ours goes to the target.
    pub(super) fn note_sync(&mut self) {
        (self.has_executed, self.is_dirty, self.is_skipped) = (false, false, false);
    }

    /// The target has answered a message with an error, and no Sync is on its way.
    pub(super) fn note_error(&mut self) {
        self.is_skipped = self.is_dirty;
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

    /// What is held.
    pub(super) fn take_held(&mut self) -> Unit {
        std::mem::take(&mut self.held)
    }

    /// What is held goes on as it is.
    pub(super) fn release(&mut self) -> Vec<u8> {
        let held = self.take_held();
        for frame_tag in held.tags() {
            self.note_passed(frame_tag, &[], false);
        }
        held.frames
    }

    pub(super) fn set_block(&mut self, transaction: Option<LoadTransaction>, has_failed: bool) {
        self.block = transaction.map(|transaction| OwnBlock { transaction, has_failed });
    }

    pub(super) fn take_block(&mut self) -> Option<OwnBlock> {
        self.block.take()
    }

    pub(super) fn has_block(&self) -> bool {
        self.block.is_some()
    }
}
