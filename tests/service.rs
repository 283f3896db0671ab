//! The proxy as a service: what it tells systemd, the sockets that it is started with, the files in
//! `deploy`.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Cluster, Proxy, Wire, transcript};

fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    std::fs::read_to_string(path).unwrap()
}

fn scratch(file: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{file}", std::process::id()))
}

fn start(around: &[&str], arguments: &[&str], config: &str) -> Proxy {
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let target = format!("postgres://{target}");
    let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--target", &target];
    Proxy::start_program(config, &[around, &program, arguments].concat()).unwrap()
}

/// `SELECT 1` in a session of its own.
fn select_one(
    address: std::net::SocketAddr,
    database: &crate::support::Endpoint,
) -> Result<(), String> {
    let endpoint = crate::support::Endpoint { address, ..database.clone() };
    let (mut wire, _) = Wire::log_in(&endpoint, &[]);
    let answer = transcript(wire.query("SELECT 1").until_ready().as_slice());
    wire.terminate();
    if answer.contains("DataRow 1") { Ok(()) } else { Err(answer) }
}

#[test]
fn systemd_is_told_how_far_the_service_is() {
    let path = scratch("notify");
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        let mut message = [0; 1024];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let variable = format!("NOTIFY_SOCKET={}", path.display());
    let proxy =
        start(&["env", &variable], &["--listen", "127.0.0.1:0"], "[limits]\ndrain_timeout = 7\n");
    let ready = told();
    let status = format!("READY=1\nSTATUS=listening on {}, target ", proxy.address());
    assert!(ready.starts_with(&status), "{ready}");
    proxy.signal("HUP");
    let reloading = told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told(), ready);
    proxy.signal("TERM");
    let stopping = told();
    // Seven seconds for sessions and twenty for the rest, in microseconds.
    assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=27000000\n"), "{stopping}");
    assert_eq!(proxy.ended(), Some(0));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_watchdog_is_fed() {
    let path = scratch("notify-watchdog");
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    let variable = format!("NOTIFY_SOCKET={}", path.display());
    // Whose watchdog it is, systemd says by the number of the process; without one it is everybody's.
    let around = ["env", "-u", "WATCHDOG_PID", "WATCHDOG_USEC=400000", &variable];
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    for config in ["", admin] {
        let proxy = start(&around, &["--listen", "127.0.0.1:0"], config);
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let is_fed = |socket: &UnixDatagram| {
            let mut message = [0; 1024];
            let length = socket.recv(&mut message)?;
            Ok::<_, std::io::Error>(&message[..length] == b"WATCHDOG=1\n")
        };
        let fed = (0..10).filter(|_| is_fed(&socket).unwrap()).count();
        assert!(fed >= 5, "{fed}");
        assert_eq!(proxy.stop(), Some(0));
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn systemd_is_told_how_a_load_stands() {
    let path = scratch("notify-load");
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let variable = format!("NOTIFY_SOCKET={}", path.display());
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    let proxy = start(&["env", &variable], &["--listen", "127.0.0.1:0"], admin);
    for expected in ["READY=1\n", "STATUS=0 tables loading, 0 rows/s, 0 sessions"] {
        let mut message = [0; 1024];
        let length = socket.recv(&mut message).unwrap();
        let told = std::str::from_utf8(&message[..length]).unwrap();
        assert!(told.starts_with(expected), "{told}");
    }
    assert_eq!(proxy.stop(), Some(0));
    std::fs::remove_file(path).unwrap();
}

/// Opens a socket as systemd does, hands it on as the descriptor 3, and becomes the program.
#[cfg(client = "psycopg")]
const ACTIVATE: &str = "\
import os, socket, sys
name, path = sys.argv[1:3]
s = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
s.bind(path or ('127.0.0.1', 0))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES=name)
os.execv(sys.argv[3], sys.argv[3:])
";

#[test]
#[cfg(client = "psycopg")]
fn sockets_of_systemd_go_before_those_of_the_configuration() {
    let database = Cluster::shared().create_database();
    // An address that is not here: it would not come up by its own.
    for name in ["data", "dms-proxy.socket"] {
        let around = ["python3", "-c", ACTIVATE, name, ""];
        let proxy = start(&around, &["--listen", "192.0.2.1:6432"], "");
        select_one(proxy.address(), database.endpoint()).unwrap();
        assert_eq!(proxy.stop(), Some(0));
    }
    let path = scratch("data-unix");
    let _ = std::fs::remove_file(&path);
    let around = ["python3", "-c", ACTIVATE, "data-unix", path.to_str().unwrap()];
    let proxy = start(&around, &["--listen", "127.0.0.1:0"], "");
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    assert_eq!(proxy.stop(), Some(0));
    let around = ["python3", "-c", ACTIVATE, "admin", ""];
    let arguments = ["--listen", "127.0.0.1:0"];
    for config in ["[admin]\n", "[admin]\naddress = \"192.0.2.1:9632\"\n"] {
        let proxy = start(&around, &arguments, config);
        // The line about clients has come before.
        while !proxy.log().contains("admin listening on 127.0.0.1:") {}
        select_one(proxy.address(), database.endpoint()).unwrap();
        assert_eq!(proxy.stop(), Some(0));
    }
    let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--target", "postgresql://h:1"];
    let said = Proxy::start_program("", &[&around[..], &program].concat()).err().unwrap();
    assert!(said.contains("needs the section [admin]"), "{said}");
    // It is systemd's, which keeps it for the next start.
    assert!(path.exists());
    std::fs::remove_file(path).unwrap();
    let around = ["python3", "-c", ACTIVATE, "data-unix", ""];
    let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--target", "postgresql://h:1"];
    let said = Proxy::start_program("", &[&around[..], &program].concat()).err().unwrap();
    assert!(said.contains("\"data-unix\""), "{said}");
}

/// haproxy with the shipped configuration in front of two proxies.
#[cfg(client = "haproxy")]
mod behind_haproxy {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::process::Child;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::support::{Endpoint, command};

    struct Balancer {
        child: Child,
        address: SocketAddr,
    }

    impl Balancer {
        fn start(proxies: [&Proxy; 2]) -> Self {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut config = deployed("haproxy.cfg");
            let [one, two] = proxies.map(|proxy| proxy.address().to_string());
            let places = [
                ("127.0.0.1:5432", address.to_string()),
                ("127.0.0.1:6432", one),
                ("127.0.0.1:6433", two),
            ];
            for (shipped, place) in places {
                assert!(config.contains(shipped));
                config = config.replace(shipped, &place);
            }
            let path = scratch("haproxy.cfg");
            std::fs::write(&path, config).unwrap();
            let child = command("haproxy").args(["-db", "-q", "-f"]).arg(&path).spawn().unwrap();
            let begin = Instant::now();
            while TcpStream::connect(address).is_err() {
                assert!(begin.elapsed() < Duration::from_secs(20), "haproxy does not listen");
                std::thread::sleep(Duration::from_millis(50));
            }
            Self { child, address }
        }
    }

    impl Drop for Balancer {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[test]
    fn a_statement_is_cancelled_through_the_other_instance() {
        let database = Cluster::shared().create_database();
        let [one, two] = [(); 2].map(|()| start(&[], &["--listen", "127.0.0.1:0"], ""));
        let (mut wire, login) = Wire::log_in(&one.endpoint(database.endpoint()), &[]);
        let key = login.iter().find(|frame| frame.tag == b'K').unwrap().body.clone();
        wire.query("SELECT pg_sleep(60)");
        // The statement may not have begun when the first request comes.
        while !wire.has_reply_within(Duration::from_millis(200)) {
            let mut cancel = vec![0, 0, 0, 16, 4, 210, 22, 46];
            cancel.extend_from_slice(&key);
            let mut other = TcpStream::connect(two.address()).unwrap();
            std::io::Write::write_all(&mut other, &cancel).unwrap();
        }
        assert!(transcript(&wire.until_ready()).contains("57014"));
    }

    #[test]
    fn an_instance_drains_while_the_other_one_goes_on() {
        let database = Cluster::shared().create_database();
        let [one, two] = [(); 2].map(|()| start(&[], &["--listen", "127.0.0.1:0"], ""));
        let balancer = Balancer::start([&one, &two]);
        let endpoint = Endpoint { address: balancer.address, ..database.endpoint().clone() };
        select_one(balancer.address, &endpoint).unwrap();
        let drained = AtomicBool::new(false);
        let stopped = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = || {
                let mut sessions = 0;
                while !stopped.load(Ordering::Relaxed) {
                    let is_after = drained.load(Ordering::Relaxed);
                    let said = std::panic::catch_unwind(|| select_one(balancer.address, &endpoint));
                    // A session that began before may be one of the instance that ends.
                    assert!(matches!(said, Ok(Ok(()))) || !is_after, "{said:?}");
                    sessions += usize::from(is_after);
                }
                sessions
            };
            let loads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
            std::thread::sleep(Duration::from_millis(500));
            assert_eq!(one.stop(), Some(0));
            drained.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(2));
            stopped.store(true, Ordering::Relaxed);
            for load in loads {
                assert!(load.join().unwrap() > 0, "it went on");
            }
        });
        assert_eq!(two.stop(), Some(0));
    }
}

