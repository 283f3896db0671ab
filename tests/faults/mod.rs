//! Nothing that goes wrong around the proxy brings it down: targets that stop, clients that misbehave,
//! a log that nobody reads. After each fault new sessions work at once.

mod arguments;
mod balancer;
mod clients;
mod connecting;
mod disconnects;
mod exposure;
mod leaving;
mod limits;
mod log;
mod numbered_rows;
#[cfg(client = "pgbouncer")]
mod pooler;
mod reload;
mod secrets;
mod set_aside;
mod target;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use crate::support::{Endpoint, Frame, Proxy, Wire, query, transcript};

/// How long something may take that takes milliseconds on an idle machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server of one test, which may be stopped and started again with the same data on the same
/// port.
struct Server {
    data: PathBuf,
    options: EmbeddedOptions,
    embedded: Option<Embedded>,
    port: u16,
}

impl Server {
    fn start(settings: &[(&str, &str)]) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let data = format!("dms-proxy-test-data-{}-{serial}", std::process::id());
        let data = std::env::temp_dir().join(data);
        // What was acknowledged has to be there after a crash of the server.
        let settings = settings.iter().chain(&[("synchronous_commit", "on")]);
        let options = EmbeddedOptions {
            data_dir: Some(data.clone()),
            listen_tcp: Some(0),
            settings: settings.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            ..EmbeddedOptions::default()
        };
        let embedded = Embedded::start(&options).unwrap();
        let port = embedded.port();
        Self { data, options, embedded: Some(embedded), port }
    }

    fn embedded(&self) -> &Embedded {
        self.embedded.as_ref().expect("the server runs")
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: ([127, 0, 0, 1], self.port).into(),
            user: "postgres".into(),
            database: "postgres".into(),
        }
    }

    /// A proxy in front of it.
    fn proxy(&self, config: &str) -> Proxy {
        Proxy::start_before(self.endpoint().address, config, &[])
    }

    /// Past any proxy.
    fn query(&self, sql: &str) -> Vec<Vec<String>> {
        query(self.embedded(), "postgres", sql)
    }

    fn postmaster(&self) -> u32 {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// `TERM` is a smart stop, `INT` a fast and `QUIT` an immediate one; see [`Server::kill`].
    fn signal(&self, name: &str) {
        signal(name, &[self.postmaster()]);
    }

    /// Sends a signal and waits for the end.
    fn stop(&mut self, name: &str) {
        self.signal(name);
        self.embedded = None;
    }

    /// Kills every process of it without a word.
    fn kill(&mut self) {
        let postmaster = self.postmaster();
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = std::fs::read_to_string(children).unwrap();
        // The postmaster first, or it would start the others again.
        let pids = [postmaster]
            .into_iter()
            .chain(children.split_whitespace().map(|pid| pid.parse().unwrap()));
        signal("KILL", &pids.collect::<Vec<_>>());
        self.embedded = None;
    }

    fn start_again(&mut self) {
        let options = EmbeddedOptions { listen_tcp: Some(self.port), ..self.options.clone() };
        self.embedded = Some(Embedded::start(&options).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.embedded = None;
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(ToString::to_string);
    // One of them may be gone already.
    Command::new("kill").args(["-s", name]).args(pids).output().unwrap();
}

/// A session that is ready.
fn log_in(endpoint: &Endpoint) -> Wire {
    let (wire, said) = Wire::log_in(endpoint, &[]);
    assert_eq!(said.last().map(|frame| frame.tag), Some(b'Z'), "{said:?}");
    wire
}

fn say(wire: &mut Wire, sql: &str) -> String {
    transcript(&wire.query(sql).until_ready())
}

/// A field of the first ErrorResponse or NoticeResponse.
fn error_field(frames: &[Frame], code: u8) -> String {
    let error = frames.iter().find(|frame| matches!(frame.tag, b'E' | b'N'));
    let error = error.unwrap_or_else(|| panic!("no error: {frames:?}"));
    let mut fields = error.body.split(|byte| *byte == 0);
    let field = fields.find(|field| field.first() == Some(&code)).unwrap_or(b" ");
    String::from_utf8(field[1..].to_vec()).unwrap()
}

fn sqlstate(frames: &[Frame]) -> String {
    error_field(frames, b'C')
}

/// A new session works, and within a second.
fn assert_serves(proxy: &Proxy, server: &Endpoint) {
    let began = Instant::now();
    let mut wire = log_in(&proxy.endpoint(server));
    assert!(say(&mut wire, "SELECT 'alive'").contains("alive"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!proxy.log().contains("panicked"), "{}", proxy.log());
}

/// Waits until a condition holds; gives how long it took.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

/// A value in KiB from `/proc/PID/status`: `VmHWM` is the most that was ever resident.
fn memory_kib(proxy: &Proxy, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Descriptors that the proxy holds.
fn descriptors(proxy: &Proxy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", proxy.pid())).unwrap().count()
}
