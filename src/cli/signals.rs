//! The signals of `dms-proxy serve`: the first that stops lets sessions end, the second cuts them.

use std::io;
use std::process::exit;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::telemetry::{self, LogLines};

/// The exit code of a proxy that leaves without having told its sessions.
const EXIT_AT_ONCE: i32 = 1;

/// Futures for the first signal that stops, and for the second; SIGQUIT counts as two, and so does `at_once`. A
/// third ends the process.
///
/// # Errors
/// The system takes no handler.
pub(super) fn stop_signals(
    log: LogLines,
    at_once: Arc<Notify>,
) -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let (came, mut first) = watch::channel(0_u32);
    let mut second = first.clone();
    tokio::spawn(async move {
        loop {
            let more = tokio::select! {
                _ = terminate.recv() => 1,
                _ = interrupt.recv() => 1,
                _ = quit.recv() => 2,
                () = at_once.notified() => 2,
            };
            came.send_modify(|count| *count += more);
            if *came.borrow() > 2 {
                tracing::warn!(event = "stopped_at_once", "stopped at once by a third signal");
                telemetry::flush(&log);
                exit(EXIT_AT_ONCE);
            }
        }
    });
    let stop = async move {
        // The sender never goes.
        let _ = first.wait_for(|count| *count > 0).await;
    };
    let hurry = async move {
        let _ = second.wait_for(|count| *count > 1).await;
        tracing::warn!(
            event = "hurried",
            "no more waiting: sessions are cut, and what they run is cancelled"
        );
    };
    Ok((stop, hurry))
}

/// Does `act` with whether clients are to wait: at SIGUSR1, and no more at SIGUSR2, as at PAUSE and RESUME of the
/// console. Without a handler either would end the process, and every load with it.
///
/// # Errors
/// The system takes no handler.
pub(super) fn on_pause_signals(act: impl Fn(bool) + Send + 'static) -> io::Result<()> {
    let mut pause = signal(SignalKind::user_defined1())?;
    let mut resume = signal(SignalKind::user_defined2())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = pause.recv() => act(true),
                _ = resume.recv() => act(false),
            }
        }
    });
    Ok(())
}
