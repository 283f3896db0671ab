//! The embedded target: it starts, it answers, and nothing of it is left.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dms_proxy::target::embedded::{Embedded, EmbeddedError, EmbeddedOptions};

/// The first column of the first row.
fn query(embedded: &Embedded, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host_path(embedded.socket_directory()).port(embedded.port());
        config.user(embedded.superuser()).dbname("postgres");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.unwrap();
        drop(client);
        running.await.unwrap().unwrap();
        let first = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        first.unwrap().to_owned()
    })
}

fn gone(what: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn postmaster_pid(data: &Path) -> u32 {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn runs(pid: u32) -> bool {
    Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

#[test]
fn answers_and_leaves_nothing() {
    let embedded = Embedded::start(&EmbeddedOptions::default()).unwrap();
    let said = query(&embedded, "SELECT version()");
    let number = embedded.version().split(' ').next().unwrap();
    assert!(said.starts_with(&format!("PostgreSQL {number}")), "{said}, not {number}");
    assert_eq!(query(&embedded, "SHOW listen_addresses"), "");
    assert_eq!(query(&embedded, "SHOW server_encoding"), "UTF8");
    assert_eq!(embedded.tcp_address(), None);
    let directory = embedded.socket_directory().to_owned();
    let pid = postmaster_pid(embedded.data_directory());
    assert!(runs(pid));
    drop(embedded);
    assert!(!directory.exists());
    assert!(!runs(pid));
}

#[test]
fn several_run_at_once_and_take_settings() {
    let options = EmbeddedOptions {
        listen_tcp: Some(0),
        settings: vec![("work_mem".to_owned(), "7MB".to_owned())],
        ..EmbeddedOptions::default()
    };
    let start = || Embedded::start(&options).unwrap();
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(start);
        (start(), other.join().unwrap())
    });
    assert_ne!(one.tcp_address().unwrap(), two.tcp_address().unwrap());
    for embedded in [one, two] {
        assert_eq!(query(&embedded, "SHOW work_mem"), "7MB");
        std::net::TcpStream::connect(embedded.tcp_address().unwrap()).unwrap();
    }
}

#[test]
fn named_data_directory_is_kept() {
    let data = std::env::temp_dir().join(format!("dms-proxy-kept-{}", std::process::id()));
    let options = EmbeddedOptions { data_dir: Some(data.clone()), ..EmbeddedOptions::default() };
    let first = Embedded::start(&options).unwrap();
    query(&first, "CREATE TABLE kept AS SELECT 'still here'; SELECT ''");
    drop(first);
    assert!(data.join("PG_VERSION").exists());
    assert!(!data.join("postmaster.pid").exists(), "the server was stopped in order");
    let second = Embedded::start(&options).unwrap();
    assert_eq!(query(&second, "TABLE kept"), "still here");
    drop(second);
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn foreign_directory_is_refused_untouched() {
    let data = std::env::temp_dir().join(format!("dms-proxy-foreign-{}", std::process::id()));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("letter"), "dear").unwrap();
    let options = EmbeddedOptions { data_dir: Some(data.clone()), ..EmbeddedOptions::default() };
    let error = Embedded::start(&options).unwrap_err();
    assert!(matches!(error, EmbeddedError::DataDirectory(_)), "{error}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn failed_start_quotes_the_log() {
    let settings = vec![("no_such_setting".to_owned(), "on".to_owned())];
    let options = EmbeddedOptions { settings, ..EmbeddedOptions::default() };
    let said = Embedded::start(&options).unwrap_err().to_string();
    assert!(said.contains("did not start"), "{said}");
    assert!(said.contains("no_such_setting"), "{said}");
}

#[test]
fn taken_port_is_an_error_when_it_was_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = EmbeddedOptions { listen_tcp: Some(port), ..EmbeddedOptions::default() };
    let said = Embedded::start(&options).unwrap_err().to_string();
    assert!(said.contains("Address already in use"), "{said}");
}

/// The test runs itself as the process to be killed, which `DMS_PROXY_TEST_PARENT` tells.
#[test]
fn killed_parent_leaves_nothing() {
    if std::env::var_os("DMS_PROXY_TEST_PARENT").is_some() {
        let embedded = Embedded::start(&EmbeddedOptions::default()).unwrap();
        println!("\ndirectory={}", embedded.socket_directory().display());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::killed_parent_leaves_nothing", "--nocapture"])
        .env("DMS_PROXY_TEST_PARENT", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let directory = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .find_map(|line| line.unwrap().strip_prefix("directory=").map(PathBuf::from))
        .unwrap();
    let pid = postmaster_pid(&directory.join("data"));
    assert!(runs(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(gone(|| !runs(pid)), "the server still runs");
    assert!(gone(|| !directory.exists()), "the directory is still there");
}

/// The server's user waits for the directory and plants a link in it before root has written there.
#[test]
fn server_user_gains_no_file_of_roots() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let place = std::env::temp_dir().join(format!("dms-proxy-planted-{}", std::process::id()));
    std::fs::create_dir(&place).unwrap();
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    let secret = place.join("secret");
    std::fs::write(&secret, "precious").unwrap();
    let owner = std::fs::metadata(&secret).unwrap().uid();
    let server = Embedded::start(&EmbeddedOptions::default()).unwrap();
    let user = std::fs::metadata(server.data_directory()).unwrap().uid();
    drop(server);
    let planter = "while :; do for d in \"$0\"/dms-proxy-*-*; do \
        ln -s \"$1\" $d/server.log 2>/dev/null; ln -s \"$1\" $d/pg_hba.conf 2>/dev/null; done; done";
    let mut planter = std::os::unix::process::CommandExt::uid(
        Command::new("/bin/sh").args(["-c", planter]).arg(&place).arg(&secret),
        user,
    )
    .stdin(Stdio::null())
    .spawn()
    .unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_dms-proxy"));
    program.args(["serve", "--target", "embedded", "--listen", "127.0.0.1:0"]);
    let mut program = program.env("TMPDIR", &place).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| !line.contains("listening on")).collect();
    planter.kill().unwrap();
    planter.wait().unwrap();
    Command::new("kill").arg(program.id().to_string()).status().unwrap();
    program.wait().unwrap();
    assert_eq!(std::fs::metadata(&secret).unwrap().uid(), owner, "{said:?}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "precious");
    assert!(gone(|| std::fs::read_dir(&place).unwrap().count() == 1));
    std::fs::remove_dir_all(place).unwrap();
}
