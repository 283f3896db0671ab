//! `/metrics`: which series there are, and what they count.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::life::LifePhase;
use super::operator::{Operator, lock};
use super::process::ProcessFigures;
use super::series::SeriesKind::{Counter, Gauge, Histogram};
use super::series::{Series, seconds};
use crate::statistics::{Collected, CommandKind, OTHER, OwnKind, Table, TableKey, TableState};

/// Bounds of histograms in microseconds: of logins and connections, of statements of the target's, of what the
/// proxy adds, and of questions of its own.
const CONNECTING: (u64, u64) = (1_000, 10_000_000);
const STATEMENTS: (u64, u64) = (500, 1_000_000_000);
const ADDED: (u64, u64) = (5, 1_000_000);
const OWN: (u64, u64) = (100, 10_000_000);

/// A series of tables: its name, its help, and what it counts.
type TableCount = (&'static str, &'static str, fn(&Table) -> u64);

const OPERATIONS: [&str; 5] = ["copy", "insert", "update", "delete", "merge"];
const PHASES: [&str; 2] = ["full-load", "cdc"];

/// The page of metrics.
pub(super) fn page(operator: &Operator, is_open_metrics: bool) -> String {
    let mut series = Series::new(is_open_metrics);
    of_process(&mut series, operator);
    let collected = operator.collected();
    of_sessions(&mut series, operator, &collected);
    of_target(&mut series, operator);
    of_foreign_keys(&mut series, operator);
    of_databases(&mut series, &collected);
    of_time(&mut series, &collected);
    of_rules(&mut series, operator, &collected);
    of_tables(&mut series, operator, &collected);
    of_threads(&mut series, operator);
    series.finish()
}

fn of_process(series: &mut Series, operator: &Operator) {
    series.family("dms_proxy_build_info", Gauge, "The version that runs.");
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("DMS_PROXY_COMMIT").unwrap_or("");
    series.sample(&[("version", version), ("commit", commit)], 1);
    series.family("dms_proxy_start_time_seconds", Gauge, "When counting began.");
    series.sample(&[], seconds(operator.started));
    if let Some(process) = ProcessFigures::now() {
        series.family("process_cpu_seconds_total", Counter, "User and system time.");
        series.sample(&[], process.cpu_seconds);
        series.family("process_resident_memory_bytes", Gauge, "Resident memory.");
        series.sample(&[], process.resident_bytes);
        series.family("process_open_fds", Gauge, "Open file descriptors.");
        series.sample(&[], process.open_fds);
        series.family("process_max_fds", Gauge, "File descriptors that may be open.");
        series.sample(&[], process.max_fds);
    }
    series.family("process_start_time_seconds", Gauge, "When the process started.");
    series.sample(&[], seconds(operator.started));
    series.family("dms_proxy_state", Gauge, "Where the proxy stands in its life.");
    let held = operator.life.held();
    let is_draining = held.phase == LifePhase::Draining;
    let is_running = held.phase == LifePhase::Running && !held.is_paused;
    for (state, holds) in
        [("running", is_running), ("paused", held.is_paused), ("draining", is_draining)]
    {
        series.sample(&[("state", state)], u8::from(holds));
    }
    let reload = lock(&operator.reload).clone();
    series.family(
        "dms_proxy_config_last_reload_successful",
        Gauge,
        "Whether the last reload of the configuration worked.",
    );
    series.sample(&[], u8::from(reload.successful));
    series.family(
        "dms_proxy_config_last_reload_success_timestamp_seconds",
        Gauge,
        "When the configuration was last read.",
    );
    series.sample(&[], seconds(reload.at));
    series.family("dms_proxy_log_lines_lost_total", Counter, "Lines of the log that were lost.");
    series.sample(&[], operator.lost_lines.load(Ordering::Relaxed));
}

fn of_sessions(series: &mut Series, operator: &Operator, collected: &Collected) {
    series.family("dms_proxy_sessions", Gauge, "Sessions by state.");
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for session in &collected.sessions {
        let facts = &session.facts;
        *counts.entry((&facts.database, &facts.user, session.state)).or_default() += 1;
    }
    for ((database, user, state), count) in counts {
        series.sample(&[("database", database), ("user", user), ("state", state)], count);
    }
    series.family("dms_proxy_sessions_ended_total", Counter, "Sessions that ended, by how.");
    for (database, totals) in &collected.databases {
        for (end, count) in &totals.ended {
            series.sample(&[("database", database), ("end", end)], count);
        }
    }
    series.family("dms_proxy_logins_total", Counter, "Logins by outcome.");
    for (outcome, count) in operator.counters.logins() {
        series.sample(&[("outcome", outcome)], count);
    }
    let [logins, connects] = operator.counters.times();
    series.family("dms_proxy_login_seconds", Histogram, "Time from the first packet to a session.");
    series.histogram(&[], &logins, CONNECTING);
    series.family("dms_proxy_clients_limit", Gauge, "limits.clients");
    series.sample(&[], operator.clients_limit());
    series.family("dms_proxy_cancels_total", Counter, "Requests to cancel, by outcome.");
    for (outcome, count) in operator.counters.cancels() {
        series.sample(&[("outcome", outcome)], count);
    }
    series.family(
        "dms_proxy_target_connect_seconds",
        Histogram,
        "Time to a connection with the target for a session.",
    );
    series.histogram(&[], &connects, CONNECTING);
}

