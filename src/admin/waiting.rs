//! Clients that have said what they want and have no session yet: they wait for the target, or until they are let
//! in.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A pool of the console: a database and a user.
pub(super) type Pool = (String, String);

/// The clients that wait, by number.
#[derive(Debug, Default)]
pub struct WaitingClients(Mutex<HashMap<u64, (Pool, Instant)>>);

/// A client that waits, until this is dropped.
#[derive(Debug)]
pub struct WaitingClient<'w> {
    waiting: &'w WaitingClients,
    id: u64,
}

impl Drop for WaitingClient<'_> {
    fn drop(&mut self) {
        self.waiting.clients().remove(&self.id);
    }
}

impl WaitingClients {
    /// The client of this number waits from now on.
    pub fn begin(&self, id: u64, database: &str, user: &str) -> WaitingClient<'_> {
        let pool = (database.to_owned(), user.to_owned());
        self.clients().insert(id, (pool, Instant::now()));
        WaitingClient { waiting: self, id }
    }

    /// How many wait in each pool, and how long the one that has waited longest.
    pub(super) fn by_pool(&self) -> BTreeMap<Pool, (u64, Duration)> {
        let mut pools = BTreeMap::new();
        for (pool, since) in self.clients().values() {
            let (count, longest) = pools.entry(pool.clone()).or_insert((0, Duration::ZERO));
            (*count, *longest) = (*count + 1, since.elapsed().max(*longest));
        }
        pools
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.clients().len()
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<u64, (Pool, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_wait_until_they_are_let_in() {
        let waiting = WaitingClients::default();
        let (_one, two) = (waiting.begin(1, "d", "u"), waiting.begin(2, "d", "u"));
        let _other = waiting.begin(3, "d", "v");
        let counts = |waiting: &WaitingClients| {
            waiting.by_pool().into_iter().map(|(_, (count, _))| count).collect::<Vec<_>>()
        };
        assert_eq!(counts(&waiting), [2, 1]);
        drop(two);
        assert_eq!(counts(&waiting), [1, 1]);
    }
}
