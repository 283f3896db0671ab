//! What those who count are told of a client: its login, the session it gets, and how that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Shared;
use crate::admin::Killable;
use crate::connection::End;
use crate::login::{LoginRefusal, RefusalCause};
use crate::policy::Policy;
use crate::session::{Session, setting_names};
use crate::statistics::{self, CountedSession, LoginOutcome, Watched};
use crate::stream::ClientAddress;

/// A session while it lasts. However its task ends, it is no longer counted as one that is there.
pub(super) struct Watching<'s> {
    watched: Watched,
    killable: Option<Killable<'s>>,
    was_killed: Arc<AtomicBool>,
    was_cut: Arc<AtomicBool>,
    end: &'static str,
}

impl<'s> Watching<'s> {
    /// The session begins; `from` says where its client is, whether that leg is TLS, how long the login
    /// took, and whether nothing of it is read.
    pub(super) fn begin(
        session: Session,
        number: u64,
        (address, tls, waited, is_relay): (ClientAddress, bool, Duration, bool),
        shared: &'s Shared,
    ) -> (Session, Watching<'s>) {
        let (was_killed, was_cut) = (Arc::default(), Arc::default());
        let Some(operator) = shared.operator.get() else {
            let watched = Watched::default();
            let unwatched = Watching { watched, killable: None, was_killed, was_cut, end: "panic" };
            return (session, unwatched);
        };
        let (client_addr, client_port) = match address {
            ClientAddress::Tcp(address) => (address.ip().to_string(), address.port()),
            ClientAddress::Unix => (String::new(), 0),
        };
        let startup = session.startup();
        let facts = CountedSession {
            id: number,
            user: startup.user.clone(),
            database: startup.database.clone(),
            application_name: startup.application_name.clone(),
            client_addr,
            client_port,
            tls,
            waited_micros: u64::try_from(waited.as_micros()).unwrap_or(0),
            is_relay,
            is_replication: startup.replication,
            ..CountedSession::default()
        };
        let killable = Some(operator.life.killable(number, &facts.database));
        let settings = setting_names(shared.rules().policy.defaults_of(startup));
        let watched = statistics::begin(facts, settings);
        let watching = Watching { watched, killable, was_killed, was_cut, end: "panic" };
        (session.watched(watched), watching)
    }

    /// The target has named its process in a BackendKeyData with this body.
    pub(super) fn with_target(&self, backend_key: &[u8]) -> Watched {
        if let Some(pid) = backend_key.first_chunk() {
            self.watched.set_target_pid(u32::from_be_bytes(*pid));
        }
        self.watched
    }

    /// Completes when the proxy stops, or when this session is to end.
    pub(super) fn stopped_by(&self, stop: impl Future<Output = ()>) -> impl Future<Output = ()> {
        let killed = self.killable.as_ref().map(|killable| Arc::clone(&killable.killed));
        let (was_killed, was_cut) = (Arc::clone(&self.was_killed), Arc::clone(&self.was_cut));
        async move {
            let stop = async {
                stop.await;
                was_cut.store(true, Ordering::Relaxed);
            };
            let Some(killed) = killed else { return stop.await };
            tokio::select! {
                () = stop => {}
                () = killed.notified() => was_killed.store(true, Ordering::Relaxed),
            }
        }
    }

    /// Says so where the session did not end by itself when the proxy stopped.
    pub(super) fn say_cut(&self) {
        if self.was_cut.load(Ordering::Relaxed) {
            tracing::warn!(event = "session_cut", "a session was cut: the proxy waits no longer");
        }
    }

    /// The session has ended like this; gives the word for it.
    pub(super) fn end(&mut self, end: End) -> &'static str {
        self.end = match end {
            End::Client => "client_closed",
            End::ClientGone => "client_vanished",
            End::Target => "target_closed",
            End::Proxy => "protocol_error",
            End::Stopped if self.was_killed.load(Ordering::Relaxed) => "killed",
            End::Stopped => "stopped",
        };
        self.end
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.watched.end(self.end);
    }
}

/// Says that a session begins; `from` as for [`Watching::begin`].
pub(super) fn say_started(
    session: &Session,
    policy: &Policy,
    (_, tls, _, is_relay): (ClientAddress, bool, Duration, bool),
) {
    let settings = setting_names(policy.defaults_of(session.startup()));
    tracing::debug!(
        event = "session_started",
        tls,
        protocol = if is_relay { "relay" } else { "3" },
        phase = settings.phase,
        fk = settings.fk,
        "session started"
    );
}

/// A login has ended, after this time: with a session, or with this refusal.
pub(super) fn note_login(shared: &Shared, took: Duration, refusal: Option<&LoginRefusal>) {
    let Some(operator) = shared.operator.get() else { return };
    let outcome = match refusal {
        None => LoginOutcome::Ok,
        Some(refusal) => match (refusal.cause, refusal.sqlstate().as_str()) {
            (RefusalCause::ByTarget, _) => LoginOutcome::RefusedByTarget,
            (RefusalCause::Timeout, _) => LoginOutcome::Timeout,
            (RefusalCause::Tls, _) => LoginOutcome::Tls,
            (RefusalCause::ByProxy, "53300") => LoginOutcome::Limit,
            (RefusalCause::ByProxy, "08001") => LoginOutcome::TargetUnreachable,
            (RefusalCause::ByProxy, _) => LoginOutcome::RefusedByProxy,
        },
    };
    operator.counters.login(outcome, took);
}
