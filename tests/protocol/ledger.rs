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

const PLACES: &str = "SELECT schema_name, table_name, column_name, rule, sum(count)
    FROM dms_proxy.rewrites GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";

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
        ["", "", "", "nul", "2"],
        row("a", "nul", "6"),
        row("a", "truncated", "8"),
        row("n", "loss-of-numeric-digits", "8"),
    ];
    let expected: Vec<&[&str]> = expected.iter().map(|row| &row[..]).collect();
    wait_for(&database, PLACES, &expected);
    let sane = "SELECT bool_and(first_seen <= last_seen AND last_seen <= now() + interval '2 s'
        AND first_seen > now() - interval '2 min'),
        bool_and(cardinality(samples) BETWEEN 1 AND 5),
        bool_or(samples::text LIKE '%secret%' OR samples::text LIKE '%1.234%'),
        bool_and(array_to_string(samples, ';') ~ '^(session [0-9]+, statement [0-9]+(, row [0-9]+)?;?)+$'),
        count(DISTINCT run), bool_and(run ~ '^20[0-9-]{8}T[0-9:.]{12}Z$')
        FROM dms_proxy.rewrites";
    assert_eq!(database.query(sane), [["t", "t", "f", "t", "1", "t"]]);
    let roads = "SELECT rule, road, sum(count) FROM dms_proxy.rewrites WHERE column_name <> 'n'
        GROUP BY 1, 2 ORDER BY 1, 2";
    let expected = [
        ["nul", "constant", "2"],
        ["nul", "copy", "4"],
        ["nul", "parameter", "2"],
        ["truncated", "constant", "2"],
        ["truncated", "copy", "4"],
        ["truncated", "parameter", "2"],
    ];
    assert_eq!(database.query(roads), expected);
}

#[test]
fn types_are_counted_at_their_columns() {
    let proxy = Proxy::start("", &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE SCHEMA \"S\"");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(
        &mut wire,
        "CREATE TABLE t (a STRING(50), \"B\" STRING(50) NOT NULL, c int4, d UINT8);
         CREATE TABLE \"S\".u (a CLOB); CREATE TABLE public.t2 (d UINT8)",
    );
    say(&mut wire, "ALTER TABLE t ADD COLUMN e UINT8, ALTER COLUMN c TYPE INT8");
    say(&mut wire, "SELECT 'x'::STRING(7), 'y'::STRING(7); CREATE DOMAIN d AS STRING(9)");
    leave(wire);
    let sql = "SELECT schema_name, table_name, column_name, road, count, samples[1]
        FROM dms_proxy.rewrites ORDER BY 1, 2, column_name COLLATE \"C\", 4";
    let expected: [&[&str]; 8] = [
        &["", "", "", "ddl", "1", "STRING(9) -> VARCHAR(9)"],
        &["", "", "", "query", "2", "STRING(7) -> VARCHAR(7)"],
        &["S", "u", "a", "ddl", "1", "CLOB -> TEXT"],
        &["public", "t", "B", "ddl", "1", "STRING(50) -> VARCHAR(50)"],
        &["public", "t", "a", "ddl", "1", "STRING(50) -> VARCHAR(50)"],
        &["public", "t", "d", "ddl", "1", "UINT8 -> BIGINT"],
        &["public", "t", "e", "ddl", "1", "UINT8 -> BIGINT"],
        &["public", "t2", "d", "ddl", "1", "UINT8 -> BIGINT"],
    ];
    wait_for(&database, sql, &expected);
}

