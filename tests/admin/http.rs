//! Probes, metrics, JSON, events; who may ask for what; and clients that are slow or hostile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{exchange, get, get_with, post, proxy, wait_for};
use crate::protocol::{log_in, say};
use crate::support::Cluster;

#[test]
fn probes_say_how_it_stands() {
    let (_proxy, address) = proxy("");
    let well = get(address, "/healthz");
    assert_eq!((well.status, well.body.as_str()), (200, "ok\n"));
    // It listens before it takes clients.
    wait_for(|| get(address, "/readyz").status == 200);
    let verbose = get(address, "/readyz?verbose&exclude=target");
    assert!(verbose.body.contains("[+]target excluded: ok"), "{}", verbose.body);
    assert!(verbose.body.ends_with("readyz check passed\n"), "{}", verbose.body);
}

#[test]
fn metrics_are_what_promtool_takes() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let check = |text: &str| {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        // Where there is none, the format is looked at by the unit tests alone.
        let Ok(mut promtool) = promtool.spawn() else { return };
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let said = promtool.wait_with_output().unwrap();
        assert!(said.status.success(), "{}", said.stderr.escape_ascii());
    };
    check(&get(address, "/metrics").body);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.\"a\"\"\\b\" (a int)");
    say(&mut wire, "INSERT INTO public.\"a\"\"\\b\" VALUES (1); SELECT 1/0");
    say(&mut wire, "INSERT INTO public.\"a\"\"\\b\" VALUES (1)");
    let busy = get(address, "/metrics");
    check(&busy.body);
    assert!(busy.head.contains("text/plain; version=0.0.4"), "{}", busy.head);
    let sample = format!(
        "dms_proxy_table_rows_total{{database=\"{}\",schema=\"public\",table=\"a\\\"\\\\b\",\
         phase=\"full-load\",operation=\"insert\"}} 1\n",
        database.endpoint().database
    );
    assert!(busy.body.contains(&sample), "{}", busy.body);
    let open = get_with(address, "/metrics", "Accept: application/openmetrics-text\r\n");
    assert!(open.head.contains("application/openmetrics-text"), "{}", open.head);
    assert!(open.body.ends_with("# EOF\n"));
}

#[test]
fn table_statistics_have_the_fields_of_dms() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.t (a int); INSERT INTO public.t VALUES (1), (2)");
    let json = get(address, "/api/dms/table-statistics?schema-name=public&table-name=t").json();
    assert!(json["ReplicationTaskArn"].as_str().unwrap().starts_with("arn:dms-proxy:"), "{json}");
    let table = &json["TableStatistics"][0];
    let mut names: Vec<&str> = table.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected = vec![
        "SchemaName",
        "TableName",
        "Inserts",
        "Deletes",
        "Updates",
        "Ddls",
        "AppliedInserts",
        "AppliedDeletes",
        "AppliedUpdates",
        "AppliedDdls",
        "FullLoadRows",
        "FullLoadCondtnlChkFailedRows",
        "FullLoadErrorRows",
        "FullLoadStartTime",
        "FullLoadReloaded",
        "LastUpdateTime",
        "TableState",
        "ValidationPendingRecords",
        "ValidationFailedRecords",
        "ValidationSuspendedRecords",
        "ValidationState",
        "ValidationStateDetails",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!((&table["FullLoadRows"], &table["Ddls"]), (&2.into(), &1.into()), "{table}");
    assert_eq!(table["TableState"], "Full load", "{table}");
    let task = get(address, "/api/dms/replication-task").json();
    assert_eq!(task["ReplicationTask"]["Status"], "running", "{task}");
    assert_eq!(get(address, "/api/dms/table-statistics?max-records=1").status, 400);
}

#[test]
fn each_path_has_its_envelope() {
    let (_proxy, address) = proxy("");
    for path in [
        "/api",
        "/api/overview",
        "/api/tables",
        "/api/sessions",
        "/api/rewrites",
        "/api/errors",
        "/api/foreign-keys",
        "/api/latency",
        "/api/config",
        "/api/mapping",
        "/api/version",
    ] {
        let answer = get(address, path);
        assert_eq!(answer.status, 200, "{path}");
        let json = answer.json();
        assert_eq!(json["schema_version"], 1, "{path}");
        for name in ["at", "instance", "started_at"] {
            assert!(json[name].is_string(), "{path}: {name}");
        }
    }
    assert_eq!(get(address, "/api/tables/a/b/c").status, 404);
    assert_eq!(get(address, "/api/nothing").status, 404);
    assert!(get(address, "/api/openapi.json").json()["paths"].is_object());
    let page = get(address, "/");
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
}

