//! The journal of parked foreign keys on the target, and parking itself. Restoring is next door.

use tokio_postgres::error::SqlState;

use super::{CloseOutError, Connection, ForeignKey, KeyState, Scope, fault};
use crate::parking::{journal_sql, park_sql, parked_sql};

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
/// The journal belongs to a role that cannot be trusted with SQL, or cannot be read.
pub async fn parked(target: &Connection, scope: &Scope) -> Result<Vec<Parked>, CloseOutError> {
    if !journal_exists(target).await? {
        return Ok(Vec::new());
    }
    let rows = match target.client().query(&parked_sql(scope), &[]).await {
        // Another session has just dropped the empty journal.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            return Ok(Vec::new());
        }
        rows => rows?,
    };
    let row = |row: &tokio_postgres::Row| {
        let state = match row.try_get("state")? {
            "added" => ParkedState::Added,
            _ => ParkedState::Parked,
        };
        Ok(Parked {
            key: ForeignKey::from_row(row, KeyState::Parked)?,
            validated: row.try_get("validated")?,
            state,
            at: row.try_get("parked_at_text")?,
            by: row.try_get("parked_by")?,
        })
    };
    rows.iter().map(row).collect()
}

/// Whether there is a journal.
///
/// # Errors
/// There is one that belongs to a role that cannot be trusted: what is written in it becomes SQL
/// that the current role runs.
pub(super) async fn journal_exists(target: &Connection) -> Result<bool, CloseOutError> {
    let Some(row) = target.client().query_opt(&journal_sql(), &[]).await? else {
        return Ok(false);
    };
    if row.try_get("trusted")? {
        return Ok(true);
    }
    let owner: String = row.try_get("owner")?;
    Err(CloseOutError::Refused(format!(
        "the journal dms_proxy.fk_journal belongs to role {owner}, and what it says is run as SQL: \
         log in as that role to park and restore"
    )))
}

/// Parks every foreign key with an end in the scope, in one transaction, and gives the journal's
/// rows of the scope. Parking again parks what has come since.
///
/// # Errors
/// Those of [`park_sql`]; nothing has been parked then.
pub async fn park(target: &Connection, scope: &Scope) -> Result<Vec<Parked>, CloseOutError> {
    // Says it better than the server can.
    journal_exists(target).await?;
    let client = target.client();
    fault::point("park-before");
    client.batch_execute("BEGIN").await?;
    let done = async {
        client.batch_execute(&park_sql(scope)).await?;
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
