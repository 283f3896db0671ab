//! Big-endian numbers of a message, whole or cut. Knows no message.

/// The bytes of a number that is cut.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CutNumber {
    value: u32,
    bytes: usize,
}

impl CutNumber {
    /// Whether no number has begun.
    #[inline]
    pub(crate) fn is_whole(self) -> bool {
        self.bytes == 0
    }

    /// Takes what `rest` has of a number of `BYTES` bytes, at most four; gives how many bytes that
    /// was, and the number once it is complete.
    #[inline]
    pub(crate) fn take<const BYTES: usize>(&mut self, rest: &[u8]) -> (usize, Option<u32>) {
        let append = |value, bytes: &[u8]| {
            bytes.iter().fold(value, |value, &byte| value << 8 | u32::from(byte))
        };
        if let (0, Some(whole)) = (self.bytes, rest.first_chunk::<BYTES>()) {
            return (BYTES, Some(append(0, whole)));
        }
        let missing = BYTES.saturating_sub(self.bytes);
        let there = rest.get(..missing.min(rest.len())).unwrap_or_default();
        self.value = append(self.value, there);
        self.bytes += there.len();
        if self.bytes < BYTES {
            return (there.len(), None);
        }
        (there.len(), Some(std::mem::take(self).value))
    }
}
