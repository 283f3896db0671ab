//! What a thread has counted since it was last asked. Plain data and how it adds up.

use std::collections::HashMap;
use std::sync::Arc;

use super::histogram::Histogram;
use super::session_entry::{CommandEnd, ErrorEntry, SessionDelta, SessionEntry};
use super::session_view::SessionView;
use super::table::{TableDelta, TableKey};
use crate::ledger::{Entry, Place};

/// Errors that are kept until they are asked for.
const ERRORS_MAX: usize = 200;

/// Tables that are told apart until they are asked for; more share one entry.
const TABLES_MAX: usize = 10_000;

/// Places of changes that are told apart until they are asked for.
const PLACES_MAX: usize = 10_000;

/// The name under which what has no place of its own is counted.
pub const OTHER: &str = "(other)";

/// The kinds of questions of the proxy's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnKind {
    /// Relations and types.
    Columns,
    /// Settings and the role.
    Settings,
    /// Parking.
    ForeignKeys,
    /// The ledger.
    Ledger,
    /// Parameters of prepared statements.
    Describe,
}

impl OwnKind {
    /// Their names.
    pub const NAMES: [&str; 5] = ["columns", "settings", "foreign_keys", "ledger", "describe"];
}

/// What a thread has counted since the last time, and its sessions.
#[derive(Debug, Default)]
pub struct ThreadReport {
    /// Tables.
    pub(super) tables: HashMap<Arc<TableKey>, TableDelta>,
    /// What sessions did, by database.
    pub(super) databases: HashMap<String, SessionDelta>,
    /// Sessions that are there: their facts and their figures.
    pub(super) sessions: Vec<SessionView>,
    /// Rows that are not committed, by table.
    pub(super) uncommitted: HashMap<Arc<TableKey>, u64>,
    /// How sessions ended, by database.
    pub(super) ended: HashMap<(String, &'static str), u64>,
    /// What sessions waited for the target in all, by database, in microseconds, and how many.
    pub(super) begun: HashMap<String, (u64, u64)>,
    /// Errors, the oldest first.
    pub(super) errors: Vec<ErrorEntry>,
    /// What rules changed, by database.
    pub(super) rewrites: HashMap<(String, Place), Entry>,
    /// What the proxy added, by direction.
    pub(super) added: [Histogram; 2],
    /// The time of questions of its own.
    pub(super) own: [Histogram; OwnKind::NAMES.len()],
}

/// What the end of a command means for tables.
pub(super) fn settle(
    end: CommandEnd,
    entry: &mut SessionEntry,
    report: &mut ThreadReport,
    now: u64,
) {
    let phase = entry.phase();
    match end {
        CommandEnd::Nothing | CommandEnd::Written => {}
        CommandEnd::RolledBack(rows) => {
            for (table, count) in rows {
                entry.totals.rolled_back_rows += count;
                touched(report, &table, phase, now).rolled_back += count;
            }
        }
        CommandEnd::Committed => entry.pending.commit(|table, change| {
            change(touched(report, table, phase, now));
        }),
    }
}

/// The bytes of a COPY that are not yet in its table's count.
pub(super) fn note_copy(entry: &mut SessionEntry, report: &mut ThreadReport, now: u64) {
    let bytes = std::mem::take(&mut entry.unnoted_bytes);
    if let Some(table) = &entry.statement_table {
        note_bytes(report, table, entry.phase(), bytes, now);
    }
}

/// Payload that goes into a table.
pub(super) fn note_bytes(
    report: &mut ThreadReport,
    table: &Arc<TableKey>,
    phase: usize,
    bytes: u64,
    now: u64,
) {
    if let Some(count) = touched(report, table, phase, now).bytes.get_mut(phase) {
        *count += bytes;
    }
}

/// The counters of a table in which something happens now.
pub(super) fn touched<'r>(
    report: &'r mut ThreadReport,
    table: &Arc<TableKey>,
    phase: usize,
    now: u64,
) -> &'r mut TableDelta {
    let is_room = report.tables.len() < TABLES_MAX || report.tables.contains_key(table);
    let table = if is_room { Arc::clone(table) } else { other(&table.database) };
    let delta = report.tables.entry(table).or_default();
    (delta.last_activity, delta.phase) = (now, phase);
    delta
}

/// The entry that tables share which are not told apart.
fn other(database: &str) -> Arc<TableKey> {
    let (database, table) = (database.to_owned(), OTHER.to_owned());
    Arc::new(TableKey { database, schema: String::new(), table })
}

/// A rule has changed something.
pub(super) fn note_rewrite(
    report: &mut ThreadReport,
    (database, place): (String, Place),
    change: &Entry,
) {
    let mut key = (database, place);
    if report.rewrites.len() >= PLACES_MAX && !report.rewrites.contains_key(&key) {
        key.1 = Place { rule: key.1.rule, ..Place::default() };
    }
    report.rewrites.entry(key).or_default().add(change);
}

/// An error that a client was told.
pub(super) fn note_error(report: &mut ThreadReport, error: ErrorEntry) {
    if report.errors.len() >= ERRORS_MAX {
        report.errors.remove(0);
    }
    report.errors.push(error);
}

impl ThreadReport {
    /// How many sessions the thread has.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Adds what was counted; sessions are those of now, so they are not added.
    pub(super) fn merge(&mut self, earlier: ThreadReport) {
        for (table, mut delta) in earlier.tables {
            delta.merge(self.tables.remove(&table).unwrap_or_default());
            self.tables.insert(table, delta);
        }
        for (database, delta) in &earlier.databases {
            self.databases.entry(database.clone()).or_default().merge(delta);
        }
        for (how, count) in earlier.ended {
            *self.ended.entry(how).or_default() += count;
        }
        for (database, (micros, count)) in earlier.begun {
            let begun = self.begun.entry(database).or_default();
            *begun = (begun.0 + micros, begun.1 + count);
        }
        self.errors.splice(0..0, earlier.errors);
        for (key, entry) in &earlier.rewrites {
            note_rewrite(self, key.clone(), entry);
        }
        for (mine, other) in self.added.iter_mut().zip(&earlier.added) {
            mine.merge(other);
        }
        for (mine, other) in self.own.iter_mut().zip(&earlier.own) {
            mine.merge(other);
        }
    }
}

impl SessionDelta {
    pub(super) fn merge(&mut self, other: &SessionDelta) {
        self.received += other.received;
        self.sent += other.sent;
        for (count, more) in self.commands.iter_mut().zip(other.commands) {
            *count += more;
        }
        for (count, more) in self.transactions.iter_mut().zip(other.transactions) {
            *count += more;
        }
        for (key, more) in &other.errors {
            *self.errors.entry(key.clone()).or_default() += more;
        }
        for (count, more) in self.passed.iter_mut().zip(other.passed) {
            *count += more;
        }
        self.parses += other.parses;
        self.binds += other.binds;
        self.transaction_micros += other.transaction_micros;
        self.statements.merge(&other.statements);
    }
}
