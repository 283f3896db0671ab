//! Restoring foreign keys from the journal, one by one, so that one that cannot come back keeps no
//! other one from it. Every step is one transaction, so that a crash leaves the journal true.

use tokio_postgres::error::SqlState;

use super::interrupt::note_done;
use super::journal::{journal_key_of, lock_journal, roll_back_on_error};
use super::own_table::is_gone;
use super::strangers::refuse_code_of_others_in;
use super::working::{Task, begin_phase};
use super::{CloseOutError, Connection, ForeignKey, KeyState, Parked, Scope, fault, parked};
use crate::parking::spelling::quoted_literal;
use crate::parking::{
    add_sql, all_parked_sql, blockers_sql, comment_sql, journal_key, lock_sql, park_one_sql,
    unmark_sql, validate_sql,
};

/// How often a step that the server gave up for a deadlock is tried again.
pub(super) const DEADLOCK_RETRIES_MAX: u32 = 5;

/// A row if the journal has none and may be dropped.
const EMPTY_AND_OWN: &str = "SELECT 1 FROM pg_catalog.pg_class c
    WHERE c.oid OPERATOR(pg_catalog.=) 'dms_proxy.fk_journal'::pg_catalog.regclass
    AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
    AND NOT EXISTS (SELECT 1 FROM ONLY dms_proxy.fk_journal)";

/// A row if nothing is in the proxy's schema and it may be dropped.
const SCHEMA_EMPTY_AND_OWN: &str = "SELECT 1 FROM pg_catalog.pg_namespace n
    WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
    AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
        AND d.refobjid OPERATOR(pg_catalog.=) n.oid)";

/// The first version that takes NOT VALID for a foreign key of a partitioned table, and that
/// validates one that refers to a partitioned table with all the rows of its partitions in the
/// catalogs.
const NOT_VALID_WITH_PARTITIONS: i32 = 180_000;

/// What became of one row of the journal.
#[derive(Clone, Debug)]
pub struct RestoreLine {
    /// The foreign key.
    pub key: ForeignKey,
    /// What became of it.
    pub outcome: RestoreOutcome,
}

/// What became of one row of the journal.
#[derive(Clone, Debug)]
pub enum RestoreOutcome {
    /// It is as it was before it was parked; the row is gone.
    Restored,
    /// It is on its table, not validated; the row says that it is to be.
    Added,
    /// It is on its table, and rows without a parent keep it from being valid; the row says so.
    Orphans(String),
    /// It could not be added; the row is as it was.
    Failed(String),
}

/// Adds every parked foreign key of the scope to its table again; with `validate` also makes those
/// valid that were. A row that another session restores at the same time counts as restored.
///
/// # Errors
/// The journal cannot be read or the connection broke. What is wrong with one foreign key is in
/// its line.
pub async fn restore(
    target: &Connection,
    scope: &Scope,
    validate: bool,
) -> Result<Vec<RestoreLine>, CloseOutError> {
    let mut lines = Vec::new();
    let rows = parked(target, scope).await?;
    if !rows.is_empty() {
        begin_phase("parked foreign keys", rows.iter().map(|_| 1.0));
    }
    for row in rows {
        let task = Task::begin(named(&row.key), target, 1.0);
        let outcome = add(target, &row).await?;
        drop(task);
        let name = named(&row.key);
        match outcome {
            RestoreOutcome::Restored => note_done(format!("restored {name}")),
            RestoreOutcome::Added => note_done(format!("added {name}, not yet validated")),
            _ => {}
        }
        lines.push(RestoreLine { key: row.key, outcome });
    }
    if validate {
        for line in &mut lines {
            if matches!(line.outcome, RestoreOutcome::Added) {
                line.outcome = validate_added(target, &line.key).await?;
            }
        }
    }
    drop_empty_journal(target).await?;
    Ok(lines)
}

/// Makes a foreign key valid that is on its table again, and forgets its row.
///
/// # Errors
/// The connection broke.
pub(super) async fn validate_added(
    target: &Connection,
    key: &ForeignKey,
) -> Result<RestoreOutcome, CloseOutError> {
    let mut retries = 0;
    loop {
        let error = match roll_back_on_error(target, validated(target, key).await).await {
            Ok(()) => {
                note_done(format!("validated {}", named(key)));
                return Ok(RestoreOutcome::Restored);
            }
            Err(error) => error,
        };
        if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) && retries < DEADLOCK_RETRIES_MAX
        {
            retries += 1;
            continue;
        }
        let violated = error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION);
        let text = failure(target, key, error).await?;
        return Ok(if violated {
            RestoreOutcome::Orphans(text)
        } else {
            RestoreOutcome::Failed(text)
        });
    }
}

