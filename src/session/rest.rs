//! What is still to come of a frame of the target's. Plain data; knows no tags.

/// The bytes of a frame that are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// They go to the client.
    Passes(usize),
    /// They do not.
    Swallowed(usize),
}

impl Default for Rest {
    fn default() -> Rest {
        Rest::Passes(0)
    }
}

impl Rest {
    /// How many they are.
    pub(super) fn bytes(self) -> usize {
        let (Rest::Passes(bytes) | Rest::Swallowed(bytes)) = self;
        bytes
    }

    /// Takes those off that are there, of `there` bytes; their number.
    pub(super) fn take(&mut self, there: usize) -> usize {
        let (Rest::Passes(bytes) | Rest::Swallowed(bytes)) = self;
        let count = there.min(*bytes);
        *bytes -= count;
        count
    }
}
