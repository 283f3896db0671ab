//! Seats for clients that have not logged in yet, apart from sessions: which client takes one, and which
//! one is closed when there are too many. Does no IO.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::login::{Accepted, Silence};

/// How long a client has to be silent before it may be closed for another: its first packet may be on
/// the way, or have arrived while this process was busy.
const SILENT_MIN: Duration = Duration::from_millis(100);

/// The pause before the clients are looked at again for a silent one.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Bits of an IPv6 address that one client may choose as it likes.
const IPV6_HOST_BITS: u32 = 64;

/// Where a client comes from, as far as it counts; `None` for the Unix socket.
type Origin = Option<IpAddr>;

/// The seats.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    seats: Mutex<Seats>,
    /// Tells the accept loop that a seat is free.
    room: Notify,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    /// By their numbers, so the oldest first.
    taken: BTreeMap<u64, Occupant>,
    by_origin: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Occupant {
    origin: Origin,
    silence: Arc<Silence>,
    wants_session: Arc<AtomicBool>,
    dismissed: Arc<Notify>,
}

/// One seat, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    connecting: Arc<Connecting>,
    number: u64,
    /// Whether its client is waited for.
    pub(super) silence: Arc<Silence>,
    /// Whether it has asked for a session, and so is told when it does not get one.
    pub(super) wants_session: Arc<AtomicBool>,
    /// Completes when the seat is given to another client.
    pub(super) dismissed: Arc<Notify>,
}

impl Connecting {
    /// Takes a seat for a client. If its origin has `per_origin_max` of them, the oldest silent client
    /// of that origin is closed first. If all `max` are taken, the oldest silent client of all
    /// is closed; if none is silent, this waits. The second value is the number of clients closed.
    ///
    /// # Cancel safety
    /// Nothing is taken when this is dropped.
    pub(super) async fn take(
        self: &Arc<Self>,
        accepted: &Accepted,
        max: usize,
        per_origin_max: usize,
    ) -> (Seat, u64) {
        let origin = origin(accepted);
        let mut dismissed = 0;
        loop {
            {
                let mut seats = self.seats();
                if seats.count(origin) >= per_origin_max {
                    dismissed += u64::from(seats.dismiss(|one| one.origin == origin, SILENT_MIN));
                }
                if seats.taken.len() >= max {
                    dismissed += u64::from(seats.dismiss(|_| true, SILENT_MIN));
                }
                if seats.taken.len() < max {
                    return (seats.add(self, origin), dismissed);
                }
            }
            // Either way it looks again.
            let _ = timeout(POLL_INTERVAL, self.room.notified()).await;
        }
    }

    /// Closes the client that came first among the silent ones; `false` if none is silent.
    pub(super) fn dismiss_oldest(&self) -> bool {
        self.seats().dismiss(|_| true, Duration::ZERO)
    }

