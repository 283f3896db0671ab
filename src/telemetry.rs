//! The log and the totals: one line a session, no values and no SQL texts.

mod lines;
mod session_label;

use std::fmt;
use std::io;
use std::time::Duration;

use dashmap::DashMap;
use tracing_subscriber::EnvFilter;

pub use lines::LogLines;
pub use session_label::{in_session, set_target_pid};

use self::session_label::WithLabel;
use crate::colour;
use crate::config::{Log, LogFormat, LogLevel};
use crate::connection::Traffic;
use crate::mapping::{Mapping, RuleId};
use crate::session::{Counts, Session};
use crate::stream::ClientAddress;
use crate::wire;

/// How long the last lines may take to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log of this process.
pub struct Logging {
    lines: LogLines,
    set_level: Box<dyn Fn(LogLevel)>,
}

impl Logging {
    /// Starts logging to stderr. From here on a panic is a line of the log, too.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(log: &Log) -> io::Result<Logging> {
        let lines = LogLines::start(io::stderr())?;
        let writer = lines.clone();
        let is_coloured = colour::is_wanted(&io::stderr());
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter(log.level))
            .with_writer(move || writer.clone())
            .with_target(false)
            .with_ansi(is_coloured);
        // Gone only with the process.
        let set_level: Box<dyn Fn(LogLevel)> = match log.format {
            LogFormat::Text => {
                let builder = builder.map_event_format(|format| WithLabel {
                    format: format.with_ansi(is_coloured),
                    is_json: false,
                });
                let builder = builder.with_filter_reloading();
                let handle = builder.reload_handle();
                builder.init();
                Box::new(move |level| handle.reload(filter(level)).unwrap_or_default())
            }
            LogFormat::Json => {
                let builder = builder.json().flatten_event(true);
                let builder =
                    builder.map_event_format(|format| WithLabel { format, is_json: true });
                let builder = builder.with_filter_reloading();
                let handle = builder.reload_handle();
                builder.init();
                Box::new(move |level| handle.reload(filter(level)).unwrap_or_default())
            }
        };
        std::panic::set_hook(Box::new(|panic| {
            // The message may quote what a peer has sent.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(
                event = "panic",
                place,
                "a session panicked and has ended; please report this"
            );
        }));
        Ok(Logging { lines, set_level })
    }

    /// Logs nothing below this level from now on.
    pub fn set_level(&self, level: LogLevel) {
        (self.set_level)(level);
    }

    /// The writer of the log, for code that ends the process.
    pub fn lines(&self) -> LogLines {
        self.lines.clone()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        flush(&self.lines);
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").finish_non_exhaustive()
    }
}

/// Gives the last lines a moment to be written, before the process ends.
pub fn flush(lines: &LogLines) {
    lines.flush(FLUSH_TIMEOUT);
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(format!("off,dms_proxy={}", level.name()))
}

/// How often each rule changed something, over all sessions that have ended.
#[derive(Debug, Default)]
pub struct Totals {
    rewrites: DashMap<String, u64>,
}

impl Totals {
    /// Adds what a session did.
    pub fn add(&self, mapping: &Mapping, counts: &Counts) {
        for (rule, count) in rewrites(mapping, counts) {
            *self.rewrites.entry(rule).or_default() += count;
        }
    }

    /// The rules that changed something and how often, by name.
    pub fn rewrites(&self) -> Vec<(String, u64)> {
        let mut rewrites: Vec<_> =
            self.rewrites.iter().map(|entry| (entry.key().clone(), *entry.value())).collect();
        rewrites.sort();
        rewrites
    }
}

/// What a session changed, by rule; only rules that changed something.
fn rewrites(mapping: &Mapping, counts: &Counts) -> Vec<(String, u64)> {
    let types = (0_u16..).zip(&counts.types);
    let types =
        types.filter_map(|(at, count)| Some((mapping.rule(RuleId(at))?.id.as_str(), *count)));
    let values = [
        ("nul-in-parameter", counts.nul_bind),
        ("nul-in-copy", counts.nul_copy),
        ("nul-in-query", counts.nul_query),
        ("nul-in-constant", counts.nul_constant),
    ];
    let rules = counts.values.iter().copied();
    types
        .chain(values)
        .chain(rules)
        .filter(|(_, count)| *count > 0)
        .map(|(rule, count)| (rule.to_owned(), count))
        .collect()
}

/// `rule=count` pairs in one field of a log line.
struct RuleCounts(Vec<(String, u64)>);

impl fmt::Display for RuleCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, (rule, count)) in self.0.iter().enumerate() {
            let separator = if index > 0 { " " } else { "" };
            write!(f, "{separator}{rule}={count}")?;
        }
        Ok(())
    }
}

/// The one line of a session.
pub fn session_ended(
    client: ClientAddress,
    session: &Session,
    mapping: &Mapping,
    end: &'static str,
    traffic: Traffic,
    duration: Duration,
) {
    let counts = session.counts();
    tracing::info!(
        event = "session_ended",
        %client,
        user = %wire::logged(&session.startup().user),
        database = %wire::logged(&session.startup().database),
        application = %wire::logged(&session.startup().application_name),
        end,
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        statements = counts.statements,
        rows = counts.rows,
        bytes_received = traffic.client_bytes,
        bytes_sent = traffic.target_bytes,
        rewrites = %RuleCounts(rewrites(mapping, counts)),
        errors = counts.target_errors,
        refused = counts.refused,
        not_understood = counts.not_understood,
        unknown_types = counts.unknown_types,
        too_long = counts.too_long,
        "session ended"
    );
}
