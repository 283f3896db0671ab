//! A log that nobody reads, or that a full disk refuses, neither ends the proxy nor holds it up.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{log_in, say, wait_for};
use crate::support::{Cluster, Database, Endpoint, Proxy, Wire, command};

/// A proxy whose stderr is the test's own affair.
struct Bare {
    child: Child,
    endpoint: Endpoint,
}

impl Bare {
    fn start(database: &Database, stderr: impl Into<Stdio>, level: &str) -> Self {
        let target = Cluster::shared().embedded().tcp_address().unwrap();
        // Nobody can be told which port was taken.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = std::env::temp_dir().join(format!("dms-proxy-log-{}.toml", port.port()));
        std::fs::write(&config, format!("[log]\nlevel = \"{level}\"\n")).unwrap();
        let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
        program.args(["serve", "--listen", &port.to_string()]);
        program.args(["--target", &format!("postgres://{target}")]);
        program.arg("--config").arg(&config);
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = program.spawn().unwrap();
        wait_for("it listens", || std::net::TcpStream::connect(port).is_ok());
        std::fs::remove_file(config).unwrap();
        let endpoint = Endpoint { address: port, ..database.endpoint().clone() };
        Self { child, endpoint }
    }

    /// Sessions, one of them refused by the target, one cut by the proxy.
    fn work(&mut self, sessions: usize) {
        for _ in 0..sessions {
            let mut wire = log_in(&self.endpoint);
            assert!(say(&mut wire, "SELECT 'served'").contains("served"));
            wire.terminate();
            assert!(wire.read_to_end().is_empty());
            let mut wire = log_in(&self.endpoint);
            wire.send_raw(b"Q\0\0\0\0");
            wire.read_to_end();
        }
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
    }

    /// SIGTERM while a session runs; gives the exit status.
    fn stop(mut self) -> Option<i32> {
        let session = log_in(&self.endpoint);
        self.signal("TERM");
        wait_for("no client is taken", || {
            std::net::TcpStream::connect(self.endpoint.address).is_err()
        });
        drop(session);
        let mut status = None;
        wait_for("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    fn signal(&self, name: &str) {
        super::signal(name, &[self.child.id()]);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It has ended already where the test has gone well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn closed_pipe() {
    let database = Cluster::shared().create_database();
    let mut proxy = Bare::start(&database, Stdio::piped(), "debug");
    drop(proxy.child.stderr.take());
    proxy.work(5);
    proxy.signal("HUP");
    proxy.work(1);
    assert_eq!(proxy.stop(), Some(0));
}

#[test]
fn full_disk() {
    let database = Cluster::shared().create_database();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut proxy = Bare::start(&database, full, "debug");
    proxy.work(5);
    assert_eq!(proxy.stop(), Some(0));
}

#[test]
fn reader_that_stands_still() {
    let database = Cluster::shared().create_database();
    // A pipe takes 64 KiB; this is more.
    let mut proxy = Bare::start(&database, Stdio::piped(), "trace");
    proxy.work(150);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(log_in(&proxy.endpoint));
    }
    drop(waiting);
    let stderr = proxy.child.stderr.take().unwrap();
    assert_eq!(proxy.stop(), Some(0));
    let lines = BufReader::new(stderr).lines().count();
    assert!(lines > 100, "only {lines} lines, so the pipe was not full");
}

#[test]
fn reader_that_comes_back_misses_nothing_that_waited() {
    let database = Cluster::shared().create_database();
    let mut proxy = Bare::start(&database, Stdio::piped(), "info");
    proxy.work(300);
    let stderr = proxy.child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        lines.filter(|line| line.contains("session ended ")).count()
    });
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(proxy.stop(), Some(0));
    // Two a round, and the one that was open at the end.
    wait_for("the log is read", || reader.is_finished());
    assert_eq!(reader.join().unwrap(), 601);
}

/// The lines of one session name it and the target's process, in both formats.
#[test]
fn lines_of_a_session_can_be_joined() {
    let database = Cluster::shared().create_database();
    database.query("CREATE ROLE log_loader LOGIN");
    for (format, field) in
        [("text", [" session=", " target_pid="]), ("json", ["\"session\":", "\"target_pid\":"])]
    {
        let proxy = Proxy::start(&format!("[log]\nformat = \"{format}\"\n"), &[]);
        let endpoint =
            Endpoint { user: "log_loader".into(), ..proxy.endpoint(database.endpoint()) };
        // The role may not be set, which is a line of its own.
        let mut wires = [log_in(&endpoint), log_in(&endpoint)];
        let pids = wires.each_mut().map(|wire| {
            let said = say(wire, "SELECT pg_backend_pid()");
            let row = said.lines().find_map(|line| line.strip_prefix("DataRow "));
            row.unwrap().to_owned()
        });
        for wire in &mut wires {
            wire.terminate();
        }
        wait_for("both are there", || proxy.log().matches("session ended").count() == 2);
        let log = proxy.log();
        let value = |line: &str, field: &str| {
            let (_, rest) = line.split_once(field).unwrap_or_else(|| panic!("{field}: {line}"));
            rest.chars().take_while(char::is_ascii_digit).collect::<String>()
        };
        let lines = |what: &str| -> Vec<(String, String)> {
            let lines = log.lines().filter(|line| line.contains(what));
            let mut found: Vec<_> =
                lines.map(|line| (value(line, field[0]), value(line, field[1]))).collect();
            found.sort();
            found
        };
        let mut expected = [("1".to_owned(), pids[0].clone()), ("2".to_owned(), pids[1].clone())];
        expected.sort();
        assert_eq!(lines("session ended"), expected, "{log}");
        // Of a role once in a while.
        let [line] = &lines("session_replication_role")[..] else { panic!("{log}") };
        assert!(expected.contains(line), "{log}");
        let start = log.lines().find(|line| line.contains("listening on")).unwrap();
        assert!(!start.contains(field[0]), "{start}");
        // A login that fails has the number alone.
        let nobody = Endpoint { user: "nobody at all".into(), ..endpoint.clone() };
        drop(Wire::log_in(&nobody, &[]));
        wait_for("it is logged", || proxy.log().contains("login refused by the target"));
        let log = proxy.log();
        let line = log.lines().find(|line| line.contains("login refused by the target")).unwrap();
        assert_eq!(value(line, field[0]), "3", "{line}");
        if format == "json" {
            for line in log.lines().filter(|line| line.starts_with('{')) {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
        }
    }
    database.query("DROP ROLE log_loader");
}