    /// Closes all silent clients that have not asked for a session.
    pub(super) fn dismiss_idle(&self) {
        let is_idle = |one: &Occupant| !one.wants_session.load(Ordering::Relaxed);
        while self.seats().dismiss(is_idle, Duration::ZERO) {}
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn count(&self, origin: Origin) -> usize {
        origin.and_then(|origin| self.by_origin.get(&origin).copied()).unwrap_or(0)
    }

    fn add(&mut self, connecting: &Arc<Connecting>, origin: Origin) -> Seat {
        let number = self.next;
        self.next += 1;
        let seat = Seat {
            connecting: Arc::clone(connecting),
            number,
            silence: Arc::default(),
            wants_session: Arc::default(),
            dismissed: Arc::default(),
        };
        if let Some(origin) = origin {
            *self.by_origin.entry(origin).or_default() += 1;
        }
        let occupant = Occupant {
            origin,
            silence: Arc::clone(&seat.silence),
            wants_session: Arc::clone(&seat.wants_session),
            dismissed: Arc::clone(&seat.dismissed),
        };
        self.taken.insert(number, occupant);
        seat
    }

    fn remove(&mut self, number: u64) -> Option<Occupant> {
        let occupant = self.taken.remove(&number)?;
        if let Some(origin) = occupant.origin
            && let Some(count) = self.by_origin.get_mut(&origin)
        {
            *count -= 1;
            if *count == 0 {
                self.by_origin.remove(&origin);
            }
        }
        Some(occupant)
    }

    /// Closes the oldest client that fits and has been silent for at least `silent_min`.
    fn dismiss(&mut self, fits: impl Fn(&Occupant) -> bool, silent_min: Duration) -> bool {
        let is_silent =
            |one: &Occupant| one.silence.lasts().is_some_and(|lasts| lasts >= silent_min);
        let oldest = self.taken.iter().find(|(_, one)| fits(one) && is_silent(one));
        let Some(occupant) = oldest.map(|(number, _)| *number).and_then(|one| self.remove(one))
        else {
            return false;
        };
        occupant.dismissed.notify_one();
        true
    }
}

impl Seat {
    /// The number of the client, from 1; also that of its session.
    pub(super) fn number(&self) -> u64 {
        self.number + 1
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One that was dismissed has none any more.
        if self.connecting.seats().remove(self.number).is_some() {
            self.connecting.room.notify_one();
        }
    }
}

fn origin(accepted: &Accepted) -> Origin {
    match accepted {
        Accepted::Unix(_) => None,
        Accepted::Tcp(_, address) => Some(match address.ip().to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> IPV6_HOST_BITS << IPV6_HOST_BITS;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address @ IpAddr::V4(_) => address,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;

    fn from(address: &str) -> Accepted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Accepted::Tcp(socket, SocketAddr::new(address.parse().unwrap(), 1))
    }

    async fn take(connecting: &Arc<Connecting>, address: &str) -> (Seat, u64) {
        connecting.take(&from(address), 3, 2).await
    }

    /// Makes it silent until the test ends.
    fn fall_silent(seat: &Seat) {
        let silence = Arc::clone(&seat.silence);
        tokio::spawn(async move { silence.during(std::future::pending::<()>()).await });
    }

    async fn is_dismissed(seat: &Seat) -> bool {
        timeout(Duration::from_millis(1), seat.dismissed.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn an_origin_gives_up_its_own_oldest_silent_client() {
        let connecting = Arc::<Connecting>::default();
        let (busy, _) = take(&connecting, "10.0.0.1").await;
        let (silent, _) = take(&connecting, "10.0.0.1").await;
        fall_silent(&silent);
        tokio::time::sleep(SILENT_MIN + POLL_INTERVAL).await;
        let (_other, dismissed) = take(&connecting, "10.0.0.2").await;
        assert_eq!(dismissed, 0);
        let (_third, dismissed) = take(&connecting, "10.0.0.1").await;
        assert_eq!(dismissed, 1);
        assert!(is_dismissed(&silent).await && !is_dismissed(&busy).await);
    }

    #[tokio::test]
    async fn a_full_room_is_waited_for() {
        let connecting = Arc::<Connecting>::default();
        let (first, _) = take(&connecting, "10.0.0.1").await;
        let _others = (take(&connecting, "2001:db8::1").await, take(&connecting, "10.0.0.3").await);
        let waits = timeout(SILENT_MIN, take(&connecting, "10.0.0.4")).await;
        assert!(waits.is_err());
        drop(first);
        let (seat, dismissed) = take(&connecting, "10.0.0.4").await;
        assert_eq!(dismissed, 0);
        fall_silent(&seat);
        let (_next, dismissed) = take(&connecting, "10.0.0.5").await;
        assert_eq!(dismissed, 1);
        assert!(is_dismissed(&seat).await);
    }

    #[test]
    fn an_ipv6_network_is_one_origin() {
        let of = |address: &str| origin(&from(address));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
