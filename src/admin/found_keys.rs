//! What a look at the target has found, as it is kept.

/// What one look at a database has found.
#[derive(Clone, Debug, Default)]
pub struct TargetFound {
    /// Foreign keys that do not hold for all rows.
    pub foreign_keys: Vec<FoundKey>,
    /// Commands that are at work.
    pub commands: Vec<FoundCommand>,
    /// Schema, table and rows, as the server estimates them.
    pub estimates: Vec<(String, String, u64)>,
}

/// A foreign key that does not hold for all rows.
#[derive(Clone, Debug, Default)]
pub struct FoundKey {
    /// The schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub constraint: String,
    /// The referenced table, qualified and quoted.
    pub referenced: String,
    /// `parked`, `not_valid` or `not_enforced`; `valid` where it is said to be, and rows lack their parents.
    pub state: &'static str,
    /// When it was parked, in microseconds since 1970; 0 where it is not.
    pub parked_at: u64,
    /// Who parked it; empty where it is not.
    pub parked_by: String,
    /// Rows without a parent, as they were counted last.
    pub orphans: Option<u64>,
    /// When, in microseconds since 1970; 0 where they were not.
    pub counted_at: u64,
}

/// A command that closes a load.
#[derive(Clone, Debug, Default)]
pub struct FoundCommand {
    /// Its name.
    pub command: String,
    /// What it works on.
    pub phase: String,
    /// How many of them are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// A look at one database, as it is kept.
#[derive(Debug)]
pub(super) struct KeptLook {
    pub(super) at: u64,
    pub(super) by: String,
    pub(super) foreign_keys: Vec<FoundKey>,
    pub(super) commands: Vec<FoundCommand>,
}
