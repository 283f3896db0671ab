//! Prepared statements whose parameters get other types than the client declared: it does not notice,
//! whatever names, pipelines and transactions they are in.

use super::typed_constants::refused;
use super::typed_values::{oid, proxied};
use super::{exact, exact_until_ready, field, log_in, say, sqlstate};
use crate::support::{Cluster, Proxy, Wire, transcript};

#[test]
fn describe_shows_the_types_that_were_declared() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a jsonb, b boolean, c int8, d text, e varchar(37))");
    let declared = [oid::VARCHAR, oid::INT4, 0, oid::JSONB, oid::TIMESTAMP];
    for name in ["", "named"] {
        let sql = "INSERT INTO t VALUES ($1, $2, $3, $4, $5) RETURNING a";
        wire.parse(name, sql, &declared).describe(b'S', name).sync();
        // Again behind a Sync, and behind a Bind of the same statement.
        wire.describe(b'S', name);
        wire.bind("", name, &[], &[None; 5], 0).describe(b'P', "").describe(b'S', name).sync();
        for times in [1, 2] {
            let said = transcript(&wire.until_ready());
            let described = "ParameterDescription 1043 23 20 3802 1114\n";
            assert_eq!(said.matches(described).count(), times, "{said}");
            assert!(!said.contains("ErrorResponse"), "{said}");
        }
    }
    // Fewer types than parameters.
    wire.parse("", "UPDATE t SET b = $1, c = $2", &[oid::INT4]).describe(b'S', "").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("ParameterDescription 23 20\nNoData\n"), "{said}");
}

#[test]
fn a_name_stands_for_the_statement_that_had_it_last() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (c jsonb); CREATE TABLE u (c text)");
    let insert = "INSERT INTO t VALUES ($1)";
    wire.parse("s", insert, &[oid::VARCHAR]).describe(b'S', "s").sync();
    assert!(transcript(&wire.until_ready()).contains("ParameterDescription 1043\n"));
    // Refused, because the name is taken: the first one stays, with what is known of it.
    wire.parse("s", "INSERT INTO u VALUES ($1)", &[oid::TEXT]).sync();
    assert_eq!(sqlstate(&wire.until_ready()), "42P05");
    wire.bind("", "s", &[1], &[Some(b"[1]")], 0).execute("", 0).describe(b'S', "s").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1\nParameterDescription 1043\n"), "{said}");
    // Refused as well when the other one is the one that is known.
    wire.parse("p", "INSERT INTO u VALUES ($1)", &[oid::TEXT]).sync();
    wire.parse("p", insert, &[oid::VARCHAR]).sync();
    wire.until_ready();
    assert_eq!(sqlstate(&wire.until_ready()), "42P05");
    wire.bind("", "p", &[1], &[Some(b"[2]")], 0).execute("", 0).describe(b'S', "p").sync();
    assert!(transcript(&wire.until_ready()).contains("INSERT 0 1\nParameterDescription 25\n"));
    // Never looked at, because the pipeline had failed.
    wire.parse("", "nonsense", &[]).parse("p", insert, &[oid::VARCHAR]).sync();
    assert_eq!(sqlstate(&wire.until_ready()), "42601");
    wire.bind("", "p", &[1], &[Some(b"[3]")], 0).execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("INSERT 0 1\n"));
    // Closed, and used again; the unnamed one is overwritten.
    wire.close(b'S', "s").parse("s", "INSERT INTO u VALUES ($1)", &[oid::TEXT]);
    wire.bind("", "s", &[1], &[Some(b"[4]")], 0).execute("", 0).sync();
    wire.parse("", insert, &[oid::VARCHAR]).parse("", "INSERT INTO u VALUES ($1)", &[oid::TEXT]);
    wire.bind("", "", &[1], &[Some(b"[5]")], 0).execute("", 0).sync();
    assert_eq!(exact_until_ready(&mut wire, 2).matches("INSERT 0 1").count(), 2);
    assert_eq!(database.query("TABLE t"), [["[1]"]]);
    assert_eq!(database.query("TABLE u"), [["[2]"], ["[3]"], ["[4]"], ["[5]"]]);
}

