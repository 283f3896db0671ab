//! Which expressions meet columns, and what the server takes them to be: many shapes of statements, and what
//! holds for every text.

use std::time::{Duration, Instant};

use dms_proxy::statement::{Lexing, MeetingKind, MetValue, SlotColumn};
use proptest::prelude::*;

use super::reading::read;

const VARCHAR: u32 = 1043;

/// `t.c=1043 $1`, with `?` for an expression that is compared, `[]` for an array.
fn found(sql: &str, declared: &[u32]) -> Vec<String> {
    let script = read(sql.as_bytes(), Lexing::default());
    let [statement] = script.statements.as_slice() else { return Vec::new() };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let meetings = script.meetings(statement, sql.as_bytes(), declared).into_iter();
    let rendered = meetings.map(|meeting| {
        let relations: Vec<String> =
            meeting.relations.iter().map(|name| text(&name.join(&b'.'))).collect();
        let column = match &meeting.column {
            SlotColumn::Named(name) => text(name),
            SlotColumn::Index(at) => at.to_string(),
        };
        let mark = match meeting.kind {
            MeetingKind::Slot | MeetingKind::Assigned => "=",
            MeetingKind::Compared => "?",
            MeetingKind::Elements => "[]",
        };
        let value = match &meeting.value {
            MetValue::Expression { span, .. } => sql[span.clone()].to_owned(),
            MetValue::Rows(rows, index) => format!("{}#{index}", &sql[rows.span.clone()]),
        };
        format!("{}.{column}{mark}{} {value}", relations.join("|"), meeting.type_oid)
    });
    rendered.collect()
}

#[test]
fn expressions_meet_columns() {
    for (sql, expected) in [
        ("DELETE FROM t WHERE a = $1", &["t.a?1043 $1"][..]),
        ("DELETE FROM s.t x WHERE $1 = x.a AND b + 1 = $2", &["s.t.a?1043 $1"]),
        (
            "SELECT 1 FROM t, u WHERE a IN ($1, 2) OR t.b = ANY($2)",
            &["t|u.a?1043 $1", "t|u.a?23 2", "t.b[]1043 $2"],
        ),
        (
            "SELECT 1 FROM t WHERE (a, b) = ($1, $2) AND f(a = $3)",
            &["t.a?1043 $1", "t.b?1043 $2", "t.a?1043 $3"],
        ),
        (
            "UPDATE t SET a = COALESCE($1, '') WHERE b BETWEEN $2 AND $3",
            &["t.a=1043 COALESCE($1, '')", "t.b?1043 $2", "t.b?1043 $3"],
        ),
        ("UPDATE t SET a = COALESCE($1, b)", &["t.a=1043 $1"]),
        (
            "UPDATE t SET a = NULLIF($1, 0), b = CASE WHEN c = $2 THEN $3 ELSE 'x' END",
            &["t.a=1043 $1", "t.c?1043 $2", "t.b=1043 CASE WHEN c = $2 THEN $3 ELSE 'x' END"],
        ),
        (
            "INSERT INTO t (a, b) SELECT * FROM (VALUES ($1, 2)) v",
            &[
                "t.a=1043 SELECT * FROM (VALUES ($1, 2)) v#0",
                "t.b=23 SELECT * FROM (VALUES ($1, 2)) v#1",
            ],
        ),
        (
            "INSERT INTO t SELECT $1 UNION SELECT 'x' ON CONFLICT (a) DO UPDATE SET b = excluded.c",
            &["t.0=1043 SELECT $1 UNION SELECT 'x'#0"],
        ),
        (
            "WITH v (x) AS (SELECT $1 UNION ALL SELECT $2) UPDATE t SET a = v.x FROM v",
            &["t.a=1043 v.x"],
        ),
        ("SELECT 1 FROM t JOIN (VALUES ($1)) v (a) USING (a)", &["t.a?1043 VALUES ($1)#0"]),
        (
            "MERGE INTO t USING (VALUES ($1)) s (k) ON t.a = s.k WHEN MATCHED THEN DELETE",
            &["t.a?1043 s.k"],
        ),
        (
            "WITH d AS (DELETE FROM t WHERE a = $1 RETURNING *) SELECT * FROM d WHERE b = $2",
            &["t.a?1043 $1"],
        ),
        // What is not understood meets nothing.
        ("DELETE FROM t WHERE a = $1 || 'x' OR $1 + a = b OR a LIKE $1", &[]),
        ("SELECT 1 FROM f($1) x WHERE x.a = $1", &[]),
        ("UPDATE t SET a = f($1), b = $1 || ''", &[]),
    ] {
        assert_eq!(found(sql, &[VARCHAR; 3]), expected, "{sql}");
    }
}

#[test]
fn nesting_takes_no_time() {
    for (open, inside, close) in [
        ("(", "a = $1", ")"),
        ("COALESCE(", "$1", ", 1)"),
        ("(SELECT ", "$1", ")"),
        ("a = (SELECT a FROM t WHERE ", "a = $1", ")"),
        ("a IN (SELECT b FROM t WHERE (", "a = $1", "))"),
        ("CASE WHEN a = $1 THEN ", "$1", " ELSE $2 END"),
        ("NULLIF(CAST(", "$1", " AS text), '')"),
        ("ARRAY[", "$1", "]"),
    ] {
        let times = 20_000;
        let nested = open.repeat(times) + inside + &close.repeat(times);
        for sql in [
            format!("UPDATE t SET a = {nested} WHERE {nested}"),
            format!("SELECT {nested} FROM t WHERE a = {nested}"),
            format!("INSERT INTO t VALUES ({nested}), ({nested})"),
        ] {
            let start = Instant::now();
            found(&sql, &[VARCHAR; 2]);
            assert!(start.elapsed() < Duration::from_secs(20), "{open}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "INSERT", "INTO", "UPDATE", "SET", "DELETE", "FROM", "WHERE", "SELECT", "VALUES",
                "WITH", "AS", "JOIN", "USING", "ON", "UNION", "MERGE", "WHEN", "MATCHED", "THEN",
                "CASE", "END", "ELSE", "COALESCE", "NULLIF", "CAST", "ARRAY", "IN", "ANY", "BETWEEN",
                "AND", "OR", "NOT", "IS", "DISTINCT", "t", "a", "s", ".", ",", "(", ")", "[", "]",
                "=", "<", "*", "::", "$1", "$2", "'x'", "1", "text", "unnest", "ROW", "CONFLICT", "DO",
            ]),
            0..40,
        ),
        first in prop::sample::select(vec![
            "INSERT INTO t (a) SELECT", "UPDATE t SET a =", "DELETE FROM t WHERE", "SELECT a FROM t",
            "WITH s AS (SELECT $1) UPDATE t SET a = s.a FROM s WHERE", "MERGE INTO t USING",
        ]),
    ) {
        let sql = format!("{first} {}", words.join(" "));
        for meeting in found(&sql, &[VARCHAR, 25]) {
            prop_assert!(!meeting.is_empty());
        }
    }
}
