//! The ledger: what was changed stands in `dms_proxy.rewrites` of the target once a session has ended.

use std::time::{Duration, Instant};

use super::policies::{Road, send};
use super::{log_in, say};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire};

/// How long a row of the ledger may take behind the Terminate that brings it.
const PATIENCE: Duration = Duration::from_secs(20);

const CONFIG: &str = "[values]\ntoo_long = \"truncate\"\nsilent_loss = \"allow\"\n";

/// The rows of a query on the ledger, as soon as they are those, and at the latest when patience ends.
fn wait_for(database: &Database, sql: &str, expected: &[&[&str]]) {
    let began = Instant::now();
    loop {
        let there = database.query("SELECT to_regclass('dms_proxy.rewrites') IS NOT NULL");
        let rows = if there == [["t"]] { database.query(sql) } else { Vec::new() };
        if rows == expected {
            return;
        }
        if began.elapsed() > PATIENCE {
            assert_eq!(rows, expected);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

const PLACES: &str = "SELECT schema_name, table_name, column_name, rule, count
    FROM dms_proxy.rewrites ORDER BY 1, 2, 3, 4";

fn leave(mut wire: Wire) {
    wire.terminate();
    assert!(wire.read_to_end().is_empty());
}

#[test]
fn what_was_changed_is_written_down() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    for _ in 0..2 {
        let mut wire = log_in(&endpoint);
        say(&mut wire, "CREATE TABLE IF NOT EXISTS \"T'\\ t\" (a varchar(3), n numeric(5,2))");
        let table = "\"T'\\ t\"";
        for road in [Road::Constant, Road::BindText, Road::CopyText, Road::CopyCsv] {
            send(&mut wire, road, table, &[Some(b"secret"), Some(b"1.234")]);
            send(&mut wire, road, table, &[Some(b"a\0"), Some(b"1")]);
            send(&mut wire, road, table, &[Some(b"ok"), Some(b"1")]);
        }
        leave(wire);
    }
    let name = "T'\\ t";
    let row = |column, rule, count| ["public", name, column, rule, count];
    // A constant is mended as a part of its text, whatever column it goes into.
    let expected = [
        ["", "", "", "nul-in-constant", "2"],
        row("a", "nul-to-space", "6"),
        row("a", "truncated", "8"),
        row("n", "loss-of-numeric-digits", "8"),
    ];
    let expected: Vec<&[&str]> = expected.iter().map(|row| &row[..]).collect();
    wait_for(&database, PLACES, &expected);
    let sane = "SELECT bool_and(first_seen <= last_seen AND last_seen <= now() + interval '2 s'
        AND first_seen > now() - interval '2 min'),
        bool_and(cardinality(samples) BETWEEN 1 AND 5),
        bool_or(samples::text LIKE '%secret%' OR samples::text LIKE '%1.234%'),
        bool_and(array_to_string(samples, ',') ~ '^((row|statement) [0-9]+,?)+$')
        FROM dms_proxy.rewrites";
    assert_eq!(database.query(sane), [["t", "t", "f", "t"]]);
}

#[test]
fn values_are_shown_where_that_is_asked_for() {
    let proxy = Proxy::start(&format!("{CONFIG}samples = true\n"), &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (a varchar(3))");
    for road in [Road::Constant, Road::BindText, Road::CopyText, Road::CopyCsv] {
        send(&mut wire, road, "t", &[Some(b"too long")]);
    }
    leave(wire);
    let shown = "SELECT rule, (SELECT count(*) FROM unnest(samples) s WHERE s ~ ': too long$')
        FROM dms_proxy.rewrites";
    wait_for(&database, shown, &[&["truncated", "4"]]);
}

#[test]
fn nothing_is_sent_where_nothing_was_changed() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a varchar(3)); INSERT INTO t VALUES ('abc')");
    send(&mut wire, Road::CopyText, "t", &[Some(b"x")]);
    leave(wire);
    assert_eq!(database.query("SELECT to_regclass('dms_proxy.rewrites')"), [["NULL"]]);
}

#[test]
fn the_ledger_can_be_off() {
    for config in [format!("{CONFIG}ledger = \"off\"\n"), format!("rewrite = \"off\"\n{CONFIG}")] {
        let proxy = Proxy::start(&config, &[]);
        let database = Cluster::shared().create_database();
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        say(&mut wire, "CREATE TABLE t (a text); INSERT INTO t VALUES ('a\0b')");
        leave(wire);
        assert_eq!(database.query("SELECT to_regclass('dms_proxy.rewrites')"), [["NULL"]]);
    }
}

#[test]
fn a_session_that_breaks_off_leaves_it_to_the_next() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a varchar(3)); INSERT INTO t VALUES ('x')");
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    drop(wire);
    // One that the server ends.
    let mut wire = log_in(&endpoint);
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    say(&mut wire, "SELECT pg_terminate_backend(pg_backend_pid())");
    drop(wire);
    // One that says goodbye in a transaction, and one that does not wait for its answer.
    let mut wire = log_in(&endpoint);
    say(&mut wire, "BEGIN; INSERT INTO t VALUES ('abcd')");
    leave(wire);
    let mut wire = log_in(&endpoint);
    wire.query("INSERT INTO t VALUES ('abcd')").terminate();
    wire.read_to_end();
    drop(wire);
    let began = Instant::now();
    let expected = [["public", "t", "a", "truncated", "4"]];
    let rows = loop {
        // Sessions with nothing of their own to say.
        leave(log_in(&endpoint));
        std::thread::sleep(Duration::from_millis(50));
        let there = database.query("SELECT to_regclass('dms_proxy.rewrites') IS NOT NULL");
        let rows = if there == [["t"]] { database.query(PLACES) } else { Vec::new() };
        if rows == expected || began.elapsed() > PATIENCE {
            break rows;
        }
    };
    assert_eq!(rows, expected);
}

