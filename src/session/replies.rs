//! What the target owes: one entry for each message that it answers, in the order in which it will
//! answer, and how each answer is treated. Knows message types; may not read message bodies.

use std::collections::VecDeque;

use super::ask::Delivery;
pub(super) use super::expected::{Adjust, CopyStart, Expected, Fail, Failing, Request, Treatment};
use super::protocol::Protocol;
use crate::ledger::Place;
use crate::rewrite::{Change, CopyStream};
use crate::statement::Word;
use crate::statistics::CountedStatement;
use crate::wire::{OwnError, tag};

/// A COPY that has failed with Syncs of the client's among its rows: how many of these the target
/// answers depends on where it met the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// How the COPY came.
    pub(super) protocol: Protocol,
    /// The answers to Syncs that have come since.
    pub(super) readies: u32,
}

impl Doubt {
    /// Whether the target was skipping when our own Sync came, whose answer is the last one.
    pub(super) fn skips(self) -> bool {
        self.protocol == Protocol::Extended && self.readies <= 1
    }
}

/// What is known of how the server reads texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LexingState {
    Known,
    /// A message on its way may change it.
    Changing,
    /// Such a message is answered; in a pipeline the target does not tell what it has changed.
    Unsure,
}

/// The queue. Its length is bounded by the session, which stops reading from the client.
#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<Expected>,
    /// How many have left the queue at its front.
    answered: u64,
    /// The number of the last message that came into the queue and may start a COPY, or has, counted as
    /// `answered` does, so that the queue need not be searched.
    last_copy: Option<u64>,
    /// How many of these were a Parse that can be undone.
    parses_answered: u64,
    /// How many messages had come with the last one that may change how the server reads texts; `None` where
    /// it is known how it reads them.
    lexing_changed_by: Option<u64>,
    /// The target ignores everything up to the next Sync.
    skipping: bool,
    doubt: Option<Doubt>,
}

