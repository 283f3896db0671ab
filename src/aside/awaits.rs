//! What the target of a load is to say next, and what it has said. Data; decides nothing.

use std::ops::Range;

use super::refusal;
use crate::wire::{self, TransactionStatus, tag};

/// What the target is to say next.
#[derive(Debug)]
pub(super) enum Awaits {
    Nothing,
    /// Whether the table is suspended, before the first COPY and between two of them.
    FirstQuestion,
    Question,
    /// CopyInResponse to the first COPY.
    Open,
    /// Nothing yet: it takes rows as they come.
    Rows,
    Attempt(Range<usize>),
    /// The error of what was sent behind an attempt that has failed with this one.
    Dropped(Range<usize>, Vec<u8>),
    LongRow,
    /// The end of a COPY that the client ends before its rows do.
    ClientEnd,
    Write,
    Commit,
    /// The end of what the client does not see; then it gets this error.
    Undo(Vec<u8>),
}

/// What was sent behind the attempt that is waited for: where that fails, the target refuses this as a whole.
#[derive(Debug, Default)]
pub(super) enum SentBehind {
    #[default]
    Nothing,
    /// A COPY that takes rows as they come.
    Rows,
    Attempt(Range<usize>),
}

/// What the target has said since the last ReadyForQuery.
#[derive(Debug)]
pub(super) struct CopyAnswer {
    pub(super) failure: Option<Vec<u8>>,
    /// The rows of a COPY that is in.
    pub(super) copied: Option<u64>,
    /// The body of a DataRow.
    pub(super) row: Vec<u8>,
    pub(super) status: TransactionStatus,
}

/// What a frame of the target means for the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetSaid {
    /// It is noted.
    Noted,
    /// It is for the session.
    ForSession,
    /// Rows may come.
    TakesRows,
    /// The statement has ended.
    Ready,
}

/// How a COPY has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyEnd {
    Done,
    Failed,
}

impl CopyAnswer {
    pub(super) fn new(status: TransactionStatus) -> CopyAnswer {
        CopyAnswer { failure: None, copied: None, row: Vec::new(), status }
    }

    /// Notes a frame, its head included.
    pub(super) fn on_frame(&mut self, frame: &[u8]) -> TargetSaid {
        let body = frame.get(wire::HEAD_BYTES..).unwrap_or_default();
        match frame.first().copied().unwrap_or_default() {
            tag::ERROR_RESPONSE if refusal::is_fatal(body) => return TargetSaid::ForSession,
            tag::ERROR_RESPONSE => self.failure = Some(frame.to_vec()),
            tag::DATA_ROW => self.row = body.to_vec(),
            tag::COPY_IN_RESPONSE => return TargetSaid::TakesRows,
            tag::COMMAND_COMPLETE if body.starts_with(b"COPY ") => {
                self.copied = Some(wire::command_rows(body));
            }
            tag::NOTICE_RESPONSE | tag::NOTIFICATION_RESPONSE | tag::PARAMETER_STATUS => {
                return TargetSaid::ForSession;
            }
            tag::READY_FOR_QUERY => {
                self.status = wire::ready_status(body);
                return TargetSaid::Ready;
            }
            _ => {}
        }
        TargetSaid::Noted
    }
}