fn of_target(series: &mut Series, operator: &Operator) {
    series.family("dms_proxy_target_up", Gauge, "Whether the target answers.");
    if let Some(up) = operator.health().up {
        series.sample(&[("target", &operator.target_name)], u8::from(up));
    }
    series.family(
        "dms_proxy_target_connect_failures_total",
        Counter,
        "Connections to the target that could not be made.",
    );
    for (reason, count) in operator.counters.connect_failures() {
        series.sample(&[("reason", reason)], count);
    }
}

fn of_databases(series: &mut Series, collected: &Collected) {
    let all = || collected.databases.iter();
    series.family("dms_proxy_bytes_total", Counter, "Bytes from and to clients.");
    for (database, totals) in all() {
        for (direction, bytes) in ["received", "sent"].into_iter().zip(totals.bytes) {
            series.sample(&[("database", database), ("direction", direction)], bytes);
        }
    }
    series.family("dms_proxy_statements_total", Counter, "Statements that were completed.");
    for (database, totals) in all() {
        for (kind, count) in CommandKind::NAMES.into_iter().zip(totals.commands) {
            series.sample(&[("database", database), ("kind", kind)], count);
        }
    }
    series.family("dms_proxy_statement_seconds", Histogram, "The target's time for statements.");
    for (database, totals) in all() {
        series.histogram(&[("database", database)], &totals.statements, STATEMENTS);
    }
    series.family("dms_proxy_transactions_total", Counter, "Transactions by outcome.");
    for (database, totals) in all() {
        for (outcome, count) in ["commit", "rollback"].into_iter().zip(totals.transactions) {
            series.sample(&[("database", database), ("outcome", outcome)], count);
        }
    }
    series.family(
        "dms_proxy_oldest_transaction_age_seconds",
        Gauge,
        "Age of the oldest open transaction that has written rows.",
    );
    for phase in PHASES {
        let writing = collected.sessions.iter().filter(|session| {
            session.shown.phase == phase
                && (session.uncommitted_rows > 0 || session.state == "copy in")
        });
        let oldest =
            writing.map(|session| session.transaction_since).filter(|since| *since > 0).min();
        let age = oldest.map_or(0, |since| collected.now.saturating_sub(since));
        series.sample(&[("phase", phase)], seconds(age));
    }
    series.family("dms_proxy_uncommitted_rows", Gauge, "Rows that wait for their COMMIT.");
    for (database, totals) in all() {
        series.sample(&[("database", database)], totals.uncommitted);
    }
    series.family("dms_proxy_errors_total", Counter, "Errors that clients were told.");
    for (database, totals) in all() {
        for ((class, origin), count) in &totals.errors {
            let labels = [("database", database.as_str()), ("class", class), ("origin", origin)];
            series.sample(&labels, count);
        }
    }
}

fn of_time(series: &mut Series, collected: &Collected) {
    series.family(
        "dms_proxy_added_seconds",
        Histogram,
        "Time from the last byte read to the last byte written.",
    );
    for (direction, histogram) in ["to_target", "to_client"].into_iter().zip(&collected.added) {
        series.histogram(&[("direction", direction)], histogram, ADDED);
    }
    series.family(
        "dms_proxy_own_statement_seconds",
        Histogram,
        "Time of the proxy's own questions.",
    );
    for (kind, histogram) in OwnKind::NAMES.into_iter().zip(&collected.own) {
        series.histogram(&[("kind", kind)], histogram, OWN);
    }
}

/// Foreign keys as the last look has found them.
fn of_foreign_keys(series: &mut Series, operator: &Operator) {
    series.family("dms_proxy_foreign_keys", Gauge, "Foreign keys that do not hold for all rows.");
    for (database, look) in &*lock(&operator.found) {
        for state in ["parked", "not_valid"] {
            let of_state = look.foreign_keys.iter().filter(|key| key.state == state);
            series.sample(&[("database", database), ("state", state)], of_state.count());
        }
    }
}

