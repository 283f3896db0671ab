//! Clients that have not logged in take no room from sessions, and leave nothing behind.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{DEADLINE, assert_serves, log_in, memory_kib, say, sqlstate, wait_for};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire};

/// Whether the proxy has closed it.
fn is_closed(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    matches!(client.read(&mut [0]), Ok(0))
}

fn connect(endpoint: &Endpoint) -> TcpStream {
    TcpStream::connect(endpoint.address).unwrap()
}

#[test]
fn silent_clients_take_no_room_from_sessions() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nclients = 10\nconnecting = 50\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut silent: Vec<TcpStream> = (0..200).map(|_| connect(&endpoint)).collect();
    // At once, as the oldest of them had to go.
    assert_serves(&proxy, database.endpoint());
    assert!(is_closed(&mut silent[0]) && is_closed(&mut silent[100]));
    assert!(!is_closed(silent.last_mut().unwrap()));
    let log = proxy.log();
    assert!(log.contains("limits.connecting is reached"), "{log}");
    assert_eq!(log.matches("limits.connecting is reached").count(), 1, "{log}");
    // Nor do those that stop in the middle of their login.
    let scram = Endpoint { user: "scram-sha-256".into(), ..endpoint.clone() };
    let asked: Vec<Wire> = (0..60)
        .map(|_| {
            let mut wire = Wire::open(&scram);
            wire.startup(&scram, &[]);
            wire.until(b'R');
            wire
        })
        .collect();
    assert_serves(&proxy, database.endpoint());
    drop(asked);
    // And sessions are limited as they were.
    let sessions: Vec<Wire> = (0..10).map(|_| log_in(&endpoint)).collect();
    let (_, said) = Wire::log_in(&endpoint, &[]);
    assert_eq!(sqlstate(&said), "53300");
    let line = "refused: limits.clients is reached";
    wait_for("it is logged", || proxy.log().contains(line));
    assert!(proxy.log().contains("sqlstate=\"53300\""), "{}", proxy.log());
    drop(sessions);
}

/// One address that has too many gives up its own, and leaves those of others alone.
#[test]
fn address_with_many_silent_clients_gives_up_its_own() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nconnecting_per_address = 5\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let from = |address: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
            socket.connect(endpoint.address).await.unwrap().into_std().unwrap()
        });
        socket.set_nonblocking(false).unwrap();
        socket
    };
    let mut other = from("127.0.0.2");
    let mut many: Vec<TcpStream> = (0..5).map(|_| connect(&endpoint)).collect();
    // Nobody has to go before a packet had time to come.
    std::thread::sleep(Duration::from_millis(300));
    many.push(connect(&endpoint));
    wait_for("the oldest goes", || is_closed(&mut many[0]));
    assert!(!is_closed(&mut other) && !is_closed(&mut many[5]));
}

#[test]
fn silent_client_has_a_time_of_its_own() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nconnecting_timeout = 1\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = Wire::open(&endpoint);
    assert_eq!(sqlstate(&wire.until_ready()), "08P01");
    // A login may take longer than that.
    let scram = Endpoint { user: "scram-sha-256".into(), ..endpoint.clone() };
    let mut wire = Wire::open(&scram);
    wire.startup(&scram, &[]);
    wire.until(b'R');
    assert!(!wire.has_reply_within(Duration::from_millis(1500)));
}

#[test]
fn drain_does_not_wait_for_silent_clients() {
    let proxy = Proxy::start("", &[]);
    let endpoint = Endpoint { address: proxy.address(), user: "u".into(), database: "d".into() };
    let mut silent = connect(&endpoint);
    assert!(!is_closed(&mut silent));
    proxy.signal("TERM");
    wait_for("it ends", || proxy.log().contains("stopped; every session had ended"));
    assert!(is_closed(&mut silent));
}

/// A client may cancel as often as it likes, but the target hears of a few at a time.
#[test]
fn requests_to_cancel_are_bounded() {
    const MOST: usize = 64;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&open), Arc::clone(&most));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, open) = (client.unwrap(), Arc::clone(&counted));
            highest.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::spawn(move || {
                client.read_exact(&mut [0; 16]).unwrap();
                std::thread::sleep(Duration::from_millis(200));
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let proxy = Proxy::start_to(&format!("postgres://{address}?sslmode=disable"), "");
    let packet = Body::default().int32(16).int32(80_877_102).int32(1).int32(2).0;
    let clients: Vec<TcpStream> = (0..3 * MOST)
        .map(|_| {
            let mut client = TcpStream::connect(proxy.address()).unwrap();
            client.write_all(&packet).unwrap();
            client
        })
        .collect();
    for mut client in clients {
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        // The proxy closes when it has delivered it.
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(most.load(Ordering::SeqCst), MOST);
    // One with a key that is none is not delivered.
    let long = Body::default().int32(1000).int32(80_877_102).bytes(vec![0; 992]).0;
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    client.write_all(&long).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert!(said.windows(6).any(|bytes| bytes == b"C08P01"), "{}", said.escape_ascii());
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

/// Names as long as can be, of users and databases that are not there: no memory and few lines.
#[test]
fn failed_logins_leave_nothing() {
    const LOGINS: usize = 400;
    let proxy = Proxy::start("", &[]);
    let attempt = |number: usize, filler: &[u8]| {
        let name = [format!("{number:08}").into_bytes(), filler.repeat(9900 / filler.len())];
        let body = Body::default().int32(196_608).string("user").string("no such user");
        let body = body.string("database").bytes(name.concat()).bytes([0, 0]).0;
        let packet = Body::default().int32(i32::try_from(body.len() + 4).unwrap()).bytes(body).0;
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        client.write_all(&packet).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        assert!(said.windows(6).any(|bytes| bytes == b"C28000"), "{}", said.escape_ascii());
    };
    (0..50).for_each(|number| attempt(number, b"\xff"));
    let (before, logged) = (memory_kib(&proxy, "VmRSS"), proxy.log().len());
    (0..LOGINS).for_each(|number| attempt(number, if number % 2 == 0 { b"d" } else { b"\xff" }));
    let grown = memory_kib(&proxy, "VmRSS").saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB");
    let lines = "login refused by the target";
    wait_for("one is logged", || proxy.log().contains(lines));
    // A line of a user and address in ten seconds.
    assert!(proxy.log().matches(lines).count() < LOGINS / 2, "{}", proxy.log().len());
    let log = proxy.log();
    assert!(log.contains("sqlstate=28000"), "{log}");
    assert!((log.len() - logged) / LOGINS < 400, "{} bytes a login", (log.len() - logged) / LOGINS);
}

#[test]
fn long_names_of_a_session_are_cut_in_its_line() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let name = "n".repeat(5000);
    let (mut wire, _) =
        Wire::log_in(&proxy.endpoint(database.endpoint()), &[("application_name", &name)]);
    assert!(say(&mut wire, "SELECT 'here'").contains("here"));
    wire.terminate();
    wait_for("its line is there", || proxy.log().contains("session ended"));
    let log = proxy.log();
    let line = log.lines().find(|line| line.contains("session ended")).unwrap();
    assert!(line.contains(&"n".repeat(64)) && line.len() < 1000, "{line}");
}
