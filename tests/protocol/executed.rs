//! Constants that SQL EXECUTE passes to a prepared statement: they reach its parameters as constants of INSERT reach
//! columns.

use super::policies::session;
use super::{log_in, say};
use crate::support::{Cluster, Proxy};

const PREPARE: &str = "CREATE TYPE mood AS ENUM ('ok'); \
    CREATE TABLE t (k int, a boolean, s smallint, x bytea, d date, j jsonb, l jsonb[], m mood, e date[]); \
    PREPARE p AS INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const EXECUTE: [&str; 4] = [
    r#"EXECUTE p(1, 1, true, 0x0a, '2020-01-01', '{"a": "\u0000"}', '{"{\"b\": \"\\u0000\"}"}', N'ok', '{2020-01-01}')"#,
    r"EXECUTE p(N'2', b'0', b'101', X'FF', N'2020-01-02', E'\x22\\u0000\x22', NULL, 'ok', NULL)",
    "EXPLAIN ANALYZE EXECUTE p(3, b'1', FALSE, X'', NULL, 'null', '{}', NULL, '{}')",
    "EXECUTE p(4, TRUE, 0x10, '\\x01', DATE '2020-01-03', '1', NULL, NULL, NULL)",
];

const ROWS: [[&str; 9]; 4] = [
    [
        "1",
        "t",
        "1",
        "\\x0a",
        "2020-01-01",
        "{\"a\": \" \"}",
        "{\"{\\\"b\\\": \\\" \\\"}\"}",
        "ok",
        "{2020-01-01}",
    ],
    ["2", "f", "5", "\\xff", "2020-01-02", "\" \"", "NULL", "ok", "NULL"],
    ["3", "t", "0", "\\x", "NULL", "null", "{}", "NULL", "{}"],
    ["4", "t", "16", "\\x01", "2020-01-03", "1", "NULL", "NULL", "NULL"],
];

#[test]
fn arguments_are_fitted_to_their_parameters() {
    // The server refuses each of them but the last one.
    let database = Cluster::shared().create_database();
    let mut wire = log_in(database.endpoint());
    say(&mut wire, PREPARE);
    for sql in &EXECUTE[..3] {
        assert!(say(&mut wire, sql).contains("ErrorResponse"), "{sql}");
    }
    for begin in ["", "BEGIN"] {
        for by_parse in [false, true] {
            let database = Cluster::shared().create_database();
            let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
            say(&mut wire, PREPARE);
            say(&mut wire, begin);
            for sql in EXECUTE {
                let said = super::run(&mut wire, sql, by_parse);
                assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            }
            say(&mut wire, "COMMIT");
            assert_eq!(database.query("TABLE t ORDER BY k"), ROWS, "{begin} {by_parse}");
        }
    }
}

#[test]
fn another_statement_of_the_same_name_has_other_parameters() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (a boolean, v text)");
    for (sql, parameter) in [
        ("PREPARE p AS INSERT INTO t (a) VALUES ($1)", "1"),
        ("DEALLOCATE p", ""),
        ("PREPARE p AS INSERT INTO t (v) VALUES ($1)", "1"),
        ("DISCARD PLANS; DEALLOCATE ALL", ""),
        ("PREPARE p (int) AS INSERT INTO t (v) VALUES ($1)", "1"),
    ] {
        say(&mut wire, sql);
        if !parameter.is_empty() {
            let said = say(&mut wire, format!("EXECUTE p({parameter})"));
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
        }
    }
    assert_eq!(database.query("TABLE t"), [["t", "NULL"], ["NULL", "1"], ["NULL", "1"]]);
}

#[test]
fn arguments_are_judged() {
    let (_proxy, database, mut wire) = session("[values]\nbad_dates = \"null\"\n");
    say(&mut wire, PREPARE);
    let sql =
        "EXECUTE p(1, '0', '1', '', '0000-00-00', NULL, NULL, NULL, '{2020-01-01,0000-00-00}')";
    for (before, row) in
        [("", "1"), ("EXECUTE p(9, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL)", "1")]
    {
        say(&mut wire, "TRUNCATE t");
        say(&mut wire, before);
        let said = say(&mut wire, sql);
        assert!(!said.contains("ErrorResponse"), "{said}");
        let found = database.query("SELECT k, d, e FROM t WHERE k = 1");
        assert_eq!(found, [[row, "NULL", "{2020-01-01,NULL}"]]);
    }
    let (_proxy, _database, mut wire) = session("[values]\nnul = \"reject\"\n");
    say(&mut wire, PREPARE);
    let sql = r"EXECUTE p(1, '0', '1', '', NULL, NULL, NULL, NULL, NULL)";
    assert!(!say(&mut wire, sql).contains("ErrorResponse"));
}
