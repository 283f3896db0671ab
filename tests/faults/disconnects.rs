//! A client that goes without a word, in any state, leaves no session on the target and nothing that
//! runs there; and a cancel hits what it is meant for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{log_in, say, sqlstate, wait_for};
use crate::support::{Body, Cluster, Database, Endpoint, Proxy, Wire};

type State = (&'static str, fn(&Endpoint) -> Wire);

const STATES: [State; 19] = [
    ("before its startup packet", Wire::open),
    ("in the middle of its startup packet", |endpoint| {
        let mut wire = Wire::open(endpoint);
        wire.send_raw(b"\0\0\0\x40\0\x03");
        wire
    }),
    ("asked for a password", |endpoint| {
        let endpoint = Endpoint { user: "scram-sha-256".into(), ..endpoint.clone() };
        let mut wire = Wire::open(&endpoint);
        wire.startup(&endpoint, &[]);
        wire.until(b'R');
        wire
    }),
    ("idle", log_in),
    ("in a transaction", |endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "BEGIN; CREATE TABLE t (a int)");
        wire
    }),
    ("while a statement runs", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("SELECT pg_sleep(600)");
        wire
    }),
    ("while statements wait", |endpoint| {
        let mut wire = log_in(endpoint);
        for _ in 0..4 {
            wire.query("SELECT pg_sleep(600)");
        }
        wire
    }),
    ("in a pipeline", |endpoint| {
        let mut wire = log_in(endpoint);
        for _ in 0..3 {
            wire.parse("", "SELECT pg_sleep(600)", &[]);
            wire.bind("", "", &[], &[], 0).execute("", 0);
        }
        wire
    }),
    ("in pipelines", |endpoint| {
        let mut wire = log_in(endpoint);
        for _ in 0..4 {
            wire.parse("", "SELECT pg_sleep(600)", &[]);
            wire.bind("", "", &[], &[], 0).execute("", 0).sync();
        }
        wire
    }),
    ("in COPY in", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("CREATE TEMPORARY TABLE t (a text); COPY t FROM STDIN");
        wire.until(b'G');
        wire.copy_data("row\nhalf a");
        wire
    }),
    ("in COPY out", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT");
        wire.until(b'd');
        wire
    }),
    ("in half a statement", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.send_raw(b"Q\0\0\0\x40SELECT pg_");
        wire
    }),
    ("in half of a long statement", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.send_raw(&[&b"Q\x02\0\0\0SELECT '"[..], &[b'x'; 100_000]].concat());
        wire
    }),
    ("in half a Bind", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("", "SELECT $1::text", &[]);
        wire.send_raw(b"B\0\x20\0\0\0\0\0\0\0\x01\0\x1f\0\0");
        wire
    }),
    ("in half a row", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("CREATE TEMPORARY TABLE t (a text); COPY t FROM STDIN");
        wire.until(b'G');
        wire.copy_data("row\n").send_raw(b"d\0\0\x40\0half");
        wire
    }),
    ("while what follows COPY in runs", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("CREATE TEMPORARY TABLE t (a text); COPY t FROM STDIN; SELECT pg_sleep(600)");
        wire.until(b'G');
        wire.copy_data("row\n").copy_done();
        wire
    }),
    ("behind its Terminate", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.terminate();
        wire
    }),
    ("in a large row that it does not read", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("SELECT repeat('x', 300000000)");
        std::thread::sleep(Duration::from_millis(300));
        wire
    }),
    ("while it does not read", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)");
        std::thread::sleep(Duration::from_millis(300));
        wire
    }),
];

fn sessions(database: &Database) -> String {
    let name = &database.endpoint().database;
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    Cluster::shared().query("postgres", &sql)[0][0].clone()
}

#[test]
fn client_that_goes_leaves_nothing_behind() {
    let database = Cluster::shared().create_database();
    for config in ["", "rewrite = \"off\"\n[fk]\nmode = \"off\"\n"] {
        let proxy = Proxy::start(config, &[]);
        let endpoint = proxy.endpoint(database.endpoint());
        for (state, reach) in STATES {
            let wire = reach(&endpoint);
            std::thread::sleep(Duration::from_millis(150));
            drop(wire);
            let taken = wait_for(state, || sessions(&database) == "0");
            // A second of grace for one whose statement may be a COMMIT.
            assert!(taken < Duration::from_secs(5), "{config:?} {state}: {taken:?}");
        }
        assert!(!proxy.log().contains("panicked"), "{}", proxy.log());
    }
}

