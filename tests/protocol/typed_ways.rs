//! Values of another type than their column that reach it through expressions, rows and queries.

use super::typed_keys::said;
use super::typed_values::{oid, proxied};
use super::{log_in, say};

const TABLE: &str = "DROP TABLE IF EXISTS t, src; DROP TYPE IF EXISTS mood;
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE t (k int UNIQUE, id uuid, at timestamp(3), mood mood, n numeric(10,2), ok boolean,
        doc jsonb, b bytea, note varchar(60), s smallint, ids uuid[]);
    CREATE TABLE src (k int, x text); INSERT INTO src VALUES (1, 'a');
    INSERT INTO t (k, note) VALUES (1, 'old')";

const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "uuid", "00112233-4455-6677-8899-AABBCCDDEEFF"),
    ("at", "timestamp", "2024-01-02 03:04:05.6789"),
    ("mood", "mood", "happy"),
    ("n", "numeric", "1.505"),
    ("ok", "boolean", "1"),
    ("doc", "jsonb", r#"{"a":  [1, "\u0000"]}"#),
    ("b", "bytea", r"\x00ff"),
    ("note", "text", "a text"),
    ("s", "smallint", "12"),
    ("ids", "uuid[]", "{00112233-4455-6677-8899-AABBCCDDEEFF,NULL}"),
];

