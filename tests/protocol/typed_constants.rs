//! Constants that are only mistyped arrive, and errors behind them point at the client's own text.

use super::typed_values::proxied;
use super::{field, log_in, position, say};
use crate::support::{Wire, both, transcript};

/// Runs a statement both as a simple query and as a Parse; gives what is wrong with it, if anything.
pub(super) fn refused(wire: &mut Wire, sql: &str) -> Vec<Option<(String, Option<usize>)>> {
    let simple = wire.query(sql).until_ready();
    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
    let extended = wire.until_ready();
    let wrong = |said: &Vec<_>| field(said, b'E', b'C').map(|code| (code, position(said)));
    [simple, extended].iter().map(wrong).collect()
}

#[test]
fn integers_into_boolean_columns() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a boolean, b boolean, n int, s text)");
    for sql in [
        "INSERT INTO t VALUES (1, 0, 1, '1')",
        "INSERT INTO t (n, b, s, a) VALUES (1, 0, '1', 1), (DEFAULT, 0, '1', 1), (0, NULL, 1, 1)",
        "INSERT INTO t SELECT 1, 0, 1, '1'",
        "INSERT INTO t SELECT 1 AS a, 0 FROM generate_series(1, 1)",
        "INSERT INTO t VALUES (1) RETURNING a, 1",
        "UPDATE t SET a = 1, b = 0 WHERE n = 1",
        "UPDATE t SET (a, b) = (1, 0)",
        "WITH w AS (SELECT 1) INSERT INTO t (a) SELECT 1 FROM w",
        "EXPLAIN INSERT INTO t VALUES (1)",
        "MERGE INTO t USING (VALUES (1)) AS s (k) ON false WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
    ] {
        assert_eq!(refused(&mut wire, sql), [None, None], "{sql}");
    }
    let rows = "SELECT DISTINCT a, b FROM t ORDER BY 1, 2";
    assert_eq!(database.query(rows), [["t", "f"], ["t", "NULL"]]);
    say(&mut wire, "PREPARE p AS INSERT INTO t VALUES (0, 1, 77); EXECUTE p");
    assert_eq!(database.query("SELECT a, b FROM t WHERE n = 77"), [["f", "t"]]);
    // Others are not booleans, and neither are expressions.
    let direct = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (a boolean, b boolean, n int, s text)");
        let mut wrong = Vec::new();
        for sql in [
            "INSERT INTO t VALUES (2)",
            "INSERT INTO t VALUES (-1)",
            "INSERT INTO t VALUES (01)",
            "INSERT INTO t VALUES (1.0)",
            "INSERT INTO t VALUES (1 + 0)",
            "UPDATE t SET a = 1 = 1, b = 3",
            "SELECT * FROM t WHERE a = 1",
        ] {
            wrong.push(refused(&mut wire, sql));
        }
        wrong
    });
    assert!(direct.iter().flatten().all(Option::is_some), "{direct:?}");
}

#[test]
fn positions_behind_constants_that_are_spelled_anew() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a boolean, b bytea, c boolean, n int, d boolean)");
    for at in ["on", "off"] {
        say(&mut wire, format!("SET standard_conforming_strings = {at}"));
        for (sql, code, wrong) in [
            ("INSERT INTO t VALUES (1, X'DEAD', 2)", "42804", "2)"),
            ("INSERT INTO t VALUES (1, X'DEAD', 1), (0, x'', 0, nope)", "42703", "nope"),
            ("INSERT INTO t VALUES (1, /* ä€ */ X'DEAD', 0, 1 @@@ 2)", "42883", "@@@"),
            ("INSERT INTO t VALUES (1, X'DEAD', 1) RETURNING nope", "42703", "nope"),
            ("UPDATE t SET a = 1, b = X'ff', nope = 1", "42703", "nope"),
            ("UPDATE t SET a = nope, b = X'ff'", "42703", "nope"),
            ("INSERT INTO t VALUES (1, X'DEAD', 1, 'x')", "22P02", "'x'"),
        ] {
            let expected =
                Some((code.to_owned(), sql.find(wrong).map(|at| sql[..at].chars().count() + 1)));
            let found = refused(&mut wire, sql);
            assert_eq!(found, [expected.clone(), expected], "{sql}");
        }
    }
}