fn named(key: &ForeignKey) -> String {
    format!("{} {}", key.table_sql, key.name_sql)
}

async fn validated(target: &Connection, key: &ForeignKey) -> Result<(), CloseOutError> {
    let client = target.client();
    let of_key = journal_key(&key.schema, &key.table, &key.name);
    client.batch_execute("BEGIN").await?;
    validate_on_table(target, key).await?;
    fault::point("validate-uncommitted");
    let delete = format!(
        "DELETE FROM ONLY dms_proxy.fk_journal WHERE {of_key} \
         AND state OPERATOR(pg_catalog.=) 'added'"
    );
    let deleted = async {
        if lock_journal(target, true).await? {
            client.batch_execute(&delete).await?;
        }
        Ok(())
    };
    match deleted.await {
        // Another session has done the same, and then dropped the empty journal.
        Err(error @ CloseOutError::Statement(_)) if is_gone(&error) => {
            client.batch_execute("ROLLBACK").await?;
        }
        deleted => {
            deleted?;
            client.batch_execute("COMMIT").await?;
        }
    }
    fault::point("validate-committed");
    Ok(())
}

/// Has the target look at every row of a foreign key on its table, unless that runs code of others.
///
/// # Errors
/// Rows have no parent, or code of others would run, or the connection broke.
pub(super) async fn validate_on_table(
    target: &Connection,
    key: &ForeignKey,
) -> Result<(), CloseOutError> {
    let on_table = ForeignKey { state: KeyState::NotValid, ..key.clone() };
    refuse_code_of_others_in(target, &on_table).await?;
    let sql = validate_sql(&key.schema, &key.table, &key.name);
    Ok(target.client().batch_execute(&sql).await?)
}

/// Adds one foreign key again, trying again after a deadlock.
async fn add(target: &Connection, row: &Parked) -> Result<RestoreOutcome, CloseOutError> {
    let mut retries = 0;
    loop {
        let error = match roll_back_on_error(target, added(target, &row.key).await).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) && retries < DEADLOCK_RETRIES_MAX
        {
            retries += 1;
            continue;
        }
        return Ok(RestoreOutcome::Failed(failure(target, &row.key, error).await?));
    }
}

/// One transaction: the row as it now stands, the constraint, the row's new state.
async fn added(target: &Connection, key: &ForeignKey) -> Result<RestoreOutcome, CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN").await?;
    client.batch_execute(&lock_sql()).await?;
    let outcome = add_from_row(target, key).await?;
    fault::point("restore-uncommitted");
    client.batch_execute("COMMIT").await?;
    fault::point("restore-committed");
    Ok(outcome)
}

/// Drops a valid foreign key and adds it again as NOT VALID, in one transaction and by way of the
/// journal, and has the target validate it: its own word that every row has a parent.
///
/// # Errors
/// The connection broke.
pub(super) async fn revalidate(
    target: &Connection,
    key: &ForeignKey,
) -> Result<RestoreOutcome, CloseOutError> {
    let client = target.client();
    let added_anew = async {
        client.batch_execute("BEGIN").await?;
        let waits = target.lock_timeout_seconds();
        client.batch_execute(&park_one_sql(&key.schema, &key.table, &key.name, waits)).await?;
        let outcome = add_from_row(target, key).await?;
        client.batch_execute("COMMIT").await?;
        fault::point("revalidate-added");
        Ok(outcome)
    };
    match roll_back_on_error(target, added_anew.await).await {
        Ok(RestoreOutcome::Added) => validate_added(target, key).await,
        Ok(outcome) => Ok(outcome),
        Err(error) => Ok(RestoreOutcome::Failed(failure(target, key, error).await?)),
    }
}

/// Inside a transaction that holds the lock.
async fn add_from_row(
    target: &Connection,
    key: &ForeignKey,
) -> Result<RestoreOutcome, CloseOutError> {
    let client = target.client();
    let of_key = journal_key(&key.schema, &key.table, &key.name);
    if !lock_journal(target, true).await? {
        return Ok(RestoreOutcome::Restored);
    }
    let sql = format!("{} WHERE {of_key}", all_parked_sql());
    let Some(row) = client.query_opt(&sql, &[]).await? else {
        return Ok(RestoreOutcome::Restored);
    };
    let now = journal_key_of(&row)?;
    let marker: String = row.try_get("marker")?;
    let was_valid: bool = row.try_get("validated")?;
    let is_valid = match on_table(target, &now).await? {
        Some((definition, is_valid)) if definition == now.definition => is_valid,
        Some((definition, _)) => {
            return Err(CloseOutError::Refused(format!(
                "a constraint of that name is there, and says {definition} instead of {}",
                now.definition
            )));
        }
        None => put_on_table(target, &now, was_valid).await?,
    };
    fault::point("restore-added");
    let outcome = if was_valid && !is_valid {
        let update = format!("UPDATE ONLY dms_proxy.fk_journal SET state = 'added' WHERE {of_key}");
        client.batch_execute(&update).await?;
        RestoreOutcome::Added
    } else {
        let delete = format!("DELETE FROM ONLY dms_proxy.fk_journal WHERE {of_key}");
        client.batch_execute(&delete).await?;
        RestoreOutcome::Restored
    };
    let unmark = unmark_sql(&now.schema, &now.table);
    if let Some(row) = client.query_opt(&unmark, &[&marker]).await? {
        client.batch_execute(row.try_get(0)?).await?;
    }
    Ok(outcome)
}

