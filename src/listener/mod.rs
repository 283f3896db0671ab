//! Accepts clients, opens a target connection for each, and ends in order. One task a client, on one
//! of a few single-threaded runtimes; looks into no frame and no SQL.

mod accepting;
mod client;
mod connecting;
mod console;
mod exposure;
mod refusals;
mod unix_socket;
mod watching;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

use self::accepting::accept;
use self::connecting::Connecting;
use self::exposure::Exposure;
use self::refusals::Refusals;
use self::unix_socket::UnixSocket;
use self::workers::start_workers;
use crate::admin::{LifePhase, Operator, rfc3339};
use crate::config::{Config, Limits};
use crate::login::Login;
use crate::mapping::MappingError;
use crate::policy::Policy;
use crate::session::Common;
use crate::target::{Target, TargetAddress, TargetPlace};
use crate::telemetry::Totals;

/// How long sessions that are cut may take to tell their clients and to cancel what they run.
const CUT_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where an operator does not want to wait.
const HURRIED_CUT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long sessions that have been told may take to leave before they count as cut.
const LEAVING_TIMEOUT: Duration = Duration::from_millis(100);

/// Cancels on their way to the target at a time. Each takes a connection of it, and a moment.
const CANCELS_MAX: usize = 64;

/// What every connection needs to know.
#[derive(Debug)]
struct Shared {
    /// Taken once a client, and changed by [`Reload`].
    rules: RwLock<Arc<Rules>>,
    common: Arc<Common>,
    login: Login,
    threads: usize,
    totals: Arc<Totals>,
    /// Clients that are connected now, logged in or not.
    clients: AtomicUsize,
    /// Those that are logged in.
    sessions: AtomicUsize,
    /// Room for those that are not.
    connecting: Arc<Connecting>,
    refusals: Refusals,
    cancels: Semaphore,
    /// Whether sessions that are idle are to end.
    draining: watch::Sender<bool>,
    /// Tells the drain that a client has left.
    client_left: Notify,
    /// The operator's side, where there is one.
    operator: OnceLock<Arc<Operator>>,
}

/// What a client finds when it comes, and keeps to its end.
#[derive(Debug)]
struct Rules {
    policy: Arc<Policy>,
    limits: Limits,
}

impl Rules {
    fn new(config: &Config) -> Result<Arc<Rules>, MappingError> {
        let policy = config.policy()?;
        Ok(Arc::new(Rules { policy: Arc::new(policy), limits: config.limits.clone() }))
    }
}

impl Shared {
    /// The proxy has come so far.
    fn enter(&self, phase: LifePhase) {
        if let Some(operator) = self.operator.get() {
            operator.life.change(|held| held.phase = phase);
        }
    }

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
        let rules = Rules::new(config)?;
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }
}

/// Reads everything that serving with this configuration needs, without listening and without asking the
/// target.
///
/// # Errors
/// A file that the configuration names cannot be used, or the mapping cannot be made.
pub fn check(config: &Config) -> io::Result<()> {
    Rules::new(config).map_err(io::Error::other)?;
    if let TargetPlace::Address(address) = &config.target.url.place {
        Target::new(address.clone(), &config.target.url.tls, config.target.connect_timeout())?;
    }
    Login::check(config)
}

/// Sockets that this process was started with, in place of those that it would open itself.
#[derive(Debug, Default)]
pub struct Inherited {
    /// In place of `listen.address`.
    pub tcp: Option<std::net::TcpListener>,
    /// In place of `listen.unix_socket`.
    pub unix: Option<std::os::unix::net::UnixListener>,
}

/// How serving has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Sessions that were cut.
    pub cut: usize,
    /// It was not to wait for sessions.
    pub hurried: bool,
}

