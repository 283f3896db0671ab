//! Arguments and variables as people and scripts write them.

use super::{log_in, wait_for};
use crate::support::{Cluster, Proxy, command, run};

/// Starts the proxy with these variables, through a shell that sets them.
fn start(variables: &[(&str, &str)], arguments: &[&str], config: &str) -> Result<Proxy, String> {
    let set: String = variables.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
    let script = format!("{set} exec \"$@\"");
    let program = ["/bin/sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_dms-proxy"), "serve"];
    Proxy::start_program(config, &[&program[..], arguments].concat())
}

#[test]
fn variable_that_is_set_to_nothing_is_not_set() {
    let database = Cluster::shared().create_database();
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let names = ["TARGET", "LISTEN", "CONFIG", "SOURCE"].map(|name| format!("DMS_PROXY_{name}"));
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let config = format!(
        "listen.address = 'localhost:0'\ntarget.url = 'postgresql://{target}'\n\
         mapping.source = 'oracle'\n"
    );
    let proxy = start(&empty, &[], &config).unwrap();
    assert!(proxy.log().contains("source oracle"), "{}", proxy.log());
    assert!(proxy.address().ip().is_loopback());
    drop(log_in(&proxy.endpoint(database.endpoint())));
    // For the commands, too: the target is that of the file, which is not there.
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    program.arg("check").envs(empty).current_dir(std::env::temp_dir());
    let finished = run(&mut program, b"");
    assert_eq!(finished.status, Some(2));
    assert!(finished.stderr.contains("\"embedded\" is a new server"), "{}", finished.stderr);
}

#[test]
fn address_may_be_written_short() {
    let target = ["--target", "postgresql://127.0.0.1:1"];
    for (listen, address) in [("localhost:0", "127.0.0.1:"), (":0", "0.0.0.0:")] {
        let proxy = start(&[("DMS_PROXY_LISTEN", listen)], &target, "").unwrap();
        let line = format!("listening on {address}");
        wait_for("it listens", || proxy.log().contains(&line));
        let config = format!("[listen]\naddress = '{listen}'\n");
        let proxy = start(&[], &target, &config).unwrap();
        assert!(proxy.log().contains(&line), "{}", proxy.log());
    }
    let said = start(&[], &[&target[..], &["--listen", "6432"]].concat(), "").err().unwrap();
    assert!(said.contains("localhost:6432, or :6432"), "{said}");
    let said = start(&[], &target, "[listen]\naddress = 'db.example:1'\n").err().unwrap();
    assert!(said.contains("proxy.toml:2: listen.address: "), "{said}");
}
