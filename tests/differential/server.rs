//! A server of its own: some sequences crash PostgreSQL itself, which other tests must not notice.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use super::sequence::configuration;
use crate::support::{Endpoint, Proxy, query};

/// The server of this process. It ends with it.
pub fn server() -> &'static Embedded {
    static SERVER: OnceLock<Embedded> = OnceLock::new();
    SERVER.get_or_init(|| {
        let settings = [
            ("max_prepared_transactions", "100"),
            // What a transaction that is left prepared has locked.
            ("lock_timeout", "100ms"),
            ("autovacuum", "off"),
            // Coming back from a crash takes as long as there is log to replay.
            ("max_wal_size", "48MB"),
            ("min_wal_size", "32MB"),
            // A log of every error would grow too long to look for crashes in.
            ("log_min_messages", "log"),
        ];
        let options = EmbeddedOptions {
            listen_tcp: Some(0),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..EmbeddedOptions::default()
        };
        let server = Embedded::start(&options).unwrap();
        // A role that owns nothing.
        query(&server, "postgres", "CREATE ROLE little");
        server
    })
}

/// A new database.
pub fn create_database() -> Endpoint {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let database = format!("side_{}", SERIAL.fetch_add(1, Ordering::Relaxed));
    let server = server();
    query(server, "postgres", &format!("CREATE DATABASE {database}"));
    let address = server.tcp_address().unwrap();
    Endpoint { address, user: server.superuser().to_owned(), database }
}

/// How often a process of the server has ended by a signal.
pub fn crashes() -> usize {
    let log = std::fs::read(server().log_path()).unwrap_or_default();
    memchr::memmem::find_iter(&log, "was terminated by signal").count()
}

/// A proxy of any binary in front of the server.
pub fn start_proxy(binary: &str, policies: &str) -> Proxy {
    let target = format!("postgres://{}", server().tcp_address().unwrap());
    let program = [binary, "serve", "--listen", "127.0.0.1:0", "--target", &target];
    let text = configuration(policies).unwrap_or_default();
    Proxy::start_program(text, &program).unwrap_or_else(|log| panic!("no proxy:\n{log}"))
}
