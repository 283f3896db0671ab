//! CancelRequest, and clients that vanish while the server works for them.

use std::time::{Duration, Instant};

use super::{exact_until_ready, log_in, say, sqlstate};
use crate::support::{Body, Cluster, Database, Endpoint, Frame, Proxy, Wire, both, transcript};

/// What a CancelRequest names: a process id and its key.
fn key_of(endpoint: &Endpoint) -> (Wire, Vec<u8>) {
    let (wire, greeting) = Wire::log_in(endpoint, &[]);
    let key = greeting.iter().find(|frame| frame.tag == b'K').unwrap().body.clone();
    (wire, key)
}

pub(super) fn cancel(endpoint: &Endpoint, key: &[u8]) -> Vec<u8> {
    let mut wire = Wire::open(endpoint);
    let length = i32::try_from(8 + key.len()).unwrap();
    wire.send_raw(&Body::default().int32(length).int32(80_877_102).bytes(key).0);
    wire.read_to_end()
}

/// Waits until a backend runs this statement in a way that shows.
fn wait_for_sleep(endpoint: &Endpoint, count: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = ";
    let sql = format!("{sql}'{}'", endpoint.database);
    let until = Instant::now() + Duration::from_secs(20);
    while Cluster::shared().query("postgres", &sql) != [[count]] {
        assert!(Instant::now() < until, "no backend that sleeps");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn running_statement_is_cancelled() {
    let said = both(|endpoint| {
        let (mut wire, key) = key_of(endpoint);
        wire.query("SELECT 1; SELECT pg_sleep(60); SELECT 2");
        wait_for_sleep(endpoint, "1");
        assert!(cancel(endpoint, &key).is_empty());
        let mut said = exact_until_ready(&mut wire, 1);
        wire.parse("", "SELECT pg_sleep(60)", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        wait_for_sleep(endpoint, "1");
        cancel(endpoint, &key);
        said += &exact_until_ready(&mut wire, 1);
        // One that comes too late does nothing to speak of.
        said += &say(&mut wire, "SELECT 'alive'");
        said
    });
    assert_eq!(said.matches("57014").count(), 2, "{said}");
}

#[test]
fn wrong_key_cancels_nothing() {
    both(|endpoint| {
        let (mut wire, mut key) = key_of(endpoint);
        wire.query("SELECT pg_sleep(0.7)");
        wait_for_sleep(endpoint, "1");
        *key.last_mut().unwrap() ^= 1;
        let answer = cancel(endpoint, &key);
        assert!(cancel(endpoint, &[0; 8]).is_empty());
        (answer, exact_until_ready(&mut wire, 1))
    });
}

#[test]
fn cancel_inside_a_copy() {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let (mut wire, key) = key_of(&endpoint);
    say(&mut wire, "CREATE TABLE t (a int)");
    wire.query("COPY t FROM STDIN");
    wire.until(b'G');
    cancel(&endpoint, &key);
    // The server sees it between two rows.
    wire.copy_data("1\n").copy_data("2\n").copy_done();
    assert_eq!(sqlstate(&wire.until_ready()), "57014");
    assert!(say(&mut wire, "SELECT count(*) FROM t").contains("DataRow 0\n"));
}

#[test]
fn statement_of_a_client_that_vanished_is_cancelled() {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    wire.query("SELECT pg_sleep(60)");
    wait_for_sleep(&endpoint, "1");
    drop(wire);
    wait_for_sleep(&endpoint, "0");
}

/// Counts the COPYs into `locked` that are under way.
fn copies_waiting(endpoint: &Endpoint) -> String {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'COPY locked%' \
         AND state = 'active'",
        endpoint.database
    );
    Cluster::shared().query("postgres", &sql)[0][0].clone()
}

fn wait_for_copies(endpoint: &Endpoint, count: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while copies_waiting(endpoint) != count {
        assert!(Instant::now() < until, "not {count} waiting COPYs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn client_that_vanishes_while_its_rows_wait_is_noticed() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    say(&mut locker, "CREATE TABLE locked (a text)");
    say(&mut locker, "BEGIN; LOCK TABLE locked");
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    // The rows run ahead: until the target asks for them nobody knows what they are.
    wire.query("COPY locked FROM STDIN").copy_data("a\n").copy_done();
    wait_for_copies(&endpoint, "1");
    drop(wire);
    wait_for_copies(&endpoint, "0");
}

/// A simple query that comes behind messages without a Sync: what the proxy asks for it may fail,
/// and then the query has failed.
#[test]
fn cancel_while_a_query_behind_a_flush_waits() {
    let said = both(|endpoint| {
        Cluster::shared().query(&endpoint.database, "CREATE TABLE t (a text)");
        // Both the server's own look at the columns and the proxy's wait for this.
        let mut locker = log_in(endpoint);
        let (mut wire, key) = key_of(endpoint);
        wire.parse("", "SELECT 1", &[]).describe(b'S', "").flush();
        let mut said = super::exact(&wire.until(b'T'));
        say(&mut locker, "BEGIN; LOCK pg_attribute, t IN ACCESS EXCLUSIVE MODE");
        wire.query("COPY t FROM STDIN");
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
                       (SELECT oid FROM pg_database WHERE datname = '";
        let waiting = format!("{waiting}{}')", endpoint.database);
        let until = Instant::now() + Duration::from_secs(20);
        while Cluster::shared().query("postgres", &waiting) == [["0"]] {
            assert!(Instant::now() < until, "nobody waits for the lock");
            std::thread::sleep(Duration::from_millis(20));
        }
        cancel(endpoint, &key);
        said += &transcript(&wire.until_ready());
        say(&mut locker, "ROLLBACK");
        // In the same place as ever.
        wire.query("COPY t FROM STDIN");
        said += &super::exact(&wire.until(b'G'));
        wire.copy_data("row\n").copy_done();
        said + &exact_until_ready(&mut wire, 1) + &say(&mut wire, "TABLE t")
    });
    assert!(said.contains("57014") && said.contains("DataRow row\n"), "{said}");
}

/// Waits until a client's session in the database waits for a lock.
fn wait_for_lock(database: &Database) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND query NOT LIKE 'autovacuum:%' AND datname = ";
    let sql = format!("{sql}'{}'", database.endpoint().database);
    let until = Instant::now() + Duration::from_secs(20);
    while Cluster::shared().query("postgres", &sql) == [["0"]] {
        assert!(Instant::now() < until, "nobody waits for a lock");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How a client asks for something that has the proxy ask for columns first.
type Asking = (&'static str, fn(&mut Wire));

const ASKING: [Asking; 4] = [
    ("COPY", |wire| {
        wire.query("COPY t FROM STDIN");
    }),
    ("COPY in a long text", |wire| {
        wire.query(format!("COPY t FROM STDIN; SELECT '{}'", "x".repeat(60_000)));
    }),
    ("a Parse", |wire| {
        wire.parse("", "INSERT INTO t VALUES (B'1', '{}')", &[]);
        wire.bind("", "", &[], &[], 0).execute("", 0).sync();
    }),
    ("a Parse of a name that is taken", |wire| {
        wire.parse("kept", "INSERT INTO t VALUES (B'1', '{}')", &[]).sync();
    }),
];

/// The question of the proxy is cancelled in the place of the statement that it is asked for: the
/// client sees its statement cancelled, and the transaction in the state in which that leaves it.
#[test]
fn cancel_of_a_question_is_that_of_the_statement() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    say(&mut locker, "CREATE TABLE t (a bytea, b jsonb)");
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    for (case, ask) in ASKING {
        for (begin, status) in [("SELECT 1", "I"), ("BEGIN", "E")] {
            for by_timeout in [false, true] {
                let (mut wire, key) = key_of(&endpoint);
                wire.parse("kept", "SELECT 'kept'", &[]).sync().until_ready();
                say(&mut wire, "CREATE TEMPORARY TABLE own (a int)");
                if by_timeout {
                    say(&mut wire, "SET statement_timeout = '300ms'");
                }
                say(&mut wire, begin);
                wire.parse("", "SELECT 'unnamed'", &[]).sync().until_ready();
                say(&mut locker, "BEGIN; LOCK pg_attribute IN ACCESS EXCLUSIVE MODE");
                ask(&mut wire);
                if !by_timeout {
                    wait_for_lock(&database);
                    cancel(&endpoint, &key);
                }
                let frames = wire.until_ready();
                say(&mut locker, "ROLLBACK");
                let said = transcript(&frames);
                assert_eq!(sqlstate(&frames), "57014", "{case} {begin}: {said}");
                assert!(said.starts_with("ErrorResponse"), "{case} {begin}: {said}");
                assert!(said.ends_with(&format!("ReadyForQuery {status}\n")), "{case}: {said}");
                assert_eq!(frames.len(), 2, "{case} {begin}: {said}");
                let message = if by_timeout { "statement timeout" } else { "user request" };
                assert!(said.contains(message), "{case}: {said}");
                let said = say(&mut wire, "ROLLBACK; SET statement_timeout = 0; SELECT 'alive'");
                assert!(said.contains("DataRow alive"), "{case}: {said}");
                wire.bind("", "kept", &[], &[], 0).execute("", 0).sync();
                let said = transcript(&wire.until_ready());
                assert!(said.contains("DataRow kept"), "{case}: {said}");
                assert!(say(&mut wire, "SELECT count(*) FROM t").contains("DataRow 0\n"));
                // What it did not ask is asked now.
                let said = say(&mut wire, "INSERT INTO t VALUES (X'41', '{}'); TABLE t");
                assert!(said.contains(r"DataRow \\x41 {}"), "{case}: {said}");
                say(&mut wire, "TRUNCATE t");
            }
        }
    }
}

/// The arguments of a function are asked for as well.
#[test]
fn cancel_of_a_question_for_a_function_is_that_of_its_call() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let (mut wire, key) = key_of(&endpoint);
    let oid = database.query("SELECT 'quote_literal(text)'::regprocedure::oid::int");
    let oid: i32 = oid[0][0].parse().unwrap();
    wire.parse("", "SELECT 'unnamed'", &[]).sync().until_ready();
    let call = |wire: &mut Wire| {
        let body = Body::default().int32(oid).int16(1).int16(1).int16(1);
        wire.send(b'F', body.int32(3).bytes("a\0b").int16(0));
    };
    say(&mut locker, "BEGIN; LOCK pg_proc IN ACCESS EXCLUSIVE MODE");
    call(&mut wire);
    wait_for_lock(&database);
    cancel(&endpoint, &key);
    let frames = wire.until_ready();
    say(&mut locker, "ROLLBACK");
    assert_eq!(sqlstate(&frames), "57014");
    assert_eq!(frames.len(), 2, "{frames:?}");
    // It is asked again, and the unnamed statement is the client's.
    call(&mut wire);
    let said = transcript(&wire.until_ready());
    assert!(said.contains(r"\'a b\'"), "{said}");
    wire.bind("", "", &[], &[], 0).execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("DataRow unnamed"));
}

/// Foreign keys that are parked for a load: one by an Execute, and one too long to be read.
#[test]
fn cancel_of_parking_is_that_of_the_load() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    say(&mut locker, "CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p)");
    let config = "[fk]\nmode = \"park\"\n[limits]\nstatement_bytes = 65536\n";
    let proxy = Proxy::start(config, &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    fn long() -> String {
        format!("INSERT INTO c SELECT 1 WHERE '{}' = ''", "x".repeat(200_000))
    }
    let cases: [Asking; 3] = [
        ("Execute", |wire| {
            wire.bind("", "s", &[], &[], 0).execute("", 0).sync();
        }),
        ("a long text", |wire| {
            wire.query(long());
        }),
        ("a long Parse", |wire| {
            wire.parse("", long(), &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        }),
    ];
    for (case, ask) in cases {
        let (mut wire, key) = key_of(&endpoint);
        say(&mut wire, "SET dms.phase = 'cdc'");
        wire.parse("s", "INSERT INTO c SELECT 1 WHERE false", &[]).sync().until_ready();
        say(&mut wire, "SET dms.phase = 'full-load'");
        say(&mut locker, "BEGIN; LOCK p, c IN ACCESS EXCLUSIVE MODE");
        ask(&mut wire);
        wait_for_lock(&database);
        cancel(&endpoint, &key);
        let frames: Vec<Frame> = wire.until_ready();
        say(&mut locker, "ROLLBACK");
        assert_eq!(sqlstate(&frames), "57014", "{case}: {frames:?}");
        assert!(transcript(&frames).ends_with("ReadyForQuery I\n"), "{case}: {frames:?}");
        // Nothing is left that another statement could fall over.
        let said = say(&mut wire, "SELECT 'alive'");
        assert!(said.contains("DataRow alive"), "{case}: {said}");
    }
}

/// What is in force is not left to whether a cancel hits the proxy's own statements. It is the
/// client's statement that waits which is cancelled, and without one nothing, unless the cancel has
/// aborted the client's transaction: then that is not kept from it.
#[test]
fn cancel_while_settings_are_read() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    let endpoint = Proxy::with_whole_role().endpoint(database.endpoint());
    // In front of the first BEGIN it is tried what the target answers.
    say(&mut log_in(&endpoint), "BEGIN");
    for (begin, waits, cancelled) in [
        ("SELECT 1", false, false),
        ("SELECT 1", true, true),
        ("BEGIN", true, true),
        ("BEGIN", false, true),
    ] {
        let (mut wire, key) = key_of(&endpoint);
        assert_eq!(super::role(&mut wire), "replica");
        // A new function empties what sessions remember of functions, so that the next question of
        // the proxy has to look into the catalog.
        say(&mut locker, "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
        say(&mut locker, "BEGIN; LOCK pg_proc IN ACCESS EXCLUSIVE MODE");
        say(&mut wire, begin);
        // One setting that is stated plainly in an open transaction would not be asked for.
        let said = say(&mut wire, "SET dms.fk = 'park'; SET dms.fk = 'off'");
        assert!(said.contains("CommandComplete SET"), "{said}");
        wait_for_lock(&database);
        if waits {
            wire.query("SELECT 'waits'");
            std::thread::sleep(Duration::from_millis(200));
        }
        cancel(&endpoint, &key);
        if !waits {
            // What was cancelled goes again before the client's next statement comes.
            std::thread::sleep(Duration::from_millis(300));
        }
        say(&mut locker, "ROLLBACK");
        if !waits {
            // It is answered when what was cancelled has gone again.
            wire.query("SELECT 'waits'");
        }
        let said = transcript(&wire.until_ready());
        assert_eq!(said.contains("57014"), cancelled, "{begin} {waits}: {said}");
        assert_ne!(said.contains("DataRow waits"), cancelled, "{begin} {waits}: {said}");
        assert_eq!(said.ends_with("ReadyForQuery E\n"), begin == "BEGIN", "{said}");
        say(&mut wire, "ROLLBACK");
        // The transaction that was aborted has taken its settings with it.
        let role = if begin == "BEGIN" { "replica" } else { "origin" };
        assert_eq!(super::role(&mut wire), role, "{begin} {waits}");
    }
}
