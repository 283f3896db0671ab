//! A foreign key as plain data, on its table or in the journal. Asks nothing.

use serde::Serialize;
use tokio_postgres::Row;

/// How the definition of a foreign key ends that claims nothing (PostgreSQL 18).
const NOT_ENFORCED: &str = " NOT ENFORCED";

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Schema of the table that has it.
    pub schema: String,
    /// The table that has it.
    pub table: String,
    /// Its own name.
    pub name: String,
    /// Schema of the table that it refers to.
    pub referenced_schema: String,
    /// The table that it refers to.
    pub referenced_table: String,
    /// As `pg_get_constraintdef` spells it, without NOT VALID.
    pub definition: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Its columns in its own table, quoted where SQL needs it.
    pub columns: Vec<String>,
    /// When a row `p` of the referenced table is the parent of `c`, in SQL.
    pub join_condition: String,
    /// With PERIOD, what must hold of all such rows together, in SQL.
    pub period_condition: Option<String>,
    /// MATCH FULL.
    pub match_full: bool,
    /// Whether its table is partitioned.
    pub partitioned: bool,
    /// Whether the referenced table is partitioned.
    pub referenced_partitioned: bool,
    /// Where it stands.
    pub state: KeyState,
    /// Its table, qualified and quoted where SQL needs it.
    pub table_sql: String,
    /// Its name, quoted where SQL needs it.
    pub name_sql: String,
    /// The referenced table, qualified and quoted where SQL needs it.
    pub referenced_sql: String,
}

/// Schema, table and name of a foreign key.
pub type Key = (String, String, String);

/// Where a foreign key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// On its table, and said to hold for all rows.
    Valid,
    /// On its table as NOT VALID.
    NotValid,
    /// On its table as NOT ENFORCED.
    NotEnforced,
    /// In the journal only.
    Parked,
}

impl KeyState {
    /// That of a key on its table with this definition.
    pub(super) fn on_table(definition: &str, is_validated: bool) -> KeyState {
        match is_validated {
            true => KeyState::Valid,
            false if definition.ends_with(NOT_ENFORCED) => KeyState::NotEnforced,
            false => KeyState::NotValid,
        }
    }
}

impl ForeignKey {
    /// A row of `foreign_keys_sql` or of the journal.
    pub(super) fn from_row(row: &Row, state: KeyState) -> Result<Self, tokio_postgres::Error> {
        Ok(ForeignKey {
            schema: row.try_get("schema_name")?,
            table: row.try_get("table_name")?,
            name: row.try_get("constraint_name")?,
            referenced_schema: row.try_get("referenced_schema")?,
            referenced_table: row.try_get("referenced_table")?,
            definition: row.try_get("definition")?,
            comment: row.try_get("comment")?,
            columns: row.try_get("columns")?,
            join_condition: row.try_get("join_condition")?,
            period_condition: row.try_get("period_condition")?,
            match_full: row.try_get("match_full")?,
            partitioned: row.try_get("partitioned")?,
            referenced_partitioned: row.try_get("referenced_partitioned")?,
            state,
            table_sql: row.try_get("table_sql")?,
            name_sql: row.try_get("name_sql")?,
            referenced_sql: row.try_get("referenced_sql")?,
        })
    }

    /// Whether it claims anything of its rows: on its table or in the journal.
    pub fn is_enforced(&self) -> bool {
        !self.definition.ends_with(NOT_ENFORCED)
    }

    /// What tells it from every other one of the database.
    pub fn key(&self) -> Key {
        (self.schema.clone(), self.table.clone(), self.name.clone())
    }
}