#[test]
fn a_formula_names_the_archives_of_all_targets() {
    let folder = scratch("formula");
    std::fs::create_dir_all(&folder).unwrap();
    let formula = || {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/formula");
        let arguments = ["1.2.3", "owner/name", folder.to_str().unwrap()];
        std::process::Command::new(program).args(arguments).output().unwrap()
    };
    let systems = ["apple-darwin", "unknown-linux-musl"];
    let targets = systems.map(|system| ["aarch64", "x86_64"].map(|cpu| format!("{cpu}-{system}")));
    for target in targets.as_flattened() {
        assert!(!formula().status.success(), "before {target} is there");
        std::fs::write(folder.join(format!("dms-proxy-1.2.3-{target}.tar.gz")), "abc").unwrap();
    }
    let said = String::from_utf8(formula().stdout).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let url = "https://github.com/owner/name/releases/download/v1.2.3/dms-proxy-1.2.3";
    for target in targets.as_flattened() {
        assert!(said.contains(&format!("url \"{url}-{target}.tar.gz\"\n")), "{target}: {said}");
    }
    // That of "abc". Source: FIPS 180-2, B.1.
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(said.matches(&format!("sha256 \"{sum}\"\n")).count(), 4, "{said}");
}

#[test]
fn files_of_packages_are_there() {
    let manifest: toml::Table =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
    let metadata = &manifest["package"]["metadata"];
    let assets = metadata["deb"]["assets"].as_array().unwrap();
    let rpm_assets = metadata["generate-rpm"]["assets"].as_array().unwrap();
    let made = |path: &&str| path.starts_with("target/") || path.contains('*');
    let named: Vec<&str> = assets
        .iter()
        .map(|asset| asset[0].as_str().unwrap())
        .chain(rpm_assets.iter().map(|asset| asset["source"].as_str().unwrap()))
        .collect();
    assert!(assets.len() > 5 && rpm_assets.len() > 5);
    for path in named.iter().filter(|path| !made(path)) {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
    // The service's file names no target, so that it has to be filled in, and is right but for that.
    let config = deployed("proxy.toml");
    assert!(!config.lines().any(|line| line.starts_with("url")));
    assert!(deployed("dms-proxy.service").contains("--config /etc/dms-proxy/proxy.toml"));
    // The health of the image is asked at an address that the configuration in it has.
    let image = deployed("Dockerfile");
    assert!(image.contains("deploy/proxy.toml /etc/dms-proxy/proxy.toml"), "{image}");
    assert!(image.contains("HEALTHCHECK") && image.contains("\"status\""), "{image}");
    assert!(image.contains("DMS_PROXY_CONFIG=/etc/dms-proxy/proxy.toml"), "{image}");
    let service: dms_proxy::config::Config = toml::from_str(&config).unwrap();
    assert_eq!(service.admin.unwrap().address, "127.0.0.1:9632".parse().ok());
}
