//! A target that asks the proxy for no password is named where others reach the proxy.

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use super::wait_for;
use crate::support::{Cluster, Proxy};

const WARNING: &str = "the target asks the proxy for no password";

fn start(listen: &str, target: std::net::SocketAddr, config: &str) -> Proxy {
    let target = format!("postgresql://{target}");
    let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", listen];
    Proxy::start_program(config, &[&program[..], &["--target", &target]].concat()).unwrap()
}

#[test]
fn open_target_is_warned_of() {
    let trusting = Cluster::shared().embedded().tcp_address().unwrap();
    let open = start("0.0.0.0:0", trusting, "");
    wait_for("the warning", || open.log().contains(WARNING));
    let address = open.address().to_string();
    let line = open.log().lines().find(|line| line.contains(WARNING)).map(str::to_owned).unwrap();
    assert!(line.contains(&address), "{line}");

    let socket = format!("dms-proxy-exposure-{}", std::process::id());
    let socket = std::env::temp_dir().join(socket);
    let config = format!("[listen]\nunix_socket = {socket:?}\n");
    let by_socket = start("127.0.0.1:0", trusting, &config);
    wait_for("the warning", || by_socket.log().contains(WARNING));
    assert!(by_socket.log().contains(socket.to_str().unwrap()), "{}", by_socket.log());
}

#[test]
fn nothing_is_said_where_nobody_is_let_in() {
    let trusting = Cluster::shared().embedded().tcp_address().unwrap();
    let careful = Embedded::start(&EmbeddedOptions {
        listen_tcp: Some(0),
        pg_hba: vec!["host all all 127.0.0.1/32 scram-sha-256".into()],
        settings: vec![("log_connections".into(), "on".into())],
        ..EmbeddedOptions::default()
    })
    .unwrap();
    let asked = start("0.0.0.0:0", careful.tcp_address().unwrap(), "");
    let log = || std::fs::read_to_string(careful.log_path()).unwrap();
    wait_for("the target is asked", || log().contains("connection received: host=127.0.0.1"));
    let here = start("127.0.0.1:0", trusting, "");
    for proxy in [asked, here] {
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!proxy.log().contains(WARNING), "{}", proxy.log());
    }
}
