//! Tables that sessions have suspended, in `dms_proxy.suspended_tables` on the target: shown, and taken up again.
//! Touches the table only where it can be trusted.

use serde::Serialize;

use super::journal::roll_back_on_error;
use super::own_table::begin;
use super::{CloseOutError, Connection, Scope, source_names};

/// The table that says which are.
const TABLE: &str = "suspended_tables";

/// A table whose rows are set aside whole.
#[derive(Clone, Debug, Serialize)]
pub struct SuspendedTable {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its name at the source, where that is known and another one.
    pub source: Option<String>,
    /// Since when.
    pub since: String,
    /// The error that has led to it.
    pub sqlstate: String,
    /// The process of the proxy that has met it.
    pub run: String,
}

/// The tables that are suspended.
///
/// # Errors
/// The table of them cannot be trusted or read.
pub async fn suspended_tables(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<SuspendedTable>, CloseOutError> {
    let sql = format!(
        "{COLUMNS} FROM ONLY dms_proxy.suspended_tables s WHERE {} ORDER BY 1, 2",
        scope.covers("s.schema_name", "s.table_name")
    );
    found(target, "ACCESS SHARE", &sql).await
}

/// Takes tables up again: their rows are loaded from now on. Gives which.
///
/// # Errors
/// As [`suspended_tables`]; nothing was changed then.
pub async fn resume_tables(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<SuspendedTable>, CloseOutError> {
    let sql = format!(
        "WITH s AS (DELETE FROM ONLY dms_proxy.suspended_tables s WHERE {} RETURNING s.*)
        {COLUMNS} FROM s ORDER BY 1, 2",
        scope.covers("s.schema_name", "s.table_name")
    );
    found(target, "ROW EXCLUSIVE", &sql).await
}

const COLUMNS: &str =
    "SELECT s.schema_name, s.table_name, s.at::pg_catalog.text, s.sqlstate, s.run";

/// Runs a statement that gives tables.
async fn found(
    target: &Connection,
    lock: &str,
    sql: &str,
) -> Result<Vec<SuspendedTable>, CloseOutError> {
    let read = async {
        let mut tables = Vec::new();
        if begin(target, TABLE, lock).await? {
            for row in target.client().query(sql, &[]).await? {
                tables.push(SuspendedTable {
                    schema: row.try_get(0)?,
                    table: row.try_get(1)?,
                    source: None,
                    since: row.try_get(2)?,
                    sqlstate: row.try_get(3)?,
                    run: row.try_get(4)?,
                });
            }
        }
        target.client().batch_execute("COMMIT").await?;
        Ok(tables)
    };
    let mut tables = roll_back_on_error(target, read.await).await?;
    if !tables.is_empty() {
        let names = source_names(target).await;
        tables.iter_mut().for_each(|one| one.source = names.of_table(&one.schema, &one.table));
    }
    Ok(tables)
}
