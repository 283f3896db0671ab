//! Parse and Bind messages that the target has not answered: where one of them fails or is skipped, it is not known what
//! its name stands for. Sends nothing.

use std::collections::VecDeque;

/// Messages that are remembered.
const MESSAGES_MAX: usize = 10_000;

/// The messages, in order.
#[derive(Debug, Default)]
pub(super) struct Unanswered(VecDeque<SentName>);

/// What a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SentName {
    Statement(Vec<u8>),
    Portal(Vec<u8>),
    /// A message that ends a pipeline.
    End,
}

impl Unanswered {
    /// A message goes to the target; gives whether there is room for it.
    pub(super) fn push(&mut self, name: SentName) -> bool {
        let has_room = self.0.len() < MESSAGES_MAX;
        if has_room {
            self.0.push_back(name);
        }
        has_room
    }

    /// The target has answered to the first one.
    pub(super) fn note_complete(&mut self) {
        if self.0.front().is_some_and(|name| *name != SentName::End) {
            self.0.pop_front();
        }
    }

    /// The target is ready.
    pub(super) fn note_ready(&mut self) {
        self.take_failed();
        self.0.pop_front();
    }

    /// The names of one that has failed and of those that are skipped with it.
    pub(super) fn take_failed(&mut self) -> Vec<SentName> {
        let end = self.0.iter().position(|name| *name == SentName::End);
        self.0.drain(..end.unwrap_or(self.0.len())).collect()
    }

    /// Everything is answered.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_ends_with_its_pipeline() {
        let name = |name: &str| SentName::Statement(name.into());
        let mut sent = Unanswered::default();
        let all = [name("a"), name("b"), SentName::Portal(Vec::new()), SentName::End, name("c")];
        assert!(all.iter().all(|name| sent.push(name.clone())));
        sent.note_complete();
        assert_eq!(sent.take_failed(), all[1..3]);
        sent.note_complete();
        assert!(sent.take_failed().is_empty(), "what is behind the end is not answered");
        sent.note_ready();
        assert_eq!(sent.take_failed(), all[4..]);
    }
}
