//! Targets that stop, vanish, hang, or take no more sessions.

use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use super::{
    Server, assert_serves, descriptors, error_field, log_in, say, signal, sqlstate, wait_for,
};
use crate::support::{Endpoint, Proxy, Wire};

/// A new session is refused with this code and a sentence.
fn assert_refused(endpoint: &Endpoint, code: &str) {
    let (mut wire, said) = Wire::log_in(endpoint, &[]);
    assert_eq!(sqlstate(&said), code, "{said:?}");
    assert!(!error_field(&said, b'M').is_empty());
    assert!(wire.read_to_end().is_empty());
}

#[test]
fn fast_and_immediate_stops_end_sessions_with_the_servers_words() {
    let mut server = Server::start(&[]);
    let proxy = server.proxy("");
    let endpoint = proxy.endpoint(&server.endpoint());
    for (stop, code) in [("INT", "57P01"), ("QUIT", "57P01")] {
        let mut idle = log_in(&endpoint);
        let mut open = log_in(&endpoint);
        say(&mut open, "BEGIN; CREATE TABLE never (a int)");
        let mut busy = log_in(&endpoint);
        busy.query("SELECT pg_sleep(600)");
        let sleeps = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        wait_for("a statement that runs", || server.query(sleeps).len() == 1);
        server.stop(stop);
        for wire in [&mut idle, &mut open, &mut busy] {
            assert_eq!(sqlstate(&wire.until_ready()), code, "{stop}");
            assert!(wire.read_to_end().is_empty());
        }
        assert_refused(&endpoint, "08001");
        server.start_again();
        assert_serves(&proxy, &server.endpoint());
        assert!(server.query("SELECT 1 WHERE to_regclass('never') IS NULL").len() == 1);
    }
    assert_eq!(proxy.stop(), Some(0));
}

#[test]
fn smart_stop_lets_sessions_end_and_refuses_new_ones() {
    let mut server = Server::start(&[]);
    let proxy = server.proxy("");
    let endpoint = proxy.endpoint(&server.endpoint());
    let mut wire = log_in(&endpoint);
    server.signal("TERM");
    wait_for("a refusal", || {
        let (_, said) = Wire::log_in(&endpoint, &[]);
        said.last().is_some_and(|frame| frame.tag == b'E') && sqlstate(&said) == "57P03"
    });
    assert!(say(&mut wire, "SELECT 'still here'").contains("still here"));
    wire.terminate();
    server.embedded = None;
    assert_refused(&endpoint, "08001");
    server.start_again();
    assert_serves(&proxy, &server.endpoint());
}

#[test]
fn killed_target_ends_sessions_and_comes_back() {
    let mut server = Server::start(&[]);
    let proxy = server.proxy("");
    let endpoint = proxy.endpoint(&server.endpoint());
    let mut idle = log_in(&endpoint);
    let before = descriptors(&proxy);
    let mut copying = log_in(&endpoint);
    copying.query("CREATE TABLE t (a text); COPY t FROM STDIN");
    copying.until(b'G');
    copying.copy_data("a row\n");
    let mut reading = log_in(&endpoint);
    reading.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)");
    reading.until(b'D');
    server.kill();
    for wire in [&mut idle, &mut copying, &mut reading] {
        wire.read_to_end();
    }
    assert_refused(&endpoint, "08001");
    server.start_again();
    assert_serves(&proxy, &server.endpoint());
    wait_for("nothing is left open", || descriptors(&proxy) < before);
}

#[test]
fn target_that_takes_connections_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for sslmode in ["disable", "prefer", "require"] {
        let target = format!("postgres://{address}?sslmode={sslmode}");
        let proxy = Proxy::start_to(&target, "[target]\nconnect_timeout = 1\n");
        let endpoint =
            Endpoint { address: proxy.address(), user: "u".into(), database: "d".into() };
        let began = Instant::now();
        let (mut wire, said) = Wire::log_in(&endpoint, &[]);
        assert_eq!(sqlstate(&said), "08001", "{sslmode}");
        assert!(began.elapsed() >= Duration::from_millis(900), "{sslmode}");
        assert!(wire.read_to_end().is_empty());
    }
}

#[test]
fn target_without_room_says_so_itself() {
    let settings = [
        ("max_connections", "6"),
        ("superuser_reserved_connections", "2"),
        ("max_wal_senders", "0"),
    ];
    let server = Server::start(&settings);
    server.query("CREATE ROLE plain LOGIN");
    let proxy = server.proxy("[fk]\nmode = \"off\"\n");
    let plain = Endpoint { user: "plain".into(), ..proxy.endpoint(&server.endpoint()) };
    let mut sessions: Vec<Wire> = (0..4).map(|_| log_in(&plain)).collect();
    let (mut wire, said) = Wire::log_in(&plain, &[]);
    assert_eq!(sqlstate(&said), "53300");
    assert!(error_field(&said, b'M').contains("superuser"), "{said:?}");
    assert!(wire.read_to_end().is_empty());
    assert!(say(&mut sessions[0], "SELECT 'still here'").contains("still here"));
    drop(sessions);
    wait_for("room", || {
        let (_, said) = Wire::log_in(&plain, &[]);
        said.last().is_some_and(|frame| frame.tag == b'Z')
    });
}

#[test]
fn target_that_stands_still_holds_up_its_own_session_only() {
    let server = Server::start(&[]);
    let proxy = server.proxy("");
    let endpoint = proxy.endpoint(&server.endpoint());
    let (mut slow, mut other) = (log_in(&endpoint), log_in(&endpoint));
    let pid = say(&mut slow, "SELECT 'pid', pg_backend_pid()");
    let pid = pid.lines().find_map(|line| line.strip_prefix("DataRow pid ")).unwrap();
    let pid = pid.parse().unwrap();
    signal("STOP", &[pid]);
    slow.query("SELECT 'at last'");
    assert!(say(&mut other, "SELECT 'quick'").contains("quick"));
    assert_serves(&proxy, &server.endpoint());
    assert!(!slow.has_reply_within(Duration::from_millis(200)));
    signal("CONT", &[pid]);
    assert!(crate::support::transcript(&slow.until_ready()).contains("at last"));
}

#[test]
fn target_that_says_no_more_ends_the_session() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::start_to(&format!("postgres://{address}?sslmode=disable"), "");
    let endpoint = Endpoint { address: proxy.address(), user: "u".into(), database: "d".into() };
    let target = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut packet = [0; 1024];
        let count = stream.read(&mut packet).unwrap();
        assert!(count > 8);
        std::io::Write::write_all(&mut stream, b"R\0\0\0\x08\0\0\0\0").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // The proxy closes, too, although this end still listens.
        stream.set_read_timeout(Some(super::DEADLINE)).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    });
    let (mut wire, said) = Wire::log_in(&endpoint, &[]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(wire.read_to_end().is_empty());
    target.join().unwrap();
}