/// Where `C` is the column and `$1` the value, and the hand-written form, where `T` is its type.
const WAYS: &[(&str, &str)] = &[
    ("UPDATE t SET C = COALESCE($1, $1)", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = COALESCE($1, C)", "UPDATE t SET C = COALESCE($1::T, C)"),
    (
        "UPDATE t SET C = COALESCE(C, $1) WHERE k = 1",
        "UPDATE t SET C = COALESCE(C, $1::T) WHERE k = 1",
    ),
    ("UPDATE t SET C = $1 WHERE $1 <> 'x'", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = NULLIF($1, '')", "UPDATE t SET C = NULLIF($1, '')::T"),
    ("UPDATE t SET C = CAST($1 AS varchar)", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = $1::character varying(500)", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = CASE WHEN k = 1 THEN $1 ELSE NULL END", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = CASE WHEN k = 1 THEN $1 ELSE C END", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET C = (SELECT $1)", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET (C, k) = (COALESCE($1, NULL), k)", "UPDATE t SET C = $1::T"),
    ("UPDATE t SET (C, k) = (SELECT v.x, t.k FROM (VALUES ($1)) v (x))", "UPDATE t SET C = $1::T"),
    (
        "UPDATE t SET C = v.x FROM (VALUES (1, $1)) AS v (k, x) WHERE t.k = v.k",
        "UPDATE t SET C = $1::T",
    ),
    ("UPDATE t SET C = v.x FROM (SELECT $1 AS x) v", "UPDATE t SET C = $1::T"),
    (
        "UPDATE t SET C = x FROM (SELECT 1 AS a, $1 AS x UNION ALL SELECT 2, $1) v WHERE v.a = 1",
        "UPDATE t SET C = $1::T",
    ),
    ("WITH v (x) AS (VALUES ($1)) UPDATE t SET C = v.x FROM v", "UPDATE t SET C = $1::T"),
    (
        "WITH v AS (SELECT $1 AS x), w AS (SELECT * FROM v) UPDATE t SET C = w.x FROM w",
        "UPDATE t SET C = $1::T",
    ),
    ("INSERT INTO t (k, C) SELECT 2, COALESCE($1, '')", "INSERT INTO t (k, C) VALUES (2, $1::T)"),
    (
        "INSERT INTO t (k, C) SELECT * FROM (VALUES (2, $1)) v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT * FROM (VALUES (2, $1), (3, $1)) AS v (a, b)",
        "INSERT INTO t (k, C) VALUES (2, $1::T), (3, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT v.* FROM (SELECT 2 AS a, $1 AS b) v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT 2, $1 UNION ALL SELECT 3, $1",
        "INSERT INTO t (k, C) VALUES (2, $1::T), (3, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) (SELECT 2, $1 UNION SELECT 3, $1) ON CONFLICT (k) DO NOTHING",
        "INSERT INTO t (k, C) VALUES (2, $1::T), (3, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT DISTINCT 2, v.x FROM (VALUES ($1), ($1)) v (x)",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) VALUES (2, $1), (3, $1) ORDER BY 1 LIMIT 1",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) WITH v AS (SELECT $1 AS x) SELECT 2, x FROM v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) WITH v (a, b) AS (VALUES (2, $1)) SELECT * FROM v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "WITH v (a, b) AS (VALUES (2, $1)) INSERT INTO t (k, C) SELECT * FROM v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "WITH v (a, b) AS (VALUES (2, $1)) INSERT INTO t (k, C) TABLE v",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT 2, $1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE k = 2)",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k, C) SELECT src.k + 1, v.x FROM src CROSS JOIN (VALUES ($1)) v (x)",
        "INSERT INTO t (k, C) VALUES (2, $1::T)",
    ),
    (
        "INSERT INTO t (k) VALUES (1) ON CONFLICT (k) DO UPDATE SET C = COALESCE($1, t.C)",
        "UPDATE t SET C = $1::T",
    ),
    (
        "INSERT INTO t (k) VALUES (1) ON CONFLICT (k) DO UPDATE SET C = NULLIF($1, '') WHERE t.note = 'old'",
        "UPDATE t SET C = NULLIF($1, '')::T",
    ),
    (
        "WITH x AS (INSERT INTO t (k, C) VALUES (2, $1) RETURNING k) SELECT k FROM x",
        "WITH x AS (INSERT INTO t (k, C) VALUES (2, $1::T) RETURNING k) SELECT k FROM x",
    ),
    (
        "WITH x AS (UPDATE t SET C = $1 WHERE k = 1 RETURNING k) SELECT k FROM x",
        "WITH x AS (UPDATE t SET C = $1::T WHERE k = 1 RETURNING k) SELECT k FROM x",
    ),
    (
        "MERGE INTO t USING (VALUES (1, $1)) AS s (k, x) ON t.k = s.k WHEN MATCHED THEN UPDATE SET C = COALESCE(s.x, '')",
        "MERGE INTO t USING (VALUES (1)) AS s (k) ON t.k = s.k WHEN MATCHED THEN UPDATE SET C = $1::T",
    ),
    (
        "MERGE INTO t USING (VALUES (2, $1)) AS s (k, x) ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k, C) VALUES (s.k, NULLIF(s.x, ''))",
        "MERGE INTO t USING (VALUES (2)) AS s (k) ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k, C) VALUES (s.k, $1::T)",
    ),
    (
        "MERGE INTO t USING (SELECT 2 AS k, $1 AS x UNION ALL SELECT 3, $1) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k, C) VALUES (s.k, s.x)",
        "MERGE INTO t USING (VALUES (2), (3)) AS s (k) ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k, C) VALUES (s.k, $1::T)",
    ),
];

#[test]
fn strings_reach_their_column_on_any_way() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (column, type_name, value) in COLUMNS {
        let spell = |sql: &str| {
            sql.replace(" C ", &format!(" {column} "))
                .replace(", C)", &format!(", {column})"))
                .replace("(C,", &format!("({column},"))
                .replace("(C)", column)
                .replace(".C)", &format!(".{column})"))
                .replace(", C,", &format!(", {column},"))
        };
        for (sql, right) in WAYS {
            let (sql, right) = (spell(sql), spell(right).replace("::T", &format!("::{type_name}")));
            let mended = value.replace(r"\u0000", r"\u0020");
            let right = said(&mut direct, (TABLE, &right), &[oid::TEXT], &[], &[&mended]);
            assert!(!right.0.contains("ErrorResponse"), "{column} {sql}: {right:?}");
            for declared in [&[oid::VARCHAR][..], &[]] {
                for format in [0, 1] {
                    // Without a type the server takes it for a text where it is compared with one.
                    if declared.is_empty() && (format == 1 || sql.contains("<> 'x'")) {
                        continue;
                    }
                    let found = said(&mut wire, (TABLE, &sql), declared, &[format], &[value]);
                    let found = (found.0.replace("SELECT 1\n", ""), found.1);
                    let right = (right.0.replace("SELECT 1\n", ""), right.1.clone());
                    let tag = |said: &str| {
                        let error = said.lines().find(|line| line.starts_with("ErrorResponse"));
                        error.map(str::to_owned)
                    };
                    assert_eq!(
                        (tag(&found.0), &found.1),
                        (None, &right.1),
                        "{column} {declared:?} {format} {sql}"
                    );
                }
            }
        }
    }
    say(&mut wire, "DROP TABLE t");
}

