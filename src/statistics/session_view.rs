//! A session as it is shown: a copy of what its thread has.

use std::sync::Arc;

use super::counted_words::SettingNames;
use super::session_entry::{CountedSession, SessionEntry, SessionTotals};
use super::table::TableKey;

/// A session as its thread sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Who it is.
    pub facts: Arc<CountedSession>,
    /// Its settings.
    pub shown: SettingNames,
    /// What it does.
    pub state: &'static str,
    /// Since when, in microseconds since 1970.
    pub state_since: u64,
    /// Since when its transaction is open; 0 for none.
    pub transaction_since: u64,
    /// The kind of the statement that runs or ran last.
    pub statement_kind: &'static str,
    /// Its table.
    pub statement_table: Option<Arc<TableKey>>,
    /// What it did in all.
    pub totals: SessionTotals,
    /// Rows that are not committed.
    pub uncommitted_rows: u64,
    /// Tables that its transaction has written to.
    pub writes: Vec<Arc<TableKey>>,
    /// The code of its last error; empty for none.
    pub last_sqlstate: String,
}

impl SessionView {
    /// The session as it is now.
    pub(super) fn of(entry: &SessionEntry) -> SessionView {
        let mut writes: Vec<_> =
            entry.pending.by_table().map(|(table, _)| Arc::clone(table)).collect();
        let works = entry.state.works();
        writes.extend(entry.statement_table.iter().filter(|_| works).cloned());
        writes.sort();
        writes.dedup();
        SessionView {
            facts: Arc::clone(&entry.facts),
            shown: entry.shown,
            state: entry.state.name(),
            state_since: entry.state_since,
            transaction_since: entry.transaction_since,
            statement_kind: entry.statement_kind.name(),
            statement_table: entry.statement_table.clone(),
            totals: entry.totals,
            uncommitted_rows: entry.pending.by_table().map(|(_, count)| count).sum(),
            writes,
            last_sqlstate: entry.last_sqlstate.clone(),
        }
    }

    /// Whether it writes to a table at this moment.
    pub(super) fn writes_now(&self, table: &TableKey) -> bool {
        let is_at_work = matches!(self.state, "active" | "copy in");
        is_at_work && self.statement_table.as_deref() == Some(table)
    }
}
