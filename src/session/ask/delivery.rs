//! How a question travels in the client's session, and which frame ends its answer.

use crate::wire::{self, tag};

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Delivery {
    /// A Query; ends with ReadyForQuery. It destroys the client's unnamed statement.
    Query,
    /// Parse to Sync under a name of ours; ends with ReadyForQuery. It ends the client's pipeline.
    Group,
    /// The same up to a Flush, in a pipeline of the client's; ends with the third CloseComplete.
    Pipeline,
    /// A Describe and a Flush; ends with RowDescription or NoData.
    Describe,
    /// A Sync, a Close and a Flush, which tell by their answers how many Syncs the target has answered
    /// and whether it still takes rows; ends with CloseComplete.
    Probe,
}

/// What has been seen of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Seen {
    /// Not a frame of it. A ReadyForQuery belongs to an earlier message.
    #[default]
    Nothing,
    /// Its begin, with the number of its CloseComplete messages.
    Begin { closes: u8 },
}

impl Seen {
    /// Another frame has come.
    pub(in crate::session) fn frame(&mut self, frame_tag: u8) {
        *self = match *self {
            Seen::Nothing if frame_tag == tag::READY_FOR_QUERY => Seen::Nothing,
            Seen::Nothing => Seen::Begin { closes: u8::from(frame_tag == tag::CLOSE_COMPLETE) },
            Seen::Begin { closes } => {
                Seen::Begin { closes: closes + u8::from(frame_tag == tag::CLOSE_COMPLETE) }
            }
        };
    }
}

impl Delivery {
    /// Whether an error of the question leaves what comes behind it alone.
    pub(in crate::session) fn ends_with_ready(self) -> bool {
        matches!(self, Delivery::Query | Delivery::Group)
    }

    /// The frames that ask by the text `sql`, or about the client's `statement`; `name` is that of our
    /// statement and portal.
    pub(super) fn frames(self, sql: &str, statement: &[u8], name: &str) -> Vec<u8> {
        match self {
            Delivery::Query => wire::query(sql),
            Delivery::Group => wire::own_group(name, sql),
            Delivery::Pipeline => wire::own_group_in_pipeline(name, sql),
            Delivery::Describe => {
                let mut frames = wire::with_body(tag::DESCRIBE, &[b"S", statement, b"\0"]);
                frames.extend(wire::with_body(tag::FLUSH, &[]));
                frames
            }
            Delivery::Probe => wire::own_probe(name),
        }
    }

    /// Whether the answer ends with this frame.
    pub(super) fn ends(self, seen: &mut Seen, frame_tag: u8) -> bool {
        let before = *seen;
        seen.frame(frame_tag);
        match self {
            Delivery::Query | Delivery::Group => {
                frame_tag == tag::READY_FOR_QUERY && before != Seen::Nothing
            }
            Delivery::Pipeline => *seen == Seen::Begin { closes: wire::OWN_GROUP_CLOSES },
            Delivery::Describe => matches!(frame_tag, tag::ROW_DESCRIPTION | tag::NO_DATA),
            Delivery::Probe => frame_tag == tag::CLOSE_COMPLETE,
        }
    }
}