#[test]
fn hexadecimal_constants_into_bytea_columns() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (k int, c bytea, bits bit varying)");
    for conforming in ["on", "off"] {
        say(&mut wire, format!("SET standard_conforming_strings = {conforming}"));
        for sql in [
            "INSERT INTO t VALUES (1, X'DEAD', X'DEAD')",
            "INSERT INTO t VALUES (1, 0xDEAD, B'1101111010101101'), (1, x'dead', X'dead')",
            "INSERT INTO t SELECT 1, X'DEAD', X'DEAD'",
            "INSERT INTO t (c, k, bits) VALUES ((X'DE' \n 'AD'), 1, X'DEAD')",
            "INSERT INTO t (k, bits) VALUES (2, X'DEAD')",
            "UPDATE t SET k = 1, c = 0xdeAD WHERE k = 2",
            "UPDATE t SET c =X'DEAD' WHERE k = 1",
        ] {
            assert_eq!(refused(&mut wire, sql), [None, None], "{conforming} {sql}");
        }
        let rows = "SELECT DISTINCT k, c, bits = X'DEAD' FROM t";
        assert_eq!(database.query(rows), [["1", "\\xdead", "t"]]);
        // What no bytes can be made of is the server's to refuse.
        let sql = "INSERT INTO t VALUES (1, X'DEA')";
        let [Some((code, _)), _] = &refused(&mut wire, sql)[..] else { panic!("{sql}") };
        assert_eq!(code, "42804", "{sql}");
    }
}

#[test]
fn escaped_nul_in_json_constants() {
    let (database, endpoint) = proxied();
    // Through the proxy JSON would become TEXT.
    database.query("CREATE TABLE t (a json, b jsonb, c text)");
    let mut wire = log_in(&endpoint);
    for (sql, expected) in [
        (
            r#"INSERT INTO t VALUES ('"\u0000"', '"\u0000"', '"\u0000"')"#,
            r#""\u0020"|" "|"\u0000""#,
        ),
        (
            r#"INSERT INTO t (c, b) VALUES ('\u0000', '{"\u0000": "\\u0000"}')"#,
            r#"|{" ": "\\u0000"}|\u0000"#,
        ),
        (r#"INSERT INTO t (b, c) SELECT '"\u0000"', '\u0000'"#, r#"|" "|\u0000"#),
        (r#"INSERT INTO t (b) VALUES ($$["\u0000"]$$)"#, r#"|[" "]|"#),
        (r#"INSERT INTO t (b) VALUES (E'["\\u0000"]')"#, r#"|[" "]|"#),
        (
            r#"INSERT INTO t (b, c) VALUES ('"\u0000"'::jsonb || '1', '\u0000')"#,
            r#"|[" ", 1]|\u0000"#,
        ),
        (r#"INSERT INTO t (c) SELECT jsonb '["\u0000"]' ->> 0 || '\u0000'"#, r#"|| \u0000"#),
        (r#"INSERT INTO t (b) VALUES (CAST('["\u0000"]' AS jsonb))"#, r#"|[" "]|"#),
    ] {
        for by_parse in [false, true] {
            say(&mut wire, "TRUNCATE t");
            if by_parse {
                wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            } else {
                wire.query(sql);
            }
            let said = transcript(&wire.until_ready());
            assert!(said.contains("INSERT 0 1"), "{sql}: {said}");
            assert_eq!(database.query("SELECT concat_ws('|', coalesce(a::text, ''), coalesce(b::text, ''), coalesce(c, '')) FROM t"), [[expected]], "{sql}");
        }
    }
}

#[test]
fn booleans_and_bits_into_columns_of_numbers() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (k int, s smallint, n numeric(3), b boolean, f float8)");
    let many = ", (1, TRUE, b'1', b'0', False)".repeat(600);
    for sql in [
        "INSERT INTO t VALUES (1, TRUE, true, b'0', FALSE)".to_owned(),
        "INSERT INTO t (s, n, b, f, k) VALUES (True, (B'01'), B'0', b'0', 1)".to_owned(),
        "INSERT INTO t SELECT 1, TRUE, b'1', b'0', FALSE".to_owned(),
        "WITH w AS (SELECT 1) INSERT INTO t SELECT 1, TRUE, b'1', b'0', FALSE FROM w".to_owned(),
        "INSERT INTO t VALUES (1, 1, 1, false, 0); UPDATE t SET s = TRUE, n =b'1', b =b'0', f= false"
            .to_owned(),
        "MERGE INTO t USING (VALUES (1)) AS s (k) ON false \
         WHEN NOT MATCHED THEN INSERT VALUES (1, TRUE, b'1', b'0', FALSE)"
            .to_owned(),
        format!("INSERT INTO t VALUES (1, TRUE, b'1', b'0', FALSE){many}"),
    ] {
        for begin in ["", "BEGIN"] {
            say(&mut wire, begin);
            let said = transcript(&wire.query(&*sql).until_ready());
            assert!(!said.contains("ErrorResponse"), "{sql:.200}: {said}");
            if !sql.contains("; ") {
                assert_eq!(refused(&mut wire, &sql)[1], None, "{sql:.200}");
            }
            say(&mut wire, "COMMIT");
        }
    }
    assert_eq!(database.query("SELECT DISTINCT * FROM t"), [["1", "1", "1", "f", "0"]]);
    say(&mut wire, "TRUNCATE t; INSERT INTO t (n) VALUES (b'101')");
    assert_eq!(database.query("SELECT n FROM t"), [["5"]]);
    // What they do not stand for is refused as directly.
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (s smallint, b boolean, d date)");
        let sqls = [
            "INSERT INTO t (b) VALUES (b'10')",
            "INSERT INTO t (s) VALUES (TRUE AND TRUE)",
            "INSERT INTO t (d) VALUES (TRUE)",
            "INSERT INTO t (d) VALUES (b'1')",
            "INSERT INTO t (s) VALUES (1 = 1)",
        ];
        sqls.map(|sql| {
            let found = refused(&mut wire, sql);
            assert!(found.iter().all(Option::is_some), "{sql}");
            found
        })
    });
}

#[test]
fn words_of_booleans_into_columns_of_numbers() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (s smallint)");
    for (word, expected) in [("TRUE", "1"), ("FALSE", "0"), ("True", "1"), ("t", "1"), ("off", "0")]
    {
        say(&mut wire, "TRUNCATE t");
        wire.parse("", "INSERT INTO t VALUES ($1)", &[16]);
        wire.bind("", "", &[], &[Some(word.as_bytes())], 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("INSERT 0 1"), "{said}");
        assert_eq!(database.query("TABLE t"), [[expected]], "{word}");
    }
}

#[test]
fn typed_timestamps_keep_nine_digits() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (c varchar(37), d timestamp)");
    let nine = "2024-02-29 23:59:59.123456789";
    for sql in [
        format!("INSERT INTO t VALUES (TIMESTAMP '{nine}')"),
        format!("INSERT INTO t (c) SELECT (timestamp without time zone '{nine}')"),
        format!("UPDATE t SET c =TIMESTAMP '{nine}'"),
        format!("INSERT INTO t (d, c) VALUES (TIMESTAMP '{nine}', TIMESTAMP '{nine}')"),
    ] {
        assert_eq!(refused(&mut wire, &sql), [None, None], "{sql}");
    }
    assert_eq!(database.query("SELECT DISTINCT c FROM t"), [[nine]]);
    say(&mut wire, "TRUNCATE t");
    let zoned = format!("{nine}+02");
    say(&mut wire, format!("INSERT INTO t VALUES (TIMESTAMPTZ '{zoned}')"));
    assert_eq!(database.query("SELECT c FROM t"), [[zoned.as_str()]]);
    // With six digits it is the server's, and so is what is not a timestamp.
    say(&mut wire, "TRUNCATE t; INSERT INTO t VALUES (TIMESTAMP '20240229 10:00')");
    assert_eq!(database.query("SELECT c FROM t"), [["2024-02-29 10:00:00"]]);
    let found =
        refused(&mut wire, "INSERT INTO t VALUES (TIMESTAMP '2024-02-30 10:00:00.123456789')");
    assert!(found.iter().flatten().all(|(code, _)| code == "22008"), "{found:?}");
}

