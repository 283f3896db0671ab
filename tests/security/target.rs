//! Targets that are not to be trusted, and clients that leave work behind.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::protocol::{field, log_in, say};
use crate::support::{Wire, transcript};

/// How long something may take that takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to a question of no rows.
const NO_ROWS: &[u8] = b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I";

/// What a target does with a Query whose body holds this text. Gives whether it goes on.
type Answers = fn(&mut TcpStream, &[u8]) -> bool;

/// What the clients of a target have asked.
#[derive(Default)]
struct Asked {
    queries: AtomicUsize,
    closed: AtomicUsize,
}

fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let length = usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]])).unwrap();
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).ok()?;
    Some((head[0], body))
}

fn serve(mut stream: TcpStream, asked: &Asked, answers: Answers) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let rest = usize::try_from(u32::from_be_bytes(length)).unwrap() - 4;
    stream.read_exact(&mut vec![0; rest]).unwrap();
    stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
    while let Some((tag, body)) = read_frame(&mut stream) {
        if tag != b'Q' {
            continue;
        }
        asked.queries.fetch_add(1, Ordering::Relaxed);
        if !answers(&mut stream, &body) {
            break;
        }
    }
    asked.closed.fetch_add(1, Ordering::Relaxed);
    // The proxy may have closed first.
    let _ = stream.shutdown(Shutdown::Both);
}

/// A target that trusts everybody.
fn target(answers: Answers) -> (SocketAddr, Arc<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Asked::default());
    let noted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let asked = Arc::clone(&noted);
            thread::spawn(move || serve(stream, &asked, answers));
        }
    });
    (address, asked)
}

fn before(target: SocketAddr) -> (Proxy, Endpoint) {
    let proxy = Proxy::start_to(&format!("postgres://{target}?sslmode=disable"), "");
    let endpoint = Endpoint { address: proxy.address(), user: "u".into(), database: "d".into() };
    (proxy, endpoint)
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn answers_nothing(stream: &mut TcpStream, _: &[u8]) -> bool {
    stream.write_all(NO_ROWS).is_ok()
}

/// All relations of a text are asked about at once, and then the text goes.
#[test]
fn a_text_on_many_relations_asks_once() {
    let (address, asked) = target(answers_nothing);
    let (_proxy, endpoint) = before(address);
    let mut wire = log_in(&endpoint);
    let login = asked.queries.load(Ordering::Relaxed);
    let text: String = (0..9000).map(|n| format!("INSERT INTO t{n} VALUES (1, 0);")).collect();
    wire.query(text);
    assert_eq!(wire.until_ready().len(), 2);
    assert_eq!(asked.queries.load(Ordering::Relaxed) - login, 2);
}

/// A question that is not answered: the client's end ends the session, although a text waits.
#[test]
fn the_end_of_a_client_ends_its_question() {
    fn silent(stream: &mut TcpStream, body: &[u8]) -> bool {
        let about_relations = body.windows(12).any(|window| window == b"pg_attribute");
        about_relations || stream.write_all(NO_ROWS).is_ok()
    }
    let (address, asked) = target(silent);
    let (_proxy, endpoint) = before(address);
    let mut wire = log_in(&endpoint);
    let login = asked.queries.load(Ordering::Relaxed);
    // More than the proxy reads from a client that waits.
    let text: String = (0..9000).map(|n| format!("INSERT INTO t{n} VALUES (1, 0);")).collect();
    wire.query(text);
    wait_until("a question", || asked.queries.load(Ordering::Relaxed) > login);
    drop(wire);
    wait_until("the end of the target's session", || asked.closed.load(Ordering::Relaxed) == 1);
    assert_eq!(asked.queries.load(Ordering::Relaxed) - login, 1);
}

/// Rows without an end in answer to a question end the session, and little of them is kept.
#[test]
fn rows_without_an_end_end_the_session() {
    fn endless(stream: &mut TcpStream, _: &[u8]) -> bool {
        // Of NULLs, which take more in memory than on the wire; and one that is long.
        let null = [&b"D\0\0\x01\x96\0\x64"[..], &[0xFF; 400]].concat();
        let rows = null.repeat(200);
        while stream.write_all(&rows).is_ok() {}
        false
    }
    fn endless_and_long(stream: &mut TcpStream, _: &[u8]) -> bool {
        let value = vec![b'x'; 2_000_000];
        let length = u32::try_from(value.len()).unwrap();
        let row = [
            &b"D"[..],
            &(length + 10).to_be_bytes(),
            &1_u16.to_be_bytes(),
            &length.to_be_bytes(),
            &value,
        ]
        .concat();
        while stream.write_all(&row).is_ok() {}
        false
    }
    for answers in [endless as Answers, endless_and_long] {
        let (address, asked) = target(answers);
        let (proxy, endpoint) = before(address);
        let (mut wire, said) = Wire::log_in(&endpoint, &[]);
        assert_eq!(field(&said, b'E', b'C').as_deref(), Some("08P01"), "{}", transcript(&said));
        assert!(said.iter().all(|frame| frame.tag != b'D'), "{}", transcript(&said));
        assert!(wire.read_to_end().is_empty());
        wait_until("the end", || asked.closed.load(Ordering::Relaxed) == 1);
        let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let most: usize = most.split_whitespace().next().unwrap().parse().unwrap();
        assert!(most < 256 * 1024, "{most} kB");
    }
}

/// A setting that is longer than a frame that is held: the question's answer does not reach the client.
#[test]
fn a_long_setting_does_not_reach_the_client() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[fk]\nmode = \"off\"\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for length in [100_000, 2_000_000] {
        let sql = format!("SELECT length(set_config('dms.phase', repeat('x', {length}), false))");
        let said = say(&mut wire, &sql);
        assert_eq!(said.matches("DataRow").count(), 1, "{said}");
        assert!(said.contains(&format!("DataRow {length}\n")) && said.len() < 1000, "{said}");
        let said = say(&mut wire, "SELECT 'next'");
        assert!(said.contains("DataRow next\n") && said.len() < 1000, "{said}");
    }
    // The next setting counts.
    let said = say(&mut wire, "SET dms.phase = 'cdc'");
    assert!(!said.contains("invalid value"), "{said}");
}
