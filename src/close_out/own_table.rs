//! The tables of schema `dms_proxy` as commands touch them: in a transaction, locked, and only where what is there can be
//! trusted.

use tokio_postgres::error::SqlState;

use super::{CloseOutError, Connection};
use crate::parking::trust;

/// Begins a transaction in which the table stays what it is; whether there is one.
///
/// # Errors
/// It cannot be trusted, or is not for the role; the transaction is still open.
pub(super) async fn begin(
    target: &Connection,
    table: &str,
    lock: &str,
) -> Result<bool, CloseOutError> {
    target.client().batch_execute("BEGIN").await?;
    self::lock(target, table, lock).await
}

/// The same, in the transaction that is open.
pub(super) async fn lock(
    target: &Connection,
    table: &str,
    lock: &str,
) -> Result<bool, CloseOutError> {
    let client = target.client();
    let fault_sql = trust::fault_sql(table);
    let refused =
        |fault: String| CloseOutError::Refused(format!("{fault}, and its code could run"));
    let Some(row) = client.query_opt(&fault_sql, &[]).await? else { return Ok(false) };
    if let Some(fault) = row.try_get(0)? {
        return Err(refused(fault));
    }
    // Another session may drop it meanwhile.
    let lock = format!("SAVEPOINT looked; LOCK TABLE ONLY dms_proxy.{table} IN {lock} MODE");
    if let Err(error) = client.batch_execute(&lock).await.map_err(CloseOutError::from) {
        if !is_gone(&error) {
            return Err(error);
        }
        client.batch_execute("ROLLBACK TO SAVEPOINT looked").await?;
        return Ok(false);
    }
    match client.query_one(&fault_sql, &[]).await?.try_get(0)? {
        Some(fault) => Err(refused(fault)),
        None => Ok(true),
    }
}

/// Whether a table of ours, or the schema with it, was dropped since it was looked for.
pub(super) fn is_gone(error: &CloseOutError) -> bool {
    let gone = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| gone.contains(code))
}

/// The texts of an array; a table of an older version has no digests and no names of the source.
pub(super) fn texts(array: Option<String>) -> Vec<String> {
    array.and_then(|array| serde_json::from_str(&array).ok()).unwrap_or_default()
}
