//! The one buffer of a direction: bytes are read into it, judged and mended in it, and written from
//! it. Knows no sockets and no messages.

/// Bytes on their way from one peer to the other.
///
/// ```text
/// 0        sent        judged        filled        capacity
/// | written | outgoing  | unjudged    | spare        |
/// ```
///
/// Bytes move from right to left across the three marks and are never copied on the way, except
/// when the session replaces some of them or when room has to be made at the end.
#[derive(Debug, Default)]
pub struct RelayBuffer {
    /// Initialised to its whole length, so that reading needs no `unsafe` and no clearing.
    bytes: Vec<u8>,
    sent: usize,
    judged: usize,
    filled: usize,
}

impl RelayBuffer {
    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.sent == self.filled
    }

    /// Memory held, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Gives the buffer memory to work with; only for an empty one.
    pub fn attach(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.is_empty());
        *self = RelayBuffer { bytes, sent: 0, judged: 0, filled: 0 };
    }

    /// Takes the memory of an empty buffer away, for others to use while this one is idle.
    pub fn detach(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty());
        std::mem::take(self).bytes
    }

    /// Room to read into. Makes some when there is none: by moving what is still needed to the
    /// front, or, when one unjudged frame fills the whole buffer, by doubling it.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            if self.sent > 0 {
                self.bytes.copy_within(self.sent..self.filled, 0);
                self.filled -= self.sent;
                self.judged -= self.sent;
                self.sent = 0;
            } else {
                self.bytes.resize((self.bytes.len() * 2).max(1024), 0);
            }
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Counts `count` bytes that were read into [`RelayBuffer::spare`].
    pub fn fill(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.bytes.len());
    }

    /// Takes bytes as if they had been read.
    pub fn extend(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.spare();
            let count = room.len().min(rest.len());
            let Some((now, later)) = rest.split_at_checked(count) else { return };
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.fill(count);
            rest = later;
        }
    }

    /// What was read and not yet judged.
    pub fn unjudged(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.judged..self.filled).unwrap_or_default()
    }

    /// The number of bytes that were read and not yet judged.
    pub fn unjudged_bytes(&self) -> usize {
        self.filled - self.judged
    }

    /// Lets the first `count` unjudged bytes go out as they now stand.
    pub fn pass(&mut self, count: usize) {
        self.judged = (self.judged + count).min(self.filled);
    }

    /// Lets `replacement` go out instead of the first `count` unjudged bytes. With `count` 0 this
    /// inserts, with an empty replacement it drops.
    pub fn replace(&mut self, count: usize, replacement: &[u8]) {
        let end = (self.judged + count).min(self.filled);
        let tail = self.filled - end;
        let new_end = self.judged + replacement.len();
        if new_end + tail > self.bytes.len() {
            self.bytes.resize(new_end + tail, 0);
        }
        self.bytes.copy_within(end..end + tail, new_end);
        if let Some(room) = self.bytes.get_mut(self.judged..new_end) {
            room.copy_from_slice(replacement);
        }
        self.judged = new_end;
        self.filled = new_end + tail;
    }

    /// What may be written.
    pub fn outgoing(&self) -> &[u8] {
        self.bytes.get(self.sent..self.judged).unwrap_or_default()
    }

    /// Counts `count` outgoing bytes as written.
    pub fn mark_sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.judged);
        if self.is_empty() {
            (self.sent, self.judged, self.filled) = (0, 0, 0);
        }
    }

    /// Forgets everything that has not been written.
    pub fn clear(&mut self) {
        (self.sent, self.judged, self.filled) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer_with(bytes: &[u8]) -> RelayBuffer {
        let mut buffer = RelayBuffer::default();
        buffer.attach(vec![0; 8]);
        bytes.chunks(3).for_each(|chunk| buffer.extend(chunk));
        buffer
    }

    fn drain(buffer: &mut RelayBuffer) -> Vec<u8> {
        let out = buffer.outgoing().to_vec();
        buffer.mark_sent(out.len());
        out
    }

    #[test]
    fn bytes_pass_as_they_came() {
        let mut buffer = buffer_with(b"0123456");
        buffer.pass(4);
        assert_eq!(drain(&mut buffer), b"0123");
        assert_eq!(buffer.unjudged(), b"456");
    }

    #[test]
    fn a_frame_larger_than_the_buffer_makes_it_grow() {
        let mut buffer = buffer_with(b"0123456789abcdef");
        assert_eq!(buffer.unjudged(), b"0123456789abcdef");
        assert!(buffer.capacity() >= 16);
    }

    #[test]
    fn replacing_keeps_what_follows() {
        for (replacement, expected) in [
            (&b"xy"[..], &b"0xy456"[..]),
            (b"", b"0456"),
            (b"longer than before", b"0longer than before456"),
        ] {
            let mut buffer = buffer_with(b"0123456");
            buffer.pass(1);
            buffer.replace(3, replacement);
            buffer.pass(3);
            assert_eq!(drain(&mut buffer), expected);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn room_is_made_by_moving_before_growing() {
        let mut buffer = buffer_with(b"01234567");
        buffer.pass(6);
        drain(&mut buffer);
        let room = buffer.spare().len();
        assert_eq!((room, buffer.capacity()), (6, 8));
        assert_eq!(buffer.unjudged(), b"67");
    }
}
