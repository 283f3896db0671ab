//! What is counted of one table, and what a statement is about. Plain data.

use std::sync::Arc;

use super::counted_words::{CommandKind, Operation};

/// A table, by the names that the target has; the schema is empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    /// The database.
    pub database: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

/// What a statement is about, as far as its command tag does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountedStatement {
    /// What kind of statement it is.
    pub kind: CommandKind,
    /// What it does.
    pub action: CountedAction,
    /// The tables that it does it to.
    pub tables: Vec<Arc<TableKey>>,
}

/// What a statement does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CountedAction {
    /// Nothing that is followed.
    #[default]
    None,
    /// It writes rows: its tag says how, and how many.
    Writes,
    /// It makes, changes, empties or drops tables: its tag says which.
    Defines,
    /// `SAVEPOINT name`
    Savepoint(Vec<u8>),
    /// `RELEASE name`
    Release(Vec<u8>),
    /// `ROLLBACK TO name`
    RollbackTo(Vec<u8>),
}

/// What was counted of a table since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDelta {
    /// Committed rows, by phase (full-load, cdc), then by operation (copy, insert, update, delete, merge).
    pub rows: [[u64; 5]; 2],
    /// Payload by phase, in bytes.
    pub bytes: [u64; 2],
    /// Rows that were rolled back.
    pub rolled_back: u64,
    /// Rows that were set aside, committed.
    pub set_aside: u64,
    /// Definitions.
    pub ddls: u64,
    /// How often it was emptied.
    pub truncates: u64,
    /// What rules changed.
    pub rewrites: u64,
    /// Errors.
    pub errors: u64,
    /// When something last happened, in microseconds since 1970; 0 for never.
    pub last_activity: u64,
    /// The phase of the last activity.
    pub phase: usize,
    /// The SQLSTATE of the last error.
    pub last_sqlstate: Option<String>,
    /// Whether the last statement that wrote to it failed; `None` where none did since the last time.
    pub has_failed: Option<bool>,
    /// What became of the table itself.
    pub fate: Option<Fate>,
}

/// What became of a table itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was made.
    Created,
    /// It has no rows any more.
    Emptied,
    /// It is gone.
    Dropped,
}

impl TableDelta {
    /// Something was committed.
    pub(super) fn commit(&mut self, operation: Operation, phase: usize, count: u64) {
        if let Some(index) = operation.row_index() {
            if let Some(rows) = self.rows.get_mut(phase).and_then(|rows| rows.get_mut(index)) {
                *rows += count;
            }
            if count > 0 {
                self.fate = None;
            }
            return;
        }
        if operation == Operation::SetAside {
            self.set_aside += count;
            return;
        }
        self.ddls += u64::from(operation != Operation::Truncate);
        match operation {
            Operation::Create => self.fate = Some(Fate::Created),
            Operation::Drop => self.fate = Some(Fate::Dropped),
            Operation::Truncate => {
                self.truncates += 1;
                self.fate = Some(Fate::Emptied);
            }
            _ => {}
        }
    }

    /// Adds what was counted later.
    pub(super) fn merge(&mut self, later: TableDelta) {
        for (phase, more) in self.rows.iter_mut().zip(later.rows) {
            for (rows, more) in phase.iter_mut().zip(more) {
                *rows += more;
            }
        }
        for (bytes, more) in self.bytes.iter_mut().zip(later.bytes) {
            *bytes += more;
        }
        self.rolled_back += later.rolled_back;
        self.set_aside += later.set_aside;
        self.ddls += later.ddls;
        self.truncates += later.truncates;
        self.rewrites += later.rewrites;
        self.errors += later.errors;
        if later.last_activity > self.last_activity {
            (self.last_activity, self.phase) = (later.last_activity, later.phase);
        }
        self.last_sqlstate = later.last_sqlstate.or(self.last_sqlstate.take());
        self.has_failed = later.has_failed.or(self.has_failed);
        self.fate = later.fate.or(self.fate);
    }

    /// All committed rows.
    pub fn all_rows(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }
}
