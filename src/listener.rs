//! Accepts clients, opens a target connection for each, and ends in order. One task a client, on one
//! of a few single-threaded runtimes; looks into no frame and no SQL.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::config::{Config, Limits};
use crate::connection::{BufferPool, Connection, End};
use crate::session::{Common, Exchange, Policy, Session};
use crate::target::{self, TargetAddress};
use crate::telemetry::{self, Totals};
use crate::wire::{self, OwnError, Severity, StartupPacket, UNTAGGED_HEAD_BYTES};

/// Accepted clients that wait for a busy thread.
const BACKLOG: usize = 1024;

/// SSLRequest and GSSENCRequest that one client may send before its startup packet.
const NEGOTIATIONS_MAX: usize = 8;

/// How long a target may take to accept a cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// What every connection needs to know; shared, never changed.
#[derive(Debug)]
struct Shared {
    policy: Arc<Policy>,
    target: TargetAddress,
    connect_timeout: Duration,
    limits: Limits,
    totals: Arc<Totals>,
    /// Clients that are connected now.
    clients: AtomicUsize,
    /// Tells the drain that a client has left.
    client_left: Notify,
}

/// A thread that relays, as the accept loop sees it.
struct Worker {
    clients: Arc<AtomicUsize>,
    queue: mpsc::Sender<(std::net::TcpStream, SocketAddr)>,
}

/// A listening proxy.
pub struct Listener {
    socket: TcpListener,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens where `[listen]` says; `target` is where the configured URL leads.
    ///
    /// # Errors
    /// The address is taken or not ours, or the mapping cannot be made.
    pub async fn bind(
        config: &Config,
        target: TargetAddress,
        totals: Arc<Totals>,
    ) -> io::Result<Listener> {
        let policy = config.policy().map_err(io::Error::other)?;
        let socket = TcpListener::bind(config.listen.address).await?;
        let shared = Shared {
            policy: Arc::new(policy),
            target,
            connect_timeout: config.target.connect_timeout(),
            limits: config.limits.clone(),
            totals,
            clients: AtomicUsize::new(0),
            client_left: Notify::new(),
        };
        Ok(Listener { socket, shared: Arc::new(shared) })
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// The socket is not one any more.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` completes, then lets running sessions end for `limits.drain_timeout`.
    /// Gives the number of sessions that had to be cut.
    ///
    /// # Errors
    /// A thread could not be started.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<usize> {
        let workers = self.start_workers()?;
        tokio::select! {
            () = stop => {}
            () = accept(&self.socket, &self.shared, &workers) => {}
            () = tick(&self.shared.policy.common) => {}
        }
        drop(self.socket);
        let running = self.shared.clients.load(Ordering::Acquire);
        if running > 0 {
            tracing::info!(sessions = running, "no more clients are taken; waiting for sessions");
        }
        let drained = async {
            loop {
                let left = self.shared.client_left.notified();
                if self.shared.clients.load(Ordering::Acquire) == 0 {
                    break;
                }
                left.await;
            }
        };
        let drained = timeout(Duration::from_secs(self.shared.limits.drain_timeout), drained);
        tokio::select! {
            _ = drained => {}
            () = tick(&self.shared.policy.common) => {}
        }
        Ok(self.shared.clients.load(Ordering::Acquire))
    }

    fn start_workers(&self) -> io::Result<Vec<Worker>> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = match self.shared.limits.threads {
            // The more clients a thread has, the more of them it serves at one wake-up; and the
            // loader or the target next to us wants cores, too.
            0 => cores().div_ceil(2),
            count => count,
        };
        (0..count).map(|index| start_worker(index, Arc::clone(&self.shared))).collect()
    }
}

/// Keeps the clock of the sessions, for ever.
async fn tick(common: &Common) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        common.set_clock(now.as_secs());
    }
}

/// Takes clients for ever, each to the thread that has the fewest.
async fn accept(socket: &TcpListener, shared: &Shared, workers: &[Worker]) {
    loop {
        let (stream, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a client that has gone again: neither is the end.
                tracing::warn!(%error, "a client could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(stream) = stream.into_std() else { continue };
        let fewest = workers.iter().min_by_key(|worker| worker.clients.load(Ordering::Relaxed));
        let Some(worker) = fewest else { return };
        worker.clients.fetch_add(1, Ordering::Relaxed);
        shared.clients.fetch_add(1, Ordering::AcqRel);
        if worker.queue.send((stream, address)).await.is_err() {
            return;
        }
    }
}

fn start_worker(index: usize, shared: Arc<Shared>) -> io::Result<Worker> {
    let (queue, mut clients) = mpsc::channel(BACKLOG);
    let connected = Arc::new(AtomicUsize::new(0));
    let worker = Worker { clients: Arc::clone(&connected), queue };
    std::thread::Builder::new().name(format!("relay-{index}")).spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = match builder.enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "a relay thread could not be started"),
        };
        let pool = Rc::new(BufferPool::default());
        runtime.block_on(async move {
            while let Some((stream, address)) = clients.recv().await {
                let left = Left { shared: Arc::clone(&shared), worker: Arc::clone(&connected) };
                let pool = Rc::clone(&pool);
                tokio::task::spawn_local(async move {
                    if let Err(error) = serve_client(stream, address, &left.shared, &pool).await {
                        tracing::debug!(client = %address, %error, "connection ended early");
                    }
                });
            }
        });
    })?;
    Ok(worker)
}

