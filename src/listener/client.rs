//! One client's life: admitted or refused, served in a session, counted when it has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::connecting::Seat;
use super::refusals::Reason;
use super::watching::{self, Watching};
use super::{Rules, Shared, console};
use crate::admin::console::ConsoleRole;
use crate::config::Limits;
use crate::connection::{BufferPool, Connection, End};
use crate::login::{Accepted, Client, LoginRefusal, Opened, Opening, Startup};
use crate::session::{Exchange, Session};
use crate::telemetry::{self, SessionOutcome};
use crate::wire::{self, OwnError};

/// How long a target may take to accept a cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// One client from its first byte to its last, or until `stop` completes.
pub(super) async fn serve_client(
    accepted: Accepted,
    seat: Seat,
    shared: &Shared,
    pool: &BufferPool,
    stop: impl Future<Output = ()>,
    drain: impl Future<Output = ()>,
) -> io::Result<()> {
    let began = Instant::now();
    let rules = shared.rules();
    let policy = &rules.policy;
    let mut client = Client::new(accepted, Arc::clone(&seat.silence))?;
    let mut stop = std::pin::pin!(stop);
    let admitted = tokio::select! {
        // A login or a cancel needs much more memory than a session, so its future is boxed and
        // freed before the session begins.
        admitted =
            Box::pin(admit(&mut client, shared, &rules, &seat)) => admitted?,
        () = seat.dismissed.notified() => return Ok(()),
        () = stop.as_mut() => {
            // As the server, the proxy sends no error to a client that has not sent a packet.
            if seat.wants_session.load(Ordering::Relaxed) {
                let message = "terminating connection due to administrator command";
                client.refuse(OwnError::new("57P01", message)).await?;
            }
            return Ok(());
        }
    };
    let number = seat.number();
    let (admitted, waited) = match admitted {
        Ok(Admission::Session(admitted, waited)) => (admitted, waited),
        Ok(Admission::Console(role, user)) => {
            drop(seat);
            return console::serve(client, role, &user, number, shared, stop).await;
        }
        Ok(Admission::Done) => return client.close().await,
        Err(refusal) => return client.refuse(refusal).await,
    };
    let Admitted { startup, opened, counted: _counted } = *admitted;
    drop(seat);
    let address = client.address();
    let client = client.into_stream()?;
    let common = Arc::clone(&shared.common);
    let is_relay = startup.parameters.is_none() || policy.is_pure_relay();
    let from = (address, client.is_tls(), waited, is_relay);
    let session = match startup.parameters {
        Some(parameters) => Session::new(Arc::clone(policy), common, parameters).numbered(number),
        None => Session::relay(Arc::clone(policy), common),
    };
    telemetry::name_client(address, &session);
    watching::say_started(&session, policy, from);
    let (session, mut watching) = Watching::begin(session, number, from, shared);
    let mut exchange = Exchange::new(session);
    exchange.target_said(&opened.said);
    if let Some(operator) = shared.operator.get() {
        operator.note_target_version(&opened.server_version());
    }
    telemetry::set_target_pid(exchange.backend_key());
    let watched = watching.with_target(exchange.backend_key());
    let connection = Connection::new(client, opened.target, &mut exchange, pool).watched(watched);
    let cancelled = |key: Vec<u8>| async move {
        // Whatever comes of it is seen when the session has ended.
        let _ = cancel(shared, &wire::cancel_request(&key)).await;
    };
    let (end, traffic) = connection.run(watching.stopped_by(stop), drain, cancelled).await;
    let end_word = watching.end(end);
    let session = exchange.end();
    let may_run_on = end == End::Stopped && session.is_busy();
    if end == End::ClientGone || may_run_on {
        cancel_running(shared, &session).await;
    }
    let mapping = &policy.mapping;
    shared.totals.add(mapping, session.counts());
    watching.say_cut();
    let (duration, totals) = (began.elapsed(), watched.totals());
    let outcome = SessionOutcome { end: end_word, traffic, duration, totals };
    telemetry::session_ended(&session, mapping, outcome);
    Ok(())
}

/// What becomes of a client that asks to be let in.
enum Admission<'a> {
    /// It has a session; and so long its login took.
    Session(Box<Admitted<'a>>, Duration),
    /// It is a user of the console.
    Console(ConsoleRole, String),
    /// It is served already.
    Done,
}

