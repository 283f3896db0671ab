//! What `finish` and `fk validate` have counted, kept in `dms_proxy.close_out` on the target for proxies to show.
//! Touches the table only where it can be trusted.

use super::journal::roll_back_on_error;
use super::own_table::begin;
use super::{CloseOutError, Connection, Key, Orphans};
use crate::ledger::results::{CountedKey, note_counted_sql};

/// What was counted of a foreign key, as it is noted.
pub fn counted_key(orphans: &Orphans) -> CountedKey {
    let (schema, table, constraint) = orphans.key.key();
    let orphans = orphans.found.as_ref().ok().map(|(count, _)| *count);
    CountedKey { schema, table, constraint, orphans }
}

/// Notes what this command has counted.
///
/// # Errors
/// It may not be written; what was noted before stays.
pub async fn keep_counted(
    target: &Connection,
    command: &str,
    counted: &[CountedKey],
) -> Result<(), CloseOutError> {
    Ok(target.client().batch_execute(&note_counted_sql(command, counted)).await?)
}

/// A count that was noted.
#[derive(Clone, Debug)]
pub struct KeptCount {
    /// Schema, table and name of the foreign key.
    pub key: Key,
    /// Rows without a parent; `None` where they could not be counted.
    pub orphans: Option<i64>,
    /// When, as the target writes it.
    pub at: String,
}

/// The counts that were noted. Empty if the table is missing, or if this role may not read it.
///
/// # Errors
/// The connection broke.
pub(super) async fn kept_counts(target: &Connection) -> Result<Vec<KeptCount>, CloseOutError> {
    let sql = "SELECT c.schema_name, c.table_name, c.constraint_name, c.orphans,
            c.counted_at::pg_catalog.text
        FROM ONLY dms_proxy.close_out c";
    let read = async {
        let mut counts = Vec::new();
        if begin(target, "close_out", "ACCESS SHARE").await? {
            for row in target.client().query(sql, &[]).await? {
                let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                counts.push(KeptCount { key, orphans: row.try_get(3)?, at: row.try_get(4)? });
            }
        }
        target.client().batch_execute("COMMIT").await?;
        Ok(counts)
    };
    match roll_back_on_error(target, read.await).await {
        Err(_) if !target.client().is_closed() => Ok(Vec::new()),
        counts => counts,
    }
}
