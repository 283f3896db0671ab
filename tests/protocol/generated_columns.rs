//! Generated columns left out of an INSERT with a SELECT, whose items go with them.

use super::policies::session;
use super::{say, sqlstate};
use crate::support::transcript;

const CONFIG: &str = "[values]\ngenerated = \"leave-out\"\nidentity_always = \"override\"\n";

#[test]
fn the_items_of_a_select_list_go_with_their_columns() {
    let (_proxy, database, mut wire) = session(CONFIG);
    say(
        &mut wire,
        "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED, b text,
             h int GENERATED ALWAYS AS (a + 1) STORED);
         CREATE TABLE i (id int GENERATED ALWAYS AS IDENTITY, g int GENERATED ALWAYS AS (7) STORED, a int);
         CREATE TABLE s AS SELECT 1 AS a, 99 AS g, 'x'::text AS b",
    );
    for sql in [
        "INSERT INTO t (a, g, b) SELECT a, g, b FROM s",
        "INSERT INTO t (g, h, b, a) SELECT g, g + 1 AS h, b, a FROM s",
        "INSERT INTO t SELECT a, g::STRING(9), b FROM s",
        "INSERT INTO t (SELECT a, round(g, 1) g, b, 7 FROM s) ON CONFLICT DO NOTHING",
        "WITH w AS (SELECT * FROM s) INSERT INTO t (a, b, h) SELECT w.a, w.b, NULL FROM w RETURNING h",
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains("INSERT 0 1"), "{sql}: {said}");
    }
    for sql in ["INSERT INTO i SELECT 5, 6, 8", "INSERT INTO i (g, id, a) SELECT 6, 5, 8"] {
        let said = say(&mut wire, sql);
        assert!(said.contains("INSERT 0 1"), "{sql}: {said}");
    }
    // Parameters, also those that are left in no place.
    for types in [&[][..], &[23, 23, 25]] {
        wire.parse("", "INSERT INTO t (a, g, b) SELECT $1, $2, $3", types);
        wire.bind("", "", &[], &[Some(b"1"), Some(b"99"), Some(b"x")], 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("INSERT 0 1"), "{said}");
    }
    assert_eq!(
        database.query("SELECT *, count(*) FROM t GROUP BY a, g, b, h"),
        [["1", "2", "x", "2", "7"]]
    );
    assert_eq!(database.query("TABLE i"), [["5", "7", "8"]; 2]);
}

#[test]
fn what_might_mean_something_else_is_left_to_the_server() {
    let (_proxy, database, mut wire) = session(CONFIG);
    say(&mut wire, "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED)");
    say(&mut wire, "CREATE TABLE s (a int, g int); INSERT INTO s VALUES (1, 2)");
    for sql in [
        "INSERT INTO t SELECT * FROM s",
        "INSERT INTO t SELECT DISTINCT a, g FROM s",
        "INSERT INTO t SELECT a, g FROM s UNION ALL SELECT a, g FROM s",
        "INSERT INTO t SELECT a, g FROM s ORDER BY 2",
        "INSERT INTO t SELECT 1, count(*) FROM s",
        "INSERT INTO t SELECT 1, generate_series(1, 3) FROM s",
    ] {
        let frames = wire.query(sql).until_ready();
        assert_eq!(sqlstate(&frames), "428C9", "{sql}");
    }
    assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
}
