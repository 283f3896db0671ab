//! What a look at the target has found, as it is kept.

/// What one look at a database has found.
#[derive(Clone, Debug, Default)]
pub struct TargetFound {
    /// Foreign keys that do not hold for all rows.
    pub foreign_keys: Vec<FoundKey>,
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
    /// `parked`, `not_valid` or `not_enforced`.
    pub state: &'static str,
    /// When it was parked, in microseconds since 1970; 0 where it is not.
    pub parked_at: u64,
    /// Who parked it; empty where it is not.
    pub parked_by: String,
}

/// A look at one database, as it is kept.
#[derive(Debug)]
pub(super) struct KeptLook {
    pub(super) at: u64,
    pub(super) by: String,
    pub(super) foreign_keys: Vec<FoundKey>,
}
