//! What systemd tells a service and is told by it: sockets that it has opened, and how far the service is.
//! Without systemd nothing happens. Serves nothing.

use std::fmt::Display;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::listener::Inherited;

/// How much longer than the drain itself the stop may take: sessions that are cut have ten seconds of it.
const STOP_MARGIN: Duration = Duration::from_secs(20);

/// The time between two lines about the load.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// The sockets that systemd has opened for this process: `data` for clients by TCP, `data-unix` for clients by
/// a Unix socket, and apart from them `admin` for HTTP; without names the first of each kind is for clients.
///
/// Source: systemd, `sd_listen_fds_with_names(3)`.
///
/// # Errors
/// A socket is of another kind than its name says.
pub(super) fn sockets() -> io::Result<(Inherited, Option<TcpListener>)> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut sockets = ListenFd::from_env();
    let (mut inherited, mut admin) = (Inherited::default(), None);
    for at in 0..sockets.len() {
        let name = names.get(at).copied().unwrap_or_default();
        let of_kind = |what: &str| {
            let message = format!("the socket {name:?} of systemd is no {what} that listens");
            move |_| io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        match name {
            "data" => {
                inherited.tcp = sockets.take_tcp_listener(at).map_err(of_kind("TCP socket"))?
            }
            "admin" => admin = sockets.take_tcp_listener(at).map_err(of_kind("TCP socket"))?,
            "data-unix" => {
                inherited.unix = sockets.take_unix_listener(at).map_err(of_kind("Unix socket"))?;
            }
            // Named by its unit, or not at all: what it is says what it is for.
            _ => match sockets.take_tcp_listener(at) {
                Ok(tcp) => inherited.tcp = inherited.tcp.or(tcp),
                Err(_) => {
                    let unix = sockets.take_unix_listener(at).map_err(of_kind("socket"))?;
                    inherited.unix = inherited.unix.or(unix);
                }
            },
        }
    }
    Ok((inherited, admin))
}

/// Clients can come.
pub(super) fn ready(status: impl Display) {
    tell(&[NotifyState::Ready, NotifyState::Status(&status.to_string())]);
}

/// Tells how the load stands, as far as `status` says it, every ten seconds. Does not end.
pub(super) async fn tell_status<T>(status: impl Fn() -> Option<String>) -> T {
    let mut due = tokio::time::interval(STATUS_INTERVAL);
    // The first one comes at once, and what is told at the start stays for a while.
    due.tick().await;
    loop {
        due.tick().await;
        if let Some(status) = status() {
            tell(&[NotifyState::Status(&status)]);
        }
    }
}

/// Tells again and again that the process lives, as far as `is_well` says so: a process that does not is killed and
/// started anew, where the unit has WatchdogSec. Does not end.
pub(super) async fn keep_alive<T>(is_well: impl Fn() -> bool) -> T {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut due = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        due.tick().await;
        if is_well() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// The configuration is being read again; `ready` follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::debug!(event = "systemd_not_told", %error, "systemd is not told of the reload")
        }
    }
}

/// No more clients are taken; running sessions may take so long.
pub(super) fn stopping(drain_timeout: Duration) {
    let longest = drain_timeout.saturating_add(STOP_MARGIN).as_micros();
    let extend = NotifyState::ExtendTimeoutUsec(u32::try_from(longest).unwrap_or(u32::MAX));
    tell(&[NotifyState::Stopping, extend, NotifyState::Status("waiting for sessions to end")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(event = "systemd_not_told", %error, "systemd is not told");
    }
}
