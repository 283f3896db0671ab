//! What the target of a load is to say next, and what it has said. Data; decides nothing.

use std::collections::VecDeque;
use std::ops::Range;

use super::batch::Attempt;
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
    Attempt(Attempt),
    /// Answers to what was sent behind an attempt, which does not count: it has failed with this error, or the load ends.
    Dropped {
        answers: usize,
        refused: Option<(Range<usize>, Vec<u8>)>,
    },
    LongRow,
    /// The end of a COPY that the client ends before its rows do.
    ClientEnd,
    Write,
    Commit,
    /// The end of what the client does not see; then it gets this error.
    Undo(Vec<u8>),
}

/// What was sent behind the attempt that is waited for. Where rows of that are refused, the target refuses all of this;
/// where its suspect is, this goes on.
#[derive(Debug)]
pub(super) enum SentBehind {
    /// Other attempts, or nothing.
    Attempts(VecDeque<Attempt>),
    /// A COPY that takes rows as they come.
    Rows,
}

impl SentBehind {
    /// Whether nothing was sent.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, SentBehind::Attempts(attempts) if attempts.is_empty())
    }

    /// The attempts.
    pub(super) fn into_attempts(self) -> VecDeque<Attempt> {
        match self {
            SentBehind::Attempts(attempts) => attempts,
            SentBehind::Rows => VecDeque::new(),
        }
    }

    /// The ReadyForQuery messages that answer to it.
    pub(super) fn answers(&self) -> usize {
        match self {
            SentBehind::Attempts(attempts) => attempts.len(),
            SentBehind::Rows => 1,
        }
    }
}

impl Default for SentBehind {
    fn default() -> SentBehind {
        SentBehind::Attempts(VecDeque::new())
    }
}

/// The answer to one statement of ours.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) failure: Option<Vec<u8>>,
    /// The rows of each COPY that is in.
    pub(super) copied: Vec<u64>,
}

/// What the target has said since the last ReadyForQuery.
#[derive(Debug)]
pub(super) struct CopyAnswer {
    pub(super) said: Answered,
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
        CopyAnswer { said: Answered::default(), row: Vec::new(), status }
    }

    /// Notes a frame, its head included.
    pub(super) fn on_frame(&mut self, frame: &[u8]) -> TargetSaid {
        let body = frame.get(wire::HEAD_BYTES..).unwrap_or_default();
        match frame.first().copied().unwrap_or_default() {
            tag::ERROR_RESPONSE if refusal::is_fatal(body) => return TargetSaid::ForSession,
            tag::ERROR_RESPONSE => self.said.failure = Some(frame.to_vec()),
            tag::DATA_ROW => self.row = body.to_vec(),
            tag::COPY_IN_RESPONSE => return TargetSaid::TakesRows,
            tag::COMMAND_COMPLETE if body.starts_with(b"COPY ") => {
                self.said.copied.push(wire::command_rows(body));
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
