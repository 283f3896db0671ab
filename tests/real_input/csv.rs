//! Files of AWS DMS loaded the way it loads them: psql's `\copy` with DMS's own options, child
//! table first.

use std::fmt::Write;
use std::path::Path;

use super::{Scratch, checksums, libpq_program};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire, run, transcript};

const DEFINITIONS: &str = r#"
CREATE SCHEMA "s";
CREATE TABLE "s"."parent" ("id" INT8 PRIMARY KEY, "name" WSTRING(100) NOT NULL);
CREATE TABLE "s"."t" (
    "id" INT4 PRIMARY KEY,
    "parent" INT8 REFERENCES "s"."parent" ("id"),
    "name" WSTRING(400),
    "note" NCLOB,
    "at" DATETIME(6),
    "amount" NUMERIC(12,2));
"#;
const TABLES: [&str; 2] = ["s.parent", "s.t"];
const OPTIONS: &str = r"WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\'";
const ROWS: usize = 20_000;

/// The values of "name" and "note" in turn, as DMS writes them, and what is stored.
const VALUES: &[(&str, &str)] = &[
    ("attNULL", "NULL"),
    (r#""attNULL""#, "attNULL"),
    ("", ""),
    (r#""""#, ""),
    (r#""say \"hello\", twice""#, r#"say "hello", twice"#),
    (r#""C:\\directory\\""#, r"C:\directory\"),
    (r#""C:\directory\n""#, r"C:\directory\n"),
    (r"un\quoted \N \. 100%", r"un\quoted \N \. 100%"),
    ("\"two\nlines\n\"", "two\nlines\n"),
    ("\"a line\r\nof Windows\"", "a line\r\nof Windows"),
    ("\"\ttab, 'quotes'; \"", "\ttab, 'quotes'; "),
    ("Žluťoučký kůň 🐎 \u{a0}", "Žluťoučký kůň 🐎 \u{a0}"),
    (r#"\0\000\x00\u0000"#, r"\0\000\x00\u0000"),
];

/// More of them, with U+0000 in every place.
const NUL_VALUES: &[(&str, &str)] = &[
    ("\0", " "),
    ("\"\0\"", " "),
    ("a\0b", "a b"),
    ("\"\0,\0\n\0\\\"\0\"", " , \n \" "),
    ("\"\\\0\"", "\\ "),
    ("\"\\\\\0\"", "\\ "),
    ("\0\0\0attNULL", "   attNULL"),
    ("\"attNULL\0\"", "attNULL "),
    ("\\\0", "\\ "),
];

/// A CSV file of table `s.t`, and what is stored for "name" and "note".
fn csv(values: &[(&str, &str)]) -> (String, Vec<Vec<String>>) {
    let mut file = String::new();
    let mut stored = Vec::new();
    for row in 0..ROWS {
        let (name, note) = (values[row % values.len()], values[row / 7 % values.len()]);
        let parent = row % 100;
        let (name_csv, note_csv) = (name.0, note.0);
        let rest = "\"2024-02-29 23:59:59.123456\",-1234567890.12";
        writeln!(file, "{row},{parent},{name_csv},{note_csv},{rest}").unwrap();
        stored.push(vec![row.to_string(), name.1.to_owned(), note.1.to_owned()]);
    }
    (file, stored)
}

fn parents() -> String {
    (0..100).fold(String::new(), |mut file, id| {
        writeln!(file, "{id},\"parent {id}\"").unwrap();
        file
    })
}

/// A database with the tables, defined through the proxy by DMS's types.
fn database() -> Database {
    let database = Cluster::shared().create_database();
    let (mut wire, _) = Wire::log_in(&Proxy::shared().endpoint(database.endpoint()), &[]);
    wire.query(DEFINITIONS);
    let said = transcript(&wire.until_ready());
    assert!(!said.contains("ErrorResponse"), "{said}");
    database
}

/// What AWS DMS runs for one file.
fn load(endpoint: &Endpoint, table: &str, file: &Path, role: &str) {
    let directory = file.parent().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let copy = format!(r#"\copy "s"."{table}" from '{name}' {OPTIONS}"#);
    let mut psql = libpq_program("psql", endpoint);
    psql.current_dir(directory).env("PGOPTIONS", role);
    psql.args(["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--command", &copy]);
    let rows = if table == "parent" { 100 } else { ROWS };
    assert_eq!(run(&mut psql, b"").success(), format!("COPY {rows}\n"));
}

fn stored(database: &Database) -> Vec<Vec<String>> {
    database.query(r#"SELECT "id", "name", "note" FROM "s"."t" ORDER BY "id""#)
}

fn assert_loaded(database: &Database, expected: &[Vec<String>]) {
    let found = stored(database);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    // The constraint is there, and holds.
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
    assert_eq!(database.query(keys), [["1"]]);
    let orphans = "SELECT count(*) FROM s.t WHERE parent NOT IN (SELECT id FROM s.parent)";
    assert_eq!(database.query(orphans), [["0"]]);
}

#[test]
fn psql_copies_a_file_child_table_first() {
    let files = Scratch::new();
    let (child, parent) = (files.path().join("t file.csv"), files.path().join("parent.csv"));
    let (csv, expected) = csv(VALUES);
    std::fs::write(&child, csv).unwrap();
    std::fs::write(&parent, parents()).unwrap();
    let (direct, proxied) = (database(), database());
    for (table, file) in [("t", &child), ("parent", &parent)] {
        let role = "-c session_replication_role=replica";
        load(direct.endpoint(), table, file, role);
        load(&Proxy::shared().endpoint(proxied.endpoint()), table, file, "");
    }
    assert_loaded(&proxied, &expected);
    let checksums = |database: &Database| checksums(&database.endpoint().database, &TABLES);
    assert_eq!(checksums(&direct), checksums(&proxied));
}

/// Sends a file in pieces of this size, as DMS's own statement.
fn copy(wire: &mut Wire, table: &str, file: &[u8], piece_bytes: usize) {
    wire.query(format!(r#"COPY  "s"."{table}" FROM STDIN {OPTIONS}"#));
    wire.until(b'G');
    for piece in file.chunks(piece_bytes) {
        wire.copy_data(piece);
    }
    wire.copy_done();
    let said = transcript(&wire.until_ready());
    assert!(said.starts_with("CommandComplete COPY"), "{said}");
}

// Raw: psql cuts each line of its input at the first U+0000.
#[test]
fn nul_is_a_space_in_exactly_its_values() {
    let values: Vec<_> = VALUES.iter().chain(NUL_VALUES).copied().collect();
    let (csv, expected) = csv(&values);
    assert!(csv.matches('\0').count() > ROWS / 2);
    let direct = database();
    let role = [("options", "-c session_replication_role=replica")];
    let (mut wire, _) = Wire::log_in(direct.endpoint(), &role);
    copy(&mut wire, "t", csv.replace('\0', " ").as_bytes(), 8192);
    copy(&mut wire, "parent", parents().as_bytes(), 8192);
    for piece_bytes in [7, 8192, 1_000_000] {
        let proxied = database();
        let (mut wire, _) = Wire::log_in(&Proxy::shared().endpoint(proxied.endpoint()), &[]);
        copy(&mut wire, "t", csv.as_bytes(), piece_bytes);
        copy(&mut wire, "parent", parents().as_bytes(), piece_bytes);
        assert_loaded(&proxied, &expected);
        let checksums = |database: &Database| checksums(&database.endpoint().database, &TABLES);
        assert_eq!(checksums(&direct), checksums(&proxied));
    }
}
