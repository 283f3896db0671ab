//! Places of connections with the HTTP side. When all are taken, the connection that has been silent longest
//! gives its place to the next one. Knows nothing of sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places.
#[derive(Debug)]
pub(super) struct HttpPlaces {
    most: usize,
    held: Mutex<HeldPlaces>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct HeldPlaces {
    taken: usize,
    /// Counts the silences.
    silences: u64,
    /// Connections without a request, the one that is silent longest first.
    silent: BTreeMap<u64, Arc<Notify>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct HttpPlace {
    places: Arc<HttpPlaces>,
    /// The number of its silence; 0 while a request is answered.
    silence: Mutex<u64>,
    dismissed: Arc<Notify>,
}

impl HttpPlaces {
    pub(super) fn new(most: usize) -> Arc<HttpPlaces> {
        Arc::new(HttpPlaces { most, held: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection that has not said anything yet.
    ///
    /// # Cancel safety
    /// Dropping the future takes no place.
    pub(super) async fn take(self: &Arc<HttpPlaces>) -> HttpPlace {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(place) = self.try_take() {
                return place;
            }
            freed.await;
        }
    }

    /// A place, if there is one; if there is none, the connection that is silent longest is dismissed.
    fn try_take(self: &Arc<HttpPlaces>) -> Option<HttpPlace> {
        let mut held = self.held();
        if held.taken >= self.most {
            if let Some((_, silent)) = held.silent.pop_first() {
                silent.notify_one();
            }
            return None;
        }
        held.taken += 1;
        let dismissed = Arc::new(Notify::new());
        let silence = Mutex::new(held.fall_silent(&dismissed));
        Some(HttpPlace { places: Arc::clone(self), silence, dismissed })
    }

    fn held(&self) -> MutexGuard<'_, HeldPlaces> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldPlaces {
    fn fall_silent(&mut self, dismissed: &Arc<Notify>) -> u64 {
        self.silences += 1;
        self.silent.insert(self.silences, Arc::clone(dismissed));
        self.silences
    }
}

impl HttpPlace {
    /// A request has arrived.
    pub(super) fn works(&self) {
        let silence = std::mem::take(&mut *self.silence());
        self.places.held().silent.remove(&silence);
    }

    /// Its answer is there; another request may follow.
    pub(super) fn falls_silent(&self) {
        let mut silence = self.silence();
        if *silence == 0 {
            *silence = self.places.held().fall_silent(&self.dismissed);
        }
    }

    /// Completes when the place has to be given up.
    ///
    /// # Cancel safety
    /// Dropping the future forgets nothing.
    pub(super) async fn dismissed(&self) {
        loop {
            self.dismissed.notified().await;
            if *self.silence() != 0 {
                return;
            }
            // A request came at the last moment: another connection has to go.
            self.places.freed.notify_one();
        }
    }

    fn silence(&self) -> MutexGuard<'_, u64> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HttpPlace {
    fn drop(&mut self) {
        let silence = *self.silence();
        let mut held = self.places.held();
        held.silent.remove(&silence);
        held.taken -= 1;
        drop(held);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_ready(future: impl Future) -> bool {
        tokio::time::timeout(Duration::from_millis(20), future).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_silence_gives_its_place() {
        let places = HttpPlaces::new(3);
        let (first, second, third) =
            (places.take().await, places.take().await, places.take().await);
        first.works();
        let mut next = std::pin::pin!(places.take());
        assert!(!is_ready(next.as_mut()).await);
        assert!(!is_ready(first.dismissed()).await && !is_ready(third.dismissed()).await);
        assert!(is_ready(second.dismissed()).await);
        drop(second);
        let _next = next.await;
        first.falls_silent();
        let mut another = std::pin::pin!(places.take());
        assert!(!is_ready(another.as_mut()).await);
        assert!(is_ready(third.dismissed()).await && !is_ready(first.dismissed()).await);
    }

    #[tokio::test]
    async fn those_that_work_keep_their_places() {
        let places = HttpPlaces::new(2);
        let (first, second) = (places.take().await, places.take().await);
        second.works();
        let mut next = std::pin::pin!(places.take());
        assert!(!is_ready(next.as_mut()).await);
        // It was dismissed and has a request now, so the other one goes once it is silent.
        first.works();
        second.falls_silent();
        assert!(!is_ready(first.dismissed()).await);
        assert!(!is_ready(next.as_mut()).await);
        assert!(is_ready(second.dismissed()).await);
        drop(second);
        assert!(is_ready(next).await);
    }
}
