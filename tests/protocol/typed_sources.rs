//! Parameters that reach a column by the name of a row's field: MERGE, and INSERT from VALUES.

use super::typed_values::oid;
use super::{log_in, say, sqlstate};
use crate::support::{Cluster, Database, Endpoint, Proxy, transcript};

fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    database.query("CREATE TABLE t (id int PRIMARY KEY, doc jsonb, ok boolean, note varchar(9))");
    (database, endpoint)
}

const MERGE: &str =
    "MERGE INTO t USING (VALUES ($1, $2, $3, $4)) AS s (id, doc, ok, note) ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET doc = s.doc, ok = s.ok, note = s.note
    WHEN NOT MATCHED THEN INSERT (id, doc, ok, note) VALUES (s.id, s.doc, s.ok, s.note)";

const MERGE_SELECT: &str =
    "MERGE INTO t USING (SELECT $1 AS id, $2 AS doc, $3 AS ok, $4 note) s ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET doc = s.doc, ok = s.ok, note = s.note
    WHEN NOT MATCHED THEN INSERT VALUES (id, doc, ok, note)";

const INSERT: &str = "INSERT INTO t (id, doc, ok, note)
    SELECT v.id, doc, v.ok, v.note FROM (VALUES ($1, $2, $3, $4)) v (id, doc, ok, note)
    ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, ok = excluded.ok, note = excluded.note";

#[test]
fn parameters_are_fitted_through_the_names_of_a_row() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let number = 1_i32.to_be_bytes();
    let all = [Some(&b"1"[..]), Some(br#"{"k": "\u0000"}"#), Some(b"1"), Some(b"a\0b")];
    for sql in [MERGE, MERGE_SELECT, INSERT] {
        for declared in [
            &[][..],
            &[0, 0, 0, 0],
            &[oid::INT4, oid::VARCHAR, oid::INT4, oid::VARCHAR],
            &[oid::VARCHAR; 4],
        ] {
            say(&mut wire, "TRUNCATE t");
            for _ in 0..2 {
                wire.parse("", sql, declared).describe(b'S', "");
                wire.bind("", "", &[], &all, 0).execute("", 0).sync();
                let said = transcript(&wire.until_ready());
                assert!(said.contains(" 1\nReadyForQuery I\n"), "{declared:?} {sql}: {said}");
                let described = match declared.first() {
                    None | Some(0) => "ParameterDescription 23 3802 16 25\n".to_owned(),
                    Some(_) => {
                        let declared: Vec<String> = declared.iter().map(i32::to_string).collect();
                        format!("ParameterDescription {}\n", declared.join(" "))
                    }
                };
                assert!(said.contains(&described), "{declared:?} {sql}: {said}");
            }
            assert_eq!(database.query("TABLE t"), [["1", r#"{"k": " "}"#, "t", "a b"]]);
        }
        // In binary format, as other types than the columns have.
        say(&mut wire, "TRUNCATE t");
        wire.parse("", sql, &[oid::INT4, oid::VARCHAR, oid::INT4, oid::VARCHAR]);
        let binary = [Some(&number[..]), Some(b"[7]"), Some(&number), Some(b"x")];
        wire.bind("", "", &[1], &binary, 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains(" 1\nReadyForQuery I\n"), "{sql}: {said}");
        assert_eq!(database.query("TABLE t"), [["1", "[7]", "t", "x"]]);
    }
}

#[test]
fn parameters_with_other_uses_are_left_to_the_server() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let mut direct = log_in(database.endpoint());
    for (sql, declared) in [
        // Something is made of it.
        ("INSERT INTO t (doc) SELECT concat(v.a, '') FROM (VALUES ($1)) v (a)", oid::VARCHAR),
        // Of another type than the rows.
        (
            "INSERT INTO t (doc) SELECT v.a FROM (VALUES ($1)) v (a) UNION SELECT now()",
            oid::VARCHAR,
        ),
    ] {
        let said = [&mut wire, &mut direct].map(|wire| {
            wire.parse("", sql, &[declared]).sync();
            sqlstate(&wire.until_ready())
        });
        assert_eq!(said, ["42804", "42804"], "{sql}");
    }
    // Strings need nothing, and are told nothing.
    let sql = "INSERT INTO t (id, note) SELECT 1, v.a FROM (VALUES ($1)) v (a)";
    wire.parse("", sql, &[oid::TEXT]).describe(b'S', "").bind("", "", &[], &[Some(b"x\0y")], 0);
    wire.execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("INSERT 0 1\n"));
    assert_eq!(database.query("SELECT note FROM t"), [["x y"]]);
}
