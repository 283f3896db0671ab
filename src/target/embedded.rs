//! A private, throw-away PostgreSQL server for trying and testing: found on the machine, started
//! on a Unix socket, gone with the process that started it. Never for production.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use super::embedded_error::EmbeddedError;
use super::server_binaries::{BinariesSearch, ServerBinaries};
use super::server_directory::{ScratchDirectory, file_error, kept_directory};

/// The only role of a new cluster.
const SUPERUSER: &str = "postgres";

/// Port of a server that listens on its own Unix socket only, where nothing can collide.
const SOCKET_PORT: u16 = 5432;

/// How long initdb and the server may take before the start has failed; a loaded machine needs
/// some seconds.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two looks whether the server is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How often another free TCP port is tried when the chosen one was taken meanwhile.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// Bytes of the server's log that an error quotes.
const LOG_TAIL_BYTES: u64 = 2000;

/// Runs the server as a child of its own and holds the reading end of a pipe whose only writing
/// end is in the process that wants the server. The pipe closes however that process ends, and
/// then the server is stopped and its directory removed. The signal is repeated because a
/// background child of a shell ignores it until the server has set its own reaction.
const SUPERVISOR: &str = r#"
bin=$1 data=$2 scratch=$3 signal=$4
shift 4
trap '' HUP INT TERM
exec 3<&0 </dev/null
init() {
    "$bin/initdb" -N -E UTF8 --locale="$1" -U postgres -A trust -D "$data" 3<&-
}
if [ ! -e "$data/PG_VERSION" ]; then
    init C.UTF-8 || init C || { rm -rf "$scratch"; exit 1; }
fi
"$bin/postgres" -D "$data" "$@" 3<&- &
server=$!
{
    read -r _ <&3
    while kill -s "$signal" "$server"; do sleep 0.1; done
} 2>/dev/null &
watcher=$!
wait "$server"
status=$?
kill -s KILL "$watcher"
rm -rf "$scratch"
exit "$status"
"#;

/// What the embedded server shall be; the default is throw-away and reachable by socket only.
#[derive(Debug, Clone, Default)]
pub struct EmbeddedOptions {
    /// Where the data is kept after the server has stopped; made if missing. `None`: in the
    /// temporary directory, removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Listen on 127.0.0.1 as well, on this port; 0 takes a free one. Every user of the machine
    /// can then connect, without a password unless `pg_hba` says otherwise.
    pub listen_tcp: Option<u16>,
    /// Server settings, name and value; they beat the built-in ones.
    pub settings: Vec<(String, String)>,
    /// Lines for `pg_hba.conf`, before those that let everybody in: the first that matches wins.
    pub pg_hba: Vec<String>,
}

/// A running embedded server. Dropping it stops the server and, unless its data directory was
/// named, removes all it wrote; so does the end of the process, even by `kill -9`.
#[derive(Debug)]
pub struct Embedded {
    binaries: ServerBinaries,
    scratch: PathBuf,
    data_directory: PathBuf,
    port: u16,
    tcp: bool,
    log: File,
    supervisor: Child,
}

