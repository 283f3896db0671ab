//! Bytes on their way out, to both sides. Knows no frames.

/// Memory that is kept while nothing is on its way, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(super) struct BothWays {
    pub(super) to_target: Vec<u8>,
    pub(super) to_session: Vec<u8>,
    /// The rows that were set aside of the statement whose end is in it.
    pub(super) set_aside: u64,
    /// How much of `to_target` has gone.
    sent: usize,
}

impl BothWays {
    /// What may be written to the target.
    pub(super) fn unsent(&self) -> &[u8] {
        self.to_target.get(self.sent..).unwrap_or_default()
    }

    /// Counts bytes as written to the target.
    pub(super) fn mark_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.to_target.len() {
            self.clear_to_target();
        } else if self.sent >= KEPT_BYTES && self.sent >= self.to_target.len() / 2 {
            // More comes before all has gone.
            self.to_target.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Forgets what was not written.
    pub(super) fn clear_to_target(&mut self) {
        self.to_target.clear();
        self.to_target.shrink_to(KEPT_BYTES);
        self.sent = 0;
    }
}
