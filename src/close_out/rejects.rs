//! The rows that sessions have set aside, in `dms_proxy.rejected_rows` on the target: counted, read, loaded again,
//! given up. Touches the table only where it can be trusted.

use futures_util::SinkExt as _;
use serde::Serialize;

use super::journal::roll_back_on_error;
use super::own_table::{begin, lock};
use super::reject_format::RejectFormat;
use super::strangers::refuse_to_write_by_code_of_others;
use super::{CloseOutError, Connection, Scope, source_names};
use crate::parking::spelling::{qualified, quoted_identifier, quoted_literal};
use crate::policy::is_about_row;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct RejectFilter {
    /// Of which tables.
    pub scope: Scope,
    /// With which error.
    pub sqlstate: Option<String>,
    /// Of which process of the proxy.
    pub run: Option<String>,
}

/// Rows of one table that met the same error.
#[derive(Clone, Debug, Serialize)]
pub struct RejectGroup {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its name at the source, where that is known and another one.
    pub source: Option<String>,
    /// The error.
    pub sqlstate: String,
    /// `open`, `cut`, `ignored`, `loaded` or `discarded`.
    pub state: String,
    /// How many.
    pub count: i64,
    /// What the server said of one of them.
    pub example: String,
}

impl RejectGroup {
    /// Whether they wait for somebody.
    pub fn waits(&self) -> bool {
        matches!(self.state.as_str(), "open" | "cut")
    }
}

/// One row that was set aside.
#[derive(Clone, Debug)]
pub struct RejectedLine {
    id: String,
    /// When.
    pub at: String,
    /// The process of the proxy.
    pub run: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
    /// Its bytes, where they are kept.
    pub row: Option<Vec<u8>>,
    /// How it is spelled.
    pub format: String,
    /// The line of its stream.
    pub line: Option<i64>,
    /// The error.
    pub sqlstate: String,
    /// What the server said.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What became of it.
    pub state: String,
}

impl RejectedLine {
    /// Whether it is a whole statement, and not a row of COPY.
    pub fn is_statement(&self) -> bool {
        self.format == "sql" || self.format.starts_with("sql (")
    }
}

/// What came of loading rows again.
#[derive(Clone, Debug, Serialize)]
pub struct RetriedTable {
    /// The table, qualified and quoted.
    pub table: String,
    /// Rows that are in now.
    pub loaded: u64,
    /// Rows that are still refused.
    pub refused: u64,
}

/// The table of them.
const TABLE: &str = "rejected_rows";

/// The states of rows that wait for somebody.
const WAITING: &str =
    "r.state OPERATOR(pg_catalog.=) ANY (ARRAY['open', 'cut']::pg_catalog.text[])";

impl RejectFilter {
    fn condition(&self) -> String {
        let is = |column: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            Some(format!(" AND r.{column} OPERATOR(pg_catalog.=) {}", quoted_literal(text)))
        };
        let mut condition = self.scope.covers("r.schema_name", "r.table_name");
        condition.extend(is("sqlstate", &self.sqlstate.as_ref().map(|code| code.to_uppercase())));
        condition.extend(is("run", &self.run));
        condition
    }
}

/// Rows by table, error and state.
///
/// # Errors
/// The table cannot be trusted or read.
pub async fn reject_groups(
    target: &Connection,
    filter: &RejectFilter,
) -> Result<Vec<RejectGroup>, CloseOutError> {
    let sql = format!(
        "SELECT r.schema_name, r.table_name, r.sqlstate, r.state, pg_catalog.count(*),
            pg_catalog.min(r.message) FROM ONLY dms_proxy.rejected_rows r WHERE {}
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4, 5 DESC, 3",
        filter.condition()
    );
    let found = async {
        let mut groups = Vec::new();
        if begin(target, TABLE, "ACCESS SHARE").await? {
            for row in target.client().query(&sql, &[]).await? {
                groups.push(RejectGroup {
                    schema: row.try_get(0)?,
                    table: row.try_get(1)?,
                    source: None,
                    sqlstate: one_line(row.try_get(2)?),
                    state: one_line(row.try_get(3)?),
                    count: row.try_get(4)?,
                    example: one_line(row.try_get(5)?),
                });
            }
        }
        target.client().batch_execute("COMMIT").await?;
        Ok(groups)
    };
    let mut groups = roll_back_on_error(target, found.await).await?;
    if !groups.is_empty() {
        let names = source_names(target).await;
        groups.iter_mut().for_each(|one| one.source = names.of_table(&one.schema, &one.table));
    }
    Ok(groups)
}

