//! Values for columns GENERATED ALWAYS AS IDENTITY, and dates that do not exist, in every place of a statement.

use super::field;
use super::policies::session;
use crate::support::{Frame, Wire};

/// The SQLSTATE of an error; empty where there is none.
fn code(frames: &[Frame]) -> String {
    field(frames, b'E', b'C').unwrap_or_default()
}

fn runs(wire: &mut Wire, sql: &str) {
    let simple = wire.query(sql).until_ready();
    assert_eq!(code(&simple), "", "{sql}");
}

const TABLE: &str = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text, m int); \
    INSERT INTO t (n) VALUES ('old')";

#[test]
fn identity_columns_of_merge_and_of_conflicts_get_their_values() {
    let (_proxy, database, mut wire) = session("[values]\nidentity_always = \"override\"\n");
    database.query(TABLE);
    database.query("CREATE TABLE s AS SELECT * FROM (VALUES (1, 'k'), (7, 'l')) v (id, n)");
    for (sql, rows) in [
        (
            "INSERT INTO t (id, n) VALUES (1, 'a'), (7, 'b') ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id, n = EXCLUDED.n",
            [["1", "a"], ["7", "b"]],
        ),
        (
            "INSERT INTO t AS x (id, n) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n, id=excluded.\"id\" WHERE x.n <> 'q'",
            [["1", "c"], ["7", "b"]],
        ),
        (
            "INSERT INTO t (id, n) SELECT 1, 'd' ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n, id = EXCLUDED.id, m = EXCLUDED.m",
            [["1", "d"], ["7", "b"]],
        ),
        (
            "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id",
            [["1", "d"], ["7", "b"]],
        ),
        (
            "INSERT INTO t AS x (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id RETURNING x.id",
            [["1", "d"], ["7", "b"]],
        ),
        (
            "MERGE INTO t USING (VALUES (1, 'e'), (7, 'f')) AS s (id, n) ON t.id = s.id \
             WHEN MATCHED THEN UPDATE SET id = s.id, n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)",
            [["1", "e"], ["7", "f"]],
        ),
        (
            "MERGE INTO t AS x USING (VALUES (1, 'g')) AS s (id, n) ON (s.id = x.id AND x.n = x.n) \
             WHEN MATCHED THEN UPDATE SET id = s.id",
            [["1", "e"], ["7", "f"]],
        ),
        (
            "DELETE FROM t WHERE id = 7; MERGE INTO t USING (VALUES (1, 'x'), (7, 'h')) AS s (id, n) ON t.id = s.id \
             WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n)",
            [["1", "e"], ["7", "h"]],
        ),
        (
            "DELETE FROM t; INSERT INTO t (n, id) SELECT 'i', 1 UNION ALL (SELECT 'j', 7)",
            [["1", "i"], ["7", "j"]],
        ),
        (
            "DELETE FROM t; INSERT INTO t (id, n) TABLE s ON CONFLICT DO NOTHING",
            [["1", "k"], ["7", "l"]],
        ),
    ] {
        runs(&mut wire, sql);
        assert_eq!(database.query("SELECT id, n FROM t ORDER BY id"), rows, "{sql}");
    }
    // What would change the value is the server's to refuse.
    for sql in [
        "INSERT INTO t (id, n) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.m",
        "INSERT INTO t (id, n) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET id = 9",
        "UPDATE t SET id = 9",
        "MERGE INTO t USING (VALUES (1, 2)) AS s (id, k) ON t.id = s.id OR true WHEN MATCHED THEN UPDATE SET id = s.id",
        "MERGE INTO t USING (VALUES (1, 2)) AS s (id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = s.k",
    ] {
        assert_eq!(code(&wire.query(sql).until_ready()), "428C9", "{sql}");
    }
}

#[test]
fn dates_that_do_not_exist_in_casts() {
    let (_proxy, database, mut wire) = session("[values]\nbad_dates = \"null\"\n");
    database.query("CREATE TABLE t (k int, d date, at timestamp, s text)");
    for (sql, row) in [
        (
            "INSERT INTO t VALUES (1, DATE '0000-00-00', TIMESTAMP '2024-02-30 10:00:00', DATE '2024-02-29')",
            ["NULL", "NULL"],
        ),
        (
            "INSERT INTO t VALUES (1, '0000-00-00'::date, CAST('0000-00-00 00:00:00' AS timestamp))",
            ["NULL", "NULL"],
        ),
        (
            "INSERT INTO t SELECT 1, CAST(('2023-02-29') AS date), '2023-13-01'::timestamp",
            ["NULL", "NULL"],
        ),
        (
            "INSERT INTO t VALUES (1, NULL, '2023-13-01'::timestamp(3) without time zone)",
            ["NULL", "NULL"],
        ),
        (
            "INSERT INTO t VALUES (1, DATE '2024-02-29', TIMESTAMP '2024-01-01 10:00:00')",
            ["2024-02-29", "2024-01-01 10:00:00"],
        ),
    ] {
        runs(&mut wire, &format!("TRUNCATE t; {sql}"));
        assert_eq!(database.query("SELECT d, at FROM t"), [row], "{sql}");
    }
    runs(&mut wire, "UPDATE t SET d = date '0000-00-00', at = ('0000-00-00')::timestamp");
    assert_eq!(database.query("SELECT d, at FROM t"), [["NULL", "NULL"]]);
}
