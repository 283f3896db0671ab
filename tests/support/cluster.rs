//! One server for the whole test binary, a fresh database for each test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::Endpoint;

/// The server. It ends with the process: nothing drops a static, but its supervisor notices.
pub struct Cluster {
    embedded: Embedded,
}

impl Cluster {
    /// Roles that must log in over TCP, each named after the method it logs in by; the superuser
    /// need not.
    pub const LOGIN_METHODS: [&str; 3] = ["password", "md5", "scram-sha-256"];

    /// The password of these roles.
    pub const PASSWORD: &str = "s3cret 'ü";

    /// The one server of this test binary.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let pg_hba = Self::LOGIN_METHODS
            .map(|method| format!("host all,replication {method} 127.0.0.1/32 {method}"));
        let settings = [("wal_level", "logical"), ("max_prepared_transactions", "20")];
        let options = EmbeddedOptions {
            listen_tcp: Some(0),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            pg_hba: pg_hba.to_vec(),
            ..EmbeddedOptions::default()
        };
        let cluster = Self { embedded: Embedded::start(&options).unwrap() };
        for method in Self::LOGIN_METHODS {
            let stored = if method == "md5" { "md5" } else { "scram-sha-256" };
            let password = Self::PASSWORD.replace('\'', "''");
            cluster.query(
                "postgres",
                &format!(
                    "SET password_encryption = '{stored}';
                     CREATE ROLE \"{method}\" LOGIN PASSWORD '{password}'"
                ),
            );
        }
        cluster
    }

    /// The embedded server itself.
    pub fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// A new database with a name of its own, owned by the superuser.
    pub fn create_database(&self) -> Database {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", SERIAL.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        let endpoint = Endpoint {
            address: self.embedded.tcp_address().unwrap(),
            user: self.embedded.superuser().to_owned(),
            database: name,
        };
        Database { endpoint }
    }

    /// Runs statements past any proxy, by the superuser; gives all rows as text, NULL as `NULL`.
    pub fn query(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        query(&self.embedded, database, sql)
    }
}

/// Runs statements on any embedded server, by the superuser.
pub fn query(embedded: &Embedded, database: &str, sql: &str) -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host_path(embedded.socket_directory()).port(embedded.port());
        config.user(embedded.superuser()).dbname(database);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        let messages = client.simple_query(sql).await;
        drop(client);
        running.await.unwrap().unwrap();
        let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        messages.iter().filter_map(row).collect()
    })
}

fn row(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|column| row.get(column).unwrap_or("NULL").to_owned()).collect())
}

/// A database of one test, dropped with it.
pub struct Database {
    endpoint: Endpoint,
}

impl Database {
    /// Where a client finds it without a proxy.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Runs statements past any proxy; see [`Cluster::query`].
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        Cluster::shared().query(&self.endpoint.database, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that has failed may have left connections behind, and the reason is its own.
        if !std::thread::panicking() {
            let name = &self.endpoint.database;
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
            Cluster::shared().query("postgres", &format!("{end} = '{name}'"));
            Cluster::shared().query("postgres", &format!("DROP DATABASE {name}"));
        }
    }
}
