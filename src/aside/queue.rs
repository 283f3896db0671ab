//! What a session has sent and was not looked at. Knows where frames end.

use crate::wire::{self, HEAD_BYTES, Head};

/// The longest message that four bytes can announce: what the client sends, the session judges.
pub(super) const LENGTH_MAX: usize = 0x7FFF_FFFF;

/// Memory that is kept while nothing waits.
const KEPT_BYTES: usize = 64 * 1024;

/// Frames that wait.
#[derive(Debug, Default)]
pub(super) struct FrameQueue {
    bytes: Vec<u8>,
    at: usize,
}

impl FrameQueue {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The head of the frame at the front, once it is there. What is not a frame counts as one.
    pub(super) fn head(&self) -> Option<Head> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match wire::head(rest, LENGTH_MAX) {
            Ok(head) => head,
            Err(error) => Some(Head { tag: error.tag, frame_bytes: rest.len() }),
        }
    }

    /// The body of the frame at the front, once all of it is there.
    pub(super) fn body(&self, head: Head) -> Option<&[u8]> {
        self.bytes.get(self.at + HEAD_BYTES..self.at + head.frame_bytes)
    }

    /// Puts frames behind this number of bytes, which have to be there.
    pub(super) fn insert(&mut self, behind: usize, frames: &[u8]) {
        let at = self.at + behind;
        if at <= self.bytes.len() {
            self.bytes.splice(at..at, frames.iter().copied());
        }
    }

    /// Takes up to `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.at;
        self.at = (self.at + count).min(self.bytes.len());
        self.bytes.get(start..self.at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_one_by_one() {
        let mut queue = FrameQueue::default();
        queue.extend(b"Q\0\0\0\x06a");
        let head = queue.head().unwrap();
        assert_eq!((head.tag, queue.body(head)), (b'Q', None));
        queue.extend(b"\0S\0\0");
        assert_eq!(queue.body(head), Some(&b"a\0"[..]));
        assert_eq!(queue.take(head.frame_bytes).len(), 7);
        assert_eq!((queue.head(), queue.len()), (None, 3));
        queue.extend(b"\0\0");
        assert_eq!(queue.head().map(|head| head.tag), Some(b'S'), "a length that cannot be");
    }
}