fn of_rules(series: &mut Series, operator: &Operator, collected: &Collected) {
    series.family("dms_proxy_rewrites_total", Counter, "What was changed, by rule.");
    let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
    for ((_, place), entry) in &collected.rewrites {
        *rules.entry(&place.rule).or_default() += entry.count;
    }
    for (rule, count) in rules {
        series.sample(&[("rule", rule)], count);
    }
    let names = [
        ("dms_proxy_statements_not_understood_total", "Definitions that passed untouched."),
        ("dms_proxy_unknown_types_total", "Types that no table knows."),
        ("dms_proxy_too_long_total", "Statements and values that were too long to be read."),
        ("dms_proxy_refused_total", "Statements and values that were refused."),
        (
            "dms_proxy_foreign_keys_not_silenced_total",
            "Sessions whose role may not silence foreign keys.",
        ),
    ];
    for ((name, help), count) in names.into_iter().zip(collected.passed) {
        series.family(name, Counter, help);
        series.sample(&[], count);
    }
    let (unwritten, failures) = operator.common.ledger.unwritten();
    series.family(
        "dms_proxy_ledger_unwritten_entries",
        Gauge,
        "Entries that wait to be written to the target.",
    );
    series.sample(&[], unwritten);
    series.family("dms_proxy_ledger_write_failures_total", Counter, "Writes that failed.");
    series.sample(&[], failures);
}

/// The tables with series of their own, and the sum of all others by database.
fn shown_tables(operator: &Operator, collected: &Collected) -> Vec<(TableKey, Table)> {
    let mut tables: Vec<_> = collected.tables.iter().collect();
    tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.counted.last_activity));
    let own = operator.settings.metrics_tables.min(tables.len());
    let (own, rest) = tables.split_at_checked(own).unwrap_or_default();
    let mut shown: Vec<_> =
        own.iter().map(|(key, table)| ((*key).clone(), (*table).clone())).collect();
    let mut others: BTreeMap<&str, Table> = BTreeMap::new();
    for (key, table) in rest {
        match others.get_mut(key.database.as_str()) {
            Some(sum) => sum.absorb(table),
            None => {
                others.insert(&key.database, (*table).clone());
            }
        }
    }
    if operator.settings.metrics_tables > 0 {
        shown.extend(others.into_iter().map(|(database, table)| {
            let (database, name) = (database.to_owned(), OTHER.to_owned());
            (TableKey { database, schema: String::new(), table: name }, table)
        }));
    }
    shown
}

fn of_tables(series: &mut Series, operator: &Operator, collected: &Collected) {
    series.family("dms_proxy_tables", Gauge, "Tables by state.");
    for state in TableState::ALL {
        let of_state =
            collected.tables.values().filter(|table| table.state(collected.now) == state);
        series.sample(&[("state", state.name())], of_state.count());
    }
    let shown = shown_tables(operator, collected);
    series.family("dms_proxy_table_rows_total", Counter, "Rows that were committed.");
    for (key, table) in &shown {
        for (phase, rows) in PHASES.into_iter().zip(table.counted.rows) {
            for (operation, count) in OPERATIONS.into_iter().zip(rows).filter(|(_, n)| *n > 0) {
                let [database, schema, name] = labels(key);
                let how = [("phase", phase), ("operation", operation)];
                series.sample(&[database, schema, name, how[0], how[1]], count);
            }
        }
    }
    series.family("dms_proxy_table_bytes_total", Counter, "Payload of rows.");
    for (key, table) in &shown {
        for (phase, bytes) in PHASES.into_iter().zip(table.counted.bytes).filter(|(_, n)| *n > 0) {
            let [database, schema, name] = labels(key);
            series.sample(&[database, schema, name, ("phase", phase)], bytes);
        }
    }
    let counts: [TableCount; 5] = [
        ("dms_proxy_table_rolled_back_rows_total", "Rows that were rolled back.", |table| {
            table.counted.rolled_back
        }),
        ("dms_proxy_table_set_aside_rows_total", "Rows that were set aside.", |table| {
            table.counted.set_aside
        }),
        ("dms_proxy_table_ddl_total", "Definitions.", |table| table.counted.ddls),
        ("dms_proxy_table_rewrites_total", "What was changed.", |table| table.counted.rewrites),
        ("dms_proxy_table_errors_total", "Errors.", |table| table.counted.errors),
    ];
    for (name, help, count) in counts {
        series.family(name, Counter, help);
        for (key, table) in shown.iter().filter(|(_, table)| count(table) > 0) {
            series.sample(&labels(key), count(table));
        }
    }
    series.family(
        "dms_proxy_table_last_activity_timestamp_seconds",
        Gauge,
        "When something last happened to a table.",
    );
    for (key, table) in &shown {
        series.sample(&labels(key), seconds(table.counted.last_activity));
    }
}

fn labels(key: &TableKey) -> [(&'static str, &str); 3] {
    [("database", &key.database), ("schema", &key.schema), ("table", &key.table)]
}

fn of_threads(series: &mut Series, operator: &Operator) {
    let threads = lock(&operator.threads);
    series.family(
        "dms_proxy_relay_thread_busy_seconds_total",
        Counter,
        "Time that a relay thread was busy.",
    );
    for thread in threads.iter() {
        series.sample(&[("thread", &thread.name)], thread.busy.as_secs_f64());
    }
    series.family("dms_proxy_relay_thread_sessions", Gauge, "Sessions of a relay thread.");
    for thread in threads.iter() {
        series.sample(&[("thread", &thread.name)], thread.sessions);
    }
}