/// Counts a client out, however its task ends.
struct Left {
    shared: Arc<Shared>,
    worker: Arc<AtomicUsize>,
}

impl Drop for Left {
    fn drop(&mut self) {
        self.worker.fetch_sub(1, Ordering::Relaxed);
        self.shared.clients.fetch_sub(1, Ordering::AcqRel);
        self.shared.client_left.notify_waiters();
    }
}

/// One client from its first byte to its last.
async fn serve_client(
    stream: std::net::TcpStream,
    address: SocketAddr,
    shared: &Shared,
    pool: &BufferPool,
) -> io::Result<()> {
    let began = Instant::now();
    let mut client = TcpStream::from_std(stream)?;
    target::keep_alive_without_delay(&client)?;
    let limit = Duration::from_secs(shared.limits.startup_timeout);
    let Ok(started) = timeout(limit, read_startup(&mut client, &shared.limits)).await else {
        let error = OwnError::new("08P01", "no startup packet within limits.startup_timeout");
        return refuse(&mut client, &error).await;
    };
    let (packet, startup) = match started? {
        Started::Packet(packet, StartupPacket::Session(startup)) => (packet, Some(startup)),
        Started::Packet(packet, StartupPacket::CancelRequest) => {
            return target::cancel(&shared.target, &packet, CANCEL_TIMEOUT).await;
        }
        Started::Packet(packet, _) => (packet, None),
        Started::Bad(error) => return refuse(&mut client, &error).await,
    };
    if shared.clients.load(Ordering::Acquire) > shared.limits.clients.get() {
        let error = OwnError::new("53300", "too many clients already")
            .with_hint("limits.clients of the proxy is reached.");
        return refuse(&mut client, &error).await;
    }
    let target = match target::connect(&shared.target, shared.connect_timeout).await {
        Ok(target) => target,
        Err(error) => {
            tracing::warn!(target = %shared.target, %error, "the target cannot be reached");
            return refuse(&mut client, &unreachable_target(&shared.target, &error)).await;
        }
    };
    let session = match startup {
        Some(startup) => Session::new(Arc::clone(&shared.policy), startup),
        None => Session::relay(Arc::clone(&shared.policy)),
    };
    let mut exchange = Exchange::new(session, &packet);
    let (end, traffic) = Connection::new(client, target, &mut exchange, pool).run().await;
    let mut session = exchange.session;
    session.leave_ledger();
    if end == End::ClientGone {
        cancel_running(shared, &session).await;
    }
    let mapping = &shared.policy.mapping;
    shared.totals.add(mapping, session.counts());
    telemetry::session_ended(address, &session, mapping, end, traffic, began.elapsed());
    Ok(())
}

/// The first packet of a client that is neither SSLRequest nor GSSENCRequest.
enum Started {
    Packet(Vec<u8>, StartupPacket),
    Bad(OwnError),
}

async fn read_startup(client: &mut TcpStream, limits: &Limits) -> io::Result<Started> {
    for _ in 0..NEGOTIATIONS_MAX {
        let mut head = [0; 4];
        client.read_exact(&mut head).await?;
        let length = u32::from_be_bytes(head);
        let bounds = u32::try_from(UNTAGGED_HEAD_BYTES).unwrap_or(8)..=limits.startup_packet_bytes;
        let Some(length) = usize::try_from(length).ok().filter(|_| bounds.contains(&length)) else {
            return Ok(Started::Bad(OwnError::new("08P01", "invalid length of startup packet")));
        };
        let mut packet = vec![0; length];
        let (start, rest) = packet.split_at_mut(head.len());
        start.copy_from_slice(&head);
        client.read_exact(rest).await?;
        match wire::startup_packet(&packet) {
            StartupPacket::SslRequest | StartupPacket::GssEncRequest => {
                client.write_all(b"N").await?;
            }
            found => return Ok(Started::Packet(packet, found)),
        }
    }
    Ok(Started::Bad(OwnError::new("08P01", "too many requests for encryption")))
}

async fn refuse(client: &mut TcpStream, error: &OwnError) -> io::Result<()> {
    client.write_all(&wire::error_response(error, Severity::Fatal)).await?;
    client.shutdown().await
}

fn unreachable_target(address: &TargetAddress, error: &io::Error) -> OwnError {
    OwnError::new("08001", format!("the target at {address} cannot be reached: {error}"))
        .with_hint("Check target.url of the proxy and that the server is running.")
}

/// Cancels what a vanished client left running.
async fn cancel_running(shared: &Shared, session: &Session) {
    if session.backend_key().is_empty() {
        return;
    }
    let packet = wire::cancel_request(session.backend_key());
    match target::cancel(&shared.target, &packet, CANCEL_TIMEOUT).await {
        Ok(()) => tracing::info!(
            user = session.startup().user,
            "cancelled the statement of a client that vanished"
        ),
        Err(error) => tracing::warn!(%error, "a vanished client's statement was not cancelled"),
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("shared", &self.shared).finish_non_exhaustive()
    }
}
