//! Extended queries come back as the server gives them, however they are pipelined.

use std::time::Duration;

use super::{exact, exact_until_ready, log_in, say, say_exactly, sqlstate};
use crate::support::{Body, Cluster, Proxy, both, transcript};

#[test]
fn pipeline_with_one_sync() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("", "CREATE TABLE t (a int, b text)", &[])
            .bind("", "", &[], &[], 0)
            .execute("", 0);
        wire.parse("insert", "INSERT INTO t VALUES ($1, $2)", &[23]).describe(b'S', "insert");
        for n in 0..500_i32 {
            let text = format!("row {n}");
            let values = [Some(&n.to_be_bytes()[..]), (n % 5 != 0).then_some(text.as_bytes())];
            wire.bind("", "insert", &[1, 0], &values, 0).execute("", 0);
        }
        wire.close(b'S', "insert").parse("", "SELECT count(b), sum(a) FROM t", &[]);
        wire.bind("p", "", &[], &[], 1).describe(b'P', "p").execute("p", 0).sync();
        exact_until_ready(&mut wire, 1)
    });
}

#[test]
fn error_skips_to_the_sync() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (a int)");
        for sql in ["INSERT INTO t VALUES (1)", "SELECT 'ä', nope", "INSERT INTO t VALUES (2)"] {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).describe(b'P', "").execute("", 0);
        }
        wire.flush().close(b'S', "").sync();
        // The next ones are on their way already.
        wire.parse("s", "SELECT count(*) FROM t", &[])
            .bind("", "s", &[], &[], 0)
            .execute("", 0)
            .sync();
        wire.bind("", "missing", &[], &[], 0).execute("", 0).query("SELECT 'skipped'").sync();
        wire.bind("", "s", &[], &[Some(b"1")], 0).sync();
        wire.execute("missing", 0).sync();
        wire.describe(b'S', "missing").sync();
        wire.describe(b'X', "s").sync();
        wire.close(b'S', "missing").close(b'P', "missing").sync();
        wire.parse("s", "SELECT 1", &[]).sync();
        exact_until_ready(&mut wire, 9)
    });
    assert!(said.contains("D \\x00\\x01\\x00\\x00\\x00\\x010\n"), "{said}");
}

#[test]
fn several_syncs_in_flight() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        wire.sync().sync();
        for n in 0..100 {
            let sql = format!("SELECT 10 / ({n} % 3), $1::text");
            wire.parse("", sql, &[]).bind("", "", &[], &[Some(b"x")], 0).describe(b'P', "");
            wire.execute("", 0).sync();
            if n % 10 == 0 {
                wire.query("SELECT 'simple'");
            }
        }
        exact_until_ready(&mut wire, 112)
    });
}

#[test]
fn flush_without_sync() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        wire.parse("", "SELECT generate_series(1, 3)", &[]).flush();
        said += &exact(&wire.until(b'1'));
        wire.describe(b'S', "").flush();
        said += &exact(&wire.until(b'T'));
        wire.bind("", "", &[], &[], 0).flush();
        said += &exact(&wire.until(b'2'));
        wire.execute("", 0).flush();
        said += &exact(&wire.until(b'C'));
        wire.parse("", "SELECT nope", &[]);
        said += &exact(&wire.until(b'E'));
        wire.parse("", "SELECT 'skipped'", &[]).flush();
        assert!(!wire.has_reply_within(Duration::from_millis(100)));
        wire.sync();
        said += &exact_until_ready(&mut wire, 1);
        // Nothing comes before it is asked for.
        wire.parse("", "SELECT 1", &[]).bind("", "", &[], &[], 0).execute("", 0);
        assert!(!wire.has_reply_within(Duration::from_millis(100)));
        wire.sync();
        said += &exact_until_ready(&mut wire, 1);
        said
    });
}

