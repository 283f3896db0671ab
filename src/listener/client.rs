//! One client's life: admitted or refused, served in a session, counted when it has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Shared;
use crate::config::Limits;
use crate::connection::{BufferPool, Connection, End};
use crate::login::{Accepted, Asked, Client, Opened, Startup};
use crate::session::{Exchange, Session};
use crate::stream::Stream;
use crate::telemetry;
use crate::wire::{self, OwnError};

/// How long a target may take to accept a cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// One client from its first byte to its last, or until `stop` completes.
pub(super) async fn serve_client(
    accepted: Accepted,
    shared: &Shared,
    pool: &BufferPool,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let began = Instant::now();
    let rules = shared.rules();
    let policy = &rules.policy;
    let client = Client::new(accepted)?;
    let address = client.address();
    let mut stop = std::pin::pin!(stop);
    let admitted = tokio::select! {
        // A login or a cancel takes much more memory than a session, so it has it apart and gives
        // it back.
        admitted = Box::pin(admit(client, shared, &rules.limits)) => admitted?,
        // The server as well says nothing to a client that is still logging in.
        () = stop.as_mut() => return Ok(()),
    };
    let Some(Admitted { client, startup, opened }) = admitted else { return Ok(()) };
    let common = Arc::clone(&shared.common);
    let session = match startup.parameters {
        Some(parameters) => Session::new(Arc::clone(policy), common, parameters),
        None => Session::relay(Arc::clone(policy), common),
    };
    let mut exchange = Exchange::new(session);
    exchange.target_said(&opened.said);
    let connection = Connection::new(client, opened.target, &mut exchange, pool);
    let (end, traffic) = connection.run(stop).await;
    let session = exchange.end();
    let may_run_on = end == End::Stopped && session.is_busy();
    if end == End::ClientGone || may_run_on {
        cancel_running(shared, &session).await;
    }
    shared.totals.add(&policy.mapping, session.counts());
    telemetry::session_ended(address, &session, &policy.mapping, end, traffic, began.elapsed());
    Ok(())
}

/// A client that has got a connection to the target.
struct Admitted {
    client: Stream,
    startup: Startup,
    opened: Opened,
}

/// What a client wants and whether it gets it; `None` for one that is served already.
async fn admit(
    mut client: Client,
    shared: &Shared,
    limits: &Limits,
) -> io::Result<Option<Admitted>> {
    let mut startup = match shared.login.greet(&mut client, limits).await? {
        Asked::Session(startup) => startup,
        Asked::Cancel(packet) => {
            shared.login.target().cancel(&packet, CANCEL_TIMEOUT).await?;
            return client.close().await.map(|()| None);
        }
        Asked::Refused(error) => return client.refuse(&error).await.map(|()| None),
    };
    if shared.clients.load(Ordering::Acquire) > limits.clients.get() {
        let error = OwnError::new("53300", "too many clients already")
            .with_hint("limits.clients of the proxy is reached.");
        return client.refuse(&error).await.map(|()| None);
    }
    let opened = match shared.login.open(&mut client, &mut startup, limits).await? {
        Ok(opened) => opened,
        Err(error) => return client.refuse(&error).await.map(|()| None),
    };
    Ok(Some(Admitted { client: client.into_stream()?, startup, opened }))
}

/// Cancels what a session that has ended left running.
async fn cancel_running(shared: &Shared, session: &Session) {
    if session.backend_key().is_empty() {
        return;
    }
    let packet = wire::cancel_request(session.backend_key());
    match Box::pin(shared.login.target().cancel(&packet, CANCEL_TIMEOUT)).await {
        Ok(()) => tracing::info!(
            user = session.startup().user,
            "cancelled the statement of a client that vanished or was cut"
        ),
        Err(error) => tracing::warn!(%error, "what an ended session ran was not cancelled"),
    }
}