/// The database for one of the roles that log in by a password: it asks for none of it here.
fn as_role(database: &Database, proxy: &Proxy, role: &str) -> Endpoint {
    let made = format!(
        "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
    );
    database.query(&made);
    Endpoint { user: role.to_owned(), ..proxy.endpoint(database.endpoint()) }
}

#[test]
fn without_the_right_to_make_the_table_nothing_else_is_lost() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let endpoint = as_role(&database, &proxy, "ledger_reader");
    database.query("CREATE TABLE t (a varchar(3)); GRANT ALL ON t TO ledger_reader");
    let mut wire = log_in(&endpoint);
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    leave(wire);
    let began = Instant::now();
    while !proxy.log().contains("could not be written to dms_proxy.rewrites") {
        assert!(began.elapsed() < PATIENCE, "{}", proxy.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(proxy.log().contains("dms-proxy init-target"), "{}", proxy.log());
    assert!(!proxy.log().contains("abcd"), "{}", proxy.log());
    assert_eq!(database.query("TABLE t"), [["abc"]]);
    // A role with more rights writes it, and what the first one adds is for the next such session.
    leave(log_in(&proxy.endpoint(database.endpoint())));
    wait_for(&database, PLACES, &[&["public", "t", "a", "truncated", "1"]]);
    let mut wire = log_in(&endpoint);
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    leave(wire);
    leave(log_in(&proxy.endpoint(database.endpoint())));
    wait_for(&database, PLACES, &[&["public", "t", "a", "truncated", "2"]]);
}

#[test]
fn sessions_that_end_together_add_up() {
    const SESSIONS: usize = 12;
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a varchar(3))");
    let endpoint = proxy.endpoint(database.endpoint());
    let wires: Vec<Wire> = (0..SESSIONS)
        .map(|_| {
            let mut wire = log_in(&endpoint);
            say(&mut wire, "INSERT INTO t VALUES ('abcd')");
            wire
        })
        .collect();
    std::thread::scope(|scope| {
        for wire in wires {
            scope.spawn(|| leave(wire));
        }
    });
    let count = SESSIONS.to_string();
    wait_for(&database, PLACES, &[&["public", "t", "a", "truncated", &count]]);
    assert!(!proxy.log().contains("could not be written"), "{}", proxy.log());
}

#[test]
fn other_client_encodings() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE \"tä\" (a varchar(3)); CREATE TABLE \"tö\" (a varchar(3))");
    let endpoint = proxy.endpoint(database.endpoint());
    // Names that only UTF-8 can spell, left behind for one that speaks something else.
    let mut wire = log_in(&endpoint);
    say(&mut wire, "INSERT INTO \"tä\" VALUES ('abcd')");
    say(&mut wire, "INSERT INTO \"tö\" VALUES ('abcd')");
    say(&mut wire, "BEGIN");
    leave(wire);
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let (mut wire, _) = Wire::log_in(&endpoint, &[("client_encoding", encoding)]);
        say(&mut wire, "CREATE TABLE IF NOT EXISTS u (a varchar(3), b text)");
        say(&mut wire, "INSERT INTO u VALUES ('abcd', E'\\000')");
        leave(wire);
    }
    wait_for(
        &database,
        PLACES,
        &[
            &["", "", "", "nul-in-constant", "2"],
            &["public", "t?", "a", "truncated", "2"],
            &["public", "u", "a", "truncated", "2"],
        ],
    );
}

#[test]
fn tables_that_the_target_did_not_empty_are_not_counted() {
    let proxy = Proxy::start("[table_prep]\nmode = \"truncate-before-load\"\n", &[]);
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE TABLE t (id int); CREATE TABLE u (id int); INSERT INTO t VALUES (1);
         CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
         CREATE TRIGGER n BEFORE TRUNCATE ON u EXECUTE PROCEDURE no()",
    );
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for by_parse in [false, true] {
        for sql in ["TRUNCATE u", "DROP TABLE u", "TRUNCATE t", "DROP TABLE t"] {
            let said = super::run(&mut wire, sql, by_parse);
            assert_eq!(said.contains("ErrorResponse"), sql.ends_with('u'), "{sql}: {said}");
        }
        let said = say(&mut wire, "TRUNCATE t; SELECT 1/0");
        assert!(said.contains("22012"), "{said}");
    }
    leave(wire);
    let expected: [&[&str]; 2] =
        [&["public", "t", "", "drop-emptied", "2"], &["public", "t", "", "truncate-emptied", "2"]];
    let places = PLACES.replace("SELECT schema_name", "SELECT 'public'");
    wait_for(&database, &places, &expected);
}

#[test]
fn rows_are_counted_behind_which_triggers_did_not_act() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE TABLE t (id int); CREATE TABLE u (id int);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER acts BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE f()",
    );
    let mut wire = log_in(&Proxy::with_whole_role().endpoint(database.endpoint()));
    for by_parse in [false, true] {
        super::run(&mut wire, "INSERT INTO t VALUES (1), (2)", by_parse);
        super::run(&mut wire, "INSERT INTO u VALUES (1), (2)", by_parse);
    }
    wire.query("COPY t FROM STDIN").until(b'G');
    wire.copy_data("1\n2\n3\n").copy_done().until_ready();
    leave(wire);
    wait_for(&database, PLACES, &[&["public", "t", "", "silenced-by-role", "7"]]);
    let said = super::parking::dms_proxy(&database, "finish");
    assert!(said.contains("public.t: trigger acts; 7 rows"), "{said}");
}
