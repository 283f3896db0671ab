//! Sessions of the proxy's own on the target. The one place that dials for these commands; knows
//! no catalogs.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::{CloseOutError, described};
use crate::target::{Secret, TargetAddress, connect as dial};

/// What every session starts with. Counting and validating take as long as they take; names come
/// out qualified; a policy that would hide rows is an error instead of a wrong count (9.4 has none).
const SETTINGS: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = 0; \
    SET lock_timeout = 0; SET standard_conforming_strings = on; \
    SET default_transaction_isolation = 'read committed'; SET DateStyle = 'ISO'; \
    SET IntervalStyle = 'postgres'; \
    SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'row_security'";

/// Where to log in, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: TargetAddress,
    /// The role.
    pub user: String,
    /// Its password, where the target asks for one.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// libpq's `sslmode`, where one was named.
    pub sslmode: Option<String>,
    /// How long the target may take to answer.
    pub timeout: Duration,
}

/// A session on the target; it ends when this is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Arc<Client>,
    version: i32,
}

impl Connection {
    /// Logs in.
    ///
    /// # Errors
    /// The target cannot be reached, refuses the login, or TLS was asked for.
    pub async fn open(target: &Target) -> Result<Connection, CloseOutError> {
        let refused = |reason| CloseOutError::Connect { address: target.to_string(), reason };
        let session = tokio::time::timeout(target.timeout, connect(target));
        let client = match session.await {
            Ok(session) => session.map_err(refused)?,
            Err(_) => return Err(refused("no answer in time".into())),
        };
        client.batch_execute(SETTINGS).await?;
        let version = client.query_one("SELECT current_setting('server_version_num')::int", &[]);
        let version = version.await?.try_get(0)?;
        Ok(Connection { client: Arc::new(client), version })
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
        write!(f, "{} as {}, database {}", self.address, self.user, self.database)
    }
}

/// A connection that has logged in, without TLS.
async fn connect(target: &Target) -> Result<Client, String> {
    if let Some(mode @ ("require" | "verify-ca" | "verify-full")) = target.sslmode.as_deref() {
        return Err(format!("sslmode={mode} asks for TLS, which this command does not have yet"));
    }
    let stream = dial(&target.address, target.timeout).await.map_err(|error| error.to_string())?;
    let mut config = Config::new();
    config.user(&target.user).dbname(&target.database).application_name("dms-proxy");
    if let Some(password) = &target.password {
        config.password(&password.0);
    }
    let (client, connection) =
        config.connect_raw(stream, NoTls).await.map_err(|error| described(&error))?;
    // It ends when the client is dropped; an error shows at the client's next call.
    tokio::spawn(connection);
    Ok(client)
}
