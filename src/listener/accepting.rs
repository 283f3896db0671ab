//! Takes clients from the sockets and gives each to a thread that relays. Reads nothing of them.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;

use super::Shared;
use super::refusals::Reason;
use super::unix_socket::UnixSocket;
use super::workers::Worker;
use crate::login::Accepted;

/// Takes clients, each to the thread that has the fewest. Ends only when that thread has.
pub(super) async fn accept(
    socket: &TcpListener,
    unix_socket: Option<&UnixSocket>,
    shared: &Shared,
    workers: &[Worker],
) {
    loop {
        let accepted = tokio::select! {
            accepted = accept_tcp(socket) => accepted,
            accepted = accept_unix(unix_socket) => accepted,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or the client has closed already: accepting goes on.
                tracing::warn!(event = "client_not_taken", %error, "a client could not be taken");
                shared.connecting.dismiss_oldest();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let limits = shared.rules().limits.clone();
        let (max, per_origin) = (limits.connecting, limits.connecting_per_address);
        let (seat, dismissed) =
            shared.connecting.take(&accepted, max.get(), per_origin.get()).await;
        if dismissed > 0 {
            shared.refusals.add(Reason::Silent, dismissed, max.get());
        }
        let fewest = workers.iter().min_by_key(|worker| worker.clients.load(Ordering::Relaxed));
        let Some(worker) = fewest else { return };
        worker.clients.fetch_add(1, Ordering::Relaxed);
        shared.clients.fetch_add(1, Ordering::AcqRel);
        if worker.queue.send((accepted, seat)).await.is_err() {
            return;
        }
    }
}

async fn accept_tcp(socket: &TcpListener) -> io::Result<Accepted> {
    let (stream, address) = socket.accept().await?;
    Ok(Accepted::Tcp(stream.into_std()?, address))
}

/// Does not complete if there is no such socket.
async fn accept_unix(socket: Option<&UnixSocket>) -> io::Result<Accepted> {
    let Some(socket) = socket else { return std::future::pending().await };
    let (stream, _) = socket.listener.accept().await?;
    Ok(Accepted::Unix(stream.into_std()?))
}
