//! The tools that speak to a walsender take through the proxy what they take from the server: base
//! backups, the log itself, and the changes decoded from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use super::{Scratch, libpq_program};
use crate::support::{Endpoint, Proxy, assert_same, query, run};

/// A server of their own: a backup or a slot concerns the whole cluster, and nothing else may write
/// to its log.
struct Source {
    embedded: Embedded,
    proxy: Proxy,
}

impl Source {
    fn start() -> Self {
        let settings = [("wal_level", "logical"), ("autovacuum", "off"), ("wal_keep_size", "64MB")];
        let options = EmbeddedOptions {
            listen_tcp: Some(0),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..EmbeddedOptions::default()
        };
        let embedded = Embedded::start(&options).unwrap();
        let proxy = Proxy::start_before(embedded.tcp_address().unwrap(), "", &[]);
        Self { embedded, proxy }
    }

    fn query(&self, sql: &str) -> Vec<Vec<String>> {
        query(&self.embedded, "postgres", sql)
    }

    /// The server, then the proxy in front of it, each with a name for files and slots.
    fn ways(&self) -> [(&'static str, Endpoint); 2] {
        let direct = Endpoint {
            address: self.embedded.tcp_address().unwrap(),
            user: self.embedded.superuser().to_owned(),
            database: "postgres".to_owned(),
        };
        let proxied = self.proxy.endpoint(&direct);
        [("direct", direct), ("proxied", proxied)]
    }
}

/// The files below a directory, with their lengths.
fn files(directory: &Path, below: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(directory.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => files(directory, &path, found),
            metadata => drop(found.insert(path.display().to_string(), metadata.len())),
        }
    }
}

#[test]
fn base_backups_are_whole() {
    let (source, scratch) = (Source::start(), Scratch::new());
    source.query("CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
    let [direct, proxied] = source.ways().map(|(way, endpoint)| {
        let directory = scratch.path().join(way);
        let mut backup = libpq_program("pg_basebackup", &endpoint);
        backup.env_remove("PGDATABASE").arg("--pgdata").arg(&directory);
        backup.args(["--checkpoint", "fast", "--wal-method", "stream"]);
        backup.args(["--manifest-checksums", "SHA256"]);
        run(&mut backup, b"").success();
        // Reads every file again, and the log that came by the second connection.
        let verify = &mut libpq_program("pg_verifybackup", &endpoint);
        let said = run(verify.arg(&directory), b"").success();
        assert_eq!(said, "backup successfully verified\n");
        let mut found = BTreeMap::new();
        files(&directory, Path::new(""), &mut found);
        // Which segment is current, and how long its names make the label, moves with each backup.
        let moves = |name: &str| name.starts_with("pg_wal/") || name.starts_with("backup_");
        found.retain(|name, _| !moves(name));
        found
    });
    assert!(direct.values().sum::<u64>() > 20_000_000, "{direct:?}");
    assert_same(&direct, &proxied);
}

#[test]
fn the_log_arrives_byte_for_byte() {
    let (source, scratch) = (Source::start(), Scratch::new());
    for (way, _) in source.ways() {
        source.query(&format!("SELECT pg_create_physical_replication_slot('{way}', true)"));
    }
    // Two segments that are complete, and the start of a third.
    for _ in 0..2 {
        source.query("CREATE TABLE IF NOT EXISTS t (a int, b text)");
        source.query("INSERT INTO t SELECT n, repeat('x', 300) FROM generate_series(1, 9000) n");
        source.query("SELECT pg_switch_wal()");
    }
    source.query("INSERT INTO t VALUES (0, 'the last')");
    let end = &source.query("SELECT pg_current_wal_flush_lsn()")[0][0];
    let [direct, proxied] = source.ways().map(|(way, endpoint)| {
        let directory = scratch.path().join(way);
        fs::create_dir(&directory).unwrap();
        let mut receive = libpq_program("pg_receivewal", &endpoint);
        receive.env_remove("PGDATABASE").arg("--directory").arg(&directory);
        receive.args(["--slot", way, "--endpos", end, "--no-loop", "--synchronous"]);
        run(&mut receive, b"").success();
        let segments = fs::read_dir(&directory).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            (path.file_name().unwrap().to_owned(), bytes)
        });
        segments.collect::<BTreeMap<_, _>>()
    });
    assert!(direct.len() >= 3, "{:?}", direct.keys());
    // Segments of 16 MB are too long to show.
    assert_same(&direct.keys().collect::<Vec<_>>(), &proxied.keys().collect::<Vec<_>>());
    for (name, bytes) in &direct {
        assert!(bytes == &proxied[name], "{} differs", name.display());
    }
}

/// What a slot has to tell, from its creation by this tool to the end of the log.
fn decoded(source: &Source, way: &str, endpoint: &Endpoint) -> String {
    let tool = |arguments: &[&str]| {
        let mut receive = libpq_program("pg_recvlogical", endpoint);
        receive.env_remove("PGDATABASE").args(["--dbname", "postgres", "--slot", way]);
        run(receive.args(arguments), b"").success()
    };
    tool(&["--create-slot", "--plugin", "test_decoding"]);
    source.query(
        "CREATE TABLE t (a int PRIMARY KEY, b text);
         INSERT INTO t VALUES (1, 'one'), (2, E'two\\nlines \\\\ and é'), (3, NULL)",
    );
    source.query("BEGIN; UPDATE t SET b = repeat('long ', 100000) WHERE a = 3; DELETE FROM t WHERE a = 1; COMMIT");
    source.query("BEGIN; INSERT INTO t VALUES (4, 'undone'); ROLLBACK");
    source.query("TRUNCATE t; DROP TABLE t");
    let end = &source.query("SELECT pg_current_wal_flush_lsn()")[0][0];
    let options = ["--option", "include-xids=0", "--no-loop", "--file", "-"];
    let said = tool(&[&["--start", "--endpos", end], &options[..]].concat());
    tool(&["--drop-slot"]);
    said
}

#[test]
fn changes_are_decoded_alike() {
    let source = Source::start();
    let [direct, proxied] = source.ways().map(|(way, endpoint)| decoded(&source, way, &endpoint));
    assert_same(&direct, &proxied);
    assert!(direct.contains("table public.t: INSERT: a[integer]:1 b[text]:'one'\n"), "{direct}");
    assert!(direct.contains("table public.t: TRUNCATE: (no-flags)\n") && direct.len() > 500_000);
    assert!(!direct.contains("undone"));
}
