//! Clients that stop reading, send a byte at a time, come by the thousand, or say half of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Server, assert_serves, log_in, memory_kib, say, sqlstate, wait_for};
use crate::support::{Body, Cluster, Endpoint, Frame, Proxy, Wire};

/// What a client that misbehaves may cost the proxy, in KiB: some buffers and what the allocator
/// keeps.
const GROWTH_MAX_KIB: u64 = 8 * 1024;

fn startup_packet(endpoint: &Endpoint) -> Vec<u8> {
    let body = Body::default().int32(196_608).string("user").string(&endpoint.user);
    let body = body.string("database").string(&endpoint.database).bytes([0]).0;
    Body::default().int32(i32::try_from(body.len() + 4).unwrap()).bytes(body).0
}

fn query_frame(sql: &str) -> Vec<u8> {
    let length = i32::try_from(sql.len() + 5).unwrap();
    Body::default().bytes("Q").int32(length).string(sql).0
}

/// The target waits until the client reads, and the proxy holds no more than a buffer of it.
#[test]
fn clients_that_stop_reading_cost_a_buffer() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    assert_serves(&proxy, database.endpoint());
    let before = memory_kib(&proxy, "VmHWM");
    let results = [
        "SELECT repeat('x', 1000) FROM generate_series(1, 300000)",
        "SELECT repeat('x', 300000000)",
        "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 300000)) TO STDOUT",
    ];
    let mut wires: Vec<Wire> = results.iter().map(|_| log_in(&endpoint)).collect();
    for (wire, sql) in wires.iter_mut().zip(results) {
        wire.query(sql);
    }
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND datname = '{}'",
        database.endpoint().database
    );
    wait_for("they all wait", || Cluster::shared().query("postgres", &waits) == [["3"]]);
    assert_serves(&proxy, database.endpoint());
    // Half of it is read later, and all of that has come.
    let frames = wires[0].until(b'D').len() + wires[0].until_ready().len();
    assert_eq!(frames, 300_000 + 3);
    wires.truncate(2);
    assert_eq!(wires[1].until_ready()[1].body.len(), 300_000_000 + 6);
    let grown = memory_kib(&proxy, "VmHWM") - before;
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB");
}

/// The client waits until the target reads.
#[test]
fn rows_for_a_target_that_does_not_read_cost_a_buffer() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.a = ''first'' THEN PERFORM pg_sleep(2); END IF; RETURN NEW; END'";
    say(&mut wire, "CREATE TABLE t (a text)");
    say(&mut wire, slow);
    let trigger = "CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()";
    say(&mut wire, &format!("{trigger}; ALTER TABLE t ENABLE ALWAYS TRIGGER s"));
    let before = memory_kib(&proxy, "VmHWM");
    wire.query("COPY t FROM STDIN");
    wire.until(b'G');
    wire.copy_data("first\n");
    let row = [b"x".repeat(99_999), b"\n".to_vec()].concat();
    for _ in 0..500 {
        wire.copy_data(&row);
    }
    wire.copy_done();
    assert_eq!(crate::support::transcript(&wire.until_ready()[..1]), "CommandComplete COPY 501\n");
    let grown = memory_kib(&proxy, "VmHWM") - before;
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB");
}

#[test]
fn drip_by_drip_is_served_in_a_session_and_ended_before_it() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nstartup_timeout = 2\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    for byte in query_frame("CREATE TABLE t (a UINT4, b STRING(5)); SELECT 'slowly'") {
        wire.send_raw(&[byte]);
        std::thread::sleep(Duration::from_millis(45));
    }
    let said = crate::support::transcript(&wire.until_ready());
    assert!(said.contains("slowly"), "{said}");
    let began = Instant::now();
    let mut drip = Wire::open(&endpoint);
    for byte in startup_packet(&endpoint).into_iter().take(20) {
        drip.send_raw(&[byte]);
        if drip.has_reply_within(Duration::from_millis(150)) {
            break;
        }
    }
    assert_eq!(sqlstate(&drip.until_ready()), "08P01");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_serves(&proxy, database.endpoint());
}

