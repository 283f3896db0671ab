//! What all sessions of one proxy have in common: a coarse clock, the number of definitions that were
//! changed, and the ledger. Only the ledger has a lock, and only a session's end takes it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::Ledger;

/// Shared by all sessions.
#[derive(Debug, Default)]
pub struct Common {
    clock_seconds: AtomicU64,
    definitions: AtomicU64,
    /// What all sessions changed.
    pub ledger: Ledger,
}

impl Common {
    /// Seconds since 1970, as last set.
    pub fn clock_seconds(&self) -> u64 {
        self.clock_seconds.load(Ordering::Relaxed)
    }

    /// Sets the clock; whoever runs the sessions does so about once a second.
    pub fn set_clock(&self, seconds: u64) {
        self.clock_seconds.store(seconds, Ordering::Relaxed);
    }

    /// How many transactions have changed definitions so far.
    pub(super) fn definitions(&self) -> u64 {
        self.definitions.load(Ordering::Relaxed)
    }

    /// A transaction that changed definitions has ended: what sessions know of relations is old.
    pub(super) fn note_definition(&self) {
        self.definitions.fetch_add(1, Ordering::Relaxed);
    }
}
