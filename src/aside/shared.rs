//! What the loads of all sessions of one proxy have in common: a coarse clock, and how many errors there were. Sends
//! nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::policy::{ErrorAction, Escalation};

/// Tables whose errors are counted apart; those of further ones are counted together.
const TABLES_MAX: usize = 10_000;

/// Shared by the loads of all sessions.
#[derive(Debug, Default)]
pub struct SharedLoads {
    clock_seconds: AtomicU64,
    errors: Mutex<BTreeMap<CountedErrors, u64>>,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CountedErrors {
    /// Rows of this table that are refused.
    Data(String),
    /// Changes of this table that do not meet their rows.
    Apply(String),
    /// Tables that are suspended.
    Tables,
}

impl CountedErrors {
    fn without_table(&self) -> CountedErrors {
        match self {
            CountedErrors::Data(_) => CountedErrors::Data(String::new()),
            CountedErrors::Apply(_) => CountedErrors::Apply(String::new()),
            CountedErrors::Tables => CountedErrors::Tables,
        }
    }
}

impl SharedLoads {
    /// Sets the clock, in seconds since 1970.
    pub fn set_clock(&self, seconds: u64) {
        self.clock_seconds.store(seconds, Ordering::Relaxed);
    }

    pub(super) fn seconds(&self) -> u64 {
        self.clock_seconds.load(Ordering::Relaxed)
    }

    /// Counts an error that leads to an action; gives the action that is taken. One that stops a load or suspends a
    /// table begins the count anew.
    pub(super) fn escalated(
        &self,
        errors: CountedErrors,
        escalation: Escalation,
        action: ErrorAction,
    ) -> ErrorAction {
        if escalation.count == 0 {
            return action;
        }
        let mut counts = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = counts.len() < TABLES_MAX || counts.contains_key(&errors);
        let errors = if is_known { errors } else { errors.without_table() };
        let count = counts.entry(errors.clone()).or_default();
        *count += 1;
        if *count < escalation.count {
            return action;
        }
        if matches!(escalation.action, ErrorAction::SuspendTable | ErrorAction::StopTask) {
            counts.remove(&errors);
        }
        escalation.action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_table() {
        use ErrorAction::{IgnoreRecord, LogError, SuspendTable};
        let shared = SharedLoads::default();
        let rule = Escalation { count: 2, action: SuspendTable };
        let data = |table: &str| {
            shared.escalated(CountedErrors::Data(table.to_owned()), rule, IgnoreRecord)
        };
        let actions = [data("a"), data("b"), data("a"), data("a"), data("b")];
        assert_eq!(actions, [IgnoreRecord, IgnoreRecord, SuspendTable, IgnoreRecord, SuspendTable]);
        let log = Escalation { count: 1, action: LogError };
        let apply = || shared.escalated(CountedErrors::Apply("a".into()), log, IgnoreRecord);
        assert_eq!([apply(), apply()], [LogError, LogError]);
        let never = Escalation { count: 0, action: SuspendTable };
        assert_eq!(shared.escalated(CountedErrors::Tables, never, LogError), LogError);
    }
}
