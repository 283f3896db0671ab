//! How far a long command is, on the standard error: drawn over itself on a terminal, or as lines. Asks the target
//! only whom sessions wait for, by a session of its own.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use super::close_out::plain;
use super::finish_report::minutes;
use super::is_quiet;
use crate::close_out::{
    CloseOutError, Connection, LockHolder, Running, Target, WorkPhase, announce, lock_holders,
    progress,
};
use crate::colour::can_draw;

/// Time between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Time between two lines, and between two questions about locks.
const LINE_EVERY: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Things at work that are named at most.
const NAMED_MAX: usize = 5;

/// How it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ShownProgress {
    /// Drawn, if the standard error is a terminal
    #[default]
    Auto,
    /// A line every 10 s
    Plain,
    /// A line of JSON every second and at each end
    Json,
    /// Not at all
    Never,
}

/// Runs a command while it is shown how far it is, here and by its `name` on the target.
pub(super) async fn watched<T>(
    how: ShownProgress,
    (name, target): (&str, &Target),
    command: impl Future<Output = Result<T, CloseOutError>>,
) -> Result<T, CloseOutError> {
    let is_drawn = how == ShownProgress::Auto && can_draw(&io::stderr()) && !is_quiet();
    let is_shown = is_drawn || !matches!(how, ShownProgress::Auto | ShownProgress::Never);
    let watching = async {
        match is_shown {
            true => watch(if is_drawn { ShownProgress::Auto } else { how }, target).await,
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = command => outcome,
        never = watching => match never {},
        never = announcing(name, target) => match never {},
    }
}

/// Lets proxies see how far a command is that takes longer than a moment.
async fn announcing(name: &str, target: &Target) -> std::convert::Infallible {
    let mut session = None;
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        if session.is_none() {
            session = Connection::open(target).await.ok();
        }
        if let Some(open) = &session
            && announce(open, name).await.is_err()
        {
            session = None;
        }
    }
}

/// Shows it until the command ends.
async fn watch(how: ShownProgress, target: &Target) -> std::convert::Infallible {
    let mut screen = Screen::default();
    let mut ticks = tokio::time::interval(DRAW_EVERY);
    let (mut asking, mut holders) = (None, Vec::new());
    let (mut asked, mut written, mut shown) = (Instant::now(), Instant::now(), Vec::new());
    loop {
        ticks.tick().await;
        let (phases, running) = progress();
        let slow = running.iter().any(|one| one.elapsed >= ASK_EVERY);
        if slow && asked.elapsed() >= ASK_EVERY {
            asked = Instant::now();
            if asking.is_none() {
                // Where no more sessions are to be had, nobody is named.
                asking = Connection::open(target).await.ok();
            }
            if let Some(session) = &asking {
                holders = lock_holders(session, &running).await.unwrap_or_default();
            }
        }
        match how {
            ShownProgress::Auto => screen.draw(&drawn(&phases, &running, &holders)),
            ShownProgress::Json => {
                let done: Vec<usize> = phases.iter().map(|phase| phase.done).collect();
                if done != shown || written.elapsed() >= ASK_EVERY {
                    (written, shown) = (Instant::now(), done);
                    say(&json_line(&phases, &running, &holders));
                }
            }
            ShownProgress::Plain if written.elapsed() >= LINE_EVERY => {
                written = Instant::now();
                say(&plain_line(&phases, &running, &holders));
            }
            ShownProgress::Plain | ShownProgress::Never => {}
        }
    }
}

fn say(text: &str) {
    if !text.is_empty() {
        // If standard error is closed, there is nowhere left to say so.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Lines that are drawn over themselves, and gone in the end.
#[derive(Debug, Default)]
struct Screen {
    lines: usize,
}

impl Screen {
    fn draw(&mut self, lines: &[String]) {
        let width = width().saturating_sub(1).max(20);
        let mut text = self.erase();
        for line in lines {
            let cut: String = line.chars().take(width).collect();
            text.push_str(&cut);
            text.push('\n');
        }
        self.lines = lines.len();
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// What takes the lines away.
    fn erase(&self) -> String {
        match self.lines {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}A\r\u{1b}[J"),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = io::stderr().lock().write_all(self.erase().as_bytes());
    }
}

/// The columns of the terminal.
fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col))
}

/// The time that is left, as far as it can be told.
fn left(phase: &WorkPhase) -> Option<Duration> {
    const ENOUGH: f64 = 0.02;
    let is_enough = phase.share >= ENOUGH && phase.done < phase.total;
    is_enough.then(|| phase.elapsed.mul_f64((1.0 - phase.share) / phase.share))
}

fn drawn(phases: &[WorkPhase], running: &[Running], holders: &[LockHolder]) -> Vec<String> {
    const BAR: usize = 20;
    let Some((now, before)) = phases.split_last() else { return Vec::new() };
    let mut lines = Vec::new();
    if !before.is_empty() {
        lines.push(before.iter().map(of_all).collect::<Vec<_>>().join("    "));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 20")]
    let full = ((now.share * BAR as f64) as usize).min(BAR);
    let head = if full < BAR { ">" } else { "" };
    let bar = format!("{}{head}", "=".repeat(full));
    let mut line = format!("{:<14} [{bar:<BAR$}]  {}/{}", titled(now.name), now.done, now.total);
    let _ = write!(line, "  {}", minutes(now.elapsed.as_secs()));
    if let Some(left) = left(now) {
        let _ = write!(line, ", about {} left", minutes(left.as_secs()));
    }
    lines.push(line);
    lines.extend(running.iter().take(NAMED_MAX).map(|one| format!("  {}", at_work(one, holders))));
    if running.len() > NAMED_MAX {
        lines.push(format!("  and {} more", running.len() - NAMED_MAX));
    }
    lines
}

fn titled(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn of_all(phase: &WorkPhase) -> String {
    format!("{} {}/{}", titled(phase.name), phase.done, phase.total)
}

/// One thing at work, and whom it waits for.
fn at_work(one: &Running, holders: &[LockHolder]) -> String {
    let mut text = format!("{:<40} {:>4} s", plain(&one.name), one.elapsed.as_secs());
    if let Some(holder) = holders.iter().find(|holder| holder.waiting == one.pid) {
        let name = plain(&holder.application_name);
        let _ = write!(text, ", waits for a lock of pid {} ({name})", holder.pid);
    }
    text
}

fn plain_line(phases: &[WorkPhase], running: &[Running], holders: &[LockHolder]) -> String {
    let Some(phase) = phases.last() else { return String::new() };
    let mut text = format!("{} {}/{}", phase.name, phase.done, phase.total);
    if let Some(left) = left(phase) {
        let _ = write!(text, ", about {} left", minutes(left.as_secs()));
    }
    if let Some(longest) = running.first() {
        let words: Vec<_> =
            at_work(longest, holders).split_whitespace().map(str::to_owned).collect();
        let _ = write!(text, "; {}", words.join(" "));
    }
    text
}

fn json_line(phases: &[WorkPhase], running: &[Running], holders: &[LockHolder]) -> String {
    let Some(phase) = phases.last() else { return String::new() };
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let running: Vec<_> = running
        .iter()
        .map(|one| {
            let holder = holders.iter().find(|holder| holder.waiting == one.pid);
            json!({ "name": one.name, "ms": millis(one.elapsed), "waits_for": holder })
        })
        .collect();
    let (elapsed, left) = (millis(phase.elapsed), left(phase).map(millis));
    json!({
        "event": "progress", "phase": phase.name, "done": phase.done, "total": phase.total,
        "elapsed_ms": elapsed, "left_ms": left, "running": running,
    })
    .to_string()
}
