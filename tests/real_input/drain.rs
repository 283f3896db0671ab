//! The proxy is told to stop while a session runs: it takes no more clients, lets the session end,
//! and has counted what the session did.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::DEADLINE;
use crate::support::{Cluster, Frame, Proxy, Wire, transcript};

const DEFINITION: &str =
    "CREATE TABLE t (a STRING(20), b UINT8, c WSTRING(30), d BYTES, e TIMESTAMP)";
const COPY: &str = "COPY t (a, b) FROM STDIN";
const ROWS: usize = 1000;

/// The bytes of a message with a body of this length.
fn frame_bytes(body: usize) -> usize {
    1 + 4 + body
}

/// The bytes of a Query message with this text.
fn query_bytes(sql: &str) -> usize {
    frame_bytes(sql.len() + 1)
}

/// The first logged event with this message.
fn logged(proxy: &Proxy, message: &str) -> Option<Value> {
    let events = proxy.log();
    let mut events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.find(|event| event["message"].as_str().is_some_and(|said| said.contains(message)))
}

/// Waits for an event, since the log is written by another process.
fn wait_for_log(proxy: &Proxy, message: &str) -> Value {
    let began = Instant::now();
    loop {
        if let Some(event) = logged(proxy, message) {
            return event;
        }
        assert!(began.elapsed() < DEADLINE, "no {message:?} in\n{}", proxy.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn running_session_ends_in_order_and_is_counted() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[log]\nformat = \"json\"\n[values]\nledger = \"off\"\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let (mut wire, greeting) = Wire::log_in(&endpoint, &[("application_name", "loader")]);
    let received =
        |frames: &[Frame]| frames.iter().map(|frame| frame_bytes(frame.body.len())).sum::<usize>();
    let mut target_bytes = received(&greeting);
    let row = b"one\0two\t7\n";
    wire.query(DEFINITION);
    target_bytes += received(&wire.until_ready());
    wire.query(COPY);
    target_bytes += received(&wire.until(b'G'));
    for _ in 0..ROWS / 2 {
        wire.copy_data(row);
    }

    proxy.signal("TERM");
    wait_for_log(&proxy, "no more clients are taken");
    assert!(TcpStream::connect(proxy.address()).is_err(), "a client was taken after SIGTERM");
    for _ in 0..ROWS / 2 {
        wire.copy_data(row);
    }
    wire.copy_done();
    let frames = wire.until_ready();
    target_bytes += received(&frames);
    assert_eq!(transcript(&frames), "CommandComplete COPY 1000\nReadyForQuery I\n");
    let reading = "COPY t TO STDOUT; SELECT * FROM t LIMIT 10";
    wire.query(reading);
    let frames = wire.until_ready();
    target_bytes += received(&frames);
    assert_eq!(frames.iter().filter(|frame| frame.tag == b'd').count(), ROWS);
    let failing = "UPDATE t SET b = b + 1; SELECT 1/0";
    wire.query(failing);
    let frames = wire.until_ready();
    target_bytes += received(&frames);
    assert!(transcript(&frames).starts_with("CommandComplete UPDATE 1000\n"));
    assert!(logged(&proxy, "session ended").is_none());
    wire.terminate();

    let session = wait_for_log(&proxy, "session ended");
    wait_for_log(&proxy, "every session had ended");
    assert_eq!(proxy.stop(), Some(0));
    assert_eq!(database.query("SELECT count(*) FROM t WHERE a = 'one two'"), [["1000"]]);

    let client_bytes = query_bytes(DEFINITION)
        + query_bytes(COPY)
        + ROWS * frame_bytes(row.len())
        + frame_bytes(0)
        + query_bytes(reading)
        + query_bytes(failing)
        + frame_bytes(0);
    assert_eq!(session["bytes_received"], client_bytes);
    // The answers to the proxy's own statements come on top.
    let from_target = session["bytes_sent"].as_u64().unwrap();
    let target_bytes = u64::try_from(target_bytes).unwrap();
    assert!((target_bytes..target_bytes + 1000).contains(&from_target), "{from_target}");
    assert_eq!(session["application"], "loader");
    assert_eq!(session["user"], endpoint.user.as_str());
    assert_eq!(session["database"], endpoint.database.as_str());
    assert_eq!(session["end"], "client_closed");
    assert_eq!(session["statements"], 4);
    assert_eq!(session["rows"], 2000);
    assert_eq!(session["errors"], json!({ "22012": 1 }));
    let rewrites = json!({
        "bytes": 1, "string-1-21845": 1, "uint8": 1, "wstring-1-21845": 1, "nul": ROWS
    });
    assert_eq!(session["rewrites"], rewrites);
}
