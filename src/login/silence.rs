//! How long the proxy has waited for the next bytes of a client that has not logged in yet.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether the proxy waits for a client, and since when. The listener reads it when too many clients
/// are silent.
#[derive(Debug, Default)]
pub struct Silence(Mutex<Option<Instant>>);

impl Silence {
    /// How long the client has been silent; `None` while it is not waited for.
    pub fn lasts(&self) -> Option<Duration> {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }

    /// Runs work that waits for the client, or that is as easily given up.
    ///
    /// # Cancel safety
    /// That of the work.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.set(Some(Instant::now()));
        let outcome = work.await;
        self.set(None);
        outcome
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