/// Arrays of values, taken apart by `unnest`.
#[test]
fn elements_of_arrays_reach_their_columns() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (sql, right) in [
        (
            "INSERT INTO t (id, doc) SELECT * FROM unnest($1, $2)",
            "INSERT INTO t (id, doc) SELECT * FROM unnest($1::uuid[], $2::jsonb[])",
        ),
        (
            "INSERT INTO t (id, doc) SELECT v.a, v.b FROM unnest($1, $2) AS v (a, b)",
            "INSERT INTO t (id, doc) SELECT * FROM unnest($1::uuid[], $2::jsonb[])",
        ),
        (
            "INSERT INTO t (id, ids, s) SELECT id, $1, cardinality($2) FROM t UNION ALL SELECT NULL, $1, 7",
            "INSERT INTO t (id, ids, s) VALUES (NULL, $1::uuid[], cardinality($2)), (NULL, $1::uuid[], 7)",
        ),
        (
            "INSERT INTO t (ids, s) VALUES ($1, cardinality($2)), ($1, 1)",
            "INSERT INTO t (ids, s) VALUES ($1::uuid[], cardinality($2)), ($1::uuid[], 1)",
        ),
        (
            "INSERT INTO t (id, doc) SELECT unnest($1), unnest($2)",
            "INSERT INTO t (id, doc) SELECT unnest($1::uuid[]), unnest($2::jsonb[])",
        ),
        (
            "WITH v AS (SELECT unnest($1) AS a, unnest($2) AS b) INSERT INTO t (id, doc) SELECT a, b FROM v",
            "INSERT INTO t (id, doc) SELECT * FROM unnest($1::uuid[], $2::jsonb[])",
        ),
    ] {
        let values = ["{00112233-4455-6677-8899-aabbccddeeff,NULL}", r#"{"{\"a\":1}","[2]"}"#];
        let right = said(&mut direct, (TABLE, right), &[1009, 1009], &[], &values);
        assert!(right.0.contains("INSERT 0 2"), "{right:?}");
        for declared in [[1009, 1009], [1015, 1015]] {
            let found = said(&mut wire, (TABLE, sql), &declared, &[], &values);
            assert_eq!(found, right, "{declared:?} {sql}");
        }
    }
}