/// A client that has logged in.
struct Admitted<'a> {
    startup: Startup,
    opened: Opened,
    counted: Counted<'a>,
}

/// A session among those that `limits.clients` counts; out of them when this is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// `None` where there are `max` already.
    fn new(sessions: &'a AtomicUsize, max: usize) -> Option<Counted<'a>> {
        let more = |count: usize| (count < max).then_some(count + 1);
        let added = sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        added.is_ok().then_some(Counted(sessions))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a client wants and whether it gets it; `None` for one that is served already.
async fn admit<'a>(
    client: &mut Client,
    shared: &'a Shared,
    rules: &Rules,
    seat: &Seat,
) -> io::Result<Result<Admission<'a>, LoginRefusal>> {
    let limits = &rules.limits;
    let mut startup = match shared.login.greet(client, limits).await? {
        Opening::Session(startup) => startup,
        Opening::Cancel(packet) => {
            return cancel(shared, &packet).await.map(|()| Ok(Admission::Done));
        }
        Opening::Refused(refusal) => {
            watching::note_login(shared, Duration::ZERO, Some(&refusal));
            return Ok(Err(refusal));
        }
    };
    seat.wants_session.store(true, Ordering::Relaxed);
    if let Some(admitted) = console::admit(client, &startup, shared, limits).await? {
        return Ok(admitted.map(|(role, user)| Admission::Console(role, user)));
    }
    let stated = startup.parameters.as_ref();
    if let Some(path) = stated.and_then(|stated| rules.policy.search_path_of(stated)) {
        startup.packet = wire::with_search_path(&startup.packet, &path);
    }
    let began = Instant::now();
    let waiting = shared.operator.get().zip(stated).map(|(operator, stated)| {
        operator.waiting.begin(seat.number(), &stated.database, &stated.user)
    });
    let admitted = admit_session(client, &mut startup, shared, limits).await?;
    drop(waiting);
    watching::note_login(shared, began.elapsed(), admitted.as_ref().err());
    Ok(admitted.map(|(opened, counted)| {
        Admission::Session(Box::new(Admitted { startup, opened, counted }), began.elapsed())
    }))
}

/// A session for a client, if there is room for it and the target wants it.
async fn admit_session<'a>(
    client: &mut Client,
    startup: &mut Startup,
    shared: &'a Shared,
    limits: &Limits,
) -> io::Result<Result<(Opened, Counted<'a>), LoginRefusal>> {
    let full = || {
        shared.refusals.add(Reason::Sessions, 1, limits.clients.get());
        OwnError::new("53300", "too many clients already")
            .with_hint("limits.clients of the proxy is reached.")
    };
    if shared.sessions.load(Ordering::Acquire) >= limits.clients.get() {
        return Ok(Err(full().into()));
    }
    if let Some(refusal) = console::hold_back(startup, shared, limits).await {
        return Ok(Err(refusal.into()));
    }
    let opened = match shared.login.open(client, startup, limits).await? {
        Ok(opened) => opened,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Other clients may have logged in meanwhile.
    Ok(match Counted::new(&shared.sessions, limits.clients.get()) {
        Some(counted) => Ok((opened, counted)),
        None => Err(full().into()),
    })
}

/// Hands a CancelRequest to the target, after those that are on their way.
///
/// # Errors
/// The target cannot be reached within [`CANCEL_TIMEOUT`].
async fn cancel(shared: &Shared, packet: &[u8]) -> io::Result<()> {
    let delivered = async {
        let _one_of_a_few = shared.cancels.acquire().await.map_err(io::Error::other)?;
        shared.login.target().cancel(packet, CANCEL_TIMEOUT).await
    };
    let delivered = timeout(CANCEL_TIMEOUT, delivered)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    if let Some(operator) = shared.operator.get() {
        operator.counters.cancel(delivered.is_ok());
    }
    delivered
}

/// Cancels what a session that has ended left running.
async fn cancel_running(shared: &Shared, session: &Session) {
    if session.backend_key().is_empty() {
        return;
    }
    let packet = wire::cancel_request(session.backend_key());
    match Box::pin(cancel(shared, &packet)).await {
        Ok(()) => tracing::info!(
            event = "statement_cancelled",
            user = %wire::logged(&session.startup().user),
            "cancelled the statement of a client that vanished or was cut"
        ),
        Err(error) => {
            tracing::warn!(event = "cancel_failed", %error, "what an ended session ran was not cancelled")
        }
    }
}
