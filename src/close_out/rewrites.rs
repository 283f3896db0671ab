//! What sessions of the proxy changed on the way, from the ledger on the target. Reads it, if it can
//! be trusted; changes nothing.

use super::journal::roll_back_on_error;
use super::report::RewriteLine;
use super::{CloseOutError, Connection};
use crate::parking::trust;

/// The ledger, of the whole database: where a table is not known there is none to choose by.
pub(super) async fn rewrites(target: &Connection) -> Result<Rewrites, CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN READ ONLY").await?;
    let found = async {
        let found = readable_rewrites(target).await?;
        client.batch_execute("COMMIT").await?;
        Ok(found)
    };
    roll_back_on_error(target, found.await).await
}

/// What the ledger on the target has, or why it is not shown.
#[derive(Default)]
pub(super) struct Rewrites {
    pub(super) lines: Vec<RewriteLine>,
    pub(super) not_shown: Option<String>,
}

async fn readable_rewrites(target: &Connection) -> Result<Rewrites, CloseOutError> {
    let client = target.client();
    let fault_sql = trust::fault_sql("rewrites");
    let Some(row) = client.query_opt(&fault_sql, &[]).await? else {
        return Ok(Rewrites::default());
    };
    let refused = |fault: String| {
        CloseOutError::Refused(format!("not looked at: {fault}, and its code could run"))
    };
    if let Some(fault) = row.try_get(0)? {
        return Err(refused(fault));
    }
    // The administrator's table is the administrator's to read.
    let may_read = "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'rewrites'";
    if !client.query_one(may_read, &[]).await?.try_get::<_, bool>(0)? {
        let not_shown = Some("dms_proxy.rewrites is for its owner to read".to_owned());
        return Ok(Rewrites { not_shown, ..Rewrites::default() });
    }
    client.batch_execute("LOCK TABLE ONLY dms_proxy.rewrites IN ACCESS SHARE MODE").await?;
    if let Some(fault) = client.query_one(&fault_sql, &[]).await?.try_get(0)? {
        return Err(refused(fault));
    }
    let sql = "SELECT r.schema_name, r.table_name, r.column_name, r.rule, r.count,
            pg_catalog.row_to_json(r) OPERATOR(pg_catalog.->>) 'rules'
        FROM ONLY dms_proxy.rewrites r ORDER BY 1, 2, 3, 4";
    let mut lines = Vec::new();
    for row in client.query(sql, &[]).await? {
        lines.push(RewriteLine {
            schema: row.try_get(0)?,
            table: row.try_get(1)?,
            column: row.try_get(2)?,
            rule: row.try_get(3)?,
            count: row.try_get(4)?,
            rules: rules(row.try_get(5)?),
        });
    }
    Ok(Rewrites { lines, not_shown: None })
}

/// The digests; a table of an older version has none.
fn rules(array: Option<String>) -> Vec<String> {
    array.and_then(|array| serde_json::from_str(&array).ok()).unwrap_or_default()
}
