//! Sessions of the proxy's own on the target. The one place that dials for these commands; knows
//! no catalogs.

use std::sync::Arc;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::interrupt::note_session;
use super::{CloseOutError, described};
use crate::login::CommandLogin;
use crate::policy::Pooler;
use crate::target::{self, Secret};

/// What every session starts with. Counting and validating take as long as they take; names come
/// out qualified; a policy that would hide rows is an error instead of a wrong count (9.4 has none);
/// compiling the questions about the catalogs would take longer than answering them.
const SETTINGS: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = 0; \
    SET standard_conforming_strings = on; \
    SET default_transaction_isolation = 'read committed'; SET DateStyle = 'ISO'; \
    SET IntervalStyle = 'postgres'; \
    SELECT pg_catalog.set_config(s.name, 'off', false) FROM pg_catalog.pg_settings s \
    WHERE s.name OPERATOR(pg_catalog.=) 'row_security' OR s.name OPERATOR(pg_catalog.=) 'jit'";

/// Asks for the process that serves the session.
const PROCESS: &str = "SELECT pg_catalog.pg_backend_pid()";

/// The process that an answer names; 0 for none.
fn process_of(answer: &[SimpleQueryMessage]) -> i32 {
    let value = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    value.unwrap_or(0)
}

/// The first version with `current_setting(name, missing_ok)`.
const MISSING_OK: i32 = 90_600;

/// Whether the target is a node of Citus, which has this setting.
const IS_CITUS: &str = "SELECT pg_catalog.current_setting('citus.shard_count', true) \
    OPERATOR(pg_catalog.<>) ''";

/// Where to log in, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is, and the way to it.
    pub server: target::Target,
    /// The role.
    pub user: String,
    /// Its password, where the target asks for one.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// Settings of the session, as arguments of the server (`-c name=value`).
    pub options: Option<String>,
    /// What the session calls itself.
    pub application_name: String,
    /// How long a statement waits for a lock, in seconds; 0 means no limit.
    pub lock_timeout_seconds: u32,
    /// What stands between.
    pub pooler: Pooler,
}

/// A session on the target; it ends when this is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Arc<Client>,
    version: i32,
    lock_timeout_seconds: u32,
    is_citus: bool,
    is_pooled: bool,
    process: i32,
}

impl Connection {
    /// Logs in.
    ///
    /// # Errors
    /// The target cannot be reached, refuses the login, has no TLS that is good enough, or is behind a
    /// pooler that was not named.
    pub async fn open(target: &Target) -> Result<Connection, CloseOutError> {
        let refused = |reason| CloseOutError::Connect { address: target.to_string(), reason };
        let session = tokio::time::timeout(target.server.connect_timeout(), connect(target));
        let (client, key) = match session.await {
            Ok(session) => session.map_err(refused)?,
            Err(_) => return Err(refused("no answer in time".into())),
        };
        // Before anything is set or prepared, which other clients of a pooler would get.
        let process = process_of(&client.simple_query(PROCESS).await?);
        let is_pooled = key.is_some_and(|key| key != process && process > 0);
        if is_pooled && target.pooler == Pooler::None {
            return Err(CloseOutError::Pooled(target.to_string()));
        }
        client.batch_execute(SETTINGS).await?;
        let lock_timeout_seconds = target.lock_timeout_seconds;
        client.batch_execute(&format!("SET lock_timeout = '{lock_timeout_seconds}s'")).await?;
        let version = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
        let version = client.query_one(version, &[]).await?.try_get(0)?;
        let mut is_citus = false;
        if version >= MISSING_OK {
            let row = client.query_one(IS_CITUS, &[]).await?;
            is_citus = row.try_get::<_, Option<bool>>(0)?.unwrap_or(false);
        }
        if is_citus {
            // Constraints of reference and of distributed tables are not changed together otherwise.
            client.batch_execute("SET citus.multi_shard_modify_mode = 'sequential'").await?;
        }
        let client = Arc::new(client);
        Ok(Connection { client, version, lock_timeout_seconds, is_citus, is_pooled, process })
    }

    /// How long a statement waits for a lock, in seconds; 0 means no limit.
    pub fn lock_timeout_seconds(&self) -> u32 {
        self.lock_timeout_seconds
    }

    /// Whether the target is a node of Citus.
    pub fn is_citus(&self) -> bool {
        self.is_citus
    }

    /// Whether a pooler stands in front of it.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// Its process on the target.
    pub(super) fn process(&self) -> i32 {
        self.process
    }

    /// The client half.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// `server_version_num`, 150004 for 15.4.
    pub fn version(&self) -> i32 {
        self.version
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} as {}, database {}", self.server.address(), self.user, self.database)
    }
}

/// A connection that has logged in, and the process that its key for cancels names. TLS and the log-in are done below the client library, so that
/// they are those of the proxy: `require_auth` and channel binding among them.
async fn connect(target: &Target) -> Result<(Client, Option<i32>), String> {
    let login = CommandLogin {
        user: &target.user,
        password: target.password.as_ref().map(|password| password.0.as_str()),
        database: &target.database,
        options: target.options.as_deref(),
        application_name: &target.application_name,
    };
    let stream = login.log_in(&target.server).await.map_err(|error| error.to_string())?;
    let key = stream.process();
    let mut config = Config::new();
    config.user(&target.user).dbname(&target.database);
    let (client, connection) =
        config.connect_raw(stream, NoTls).await.map_err(|error| described(&error))?;
    // It ends when the client is dropped; an error shows at the client's next call.
    tokio::spawn(connection);
    note_session(client.cancel_token(), &target.server);
    Ok((client, key))
}