/// Many more clients than there is room for, all at once: each is told so, and the target hears
/// nothing of them.
#[test]
fn flood_of_clients_never_reaches_the_target() {
    const ROOM: usize = 8;
    const FLOOD: usize = 1200;
    let allowed = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed }).unwrap();
    let server = Server::start(&[("log_connections", "on")]);
    let proxy = server.proxy(&format!("[limits]\nclients = {ROOM}\n"));
    let endpoint = proxy.endpoint(&server.endpoint());
    let mut sessions: Vec<Wire> = (0..ROOM).map(|_| log_in(&endpoint)).collect();
    let packet = startup_packet(&endpoint);
    let mut flood: Vec<TcpStream> = (0..FLOOD)
        .map(|_| {
            let mut client = TcpStream::connect(endpoint.address).unwrap();
            client.write_all(&packet).unwrap();
            client
        })
        .collect();
    for client in &mut flood {
        client.set_read_timeout(Some(super::DEADLINE)).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        let body = said[5..].to_vec();
        assert_eq!(sqlstate(&[Frame { tag: said[0], body }]), "53300");
    }
    for wire in &mut sessions {
        assert!(say(wire, "SELECT 'still here'").contains("still here"));
    }
    drop(flood);
    sessions.truncate(1);
    wait_for("room", || {
        let (_, said) = Wire::log_in(&endpoint, &[]);
        said.last().is_some_and(|frame| frame.tag == b'Z')
    });
    let log = std::fs::read_to_string(server.embedded().log_path()).unwrap();
    let connections = log.matches("connection received: host=127.0.0.1").count();
    // Those of the wait for room are refused as well until there is some.
    assert_eq!(connections, ROOM + 1);
}

/// What was sent before is still done and answered, as by the server.
#[test]
fn half_closed_client_gets_its_answers() {
    let database = Cluster::shared().create_database();
    let direct = database.endpoint();
    let ask = |endpoint: &Endpoint| {
        let mut client = TcpStream::connect(endpoint.address).unwrap();
        client.set_read_timeout(Some(super::DEADLINE)).unwrap();
        client.write_all(&startup_packet(endpoint)).unwrap();
        client.write_all(&query_frame("SELECT 'eins' FROM pg_sleep(0.2)")).unwrap();
        client.write_all(&query_frame("SELECT 'two'")).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        let answer = said.windows(4).position(|bytes| bytes == b"eins").unwrap_or_default();
        said[answer..].to_vec()
    };
    let through = ask(&Proxy::shared().endpoint(direct));
    assert!(!through.is_empty());
    assert_eq!(ask(direct), through);
}

/// Garbage of many lengths, at the beginning and in a session, leaves nothing open.
#[test]
fn garbage_is_answered_and_forgotten() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[limits]\nstartup_timeout = 1\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    assert_serves(&proxy, database.endpoint());
    let mut state = 0x9E37_79B9_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut garbage =
        |length: usize| -> Vec<u8> { (0..length).map(|_| random().to_be_bytes()[0]).collect() };
    for round in 0..150 {
        let bytes = garbage(round * 7 % 600 + 1);
        let mut client = TcpStream::connect(endpoint.address).unwrap();
        // It may be cut while it still writes.
        let _ = client.write_all(&bytes);
        let mut wire = log_in(&endpoint);
        match round % 3 {
            0 => {}
            1 => drop(say(&mut wire, "BEGIN; CREATE TEMPORARY TABLE t (a text)")),
            _ => {
                wire.query("CREATE TEMPORARY TABLE t (a text); COPY t FROM STDIN");
                wire.until(b'G');
            }
        }
        wire.send_raw(&bytes);
    }
    assert_serves(&proxy, database.endpoint());
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid()";
    wait_for("no session is left", || database.query(sessions) == [["0"]]);
}
