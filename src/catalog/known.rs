//! A relation as it was last told of, the transaction under way, whose locks may keep it so, and what the text at
//! hand asks. Plain data.

use std::sync::Arc;

use super::{Moment, Name, Relation};

/// Seconds after which an answer about a relation is too old for anything: so late a definition is
/// noticed that another session has changed on a way that does not lead through this proxy.
const SECONDS_MAX: u64 = 10;

/// The same for the answer that a relation is not there.
const MISSING_SECONDS_MAX: u64 = 2;

/// A relation, and how old the answer about it is.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) relation: Arc<Relation>,
    pub(super) seconds: u64,
    pub(super) definitions: u64,
    /// The text for which it was asked.
    pub(super) text: u64,
    /// The transaction, if any, whose locks keep it as it is.
    pub(super) locked_in: Option<u64>,
    /// The last question about it has failed: this is what was known before, for the text at hand alone.
    pub(super) has_failed: bool,
}

impl Known {
    pub(super) fn is_old(&self, now: Moment) -> bool {
        let seconds_max =
            if self.relation.is_missing() { MISSING_SECONDS_MAX } else { SECONDS_MAX };
        self.has_failed
            || now.seconds.saturating_sub(self.seconds) > seconds_max
            || now.definitions != self.definitions
    }
}

/// The transaction under way.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) number: u64,
    /// The relations that it has written to.
    pub(super) written: Vec<Arc<[Name]>>,
    pub(super) written_count: usize,
    /// It has changed a definition, which its end may undo.
    pub(super) changed: bool,
}

/// How many subjects the text at hand needs.
#[derive(Debug, Default)]
pub(super) struct AskedSubjects {
    /// Those that were asked about.
    pub(super) count: usize,
    /// Those that are not asked about.
    pub(super) unread: u64,
}
