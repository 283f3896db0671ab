//! The proxy under test, as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use super::program::command;
use super::{Cluster, Endpoint};

/// How long the proxy may take to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Ends the program when the pipe closes and removes its directory, so that neither survives the
/// tests, however they end.
const SUPERVISOR: &str = r#"
directory=$1
shift
exec 3<&0 </dev/null
/bin/sh -c 'echo "pid $$" >&2; exec "$@"' sh "$@" 3<&- &
program=$!
exec 2>/dev/null
{ read -r _ <&3; kill -s TERM "$program"; } &
watcher=$!
wait "$program"
status=$?
kill -s KILL "$watcher"
rm -rf "$directory"
exit "$status"
"#;

/// A running proxy in a directory of its own. Dropping it sends SIGTERM and waits.
pub struct Proxy {
    supervisor: Child,
    address: SocketAddr,
    pid: u32,
    log: Arc<Mutex<String>>,
}

impl Proxy {
    /// The proxy with the default settings that all tests share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Proxy> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("", &[]))
    }

    /// The proxy that all tests share in which the replica role is in force for whole sessions.
    pub fn with_whole_role() -> &'static Self {
        static SHARED: OnceLock<Proxy> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("[fk]\nmode = \"replica-role\"\n", &[]))
    }

    /// Starts `dms-proxy serve` on a free port in front of the shared server, with this text as
    /// its `proxy.toml` and these arguments.
    pub fn start(config: &str, arguments: &[&str]) -> Self {
        let target = Cluster::shared().embedded().tcp_address().unwrap();
        Self::start_before(target, config, arguments)
    }

    /// The same in front of whatever listens on this address.
    pub fn start_before(target: SocketAddr, config: &str, arguments: &[&str]) -> Self {
        let target = format!("postgres://{target}");
        let mut all = vec![env!("CARGO_BIN_EXE_dms-proxy"), "serve"];
        all.extend(["--listen", "127.0.0.1:0", "--target", &target]);
        all.extend(arguments);
        Self::start_program(config, &all).unwrap_or_else(|log| panic!("no proxy:\n{log}"))
    }

    /// Starts `dms-proxy serve` on a free port in front of another target.
    pub fn start_to(target: &str, config: &str) -> Self {
        let program = [
            env!("CARGO_BIN_EXE_dms-proxy"),
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--target",
            target,
        ];
        Self::start_program(config, &program).unwrap_or_else(|log| panic!("no proxy:\n{log}"))
    }

    /// Starts any program that says `listening on ADDRESS`; the error is what it said instead.
    pub fn start_program(config: &str, program: &[&str]) -> Result<Self, String> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("dms-proxy-test-{}-{serial}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        if !config.is_empty() {
            std::fs::write(directory.join("proxy.toml"), config).unwrap();
        }
        let mut supervisor = command("/bin/sh");
        supervisor
            .args(["-c", SUPERVISOR, "sh"])
            .arg(&directory)
            .args(program)
            .current_dir(&directory);
        supervisor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = supervisor.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let started = read_log(supervisor.stderr.take().unwrap(), Arc::clone(&log));
        let mut proxy =
            Self { supervisor, address: SocketAddr::from(([127, 0, 0, 1], 0)), pid: 0, log };
        let (pid, address) = started.recv_timeout(START_TIMEOUT).map_err(|_| proxy.log())?;
        proxy.pid = pid;
        proxy.address = address;
        Ok(proxy)
    }

    /// The same database through the proxy.
    pub fn endpoint(&self, direct: &Endpoint) -> Endpoint {
        Endpoint { address: self.address, ..direct.clone() }
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process of the proxy.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal by its name, `HUP` for one.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.pid.to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it ends by itself, and gives the exit status.
    pub fn ended(mut self) -> Option<i32> {
        // Its end would be a SIGTERM.
        let _stdin = self.supervisor.stdin.take();
        self.supervisor.wait().unwrap().code()
    }

    /// Sends SIGTERM, waits, and gives the exit status.
    pub fn stop(mut self) -> Option<i32> {
        drop(self.supervisor.stdin.take());
        self.supervisor.wait().unwrap().code()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        self.supervisor.wait().unwrap();
    }
}

/// Collects the log, and says when it names the address. The channel closes with the log.
fn read_log(stderr: ChildStderr, log: Arc<Mutex<String>>) -> mpsc::Receiver<(u32, SocketAddr)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut pid = 0;
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("pid ") {
                pid = number.parse().unwrap();
            }
            let address = listening_on(&line);
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
            if let Some(address) = address {
                // Only the first is waited for.
                let _ = sender.send((pid, address));
            }
        }
    });
    receiver
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f' | '.' | ':' | '[' | ']'));
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}
