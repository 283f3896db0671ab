//! Lines of the log about a load: the names of events and their fields, by which people search.

use std::collections::BTreeMap;

use serde_json::Value;

use super::wait_for;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Endpoint, Proxy, Wire};

/// The lines of the log by event, the first of each.
fn events(proxy: &Proxy) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in proxy.log().lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(event) = line["event"].as_str() {
            found.entry(event.to_owned()).or_insert(line);
        }
    }
    found
}

#[test]
fn a_load_is_told_by_events() {
    let database = Cluster::shared().create_database();
    let config = "[admin]\naddress = '127.0.0.1:0'\n[log]\nlevel = 'debug'\nformat = 'json'\n\
        progress_interval = 1\n";
    let proxy = Proxy::start(config, &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE public.t (a \"x\", b STRING(50))");
    say(&mut wire, "CREATE TABLE public.t (a int, b STRING(50))");
    wire.query("COPY public.t FROM STDIN").until(b'G');
    wire.copy_data(b"1\ta\n2\tb\n").copy_done().until_ready();
    wait_for(|| events(&proxy).contains_key("progress"));
    wire.terminate();
    wait_for(|| events(&proxy).contains_key("session_ended"));
    let nobody = Endpoint { user: "nobody at all".into(), ..endpoint.clone() };
    drop(Wire::log_in(&nobody, &[]));
    proxy.signal("HUP");
    proxy.signal("USR1");
    wait_for(|| events(&proxy).contains_key("paused"));
    proxy.signal("USR2");
    wait_for(|| {
        let found = events(&proxy);
        ["resumed", "reloaded", "login_refused"].iter().all(|event| found.contains_key(*event))
    });
    let found = events(&proxy);
    for (event, level, fields) in [
        ("started", "INFO", &["version", "pid", "config", "target", "auth", "source", "fk"][..]),
        ("listening", "INFO", &["address", "by"]),
        ("session_started", "DEBUG", &["client", "tls", "session"]),
        ("statement_failed", "DEBUG", &["sqlstate", "origin", "session"]),
        ("ddl_changed", "DEBUG", &["table", "column", "rule", "session"]),
        ("copy_ended", "DEBUG", &["table", "rows", "target_pid"]),
        ("progress", "INFO", &["tables_loading", "rows", "rows_per_second", "bytes_per_second"]),
        ("session_ended", "INFO", &["end", "duration_ms", "rows", "bytes_received", "bytes_sent"]),
        ("login_refused", "WARN", &["by", "sqlstate", "user", "client"]),
        ("reloaded", "INFO", &["needs_restart"]),
        ("paused", "WARN", &["sessions"]),
        ("resumed", "INFO", &["sessions"]),
    ] {
        let line = found.get(event).unwrap_or_else(|| panic!("{event}: {found:?}"));
        assert_eq!(line["level"], level, "{line}");
        for field in fields.iter().chain(&["timestamp", "message"]) {
            assert!(!line[*field].is_null(), "{field}: {line}");
        }
    }
    assert_eq!(found["statement_failed"]["sqlstate"], "42704");
    assert_eq!(
        (&found["copy_ended"]["rows"], &found["copy_ended"]["table"]),
        (&2.into(), &"public.t".into())
    );
    assert_eq!(found["session_ended"]["end"], "client_closed");
    assert_eq!(found["login_refused"]["by"], "target");
}
