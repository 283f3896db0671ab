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

/// A declared type, the type of a column, an argument, and what is stored.
const DECLARED: &[(&str, &str, &str, &str)] = &[
    (
        "varchar",
        "uuid",
        "'00010203-0405-0607-0809-0a0b0c0d0e0f'",
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
    ),
    ("text", "timestamp", "'2024-02-29 01:02:03'", "2024-02-29 01:02:03"),
    ("character varying(50)", "timestamptz", "'2024-02-29 00:00:00+00'", "2024-02-29 00:00:00+00"),
    ("varchar", "boolean", "'true'", "t"),
    ("text", "jsonb", "'{\"a\": 1}'", "{\"a\": 1}"),
    ("varchar", "numeric(5,2)", "'1.25'", "1.25"),
    ("varchar", "bytea", "'\\x00ff'", "\\x00ff"),
    ("varchar", "int", "'7'", "7"),
    ("text", "mood", "'ok'", "ok"),
    ("smallint", "boolean", "1", "t"),
];

#[test]
fn declared_types_that_do_not_fit_their_columns_are_left_to_the_server() {
    for by_parse in [false, true] {
        let database = Cluster::shared().create_database();
        let mut direct = log_in(database.endpoint());
        let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
        for wire in [&mut direct, &mut wire] {
            say(wire, "SET timezone = 'UTC'");
        }
        say(&mut direct, "CREATE TYPE mood AS ENUM ('ok')");
        for (number, (declared, column, argument, stored)) in DECLARED.iter().enumerate() {
            let table = format!("t{number}");
            say(&mut direct, format!("CREATE TABLE {table} (k int, a {column})"));
            let prepare = format!(
                "PREPARE p{number}(int, {declared}) AS INSERT INTO {table} VALUES ($1, $2)"
            );
            let said = say(&mut direct, &prepare);
            assert!(said.contains("42804"), "{prepare}: {said}");
            let said = super::run(&mut wire, &prepare, by_parse);
            assert!(said.contains("CommandComplete PREPARE"), "{prepare}: {said}");
            for k in 0..2 {
                let said =
                    super::run(&mut wire, &format!("EXECUTE p{number}({k}, {argument})"), by_parse);
                assert!(said.contains("INSERT 0 1"), "{declared} {column}: {said}");
            }
            let update = format!(
                "PREPARE u{number}({declared}, int) AS UPDATE {table} SET a = $1 WHERE k = $2"
            );
            assert!(
                super::run(&mut wire, &update, by_parse).contains("CommandComplete PREPARE"),
                "{update}"
            );
            let said =
                super::run(&mut wire, &format!("EXECUTE u{number}({argument}, 1)"), by_parse);
            assert!(said.contains("UPDATE 1"), "{update}: {said}");
            let rows = database.query(&format!("SET timezone = 'UTC'; SELECT a FROM {table}"));
            assert_eq!(rows, [[*stored], [*stored]], "{declared} {column}");
        }
    }
}

#[test]
fn declared_types_that_fit_or_are_needed_elsewhere_stay() {
    let texts = [
        "CREATE TABLE t (k int PRIMARY KEY, a text, b uuid, n numeric)",
        "PREPARE a(int, varchar(3)) AS INSERT INTO t (k, a) VALUES ($1, $2)",
        "EXECUTE a(1, 'abcdef')",
        "PREPARE b(int, int) AS INSERT INTO t (k, n) VALUES ($1, $2)",
        "EXECUTE b(2, '12')",
        "PREPARE c(varchar) AS INSERT INTO t (k, a) SELECT length($1), $1",
        "EXECUTE c('abcd')",
        "PREPARE e(mood) AS INSERT INTO t (k) VALUES ($1)",
        "SELECT name, parameter_types FROM pg_prepared_statements ORDER BY name",
        "TABLE t",
    ];
    crate::support::both(|endpoint| {
        let mut wire = log_in(endpoint);
        texts.map(|sql| say(&mut wire, sql)).join("")
    });
}

#[test]
fn bits_that_are_cast_are_truths() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (a boolean); PREPARE p AS INSERT INTO t VALUES ($1)");
    for argument in ["CAST(0 AS bit)", "CAST(1 AS bit)", "1::bit", "(CAST(1 AS BIT))"] {
        let said = say(&mut wire, format!("EXECUTE p({argument})"));
        assert!(said.contains("INSERT 0 1"), "{argument}: {said}");
    }
    assert_eq!(database.query("TABLE t").concat(), ["f", "t", "t", "t"]);
}

