//! Clients that were refused or closed, counted and logged at intervals, so that a flood of clients is
//! not a flood of log lines.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Clients of one kind.
#[derive(Debug, Default)]
struct Count {
    not_said: u64,
    /// How many there may be.
    limit: usize,
    said: Option<Instant>,
}

impl Count {
    fn add(&mut self, clients: u64, limit: usize) {
        self.not_said += clients;
        self.limit = limit;
    }

    /// The number to log now, and the limit.
    fn due(&mut self, now: Instant) -> Option<(u64, usize)> {
        let may_speak = self.said.is_none_or(|said| now.duration_since(said) >= PAUSE);
        if self.not_said == 0 || !may_speak {
            return None;
        }
        self.said = Some(now);
        Some((std::mem::take(&mut self.not_said), self.limit))
    }
}

/// Why a client was refused or closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// `limits.clients` is reached.
    Sessions,
    /// It was silent, and others needed its place.
    Silent,
}

/// The counts of all reasons.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<[Count; 2]>);

impl Refusals {
    /// Counts clients, of whom there may be as many as `limit`, and logs the count if the last line is old
    /// enough.
    pub(super) fn add(&self, reason: Reason, clients: u64, limit: usize) {
        {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let [sessions, silent] = &mut *counts;
            match reason {
                Reason::Sessions => sessions.add(clients, limit),
                Reason::Silent => silent.add(clients, limit),
            }
        }
        self.report();
    }

    /// Logs what was counted since the last line. Called every second.
    pub(super) fn report(&self) {
        let now = Instant::now();
        let (sessions, silent) = {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let [sessions, silent] = &mut *counts;
            (sessions.due(now), silent.due(now))
        };
        if let Some((refused, limit)) = sessions {
            tracing::warn!(
                event = "clients_limit",
                limit,
                refused,
                sqlstate = "53300",
                "refused: limits.clients is reached"
            );
        }
        if let Some((clients, limit)) = silent {
            tracing::warn!(
                event = "connecting_limit",
                limit,
                clients,
                "silent clients were closed: limits.connecting is reached"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_in_ten_seconds() {
        let mut count = Count::default();
        let start = Instant::now();
        assert_eq!(count.due(start), None);
        count.add(1, 9);
        assert_eq!(count.due(start), Some((1, 9)));
        count.add(2, 9);
        count.add(3, 8);
        assert_eq!(count.due(start + Duration::from_secs(9)), None);
        assert_eq!(count.due(start + PAUSE), Some((5, 8)));
        assert_eq!(count.due(start + 3 * PAUSE), None);
    }
}
