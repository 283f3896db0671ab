//! Accepts clients, opens a target connection for each, and ends in order. One task a client, on one
//! of a few single-threaded runtimes; looks into no frame and no SQL.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::config::{Config, Limits, Permissions};
use crate::connection::{BufferPool, Connection, End};
use crate::login::{Accepted, Asked, Client, Login, Opened, Startup};
use crate::mapping::MappingError;
use crate::session::{Common, Exchange, Policy, Session};
use crate::stream::Stream;
use crate::target::{Target, TargetAddress};
use crate::telemetry::{self, Totals};
use crate::wire::{self, OwnError};

/// Accepted clients that wait for a busy thread.
const BACKLOG: usize = 1024;

/// How long a target may take to accept a cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sessions that are cut may take to tell their clients and to cancel what they run.
const CUT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every connection needs to know.
#[derive(Debug)]
struct Shared {
    /// Taken once a client, and changed by [`Reload`].
    rules: RwLock<Arc<Rules>>,
    common: Arc<Common>,
    login: Login,
    threads: usize,
    totals: Arc<Totals>,
    /// Clients that are connected now.
    clients: AtomicUsize,
    /// Tells the drain that a client has left.
    client_left: Notify,
}

/// What a client finds when it comes, and keeps to its end.
#[derive(Debug)]
struct Rules {
    policy: Arc<Policy>,
    limits: Limits,
}

impl Rules {
    fn new(config: &Config, common: &Arc<Common>) -> Result<Arc<Rules>, MappingError> {
        let policy = Policy { common: Arc::clone(common), ..config.policy()? };
        Ok(Arc::new(Rules { policy: Arc::new(policy), limits: config.limits.clone() }))
    }
}

impl Shared {
    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives clients that are still to come other rules.
#[derive(Clone, Debug)]
pub struct Reload(Arc<Shared>);

impl Reload {
    /// Everything but what [`Config::fixed_differences`] names is as in `config` for sessions that
    /// begin from now on.
    ///
    /// # Errors
    /// The mapping cannot be made; nothing has changed then.
    pub fn apply(&self, config: &Config) -> Result<(), MappingError> {
        let rules = Rules::new(config, &self.0.common)?;
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }
}

/// A thread that relays, as the accept loop sees it.
struct Worker {
    clients: Arc<AtomicUsize>,
    queue: mpsc::Sender<Accepted>,
}

/// A listening proxy.
pub struct Listener {
    socket: TcpListener,
    unix_socket: Option<UnixSocket>,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens where `[listen]` says; `target` is where the configured URL leads.
    ///
    /// # Errors
    /// The address is taken or not ours, or the mapping cannot be made. A file that the
    /// configuration names and that cannot be used is of kind `InvalidInput`.
    pub async fn bind(
        config: &Config,
        target: TargetAddress,
        totals: Arc<Totals>,
    ) -> io::Result<Listener> {
        let common = Arc::default();
        let rules = Rules::new(config, &common).map_err(io::Error::other)?;
        let timeout = config.target.connect_timeout();
        let login = Target::new(target, &config.target.url.1, timeout)
            .and_then(|target| Login::new(config, target))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let address = config.listen.address;
        let socket = TcpListener::bind(address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        let permissions = config.listen.unix_socket_permissions;
        let unix_socket = config.listen.unix_socket.as_deref();
        let unix_socket =
            unix_socket.map(|path| UnixSocket::bind(path, permissions)).transpose()?;
        let shared = Shared {
            rules: RwLock::new(rules),
            common,
            login,
            threads: config.limits.threads,
            totals,
            clients: AtomicUsize::new(0),
            client_left: Notify::new(),
        };
        Ok(Listener { socket, unix_socket, shared: Arc::new(shared) })
    }

    /// The Unix socket that clients connect to as well.
    pub fn unix_socket(&self) -> Option<&Path> {
        self.unix_socket.as_ref().map(|socket| socket.path.as_path())
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// The socket is not one any more.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Changes the rules while this serves.
    pub fn reload(&self) -> Reload {
        Reload(Arc::clone(&self.shared))
    }

    /// Serves until `stop` completes, then lets running sessions end for `limits.drain_timeout`.
    /// Those that are left are cut: their clients are told, and what they run is cancelled. Gives
    /// their number.
    ///
    /// # Errors
    /// A thread could not be started, or has ended.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<usize> {
        let workers = self.start_workers()?;
        tokio::select! {
            () = stop => {}
            () = accept(&self.socket, self.unix_socket.as_ref(), &self.shared, &workers) => {
                return Err(io::Error::other("a relay thread has ended"));
            }
            () = tick(&self.shared.common) => {}
        }
        drop((self.socket, self.unix_socket));
        let running = self.shared.clients.load(Ordering::Acquire);
        if running > 0 {
            tracing::info!(sessions = running, "no more clients are taken; waiting for sessions");
        }
        let drain_timeout = self.shared.rules().limits.drain_timeout;
        let drained = timeout(Duration::from_secs(drain_timeout), all_left(&self.shared));
        tokio::select! {
            _ = drained => {}
            () = tick(&self.shared.common) => {}
        }
        let cut = self.shared.clients.load(Ordering::Acquire);
        drop(workers);
        // Whoever takes longer is cut without a word.
        let _ = timeout(CUT_TIMEOUT, all_left(&self.shared)).await;
        Ok(cut)
    }

    fn start_workers(&self) -> io::Result<Vec<Worker>> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = match self.shared.threads {
            // The more clients a thread has, the more of them it serves at one wake-up; and the
            // loader or the target next to us wants cores, too.
            0 => cores().div_ceil(2),
            count => count,
        };
        (0..count).map(|index| start_worker(index, Arc::clone(&self.shared))).collect()
    }
}

/// Completes when no client is connected.
async fn all_left(shared: &Shared) {
    loop {
        let left = shared.client_left.notified();
        if shared.clients.load(Ordering::Acquire) == 0 {
            break;
        }
        left.await;
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

/// Takes clients, each to the thread that has the fewest. Ends only when that thread has.
async fn accept(
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
                // Out of descriptors, or a client that has gone again: neither is the end.
                tracing::warn!(%error, "a client could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let fewest = workers.iter().min_by_key(|worker| worker.clients.load(Ordering::Relaxed));
        let Some(worker) = fewest else { return };
        worker.clients.fetch_add(1, Ordering::Relaxed);
        shared.clients.fetch_add(1, Ordering::AcqRel);
        if worker.queue.send(accepted).await.is_err() {
            return;
        }
    }
}

async fn accept_tcp(socket: &TcpListener) -> io::Result<Accepted> {
    let (stream, address) = socket.accept().await?;
    Ok(Accepted::Tcp(stream.into_std()?, address))
}

/// Never ends where there is no such socket.
async fn accept_unix(socket: Option<&UnixSocket>) -> io::Result<Accepted> {
    let Some(socket) = socket else { return std::future::pending().await };
    let (stream, _) = socket.listener.accept().await?;
    Ok(Accepted::Unix(stream.into_std()?))
}

/// A listening Unix socket, whose file is removed with it.
#[derive(Debug)]
struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixSocket {
    /// A socket file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// Somebody listens there, or the file is none of a socket, or cannot be made.
    fn bind(path: &Path, permissions: Permissions) -> io::Result<UnixSocket> {
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display()))
        };
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(failed(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process listens there",
            )));
        }
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = UnixSocket { listener, path: path.to_owned() };
        let mode = std::fs::Permissions::from_mode(permissions.0);
        std::fs::set_permissions(path, mode).map_err(failed)?;
        Ok(socket)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "the socket was not removed");
        }
    }
}