/// The definition and the validity of a constraint of this name, if its table has one.
async fn on_table(
    target: &Connection,
    key: &ForeignKey,
) -> Result<Option<(String, bool)>, CloseOutError> {
    let sql = format!(
        "SELECT pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(c.oid), \
             ' NOT VALID$', ''), c.convalidated
         FROM pg_catalog.pg_constraint c
         JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) c.conrelid
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
         WHERE n.nspname OPERATOR(pg_catalog.=) {} AND t.relname OPERATOR(pg_catalog.=) {}
         AND c.conname OPERATOR(pg_catalog.=) {}",
        quoted_literal(&key.schema),
        quoted_literal(&key.table),
        quoted_literal(&key.name)
    );
    let row = target.client().query_opt(&sql, &[]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Adds the constraint and its comment; gives whether it is valid now. Where the server cannot bring
/// it back by way of NOT VALID it looks at every row at once.
async fn put_on_table(
    target: &Connection,
    key: &ForeignKey,
    was_valid: bool,
) -> Result<bool, CloseOutError> {
    let ForeignKey { schema, table, name, .. } = key;
    let can_wait = !(key.partitioned || key.referenced_partitioned && was_valid)
        || target.version() >= NOT_VALID_WITH_PARTITIONS;
    let is_enforced = key.is_enforced();
    let mut definition = key.definition.clone();
    if can_wait && is_enforced {
        definition.push_str(" NOT VALID");
    }
    let client = target.client();
    if !can_wait {
        refuse_code_of_others_in(target, key).await?;
    }
    // Prepared, so that the words of the journal are one statement and no more.
    client.execute(&add_sql(schema, table, name, &definition), &[]).await?;
    if let Some(comment) = &key.comment {
        client.execute(&comment_sql(schema, table, name, comment), &[]).await?;
    }
    Ok(is_enforced && !can_wait)
}

/// Drops a journal that has no rows, so that the target is left as it was and the next one who
/// parks has a journal of their own. The schema stays if anything else is in it.
pub(super) async fn drop_empty_journal(target: &Connection) -> Result<(), CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN").await?;
    let dropped = async {
        client.batch_execute(&lock_sql()).await?;
        if lock_journal(target, true).await?
            && client.query_opt(EMPTY_AND_OWN, &[]).await?.is_some()
        {
            client.batch_execute("DROP TABLE dms_proxy.fk_journal").await?;
            if client.query_opt(SCHEMA_EMPTY_AND_OWN, &[]).await?.is_some() {
                client.batch_execute("DROP SCHEMA dms_proxy").await?;
            }
        }
        Ok(client.batch_execute("COMMIT").await?)
    };
    match roll_back_on_error(target, dropped.await).await {
        // Another session uses it; the next one that restores drops it.
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(()),
        outcome => outcome,
    }
}

/// The text of an error about one foreign key; an error that ends the session ends the command. Where
/// a lock came too late it names the sessions that hold one now.
async fn failure(
    target: &Connection,
    key: &ForeignKey,
    error: CloseOutError,
) -> Result<String, CloseOutError> {
    let client = target.client();
    if client.is_closed() {
        return Err(error);
    }
    let text = error.to_string();
    if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return Ok(text);
    }
    let relation = |table: &str| format!("{}::pg_catalog.regclass", quoted_literal(table));
    let (child, parent) = (relation(&key.table_sql), relation(&key.referenced_sql));
    let sql = blockers_sql(&[&child, &parent]);
    // What it says comes on top: the first error is the one to tell.
    let row = client.query_one(&sql, &[]).await;
    let blockers: Option<String> = row.and_then(|row| row.try_get(0)).unwrap_or_default();
    Ok(blockers.map_or_else(|| text.clone(), |blockers| format!("{text}; {blockers}")))
}
