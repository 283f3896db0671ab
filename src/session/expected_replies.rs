//! What the target still owes: one entry for each message that it answers, in the order in which it
//! will answer. Knows message types, never message bodies.

use std::collections::VecDeque;
use std::sync::Arc;

use super::own_statement::OwnStatement;
use super::parameters::Parameters;
use super::position_map::PositionMap;
use super::prepared_statements::Undo;
use super::relations::CopyStream;
use crate::wire::{OwnError, tag};

/// A message that the target answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Query,
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    FunctionCall,
    /// A Describe of the proxy's own in the client's pipeline. Its answer is swallowed; an error is
    /// the one that the client's next message would have met.
    LookUp,
    /// Statements of the proxy's own, up to one ReadyForQuery. All of the answer is swallowed.
    Own,
    /// A statement of the proxy's own in the client's pipeline, up to its last CloseComplete. Its
    /// answer is swallowed; an error is the one that the client's next message would have met.
    OwnInPipeline,
}

/// What is remembered of a message until its answer is complete.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) request: Request,
    /// Nearly every message needs none, so they cost an entry no more than a pointer.
    pub(super) notes: Option<Box<Notes>>,
}

impl Expected {
    pub(super) fn new(request: Request) -> Expected {
        Expected { request, notes: None }
    }

    pub(super) fn with(request: Request, notes: Notes) -> Expected {
        Expected { request, notes: Some(Box::new(notes)) }
    }

    fn can_be_undone(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.undo.is_some())
    }
}

/// What makes the answer to one message special.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The text was changed: positions in errors are moved back to the client's own text.
    pub(super) positions: Option<Arc<PositionMap>>,
    /// Types in a ParameterDescription are put back to those that the client declared.
    pub(super) described: Option<Arc<Parameters>>,
    /// The command tags that the client is to see, by the number of the statement in the text.
    pub(super) tags: VecDeque<(usize, &'static str)>,
    /// The statements of the text that are complete.
    pub(super) completed: usize,
    /// The COPY streams that the statements ask for, those still to come.
    pub(super) copies: VecDeque<CopyStream>,
    /// The text was too long to be read, so any stream may begin.
    pub(super) unread: bool,
    /// The answer is ours: the target was sent a statement that can only fail, so that order and
    /// transaction state come out as they would for an error of its own.
    pub(super) synthesize: Option<Synthesize>,
    /// A constant is refused: an expression that can only fail stands in its place, and this takes
    /// the place of the error about it.
    pub(super) refused: Option<OwnError>,
    /// How to put the known prepared statements back should the target refuse this Parse.
    pub(super) undo: Option<Undo>,
    /// Which of the proxy's own statements this is.
    pub(super) own: Option<OwnStatement>,
    /// Types of parameters are looked up.
    pub(super) looks_up: bool,
    /// Whether a first frame of the answer has been seen.
    pub(super) begun: bool,
    /// The CloseComplete messages of the answer that have been seen.
    pub(super) closes: u8,
}

impl Notes {
    fn may_start_copy(&self) -> bool {
        !self.copies.is_empty() || self.unread
    }
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// An error of ours, waiting for its turn.
#[derive(Debug)]
pub(super) struct Synthesize {
    pub(super) error: OwnError,
    pub(super) instead_of: Failing,
}

/// What was sent to the target to make it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// One statement or a Bind. In an aborted transaction the server would have said 25P02 to the
    /// client's as well.
    Statement,
    /// A statement in place of several. They may hold the ROLLBACK that ends an aborted transaction,
    /// so there our error says more.
    Script,
    /// The end of a COPY. Only its own error is replaced.
    CopyFail,
}

/// The queue. Its length is bounded by the session, which stops reading from the client.
#[derive(Debug, Default)]
pub(super) struct ExpectedReplies {
    queue: VecDeque<Expected>,
    /// How many have left the queue at its front.
    answered: u64,
    /// The number of the last message that came into the queue and may start a COPY, counted as
    /// `answered` does, so that nobody has to look through the queue.
    last_copy: Option<u64>,
    /// How many of these were a Parse that can be undone.
    parses_answered: u64,
    /// The target ignores everything up to the next Sync.
    skipping: bool,
}

