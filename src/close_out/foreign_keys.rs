//! The foreign keys of a scope as plain data, those on their tables and those in the journal alike.
//! Reads the catalogs, changes nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use tokio_postgres::Row;

use super::{CloseOutError, Connection, Scope, parked};
use crate::parking::{foreign_keys_sql, touches};

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

impl ForeignKey {
    /// A row of [`foreign_keys_sql`] or of the journal.
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

/// Every foreign key with an end in the scope, in the order of its names: those on their tables,
/// and those that are parked.
///
/// # Errors
/// The target refused to say.
pub async fn foreign_keys(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<ForeignKey>, CloseOutError> {
    let mut keys = Vec::new();
    for row in target.client().query(&foreign_keys_sql(&touches(scope)), &[]).await? {
        // One that has just been dropped has none.
        let Some(definition) = row.try_get::<_, Option<&str>>("definition")? else { continue };
        let state = match row.try_get("validated")? {
            true => KeyState::Valid,
            false if definition.ends_with(NOT_ENFORCED) => KeyState::NotEnforced,
            false => KeyState::NotValid,
        };
        keys.push(ForeignKey::from_row(&row, state)?);
    }
    let on_tables: BTreeSet<Key> = keys.iter().map(ForeignKey::key).collect();
    let parked = parked(target, scope).await?.into_iter();
    keys.extend(parked.map(|row| row.key).filter(|key| !on_tables.contains(&key.key())));
    keys.sort_by_cached_key(ForeignKey::key);
    Ok(keys)
}
