//! Clients of the HTTP side that are slow, silent or not welcome: many of them hold up neither its probes nor
//! the sessions, and take no memory.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{exchange, get, proxy};
use crate::protocol::{log_in, say};
use crate::support::Cluster;

/// Connections in all; so many are open at a time, more than the proxy has places for.
const CONNECTIONS: usize = 10_000;
const OPEN: usize = 300;

/// What may come on top of the memory that the proxy had before, in bytes. Ten thousand connections that were
/// kept would take hundreds of megabytes.
const GROWTH_MAX: u64 = 32 * 1024 * 1024;

fn resident(address: SocketAddr) -> u64 {
    let page = get(address, "/metrics").body;
    let (_, rest) = page.split_once("\nprocess_resident_memory_bytes ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

/// The nth connection of somebody who means no good.
fn connect(address: SocketAddr, number: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    let said: &[u8] = match number % 4 {
        0 => b"",
        1 => b"GET /healthz HTTP/1.1\r\nHo",
        2 => b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        _ => b"\x16\x03\x01\xff\xff not HTTP at all \r\n\r\n",
    };
    // The proxy may have closed already.
    let _ = stream.write_all(said);
    Some(stream)
}

#[test]
fn ten_thousand_connections_hold_up_nobody() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let before = resident(address);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut open = VecDeque::new();
            for number in 0..CONNECTIONS {
                open.extend(connect(address, number));
                if open.len() > OPEN {
                    open.pop_front();
                }
            }
            is_over.store(true, Ordering::Release);
            // They stay until they have been looked at.
            std::thread::sleep(Duration::from_millis(500));
        });
        let (mut probes, mut answered) = (0, 0);
        while !is_over.load(Ordering::Acquire) {
            let began = Instant::now();
            assert!(say(&mut wire, "SELECT 1").contains("DataRow 1"));
            assert!(began.elapsed() < Duration::from_secs(5));
            probes += 1;
            answered += usize::from(get(address, "/healthz").status == 200);
        }
        assert!(probes > 2, "{probes}");
        // One whose head has not come yet may be the one that gives way; it is asked again.
        assert!(answered + 1 + probes / 1000 >= probes, "{answered} of {probes}");
    });
    assert_eq!(get(address, "/healthz").status, 200);
    let after = resident(address);
    assert!(after < before + GROWTH_MAX, "{before} {after}");
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let (_proxy, address) = proxy("");
    let mut silent = TcpStream::connect(address).unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    // Closed, maybe with an answer that says why.
    let _ = silent.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
    let waited = began.elapsed().as_secs();
    assert!((8..28).contains(&waited), "{waited}");
}

#[test]
fn a_page_that_is_known_is_not_sent_again() {
    let (_proxy, address) = proxy("");
    for path in ["/", "/page.css", "/page.js"] {
        let first = get(address, path);
        let tag = first.head.split("etag: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n"
        );
        let second = exchange(address, &request);
        assert_eq!((first.status, second.status, second.body.as_str()), (200, 304, ""));
    }
}