/// Constants, and what the hand-written form has for them.
#[test]
fn constants_reach_their_columns_on_any_way() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    let both =
        "CREATE TABLE w (ok boolean, s smallint, b bytea, doc jsonb, wide varchar(37), id uuid)";
    let table = format!("DROP TABLE IF EXISTS w; {both}");
    for (sql, right) in [
        ("(ok) SELECT 1 UNION ALL SELECT 0", "(ok) VALUES (true), (false)"),
        (
            "(ok, s) SELECT b'1', TRUE UNION ALL SELECT b'0', FALSE",
            "(ok, s) VALUES (true, 1), (false, 0)",
        ),
        ("(b) SELECT X'00FF' UNION ALL SELECT 0x01", r"(b) VALUES ('\x00ff'), ('\x01')"),
        ("(b) SELECT v.b FROM (VALUES (X'00FF'), (X'')) v (b)", r"(b) VALUES ('\x00ff'), ('')"),
        (
            "(ok, id) SELECT * FROM (VALUES (1, '00112233-4455-6677-8899-aabbccddeeff')) v",
            "(ok, id) VALUES (true, '00112233-4455-6677-8899-aabbccddeeff')",
        ),
        (
            r#"(doc, id) SELECT '{"a": "\u0000"}', NULL UNION ALL SELECT '[]', '00112233-4455-6677-8899-aabbccddeeff'"#,
            r#"(doc, id) VALUES ('{"a": " "}', NULL), ('[]', '00112233-4455-6677-8899-aabbccddeeff')"#,
        ),
        ("(ok) VALUES (CAST(1 AS bit))", "(ok) VALUES (true)"),
        ("(ok, s) SELECT CAST(0 AS BIT), CAST(1 AS bit)", "(ok, s) VALUES (false, 1)"),
        (
            "(ok, s) VALUES (CAST('1' AS bit), CAST(1 AS bit)), (NULL, CAST(0 AS bit))",
            "(ok, s) VALUES (true, 1), (NULL, 0)",
        ),
        ("(ok, s) VALUES (COALESCE(NULL, 1), COALESCE(TRUE, FALSE))", "(ok, s) VALUES (true, 1)"),
        ("(b) VALUES (0x), (X'')", "(b) VALUES (''), ('')"),
        (
            "(b) VALUES (b'101'), (B'1'), ((b'000000010'))",
            r"(b) VALUES ('\x05'), ('\x01'), ('\x0002')",
        ),
        ("(b) SELECT b'101'UNION ALL SELECT(b'1')FROM(SELECT)x", r"(b) VALUES ('\x05'), ('\x01')"),
        ("(s) VALUES (0x1F), (X'0a')", "(s) VALUES (31), (10)"),
        ("(b) SELECT 0x UNION ALL SELECT 0xAB", r"(b) VALUES (''), ('\xab')"),
        (
            "(wide) VALUES (TIMESTAMP '2024-01-02 03:04:05.123456789')",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789')",
        ),
        (
            "(wide) VALUES (CAST('2024-01-02 03:04:05.123456789' AS timestamp))",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789')",
        ),
        (
            "(wide) VALUES ('2024-01-02 03:04:05.123456789'::timestamp(9))",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789')",
        ),
        (
            "(wide) VALUES (CAST('2024-01-02 03:04:05.123456789+02' AS TIMESTAMP WITH TIME ZONE))",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789+02')",
        ),
        (
            "(wide) VALUES (TIMESTAMP(9) '2024-01-02 03:04:05.123456789')",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789')",
        ),
        (
            "(wide) SELECT TIMESTAMP '2024-01-02 03:04:05.123456789' UNION ALL SELECT CAST('2024-01-02 03:04:05.123456788' AS timestamp)",
            "(wide) VALUES ('2024-01-02 03:04:05.123456789'), ('2024-01-02 03:04:05.123456788')",
        ),
    ] {
        let [found, right] = [(&mut wire, sql), (&mut direct, right)].map(|(wire, sql)| {
            say(wire, &table);
            (say(wire, format!("INSERT INTO w {sql}")), say(wire, "SELECT * FROM w"))
        });
        assert!(right.0.contains("CommandComplete INSERT"), "{sql}: {right:?}");
        assert_eq!(found, right, "{sql}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_on_any_way() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (sql, declared) in [
        ("UPDATE t SET at = COALESCE($1, 0)", oid::INT8),
        ("INSERT INTO t (k, at) SELECT 2, $1 UNION ALL SELECT 3, $1", oid::INT4),
        ("INSERT INTO t (b) SELECT v.x FROM (VALUES ($1), (1)) v (x)", oid::INT4),
        ("UPDATE t SET id = (SELECT $1 + 1)", oid::INT4),
        ("UPDATE t SET at = CASE WHEN k = 1 THEN $1 ELSE $1 END", oid::BOOL),
        ("UPDATE t SET doc = COALESCE($1, 1)", oid::INT4),
        ("UPDATE t SET doc = concat($1, '')", oid::VARCHAR),
        ("UPDATE t SET missing = COALESCE($1, '')", oid::VARCHAR),
    ] {
        let [found, right] =
            [&mut wire, &mut direct].map(|wire| said(wire, (TABLE, sql), &[declared], &[], &["1"]));
        assert!(right.0.contains("ErrorResponse"), "{sql}: {right:?}");
        assert_eq!(found, right, "{sql}");
    }
    // What is too long or no value of the type is refused, and not cut.
    for (sql, value, state) in [
        ("UPDATE t SET n = COALESCE($1, '0')", "123456789012", "22003"),
        ("UPDATE t SET id = NULLIF($1, '')", "x", "22P02"),
        ("UPDATE t SET ok = COALESCE($1, 'f')", "7", "22P02"),
        ("INSERT INTO t (ok) SELECT 2 WHERE $1 = '' UNION ALL SELECT 7", "", "22P02"),
    ] {
        let found = said(&mut wire, (TABLE, sql), &[oid::VARCHAR], &[], &[value]);
        assert!(found.0.contains(state), "{sql}: {found:?}");
    }
}

/// An array of a domain takes what the domain takes: nothing is cut on the way.
#[test]
fn what_is_too_long_for_a_domain_is_refused_in_arrays() {
    const DOMAINS: &str = "DROP TABLE IF EXISTS d; DROP DOMAIN IF EXISTS vc4, vb4;
        CREATE DOMAIN vc4 AS varchar(4); CREATE DOMAIN vb4 AS bit(4);
        CREATE TABLE d (words vc4[], bits vb4[])";
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    say(&mut direct, DOMAINS);
    for (sql, expected) in [
        ("INSERT INTO d (words) VALUES (ARRAY['too long'])", "22001"),
        ("INSERT INTO d (words) VALUES (ARRAY['too long'::text])", "22001"),
        ("INSERT INTO d (bits) VALUES (ARRAY['10101'::text])", "22026"),
        ("INSERT INTO d (bits) VALUES (ARRAY['1'])", "22026"),
        ("INSERT INTO d (words) VALUES (ARRAY['a b', NULL]) RETURNING words", r#"{\"a b\",NULL}"#),
        ("INSERT INTO d (bits) VALUES (ARRAY['1010'::text]) RETURNING bits", "{1010}"),
    ] {
        let found = say(&mut wire, sql);
        assert!(found.contains(expected), "{sql}: {found}");
    }
    say(&mut direct, "DROP TABLE d; DROP DOMAIN vc4, vb4");
}