#[test]
fn a_statement_too_long_to_be_read_takes_the_name_too() {
    let proxy = Proxy::start("[limits]\nstatement_bytes = 20000\n", &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (c jsonb); CREATE TABLE u (c text, n int4)");
    let long = format!("INSERT INTO u VALUES ('x', $1) /* {} */", "x".repeat(60_000));
    for name in ["", "s"] {
        let insert = "INSERT INTO t VALUES ($1)";
        wire.parse(name, insert, &[oid::VARCHAR]).bind("", name, &[1], &[Some(b"1")], 0);
        wire.execute("", 0).close(b'S', name).sync();
        wire.parse(name, insert, &[oid::VARCHAR]).close(b'S', name).parse(
            name,
            &long,
            &[oid::INT4],
        );
        wire.bind("", name, &[1], &[Some(&[0, 0, 0, 7])], 0).execute("", 0).sync();
        assert_eq!(exact_until_ready(&mut wire, 2).matches("INSERT 0 1").count(), 2);
    }
    assert_eq!(database.query("TABLE u"), [["x", "7"], ["x", "7"]]);
    // Values that would be stored wrongly are not: as text they can stay, in binary they cannot.
    let long = "x".repeat(70_000);
    let json = format!("\x01\"{long}\"");
    wire.parse("j", "INSERT INTO u VALUES ($1)", &[oid::JSONB]);
    wire.bind("", "j", &[0], &[Some(&json.as_bytes()[1..])], 0).execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("INSERT 0 1"));
    wire.bind("", "j", &[1], &[Some(json.as_bytes())], 0);
    let said = wire.until_ready();
    assert_eq!(sqlstate(&said), "54000");
    assert_eq!(field(&said, b'E', b'V').as_deref(), Some("FATAL"));
    let there = "SELECT octet_length(c), left(c, 1) FROM u WHERE n IS NULL";
    assert_eq!(database.query(there), [["70002", "\""]]);
}

#[test]
fn a_look_up_leaves_the_pipeline_in_one_transaction() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(
        &mut wire,
        "CREATE TABLE t (c jsonb); CREATE TABLE u (c boolean); CREATE TABLE log (n int)",
    );
    for (last, rows) in [("INSERT INTO log VALUES (1/0)", "0"), ("INSERT INTO log VALUES (2)", "2")]
    {
        say(&mut wire, "SET search_path = public");
        for sql in ["INSERT INTO log VALUES (7)", last] {
            wire.parse("", "INSERT INTO t VALUES ($1)", &[oid::VARCHAR]);
            wire.bind("", "", &[1], &[Some(b"{}")], 0).execute("", 0);
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0);
            wire.parse("", "UPDATE u SET c = $1", &[oid::INT4]);
            wire.bind("", "", &[1], &[Some(&[0, 0, 0, 1])], 0).execute("", 0);
        }
        wire.sync();
        let said = wire.until_ready();
        assert_eq!(said.iter().any(|frame| frame.tag == b'E'), rows == "0", "{said:?}");
        assert_eq!(said.last().unwrap().to_string(), "ReadyForQuery I");
        assert_eq!(database.query("SELECT count(*) FROM log"), [[rows]]);
        assert_eq!(database.query("SELECT count(*) FROM t"), [[rows]]);
    }
}

#[test]
fn an_error_skips_up_to_the_sync_whether_a_look_up_is_needed_or_not() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (c jsonb)");
    for (bad, code) in [
        ("nonsense", "42601"),
        ("CREATE TABLE bad (a STRING(0))", "22023"),
        ("SELECT 1/0", "22012"),
        ("SET dms.phase = 'later'", "22023"),
    ] {
        for front in ["SELECT 1", "INSERT INTO t VALUES ('0')"] {
            say(&mut wire, "SET search_path = public");
            wire.parse("", front, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            wire.parse("", bad, &[]);
            wire.bind("", "", &[], &[], 0).execute("", 0);
            wire.parse("", "INSERT INTO t VALUES ($1)", &[oid::VARCHAR]);
            wire.bind("", "", &[], &[Some(b"1")], 0).execute("", 0).sync();
            wire.until_ready();
            let said = wire.until_ready();
            assert_eq!(sqlstate(&said), code, "{bad}");
            assert!(!transcript(&said).contains("INSERT"), "{said:?}");
            // With nothing between the two Parses.
            say(&mut wire, "SET search_path = public");
            wire.parse("", bad, &[]).parse("", "INSERT INTO t VALUES ($1)", &[oid::VARCHAR]);
            wire.bind("", "", &[], &[Some(b"2")], 0).execute("", 0).sync();
            let said = wire.until_ready();
            assert!(!transcript(&said).contains("INSERT") || code == "22012", "{bad}: {said:?}");
            // And it goes on.
            wire.parse("", "INSERT INTO t VALUES ($1)", &[oid::VARCHAR]);
            wire.bind("", "", &[], &[Some(b"3")], 0).execute("", 0).sync();
            assert!(transcript(&wire.until_ready()).contains("INSERT 0 1\nReadyForQuery I\n"));
        }
    }
    assert_eq!(database.query("SELECT count(*) FROM t WHERE c = '1'"), [["0"]]);
    assert_eq!(database.query("SELECT count(*) FROM t WHERE c = '3'"), [["8"]]);
}