#[test]
fn portals_with_a_row_limit() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "BEGIN");
        wire.parse("s", "SELECT generate_series(1, 7)", &[]);
        wire.bind("a", "s", &[], &[], 0).bind("b", "s", &[], &[], 1).bind("", "s", &[], &[], 0);
        wire.execute("a", 3).execute("b", 2).execute("a", 3).execute("", 1).sync();
        // In a transaction portals outlive the Sync.
        wire.execute("a", 3)
            .execute("b", 0)
            .execute("a", 3)
            .close(b'P', "b")
            .execute("b", 1)
            .sync();
        let mut said = exact_until_ready(&mut wire, 2);
        said += &say_exactly(&mut wire, "ROLLBACK");
        // Outside they do not.
        wire.bind("c", "s", &[], &[], 0).execute("c", 1).sync().execute("c", 1).sync();
        said += &exact_until_ready(&mut wire, 2);
        // A portal of a statement that changes rows, and a cursor of SQL.
        say(&mut wire, "CREATE TABLE t (a int); BEGIN; DECLARE q CURSOR FOR SELECT 5");
        wire.parse("", "INSERT INTO t SELECT generate_series(1, 4) RETURNING a", &[]);
        wire.bind("i", "", &[], &[], 0).execute("i", 2).execute("i", 2).execute("i", 2);
        wire.describe(b'P', "q").execute("q", 1).sync();
        said += &exact_until_ready(&mut wire, 1);
        said
    });
    assert!(said.contains("s \n"), "{said}");
}

#[test]
fn statements_are_described_and_closed() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("s", "SELECT $1 + 1, $2::date, $3", &[0, 0, 25]).describe(b'S', "s");
        wire.parse("n", "CREATE TABLE t (a int)", &[]).describe(b'S', "n");
        wire.bind("p", "n", &[], &[], 0).describe(b'P', "p").execute("p", 0);
        wire.close(b'P', "p").close(b'S', "n").describe(b'S', "s").sync();
        wire.describe(b'S', "n").sync();
        wire.parse("", "", &[]).describe(b'S', "").bind("", "", &[], &[], 0).execute("", 0).sync();
        wire.parse("", "SELECT 1; SELECT 2", &[]).sync();
        wire.parse("two", "SELECT $1", &[2_000_000_000]).sync();
        let mut said = exact_until_ready(&mut wire, 5);
        said += &say_exactly(&mut wire, "SELECT name, statement FROM pg_prepared_statements");
        // DDL under a prepared statement.
        wire.parse("t", "TABLE t", &[]).sync();
        said += &exact_until_ready(&mut wire, 1);
        said += &say_exactly(&mut wire, "ALTER TABLE t ADD b int; DEALLOCATE s");
        wire.bind("", "t", &[], &[], 0).execute("", 0).sync();
        wire.bind("", "s", &[], &[], 0).sync();
        said += &exact_until_ready(&mut wire, 2);
        // A simple query does away with the unnamed statement.
        wire.parse("", "SELECT 'unnamed'", &[]).sync().query("SELECT 1");
        wire.bind("", "", &[], &[], 0).sync();
        said += &exact_until_ready(&mut wire, 3);
        said
    });
}

#[test]
fn as_many_parameters_as_there_can_be() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let rows: Vec<String> = (1..=65_535).map(|n| format!("(${n}::int)")).collect();
        let sql = format!("SELECT count(*), sum(a) FROM (VALUES {}) t (a)", rows.join(", "));
        wire.parse("", sql, &[]).describe(b'S', "");
        let values: Vec<Option<&[u8]>> = vec![Some(b"2"); 65_535];
        wire.bind("", "", &[], &values, 0).execute("", 0).sync();
        exact_until_ready(&mut wire, 1)
    });
    assert!(said.contains("65535\\x00\\x00\\x00\\x06131070"), "{}", &said[said.len() - 200..]);
}