/// A listening proxy.
pub struct Listener {
    socket: TcpListener,
    unix_socket: Option<UnixSocket>,
    exposure: Option<Exposure>,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens where `[listen]` says, or on what was inherited; `target` is where the configured URL leads.
    ///
    /// # Errors
    /// The address is taken or not ours, or the mapping cannot be made. A file that the
    /// configuration names and that cannot be used is of kind `InvalidInput`.
    pub async fn bind(
        config: &Config,
        inherited: Inherited,
        target: TargetAddress,
        totals: Arc<Totals>,
    ) -> io::Result<Listener> {
        let common = Arc::new(Common::new(random_seed()?, run_name()));
        let rules = Rules::new(config).map_err(io::Error::other)?;
        let timeout = config.target.connect_timeout();
        let url = &config.target.url;
        let login = Target::new(target, &url.tls, timeout)
            .and_then(|target| Login::new(config, target.with_demands(url.demands.clone())))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let socket = tcp_socket(config, inherited.tcp).await?;
        let unix_socket = match (inherited.unix, &config.listen.unix_socket) {
            (Some(socket), _) => Some(UnixSocket::inherited(socket)?),
            (None, Some(path)) => {
                Some(UnixSocket::bind(path, config.listen.unix_socket_permissions)?)
            }
            (None, None) => None,
        };
        let shared = Shared {
            rules: RwLock::new(rules),
            common,
            login,
            threads: config.limits.threads,
            totals,
            clients: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            connecting: Arc::default(),
            refusals: Refusals::default(),
            cancels: Semaphore::new(CANCELS_MAX),
            draining: watch::Sender::new(false),
            client_left: Notify::new(),
            operator: OnceLock::new(),
        };
        let exposure = Exposure::new(config, socket.local_addr()?);
        Ok(Listener { socket, unix_socket, exposure, shared: Arc::new(shared) })
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

    /// What all sessions share, and the target: what the operator's side shows.
    pub fn common_and_target(&self) -> (Arc<Common>, Target) {
        (Arc::clone(&self.shared.common), self.shared.login.target().clone())
    }

    /// Shows an operator what happens from now on.
    pub fn set_operator(&self, operator: Arc<Operator>) {
        // It is set once, before anything is served.
        let _ = self.shared.operator.set(operator);
    }

    /// Changes the rules while this serves.
    pub fn reload(&self) -> Reload {
        Reload(Arc::clone(&self.shared))
    }

    /// Serves until `stop` completes, then lets running sessions end for `limits.drain_timeout`, or until `hurry`
    /// completes.
    /// Those that are left are cut: their clients are told, and what they run is cancelled.
    ///
    /// # Errors
    /// A thread could not be started, or has ended.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> io::Result<Stopped> {
        let workers = start_workers(&self.shared)?;
        let mut hurry = std::pin::pin!(hurry);
        self.shared.enter(LifePhase::Running);
        let stopped = async {
            stop.await;
            self.shared.enter(LifePhase::Draining);
            let delay = self.shared.rules().limits.drain_delay;
            if delay > 0 {
                say_draining(
                    &self.shared,
                    &format!("not ready; clients are taken for {delay} s more"),
                );
            }
            timeout(Duration::from_secs(delay), hurry.as_mut()).await.is_ok()
        };
        let mut hurried = tokio::select! {
            hurried = stopped => hurried,
            () = accept(&self.socket, self.unix_socket.as_ref(), &self.shared, &workers) => {
                return Err(io::Error::other("a relay thread has ended"));
            }
            () = tick(&self.shared) => false,
            () = watch(self.exposure.as_ref(), &self.shared) => false,
        };
        drop((self.socket, self.unix_socket));
        // Clients that have asked for nothing have nothing to finish.
        self.shared.connecting.dismiss_idle();
        self.shared.draining.send_replace(true);
        if self.shared.rules().limits.drain_delay == 0 {
            say_draining(&self.shared, "no more clients are taken");
        }
        let drain_timeout = self.shared.rules().limits.drain_timeout;
        let drained = timeout(Duration::from_secs(drain_timeout), all_left(&self.shared));
        if !hurried {
            tokio::select! {
                _ = drained => {}
                () = hurry => hurried = true,
                () = tick(&self.shared) => {}
            }
        }
        // Those that are leaving already are not cut.
        let _ = timeout(LEAVING_TIMEOUT, all_left(&self.shared)).await;
        let cut = self.shared.clients.load(Ordering::Acquire);
        drop(workers);
        // Sessions that take longer are closed without an error.
        let cut_timeout = if hurried { HURRIED_CUT_TIMEOUT } else { CUT_TIMEOUT };
        let _ = timeout(cut_timeout, all_left(&self.shared)).await;
        Ok(Stopped { cut, hurried })
    }
}

/// Says that the proxy ends, what it waits for, and how to end it sooner.
fn say_draining(shared: &Shared, clients: &str) {
    let sessions = shared.sessions.load(Ordering::Acquire);
    let Limits { drain_delay: delay_s, drain_timeout: timeout_s, .. } = shared.rules().limits;
    tracing::info!(
        event = "draining",
        sessions,
        delay_s,
        timeout_s,
        "{clients}; sessions have {timeout_s} s to end, a second signal ends them at once"
    );
}

/// The socket for clients by TCP: the one that was inherited, or a new one.
async fn tcp_socket(
    config: &Config,
    inherited: Option<std::net::TcpListener>,
) -> io::Result<TcpListener> {
    if let Some(socket) = inherited {
        socket.set_nonblocking(true)?;
        return TcpListener::from_std(socket);
    }
    let address = config.listen.address;
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Looks whether the target is open to others. Does not end.
async fn watch(exposure: Option<&Exposure>, shared: &Shared) {
    if let Some(exposure) = exposure {
        exposure.watch(shared).await;
    }
    std::future::pending().await
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

/// The name of this run of the proxy: when it began.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    rfc3339(u64::try_from(now.as_micros()).unwrap_or_default())
}

/// Random bytes that no client can know.
fn random_seed() -> io::Result<[u8; 16]> {
    let mut seed = [0; 16];
    let filled = SystemRandom::new().fill(&mut seed);
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(seed)
}

/// Keeps the clock of the sessions, and says what was counted. Does not end.
async fn tick(shared: &Shared) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        shared.common.set_clock(now.as_secs());
        shared.refusals.report();
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("shared", &self.shared).finish_non_exhaustive()
    }
}
