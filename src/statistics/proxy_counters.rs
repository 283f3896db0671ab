//! What happens outside of sessions: logins, cancels, ways to the target. Rare, so shared.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// With a session.
    Ok,
    /// The proxy refused it.
    RefusedByProxy,
    /// The target refused it.
    RefusedByTarget,
    /// The target could not be reached.
    TargetUnreachable,
    /// It took too long.
    Timeout,
    /// `limits.clients` was reached.
    Limit,
    /// TLS failed.
    Tls,
}

impl LoginOutcome {
    /// Their names.
    pub const NAMES: [&str; 7] = [
        "ok",
        "refused_by_proxy",
        "refused_by_target",
        "target_unreachable",
        "timeout",
        "limit",
        "tls",
    ];
}

/// Why the target could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// It refused the connection.
    Refused,
    /// It did not answer in time.
    Timeout,
    /// Its name has no address.
    Dns,
    /// TLS failed.
    Tls,
    /// It answered something else.
    Protocol,
}

impl ConnectFailure {
    /// Their names.
    pub const NAMES: [&str; 5] = ["refused", "timeout", "dns", "tls", "protocol"];

    /// What an error of connecting means.
    pub fn of(error: &io::Error) -> ConnectFailure {
        let text = error.to_string();
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ConnectFailure::Refused,
            io::ErrorKind::TimedOut => ConnectFailure::Timeout,
            _ if text.contains("lookup") || text.contains("resolve") => ConnectFailure::Dns,
            _ if text.contains("certificate") || text.contains("TLS") => ConnectFailure::Tls,
            _ => ConnectFailure::Protocol,
        }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub struct ProxyCounters {
    logins: [AtomicU64; LoginOutcome::NAMES.len()],
    connect_failures: [AtomicU64; ConnectFailure::NAMES.len()],
    /// Cancels that were forwarded, and that failed.
    cancels: [AtomicU64; 2],
    /// Times of logins, and of connecting to the target.
    times: Mutex<[Histogram; 2]>,
}

impl ProxyCounters {
    /// A login ended after this time.
    pub fn login(&self, outcome: LoginOutcome, took: Duration) {
        if let Some(count) = self.logins.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if outcome == LoginOutcome::Ok {
            self.add_time(0, took);
        }
    }

    /// A connection to the target was made after this time.
    pub fn connected(&self, took: Duration) {
        self.add_time(1, took);
    }

    fn add_time(&self, index: usize, took: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = times.get_mut(index) {
            histogram.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// The target could not be reached.
    pub fn connect_failed(&self, why: ConnectFailure) {
        if let Some(count) = self.connect_failures.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A cancel was forwarded, or not.
    pub fn cancel(&self, forwarded: bool) {
        if let Some(count) = self.cancels.get(usize::from(!forwarded)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Logins by outcome.
    pub fn logins(&self) -> impl Iterator<Item = (&'static str, u64)> {
        named(LoginOutcome::NAMES.as_slice(), &self.logins)
    }

    /// Failures by reason.
    pub fn connect_failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        named(ConnectFailure::NAMES.as_slice(), &self.connect_failures)
    }

    /// Cancels by outcome.
    pub fn cancels(&self) -> impl Iterator<Item = (&'static str, u64)> {
        named(&["forwarded", "failed"], &self.cancels)
    }

    /// Times of logins, and of connecting to the target.
    pub fn times(&self) -> [Histogram; 2] {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn named<'a>(
    names: &'a [&'static str],
    counts: &'a [AtomicU64],
) -> impl Iterator<Item = (&'static str, u64)> + 'a {
    names.iter().copied().zip(counts.iter().map(|count| count.load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_count() {
        let counters = ProxyCounters::default();
        counters.login(LoginOutcome::Ok, Duration::from_millis(3));
        counters.login(LoginOutcome::Tls, Duration::ZERO);
        counters.cancel(false);
        counters.connect_failed(ConnectFailure::Dns);
        let logins: Vec<_> = counters.logins().filter(|(_, count)| *count > 0).collect();
        assert_eq!(logins, [("ok", 1), ("tls", 1)]);
        assert_eq!(counters.cancels().last(), Some(("failed", 1)));
        assert_eq!(counters.connect_failures().nth(2), Some(("dns", 1)));
        assert_eq!(counters.times().map(|times| times.count), [1, 0]);
    }
}