/// A declared type, the type of a key, and a value of it.
const KEYS: &[(&str, &str, &str)] = &[
    ("varchar", "uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ("text", "timestamp", "2024-02-29 01:02:03"),
    ("varchar(30)", "mood", "ok"),
    ("character varying", "numeric(5,2)", "1.25"),
    ("varchar", "boolean", "true"),
    ("text", "bigint", "7"),
];

#[test]
fn declared_types_that_do_not_fit_the_keys_of_conditions_are_left_to_the_server() {
    for by_parse in [false, true] {
        let database = Cluster::shared().create_database();
        let mut direct = log_in(database.endpoint());
        let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
        say(&mut direct, "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE other (k int)");
        for (number, (declared, key, value)) in KEYS.iter().enumerate() {
            let table = format!("t{number}");
            say(
                &mut direct,
                format!(
                    "CREATE TABLE {table} (a {key}, k int); INSERT INTO {table} VALUES ('{value}', 1), (NULL, 2)"
                ),
            );
            for (at, (body, does)) in [
                (
                    format!("SELECT k FROM {table} WHERE a = $1"),
                    "DataRow 1\nCommandComplete SELECT 1",
                ),
                (format!("SELECT k FROM {table} WHERE k = 1 AND a IN ($1, NULL)"), "SELECT 1"),
                (format!("SELECT length($1) FROM {table} WHERE a = $1"), "SELECT 1"),
                (
                    format!("SELECT t.k FROM {table} t LEFT JOIN other USING (k) WHERE t.a >= $1"),
                    "SELECT 1",
                ),
                (format!("UPDATE {table} SET k = k WHERE a = $1"), "UPDATE 1"),
                (format!("UPDATE {table} SET a = $1 WHERE a = $1"), "UPDATE 1"),
                (
                    format!("INSERT INTO {table} (k) SELECT 3 FROM {table} WHERE a = $1"),
                    "INSERT 0 1",
                ),
                (format!("DELETE FROM {table} WHERE a = $1 OR k = 9"), "DELETE 1"),
            ]
            .iter()
            .enumerate()
            {
                let prepare = format!("PREPARE p{number}_{at}({declared}) AS {body}");
                let said = say(&mut direct, &prepare);
                assert!(said.contains("42883") || said.contains("42804"), "{prepare}: {said}");
                let said = super::run(&mut wire, &prepare, by_parse);
                assert!(said.contains("CommandComplete PREPARE"), "{prepare}: {said}");
                let said =
                    super::run(&mut wire, &format!("EXECUTE p{number}_{at}('{value}')"), by_parse);
                assert!(said.contains(does), "{prepare}: {said}");
            }
        }
        // Where the type is needed elsewhere too, the key is cast, and so is what goes into a column.
        say(&mut direct, "CREATE TABLE needed (k int, b uuid)");
        let prepare = "PREPARE w(varchar) AS INSERT INTO needed VALUES (length($1), $1)";
        assert!(say(&mut direct, prepare).contains("42804"));
        let said = super::run(&mut wire, prepare, by_parse);
        assert!(said.contains("CommandComplete PREPARE"), "{said}");
        // Each statement of a text by itself.
        let said = say(
            &mut wire,
            "PREPARE x(varchar) AS DELETE FROM t0 WHERE a = $1; PREPARE y(text, int) AS DELETE FROM t1 \
             WHERE a = $1 AND k = $2; PREPARE z(varchar) AS SELECT $1 || 'b'; EXECUTE z('a')",
        );
        assert!(said.contains("DataRow ab") && !said.contains("ErrorResponse"), "{said}");
    }
}

#[test]
fn what_a_declared_type_checks_is_checked_though_the_column_is_text() {
    let statements = "CREATE TABLE t (j text, v varchar(37)); \
        PREPARE j(jsonb) AS INSERT INTO t (j) VALUES ($1); \
        PREPARE a(timestamp) AS INSERT INTO t (v) VALUES ($1); \
        PREPARE b(timestamptz) AS UPDATE t SET v = $1";
    let run = |mut wire: crate::support::Wire| {
        say(&mut wire, statements);
        let texts =
            ["j('{broken')", "j('{}')", "a('garbage')", "a('2024-01-02')", "b('2024-13-01')"];
        texts.map(|text| say(&mut wire, format!("EXECUTE {text}")))
    };
    let database = Cluster::shared().create_database();
    let direct = run(log_in(database.endpoint()));
    assert!(direct[0].contains("22P02") && direct[2].contains("22007"), "{direct:?}");
    let database = Cluster::shared().create_database();
    assert_eq!(run(log_in(&Proxy::shared().endpoint(database.endpoint()))), direct);
}
