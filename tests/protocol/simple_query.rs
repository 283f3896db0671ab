//! Simple queries come back as the server gives them.

use super::{exact, exact_until_ready, log_in, say, say_exactly};
use crate::support::{Endpoint, both};

#[test]
fn statements_notices_and_errors() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        [
            "",
            ";;",
            " -- nothing\n",
            "SELECT 1; SELECT 'two', NULL, 'ä'; CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)",
            "CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE IF EXISTS missing; SELECT 3",
            "DO $$ BEGIN RAISE WARNING 'w' USING DETAIL = 'd', HINT = 'h', ERRCODE = 'YY001'; END $$",
            "SELECT 1; SELECT 'ä' || nope; SELECT 2",
            "SELECT FROM FROM",
            "SELECT 1 /* never ended",
            "INSERT INTO t VALUES (1/0)",
            "CREATE TABLE u (a int PRIMARY KEY, b int CHECK (b > 0) NOT NULL); INSERT INTO u VALUES (1, 1)",
            "INSERT INTO u VALUES (1, 1)",
            "INSERT INTO u VALUES (2, -1)",
            "INSERT INTO u VALUES (2, NULL)",
            "DO $$ BEGIN PERFORM 1/0; END $$",
            "SET client_min_messages = debug1; CREATE TABLE v (a int PRIMARY KEY); RESET client_min_messages",
            "SET application_name = 'other'; SET TimeZone = 'UTC'; SET DateStyle = 'German'; SELECT DATE '2026-01-31'",
            "SELECT * FROM generate_series(1, 5000)",
            "TABLE t",
        ]
        .map(|sql| say_exactly(&mut wire, sql))
    });
}

#[test]
fn transactions_and_savepoints() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        [
            "CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1)",
            "SAVEPOINT s; INSERT INTO t VALUES (2); SELECT nope",
            "INSERT INTO t VALUES (3)",
            "ROLLBACK TO s",
            "INSERT INTO t VALUES (4); RELEASE s; COMMIT; TABLE t",
            "BEGIN; SELECT 1/0",
            "COMMIT",
            "ROLLBACK",
            "BEGIN; PREPARE TRANSACTION 'simple_query'; SELECT 1",
            "ROLLBACK PREPARED 'simple_query'",
            "PREPARE p AS SELECT $1::int + 1; EXECUTE p (41); DEALLOCATE p; EXECUTE p (41)",
            "BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 9); FETCH 3 FROM c; MOVE 2 IN c; FETCH 9 FROM c; COMMIT",
        ]
        .map(|sql| say(&mut wire, sql))
    });
    assert!(said[1].ends_with("ReadyForQuery E\n"), "{}", said[1]);
    assert!(said[2].contains("25P02"), "{}", said[2]);
    assert!(said[4].contains("DataRow 1\nDataRow 4\nCommandComplete SELECT 2"), "{}", said[4]);
}

#[test]
fn queries_in_flight_are_answered_in_order() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        for n in 0..200 {
            wire.query(format!("SELECT {n}, 10 / ({n} % 7)"));
        }
        let answers = exact_until_ready(&mut wire, 200);
        wire.terminate();
        assert!(wire.read_frame().is_none());
        answers
    });
}

#[test]
fn long_texts_and_long_rows() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let long = "x".repeat(3_000_000);
        let direct = say_exactly(&mut wire, format!("SELECT '{long}' AS a, length('{long}')"));
        // A text that is longer than what is held to be read.
        let comment = " ".repeat(17 * 1024 * 1024);
        let huge = say_exactly(&mut wire, format!("SELECT 1{comment}; SELECT 'end'; SELECT nope"));
        (direct.len(), huge)
    });
}

#[test]
fn wide_rows() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let columns =
            |each: fn(usize) -> String| (0..1600).map(each).collect::<Vec<_>>().join(", ");
        let create = format!("CREATE TABLE wide ({})", columns(|n| format!("c{n} bool")));
        let insert = format!("INSERT INTO wide VALUES ({})", columns(|n| (n % 3 == 0).to_string()));
        let too_wide =
            format!("CREATE TABLE wider ({}, more bool)", columns(|n| format!("c{n} bool")));
        [create, insert, "TABLE wide".to_owned(), too_wide].map(|sql| say_exactly(&mut wire, sql))
    });
    assert!(said[3].contains("54011"), "{}", said[3]);
}

#[test]
fn notifications_reach_an_idle_session() {
    let said = both(|endpoint| {
        let (mut listener, mut notifier) = (log_in(endpoint), log_in(endpoint));
        let mut said = say(&mut listener, "LISTEN c");
        say(&mut notifier, "NOTIFY c, 'one'");
        said += &exact(&listener.until(b'A'));
        // Inside a transaction they wait for its end.
        said += &say(&mut listener, "BEGIN");
        say(&mut notifier, "NOTIFY c, 'two'; NOTIFY c, 'three'");
        said += &say(&mut listener, "SELECT 1");
        said += &say(&mut listener, "COMMIT");
        said
    });
    for (payload, when) in [("one", "BEGIN"), ("two", "end"), ("three", "end")] {
        let (before, _) =
            said.split_once(&format!("CommandComplete {when}\n")).unwrap_or((&said, ""));
        assert!(before.contains(&format!("NotificationResponse c {payload}\n")), "{said}");
    }
}

/// A session of another encoding of the client.
fn encoded(endpoint: &Endpoint, encoding: &str, texts: &[&[u8]]) -> Vec<String> {
    let parameters = [("client_encoding", encoding)];
    let (mut wire, _) = crate::support::Wire::log_in(endpoint, &parameters);
    texts.iter().map(|sql| say_exactly(&mut wire, sql)).collect()
}

#[test]
fn other_client_encodings() {
    both(|endpoint| {
        [
            encoded(
                endpoint,
                "LATIN1",
                &[b"SELECT '\xE4', length('\xE4')", b"SELECT '\xE4', nope"],
            ),
            // The second byte of the first character is a backslash.
            encoded(
                endpoint,
                "SJIS",
                &[b"SELECT '\x95\x5C', nope", b"SELECT E'\x95\x5C\\t', nope"],
            ),
            encoded(endpoint, "UTF8", &[b"SELECT '\xE4'", "SELECT 'ä', nope".as_bytes()]),
        ]
    });
}
