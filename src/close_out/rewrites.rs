//! What sessions of the proxy changed on the way, from the ledger on the target. Reads it, if it can
//! be trusted; changes nothing.

use serde::Serialize;
use tokio_postgres::error::SqlState;

use super::journal::roll_back_on_error;
use super::own_table::{begin, lock, texts};
use super::report::RewriteLine;
use super::{CloseOutError, Connection, Scope};
use crate::parking::spelling::quoted_literal;

/// The rule under which sessions count names.
const NAMES_RULE: &str = "renamed";

/// The ledger, of the whole database: where a table is not known there is none to choose by.
pub(super) async fn rewrites(
    target: &Connection,
    run: Option<&str>,
) -> Result<Rewrites, CloseOutError> {
    let run = run.map(str::to_owned);
    let (lines, not_shown) = read(target, &LedgerFilter { run, ..LedgerFilter::default() }).await?;
    let line = |line: LedgerLine| {
        let is_type = line.samples.iter().any(|sample| sample.contains(" -> "))
            && matches!(line.road.as_str(), "ddl" | "query");
        let is_name = line.rule == NAMES_RULE;
        let LedgerLine { run, schema, table, column, rule, road, count, rules, sources, .. } = line;
        RewriteLine {
            run,
            schema,
            table,
            column,
            rule,
            road,
            count,
            rules,
            sources,
            is_type,
            is_name,
        }
    };
    Ok(Rewrites { lines: lines.into_iter().map(line).collect(), not_shown })
}

/// What of the ledger is asked for.
#[derive(Clone, Debug, Default)]
pub struct LedgerFilter {
    /// Changes in these tables; where a table is not known it is in none.
    pub scope: Scope,
    /// Changes by this rule.
    pub rule: Option<String>,
    /// Changes of this run.
    pub run: Option<String>,
}

/// A row of the ledger on the target.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerLine {
    /// The run: when the process of the proxy began, or what the session named by `dms.run`; empty in what an
    /// older version has written.
    pub run: String,
    /// The schema; empty where it is not known.
    pub schema: String,
    /// The table; empty where it is not known.
    pub table: String,
    /// The column; empty where it is not known.
    pub column: String,
    /// The rule.
    pub rule: String,
    /// The way by which what was changed came: `ddl`, `query`, `constant`, `parameter`, `copy`; empty where
    /// the rule is about no single one.
    pub road: String,
    /// How often.
    pub count: i64,
    /// When it was first.
    pub first_seen: String,
    /// When it was last.
    pub last_seen: String,
    /// Where to look.
    pub samples: Vec<String>,
    /// Digests of the rules that the sessions followed, as `SHOW dms.rules` gives them.
    pub rules: Vec<String>,
    /// What texts of clients called the place, where that is another name.
    pub sources: Vec<String>,
}

/// The rows of the ledger that are asked for.
///
/// # Errors
/// It cannot be trusted, or is not for the role to read.
pub async fn ledger(
    target: &Connection,
    filter: &LedgerFilter,
) -> Result<Vec<LedgerLine>, CloseOutError> {
    match read(target, filter).await? {
        (_, Some(not_shown)) => Err(CloseOutError::Refused(not_shown)),
        (lines, None) => Ok(lines),
    }
}

/// The rows, or why they are not shown.
async fn read(
    target: &Connection,
    filter: &LedgerFilter,
) -> Result<(Vec<LedgerLine>, Option<String>), CloseOutError> {
    let found = async {
        let found = read_in_transaction(target, filter).await?;
        target.client().batch_execute("COMMIT").await?;
        Ok(found)
    };
    match roll_back_on_error(target, found.await).await {
        // The administrator's table is the administrator's to read.
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Ok((Vec::new(), Some("dms_proxy.rewrites is for its owner to read".to_owned())))
        }
        Err(CloseOutError::Refused(why)) => {
            Err(CloseOutError::Refused(format!("not looked at: {why}")))
        }
        found => found,
    }
}

/// What the ledger on the target has, or why it is not shown.
pub(super) struct Rewrites {
    pub(super) lines: Vec<RewriteLine>,
    pub(super) not_shown: Option<String>,
}

/// A column that a table of an older version does not have.
fn newer_column(name: &str) -> String {
    format!("COALESCE(pg_catalog.row_to_json(r) OPERATOR(pg_catalog.->>) '{name}', '')")
}

/// Takes what was changed in a run out of the ledger, in the transaction that is open. Gives how many rows went.
pub(super) async fn forget_run(target: &Connection, run: &str) -> Result<u64, CloseOutError> {
    if !lock(target, "rewrites", "ROW EXCLUSIVE").await? {
        return Ok(0);
    }
    let (column, run) = (newer_column("run"), quoted_literal(run));
    let sql = format!(
        "DELETE FROM ONLY dms_proxy.rewrites r WHERE {column} OPERATOR(pg_catalog.=) {run}"
    );
    Ok(target.client().execute(&sql, &[]).await?)
}

async fn read_in_transaction(
    target: &Connection,
    filter: &LedgerFilter,
) -> Result<(Vec<LedgerLine>, Option<String>), CloseOutError> {
    if !begin(target, "rewrites", "ACCESS SHARE").await? {
        return Ok((Vec::new(), None));
    }
    let is = |column: &str, text: &Option<String>| {
        let text = text.as_ref().map(|text| quoted_literal(text));
        text.map_or(String::new(), |text| format!(" AND {column} OPERATOR(pg_catalog.=) {text}"))
    };
    let (run, road) = (newer_column("run"), newer_column("road"));
    let filters = is("r.rule", &filter.rule) + &is(&run, &filter.run);
    // All means all, of temporary tables as well.
    let covered = match filter.scope == Scope::default() {
        true => "true".to_owned(),
        false => filter.scope.covers("r.schema_name", "r.table_name"),
    };
    let sql = format!(
        "SELECT r.schema_name, r.table_name, r.column_name, r.rule, r.count,
            pg_catalog.row_to_json(r) OPERATOR(pg_catalog.->>) 'rules',
            r.first_seen::pg_catalog.text, r.last_seen::pg_catalog.text,
            pg_catalog.array_to_json(r.samples)::pg_catalog.text, {run}, {road},
            pg_catalog.row_to_json(r) OPERATOR(pg_catalog.->>) 'sources'
        FROM ONLY dms_proxy.rewrites r WHERE {covered}{filters} ORDER BY 1, 2, 3, 4, 11, 10"
    );
    let mut lines = Vec::new();
    for row in target.client().query(&sql, &[]).await? {
        lines.push(LedgerLine {
            schema: row.try_get(0)?,
            table: row.try_get(1)?,
            column: row.try_get(2)?,
            rule: row.try_get(3)?,
            count: row.try_get(4)?,
            rules: texts(row.try_get(5)?),
            first_seen: row.try_get(6)?,
            last_seen: row.try_get(7)?,
            samples: texts(row.try_get(8)?),
            run: row.try_get(9)?,
            road: row.try_get(10)?,
            sources: texts(row.try_get(11)?),
        });
    }
    Ok((lines, None))
}
