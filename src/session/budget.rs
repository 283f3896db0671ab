//! What a session remembers of prepared statements, in bytes: taken when something is remembered, given back
//! when the last that holds it lets go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is taken of the bytes that there are.
#[derive(Debug, Default)]
pub(super) struct Budget {
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// Bytes that are taken as long as this lives.
#[derive(Debug)]
pub(super) struct Share {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Budget {
    /// A budget of `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Budget {
        Budget { taken: Arc::default(), bytes_max }
    }

    /// Whether `bytes` more can be taken.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.taken.load(Ordering::Relaxed).saturating_add(bytes) <= self.bytes_max
    }

    /// Takes `bytes`.
    pub(super) fn take(&self, bytes: usize) -> Share {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Share { taken: Arc::clone(&self.taken), bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_back() {
        let budget = Budget::new(100);
        let first = budget.take(60);
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(first);
        assert!(budget.has_room(100) && !budget.has_room(usize::MAX));
    }
}
