//! What the target says to a statement that changes rows: the answers to statements of ours around it are left
//! out. Decides nothing.

use super::refusal;
use crate::wire::{self, TransactionStatus, tag};

/// What the target has said since the last ReadyForQuery.
#[derive(Debug)]
pub(super) struct ChangeAnswer {
    /// Answers to statements of ours that come first.
    skipped: usize,
    /// The answer to the client's statement up to its CommandComplete, and how many messages that is.
    unit: Vec<u8>,
    unit_messages: usize,
    /// How many messages that may be.
    unit_max: Option<usize>,
    /// The body of its CommandComplete.
    tag: Option<Vec<u8>>,
    /// The body of a DataRow.
    row: Vec<u8>,
    failure: Option<Vec<u8>>,
    pub(super) status: TransactionStatus,
}

/// What a frame of the target means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeSaid {
    /// It is noted.
    Noted,
    /// It is for the session.
    ForSession,
    /// The statement has ended.
    Ready,
}

impl ChangeAnswer {
    pub(super) fn new(status: TransactionStatus) -> ChangeAnswer {
        ChangeAnswer {
            skipped: 0,
            unit: Vec::new(),
            unit_messages: 0,
            unit_max: None,
            tag: None,
            row: Vec::new(),
            failure: None,
            status,
        }
    }

    /// That many answers to statements of ours come before the next statement.
    pub(super) fn skip(&mut self, answers: usize) {
        self.skipped = answers;
    }

    /// No more than these messages are the answer to the client's.
    pub(super) fn expect(&mut self, messages: usize) {
        self.unit_max = Some(messages);
    }

    /// Notes a frame, its head included.
    pub(super) fn on_frame(&mut self, frame: &[u8]) -> ChangeSaid {
        let body = frame.get(wire::HEAD_BYTES..).unwrap_or_default();
        match frame.first().copied().unwrap_or_default() {
            tag::ERROR_RESPONSE if refusal::is_fatal(body) => return ChangeSaid::ForSession,
            tag::ERROR_RESPONSE => self.failure = Some(frame.to_vec()),
            tag::NOTICE_RESPONSE | tag::NOTIFICATION_RESPONSE | tag::PARAMETER_STATUS => {
                return ChangeSaid::ForSession;
            }
            tag::READY_FOR_QUERY => {
                self.status = wire::ready_status(body);
                return ChangeSaid::Ready;
            }
            tag::DATA_ROW => self.row = body.to_vec(),
            _ if self.skipped > 0 => self.skipped -= 1,
            _ if self.unit_max.is_some_and(|max| self.unit_messages >= max) => {}
            tag::COMMAND_COMPLETE if self.tag.is_none() => self.tag = Some(body.to_vec()),
            _ if self.tag.is_none() => {
                self.unit.extend_from_slice(frame);
                self.unit_messages += 1;
            }
            _ => {}
        }
        ChangeSaid::Noted
    }

    /// The answer to the statement that has ended, and what is kept of it.
    pub(super) fn take(&mut self) -> ChangeResult {
        self.unit_max = None;
        ChangeResult {
            unit: std::mem::take(&mut self.unit),
            unit_messages: std::mem::take(&mut self.unit_messages),
            tag: self.tag.take(),
            row: std::mem::take(&mut self.row),
            failure: self.failure.take(),
        }
    }
}

/// What has become of a statement.
#[derive(Debug, Default)]
pub(super) struct ChangeResult {
    /// The answer up to its CommandComplete, and how many messages that is.
    pub(super) unit: Vec<u8>,
    pub(super) unit_messages: usize,
    /// The body of its CommandComplete.
    pub(super) tag: Option<Vec<u8>>,
    /// The body of a DataRow.
    pub(super) row: Vec<u8>,
    pub(super) failure: Option<Vec<u8>>,
}

impl ChangeResult {
    /// The rows that the statement has changed.
    pub(super) fn rows(&self) -> u64 {
        self.tag.as_ref().map_or(0, |body| wire::command_rows(body))
    }
}