#[test]
fn a_trial_and_the_real_load_do_not_add_up() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a varchar(3))");
    let endpoint = proxy.endpoint(database.endpoint());
    let load = |run: &str| {
        let (mut wire, _) = Wire::log_in(&endpoint, &[("options", &format!("-c dms.run={run}"))]);
        say(&mut wire, "INSERT INTO t VALUES ('abcd')");
        let shown = say(&mut wire, "SHOW dms.run");
        assert!(shown.contains(run), "{shown}");
        leave(wire);
    };
    load("trial");
    load("trial");
    load("it-is-real");
    let mut wire = log_in(&endpoint);
    say(&mut wire, "SET dms.run = 'by set'");
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    let refused = say(&mut wire, format!("SET dms.run = '{}'", "x".repeat(64)));
    assert!(refused.contains("22023"), "{refused}");
    leave(wire);
    let mut wire = log_in(&endpoint);
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    let shown = say(&mut wire, "SHOW dms.run");
    leave(wire);
    // A second run of the proxy has a name of its own.
    let second = Proxy::start(CONFIG, &[]);
    let mut wire = log_in(&second.endpoint(database.endpoint()));
    say(&mut wire, "INSERT INTO t VALUES ('abcd')");
    leave(wire);
    let runs = "SELECT CASE WHEN run ~ '^20.*Z$' THEN 'moment' ELSE run END, count
        FROM dms_proxy.rewrites ORDER BY 1, 2";
    let expected: [&[&str]; 5] = [
        &["by set", "1"],
        &["it-is-real", "1"],
        &["moment", "1"],
        &["moment", "1"],
        &["trial", "2"],
    ];
    wait_for(&database, runs, &expected);
    let named = database.query("SELECT run FROM dms_proxy.rewrites");
    assert!(named.iter().any(|run| shown.contains(&run[0])), "{shown} {named:?}");
    let finished = |words: &str| super::parking::dms_proxy(&database, words);
    let of_trial = finished("finish --dry-run --run trial --format json");
    let report: serde_json::Value = serde_json::from_str(&of_trial).unwrap();
    assert_eq!((&report["run"], &report["rewrites"][0]["count"]), (&"trial".into(), &2.into()));
    assert_eq!(report["rewrites"].as_array().unwrap().len(), 1);
    assert!(finished("ledger --run it-is-real").contains("it-is-real"));
    assert!(finished("clean --run trial").contains("1 row of dms_proxy.rewrites: removed"));
    assert_eq!(finished("ledger --run trial"), "nothing was changed\n");
    assert_eq!(database.query("SELECT count(*) FROM dms_proxy.rewrites"), [["4"]]);
}

#[test]
fn a_table_of_an_older_version_is_brought_up_to_date() {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE TABLE t (a varchar(3)); CREATE SCHEMA dms_proxy;
         CREATE TABLE dms_proxy.rewrites (schema_name text NOT NULL, table_name text NOT NULL,
            column_name text NOT NULL, rule text NOT NULL, count bigint NOT NULL,
            first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, samples text[] NOT NULL,
            PRIMARY KEY (schema_name, table_name, column_name, rule));
         INSERT INTO dms_proxy.rewrites VALUES ('public', 't', 'a', 'truncated', 7, now(), now(), '{}'),
            ('', '', '', 'nul-in-constant', 3, now(), now(), '{}')",
    );
    let all = super::parking::dms_proxy(&database, "ledger");
    assert!(all.contains("nul-in-constant"), "{all}");
    for _ in 0..2 {
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        say(&mut wire, "INSERT INTO t VALUES ('abcd')");
        leave(wire);
    }
    let sql = "SELECT CASE WHEN run = '' THEN 'old' ELSE 'new' END, rule, road, count
        FROM dms_proxy.rewrites ORDER BY 1, 2";
    let expected: [&[&str]; 3] = [
        &["new", "truncated", "constant", "2"],
        &["old", "nul", "constant", "3"],
        &["old", "truncated", "", "7"],
    ];
    wait_for(&database, sql, &expected);
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
    let shown = "SELECT rule, count(*) FROM dms_proxy.rewrites, unnest(samples) s
        WHERE s ~ ': too long$' GROUP BY 1";
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
            &["", "", "", "nul", "2"],
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
