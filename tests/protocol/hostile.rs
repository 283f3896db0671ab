//! Bytes that no honest client sends: a FATAL error and the end of the session, never more.

use std::time::{Duration, Instant};

use super::{exact, field, log_in, say, sqlstate};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire, both, both_through};

/// Lengths that no message can have: below four, and above the limit of the server.
const LENGTHS: [i32; 6] = [0, 1, 3, -1, i32::MIN, i32::MAX];

/// A session in a state in which bytes may come.
type State = (&'static str, fn(&Endpoint) -> Wire);

const STATES: [State; 8] = [
    ("idle", log_in),
    ("in a transaction", |endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "BEGIN");
        wire
    }),
    ("in a failed transaction", |endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "BEGIN; SELECT nope");
        wire
    }),
    ("in a pipeline", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("", "SELECT 1", &[]).flush();
        wire.until(b'1');
        wire
    }),
    ("after an error in a pipeline", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("", "SELECT nope", &[]);
        wire.until(b'E');
        wire
    }),
    ("in a COPY", |endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TEMPORARY TABLE t (a text)");
        wire.query("COPY t FROM STDIN");
        wire.until(b'G');
        wire.copy_data("a row that is not complete \\");
        wire
    }),
    ("in a binary COPY", |endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TEMPORARY TABLE t (a text)");
        wire.query("COPY t FROM STDIN BINARY");
        wire.until(b'G');
        wire
    }),
    ("with statements that are remembered", |endpoint| {
        let mut wire = log_in(endpoint);
        wire.parse("s", "CREATE TEMPORARY TABLE u (a UINT4)", &[])
            .bind("p", "s", &[], &[], 0)
            .flush();
        wire.until(b'2');
        wire
    }),
];

fn assert_alive(proxy: &Proxy, database: &Endpoint) {
    let mut wire = log_in(&proxy.endpoint(database));
    assert!(say(&mut wire, "SELECT 'alive'").contains("alive"));
    assert!(!proxy.log().contains("panicked"), "{}", proxy.log());
}

#[test]
fn lengths_that_cannot_be() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    for (state, session) in STATES {
        for (tag, length) in b"QPBd\xFF".iter().zip(LENGTHS) {
            let mut wire = session(&endpoint);
            wire.send_raw(&Body::default().bytes([*tag]).int32(length).bytes("and more").0);
            let said = wire.until_ready();
            assert_eq!(sqlstate(&said), "08P01", "{state}, {length}: {said:?}");
            assert_eq!(field(&said, b'E', b'V').unwrap(), "FATAL", "{state}");
            assert!(wire.read_frame().is_none());
        }
    }
    assert_alive(&proxy, database.endpoint());
}

#[test]
fn lengths_of_first_packets_that_cannot_be() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    for length in LENGTHS.into_iter().chain([4, 7, 10_001, i32::from_be_bytes(*b"GET ")]) {
        let mut wire = Wire::open(&endpoint);
        wire.send_raw(&Body::default().int32(length).0);
        let said = wire.until_ready();
        assert_eq!(sqlstate(&said), "08P01", "{length}");
        assert_eq!(field(&said, b'E', b'V').unwrap(), "FATAL");
        assert!(wire.read_to_end().is_empty());
    }
    assert_alive(&proxy, database.endpoint());
}

#[test]
fn statements_in_front_of_a_length_that_cannot_be() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut good = Body::default();
        for sql in ["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"] {
            good = good.bytes("Q").int32(i32::try_from(sql.len() + 5).unwrap()).string(sql);
        }
        // In one segment, so that all of it is seen at once. The server says nothing then, and
        // goes on to the end of what it had.
        wire.send_raw(&good.bytes("Q").int32(1).0);
        wire.read_to_end();
        let sql = "SELECT 1 FROM pg_class WHERE oid = \
                   to_regclass('t') AND pg_relation_size(oid) > 0";
        let until = Instant::now() + Duration::from_secs(10);
        while Cluster::shared().query(&endpoint.database, sql).is_empty() {
            assert!(Instant::now() < until, "nothing was done");
        }
    });
}

#[test]
fn messages_that_there_are_not() {
    both(|endpoint| {
        let mut all = String::new();
        for (state, session) in STATES {
            for tag in [0, b'Z', b'p', b'd', 0xFF] {
                let mut wire = session(endpoint);
                send_and_go_on(&mut wire, tag, b"\x01garbage\xFF");
                all += &format!("{state} {tag}\n{}", exact(&frames(&mut wire)));
            }
        }
        all
    });
}

/// A frame, and what is answered where the session goes on: in one segment, since the server may
/// close behind the frame.
fn send_and_go_on(wire: &mut Wire, tag: u8, body: &[u8]) {
    let length = i32::try_from(body.len() + 4).unwrap();
    let frame = Body::default().bytes([tag]).int32(length).bytes(body);
    let frames = frame.bytes(b"S\0\0\0\x04").bytes(b"Q\0\0\0\x10").string("SELECT 'on'");
    wire.send_raw(&frames.bytes(b"X\0\0\0\x04").0);
}

fn frames(wire: &mut Wire) -> Vec<crate::support::Frame> {
    std::iter::from_fn(|| wire.read_frame()).collect()
}

#[test]
fn bodies_that_make_no_sense() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"\0",
        b"\0\0",
        b"no end",
        b"a\0b\0\xFF\xFF",
        b"\0\0\xFF\xFF\xFF\xFF",
        b"S",
        b"\0SELECT 1\0\0\x7F",
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
    ];
    // Else zero bytes inside a query are mended.
    both_through(&Proxy::start("rewrite = \"off\"\n", &[]), |endpoint| {
        let mut all = String::new();
        for tag in *b"QPBEDCFHXdcf" {
            for body in bodies {
                let mut wire = log_in(endpoint);
                send_and_go_on(&mut wire, tag, body);
                all += &format!("{} {}\n", tag.escape_ascii(), body.escape_ascii());
                all += &exact(&frames(&mut wire));
            }
        }
        all
    });
}

#[test]
fn connections_cut_in_the_middle_of_a_message() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    for (_, session) in STATES {
        for cut in [&b"Q"[..], b"Q\0\0", b"P\0\0\x10\0s", b"d\0\x0F\0\0", b"B\x3F\0\0\0"] {
            session(&endpoint).send_raw(cut);
        }
    }
    assert_alive(&proxy, database.endpoint());
}