/// Its sessions are cut when the queue closes.
fn start_worker(index: usize, shared: Arc<Shared>) -> io::Result<Worker> {
    let (queue, mut clients) = mpsc::channel(BACKLOG);
    let connected = Arc::new(AtomicUsize::new(0));
    let worker = Worker { clients: Arc::clone(&connected), queue };
    let (ready, started) = std::sync::mpsc::channel();
    std::thread::Builder::new().name(format!("relay-{index}")).spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let built = builder.enable_all().build_local(LocalOptions::default());
        let (runtime, outcome) = match built {
            Ok(runtime) => (Some(runtime), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // It is waited for below.
        let _ = ready.send(outcome);
        let Some(runtime) = runtime else { return };
        let pool = Rc::new(BufferPool::default());
        runtime.block_on(async move {
            let cut = Arc::new(Notify::new());
            while let Some(accepted) = clients.recv().await {
                let stop = Arc::clone(&cut).notified_owned();
                let left = Left { shared: Arc::clone(&shared), worker: Arc::clone(&connected) };
                let pool = Rc::clone(&pool);
                tokio::task::spawn_local(async move {
                    if let Err(error) = serve_client(accepted, &left.shared, &pool, stop).await {
                        tracing::debug!(%error, "connection ended early");
                    }
                });
            }
            cut.notify_waiters();
            tokio::time::sleep(CUT_TIMEOUT).await;
        });
    })?;
    started.recv().map_err(io::Error::other)??;
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

/// One client from its first byte to its last, or until `stop` completes.
async fn serve_client(
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
    let session = match startup.parameters {
        Some(parameters) => Session::new(Arc::clone(policy), parameters),
        None => Session::relay(Arc::clone(policy)),
    };
    let mut exchange = Exchange::new(session, b"");
    exchange.to_client.extend(&opened.said);
    exchange.judge_target();
    let connection = Connection::new(client, opened.target, &mut exchange, pool);
    let (end, traffic) = connection.run(stop).await;
    let mut session = exchange.session;
    session.leave_ledger();
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

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("shared", &self.shared).finish_non_exhaustive()
    }
}
