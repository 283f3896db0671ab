//! Rows of a table that have no parent although a foreign key says they do: counted, with some of
//! their keys. Reads, changes nothing.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::journal::roll_back_on_error;
use super::parallel::{Work, in_parallel};
use super::restore::DEADLOCK_RETRIES_MAX;
use super::strangers::{lock_tables, refuse_code_of_others_in};
use super::working::{Task, begin_phase};
use super::{CloseOutError, Connection, ForeignKey};

/// How many keys of orphans are kept of each foreign key.
pub const SAMPLES_MAX: u32 = 10;

/// Characters that are kept of each value of such a key.
const SAMPLE_CHARACTERS_MAX: u32 = 200;

/// A key without a parent, each value as text.
pub type SampleKey = Vec<Option<String>>;

/// What was found for one foreign key.
#[derive(Debug)]
pub struct Orphans {
    /// The foreign key.
    pub key: ForeignKey,
    /// Rows without a parent and the keys of some; or why they could not be counted.
    pub found: Result<(i64, Vec<SampleKey>), CloseOutError>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A condition for rows `c` of the foreign key's table that have no parent. With MATCH SIMPLE a row
/// with a NULL in its key needs none; with MATCH FULL only one with nothing but NULLs does.
///
/// Source: PostgreSQL manual, CREATE TABLE, "MATCH"; `RI_Initial_Check` in ri_triggers.c.
fn orphaned(key: &ForeignKey) -> String {
    let only = if key.referenced_partitioned { "" } else { "ONLY " };
    let parents = format!("FROM {only}{} p WHERE {}", key.referenced_sql, key.join_condition);
    let missing = match &key.period_condition {
        None => format!("NOT EXISTS (SELECT 1 {parents})"),
        Some(covered) => format!("NOT COALESCE((SELECT {covered} {parents}), false)"),
    };
    let has_key = key.columns.iter().map(|column| format!("c.{column} IS NOT NULL"));
    let glue = if key.match_full { " OR " } else { " AND " };
    let has_key: Vec<_> = has_key.collect();
    format!("({}) AND {missing}", has_key.join(glue))
}

fn children(key: &ForeignKey) -> String {
    let only = if key.partitioned { "" } else { "ONLY " };
    format!("{only}{} c", key.table_sql)
}

/// A query for all orphans of a foreign key, for a person to look at them.
pub fn orphan_query(key: &ForeignKey) -> String {
    format!("SELECT c.* FROM {} WHERE {}", children(key), orphaned(key))
}

/// A statement that deletes all orphans of a foreign key.
pub(super) fn delete_orphans(key: &ForeignKey) -> String {
    format!("DELETE FROM {} WHERE {}", children(key), orphaned(key))
}

/// Count and samples in one anti-join: what is named twice is computed once and kept, so that the
/// cost above the anti-join itself is that of keeping the keys of orphans.
fn count_sql(key: &ForeignKey) -> String {
    let columns = key.columns.iter().enumerate();
    let keys: Vec<_> =
        columns.clone().map(|(number, column)| format!("c.{column} AS k{number}")).collect();
    // By the output function of its type, which no cast of a user takes the place of.
    let text = |number| {
        format!(
            "CASE WHEN k{number} IS NOT NULL THEN \
             pg_catalog.left(pg_catalog.format('%s', k{number}), {SAMPLE_CHARACTERS_MAX}) END"
        )
    };
    let texts: Vec<_> = columns.map(|(number, _)| text(number)).collect();
    format!(
        "WITH o AS (SELECT {} FROM {} WHERE {}) SELECT (SELECT pg_catalog.count(*) FROM o),
            (SELECT pg_catalog.json_agg(pg_catalog.json_build_array({}))::pg_catalog.text
             FROM (SELECT * FROM o LIMIT {SAMPLES_MAX}) s)",
        keys.join(", "),
        children(key),
        orphaned(key),
        texts.join(", ")
    )
}

/// Counts the orphans of these foreign keys, as many at a time as there are sessions.
pub async fn count_orphans(sessions: &[Connection], keys: Vec<ForeignKey>) -> Vec<Orphans> {
    fn work(session: Connection, (key, rows): (ForeignKey, f64)) -> Work<Orphans> {
        Box::pin(async move {
            let task = Task::begin(format!("{} {}", key.table_sql, key.name_sql), &session, rows);
            let found = count(&session, &key).await;
            Orphans { key, found, took_ms: task.millis() }
        })
    }
    let rows = match sessions.first() {
        // Without estimates each of them weighs as much as another.
        Some(target) => row_estimates(target).await.unwrap_or_default(),
        None => HashMap::new(),
    };
    let weighed = |key: ForeignKey| {
        let rows = rows.get(&key.table_sql).copied().unwrap_or_default();
        (key, rows.max(1.0))
    };
    let keys: Vec<_> = keys.into_iter().map(weighed).collect();
    begin_phase("foreign keys", keys.iter().map(|(_, rows)| *rows));
    in_parallel(sessions, keys, work).await
}

/// The rows of tables, as the target estimates them, by their names in SQL.
async fn row_estimates(target: &Connection) -> Result<HashMap<String, f64>, CloseOutError> {
    let sql =
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.reltuples::pg_catalog.float8
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.\"char\"[])";
    let rows = target.client().query(sql, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Counts, again after a deadlock with a session that parks or restores.
async fn count(
    target: &Connection,
    key: &ForeignKey,
) -> Result<(i64, Vec<SampleKey>), CloseOutError> {
    let mut retries = 0;
    loop {
        let counted = counted_once(target, key).await;
        let is_deadlock =
            |error: &CloseOutError| error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED);
        if retries == DEADLOCK_RETRIES_MAX || !counted.as_ref().is_err_and(is_deadlock) {
            return counted;
        }
        retries += 1;
    }
}

async fn counted_once(
    target: &Connection,
    key: &ForeignKey,
) -> Result<(i64, Vec<SampleKey>), CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN READ ONLY").await?;
    let row = async {
        lock_tables(target, &[&key.table_sql, &key.referenced_sql]).await?;
        refuse_code_of_others_in(target, key).await?;
        let row = client.query_one(&count_sql(key), &[]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(row)
    };
    count_and_samples(&roll_back_on_error(target, row.await).await?)
}

/// A count and the keys of some of the rows, as JSON.
pub(super) fn count_and_samples(row: &Row) -> Result<(i64, Vec<SampleKey>), CloseOutError> {
    let samples: Option<String> = row.try_get(1)?;
    let samples = samples.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text));
    let samples = samples.map_err(|error| CloseOutError::Refused(error.to_string()))?;
    Ok((row.try_get(0)?, samples))
}