impl ExpectedReplies {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// How many Parses that can be undone have been answered, or skipped.
    pub(super) fn parses_answered(&self) -> u64 {
        self.parses_answered
    }

    /// A message goes to the target. While that skips to the next Sync, only a Sync is answered.
    pub(super) fn push(&mut self, expected: Expected) {
        if expected.request == Request::Sync {
            self.skipping = false;
        }
        if !self.skipping {
            if expected.notes.as_ref().is_some_and(|notes| notes.may_start_copy()) {
                self.last_copy = Some(self.answered + widen(self.queue.len()));
            }
            self.queue.push_back(expected);
        }
    }

    pub(super) fn front(&mut self) -> Option<&mut Expected> {
        self.queue.front_mut()
    }

    /// The notes of the message that is being answered.
    pub(super) fn front_notes(&mut self) -> Option<&mut Notes> {
        self.queue.front_mut()?.notes.as_deref_mut()
    }

    /// A frame that may complete the answer to one message of an extended query came. A frame that
    /// fits nothing is the target's own affair and changes nothing.
    #[inline]
    pub(super) fn on_completion(&mut self, completion: u8) {
        let Some(front) = self.queue.front() else { return };
        let complete = match completion {
            tag::PARSE_COMPLETE => front.request == Request::Parse,
            tag::BIND_COMPLETE => front.request == Request::Bind,
            tag::CLOSE_COMPLETE => front.request == Request::Close,
            tag::ROW_DESCRIPTION | tag::NO_DATA => {
                matches!(front.request, Request::Describe | Request::LookUp)
            }
            tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE | tag::PORTAL_SUSPENDED => {
                front.request == Request::Execute
            }
            _ => false,
        };
        if complete {
            self.pop();
        }
    }

    /// The answer at the front is complete.
    pub(super) fn pop(&mut self) -> Option<Expected> {
        let front = self.queue.pop_front()?;
        self.answered += 1;
        self.parses_answered += u64::from(front.can_be_undone());
        Some(front)
    }

    /// ReadyForQuery came. It ends the answer to a simple query, a function call, a Sync or our
    /// own statements; in front of anything else it is a second answer to a Sync that the target
    /// was expected to ignore, and changes nothing but the skipping.
    pub(super) fn on_ready(&mut self) -> Option<Expected> {
        self.skipping = false;
        let front = self.queue.front()?;
        let ends = match front.request {
            Request::Query | Request::FunctionCall | Request::Sync => true,
            Request::Own => front.notes.as_ref().is_some_and(|notes| notes.begun),
            _ => false,
        };
        if ends { self.pop() } else { None }
    }

    /// ErrorResponse came. An extended query is over: the target skips to the next Sync, so what
    /// was expected up to there never comes and is handed back. A simple query stays until its
    /// ReadyForQuery, but starts no COPY any more.
    pub(super) fn on_error(&mut self) -> Vec<Expected> {
        let Some(front) = self.queue.front_mut() else { return Vec::new() };
        match front.request {
            Request::Query | Request::FunctionCall | Request::Sync | Request::Own => {
                if let Some(notes) = front.notes.as_mut() {
                    notes.copies.clear();
                    notes.unread = false;
                }
                Vec::new()
            }
            _ => {
                let end = self.queue.iter().position(|e| e.request == Request::Sync);
                self.skipping = end.is_none();
                let end = end.unwrap_or(self.queue.len());
                self.answered += widen(end);
                let dropped: Vec<Expected> = self.queue.drain(..end).collect();
                let undone = dropped.iter().filter(|expected| expected.can_be_undone()).count();
                self.parses_answered += widen(undone);
                dropped
            }
        }
    }

    /// Whether a message on its way may make the target ask for a COPY stream.
    pub(super) fn may_start_copy(&self) -> bool {
        // Notes change only at the front, while it is being answered.
        match self.last_copy {
            Some(last) if last == self.answered => {
                let front = self.queue.front().and_then(|front| front.notes.as_ref());
                front.is_some_and(|notes| notes.may_start_copy())
            }
            Some(last) => last > self.answered,
            None => false,
        }
    }

