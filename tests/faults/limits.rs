//! Each limit of the configuration holds, and what is beyond it is told so.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{assert_serves, error_field, log_in, memory_kib, say, sqlstate, wait_for};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire, transcript};

// `limits.startup_timeout` is tested by `protocol::startup`, `limits.clients` there and with floods
// in `clients`.

#[test]
fn startup_packet_bytes() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nstartup_packet_bytes = 200\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    // Version, user, database and the end; then the length itself.
    let base = 4 + 4 + "user\0database\0application_name\0".len() + 1;
    let base = base + endpoint.user.len() + endpoint.database.len() + 2;
    for (bytes, fits) in [(200, true), (201, false)] {
        let name = "x".repeat(bytes - base - 1);
        let (_, said) = Wire::log_in(&endpoint, &[("application_name", &name)]);
        match fits {
            true => assert_eq!(said.last().map(|frame| frame.tag), Some(b'Z'), "{said:?}"),
            false => assert_eq!(sqlstate(&said), "08P01"),
        }
    }
}

#[test]
fn statement_bytes() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nstatement_bytes = 1000\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for (table, blanks, mapped) in [("short", 10, true), ("long", 1000, false)] {
        let sql = format!("CREATE TABLE {table} (a{}STRING(5))", " ".repeat(blanks));
        let said = say(&mut wire, &sql);
        assert_eq!(said.starts_with("CommandComplete CREATE TABLE"), mapped, "{said}");
    }
    wire.terminate();
    wait_for("it is counted", || proxy.log().contains("too_long=1"));
}

#[test]
fn message_bytes() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nmessage_bytes = 5000\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    // Length, text and its end.
    for (bytes, fits) in [(5000, true), (5001, false)] {
        let mut wire = log_in(&endpoint);
        wire.query(&" x".repeat(bytes).as_bytes()[..bytes - 5]);
        let said = wire.until_ready();
        assert_eq!(sqlstate(&said), if fits { "42601" } else { "08P01" }, "{bytes}");
        assert_eq!(said.last().unwrap().tag == b'Z', fits);
    }
    assert_serves(&proxy, database.endpoint());
}

/// The proxy takes no more messages than this ahead of the answers, and then goes on.
#[test]
fn pipeline_messages() {
    const MESSAGES: usize = 100_000;
    let database = Cluster::shared().create_database();
    let mut peaks = Vec::new();
    for limit in [100, 1_000_000] {
        let proxy = Proxy::start(&format!("[limits]\npipeline_messages = {limit}\n"), &[]);
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        let before = memory_kib(&proxy, "VmHWM");
        let lock = "SELECT pg_advisory_xact_lock(1)";
        let mut holder = log_in(database.endpoint());
        say(&mut holder, &format!("BEGIN; {lock}"));
        wire.query(lock);
        let mut messages = Body::default();
        for _ in 0..MESSAGES {
            messages = messages.bytes(b"S\0\0\0\x04");
        }
        std::thread::scope(|scope| {
            let release = scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                say(&mut holder, "ROLLBACK");
            });
            wire.send_raw(&messages.0);
            release.join().unwrap();
        });
        for _ in 0..MESSAGES + 1 {
            let said = wire.until_ready();
            assert_eq!(said.last().map(|frame| frame.tag), Some(b'Z'), "{}", proxy.log());
        }
        assert!(say(&mut wire, "SELECT 'on'").contains("DataRow on"));
        peaks.push(memory_kib(&proxy, "VmHWM") - before);
    }
    assert!(peaks[0] < 2048, "{peaks:?} KiB");
}

#[test]
fn drain_timeout() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\ndrain_timeout = 1\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    wire.query("SELECT pg_sleep(600)");
    let began = Instant::now();
    proxy.signal("TERM");
    let said = wire.until_ready();
    let taken = began.elapsed();
    assert!(taken >= Duration::from_millis(900) && taken < Duration::from_secs(5), "{taken:?}");
    assert_eq!(sqlstate(&said), "57P01");
    assert_eq!(error_field(&said, b'S'), "FATAL");
    assert!(wire.read_frame().is_none(), "nothing follows");
    wait_for("the cut is reported", || proxy.log().contains("sessions=1"));
    assert_eq!(proxy.stop(), Some(1));
}

