//! What the proxy has left on a target, taken away once nothing waits in it.

use serde::Serialize;

use super::journal::roll_back_on_error;
use super::rejects::forget_rejects;
use super::rewrites::forget_run;
use super::{
    CloseOutError, Connection, RejectFilter, RejectGroup, Scope, SuspendedTable, lost, parked,
    reject_groups, suspended_tables,
};
use crate::parking::spelling::quoted_identifier;

/// The tables of schema `dms_proxy` that the proxy makes.
const OWN_TABLES: &str =
    "ARRAY['close_out', 'fk_journal', 'rejected_rows', 'rewrites', 'suspended_tables']";

/// The functions there.
const OWN_FUNCTIONS: &str = "ARRAY['note_rejects', 'note_rewrites', 'note_suspended']";

/// What became of schema `dms_proxy`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CleanReport {
    /// What is gone, or would be.
    pub removed: Vec<String>,
    /// What has to be done first; then nothing is gone.
    pub waiting: Vec<String>,
}

/// Removes schema `dms_proxy` with all that the proxy has made there, in one transaction. Where foreign keys are
/// parked, rows wait that were set aside, or somebody else has put something there, nothing is removed.
///
/// # Errors
/// The target refused to say, or to remove it.
pub async fn clean(target: &Connection, dry_run: bool) -> Result<CleanReport, CloseOutError> {
    let waiting = waiting(target).await?;
    if !waiting.is_empty() {
        return Ok(CleanReport { waiting, ..CleanReport::default() });
    }
    target.client().batch_execute("BEGIN").await?;
    let removed = async {
        let removed = removed(target).await?;
        target.client().batch_execute(if dry_run { "ROLLBACK" } else { "COMMIT" }).await?;
        Ok(removed)
    };
    let removed = roll_back_on_error(target, removed.await).await?;
    Ok(CleanReport { removed, waiting })
}

/// Removes what was written down of one run: its changes, and its rows that were set aside. Where some of those
/// wait, nothing is removed.
///
/// # Errors
/// The target refused to say, or to remove it.
pub async fn clean_run(
    target: &Connection,
    run: &str,
    dry_run: bool,
) -> Result<CleanReport, CloseOutError> {
    let filter = RejectFilter { run: Some(run.to_owned()), ..RejectFilter::default() };
    let waiting = waiting_rejects(target, &filter).await?;
    if !waiting.is_empty() {
        return Ok(CleanReport { waiting, ..CleanReport::default() });
    }
    target.client().batch_execute("BEGIN").await?;
    let removed = async {
        let mut removed = Vec::new();
        let changes = forget_run(target, run).await?;
        let rejects = forget_rejects(target, run).await?;
        for (count, table) in [(changes, "rewrites"), (rejects, "rejected_rows")] {
            if count > 0 {
                let rows = if count == 1 { "row" } else { "rows" };
                removed.push(format!("{count} {rows} of dms_proxy.{table}"));
            }
        }
        target.client().batch_execute(if dry_run { "ROLLBACK" } else { "COMMIT" }).await?;
        Ok(removed)
    };
    let removed = roll_back_on_error(target, removed.await).await?;
    Ok(CleanReport { removed, waiting })
}

/// What is not done yet, a sentence each.
async fn waiting(target: &Connection) -> Result<Vec<String>, CloseOutError> {
    let mut waiting = Vec::new();
    for row in parked(target, &Scope::default()).await? {
        let (table, name) = (&row.key.table_sql, &row.key.name_sql);
        waiting.push(format!("{table} {name} is parked: dms-proxy fk restore"));
    }
    waiting.extend(lost(target, &Scope::default()).await?);
    waiting.extend(waiting_rejects(target, &RejectFilter::default()).await?);
    for SuspendedTable { schema, table, .. } in suspended_tables(target, &Scope::default()).await? {
        waiting.push(format!("{schema}.{table} is suspended: dms-proxy rejects resume"));
    }
    for row in target.client().query(&strange_sql(), &[]).await? {
        let what: String = row.try_get(0)?;
        waiting.push(format!("{what} is not the proxy's: drop it, or move it to another schema"));
    }
    Ok(waiting)
}

/// Rows that were set aside and wait, a sentence a table.
async fn waiting_rejects(
    target: &Connection,
    filter: &RejectFilter,
) -> Result<Vec<String>, CloseOutError> {
    let groups = reject_groups(target, filter).await?;
    let line = |group: &RejectGroup| {
        let (schema, table, count) = (&group.schema, &group.table, group.count);
        let rows = if count == 1 { "row waits" } else { "rows wait" };
        format!("{schema}.{table}: {count} {rows}: dms-proxy rejects retry, or discard")
    };
    Ok(groups.iter().filter(|group| group.waits()).map(line).collect())
}

/// Things in the schema that the proxy has not made.
fn strange_sql() -> String {
    format!(
        "SELECT pg_catalog.concat('relation dms_proxy.', pg_catalog.quote_ident(c.relname))
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relkind OPERATOR(pg_catalog.=) ANY
                (ARRAY['r', 'p', 'v', 'm', 'f', 'S', 'c']::pg_catalog.\"char\"[])
            AND c.relname OPERATOR(pg_catalog.<>) ALL ({OWN_TABLES}::pg_catalog.name[])
        UNION ALL
        SELECT pg_catalog.concat('function ', p.oid::pg_catalog.regprocedure)
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND p.proname OPERATOR(pg_catalog.<>) ALL ({OWN_FUNCTIONS}::pg_catalog.name[])
        ORDER BY 1"
    )
}

/// Drops what is there, inside a transaction; what has come meanwhile is an error.
async fn removed(target: &Connection) -> Result<Vec<String>, CloseOutError> {
    let client = target.client();
    let sql = format!(
        "SELECT pg_catalog.concat('dms_proxy.', c.relname), c.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relkind OPERATOR(pg_catalog.=) 'r'
            AND c.relname OPERATOR(pg_catalog.=) ANY ({OWN_TABLES}::pg_catalog.name[]) ORDER BY 1"
    );
    let mut removed = Vec::new();
    for row in client.query(&sql, &[]).await? {
        let (shown, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let table = format!("dms_proxy.{}", quoted_identifier(&name));
        client.batch_execute(&format!("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")).await?;
        let late = match name.as_str() {
            "fk_journal" => "true",
            "rejected_rows" => "t.state OPERATOR(pg_catalog.=) ANY (ARRAY['open', 'cut'])",
            "suspended_tables" => "true",
            _ => "false",
        };
        let late = format!("SELECT 1 FROM ONLY {table} t WHERE {late} LIMIT 1");
        if client.query_opt(&late, &[]).await?.is_some() {
            return Err(CloseOutError::Refused(format!(
                "{shown} is being written to: run it again"
            )));
        }
        client.batch_execute(&format!("DROP TABLE {table}")).await?;
        removed.push(format!("table {shown}"));
    }
    let sql = format!(
        "SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND p.proname OPERATOR(pg_catalog.=) ANY ({OWN_FUNCTIONS}::pg_catalog.name[]) ORDER BY 1"
    );
    for row in client.query(&sql, &[]).await? {
        let function: String = row.try_get(0)?;
        client.batch_execute(&format!("DROP FUNCTION {function}")).await?;
        removed.push(format!("function {function}"));
    }
    let schema = "SELECT 1 FROM pg_catalog.pg_namespace n
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'";
    if client.query_opt(schema, &[]).await?.is_some() {
        client.batch_execute("DROP SCHEMA dms_proxy").await?;
        removed.push("schema dms_proxy".to_owned());
    }
    Ok(removed)
}
