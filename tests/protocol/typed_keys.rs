//! Keys: what a statement looks for is declared as text, and the column is of another type.

use super::typed_values::{oid, proxied};
use super::{log_in, say};
use crate::support::{Wire, transcript};

/// What a statement says and leaves behind; types of parameters apart, which the client declares.
pub(super) fn said(
    wire: &mut Wire,
    (before, sql): (&str, &str),
    declared: &[i32],
    formats: &[i16],
    values: &[&str],
) -> (String, String) {
    say(wire, before);
    let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_bytes())).collect();
    wire.parse("", sql, declared).bind("", "", formats, &values, 0);
    let said = transcript(&wire.execute("", 0).sync().until_ready());
    (said, say(wire, "SELECT t::text FROM t ORDER BY t::text"))
}

const TABLE: &str = "DROP TABLE IF EXISTS t, u; DROP TYPE IF EXISTS mood;
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE t (id uuid, at timestamp, mood mood, n numeric(10,2), ok boolean, note varchar(60));
    CREATE TABLE u (id uuid, n numeric, x varchar(20));
    INSERT INTO t VALUES
        ('00112233-4455-6677-8899-aabbccddeeff', '2024-01-02 03:04:05', 'happy', 1.5, true, 'a'),
        ('10112233-4455-6677-8899-aabbccddeeff', '2025-01-02 03:04:05', 'sad', 2.5, false, 'b');
    INSERT INTO u VALUES ('00112233-4455-6677-8899-aabbccddeeff', 1.5, 'x')";

const ID: &str = "00112233-4455-6677-8899-AABBCCDDEEFF";
const OTHER: &str = "10112233-4455-6677-8899-aabbccddeeff";

/// A column, a value of its type and how the hand-written form casts to it.
const KEYS: &[(&str, &str)] =
    &[("id", ID), ("at", "2024-01-02 03:04:05.000"), ("mood", "happy"), ("n", "1.50"), ("ok", "t")];

/// The type of a column in the hand-written form.
fn type_of(column: &str) -> &'static str {
    match column {
        "id" => "uuid",
        "at" => "timestamp",
        "mood" => "mood",
        "n" => "numeric",
        _ => "boolean",
    }
}

/// Where `K` is the key and `$1` its value.
const ONE_KEY: &[&str] = &[
    "DELETE FROM t WHERE K = $1",
    "DELETE FROM t AS a WHERE a.K = $1 RETURNING a.note",
    "DELETE FROM ONLY public.t WHERE $1 = t.K AND note <> 'z'",
    "UPDATE t SET note = 'x' WHERE K = $1",
    "UPDATE t SET note = 'x' WHERE (K) = ($1)",
    "UPDATE t SET note = 'x' WHERE K IN ($1, $1)",
    "UPDATE t SET note = 'x' WHERE K NOT IN ($1)",
    "UPDATE t SET note = 'x' WHERE K BETWEEN $1 AND $1",
    "UPDATE t SET note = 'x' WHERE K >= $1",
    "UPDATE t SET note = 'x' WHERE (K, note) = ($1, 'a')",
    "UPDATE t SET note = 'x' WHERE (K, note) IN (($1, 'a'), ($1, 'b'))",
    "UPDATE t SET note = 'x' WHERE K IS NOT DISTINCT FROM $1",
    "UPDATE t SET K = $1, note = 'x' WHERE K = $1",
    "UPDATE t SET note = 'x' WHERE NOT (K <> $1) OR K = $1 AND note = 'a'",
    "UPDATE t SET note = $1 WHERE K = $1 AND length($1) > 0",
    "SELECT note FROM t WHERE K = $1",
    "SELECT count(*) FROM t a JOIN t b ON a.K = b.K AND a.K = $1 WHERE b.K = $1",
    "SELECT note FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.K = $1)",
    "SELECT CASE WHEN K = $1 THEN 'yes' ELSE 'no' END FROM t ORDER BY note",
    "WITH gone AS (DELETE FROM t WHERE K = $1 RETURNING note) SELECT * FROM gone",
    "INSERT INTO t (note) SELECT note FROM t WHERE K = $1",
    "INSERT INTO t (id, note) SELECT id, 'n' FROM t WHERE t.K = $1 AND t.note = 'a'",
    "UPDATE t SET note = 'x' FROM u WHERE t.K = $1 AND u.x = 'x'",
    "DELETE FROM t USING u WHERE t.K = $1 AND u.x = 'x'",
    "UPDATE t SET note = 'x' WHERE K = COALESCE($1, $1)",
    "UPDATE t SET note = 'x' WHERE K = CAST($1 AS varchar)",
    "UPDATE t SET note = 'x' WHERE K = NULLIF($1, '')",
    "UPDATE t SET note = 'x' FROM (VALUES ($1)) v (key) WHERE t.K = v.key",
    "DELETE FROM t USING (VALUES ($1), ($1)) AS v (key) WHERE v.key = t.K",
    "MERGE INTO t USING (VALUES ($1)) AS s (key) ON t.K = s.key WHEN MATCHED THEN DELETE",
    "MERGE INTO t USING (SELECT $1 AS key) AS s ON t.K = s.key
        WHEN MATCHED THEN UPDATE SET note = 'm'",
    "SELECT note FROM t JOIN (VALUES ($1)) AS v (K) USING (K)",
    "SELECT note FROM t WHERE K IN (SELECT v.a FROM (VALUES ($1)) v (a))",
    "SELECT note FROM t WHERE K IN (SELECT $1 UNION ALL SELECT $1)",
    "WITH v (key) AS (VALUES ($1)) DELETE FROM t USING v WHERE t.K = v.key",
    "WITH v AS (SELECT $1 AS key) UPDATE t SET note = 'x' FROM v WHERE t.K = v.key",
];