/// The proxy's own statements are the client's affair as well: they end with it.
#[test]
fn client_that_goes_leaves_nothing_of_the_proxy_behind() {
    let database = Cluster::shared().create_database();
    let mut locker = log_in(database.endpoint());
    say(&mut locker, "CREATE TABLE t (a text, b jsonb); CREATE TABLE p (a int PRIMARY KEY)");
    say(&mut locker, "CREATE TABLE c (a int REFERENCES p)");
    let plain = Proxy::start("", &[]);
    let parks = Proxy::start("[fk]\nmode = \"park\"\n", &[]);
    let script = "[target]\nafter_connect_script = \"SELECT pg_sleep(600)\"\n";
    let script = Proxy::start(script, &[]);
    // The ledger has to be written when the client leaves.
    let mut first = log_in(&plain.endpoint(database.endpoint()));
    say(&mut first, "CREATE TABLE ledger (a STRING(5))");
    first.terminate();
    wait_for("the ledger", || {
        let there = "SELECT to_regclass('dms_proxy.rewrites') IS NOT NULL";
        database.query(there) == [["t"]]
    });
    let columns = "LOCK pg_attribute IN ACCESS EXCLUSIVE MODE";
    let leaves = "LOCK dms_proxy.rewrites IN ACCESS EXCLUSIVE MODE";
    type Case<'a> = (&'static str, &'a Proxy, &'static str, fn(&mut Wire));
    let cases: [Case<'_>; 6] = [
        ("columns", &plain, columns, |wire| {
            wire.query("COPY t FROM STDIN");
        }),
        ("columns for a Parse", &plain, columns, |wire| {
            wire.parse("", "INSERT INTO t VALUES ($1, $2)", &[]).flush();
        }),
        ("columns in a pipeline", &plain, columns, |wire| {
            wire.parse("", "SELECT 1", &[]).bind("", "", &[], &[], 0);
            wire.parse("", "INSERT INTO t VALUES ($1, $2)", &[]).flush();
        }),
        ("parking", &parks, "LOCK p, c IN ACCESS EXCLUSIVE MODE", |wire| {
            wire.query("INSERT INTO c VALUES (1)");
        }),
        ("parking for an Execute", &parks, "LOCK p, c IN ACCESS EXCLUSIVE MODE", |wire| {
            wire.parse("", "INSERT INTO c SELECT 1", &[]);
        }),
        ("the ledger", &plain, leaves, |wire| {
            wire.query("CREATE TEMPORARY TABLE l (a STRING(5))").until_ready();
            wire.terminate();
        }),
    ];
    let own = || {
        let name = &database.endpoint().database;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname";
        Cluster::shared().query("postgres", &format!("{sql} = '{name}'"))[0][0].clone()
    };
    for (case, proxy, lock, reach) in cases {
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        say(&mut locker, &format!("BEGIN; {lock}"));
        reach(&mut wire);
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{}'",
            database.endpoint().database
        );
        wait_for(case, || Cluster::shared().query("postgres", &waits) == [["1"]]);
        drop(wire);
        let taken = wait_for(case, || own() == "1");
        assert!(taken < Duration::from_secs(5), "{case}: {taken:?}");
        say(&mut locker, "ROLLBACK");
    }
    let endpoint = script.endpoint(database.endpoint());
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[]);
    wait_for("the script", || own() == "2");
    drop(wire);
    let taken = wait_for("the script has gone", || own() == "1");
    assert!(taken < Duration::from_secs(5), "{taken:?}");
}

fn key_of(endpoint: &Endpoint) -> (Wire, Vec<u8>) {
    let (wire, greeting) = Wire::log_in(endpoint, &[]);
    let key = greeting.iter().find(|frame| frame.tag == b'K').unwrap().body.clone();
    (wire, key)
}

fn cancel(endpoint: &Endpoint, key: &[u8]) {
    let mut wire = Wire::open(endpoint);
    let length = i32::try_from(8 + key.len()).unwrap();
    wire.send_raw(&Body::default().int32(length).int32(80_877_102).bytes(key).0);
    assert!(wire.read_to_end().is_empty());
}

/// While others work, and through whichever instance: who asked for it is cancelled, and nobody else.
#[test]
fn cancels_under_load_hit_what_they_name() {
    let database = Cluster::shared().create_database();
    let (one, two) = (Proxy::start("", &[]), Proxy::start("", &[]));
    let (one, two) = (one.endpoint(database.endpoint()), two.endpoint(database.endpoint()));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load: Vec<_> = (0..6)
            .map(|worker| {
                let endpoint = if worker % 2 == 0 { &one } else { &two };
                let done = &done;
                scope.spawn(move || {
                    let mut wire = log_in(endpoint);
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) {
                        let said = say(&mut wire, "SELECT 'fine' FROM generate_series(1, 100)");
                        assert_eq!(said.matches("DataRow fine").count(), 100, "{said}");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut sleepers: Vec<_> = (0..4).map(|_| key_of(&one)).collect();
        for round in 0..10 {
            for (wire, _) in &mut sleepers {
                wire.query("SELECT 'began'; SELECT pg_sleep(600)");
            }
            let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
                AND datname = current_database()";
            wait_for("all sleep", || database.query(sleeping) == [["4"]]);
            let through = if round % 2 == 0 { &two } else { &one };
            let victim = round % 4;
            cancel(through, &sleepers[victim].1);
            assert_eq!(sqlstate(&sleepers[victim].0.until_ready()), "57014");
            assert_eq!(database.query(sleeping), [["3"]], "the others go on");
            for (index, (wire, key)) in sleepers.iter_mut().enumerate() {
                if index != victim {
                    cancel(through, key);
                    assert_eq!(sqlstate(&wire.until_ready()), "57014");
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(load.into_iter().all(|worker| worker.join().unwrap() > 10));
    });
}
