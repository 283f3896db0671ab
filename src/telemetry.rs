//! The log and the totals: one line a session, no values and no SQL texts.

use std::fmt;
use std::time::Duration;

use dashmap::DashMap;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::connection::{End, Traffic};
use crate::mapping::Mapping;
use crate::session::{Counts, Session};
use crate::stream::ClientAddress;

/// Starts logging to stderr.
pub fn start(log: &Log) {
    let filter = EnvFilter::new(format!("off,dms_proxy={}", log.level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
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
    let types =
        mapping.rules().iter().zip(&counts.types).map(|(rule, count)| (rule.id.as_str(), *count));
    let values = [
        ("nul-in-parameter", counts.nul_bind),
        ("nul-in-copy", counts.nul_copy),
        ("nul-in-query", counts.nul_query),
        ("nul-in-constant", counts.nul_constant),
    ];
    let rules = counts.values.iter().map(|(rule, count)| (rule.name(), *count));
    types
        .chain(values)
        .chain(rules)
        .filter(|(_, count)| *count > 0)
        .map(|(rule, count)| (rule.to_owned(), count))
        .collect()
}

/// `rule=count` pairs in one field of a log line.
struct Rewrites(Vec<(String, u64)>);

impl fmt::Display for Rewrites {
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
    end: End,
    traffic: Traffic,
    duration: Duration,
) {
    let counts = session.counts();
    tracing::info!(
        %client,
        user = session.startup().user,
        database = session.startup().database,
        application = session.startup().application_name,
        end = ?end,
        milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        statements = counts.statements,
        rows = counts.rows,
        client_bytes = traffic.client_bytes,
        target_bytes = traffic.target_bytes,
        rewrites = %Rewrites(rewrites(mapping, counts)),
        errors = counts.target_errors,
        refused = counts.refused,
        not_understood = counts.not_understood,
        unknown_types = counts.unknown_types,
        too_long = counts.too_long,
        "session ended"
    );
}
