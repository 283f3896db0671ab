//! A look at a target while a load runs: where foreign keys stand, and how many rows tables may have.

use std::collections::BTreeMap;

use super::Key;
use super::interrupt::forget_sessions;
use super::{CloseOutError, Connection, KeyState, Scope, Target, foreign_keys, parked};

/// Settings beside those of commands: a load is not held up, and moments are UTC.
const SETTINGS: &str =
    "SET lock_timeout = '1s'; SET statement_timeout = '10s'; SET TimeZone = 'UTC'";

/// Tables whose estimate is asked for at most.
const TABLES_MAX: u32 = 20_000;

/// What a look has found.
#[derive(Clone, Debug, Default)]
pub struct TargetLook {
    /// Foreign keys that do not hold for all rows.
    pub foreign_keys: Vec<KeyLook>,
    /// Schema, table and rows, as the server estimates them.
    pub estimates: Vec<(String, String, u64)>,
}

/// A foreign key that does not hold for all rows.
#[derive(Clone, Debug)]
pub struct KeyLook {
    /// Schema, table and name.
    pub key: Key,
    /// The referenced table, qualified and quoted.
    pub referenced: String,
    /// Where it stands.
    pub state: KeyState,
    /// When it was parked, as the target writes it in UTC, and by whom.
    pub parked: Option<(String, String)>,
}

/// Looks at a database, in a session of its own that is closed again.
///
/// # Errors
/// The target cannot be asked, or refused to say.
pub async fn look(target: &Target) -> Result<TargetLook, CloseOutError> {
    // The process that looks again and again is not interrupted.
    forget_sessions();
    let session = Connection::open(target).await?;
    session.client().batch_execute(SETTINGS).await?;
    let all = Scope::default();
    let mut moments: BTreeMap<Key, (String, String)> = BTreeMap::new();
    for row in parked(&session, &all).await? {
        moments.insert(row.key.key(), (row.at, row.by));
    }
    let keys = foreign_keys(&session, &all).await?;
    let keys = keys.into_iter().filter(|key| key.state != KeyState::Valid).map(|key| KeyLook {
        parked: moments.remove(&key.key()).filter(|_| key.state == KeyState::Parked),
        key: key.key(),
        referenced: key.referenced_sql,
        state: key.state,
    });
    let foreign_keys = keys.collect();
    let sql = format!(
        "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
            c.reltuples::pg_catalog.int8
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[])
            AND c.reltuples OPERATOR(pg_catalog.>) 0 AND {}
        ORDER BY c.reltuples DESC LIMIT {TABLES_MAX}",
        all.covers_schema("n.nspname::pg_catalog.text")
    );
    let mut estimates = Vec::new();
    for row in session.client().query(&sql, &[]).await? {
        let rows = u64::try_from(row.try_get::<_, i64>(2)?).unwrap_or(0);
        estimates.push((row.try_get(0)?, row.try_get(1)?, rows));
    }
    Ok(TargetLook { foreign_keys, estimates })
}
