//! A relation as it was last told of, the transaction under way, whose locks may keep it so, and what the text at
//! hand asks. Plain data.

use std::collections::BTreeMap;
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

/// The relations that something is known of.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// Sorted and not hashed: of the few that there are, as a rule, one is found with fewer steps.
    by_name: BTreeMap<Name, Known>,
    changes: u64,
}

impl Relations {
    /// How often something was learned or forgotten.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Known> {
        self.by_name.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &Name) -> Option<&mut Known> {
        self.changes += 1;
        self.by_name.get_mut(name)
    }

    pub(super) fn insert(&mut self, name: Name, known: Known) {
        self.changes += 1;
        self.by_name.insert(name, known);
    }

    pub(super) fn remove(&mut self, name: &Name) {
        self.changes += 1;
        self.by_name.remove(name);
    }

    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Known) -> bool) {
        self.changes += 1;
        self.by_name.retain(|_, known| stays(known));
    }

    pub(super) fn clear(&mut self) {
        self.changes += 1;
        self.by_name.clear();
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
