//! The threads that relay: each runs the clients that it is given, one task a client; decides
//! nothing about them.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, mpsc};

use super::client::serve_client;
use super::connecting::Seat;
use super::{CUT_TIMEOUT, Shared};
use crate::admin;
use crate::connection::BufferPool;
use crate::login::Accepted;
use crate::telemetry;

/// Accepted clients that wait for a busy thread.
const BACKLOG: usize = 1024;

/// A thread that relays, as the accept loop sees it.
pub(super) struct Worker {
    pub(super) clients: Arc<AtomicUsize>,
    pub(super) queue: mpsc::Sender<(Accepted, Seat)>,
}

pub(super) fn start_workers(shared: &Arc<Shared>) -> io::Result<Vec<Worker>> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let count = match shared.threads {
        // The more clients a thread has, the more of them it serves at one wake-up; and the
        // loader or the target next to us wants cores, too.
        0 => cores().div_ceil(2),
        count => count,
    };
    (0..count).map(|index| start_worker(index, Arc::clone(shared))).collect()
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
            if let Some(operator) = shared.operator.get() {
                let questions = operator.add_thread(format!("relay-{index}"));
                tokio::task::spawn_local(admin::answer_questions(questions));
            }
            while let Some((accepted, seat)) = clients.recv().await {
                let stop = Arc::clone(&cut).notified_owned();
                let mut draining = shared.draining.subscribe();
                let drain = async move {
                    // The sender lives as long as the listener.
                    let _ = draining.wait_for(|drains| *drains).await;
                };
                let left = Left { shared: Arc::clone(&shared), worker: Arc::clone(&connected) };
                let pool = Rc::clone(&pool);
                let number = seat.number();
                tokio::task::spawn_local(telemetry::in_session(number, async move {
                    let served = serve_client(accepted, seat, &left.shared, &pool, stop, drain);
                    if let Err(error) = served.await {
                        tracing::debug!(event = "connection_ended_early", %error, "connection ended early");
                    }
                }));
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
