//! pgloader takes a SQLite database over.

use std::path::Path;

use super::{Scratch, checksums};
use crate::support::{Cluster, Endpoint, both, program, run};

/// A million rows in three tables that refer to each other.
const SOURCE: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(80) NOT NULL,
    introduced_by INTEGER REFERENCES customer (id),
    born DATE,
    photo BLOB,
    note TEXT DEFAULT 'none');
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    at DATETIME NOT NULL,
    amount DECIMAL(12,2),
    weight REAL);
CREATE TABLE item (
    purchase_id INTEGER NOT NULL REFERENCES purchase (id) ON DELETE CASCADE,
    line SMALLINT NOT NULL,
    code CHAR(8),
    quantity BIGINT,
    PRIMARY KEY (purchase_id, line));
CREATE INDEX purchase_at ON purchase (at);
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
INSERT INTO customer
SELECT i, 'Kunde Nr. ' || i || CASE i % 5 WHEN 0 THEN ' \\ back' WHEN 1 THEN char(9) || 'tab'
        WHEN 2 THEN char(10) || 'line' WHEN 3 THEN ' \"quoted\" ''twice''' ELSE ' Žluťoučký 🐎' END,
    CASE WHEN i > 10 AND i % 3 = 0 THEN i / 2 END,
    date('1970-01-01', '+' || (i % 20000) || ' days'),
    CASE i % 4 WHEN 0 THEN x'00ff5c0a27' WHEN 1 THEN x'' ELSE NULL END,
    CASE i % 6 WHEN 0 THEN '' WHEN 1 THEN '\\N' WHEN 2 THEN NULL WHEN 3 THEN 'NULL' ELSE 'plain' END
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250000)
INSERT INTO purchase
SELECT i, i % 50000 + 1, datetime('2000-01-01', '+' || i || ' minutes'),
    CASE WHEN i % 10 > 0 THEN (i * 7919 % 1000000) / 100.0 END, i / 8.0
FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 699999)
INSERT INTO item
SELECT i % 250000 + 1, i / 250000, 'code' || i % 1000, i * 3000000000
FROM n;
COMMIT;
";

const TABLES: [&str; 3] = ["customer", "purchase", "item"];

/// What else pgloader makes. It puts the OID of the table into the names of indexes.
const DEFINITIONS: &str = "
SELECT t, regexp_replace(name, 'idx_[0-9]+_', ''), regexp_replace(text, 'idx_[0-9]+_', ''), flag
FROM (
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
    UNION ALL
    SELECT indrelid::regclass, 'index', pg_get_indexdef(indexrelid), indisunique
    FROM pg_index WHERE indrelid IN ('customer'::regclass, 'purchase'::regclass, 'item'::regclass)
) AS all_of_them (t, name, text, flag)
ORDER BY t::text, 2, 3";

fn load(source: &Path, endpoint: &Endpoint) {
    let Endpoint { address, user, database } = endpoint;
    let mut pgloader = program("pgloader");
    // It wants places for its own files.
    let directory = source.parent().unwrap();
    pgloader.env("HOME", directory).arg("--root-dir").arg(directory).arg("--quiet");
    pgloader.arg(format!("sqlite://{}", source.display()));
    pgloader.arg(format!("postgresql://{user}@{address}/{database}"));
    let finished = run(&mut pgloader, b"");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.status, Some(0), "{said}");
    assert!(!said.contains("ERROR") && !said.contains("FATAL"), "{said}");
}

#[test]
fn a_million_rows_of_sqlite() {
    let files = Scratch::new();
    let source = files.path().join("source.sqlite");
    run(program("sqlite3").arg("-bail").arg(&source), SOURCE.as_bytes()).success();
    let (checksums, definitions) = both(|endpoint| {
        load(&source, endpoint);
        let database = &endpoint.database;
        (checksums(database, &TABLES), Cluster::shared().query(database, DEFINITIONS))
    });
    let counts: Vec<_> = checksums.iter().map(|row| &row[..2]).collect();
    let expected = [["customer", "50000"], ["purchase", "250000"], ["item", "700000"]];
    assert_eq!(counts, expected);
    let keys = definitions.iter().filter(|row| row[2].starts_with("FOREIGN KEY") && row[3] == "t");
    assert_eq!(keys.count(), 3, "{definitions:#?}");
}
