//! Lines of the log about a load: the names of events and their fields, by which people search.

use std::collections::BTreeMap;

use serde_json::{Value, json};

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
        ("session_started", "DEBUG", &["client", "tls", "session", "phase", "fk"]),
        ("statement_failed", "DEBUG", &["kind", "sqlstate", "condition", "origin", "session"]),
        ("ddl_changed", "DEBUG", &["table", "column", "before", "after", "rule", "session"]),
        (
            "copy_ended",
            "DEBUG",
            &["table", "rows", "bytes", "duration_ms", "rewrites", "target_pid"],
        ),
        ("progress", "INFO", &["tables_loading", "rows", "rows_per_second", "bytes_per_second"]),
        ("session_ended", "INFO", &["end", "duration_ms", "rows", "bytes_received", "bytes_sent"]),
        (
            "session_ended",
            "INFO",
            &["transactions", "rolled_back_rows", "own_statements", "own_ms"],
        ),
        ("session_ended", "INFO", &["client", "user", "database", "statements", "too_long"]),
        ("login_refused", "WARN", &["by", "sqlstate", "user", "client", "repeated"]),
        ("reloaded", "INFO", &["changed", "needs_restart"]),
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
    assert_eq!(found["statement_failed"]["kind"], "ddl");
    assert_eq!(
        (&found["copy_ended"]["rows"], &found["copy_ended"]["table"]),
        (&2.into(), &"public.t".into())
    );
    assert_eq!(found["copy_ended"]["bytes"], 8);
    let ended = &found["session_ended"];
    assert_eq!(ended["end"], "client_closed");
    assert_eq!(ended["errors"], json!({ "42704": 1 }));
    let rewrites = ended["rewrites"].as_object().unwrap();
    assert_eq!(rewrites.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!(ended["rolled_back_rows"], 0);
    assert_eq!(found["login_refused"]["by"], "target");
}

#[test]
fn what_comes_again_and_again_is_a_line_with_a_count() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[log]\nformat = 'json'\n", &[]);
    let nobody = Endpoint { user: "nobody at all".into(), ..proxy.endpoint(database.endpoint()) };
    for _ in 0..3 {
        drop(Wire::log_in(&nobody, &[]));
    }
    wait_for(|| events(&proxy).contains_key("login_refused"));
    assert_eq!(proxy.log().matches("\"login_refused\"").count(), 1, "{}", proxy.log());
    assert_eq!(events(&proxy)["login_refused"]["repeated"], 0);
}

#[test]
fn parts_have_levels_of_their_own() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[log]\nlevel = 'info,session=trace,telemetry=error'\n", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "SELECT 'geheim'");
    wire.terminate();
    wait_for(|| proxy.log().contains("from=\"client\" tag=X length=5"));
    let log = proxy.log();
    assert!(log.contains("from=\"client\" tag=Q length=21"), "{log}");
    assert!(log.contains("from=\"target\" tag=Z length=6"), "{log}");
    assert!(!log.contains("session ended") && !log.contains("geheim"), "{log}");
}