/// Statements that store dates by ARRAY constructors, and what is stored; `0` stands for what gives way.
const DATE_ARRAYS: &[(&str, [&str; 2])] = &[
    (
        "INSERT INTO t VALUES (1, ARRAY['0000-00-00', '2024-01-01'], NULL)",
        ["{0,2024-01-01}", "NULL"],
    ),
    (
        "INSERT INTO t VALUES (1, ARRAY[N'2024-01-01', E'2023-02-30', NULL]::date[], \
         ARRAY[['2024-01-01'], ['0000-00-00 00:00:00']]::timestamp[])",
        ["{2024-01-01,0,NULL}", "{{\"2024-01-01 00:00:00\"},{0}}"],
    ),
    (
        "INSERT INTO t (k, a, b) SELECT 1, ARRAY[DATE '0000-00-00'], \
         (ARRAY[ARRAY[TIMESTAMP '0000-00-00', timestamp '2024-01-01']])",
        ["{0}", "{{0,\"2024-01-01 00:00:00\"}}"],
    ),
    (
        "INSERT INTO t VALUES (1, '{}', NULL); \
         INSERT INTO t VALUES (1, '{}', NULL) ON CONFLICT (k) DO UPDATE \
         SET a = CAST(ARRAY['0000-00-00'::date] AS date[])",
        ["{0}", "NULL"],
    ),
    (
        "INSERT INTO t VALUES (1, '{}', NULL); \
         UPDATE t SET a = ARRAY[CAST('0000-00-00' AS date), '2024-01-02'] WHERE k = 1",
        ["{0,2024-01-02}", "NULL"],
    ),
    (
        "MERGE INTO t USING (SELECT 1) s(x) ON k = x WHEN NOT MATCHED THEN \
         INSERT VALUES (1, ARRAY['2006-00-13']::date[], NULL)",
        ["{0}", "NULL"],
    ),
    (
        "PREPARE p AS INSERT INTO t VALUES (1, $1, $2); \
         EXECUTE p(ARRAY['0000-00-00']::date[], ARRAY[DATE '0000-00-00', '2024-01-01'])",
        ["{0}", "{0,\"2024-01-01 00:00:00\"}"],
    ),
    (
        "CREATE TABLE u (a date[] DEFAULT ARRAY['0000-00-00', '2024-01-01']::date[], k int); \
         INSERT INTO u VALUES (DEFAULT, 1); INSERT INTO t SELECT k, a FROM u",
        ["{0,2024-01-01}", "NULL"],
    ),
];