/// The rows that wait, `limit` at most.
///
/// # Errors
/// As [`reject_groups`].
pub async fn reject_rows(
    target: &Connection,
    filter: &RejectFilter,
    limit: u32,
) -> Result<Vec<RejectedLine>, CloseOutError> {
    let found = async {
        let mut rows = Vec::new();
        if begin(target, TABLE, "ACCESS SHARE").await? {
            rows = lines(target, &waiting_sql(filter, &format!("LIMIT {limit}"))).await?;
        }
        target.client().batch_execute("COMMIT").await?;
        Ok(rows)
    };
    roll_back_on_error(target, found.await).await
}

/// Gives the rows up that wait: they are kept, and nobody waits for them. Gives how many.
///
/// # Errors
/// As [`reject_groups`]; nothing was changed then.
pub async fn discard_rejects(
    target: &Connection,
    filter: &RejectFilter,
) -> Result<u64, CloseOutError> {
    let sql = format!(
        "UPDATE ONLY dms_proxy.rejected_rows r SET state = 'discarded' WHERE {WAITING} AND {}",
        filter.condition()
    );
    let done = async {
        let is_there = begin(target, TABLE, "ROW EXCLUSIVE").await?;
        let count = if is_there { target.client().execute(&sql, &[]).await? } else { 0 };
        target.client().batch_execute("COMMIT").await?;
        Ok(count)
    };
    roll_back_on_error(target, done.await).await
}

/// Takes the rows of a run out that do not wait, in the transaction that is open. Gives how many.
pub(super) async fn forget_rejects(target: &Connection, run: &str) -> Result<u64, CloseOutError> {
    if !lock(target, "rejected_rows", "ROW EXCLUSIVE").await? {
        return Ok(0);
    }
    let run = quoted_literal(run);
    let sql = format!(
        "DELETE FROM ONLY dms_proxy.rejected_rows r
        WHERE NOT ({WAITING}) AND r.run OPERATOR(pg_catalog.=) {run}"
    );
    Ok(target.client().execute(&sql, &[]).await?)
}

/// Loads rows again that wait, in one transaction a table. What went in is marked in that transaction; of what is
/// refused the new error is kept.
///
/// # Errors
/// As [`reject_groups`], an error that is not about a row, or code of others would run; the table at which it
/// came is as before.
pub async fn retry_rejects(
    target: &Connection,
    filter: &RejectFilter,
) -> Result<Vec<RetriedTable>, CloseOutError> {
    let groups = reject_groups(target, filter).await?.into_iter().filter(RejectGroup::waits);
    let mut tables: Vec<_> = groups.map(|group| (group.schema, group.table)).collect();
    tables.sort();
    tables.dedup();
    let mut retried = Vec::new();
    for (schema, table) in tables {
        let name = crate::parking::TableName { schema: Some(schema.clone()), table: table.clone() };
        let scope = Scope { schemas: filter.scope.schemas.clone(), tables: vec![name] };
        let of_table = RejectFilter { scope, ..filter.clone() };
        let done = retry_table(target, &of_table, qualified(&schema, &table)).await;
        retried.push(roll_back_on_error(target, done).await?);
    }
    Ok(retried)
}

async fn retry_table(
    target: &Connection,
    filter: &RejectFilter,
    table: String,
) -> Result<RetriedTable, CloseOutError> {
    let mut retried = RetriedTable { table, loaded: 0, refused: 0 };
    let named = |error| match error {
        CloseOutError::Refused(why) => CloseOutError::Refused(format!("{}: {why}", retried.table)),
        other => other,
    };
    if begin(target, TABLE, "ROW EXCLUSIVE").await? {
        let client = target.client();
        // Triggers, rules and policies stay what they are while it is locked.
        client
            .batch_execute(&format!("LOCK TABLE {} IN ROW EXCLUSIVE MODE", retried.table))
            .await?;
        refuse_to_write_by_code_of_others(target, &retried.table).await.map_err(named)?;
        let sql =
            format!("DECLARE waiting NO SCROLL CURSOR FOR {}", waiting_sql(filter, "FOR UPDATE"));
        client.batch_execute(&sql).await?;
        loop {
            let rows = lines(target, "FETCH 100 FROM waiting").await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                retry_row(target, &mut retried, &row).await?;
            }
        }
    }
    target.client().batch_execute("COMMIT").await?;
    Ok(retried)
}

