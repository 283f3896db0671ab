//! Real tools do real loads through the proxy and leave what a direct load leaves. Each test
//! exists only where `tests/setup` found its client.

#[cfg(client = "psql")]
mod csv;
mod drain;
#[cfg(all(client = "psql", client = "pg_dump", client = "pg_restore"))]
mod dump;
mod parallel_load;
#[cfg(client = "pgbench")]
mod pgbench;
#[cfg(all(client = "pgloader", client = "sqlite3"))]
mod pgloader;
#[cfg(all(
    client = "pg_basebackup",
    client = "pg_verifybackup",
    client = "pg_receivewal",
    client = "pg_recvlogical"
))]
mod replication;
mod sources;
mod tool_table;
#[cfg(client = "psql")]
mod vanished;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Cluster, Endpoint, program};

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program that uses libpq, pointed at an endpoint.
fn libpq_program(name: &str, endpoint: &Endpoint) -> Command {
    let mut program = program(name);
    program
        .env("PGHOST", endpoint.address.ip().to_string())
        .env("PGPORT", endpoint.address.port().to_string())
        .env("PGUSER", &endpoint.user)
        .env("PGDATABASE", &endpoint.database);
    program
}

/// Rows and content of some tables, whatever the order of their rows.
fn checksums(database: &str, tables: &[&str]) -> Vec<Vec<String>> {
    let checksum = |table: &&str| {
        format!("SELECT '{table}', count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
    };
    let all: Vec<String> = tables.iter().map(checksum).collect();
    Cluster::shared().query(database, &all.join(" UNION ALL "))
}

/// Waits until a query past the proxy gives this value.
fn wait_for(database: &str, sql: &str, value: &str) {
    let began = Instant::now();
    loop {
        let rows = Cluster::shared().query(database, sql);
        if rows == [[value]] {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{sql}: {rows:?}, not {value}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A directory for the files of one test, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("dms-proxy-test-files-{}-{serial}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
