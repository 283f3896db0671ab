//! How much of a frame of the target's is looked at, by its head alone.

use crate::wire::{self, Head, tag};

/// The longest message that four bytes can announce: what the target sends, the client judges.
pub(super) const LENGTH_MAX: usize = 0x7FFF_FFFF;

/// Bytes of the frames with this tag that `bytes` begin with, those that are there as a whole.
pub(super) fn whole_frames(bytes: &[u8], frame_tag: u8) -> usize {
    let mut rest = bytes;
    while let Ok(Some(head)) = wire::head(rest, LENGTH_MAX)
        && head.tag == frame_tag
        && let Some(behind) = rest.get(head.frame_bytes..)
    {
        rest = behind;
    }
    bytes.len() - rest.len()
}

/// How much of a frame is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its tag says enough.
    Head,
    /// Its body is read, and it passes.
    Body,
    /// The whole frame is held: it may change.
    Frame,
    /// It belongs to an answer of ours and is too long to be held.
    Swallow,
}

impl Reading {
    pub(super) fn plain(head: Head, is_long: bool) -> Reading {
        let looks_inside = matches!(
            head.tag,
            tag::READY_FOR_QUERY
                | tag::COMMAND_COMPLETE
                | tag::ERROR_RESPONSE
                | tag::COPY_IN_RESPONSE
                | tag::PARAMETER_STATUS
                | tag::BACKEND_KEY_DATA
        );
        if looks_inside && !is_long { Reading::Body } else { Reading::Head }
    }

    pub(super) fn frame_if(may_change: bool, head: Head, is_long: bool) -> Reading {
        if may_change && !is_long { Reading::Frame } else { Reading::plain(head, is_long) }
    }

    pub(super) fn frame_unless(is_long: bool) -> Reading {
        if is_long { Reading::Head } else { Reading::Frame }
    }
}