#[test]
fn keys_declared_as_text_are_found() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (column, value) in KEYS {
        for sql in ONE_KEY {
            let sql = sql.replace("K", column);
            let cast = format!("CAST($1 AS {})", type_of(column));
            let right = match sql.as_str() {
                // The parameter is a text there, too.
                sql if sql.contains("note = $1") => {
                    sql.replace(" = $1 AND length", &format!(" = {cast} AND length"))
                }
                sql if sql.contains("NULLIF") => sql.replace(
                    "NULLIF($1, '')",
                    &format!("CAST(NULLIF($1, '') AS {})", type_of(column)),
                ),
                sql if sql.contains("AS varchar") => sql.replace("CAST($1 AS varchar)", &cast),
                sql => sql.replace("$1", &cast),
            };
            let right = said(&mut direct, (TABLE, &right), &[oid::TEXT], &[], &[value]);
            assert!(!right.0.contains("ErrorResponse"), "{sql}: {right:?}");
            for declared in [oid::VARCHAR, oid::TEXT, 1042] {
                for format in [0, 1] {
                    let found = said(&mut wire, (TABLE, &sql), &[declared], &[format], &[value]);
                    assert_eq!(found, right, "{declared} {format} {sql}");
                }
            }
        }
    }
}

/// Statements, the types that are declared, the values and the hand-written form.
const SEVERAL: &[(&str, &[i32], &[&str], &str)] = &[
    (
        "DELETE FROM t WHERE id = $1 AND at = $2 AND mood = $3 AND n = $4 AND ok = $5",
        &[oid::VARCHAR; 5],
        &[ID, "2024-01-02 03:04:05", "happy", "1.5", "true"],
        "DELETE FROM t WHERE id = $1::uuid AND at = $2::timestamp AND mood = $3::mood
            AND n = $4::numeric AND ok = $5::boolean",
    ),
    (
        "DELETE FROM t WHERE (id, n) IN (($1, $2), ($3, $4))",
        &[oid::VARCHAR; 4],
        &[ID, "1.5", OTHER, "7"],
        "DELETE FROM t WHERE (id, n) IN (($1::uuid, $2::numeric), ($3::uuid, $4::numeric))",
    ),
    (
        "DELETE FROM t WHERE id = ANY($1) AND note = ANY($2)",
        &[1015, 1009],
        &["{00112233-4455-6677-8899-aabbccddeeff,NULL}", "{a,b}"],
        "DELETE FROM t WHERE id = ANY($1::text[]::uuid[]) AND note = ANY($2)",
    ),
    (
        "DELETE FROM t WHERE mood = ANY(ARRAY[$1, $2])",
        &[oid::VARCHAR; 2],
        &["happy", "happy"],
        "DELETE FROM t WHERE mood = ANY(ARRAY[$1, $2]::mood[])",
    ),
    (
        "DELETE FROM t WHERE id IN (SELECT unnest($1))",
        &[1009],
        &["{00112233-4455-6677-8899-aabbccddeeff}"],
        "DELETE FROM t WHERE id IN (SELECT unnest($1)::uuid)",
    ),
    (
        "UPDATE t SET note = v.note FROM (VALUES ($1, $2), ($3, $4)) AS v (id, note) WHERE t.id = v.id",
        &[oid::VARCHAR; 4],
        &[ID, "p", OTHER, "q"],
        "UPDATE t SET note = v.note FROM (VALUES ($1::uuid, $2), ($3::uuid, $4)) AS v (id, note)
            WHERE t.id = v.id",
    ),
    (
        "UPDATE t SET note = v.note FROM unnest($1, $2) AS v (id, note) WHERE t.id = v.id",
        &[1009, 1009],
        &["{00112233-4455-6677-8899-aabbccddeeff}", "{p}"],
        "UPDATE t SET note = v.note FROM unnest($1::uuid[], $2) AS v (id, note) WHERE t.id = v.id",
    ),
    (
        "SELECT t.note, u.x FROM t JOIN u USING (id) WHERE t.id = $1 AND u.n = $2",
        &[oid::VARCHAR; 2],
        &[ID, "1.5"],
        "SELECT t.note, u.x FROM t JOIN u USING (id) WHERE t.id = $1::uuid AND u.n = $2::numeric",
    ),
    (
        "SELECT note FROM t JOIN (VALUES ($1, $2)) v (id, n) USING (id, n)",
        &[oid::VARCHAR; 2],
        &[ID, "1.5"],
        "SELECT note FROM t JOIN (VALUES ($1::uuid, $2::numeric)) v (id, n) USING (id, n)",
    ),
    (
        "INSERT INTO u (id, n, x) VALUES ($1, $2, 'new') ON CONFLICT DO NOTHING",
        &[oid::VARCHAR; 2],
        &[ID, "1.5"],
        "INSERT INTO u (id, n, x) VALUES ($1::uuid, $2::numeric, 'new') ON CONFLICT DO NOTHING",
    ),
    (
        "UPDATE t SET n = $1, ok = $2 WHERE id = $3 AND n = $4",
        &[oid::VARCHAR, oid::INT4, oid::VARCHAR, oid::VARCHAR],
        &["9.75", "0", ID, "1.5"],
        "UPDATE t SET n = $1::numeric, ok = $2::int::boolean WHERE id = $3::uuid AND n = $4::numeric",
    ),
    (
        "UPDATE t SET (n, note) = (SELECT v.n, v.note FROM (VALUES ($1, $2)) v (n, note)) WHERE id = $3",
        &[oid::VARCHAR; 3],
        &["9.75", "w", ID],
        "UPDATE t SET (n, note) = (SELECT v.n::numeric, v.note FROM (VALUES ($1, $2)) v (n, note))
            WHERE id = $3::uuid",
    ),
];

