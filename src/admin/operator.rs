//! The operator's side of a running proxy: what it has collected, and what holds.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::config_rows::{ConfigRow, ConfigShown};
use super::found_keys::KeptLook;
use super::health::TargetHealth;
use super::life::{Life, LifePhase, Order, ReloadOutcome};
use super::waiting::WaitingClients;

use crate::config::{Admin, Config, Effective};
use crate::mapping::Mapping;
use crate::session::Common;
use crate::statistics::{self, Collected, ConnectFailure, ProxyCounters, ThreadReport};
use crate::target::Target;

/// How long a thread may take to give its figures before it counts as stuck for this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// After so long without an answer a thread is not well.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Questions that wait for a busy thread.
const QUESTIONS_MAX: usize = 16;

/// A question to a thread for its figures.
type Pull = oneshot::Sender<ThreadReport>;

/// A thread that relays, as the operator's side sees it.
#[derive(Debug)]
pub(super) struct RelayThread {
    pub(super) name: String,
    pub(super) questions: mpsc::Sender<ThreadQuestion>,
    pub(super) answered: Instant,
    pub(super) busy: Duration,
    pub(super) sessions: usize,
}

/// What a thread is asked for.
#[derive(Debug)]
pub struct ThreadQuestion {
    /// Its figures.
    report: Pull,
    /// How long it was busy.
    busy: oneshot::Sender<Duration>,
}

/// What a reload has come to.
#[derive(Clone, Debug)]
pub(super) struct ReloadState {
    /// Whether the last one worked.
    pub successful: bool,
    /// When the last one that worked was, in microseconds since 1970.
    pub at: u64,
    /// What that one did.
    pub outcome: ReloadOutcome,
}

/// The operator's side of a proxy.
#[derive(Debug)]
pub struct Operator {
    /// `[admin]`
    pub settings: Admin,
    /// The life of the proxy.
    pub life: Life,
    /// What happens outside of sessions.
    pub counters: Arc<ProxyCounters>,
    /// Clients that have no session yet.
    pub waiting: WaitingClients,
    /// What all sessions share.
    pub common: Arc<Common>,
    pub(super) started: u64,
    pub(super) target: Target,
    pub(super) target_name: String,
    pub(super) embedded_by_default: bool,
    pub(super) warnings: Vec<String>,
    pub(super) listens: Mutex<String>,
    pub(super) collected: Mutex<Collected>,
    pub(super) pulling: tokio::sync::Mutex<()>,
    pub(super) threads: Mutex<Vec<RelayThread>>,
    pub(super) health: Mutex<TargetHealth>,
    pub(super) config: RwLock<ConfigShown>,
    pub(super) reload: Mutex<ReloadState>,
    pub(super) lost_lines: Arc<AtomicU64>,
    pub(super) found: Mutex<BTreeMap<String, KeptLook>>,
}

/// What the operator's side is made of, beside `[admin]`.
#[derive(Debug)]
pub struct OperatorParts {
    /// The target.
    pub target: Target,
    /// What all sessions share.
    pub common: Arc<Common>,
    /// Every key with its value and where that comes from.
    pub effective: Effective,
    /// What the configuration was warned of.
    pub warnings: Vec<String>,
    /// The target is the embedded server although nobody asked for it.
    pub embedded_by_default: bool,
    /// Lines of the log that were lost.
    pub lost_lines: Arc<AtomicU64>,
}

impl Operator {
    /// The operator's side of a proxy with this configuration, and where its orders arrive.
    ///
    /// # Errors
    /// The mapping cannot be made.
    pub fn new(
        config: &Config,
        settings: Admin,
        parts: OperatorParts,
    ) -> io::Result<(Operator, mpsc::Receiver<Order>)> {
        let (life, orders) = Life::new();
        let now = now_micros();
        let counters = Arc::new(ProxyCounters::default());
        let observed = Arc::clone(&counters);
        parts.target.observe(move |took, failure| match failure {
            None => observed.connected(took),
            Some(error) => observed.connect_failed(ConnectFailure::of(error)),
        });
        let operator = Operator {
            collected: Mutex::new(Collected::new(settings.tables, now)),
            settings,
            life,
            counters,
            waiting: WaitingClients::default(),
            common: parts.common,
            started: now,
            target: parts.target,
            target_name: config.target.url.place.to_string(),
            embedded_by_default: parts.embedded_by_default,
            warnings: parts.warnings,
            listens: Mutex::default(),
            pulling: tokio::sync::Mutex::default(),
            threads: Mutex::default(),
            health: Mutex::default(),
            config: RwLock::new(ConfigShown::new(config, &parts.effective)?),
            reload: Mutex::new(ReloadState {
                successful: true,
                at: now,
                outcome: ReloadOutcome::default(),
            }),
            lost_lines: parts.lost_lines,
            found: Mutex::default(),
        };
        Ok((operator, orders))
    }

    /// Holds back clients that come, of one database or of all, or lets them in.
    pub fn pause(&self, database: Option<&str>, holds: bool) {
        self.life.pause(database, holds);
        let sessions = lock(&self.threads).iter().map(|thread| thread.sessions).sum::<usize>();
        let database = database.unwrap_or("all");
        match holds {
            true => tracing::warn!(event = "paused", sessions, database, "clients that come wait"),
            false => tracing::info!(event = "resumed", sessions, database, "clients are let in"),
        }
    }

    /// Where clients connect.
    pub fn set_listens(&self, address: String) {
        *lock(&self.listens) = address;
    }

