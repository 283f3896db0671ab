//! A database is dumped by pg_dump and restored by psql and by pg_restore; what is restored through
//! the proxy is dumped again and compared byte for byte.

use std::path::Path;
use std::sync::OnceLock;

use super::{Scratch, libpq_program};
use crate::support::{Cluster, Database, Endpoint, Proxy, assert_same, command, psql, run};

const SCHEMA: &str = include_str!("schema.sql");

/// The database that is dumped, made once.
fn original() -> &'static Endpoint {
    static ORIGINAL: OnceLock<Database> = OnceLock::new();
    let make = || {
        let database = Cluster::shared().create_database();
        psql(database.endpoint(), &["--set=ON_ERROR_STOP=1"], SCHEMA).success();
        database
    };
    ORIGINAL.get_or_init(make).endpoint()
}

/// A proxy that leaves columns of type json alone.
fn keeping_json() -> Proxy {
    Proxy::start("[mapping]\njson = \"keep\"\n", &[])
}

/// Dumps into a file.
fn dump(endpoint: &Endpoint, arguments: &[&str], file: &Path) {
    let mut pg_dump = libpq_program("pg_dump", endpoint);
    // What the proxy itself keeps on the target is its own.
    pg_dump.arg("--exclude-schema=dms_proxy");
    run(pg_dump.args(arguments).arg("--file").arg(file), b"").success();
}

/// The dump as text, without the random key that it is restored under.
fn text(endpoint: &Endpoint, files: &Scratch) -> String {
    let file = files.path().join(format!("{}.text", endpoint.database));
    dump(endpoint, &[], &file);
    let text = std::fs::read_to_string(file).unwrap();
    let is_key = |line: &&str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    text.split_inclusive('\n').filter(|line| !is_key(line)).collect()
}

fn restore_by_psql(endpoint: &Endpoint, file: &Path) {
    assert_eq!(told_by_psql(endpoint, file), "");
}

/// Restores by psql; gives what that has told.
fn told_by_psql(endpoint: &Endpoint, file: &Path) -> String {
    let arguments = ["--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file"];
    let finished = psql(endpoint, &[&arguments[..], &[file.to_str().unwrap()]].concat(), "");
    let told = finished.stderr.clone();
    finished.success();
    told
}

fn restore_by_pg_restore(endpoint: &Endpoint, file: &Path) {
    let mut pg_restore = libpq_program("pg_restore", endpoint);
    pg_restore.args(["--exit-on-error", "--jobs=2", "--dbname", &endpoint.database]).arg(file);
    let finished = run(&mut pg_restore, b"");
    assert_eq!(finished.stderr, "");
    finished.success();
}

/// Restores a dump into a fresh database through the proxy and dumps that.
fn restored(proxy: &Proxy, files: &Scratch, restore: impl Fn(&Endpoint)) -> String {
    let database = Cluster::shared().create_database();
    restore(&proxy.endpoint(database.endpoint()));
    text(database.endpoint(), files)
}

/// The same past the proxy, by psql.
fn restored_directly(files: &Scratch, file: &Path) -> String {
    let database = Cluster::shared().create_database();
    restore_by_psql(database.endpoint(), file);
    let text = text(database.endpoint(), files);
    assert!(text.lines().count() > 100_000);
    text
}

#[test]
fn restored_databases_are_the_same_when_json_is_kept() {
    let files = Scratch::new();
    let (original, proxy) = (original(), keeping_json());
    let (plain, custom) = (files.path().join("plain"), files.path().join("custom"));
    // The way out is the proxy's as well.
    dump(&proxy.endpoint(original), &[], &plain);
    dump(original, &["--format=custom", "--compress=1"], &custom);
    let direct = restored_directly(&files, &plain);
    assert_same(&direct, &text(original, &files));
    let by_psql = restored(&proxy, &files, |endpoint| restore_by_psql(endpoint, &plain));
    assert_same(&direct, &by_psql);
    let by_jobs = restored(&proxy, &files, |endpoint| restore_by_pg_restore(endpoint, &custom));
    assert_same(&direct, &by_jobs);
    // All that pg_dump writes is understood.
    let log = proxy.log();
    let sessions: Vec<_> = log.lines().filter(|line| line.contains("session ended")).collect();
    assert!(sessions.len() > 2, "{log}");
    assert!(sessions.iter().all(|line| line.contains(" not_understood=0 ")), "{log}");
}

#[test]
fn json_columns_alone_become_text() {
    let files = Scratch::new();
    let plain = files.path().join("plain");
    dump(original(), &[], &plain);
    let direct = restored_directly(&files, &plain);
    let by_psql = restored(Proxy::shared(), &files, |endpoint| {
        let told = told_by_psql(endpoint, &plain);
        assert!(
            told.contains("NOTICE:  columns \"document\", \"json\", \"documents\" of"),
            "{told}"
        );
        assert!(told.contains("mapping.json") && told.lines().count() == 2, "{told}");
    });
    let columns = ["    document json NOT NULL,\n", "    json json,\n", "    documents json[],\n"];
    let expected = columns.into_iter().fold(direct, |dump, column| {
        assert_eq!(dump.matches(column).count(), 1, "{column}");
        dump.replace(column, &column.replace(" json", " text").replace(" text text", " json text"))
    });
    assert_same(&expected, &by_psql);
}

/// Rows into tables that have their keys already, cycles among them: only silenced keys let that
/// happen. Rows come as INSERTs of several rows.
#[test]
fn rows_alone_go_into_tables_with_keys_in_cycles() {
    let files = Scratch::new();
    let original = original();
    let parts = ["--section=pre-data", "--section=post-data"];
    let (schema, rows) = (files.path().join("schema"), files.path().join("rows"));
    dump(original, &parts, &schema);
    dump(original, &["--section=data", "--rows-per-insert=200"], &rows);
    let direct = Cluster::shared().create_database();
    restore_by_psql(direct.endpoint(), &schema);
    let arguments = ["--set=ON_ERROR_STOP=1", "--file", rows.to_str().unwrap()];
    let refused = psql(direct.endpoint(), &arguments, "").stderr;
    assert!(refused.contains("violates foreign key constraint"), "{refused}");
    let proxy = keeping_json();
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    restore_by_psql(&endpoint, &schema);
    // A table has a trigger that acts as it does without the proxy, so its keys are parked.
    let arguments = ["--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file"];
    let finished = psql(&endpoint, &[&arguments[..], &[rows.to_str().unwrap()]].concat(), "");
    let warned = "WARNING:  foreign keys of \"Sales & Co\".\"orders\" are parked";
    assert!(finished.stderr.contains(warned), "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("WARNING").count(), 1, "{}", finished.stderr);
    finished.success();
    let mut restore = command(env!("CARGO_BIN_EXE_dms-proxy"));
    let Endpoint { address, user, database: name } = database.endpoint();
    let target = format!("postgresql://{user}@{address}/{name}");
    restore.args(["fk", "restore", "--target", &target]).current_dir(files.path());
    run(&mut restore, b"").success();
    assert_same(&text(original, &files), &text(database.endpoint(), &files));
}
