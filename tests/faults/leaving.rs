//! Sessions that end without a Terminate: what they changed is written down all the same, and those that
//! idle do not hold up a stop.

use std::time::{Duration, Instant};

use crate::protocol::{log_in, say};
use crate::support::{Cluster, Database, Proxy, Wire, transcript};

const PATIENCE: Duration = Duration::from_secs(20);

/// Changes that the ledger has, as soon as there are so many.
fn wait_for(database: &Database, expected: &str) {
    let began = Instant::now();
    loop {
        let there = database.query("SELECT to_regclass('dms_proxy.rewrites') IS NOT NULL");
        let sum = "SELECT sum(count) FROM dms_proxy.rewrites";
        let rows = if there == [["t"]] { database.query(sum) } else { Vec::new() };
        if rows == [[expected]] {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{rows:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A session that has changed something.
fn changed(proxy: &Proxy, database: &Database) -> Wire {
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "INSERT INTO t VALUES (E'a\\0b')");
    wire
}

fn database() -> Database {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a text)");
    database
}

#[test]
fn a_client_that_vanishes_leaves_what_it_has_changed() {
    let (proxy, database) = (Proxy::start("", &[]), database());
    for _ in 0..10 {
        drop(changed(&proxy, &database));
    }
    // In a transaction, and with a pipeline that has no end.
    let mut wire = changed(&proxy, &database);
    say(&mut wire, "BEGIN");
    drop(wire);
    let mut wire = changed(&proxy, &database);
    wire.parse("", "SELECT 1", &[]).flush();
    assert_eq!(wire.until(b'1').len(), 1);
    drop(wire);
    wait_for(&database, "12");
}

#[test]
fn a_session_that_is_cut_leaves_what_it_has_changed() {
    let (proxy, database) = (Proxy::start("limits.drain_timeout = 1\n", &[]), database());
    let _idle = changed(&proxy, &database);
    let mut open = changed(&proxy, &database);
    say(&mut open, "BEGIN");
    let mut busy = changed(&proxy, &database);
    busy.query("SELECT pg_sleep(60)");
    let mut copying = changed(&proxy, &database);
    copying.query("COPY t FROM STDIN").until(b'G');
    let began = Instant::now();
    assert_eq!(proxy.stop(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(20));
    wait_for(&database, "4");
    for wire in [&mut open, &mut busy, &mut copying] {
        let said = transcript(&wire.until(b'E'));
        assert!(said.contains("C=\"57P01\""), "{said}");
    }
}

#[test]
fn a_session_that_idles_ends_at_once_when_the_proxy_stops() {
    let (proxy, database) = (Proxy::start("limits.drain_timeout = 60\n", &[]), database());
    let mut idle = log_in(&proxy.endpoint(database.endpoint()));
    let mut open = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut open, "BEGIN");
    proxy.signal("TERM");
    let began = Instant::now();
    let said = transcript(&idle.until(b'E'));
    assert!(said.contains("S=\"FATAL\"") && said.contains("C=\"57P01\""), "{said}");
    assert!(began.elapsed() < Duration::from_secs(20), "not by limits.drain_timeout");
    // The other one goes on to the end of its transaction, and then idles as well.
    let said = say(&mut open, "INSERT INTO t VALUES ('x')");
    assert!(said.contains("INSERT 0 1"), "{said}");
    assert!(say(&mut open, "COMMIT").contains("COMMIT"));
    assert!(transcript(&open.until(b'E')).contains("C=\"57P01\""));
    assert_eq!(proxy.ended(), Some(0));
    assert_eq!(database.query("TABLE t"), [["x"]]);
}

#[test]
fn signals_do_what_they_say() {
    let (proxy, database) = (Proxy::start("limits.drain_timeout = 60\n", &[]), database());
    let mut busy = log_in(&proxy.endpoint(database.endpoint()));
    for name in ["USR1", "USR1"] {
        proxy.signal(name);
        assert!(say(&mut busy, "SELECT 1").contains("DataRow 1\n"));
    }
    busy.query("SELECT pg_sleep(600) /* of this test */");
    proxy.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    proxy.signal("INT");
    let said = transcript(&busy.until(b'E'));
    assert!(said.contains("C=\"57P01\""), "{said}");
    let began = Instant::now();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
        AND query LIKE '%of this test%' AND pid <> pg_backend_pid()";
    while database.query(running) != [["0"]] {
        assert!(began.elapsed() < PATIENCE, "what it ran is cancelled");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(proxy.stop(), Some(1));
}

/// Even where there was no session to cut.
#[test]
fn who_does_not_wait_gets_the_code_of_a_cut() {
    for (signal, code) in [("TERM", 0), ("INT", 0), ("QUIT", 1)] {
        let proxy = Proxy::start("", &[]);
        proxy.signal(signal);
        assert_eq!(proxy.ended(), Some(code), "{signal}");
    }
}
