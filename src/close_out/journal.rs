//! The journal of parked foreign keys on the target, and parking itself. Restoring is next door.

use std::collections::BTreeSet;

use super::own_table::is_gone;
use super::{CloseOutError, Connection, ForeignKey, KeyState, Scope, fault};
use crate::parking::spelling::quoted_literal;
use crate::parking::{
    MARKER, journal_fault_sql, lock_journal_sql, marked_sql, park_sql, parked_sql,
};

/// A row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The foreign key.
    pub key: ForeignKey,
    /// Whether it was valid when it was parked.
    pub validated: bool,
    /// What is still to be done for it.
    pub state: ParkedState,
    /// When it was parked, as the target writes it.
    pub at: String,
    /// Who parked it.
    pub by: String,
    /// The line in the comment of its table that says so.
    pub marker: String,
}

/// What is still to be done for a row of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedState {
    /// Everything: it is not on its table.
    Parked,
    /// It is on its table again, and is to be validated.
    Added,
}

/// The rows of the journal with an end in the scope, in the order of their names; none if there is
/// no journal.
///
/// # Errors
/// The journal is not to be trusted with SQL, or cannot be read.
pub async fn parked(target: &Connection, scope: &Scope) -> Result<Vec<Parked>, CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN").await?;
    let rows = async {
        let rows = parked_in_transaction(target, scope).await?;
        client.batch_execute("COMMIT").await?;
        Ok(rows.unwrap_or_default())
    };
    match roll_back_on_error(target, rows.await).await {
        // Another session has just dropped the empty journal.
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        rows => rows,
    }
}

/// The same inside a transaction; `None` if there is no journal.
async fn parked_in_transaction(
    target: &Connection,
    scope: &Scope,
) -> Result<Option<Vec<Parked>>, CloseOutError> {
    if !lock_journal(target, false).await? {
        return Ok(None);
    }
    let rows = target.client().query(&parked_sql(scope), &[]).await?;
    let row = |row: &tokio_postgres::Row| {
        let state = match row.try_get("state")? {
            "added" => ParkedState::Added,
            _ => ParkedState::Parked,
        };
        Ok(Parked {
            key: journal_key_of(row)?,
            validated: row.try_get("validated")?,
            state,
            at: row.try_get("parked_at_text")?,
            by: row.try_get("parked_by")?,
            marker: row.try_get("marker")?,
        })
    };
    rows.iter().map(row).collect::<Result<_, _>>().map(Some)
}

/// The foreign key of a row of the journal. What it says becomes SQL, so it must be what parking
/// writes.
pub(super) fn journal_key_of(row: &tokio_postgres::Row) -> Result<ForeignKey, CloseOutError> {
    let key = ForeignKey::from_row(row, KeyState::Parked)?;
    if key.definition.starts_with("FOREIGN KEY (") {
        return Ok(key);
    }
    Err(CloseOutError::Refused(format!(
        "the journal says of {} {} what is not the definition of a foreign key: {}",
        key.table_sql, key.name_sql, key.definition
    )))
}

/// Whether there is a journal. Inside a transaction, to the end of which it stays what it is.
///
/// # Errors
/// There is one that is not to be trusted: what is written in it becomes SQL that the current role
/// runs.
pub(super) async fn lock_journal(target: &Connection, writes: bool) -> Result<bool, CloseOutError> {
    if !journal_is_there(target).await? {
        return Ok(false);
    }
    target.client().batch_execute(&lock_journal_sql(writes)).await?;
    journal_is_there(target).await
}

async fn journal_is_there(target: &Connection) -> Result<bool, CloseOutError> {
    let Some(row) = target.client().query_opt(&journal_fault_sql(), &[]).await? else {
        return Ok(false);
    };
    match row.try_get::<_, Option<String>>(0)? {
        None => Ok(true),
        Some(fault) => Err(CloseOutError::Refused(format!(
            "{fault}, and what the journal dms_proxy.fk_journal says is run as SQL: log in as that \
             role to park and restore, or have an administrator look at it"
        ))),
    }
}