async fn retry_row(
    target: &Connection,
    retried: &mut RetriedTable,
    row: &RejectedLine,
) -> Result<(), CloseOutError> {
    // What the table says is never run as a statement.
    if row.is_statement() {
        retried.refused += 1;
        return Ok(());
    }
    let client = target.client();
    client.batch_execute("SAVEPOINT row").await?;
    let set = match load(target, &retried.table, row).await {
        Ok(()) => {
            retried.loaded += 1;
            "state = 'loaded'".to_owned()
        }
        Err(refused) => {
            retried.refused += 1;
            let Some(set) = refusal(refused)? else {
                // It was not sent.
                return Ok(client.batch_execute("RELEASE SAVEPOINT row").await?);
            };
            client.batch_execute("ROLLBACK TO SAVEPOINT row").await?;
            set
        }
    };
    let id = quoted_literal(&row.id);
    let sql = format!(
        "RELEASE SAVEPOINT row; UPDATE ONLY dms_proxy.rejected_rows r SET {set}
        WHERE r.ctid OPERATOR(pg_catalog.=) {id}::pg_catalog.tid"
    );
    Ok(client.batch_execute(&sql).await?)
}

/// What is noted of an error about a row; `None` where the target has said nothing.
///
/// # Errors
/// It is about something else.
fn refusal(error: CloseOutError) -> Result<Option<String>, CloseOutError> {
    if let CloseOutError::Refused(_) = error {
        return Ok(None);
    }
    let CloseOutError::Statement(said) = &error else { return Err(error) };
    let Some(said) = said.as_db_error() else { return Err(error) };
    let code = said.code().code();
    if !is_about_row(code.as_bytes()) {
        return Err(error);
    }
    let set = [
        ("sqlstate", Some(code)),
        ("message", Some(said.message())),
        ("detail", said.detail()),
        ("constraint_name", said.constraint()),
        ("column_name", said.column()),
    ];
    let set = set.map(|(column, text)| {
        let text = text.map(|text| quoted_literal(&one_line(text.to_owned())));
        format!("{column} = {}", text.as_deref().unwrap_or("NULL"))
    });
    Ok(Some(set.join(", ")))
}

/// Loads one row.
async fn load(target: &Connection, table: &str, row: &RejectedLine) -> Result<(), CloseOutError> {
    let refused = |why: &str| CloseOutError::Refused(why.to_owned());
    if row.state == "cut" {
        return Err(refused("not all of the row is kept"));
    }
    let Some(bytes) = &row.row else { return Err(refused("the row was not kept")) };
    let format = RejectFormat::parse(&row.format)
        .ok_or_else(|| refused("the format of the row is none that the proxy writes"))?;
    let columns: Vec<String> = row.columns.iter().map(|name| quoted_identifier(name)).collect();
    let sql = format!("COPY {table} ({}) FROM STDIN {}", columns.join(", "), format.options());
    let sink = target.client().copy_in::<_, bytes::Bytes>(&sql).await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes::Bytes::from(format.stream(bytes))).await?;
    sink.finish().await?;
    Ok(())
}

/// A text that goes to terminals and into comments of SQL. The proxy writes no control characters there, but other
/// roles may add rows too.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "?") } else { text }
}

fn waiting_sql(filter: &RejectFilter, behind: &str) -> String {
    format!(
        "SELECT r.ctid::pg_catalog.text, r.at::pg_catalog.text, r.run, r.schema_name, r.table_name,
            r.column_names, r.\"row\", r.format, r.line, r.sqlstate, r.message, r.detail, r.state
        FROM ONLY dms_proxy.rejected_rows r WHERE {WAITING} AND {}
        ORDER BY r.schema_name, r.table_name, r.at, r.line, r.ctid {behind}",
        filter.condition()
    )
}

async fn lines(target: &Connection, sql: &str) -> Result<Vec<RejectedLine>, CloseOutError> {
    let line = |row: &tokio_postgres::Row| {
        Ok(RejectedLine {
            id: row.try_get(0)?,
            at: row.try_get(1)?,
            run: one_line(row.try_get(2)?),
            schema: row.try_get(3)?,
            table: row.try_get(4)?,
            columns: row.try_get(5)?,
            row: row.try_get(6)?,
            format: row.try_get(7)?,
            line: row.try_get(8)?,
            sqlstate: one_line(row.try_get(9)?),
            message: one_line(row.try_get(10)?),
            detail: row.try_get::<_, Option<String>>(11)?.map(one_line),
            state: row.try_get(12)?,
        })
    };
    target.client().query(sql, &[]).await?.iter().map(line).collect()
}