#[test]
fn transactions_open_and_aborted() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let insert = |wire: &mut Wire, value: &[u8]| {
        wire.parse("", "INSERT INTO t VALUES ($1)", &[oid::VARCHAR]);
        wire.bind("", "", &[], &[Some(value)], 0).execute("", 0).sync();
        wire.until_ready()
    };
    say(&mut wire, "BEGIN; CREATE TABLE t (c jsonb)");
    let said = transcript(&insert(&mut wire, b"1"));
    assert!(said.contains("INSERT 0 1\nReadyForQuery T\n"), "{said}");
    say(&mut wire, "COMMIT; BEGIN");
    assert!(transcript(&insert(&mut wire, b"2")).contains("INSERT 0 1\nReadyForQuery T\n"));
    assert_eq!(sqlstate(&insert(&mut wire, b"{")), "22P02");
    let aborted = exact(&insert(&mut wire, b"3"));
    let mut direct = log_in(database.endpoint());
    say(&mut direct, "BEGIN");
    direct.query("SELECT 1/0").until_ready();
    assert_eq!(aborted, exact(&insert(&mut direct, b"3")));
    assert!(aborted.contains("25P02"), "{aborted}");
    // By a simple query that was sent before the error came, for a table not yet looked up.
    say(&mut wire, "ROLLBACK; BEGIN");
    database.query("CREATE TABLE u (c boolean)");
    wire.query("SELECT 1/0").query("INSERT INTO u VALUES (1)").query("ROLLBACK");
    let said = [wire.until_ready(), wire.until_ready()].map(|said| sqlstate(&said));
    assert_eq!(said, ["22012", "25P02"]);
    wire.until_ready();
    // Nothing wrong was learned meanwhile.
    assert_eq!(refused(&mut wire, "INSERT INTO u VALUES (1)"), [None, None]);
    assert!(transcript(&insert(&mut wire, b"4")).contains("INSERT 0 1\nReadyForQuery I\n"));
    assert_eq!(database.query("TABLE t"), [["1"], ["4"]]);
}

#[test]
fn more_statements_than_are_remembered_are_left_to_the_server() {
    const REMEMBERED: usize = 10_000;
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (c boolean)");
    let sql = "INSERT INTO t VALUES ($1)";
    for batch in 0..10 {
        for number in 0..REMEMBERED / 10 {
            wire.parse(&format!("{batch} {number}"), sql, &[oid::INT4]);
        }
        let said = transcript(&wire.sync().until_ready());
        assert!(!said.contains("ErrorResponse"), "{said}");
    }
    // What is not remembered could not be fitted either.
    wire.parse("more", sql, &[oid::INT4]).sync();
    assert_eq!(sqlstate(&wire.until_ready()), "42804");
    wire.bind("", "0 0", &[1], &[Some(&[0, 0, 0, 1])], 0).execute("", 0).close(b'S', "0 0").sync();
    wire.parse("more", sql, &[oid::INT4]);
    wire.bind("", "more", &[1], &[Some(&[0, 0, 0, 1])], 0).execute("", 0).sync();
    assert_eq!(exact_until_ready(&mut wire, 2).matches("INSERT 0 1").count(), 2);
}

#[test]
fn rewriting_that_is_switched_off_behind_a_parse() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (c boolean)");
    wire.parse("s", "INSERT INTO t VALUES ($1)", &[oid::INT4]).sync().until_ready();
    say(&mut wire, "SET dms.rewrite = off");
    wire.bind("", "s", &[1], &[Some(&[0, 0, 0, 1])], 0).execute("", 0).describe(b'S', "s").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1\nParameterDescription 23\n"), "{said}");
    assert_eq!(database.query("TABLE t"), [["t"]]);
}