#[test]
fn dates_in_array_constructors_give_way_one_by_one() {
    for (policy, arrives) in [("null", "NULL"), ("-infinity", "-infinity")] {
        let (_proxy, database, mut wire) =
            super::policies::session(&format!("[values]\nbad_dates = \"{policy}\"\n"));
        let table = "CREATE TABLE t (k int PRIMARY KEY, a date[] NOT NULL, b timestamp[])";
        say(&mut wire, table);
        for (texts, stored) in DATE_ARRAYS {
            for by_parse in [false, true] {
                say(&mut wire, "TRUNCATE t; DROP TABLE IF EXISTS u; DEALLOCATE ALL");
                for sql in texts.split("; ") {
                    let said = super::run(&mut wire, sql, by_parse);
                    assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
                }
                let stored = stored.map(|row| {
                    let row = row.replace("{0", &format!("{{{arrives}"));
                    row.replace(",0", &format!(",{arrives}"))
                });
                assert_eq!(database.query("SELECT a, b FROM t"), [stored], "{texts}");
            }
        }
    }
}

#[test]
fn without_a_policy_dates_in_array_constructors_are_the_servers() {
    crate::support::both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said =
            say(&mut wire, "CREATE TABLE t (k int PRIMARY KEY, a date[], b timestamp[])");
        for array in [
            "ARRAY['0000-00-00']::date[]",
            "ARRAY[DATE '2023-02-30']",
            "ARRAY[['2024-01-01']]::date[]",
        ] {
            said += &say(&mut wire, format!("INSERT INTO t (k, a) VALUES (1, {array})"));
        }
        said += &say(&mut wire, "TABLE t");
        assert!(said.contains("22008") && said.contains("{{2024-01-01}}"), "{said}");
        said
    });
}

#[test]
fn dates_that_do_not_exist_give_way_on_every_road() {
    let table = "CREATE TABLE t (k int PRIMARY KEY, d date, ts timestamp)";
    let statements = [
        "INSERT INTO t (k, d) SELECT 1, '0000-00-00' UNION ALL SELECT 2, '2024-01-01'",
        "INSERT INTO t (k, d) SELECT * FROM (VALUES (3, '0000-00-00'::date)) v",
        "INSERT INTO t (k, d) SELECT * FROM (VALUES (4, '0000-00-00'), (5, '2024-01-02')) v (a, b)",
        "WITH w AS (SELECT 6 AS i, DATE '0000-00-00' AS x) INSERT INTO t (k, d) SELECT i, x FROM w",
        "INSERT INTO t (k, ts) VALUES (7, COALESCE(NULL, TIMESTAMP '0000-00-00 00:00:00'))",
        "INSERT INTO t (k, d) VALUES (8, CASE WHEN true THEN '2024-02-30'::date END)",
        "UPDATE t SET d = v.x FROM (VALUES (2, CAST('0000-00-00' AS date))) v (i, x) WHERE k = v.i",
    ];
    for (policy, arrives) in [("null", "NULL"), ("-infinity", "-infinity")] {
        for by_parse in [false, true] {
            let (_proxy, database, mut wire) =
                super::policies::session(&format!("[values]\nbad_dates = \"{policy}\"\n"));
            say(&mut wire, table);
            for sql in statements {
                let said = super::run(&mut wire, sql, by_parse);
                assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
            }
            let found = database.query(
                "SELECT string_agg(k::text, ',' ORDER BY k), coalesce(d, ts)::text FROM t GROUP BY 2 ORDER BY 1",
            );
            assert_eq!(
                found,
                [["1,2,3,4,6,7,8", arrives], ["5", "2024-01-02 00:00:00"]],
                "{policy}"
            );
        }
    }
}