impl Embedded {
    /// Makes a cluster and starts its server; returns when it accepts connections, within a
    /// second on an idle machine. Blocks.
    ///
    /// # Errors
    /// See [`EmbeddedError`]; nothing is left behind.
    pub fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let mut attempt = 1;
        loop {
            match Self::start_once(options) {
                Err(EmbeddedError::Start { log_tail, .. })
                    if options.listen_tcp == Some(0)
                        && attempt < PORT_ATTEMPTS_MAX
                        && log_tail.contains("could not create any TCP/IP sockets") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let scratch = ScratchDirectory::create()?;
        let log = scratch.write("server.log", "")?;
        scratch.write("pg_hba.conf", &pg_hba(options))?;
        scratch.give()?;
        let binaries = BinariesSearch::of_machine(scratch.user.is_some()).find()?;
        let data_directory = match &options.data_dir {
            Some(named) => kept_directory(named, scratch.user)?,
            None => scratch.path.join("data"),
        };
        let port = match options.listen_tcp {
            None => SOCKET_PORT,
            Some(0) => free_port().map_err(file_error("find a free port on", "127.0.0.1"))?,
            Some(port) => port,
        };
        let stop_signal = if options.data_dir.is_some() { "INT" } else { "QUIT" };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "dms-proxy-embedded"])
            .args([&binaries.directory, &data_directory, &scratch.path])
            .arg(stop_signal)
            .args(server_arguments(options, &scratch.path, port))
            .current_dir("/")
            .env("LC_ALL", "C")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(file_error("open the log in", &scratch.path))?)
            .stderr(log.try_clone().map_err(file_error("open the log in", &scratch.path))?);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_libpq_variable(name)) {
            command.env_remove(name);
        }
        if let Some(user) = scratch.user {
            command.uid(user.uid).gid(user.gid);
        }
        let supervisor = command.spawn().map_err(file_error("run", "/bin/sh"))?;
        let mut embedded = Self {
            binaries,
            // From here on the supervisor removes it.
            scratch: scratch.keep(),
            data_directory,
            port,
            tcp: options.listen_tcp.is_some(),
            log,
            supervisor,
        };
        embedded.wait_until_ready()?;
        Ok(embedded)
    }

    fn wait_until_ready(&mut self) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + START_TIMEOUT;
        let reason = loop {
            if accepts_connections(&self.socket_path()) {
                return Ok(());
            }
            if !matches!(self.supervisor.try_wait(), Ok(None)) {
                break "did not start";
            }
            if Instant::now() > deadline {
                break "did not start in time";
            }
            std::thread::sleep(POLL_INTERVAL);
        };
        Err(EmbeddedError::Start { reason, log_tail: log_tail(&mut self.log) })
    }

    /// Directory of the Unix socket; libpq takes it as `host`.
    pub fn socket_directory(&self) -> &Path {
        &self.scratch
    }

    /// Port, in the name of the socket and on TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server listens on TCP, when it was asked to.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// Name of the superuser, who owns the database of the same name.
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// Directory of `postgres` and `initdb`.
    pub fn binaries_directory(&self) -> &Path {
        &self.binaries.directory
    }

    /// Version of the server, as `postgres --version` says it.
    pub fn version(&self) -> &str {
        &self.binaries.version
    }

    /// Where the data is.
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// The server's log, readable while the server runs.
    pub fn log_path(&self) -> PathBuf {
        self.scratch.join("server.log")
    }

    fn socket_path(&self) -> PathBuf {
        self.scratch.join(format!(".s.PGSQL.{}", self.port))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        if let Err(error) = self.supervisor.wait() {
            tracing::warn!(event = "embedded_failed", "embedded PostgreSQL: {error}");
        }
        // The supervisor is not root: it cannot remove its directory from one that is root's.
        match fs::remove_dir_all(&self.scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(
                    event = "embedded_not_removed",
                    "cannot remove {}: {error}",
                    self.scratch.display()
                );
            }
            _ => {}
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn pg_hba(options: &EmbeddedOptions) -> String {
    let everybody =
        ["local all,replication all trust", "host all,replication all 127.0.0.1/32 trust"];
    let mut text = String::new();
    for line in options.pg_hba.iter().map(String::as_str).chain(everybody) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Durability is given up for speed: the data lives as long as the server.
fn server_arguments(options: &EmbeddedOptions, scratch: &Path, port: u16) -> Vec<String> {
    let listen = if options.listen_tcp.is_some() { "127.0.0.1" } else { "" };
    let scratch = scratch.display();
    let mut settings = vec![
        format!("listen_addresses={listen}"),
        format!("port={port}"),
        format!("unix_socket_directories={scratch}"),
        format!("hba_file={scratch}/pg_hba.conf"),
        "fsync=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "max_connections=200".to_owned(),
    ];
    settings.extend(options.settings.iter().map(|(name, value)| format!("{name}={value}")));
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// `PGDATA`, `PGPORT`, `PGOPTIONS`...: meant for other servers.
fn is_libpq_variable(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"PG")
}

/// Whether the server answers a startup packet with a request to authenticate: while it starts
/// it answers with an error.
fn accepts_connections(socket: &Path) -> bool {
    const STARTUP_PACKET: &[u8] =
        b"\x00\x00\x00\x29\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        stream.write_all(STARTUP_PACKET)?;
        let mut tag = [0];
        stream.read_exact(&mut tag)?;
        Ok::<_, io::Error>(tag == *b"R")
    };
    ask().unwrap_or(false)
}

/// The end of the log, through the handle that is still open when the file is gone.
fn log_tail(log: &mut File) -> String {
    let mut tail = Vec::new();
    let mut read = || {
        let end = log.seek(SeekFrom::End(0))?;
        log.seek(SeekFrom::Start(end.saturating_sub(LOG_TAIL_BYTES)))?;
        log.read_to_end(&mut tail)
    };
    match read() {
        Ok(_) => tail.utf8_chunks().map(|chunk| chunk.valid()).collect(),
        Err(error) => format!("(unreadable: {error})"),
    }
}
