//! What the target says to a statement that changes rows: the answers to statements of ours around it are left
//! out. Decides nothing.

use super::refusal;
use crate::wire::{self, TransactionStatus, tag};

/// What the target has said since the last ReadyForQuery.
#[derive(Debug)]
pub(super) struct ChangeAnswer {
    /// Answers to statements of ours that come first.
    skipped: usize,
    /// The answer to the client's statement, as far as it has come.
    unit: Vec<u8>,
    /// The body of its CommandComplete.
    tag: Option<Vec<u8>>,
    pub(super) failure: Option<Vec<u8>>,
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
        ChangeAnswer { skipped: 0, unit: Vec::new(), tag: None, failure: None, status }
    }

    /// That many answers to statements of ours come before the next statement.
    pub(super) fn skip(&mut self, answers: usize) {
        self.skipped = answers;
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
            _ if self.skipped > 0 => self.skipped -= 1,
            frame_tag if self.tag.is_none() => {
                self.unit.extend_from_slice(frame);
                if frame_tag == tag::COMMAND_COMPLETE {
                    self.tag = Some(body.to_vec());
                }
            }
            _ => {}
        }
        ChangeSaid::Noted
    }

    /// The rows that the statement has changed.
    pub(super) fn take_rows(&mut self) -> u64 {
        self.tag.take().map_or(0, |body| wire::command_rows(&body))
    }

    /// The whole answer to the statement.
    pub(super) fn take_unit(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unit)
    }
}