impl Replies {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many messages have come into the queue, and how many of these are answered.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.answered + widen(self.queue.len()), self.answered)
    }

    /// Whether the target owes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether nothing of what is owed, which is less than `length_max`, has a say in what comes next.
    #[inline]
    pub(super) fn is_clear(&self, length_max: usize) -> bool {
        let is_plain = !self.may_copy() && !self.skipping && self.doubt.is_none();
        is_plain && self.queue.len() < length_max
    }

    /// Whether a message that may start a COPY, or has started one, is not yet answered. Without one, no
    /// Sync is early.
    fn may_copy(&self) -> bool {
        self.last_copy.is_some_and(|last| last >= self.answered)
    }

    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// How many Parses that can be undone have been answered, or skipped.
    pub(super) fn parses_answered(&self) -> u64 {
        self.parses_answered
    }

    /// What is known of how the server reads texts.
    pub(super) fn lexing(&self) -> LexingState {
        match self.lexing_changed_by {
            None => LexingState::Known,
            Some(number) if number > self.answered => LexingState::Changing,
            Some(_) => LexingState::Unsure,
        }
    }

    /// The message that went last may change how the server reads texts.
    pub(super) fn note_lexing_change(&mut self) {
        self.lexing_changed_by = Some(self.counts().0);
    }

    /// It is known how the server reads texts.
    pub(super) fn note_lexing_known(&mut self) {
        self.lexing_changed_by = None;
    }

    /// A message goes to the target whose answer passes as it is.
    #[inline]
    pub(super) fn push_plain(&mut self, request: Request) {
        if self.skipping || request == Request::EarlySync {
            return self.push(Expected::new(request));
        }
        self.queue.push_back(Expected::new(request));
    }

    /// A message goes to the target. While that skips to the next Sync, only a Sync is answered.
    #[inline]
    pub(super) fn push(&mut self, expected: Expected) {
        if expected.request == Request::Sync {
            self.skipping = false;
        }
        if self.skipping {
            let is_own = matches!(expected.request, Request::Own(_));
            debug_assert!(!is_own, "a question is asked while the target skips");
            return;
        }
        if expected.request == Request::EarlySync {
            self.last_copy = self.last_copy.max(Some(self.answered));
        }
        if expected.may_start_copy() {
            self.last_copy = Some(self.answered + widen(self.queue.len()));
        }
        self.queue.push_back(expected);
    }

    /// The message that went last writes rows of this table while the role silences more than foreign keys.
    pub(super) fn note_silenced(&mut self, place: Place) {
        if let Some(last) = self.queue.back_mut() {
            last.silence(place);
        }
    }

    /// What the message at the front has prepared, if it is of this kind: the target has done it.
    pub(super) fn take_prepares(&mut self, request: Request) -> Vec<Change> {
        let front = self.queue.front_mut().filter(|front| front.request == request);
        front.map(Expected::take_prepares).unwrap_or_default()
    }

    pub(super) fn front(&self) -> Option<&Expected> {
        self.queue.front()
    }

    /// Whether rows that come now are the client's, and go on as they are.
    #[inline]
    pub(super) fn front_passes_rows(&self) -> bool {
        let treatment = self.queue.front().and_then(Expected::treatment);
        matches!(treatment, None | Some(Treatment::Pass | Treatment::Adjust(_)))
    }

    /// What the statement is about that is at work, where that is counted.
    pub(super) fn subject(&self) -> Option<&CountedStatement> {
        self.queue.front()?.subject()
    }

    /// The statement that is at work is complete.
    pub(super) fn next_subject(&mut self) {
        if let Some(front) = self.queue.front_mut() {
            front.complete_subject();
        }
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Expected> {
        self.queue.front_mut()
    }

    /// A frame that may complete the answer to one message of an extended query came. A frame that no
    /// entry expects changes nothing.
    #[inline]
    pub(super) fn on_completion(&mut self, completion: u8) {
        let Some(front) = self.queue.front() else { return };
        let complete = match completion {
            tag::PARSE_COMPLETE => front.request == Request::Parse,
            tag::BIND_COMPLETE => front.request == Request::Bind,
            tag::CLOSE_COMPLETE => front.request == Request::Close,
            tag::ROW_DESCRIPTION | tag::NO_DATA => front.request == Request::Describe,
            tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE | tag::PORTAL_SUSPENDED => {
                front.request == Request::Execute
            }
            _ => false,
        };
        if complete {
            self.complete();
        }
    }

    /// A statement of the message at the front is complete: what it says about settings.
    pub(super) fn take_word(&mut self) -> Option<Word> {
        self.queue.front_mut()?.take_word()
    }

    /// The answer at the front is complete, and nothing of it is needed.
    #[inline]
    fn complete(&mut self) {
        let is_plain = self.queue.front().is_some_and(Expected::is_plain);
        if is_plain && !self.may_copy() && self.doubt.is_none() {
            if let Some(front) = self.queue.pop_front() {
                front.end();
            }
            self.answered += 1;
        } else {
            self.pop();
        }
    }

    /// The answer at the front is complete.
    pub(super) fn pop(&mut self) -> Option<Expected> {
        let front = self.queue.pop_front()?;
        let may_copy = self.may_copy();
        self.answered += 1;
        self.parses_answered += u64::from(front.can_be_undone());
        if may_copy || self.doubt.is_some() {
            self.end_early_syncs();
        }
        Some(front)
    }

    /// The message in front of Syncs that are early is answered.
    fn end_early_syncs(&mut self) {
        if self.doubt.is_none() {
            // The COPY took them.
            while self.queue.front().is_some_and(|next| next.request == Request::EarlySync) {
                self.queue.pop_front();
                self.answered += 1;
            }
        } else if self.queue.is_empty() {
            // The target has answered each of them.
            self.doubt = None;
        }
    }

    /// ReadyForQuery came. It ends the answer to a simple query, a function call or a Sync; in front of
    /// anything else it is a second answer to a Sync that the target was expected to ignore, and changes
    /// nothing but the skipping. `Asking` ends answers to questions. Gives what is answered.
    pub(super) fn on_ready(&mut self) -> Option<Request> {
        self.skipping = false;
        let front = self.queue.front()?;
        if front.request.is_sync()
            && let Some(doubt) = &mut self.doubt
        {
            doubt.readies += 1;
        }
        let ends = front.request.ends_with_ready() && !matches!(front.request, Request::Own(_));
        let request = front.request;
        ends.then(|| self.complete())?;
        Some(request)
    }

    /// An answer to a Sync of ours, or to one in doubt, came behind all that is expected.
    pub(super) fn note_ready(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.readies += 1;
        }
    }

    /// ErrorResponse came. It is about the message at the front. An extended query is over: the target
    /// skips to the next Sync, so what was expected up to there never comes and is handed back, with
    /// what has failed first. A simple query stays until its ReadyForQuery, but starts no COPY any more.
    pub(super) fn on_error(&mut self) -> Vec<Expected> {
        let Some(front) = self.queue.front_mut() else { return Vec::new() };
        if front.request.ends_with_ready() {
            front.forget_copies();
            front.take_prepares();
            if !front.request.is_sync() && self.follows_early_sync(1) {
                self.doubt = Some(Doubt { protocol: Protocol::Simple, readies: 0 });
            }
            return Vec::new();
        }
        let end = self.queue.iter().position(|expected| expected.request.is_sync());
        self.skipping = end.is_none();
        let end = end.unwrap_or(self.queue.len());
        if self.follows_early_sync(end) {
            self.doubt = Some(Doubt { protocol: Protocol::Extended, readies: 0 });
        }
        self.answered += widen(end);
        let dropped: Vec<Expected> = self.queue.drain(..end).collect();
        let undone = dropped.iter().filter(|expected| expected.can_be_undone()).count();
        self.parses_answered += widen(undone);
        dropped
    }

    /// Whether the last message on its way is certainly read, and not by the error that has just come.
    pub(super) fn goes_on_behind_error(&self) -> bool {
        let ends = self.queue.iter().filter(|expected| expected.request.ends_with_ready());
        self.doubt.is_none() && !self.skipping && ends.count() > 1
    }

    fn follows_early_sync(&self, index: usize) -> bool {
        self.queue.get(index).is_some_and(|next| next.request == Request::EarlySync)
    }

    /// Whether a message on its way may make the target ask for a COPY stream.
    pub(super) fn may_start_copy(&self) -> bool {
        // Streams change only at the front, while it is being answered.
        match self.last_copy {
            Some(last) if last == self.answered => {
                self.queue.front().is_some_and(Expected::may_start_copy)
            }
            Some(last) => last > self.answered,
            None => false,
        }
    }

    /// CopyInResponse came: the stream it is for, where the text was understood. Syncs that the client
    /// has sent right behind the statement reach the target in COPY mode, where it ignores them, unless it
    /// refuses the COPY before it reads.
    ///
    /// Source: PostgreSQL, `CopyGetData` in `src/backend/commands/copyfromparse.c`.
    pub(super) fn on_copy_in(&mut self) -> Option<CopyStream> {
        self.last_copy = self.last_copy.max(Some(self.answered));
        let syncs = self.queue.iter_mut().skip(1);
        for sync in syncs.take_while(|next| next.request == Request::Sync) {
            sync.request = Request::EarlySync;
        }
        self.queue.front_mut()?.take_stream()
    }

    /// Whether the message that is being answered came by the extended protocol.
    pub(super) fn front_protocol(&self) -> Protocol {
        match self.queue.front().map(|front| front.request) {
            Some(Request::Execute) => Protocol::Extended,
            _ => Protocol::Simple,
        }
    }

    /// Whether the client has sent Syncs among the rows of a COPY that is not yet answered.
    pub(super) fn has_early_syncs(&self) -> bool {
        self.doubt.is_none() && self.follows_early_sync(1)
    }

    /// Whether it is not known how many Syncs the target answers.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// The Syncs in doubt are no longer: all that was sent up to now is answered or never will be.
    pub(super) fn end_doubt(&mut self, skipping: bool) {
        self.answered += widen(self.queue.len());
        self.queue.clear();
        self.doubt = None;
        self.skipping = skipping;
    }

    /// The COPY has taken a probe for rows: the Syncs among them and the probe are not answered.
    pub(super) fn forget_probe(&mut self, of_copy: Protocol) {
        let is_kept = |expected: &Expected| {
            let is_probe = expected.request == Request::Own(Delivery::Probe);
            !is_probe && expected.request != Request::EarlySync
        };
        self.queue.retain(is_kept);
        self.doubt = None;
        self.skipping = of_copy == Protocol::Extended;
    }

    /// The answer to the message at the front is ours from here on.
    pub(super) fn fail_front(&mut self, error: OwnError, instead_of: Failing) {
        if let Some(front) = self.queue.front_mut() {
            front.treat(Treatment::Fail(Box::new(Fail { error, instead_of })));
        }
    }
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