#[test]
fn parameters_in_both_formats() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("s", "SELECT $1::int8, $2::text, $3::bytea, $4::float8", &[]);
        let (number, float) = (7_i64.to_be_bytes(), 0.5_f64.to_be_bytes());
        wire.bind(
            "",
            "s",
            &[1, 0, 1, 1],
            &[Some(&number), Some("ä".as_bytes()), Some(b"\0\xFF"), Some(&float)],
            1,
        );
        wire.execute("", 0);
        wire.bind("", "s", &[0], &[Some(b"7"), None, Some(b"\\x00ff"), Some(b"nan")], 0)
            .execute("", 0);
        // A number that is none, a format that is none, too few values.
        wire.sync();
        wire.bind("", "s", &[0], &[Some(b"x"), None, None, None], 0).execute("", 0).sync();
        wire.bind("", "s", &[7], &[None, None, None, None], 0).execute("", 0).sync();
        wire.bind("", "s", &[1, 1], &[None, None, None, None], 0).execute("", 0).sync();
        wire.bind("", "s", &[1], &[Some(b"short"), None, None, None], 0).execute("", 0).sync();
        wire.bind("", "s", &[0], &[Some(b"1")], 0).execute("", 0).sync();
        let body = Body::default().string("").string("s").int16(0).int16(4).int32(9).bytes("cut");
        wire.send(b'B', body).sync();
        exact_until_ready(&mut wire, 7)
    });
}

#[test]
fn statements_that_end_a_transaction_in_a_pipeline() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        for sql in [
            "BEGIN",
            "CREATE TABLE t (a int)",
            "SAVEPOINT s",
            "INSERT INTO t VALUES (1)",
            "ROLLBACK TO s",
            "INSERT INTO t VALUES (2)",
            "COMMIT",
            "TABLE t",
            "SELECT 1/0",
            "TABLE t",
        ] {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).describe(b'P', "").execute("", 0);
        }
        wire.sync();
        exact_until_ready(&mut wire, 1)
    });
}

/// A Parse that fails on a name that is taken leaves the statement that has it: behind a Sync its
/// values are the earlier statement's, even for a client that waits for no answer.
#[test]
fn a_name_that_is_taken_stays_the_earlier_statements() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[values]\nsilent_loss = \"reject\"\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE u (a text); CREATE TABLE r (a text, n numeric(5,2))");
    // Its parameter is declared as jsonb, and told to the server as what the column is. No byte of
    // the value makes the proxy ask.
    let fitted = ("INSERT INTO u VALUES ($1) RETURNING a", "DataRow {}\n");
    let plain = ("SELECT $1::jsonb", "DataRow {}\n");
    let later = [
        (plain.0, "42P05"),
        (fitted.0, "42P05"),
        // Refused by the proxy: a constant, and a type.
        ("INSERT INTO r VALUES ($1, '1.234')", "22000"),
        ("CREATE TABLE s (a STRING(0))", "22023"),
    ];
    const JSONB: i32 = 3802;
    let value = *b"\x01{}";
    for (sql, row) in [fitted, plain] {
        for (failing, code) in later {
            for named in ["s", "other"] {
                let mut wire = log_in(&proxy.endpoint(database.endpoint()));
                wire.parse(named, sql, &[JSONB]).sync().until_ready();
                // While this runs no answer can come.
                wire.query("SELECT pg_sleep(0.1)");
                wire.parse(named, failing, &[JSONB]).bind("", named, &[1], &[Some(&value)], 0);
                wire.execute("", 0).sync();
                for _ in 0..2 {
                    wire.bind("", named, &[1], &[Some(&value)], 0).execute("", 0).sync();
                }
                wire.until_ready();
                let frames = wire.until_ready();
                assert_eq!(sqlstate(&frames), code, "{failing}: {frames:?}");
                for _ in 0..2 {
                    let said = transcript(&wire.until_ready());
                    assert!(said.contains(row), "{sql} behind {failing}: {said}");
                }
                // Closed, it is the later one's.
                wire.close(b'S', named).parse(named, fitted.0, &[JSONB]).sync();
                wire.bind("", named, &[1], &[Some(&value)], 0).execute("", 0).sync();
                wire.until_ready();
                let said = transcript(&wire.until_ready());
                assert!(said.contains(fitted.1), "{said}");
            }
        }
    }
}