/// Foreign keys of the scope that were parked, as the comments of their tables say, and of which the
/// journal knows nothing: it is gone, or was changed. A sentence each, with what brings it back.
///
/// # Errors
/// The journal is not to be trusted, or the target refused to say.
pub async fn lost(target: &Connection, scope: &Scope) -> Result<Vec<String>, CloseOutError> {
    let client = target.client();
    let mut tries = 0;
    loop {
        // Comments and journal as they were at one moment.
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let found = async {
            let marked = client.query(&marked_sql(scope), &[]).await?;
            let parked = parked_in_transaction(target, scope).await?;
            let is_same = match &parked {
                Some(_) => client.query_opt(IS_SAME_JOURNAL, &[]).await?.is_some(),
                None => true,
            };
            client.batch_execute("COMMIT").await?;
            Ok((marked, parked.unwrap_or_default(), is_same))
        };
        tries += 1;
        match roll_back_on_error(target, found.await).await {
            Ok((marked, parked, true)) => return lost_of(marked, parked),
            Err(error) if !is_gone(&error) || tries == TRIES_MAX => return Err(error),
            Ok((marked, parked, false)) if tries == TRIES_MAX => return lost_of(marked, parked),
            // Another session has dropped the journal meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
}

/// How often the journal is read again that another session has dropped meanwhile.
const TRIES_MAX: u32 = 5;

/// A row if the journal that is locked is that of the transaction's snapshot.
const IS_SAME_JOURNAL: &str = "SELECT 1 FROM pg_catalog.pg_class c
    WHERE c.oid OPERATOR(pg_catalog.=) 'dms_proxy.fk_journal'::pg_catalog.regclass::pg_catalog.oid";

fn lost_of(
    marked: Vec<tokio_postgres::Row>,
    parked: Vec<Parked>,
) -> Result<Vec<String>, CloseOutError> {
    let known: BTreeSet<(String, String, String)> =
        parked.into_iter().map(|row| (row.key.schema, row.key.table, row.marker)).collect();
    let mut lost = Vec::new();
    for row in marked {
        let (schema, table): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (name, comment): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let is_marker = |line: &&str| line.starts_with(MARKER);
        let kept: Vec<&str> = comment.split('\n').filter(|line| !is_marker(line)).collect();
        let kept = match kept.is_empty() {
            true => "NULL".to_owned(),
            false => quoted_literal(&kept.join("\n")),
        };
        for line in comment.split('\n').filter(is_marker) {
            if known.contains(&(schema.clone(), table.clone(), line.to_owned())) {
                continue;
            }
            let what = line.strip_prefix(MARKER).unwrap_or_default();
            let what = serde_json::from_str(what).unwrap_or_else(|_| what.to_owned());
            lost.push(format!(
                "table {name}: the journal has lost a foreign key that was parked. Look at it, and \
                 add it again: ALTER TABLE {name} ADD CONSTRAINT {what}; or give it up: COMMENT ON \
                 TABLE {name} IS {kept}"
            ));
        }
    }
    Ok(lost)
}

/// Parks every foreign key with an end in the scope, in one transaction, and gives the journal's
/// rows of the scope. Parking again parks what has come since.
///
/// # Errors
/// Those of [`park_sql`]; nothing has been parked then.
pub async fn park(target: &Connection, scope: &Scope) -> Result<Vec<Parked>, CloseOutError> {
    let client = target.client();
    fault::point("park-before");
    client.batch_execute("BEGIN").await?;
    let done = async {
        client.batch_execute(&park_sql(scope, target.lock_timeout_seconds())).await?;
        fault::point("park-uncommitted");
        Ok(client.batch_execute("COMMIT").await?)
    };
    roll_back_on_error(target, done.await).await?;
    fault::point("park-committed");
    parked(target, scope).await
}

/// Leaves no transaction open behind an error.
pub(super) async fn roll_back_on_error<T>(
    target: &Connection,
    outcome: Result<T, CloseOutError>,
) -> Result<T, CloseOutError> {
    if outcome.is_err() {
        // The first error is the one to tell; a broken connection has nothing to roll back.
        let _ = target.client().batch_execute("ROLLBACK").await;
    }
    outcome
}