/// What a session does when it is cut, and whether it can be told so.
type State = (&'static str, fn(&Endpoint) -> Wire, bool);

const STATES: [State; 9] = [
    ("idle", log_in, true),
    ("in a transaction", |endpoint| began(endpoint, "BEGIN; CREATE TABLE t (a int)"), true),
    (
        "in COPY in",
        |endpoint| {
            let mut wire = began(endpoint, "CREATE TEMPORARY TABLE t (a text)");
            wire.query("COPY t FROM STDIN").until(b'G');
            wire.copy_data("row\n").send_raw(b"d\0\0\x40\0half");
            wire
        },
        true,
    ),
    (
        "in half a statement",
        |endpoint| {
            let mut wire = log_in(endpoint);
            wire.send_raw(b"Q\0\0\0\x40SELECT pg_");
            wire
        },
        true,
    ),
    (
        "in a pipeline",
        |endpoint| {
            let mut wire = log_in(endpoint);
            wire.parse("", "SELECT pg_sleep(600)", &[]).bind("", "", &[], &[], 0);
            wire.flush().until(b'2');
            wire.execute("", 0).sync();
            wire
        },
        true,
    ),
    (
        "in many rows",
        |endpoint| {
            let mut wire = log_in(endpoint);
            wire.query("SELECT repeat('x', 1000) FROM generate_series(1, 10000000)");
            wire
        },
        true,
    ),
    (
        "in COPY out",
        |endpoint| {
            let mut wire = log_in(endpoint);
            let rows = "SELECT repeat('x', 1000) FROM generate_series(1, 10000000)";
            wire.query(format!("COPY ({rows}) TO STDOUT"));
            wire
        },
        true,
    ),
    // It ends later than anybody waits.
    (
        "in one long row",
        |endpoint| {
            let mut wire = log_in(endpoint);
            wire.query("SELECT repeat('x', 300000000)").until(b'T');
            wire
        },
        false,
    ),
    (
        "asked for a password",
        |endpoint| {
            let endpoint = Endpoint { user: "scram-sha-256".into(), ..endpoint.clone() };
            let mut wire = Wire::open(&endpoint);
            wire.startup(&endpoint, &[]);
            wire.until(b'R');
            wire
        },
        true,
    ),
];

/// Whatever they do, at the end of the drain clients are told so (one that idles before that) where a frame ends, and nothing of
/// them runs on.
#[test]
fn what_outlasts_the_drain_is_told_and_cancelled() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\ndrain_timeout = 1\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let wires: Vec<_> =
        STATES.iter().map(|(state, reach, told)| (state, reach(&endpoint), told)).collect();
    proxy.signal("TERM");
    let readers: Vec<_> = wires
        .into_iter()
        .map(|(state, mut wire, told)| {
            let (state, told) = (*state, *told);
            std::thread::spawn(move || {
                // None of them reads at the moment it happens, and one long after it.
                std::thread::sleep(Duration::from_millis(if told { 1200 } else { 4000 }));
                let bytes = wire.read_to_end();
                let is_told = bytes.windows(6).any(|bytes| bytes == b"C57P01");
                let last = bytes.len().saturating_sub(400);
                assert_eq!(is_told, told, "{state}: {}", bytes[last..].escape_ascii());
            })
        })
        .collect();
    for reader in readers {
        reader.join().unwrap();
    }
    wait_for("the cut is reported", || proxy.log().contains("sessions=8"));
    let name = &database.endpoint().database;
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    let taken =
        wait_for("none is left", || Cluster::shared().query("postgres", &sessions) == [["0"]]);
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    assert_eq!(proxy.stop(), Some(1));
}

fn began(endpoint: &Endpoint, sql: &str) -> Wire {
    let mut wire = log_in(endpoint);
    say(&mut wire, sql);
    wire
}

/// With too few descriptors for its clients the proxy asks for more; without more it says so, keeps
/// what it has, and serves again when there is room.
#[test]
fn descriptors() {
    let database = Cluster::shared().create_database();
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let start = |limit: &str| {
        let script = format!("ulimit {limit} && exec \"$@\"");
        let binary = env!("CARGO_BIN_EXE_dms-proxy");
        let target = format!("postgres://{target}");
        let program = ["/bin/sh", "-c", &script, "sh", binary, "serve", "--listen", "127.0.0.1:0"];
        let program = [&program[..], &["--target", &target]].concat();
        Proxy::start_program("[limits]\nclients = 60\n", &program).unwrap()
    };
    let raised = start("-Sn 40");
    let endpoint = raised.endpoint(database.endpoint());
    let sessions: Vec<Wire> = (0..50).map(|_| log_in(&endpoint)).collect();
    drop(sessions);
    assert!(!raised.log().contains("too few descriptors"), "{}", raised.log());

    let bounded = start("-n 40");
    assert!(bounded.log().contains("too few descriptors"), "{}", bounded.log());
    let endpoint = bounded.endpoint(database.endpoint());
    let mut first = log_in(&endpoint);
    let flood: Vec<Wire> = (0..60).map(|_| Wire::open(&endpoint)).collect();
    wait_for("it runs out", || bounded.log().contains("a client could not be taken"));
    assert!(say(&mut first, "SELECT 'still here'").contains("still here"));
    drop(flood);
    wait_for("it serves again", || {
        let (_, said) = Wire::log_in(&endpoint, &[]);
        said.last().is_some_and(|frame| frame.tag == b'Z')
    });
    let runs = Command::new("kill").args(["-0", &bounded.pid().to_string()]).status().unwrap();
    assert!(runs.success());
    assert!(transcript(&first.query("SELECT 'on'").until_ready()).contains("on"));
}