    /// CopyInResponse came: the stream it is for, where the text was understood. Syncs that the
    /// client sent right behind the Execute reach the target in COPY mode, where it ignores them
    /// (PostgreSQL, `CopyGetData`).
    pub(super) fn on_copy_in(&mut self) -> Option<CopyStream> {
        while self.queue.get(1).is_some_and(|next| next.request == Request::Sync)
            && self.queue.front().is_some_and(|front| front.request == Request::Execute)
        {
            self.queue.remove(1);
            self.last_copy =
                self.last_copy.map(|last| if last > self.answered { last - 1 } else { last });
        }
        self.front_notes()?.copies.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(requests: &[Request]) -> ExpectedReplies {
        let mut replies = ExpectedReplies::default();
        for &request in requests {
            replies.push(Expected::new(request));
        }
        replies
    }

    fn requests(replies: &ExpectedReplies) -> Vec<Request> {
        replies.queue.iter().map(|expected| expected.request).collect()
    }

    #[test]
    fn an_extended_query_is_answered_piece_by_piece() {
        use Request::*;
        let mut replies = queue(&[Parse, Bind, Describe, Execute, Sync]);
        for completion in [b'1', b'2', b'T', b'D', b'C'] {
            replies.on_completion(completion);
        }
        assert_eq!(requests(&replies), [Sync]);
        replies.on_ready();
        assert_eq!(replies.len(), 0);
    }

    #[test]
    fn an_error_drops_everything_up_to_the_sync() {
        use Request::*;
        let mut replies = queue(&[Parse, Bind, Execute, Sync, Parse]);
        assert_eq!(replies.on_error().len(), 3);
        assert!(!replies.is_skipping());
        replies.on_ready();
        assert_eq!(requests(&replies), [Parse]);
    }

    #[test]
    fn without_a_sync_the_target_skips_until_one_comes() {
        use Request::*;
        let mut replies = queue(&[Parse, Bind]);
        replies.on_error();
        assert!(replies.is_skipping());
        replies.push(Expected::new(Execute));
        assert_eq!(replies.len(), 0);
        replies.push(Expected::new(Sync));
        assert_eq!(requests(&replies), [Sync]);
        assert!(!replies.is_skipping());
    }

    #[test]
    fn a_simple_query_ends_with_its_ready_for_query_only() {
        use Request::*;
        let mut replies = queue(&[Query, Query]);
        replies.on_completion(b'C');
        assert!(replies.on_error().is_empty());
        assert_eq!(replies.len(), 2);
        replies.on_ready();
        assert_eq!(replies.len(), 1);
    }

    #[test]
    fn an_early_sync_behind_a_copy_is_not_answered() {
        use Request::*;
        let mut replies = queue(&[Execute, Sync]);
        replies.on_copy_in();
        assert_eq!(requests(&replies), [Execute]);
        replies.push(Expected::new(Sync));
        replies.on_completion(b'C');
        replies.on_ready();
        assert_eq!(replies.len(), 0);
    }

    #[test]
    fn what_may_start_a_copy_is_known_wherever_it_stands() {
        use Request::*;
        let may = || Expected::with(Execute, Notes { unread: true, ..Notes::default() });
        let mut replies = queue(&[Execute, Sync]);
        assert!(!replies.may_start_copy());
        replies.push(may());
        replies.push(Expected::new(Sync));
        assert!(replies.may_start_copy());
        replies.on_copy_in();
        assert_eq!(requests(&replies), [Execute, Execute, Sync], "a Sync is forgotten");
        assert!(replies.may_start_copy());
        replies.on_completion(b'C');
        assert!(replies.may_start_copy());
        replies.front_notes().unwrap().unread = false;
        assert!(!replies.may_start_copy());
        replies.push(may());
        assert!(replies.may_start_copy());
        replies.on_error();
        assert_eq!(requests(&replies), [Sync, Execute]);
        assert!(replies.may_start_copy());
        replies.on_ready();
        replies.on_completion(b'C');
        assert!(!replies.may_start_copy());
    }

    #[test]
    fn a_ready_for_query_too_many_does_not_end_our_own_statement() {
        let mut replies = ExpectedReplies::default();
        replies.push(Expected::with(Request::Own, Notes::default()));
        assert!(replies.on_ready().is_none());
        replies.front_notes().unwrap().begun = true;
        assert!(replies.on_ready().is_some());
    }
}
