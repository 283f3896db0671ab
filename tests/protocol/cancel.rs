//! CancelRequest, and clients that vanish while the server works for them.

use std::time::{Duration, Instant};

use super::{exact_until_ready, log_in, say, sqlstate};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire, both, transcript};

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
