//! A piece of a stream on its way to the rows: what stays is copied in long runs. Knows no format.

/// The bytes at hand, those of them that have gone, and where they go.
#[derive(Debug)]
pub(super) struct StreamPiece<'a> {
    pub(super) stream: &'a [u8],
    pub(super) rows: &'a mut Vec<u8>,
    /// Up to here the bytes are in the rows, or left out.
    settled: usize,
}

impl<'a> StreamPiece<'a> {
    pub(super) fn new(stream: &'a [u8], rows: &'a mut Vec<u8>) -> StreamPiece<'a> {
        StreamPiece { stream, rows, settled: 0 }
    }

    /// The bytes from `from` up to `to`.
    pub(super) fn bytes(&self, from: usize, to: usize) -> &'a [u8] {
        self.stream.get(from..to).unwrap_or_default()
    }

    /// The bytes from `from` on.
    pub(super) fn rest(&self, from: usize) -> &'a [u8] {
        self.stream.get(from..).unwrap_or_default()
    }

    /// Everything up to `to` stays.
    pub(super) fn keep_to(&mut self, to: usize) {
        self.rows.extend_from_slice(self.stream.get(self.settled..to).unwrap_or_default());
        self.settled = self.settled.max(to);
    }

    /// Everything stays up to `from`, and nothing from there up to `to`.
    pub(super) fn leave_out(&mut self, from: usize, to: usize) {
        self.keep_to(from);
        self.settled = self.settled.max(to);
    }

    /// `with` takes the place of the bytes from `from` up to `to`.
    pub(super) fn replace(&mut self, from: usize, to: usize, with: &[u8]) {
        self.leave_out(from, to);
        self.rows.extend_from_slice(with);
    }

    /// All bytes that have not gone stay.
    pub(super) fn keep_rest(&mut self) {
        self.keep_to(self.stream.len());
    }
}