#[test]
fn several_keys_are_found() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (sql, declared, values, right) in SEVERAL {
        let right = said(&mut direct, (TABLE, right), declared, &[], values);
        assert!(!right.0.contains("ErrorResponse"), "{sql}: {right:?}");
        let found = said(&mut wire, (TABLE, sql), declared, &[], values);
        assert_eq!(found, right, "{sql}");
    }
}

#[test]
fn what_was_declared_is_described_and_strings_stay_strings() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    say(&mut direct, "CREATE EXTENSION IF NOT EXISTS citext");
    for wire in [&mut wire, &mut direct] {
        say(wire, format!("{TABLE}; ALTER TABLE t ADD c citext DEFAULT 'Ab'"));
        for (sql, types) in [
            ("SELECT note FROM t WHERE note = $1", "1043"),
            // Compared with a text it is one.
            ("SELECT note FROM t WHERE c = $1", "1043"),
            ("SELECT note FROM t WHERE note = $1 AND note LIKE $1", "1043"),
        ] {
            wire.parse("", sql, &[oid::VARCHAR]).describe(b'S', "");
            wire.bind("", "", &[], &[Some(b"ab")], 0).execute("", 0).sync();
            let said = transcript(&wire.until_ready());
            assert!(said.contains(&format!("ParameterDescription {types}\n")), "{said}");
            assert!(said.contains("CommandComplete SELECT 0\n"), "{sql}: {said}");
        }
    }
    let sql = "SELECT note FROM t WHERE id = $1";
    wire.parse("", sql, &[oid::VARCHAR]).describe(b'S', "").sync();
    assert!(transcript(&wire.until_ready()).contains("ParameterDescription 1043\n"));
}

#[test]
fn keys_that_cannot_be_meant_are_refused_as_the_server_does() {
    let (database, endpoint) = proxied();
    let (mut wire, mut direct) = (log_in(&endpoint), log_in(database.endpoint()));
    for (sql, declared) in [
        ("DELETE FROM t WHERE at = $1", oid::INT8),
        ("DELETE FROM t WHERE id = $1", oid::INT4),
        ("DELETE FROM t WHERE n = $1", oid::BOOL),
        ("DELETE FROM t WHERE at = $1", oid::BOOL),
        ("DELETE FROM t WHERE missing = $1", oid::VARCHAR),
        ("DELETE FROM t WHERE id || '' = $1 || 1 AND id + 1 = $1", oid::VARCHAR),
        ("DELETE FROM missing WHERE id = $1", oid::VARCHAR),
    ] {
        let [found, right] =
            [&mut wire, &mut direct].map(|wire| said(wire, (TABLE, sql), &[declared], &[], &["1"]));
        assert!(right.0.contains("ErrorResponse"), "{sql}: {right:?}");
        assert_eq!(found, right, "{sql}");
    }
    // What is no value of the key's type is refused, and deletes nothing.
    for (column, value, state) in
        [("id", "x", "22P02"), ("at", "0000-00-00", "22008"), ("n", "", "22P02")]
    {
        let sql = format!("DELETE FROM t WHERE {column} = $1");
        let found = said(&mut wire, (TABLE, &sql), &[oid::VARCHAR], &[], &[value]);
        assert!(found.0.contains(state), "{sql}: {found:?}");
    }
}
