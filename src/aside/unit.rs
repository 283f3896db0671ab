//! Messages of the extended protocol that execute a statement which changes rows: held until it is known that
//! they belong together. Sends nothing.

use std::sync::Arc;

use super::bound::BoundValues;
use super::change_text::ChangeText;
use super::unanswered::SentName;
use crate::statement::TransactionWord;
use crate::wire::{self, tag};

/// `[Parse] Bind [Describe] Execute`, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) frames: Vec<u8>,
    parts: Vec<UnitPart>,
    statement: Vec<u8>,
    portal: Vec<u8>,
    text: Option<HeldText>,
    values: BoundValues,
    /// Bytes of the messages in front of the Execute.
    before_execute: usize,
}

/// What the statement of a unit is.
#[derive(Clone, Debug)]
pub(super) enum HeldText {
    Change(Arc<ChangeText>),
    /// It ends a transaction of ours, or makes it the client's.
    Word(TransactionWord),
}

/// A statement, and the values that it is executed with.
#[derive(Debug)]
pub(super) struct UnitParts {
    pub(super) text: Arc<ChangeText>,
    pub(super) answers: UnitAnswers,
    pub(super) values: BoundValues,
    /// The client's messages; none of a simple query.
    pub(super) messages: Vec<u8>,
    /// The bytes of those in front of the Execute.
    pub(super) before_execute: usize,
}

impl UnitParts {
    /// The statement of a simple query.
    pub(super) fn of(text: Arc<ChangeText>) -> UnitParts {
        UnitParts {
            text,
            answers: UnitAnswers::default(),
            values: BoundValues::default(),
            messages: Vec::new(),
            before_execute: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitPart {
    Parse,
    Bind,
    DescribeStatement,
    DescribePortal,
    Execute,
}

impl UnitPart {
    /// The tags of the answers.
    fn answers(self) -> &'static [u8] {
        match self {
            UnitPart::Parse => &[tag::PARSE_COMPLETE],
            UnitPart::Bind => &[tag::BIND_COMPLETE],
            UnitPart::DescribeStatement => &[tag::PARAMETER_DESCRIPTION, tag::NO_DATA],
            UnitPart::DescribePortal => &[tag::NO_DATA],
            UnitPart::Execute => &[],
        }
    }
}

impl Unit {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether nothing of it is to come.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.last() == Some(&UnitPart::Execute)
    }

    fn has_bind(&self) -> bool {
        self.parts.contains(&UnitPart::Bind)
    }

    /// The tags of its messages, and what their bodies begin with.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u8, Vec<u8>)> {
        let named = |name: &[u8]| [name, b"\0"].concat();
        self.parts.iter().map(move |part| match part {
            UnitPart::Parse => (tag::PARSE, named(&self.statement)),
            UnitPart::Bind => (tag::BIND, named(&self.portal)),
            UnitPart::DescribeStatement | UnitPart::DescribePortal => (tag::DESCRIBE, Vec::new()),
            UnitPart::Execute => (tag::EXECUTE, named(&self.portal)),
        })
    }

    /// Takes the message, if it belongs to it. `text` is what a Parse or Bind is about.
    pub(super) fn take(&mut self, frame_tag: u8, body: &[u8], text: Option<HeldText>) -> bool {
        let part = self.part(frame_tag, body, text);
        let Some(part) = part else { return false };
        if part == UnitPart::Execute {
            self.before_execute = self.frames.len();
        }
        self.frames.extend(wire::with_body(frame_tag, &[body]));
        self.parts.push(part);
        true
    }

    fn part(&mut self, frame_tag: u8, body: &[u8], text: Option<HeldText>) -> Option<UnitPart> {
        match frame_tag {
            tag::PARSE if self.is_empty() => {
                self.text = Some(text?);
                self.statement = wire::cstring(body)?.0.to_vec();
                Some(UnitPart::Parse)
            }
            tag::BIND if !self.has_bind() => {
                let (portal, rest) = wire::cstring(body)?;
                let (statement, _) = wire::cstring(rest)?;
                if !self.is_empty() && self.statement != statement {
                    return None;
                }
                self.text = Some(text?);
                self.values = BoundValues::read(body)?;
                (self.portal, self.statement) = (portal.to_vec(), statement.to_vec());
                Some(UnitPart::Bind)
            }
            tag::DESCRIBE if !self.is_empty() => {
                let (kind, rest) = body.split_first()?;
                let (name, _) = wire::cstring(rest)?;
                match kind {
                    b'P' => {
                        (self.has_bind() && name == self.portal).then_some(UnitPart::DescribePortal)
                    }
                    _ => (name == self.statement).then_some(UnitPart::DescribeStatement),
                }
            }
            tag::EXECUTE => {
                let (portal, _) = wire::cstring(body)?;
                (self.has_bind() && portal == self.portal).then_some(UnitPart::Execute)
            }
            _ => None,
        }
    }

    /// The names that its messages give.
    pub(super) fn names(&self) -> [SentName; 2] {
        [SentName::Statement(self.statement.clone()), SentName::Portal(self.portal.clone())]
    }

    /// The statement that it has from an earlier Parse.
    pub(super) fn earlier_statement(&self) -> Option<&[u8]> {
        let is_earlier = !self.parts.contains(&UnitPart::Parse);
        is_earlier.then_some(&self.statement)
    }

    /// What it says of its transaction.
    pub(super) fn word(&self) -> Option<TransactionWord> {
        match self.text {
            Some(HeldText::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The statement, and the values that it is executed with.
    pub(super) fn into_parts(self) -> Option<UnitParts> {
        let Some(HeldText::Change(text)) = self.text else { return None };
        let tags = self.parts.iter().flat_map(|part| part.answers()).copied().collect();
        Some(UnitParts {
            text,
            answers: UnitAnswers(tags),
            values: self.values,
            messages: self.frames,
            before_execute: self.before_execute,
        })
    }
}

/// What the target answers to a unit, up to the CommandComplete.
#[derive(Debug, Default)]
pub(super) struct UnitAnswers(Vec<u8>);

impl UnitAnswers {
    /// How many messages that are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The answers behind the first ones, of a statement that returns no rows.
    pub(super) fn behind(&self, count: usize) -> Vec<u8> {
        let answer = |tag: &u8| match *tag {
            tag::PARAMETER_DESCRIPTION => wire::parameter_description(&[]),
            tag => wire::with_body(tag, &[]),
        };
        self.0.iter().skip(count).flat_map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_on_where_the_target_stopped() {
        let parts = [UnitPart::Parse, UnitPart::DescribeStatement, UnitPart::Bind];
        let tags = parts.iter().flat_map(|part| part.answers()).copied().collect();
        let answers = UnitAnswers(tags);
        let tags = |frames: Vec<u8>| frames.into_iter().filter(u8::is_ascii_alphanumeric).collect();
        let tags: Vec<Vec<u8>> = (0..5).map(|count| tags(answers.behind(count))).collect();
        assert_eq!(tags, [&b"1tn2"[..], b"tn2", b"n2", b"2", b""]);
    }
}
