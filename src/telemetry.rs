//! The log and the totals: one line a session, no values and no SQL texts.

mod lines;
mod session_label;

use std::fmt;
use std::io;
use std::time::Duration;

use dashmap::DashMap;
use tracing_subscriber::EnvFilter;

pub use lines::LogLines;
pub use session_label::{ClientNames, in_session, set_client_names, set_target_pid};

use self::session_label::{WithLabel, with_figures};
use crate::colour;
use crate::config::{Log, LogFormat, LogLevels};
use crate::connection::Traffic;
use crate::mapping::{Mapping, RuleId};
use crate::session::{Counts, Session};
use crate::statistics::SessionTotals;
use crate::stream::ClientAddress;
use crate::wire;

/// How long the last lines may take to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log of this process.
pub struct Logging {
    lines: LogLines,
    set_level: Box<dyn Fn(&LogLevels)>,
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
            .with_env_filter(filter(&log.level))
            .with_writer(move || writer.clone())
            .with_target(false)
            .with_ansi(is_coloured);
        // Gone only with the process.
        let set_level: Box<dyn Fn(&LogLevels)> = match log.format {
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
    pub fn set_level(&self, levels: &LogLevels) {
        (self.set_level)(levels);
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

fn filter(levels: &LogLevels) -> EnvFilter {
    let mut directives = format!("off,dms_proxy={}", levels.all.name());
    for (part, level) in &levels.parts {
        directives.push_str(&format!(",dms_proxy::{part}={}", level.name()));
    }
    EnvFilter::new(directives)
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
    let rules = counts.values.iter().copied();
    types
        .chain(rules)
        .filter(|(_, count)| *count > 0)
        .map(|(rule, count)| (rule.to_owned(), count))
        .collect()
}

/// How a session went, beside what it counted itself.
#[derive(Clone, Copy, Debug)]
pub struct SessionOutcome {
    /// How it ended.
    pub end: &'static str,
    /// The bytes of its peers.
    pub traffic: Traffic,
    /// How long it lasted.
    pub duration: Duration,
    /// What was counted of it, with `[admin]`.
    pub totals: Option<SessionTotals>,
}

/// Says who the client of the session is in every line of it from now on.
pub fn name_client(client: ClientAddress, session: &Session) {
    let startup = session.startup();
    set_client_names([
        ("client", client.to_string()),
        ("user", wire::logged(&startup.user).into_owned()),
        ("database", wire::logged(&startup.database).into_owned()),
        ("application", wire::logged(&startup.application_name).into_owned()),
    ]);
}

/// The one line of a session.
pub fn session_ended(session: &Session, mapping: &Mapping, outcome: SessionOutcome) {
    let SessionOutcome { end, traffic, duration, totals } = outcome;
    let counts = session.counts();
    let own_micros = totals.map(|totals| totals.own_micros);
    let figures = vec![
        ("rewrites", rewrites(mapping, counts)),
        ("errors", counts.errors.iter().map(|(code, n)| (code.clone(), *n)).collect()),
    ];
    with_figures(figures, || {
        tracing::info!(
            event = "session_ended",
            end,
            duration_ms = millis(duration),
            statements = counts.statements,
            transactions = totals.map(|totals| totals.transactions),
            rows = counts.rows,
            rolled_back_rows = totals.map(|totals| totals.rolled_back_rows),
            bytes_received = traffic.client_bytes,
            bytes_sent = traffic.target_bytes,
            refused = counts.refused,
            not_understood = counts.not_understood,
            unknown_types = counts.unknown_types,
            too_long = counts.too_long,
            own_statements = totals.map(|totals| totals.own_statements),
            own_ms = own_micros.map(|micros| millis(Duration::from_micros(micros))),
            "session ended"
        );
    });
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
