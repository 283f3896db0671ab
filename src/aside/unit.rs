//! Messages of the extended protocol that execute a statement which changes rows: held until it is known that
//! they belong together. Sends nothing.

use std::sync::Arc;

use super::bound::BoundValues;
use super::change_text::ChangeText;
use crate::wire::{self, tag};

/// `[Parse] Bind [Describe] Execute`, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) frames: Vec<u8>,
    parts: Vec<UnitPart>,
    statement: Vec<u8>,
    portal: Vec<u8>,
    text: Option<Arc<ChangeText>>,
    values: BoundValues,
    /// Bytes of the messages in front of the Execute.
    before_execute: usize,
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

    /// The tags of its messages.
    pub(super) fn tags(&self) -> impl Iterator<Item = u8> {
        self.parts.iter().map(|part| match part {
            UnitPart::Parse => tag::PARSE,
            UnitPart::Bind => tag::BIND,
            UnitPart::DescribeStatement | UnitPart::DescribePortal => tag::DESCRIBE,
            UnitPart::Execute => tag::EXECUTE,
        })
    }

    /// Takes the message, if it belongs to it. `text` is what a Parse or Bind is about.
    pub(super) fn take(
        &mut self,
        frame_tag: u8,
        body: &[u8],
        text: Option<&Arc<ChangeText>>,
    ) -> bool {
        let part = self.part(frame_tag, body, text);
        let Some(part) = part else { return false };
        if part == UnitPart::Execute {
            self.before_execute = self.frames.len();
        }
        self.frames.extend(wire::with_body(frame_tag, &[body]));
        self.parts.push(part);
        true
    }

    fn part(
        &mut self,
        frame_tag: u8,
        body: &[u8],
        text: Option<&Arc<ChangeText>>,
    ) -> Option<UnitPart> {
        match frame_tag {
            tag::PARSE if self.is_empty() => {
                self.text = Some(Arc::clone(text?));
                self.statement = wire::cstring(body)?.0.to_vec();
                Some(UnitPart::Parse)
            }
            tag::BIND if !self.has_bind() => {
                let (portal, rest) = wire::cstring(body)?;
                let (statement, _) = wire::cstring(rest)?;
                if !self.is_empty() && self.statement != statement {
                    return None;
                }
                self.text = Some(Arc::clone(text?));
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

    /// The statement, and the values that it is executed with.
    pub(super) fn into_parts(self) -> Option<UnitParts> {
        let tags = self.parts.iter().flat_map(|part| part.answers()).copied().collect();
        Some(UnitParts {
            text: self.text?,
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