    /// A thread relays; it is asked for its figures here.
    pub fn add_thread(&self, name: String) -> mpsc::Receiver<ThreadQuestion> {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let (answered, busy) = (Instant::now(), Duration::ZERO);
        lock(&self.threads).push(RelayThread { name, questions, answered, busy, sessions: 0 });
        asked
    }

    /// A reload has worked, or not.
    pub fn note_reload(&self, applied: Option<(&Config, &Effective, &ReloadOutcome)>) {
        let mut state = lock(&self.reload);
        state.successful = applied.is_some();
        if let Some((config, effective, outcome)) = applied {
            (state.at, state.outcome) = (now_micros(), outcome.clone());
            // One that makes no mapping has not been applied.
            if let Ok(new) = ConfigShown::new(config, effective) {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = new;
            }
        }
    }

    /// Collects the figures of all threads, so that what is shown next is as of now.
    pub async fn refresh(&self) {
        let _one_at_a_time = self.pulling.lock().await;
        let questions: Vec<_> =
            lock(&self.threads).iter().map(|thread| thread.questions.clone()).collect();
        let answers: Vec<_> = questions
            .into_iter()
            .map(|questions| {
                let ((report, answer), (busy, busy_answer)) =
                    (oneshot::channel(), oneshot::channel());
                // A thread that has ended answers no more.
                let _ = questions.try_send(ThreadQuestion { report, busy });
                (answer, busy_answer)
            })
            .collect();
        let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        let mut reports = Vec::new();
        for (index, (answer, busy)) in answers.into_iter().enumerate() {
            // What is dropped unanswered goes back to the thread's own count.
            let Ok(Ok(report)) = tokio::time::timeout_at(deadline, answer).await else { continue };
            let busy = busy.await.unwrap_or_default();
            if let Some(thread) = lock(&self.threads).get_mut(index) {
                (thread.answered, thread.busy) = (Instant::now(), busy);
                thread.sessions = report.session_count();
            }
            reports.push(report);
        }
        lock(&self.collected).add(reports, now_micros());
    }

    /// The figures as they were last collected.
    pub(super) fn collected(&self) -> MutexGuard<'_, Collected> {
        lock(&self.collected)
    }

    /// Collects the figures once a second. Does not end.
    pub async fn collect(&self) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            self.refresh().await;
        }
    }

    /// The name by which this proxy is told from others: that of the machine, and where clients connect.
    pub(super) fn instance(&self) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let listens = lock(&self.listens);
        format!("{host}:{}", listens.rsplit(':').next().unwrap_or_default())
    }

    fn shown<T>(&self, show: impl FnOnce(&ConfigShown) -> T) -> T {
        show(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn clients_limit(&self) -> usize {
        self.shown(|config| config.clients)
    }

    pub(super) fn config_rows(&self) -> Vec<ConfigRow> {
        self.shown(|config| config.rows.clone())
    }

    pub(super) fn config_file_and_level(&self) -> (Option<String>, String) {
        self.shown(|config| {
            let file = config.file.as_ref().map(|file| file.display().to_string());
            (file, config.log_level.clone())
        })
    }

    pub(super) fn progress_interval(&self) -> u64 {
        self.shown(|config| config.progress_interval)
    }

    pub(super) fn mapping(&self) -> Arc<Mapping> {
        self.shown(|config| Arc::clone(&config.mapping))
    }

    pub(super) fn shows_samples(&self) -> bool {
        self.shown(|config| config.samples)
    }

    pub(super) fn target_tls(&self) -> String {
        self.shown(|config| config.tls.clone())
    }

    pub(super) fn health(&self) -> TargetHealth {
        lock(&self.health).clone()
    }

    /// Threads that have not answered for too long.
    pub(super) fn silent_threads(&self) -> Vec<String> {
        let threads = lock(&self.threads);
        let silent = threads.iter().filter(|thread| thread.answered.elapsed() > SILENCE_MAX);
        silent.map(|thread| thread.name.clone()).collect()
    }

    /// Whether each thread has answered of late.
    pub fn threads_are_well(&self) -> bool {
        self.silent_threads().is_empty()
    }

    /// What the last reload that worked did.
    pub(super) fn last_reload(&self) -> ReloadOutcome {
        lock(&self.reload).outcome.clone()
    }

    /// What stands against taking more clients, each with its reason.
    pub(super) fn readiness(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let held = self.life.held();
        let when = |is_wrong: bool, reason| is_wrong.then_some(reason);
        vec![
            (
                "life",
                match held.phase {
                    LifePhase::Starting => Some("starting"),
                    LifePhase::Draining => Some("draining"),
                    LifePhase::Running => None,
                },
            ),
            ("pause", when(held.is_paused, "paused")),
            ("target", when(self.health().up == Some(false), "target")),
            ("embedded", when(self.embedded_by_default, "embedded-by-default")),
        ]
    }
}

/// Answers the questions of the operator's side on a thread that relays, until that side is gone.
pub async fn answer_questions(mut questions: mpsc::Receiver<ThreadQuestion>) {
    while let Some(question) = questions.recv().await {
        let metrics = tokio::runtime::Handle::current().metrics();
        // Whoever asked may have given up.
        let _ = question.busy.send(metrics.worker_total_busy_duration(0));
        if let Err(report) = question.report.send(statistics::answer()) {
            statistics::put_back(report);
        }
    }
}

/// The moment, in microseconds since 1970.
pub(super) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}

/// What a mutex protects; a panic elsewhere leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
