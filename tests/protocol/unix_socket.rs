//! The listener on a Unix socket.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::support::{Cluster, Database, Proxy};

/// A directory of one test's own, with a short name.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("dms-proxy-socket-{}-{serial}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&directory.0).unwrap();
        directory
    }

    fn socket(&self) -> PathBuf {
        self.0.join(".s.PGSQL.6432")
    }

    fn config(&self, more: &str) -> String {
        format!("[listen]\nunix_socket = {:?}\n{more}", self.socket())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is only in the temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Logs in and asks one question, with tokio-postgres.
fn log_in(socket: &Path, database: &Database) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host_path(socket.parent().unwrap()).port(6432).user("postgres");
        config.dbname(&database.endpoint().database);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        client.batch_execute("CREATE TEMP TABLE t (n UINT4)").await.unwrap();
        let sql = "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum = 1";
        let row = client.query_one(sql, &[]).await.unwrap();
        drop(client);
        running.await.unwrap().unwrap();
        row.get(0)
    })
}

#[test]
fn clients_come_by_the_socket_as_well() {
    let database = Cluster::shared().create_database();
    let directory = Directory::new();
    let proxy = Proxy::start(&directory.config(""), &[]);
    assert_eq!(log_in(&directory.socket(), &database), "bigint");
    super::log_in(&proxy.endpoint(database.endpoint()));
    let mode = std::fs::metadata(directory.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o777);
    assert_eq!(proxy.stop(), Some(0));
    assert!(!directory.socket().exists());
}

#[test]
fn permissions_are_set() {
    let directory = Directory::new();
    let _proxy = Proxy::start(&directory.config("unix_socket_permissions = \"0750\"\n"), &[]);
    let mode = std::fs::metadata(directory.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
}

#[test]
fn socket_that_is_listened_on_is_left_alone() {
    let directory = Directory::new();
    let listener = UnixListener::bind(directory.socket()).unwrap();
    let start = |config: &str| {
        let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0"];
        let target = ["--target", "postgresql://127.0.0.1:1"];
        Proxy::start_program(config, &[&program[..], &target].concat())
    };
    let said = start(&directory.config("")).err().unwrap();
    assert!(said.contains("another process listens there"), "{said}");
    assert!(directory.socket().exists());
    // One that was left behind is not.
    drop(listener);
    drop(start(&directory.config("")).unwrap());
    assert!(!directory.socket().exists());
    // And a file of another kind is.
    std::fs::write(directory.socket(), "precious").unwrap();
    let said = start(&directory.config("")).err().unwrap();
    assert!(said.contains("cannot listen on"), "{said}");
    assert_eq!(std::fs::read_to_string(directory.socket()).unwrap(), "precious");
}

#[test]
fn tls_is_declined_and_not_required_there() {
    use crate::support::TlsCluster;
    let cluster = TlsCluster::shared();
    let directory = Directory::new();
    let files = ["crt", "key"].map(|kind| cluster.path(&format!("server.{kind}")));
    let tls = format!("sslmode = \"require\"\nsslcert = {:?}\nsslkey = {:?}\n", files[0], files[1]);
    let _proxy = Proxy::start(&directory.config(&tls), &[]);
    let mut socket = UnixStream::connect(directory.socket()).unwrap();
    socket.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"N");
    let database = Cluster::shared().create_database();
    assert_eq!(log_in(&directory.socket(), &database), "bigint");
}

#[cfg(client = "psql")]
#[test]
fn psql_finds_it_by_directory_and_port() {
    let database = Cluster::shared().create_database();
    let directory = Directory::new();
    let _proxy = Proxy::start(&directory.config(""), &[]);
    let name = &database.endpoint().database;
    let connection =
        format!("host={} port=6432 user=postgres dbname={name}", directory.0.display());
    let finished = crate::support::psql_to(&connection, "SELECT 'by the socket'");
    assert_eq!(finished.success(), "by the socket\n");
}
