//! What a command that is interrupted has to stop, and what it has done until then. A process runs one
//! command, so there is one of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::{CancelToken, NoTls};

use crate::target;

/// How long the target may take to accept the cancels.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

static RUN: Mutex<Run> =
    Mutex::new(Run { sessions: Vec::new(), done: Vec::new(), is_interrupted: false });

struct Run {
    sessions: Vec<(CancelToken, target::Target)>,
    done: Vec<String>,
    is_interrupted: bool,
}

fn run() -> MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session of the command's.
pub(super) fn note_session(token: CancelToken, server: &target::Target) {
    run().sessions.push((token, server.clone()));
}

/// Sessions that were noted are over.
pub(super) fn forget_sessions() {
    run().sessions.clear();
}

/// Something is done for good, a sentence.
pub(super) fn note_done(text: String) {
    run().done.push(text);
}

/// Whether nothing new is to be begun.
pub(super) fn is_interrupted() -> bool {
    run().is_interrupted
}

/// Cancels what the sessions of the command run, and begins nothing new. Gives what was done.
pub async fn interrupt() -> Vec<String> {
    let sessions = {
        let mut run = run();
        run.is_interrupted = true;
        std::mem::take(&mut run.sessions)
    };
    let cancels = async {
        for (token, server) in &sessions {
            // One that cannot be cancelled ends with its connection.
            if let Ok(stream) = server.connect().await {
                let _ = token.cancel_query_raw(stream, NoTls).await;
            }
        }
    };
    // What cannot be reached now ends with its connection as well.
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancels).await;
    std::mem::take(&mut run().done)
}