#[test]
fn events_say_what_changes() {
    let (proxy, address) = proxy("");
    let database = Cluster::shared().create_database();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    let mut read_until = |wanted: &str| {
        let mut bytes = [0; 4096];
        while !text.contains(wanted) {
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "{text}");
            text.extend(bytes[..count].iter().map(|byte| char::from(*byte)));
        }
    };
    read_until("event: hello");
    read_until("event: stats");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.seen_by_stream (a int)");
    read_until("seen_by_stream");
}

#[test]
fn the_token_opens_what_is_closed() {
    let directory = std::env::temp_dir().join(format!("dms-proxy-tokens-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("token");
    std::fs::write(&file, "sesame\n").unwrap();
    let lines = format!("anonymous = 'metrics'\ntoken_file = '{}'\n", file.display());
    let (proxy, address) = proxy(&lines);
    let status = |path: &str| get(address, path).status;
    assert_eq!([status("/healthz"), status("/metrics"), status("/api/tables")], [200, 200, 401]);
    let with = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        get_with(address, "/api/tables", &header).status
    };
    assert_eq!([with("sesame"), with("sesam"), with("")], [200, 401, 401]);
    let json = "Content-Type: application/json\r\n";
    let token = "Authorization: Bearer sesame\r\n";
    let order = |headers: &str, path: &str| post(address, path, headers, "{}").status;
    assert_eq!(order(json, "/api/admin/pause"), 401);
    assert_eq!(order(token, "/api/admin/pause"), 415);
    assert_eq!(order(&format!("{token}{json}"), "/api/admin/nothing"), 404);
    assert_eq!(order(&format!("{token}{json}"), "/api/admin/sessions/999999/kill"), 404);
    assert_eq!(order(&format!("{token}{json}"), "/api/admin/pause"), 200);
    assert_eq!(status("/readyz"), 503);
    assert_eq!(order(&format!("{token}{json}"), "/api/admin/resume"), 200);
    assert_eq!(order(&format!("{token}{json}"), "/api/admin/reload"), 200);
    assert_eq!(status("/readyz"), 200);
    drop(proxy);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn hosts_that_are_not_ours_are_sent_away() {
    let (_proxy, address) = proxy("hosts = ['proxy.example']\n");
    let status = |host: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        exchange(address, &request).status
    };
    assert_eq!([status("proxy.example"), status("127.0.0.1:1"), status("localhost")], [200; 3]);
    assert_eq!(status("evil.example"), 421);
    assert_eq!(post(address, "/api/admin/pause", "", "{}").status, 403);
}

#[test]
fn clients_that_say_nothing_hold_up_nobody() {
    let (proxy, address) = proxy("");
    let mut silent: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    }
    assert_eq!(get(address, "/healthz").status, 200);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may close while more is sent.
    let _ = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    assert!(say(&mut wire, "SELECT 1").contains("DataRow 1"));
}

/// HTTP listens first and closes last: a drain can be watched to its end.
#[test]
fn figures_are_there_until_the_end() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.t (a int); BEGIN; INSERT INTO public.t VALUES (1), (2)");
    proxy.signal("TERM");
    wait_for(|| get(address, "/readyz").body.contains("draining"));
    let is_drained = AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut last = String::new();
            // Until nobody listens any more: an answer that has begun may be cut by the end.
            while TcpStream::connect(address).is_ok() {
                let answer = std::panic::catch_unwind(|| get(address, "/metrics"));
                let answer = answer.ok().filter(|answer| answer.body.ends_with('\n'));
                assert!(answer.is_some() || is_drained.load(Ordering::Relaxed), "it is there");
                last = answer.map_or(last, |answer| answer.body);
            }
            last
        });
        std::thread::sleep(Duration::from_millis(500));
        is_drained.store(true, Ordering::Relaxed);
        say(&mut wire, "COMMIT");
        assert_eq!(proxy.ended(), Some(0));
        watching.join().unwrap()
    });
    assert!(last.contains("dms_proxy_state{state=\"draining\"} 1"), "{last}");
    assert_eq!(database.query("SELECT count(*) FROM public.t"), [["2"]]);
}
