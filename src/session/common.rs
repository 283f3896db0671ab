//! What all sessions of one proxy have in common: a coarse clock, the number of definitions that were
//! changed, and the ledger. Only the ledger has a lock, and only a session's end takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::aside::SharedLoads;
use crate::catalog::Answers;
use crate::ledger::Ledger;
use crate::repeats::Repeats;

const ALL: u8 = 0;
const COLUMNS: u8 = 1;
const NOTHING: u8 = 2;
const NOT_TRIED: u8 = 3;

/// Shared by all sessions.
#[derive(Debug, Default)]
pub struct Common {
    /// What the names of our statements are made of, so that no client has one of them.
    seed: [u8; 16],
    sessions: AtomicU64,
    clock_seconds: AtomicU64,
    definitions: AtomicU64,
    /// What the target answers, as [`Common::answers`] has it.
    answers: AtomicU8,
    /// What all sessions changed.
    pub ledger: Ledger,
    /// What their loads have in common.
    pub(super) loads: Arc<SharedLoads>,
    /// Users whose role may not silence foreign keys, as the log says it.
    pub(super) not_silenced: Repeats,
}

impl Common {
    /// What sessions share whose own names are made of these random bytes, and that belong to this run of
    /// the proxy.
    pub fn new(seed: [u8; 16], run: String) -> Common {
        let (answers, ledger) = (AtomicU8::new(NOT_TRIED), Ledger::new(run));
        Common { seed, answers, ledger, ..Common::default() }
    }

    /// What the target answers of the questions about its catalogs; `None` until one session has tried.
    pub(super) fn answers(&self) -> Option<Answers> {
        match self.answers.load(Ordering::Relaxed) {
            NOT_TRIED => None,
            ALL => Some(Answers::All),
            COLUMNS => Some(Answers::Columns),
            _ => Some(Answers::Nothing),
        }
    }

    /// A session has tried.
    pub(super) fn set_answers(&self, answers: Answers) {
        let number = match answers {
            Answers::All => ALL,
            Answers::Columns => COLUMNS,
            Answers::Nothing => NOTHING,
        };
        self.answers.store(number, Ordering::Relaxed);
    }

    /// A name for the statements and portals of one session: as long as names can be, with a control
    /// character that no tool puts into one.
    pub(super) fn new_name(&self) -> String {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let seed = u128::from_be_bytes(self.seed);
        format!("\u{1}dms_proxy_{seed:032x}_{number:016x}")
    }

    /// Seconds since 1970, as last set.
    pub fn clock_seconds(&self) -> u64 {
        self.clock_seconds.load(Ordering::Relaxed)
    }

    /// Sets the clock; the listener does so about once a second.
    pub fn set_clock(&self, seconds: u64) {
        self.clock_seconds.store(seconds, Ordering::Relaxed);
        self.loads.set_clock(seconds);
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
