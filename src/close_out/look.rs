//! A look at a target while a load runs: where foreign keys stand, and how many rows tables may have.

use std::collections::BTreeMap;

use super::Key;
use super::counted::kept_counts;
use super::interrupt::forget_sessions;
use super::working::ANNOUNCED;
use super::{CloseOutError, Connection, KeptCount, KeyState, Scope, Target, foreign_keys, parked};

/// Settings beside those of commands: a load is not held up, and moments are UTC.
const SETTINGS: &str =
    "SET lock_timeout = '1s'; SET statement_timeout = '10s'; SET TimeZone = 'UTC'";

/// Tables whose estimate is asked for at most.
const TABLES_MAX: u32 = 20_000;

/// What a look has found.
#[derive(Clone, Debug, Default)]
pub struct TargetLook {
    /// Foreign keys that do not hold for all rows, and those that had orphans when they were counted last.
    pub foreign_keys: Vec<KeyLook>,
    /// Commands that are at work.
    pub commands: Vec<RunningCommand>,
    /// Schema, table and rows, as the server estimates them.
    pub estimates: Vec<(String, String, u64)>,
}

/// A command that is at work, as far as it has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningCommand {
    /// `finish` or `fk validate`.
    pub command: String,
    /// What it works on, such as `foreign keys`.
    pub phase: String,
    /// How many of them are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
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
    /// What was counted last.
    pub counted: Option<KeptCount>,
}

/// What a session's name says, if it is that of [`announce`](super::announce).
fn running_command(name: &str) -> Option<RunningCommand> {
    let (command, rest) = name.strip_prefix(ANNOUNCED)?.split_once(": ")?;
    let (phase, counts) = rest.rsplit_once(' ')?;
    let (done, total) = counts.split_once('/')?;
    let (command, phase) = (command.to_owned(), phase.to_owned());
    Some(RunningCommand { command, phase, done: done.parse().ok()?, total: total.parse().ok()? })
}

async fn running_commands(session: &Connection) -> Result<Vec<RunningCommand>, CloseOutError> {
    let sql = "SELECT a.application_name FROM pg_catalog.pg_stat_activity a
        WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
            AND a.application_name OPERATOR(pg_catalog.~~) 'dms-proxy %: % %/%'";
    let mut commands = Vec::new();
    for row in session.client().query(sql, &[]).await? {
        commands.extend(running_command(row.try_get(0)?));
    }
    Ok(commands)
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
    let counts = kept_counts(&session).await?.into_iter();
    let mut counts: BTreeMap<Key, KeptCount> =
        counts.map(|count| (count.key.clone(), count)).collect();
    let keys = keys.into_iter().map(|key| KeyLook {
        parked: moments.remove(&key.key()).filter(|_| key.state == KeyState::Parked),
        counted: counts.remove(&key.key()),
        key: key.key(),
        referenced: key.referenced_sql,
        state: key.state,
    });
    let is_shown = |key: &KeyLook| key.state != KeyState::Valid || key.counted.is_some();
    let foreign_keys = keys.filter(is_shown).collect();
    let commands = running_commands(&session).await?;
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
    Ok(TargetLook { foreign_keys, commands, estimates })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_commands_are_read() {
        let found = running_command("dms-proxy fk validate: foreign keys 98/199").unwrap();
        let (command, phase) = ("fk validate".to_owned(), "foreign keys".to_owned());
        assert_eq!(found, RunningCommand { command, phase, done: 98, total: 199 });
        for other in
            ["dms-proxy", "dms-proxy finish: keys", "x finish: a 1/2", "dms-proxy a: b 1/x"]
        {
            assert_eq!(running_command(other), None, "{other}");
        }
    }
}
