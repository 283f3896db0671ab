//! The process or the server is killed at every step; the journal stays true and the work can be
//! ended.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use super::{NASTY, NASTY_KEYS, Target};
use crate::support::{Cluster, run};

/// Where a process or its server can be killed while it parks, and whether the keys are parked
/// then.
const PARK_POINTS: [(&str, bool); 3] =
    [("park-before", false), ("park-uncommitted", false), ("park-committed", true)];

/// Where one can be killed while it restores.
const RESTORE_POINTS: [&str; 5] = [
    "restore-added",
    "restore-uncommitted",
    "restore-committed",
    "validate-uncommitted",
    "validate-committed",
];

/// A server that keeps what it has said it has, also when it is killed.
fn durable_server() -> Embedded {
    let settings = [("synchronous_commit", "on"), ("restart_after_crash", "on")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Embedded::start(&EmbeddedOptions { settings, ..EmbeddedOptions::default() }).unwrap()
}

/// Runs the program until it ends itself at this point.
fn abort_at(target: &Target<'_>, words: &str, point: &str) {
    let finished = run(target.program(words).env("DMS_PROXY_FAULT_POINT", point), b"");
    assert_eq!(finished.status, None, "{words} did not come to {point}: {finished:?}");
    // The server notices when it next looks at the connection.
    no_session_is_left(target);
}

fn no_session_is_left(target: &Target<'_>) {
    let left = "SELECT 1 FROM pg_stat_activity
        WHERE application_name = 'dms-proxy' AND datname = current_database()";
    until("a session is left", || target.query(left).is_empty().then_some(()));
}

fn until<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs the program until it waits at this point.
fn pause_at(target: &Target<'_>, words: &str, point: &str) -> Child {
    let mut program = target.program(words);
    program.env("DMS_PROXY_FAULT_PAUSE", point);
    program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    program.spawn().unwrap()
}

/// Kills the server process of the program's session, which has the server recover as from a
/// crash.
fn kill_server(target: &Target<'_>, condition: &str) {
    let session = format!(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'dms-proxy' AND {condition}"
    );
    let pid = until("no session of the program", || {
        target.query(&session).first().map(|row| row[0].clone())
    });
    let started = target.query("SELECT pg_postmaster_start_time()");
    let killed = Command::new("kill").args(["-s", "KILL", &pid]).status().unwrap();
    assert!(killed.success());
    let answers = || target.try_query("SELECT pg_postmaster_start_time()").ok();
    let again = until("the server did not come back", || {
        // It may still answer before it has noticed.
        let alive = target.try_query(&format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"));
        alive.ok()?.is_empty().then(answers)?
    });
    assert_eq!(again, started, "another server");
}

/// What is on the tables and what is in the journal is all there ever was, and `fk status` says so.
fn status_is_true(target: &Target<'_>) -> usize {
    let status = target.run("fk status --format json");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let parked = status["parked"].as_array().unwrap();
    let waiting = parked.iter().filter(|row| row["state"] == "parked").count();
    let sql = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
    let there: usize = target.query(sql)[0][0].parse().unwrap();
    assert_eq!(status["on_table"].as_array().unwrap().len(), there);
    assert_eq!(waiting + there, NASTY_KEYS, "{status}");
    parked.len()
}

#[test]
fn a_killed_process_leaves_the_journal_true() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(NASTY);
    let before = target.schema();
    for (point, is_parked) in PARK_POINTS {
        abort_at(&target, "fk park", point);
        assert_eq!(status_is_true(&target), if is_parked { NASTY_KEYS } else { 0 }, "{point}");
        target.json("fk restore", 0);
        assert_eq!(target.schema(), before, "{point}");
    }
    for point in RESTORE_POINTS {
        target.json("fk park", 0);
        abort_at(&target, "fk restore", point);
        assert!(status_is_true(&target) > 0, "{point}");
        target.json("fk restore", 0);
        assert_eq!(status_is_true(&target), 0, "{point}");
        assert_eq!(target.schema(), before, "{point}");
    }
    abort_at(&target, "finish --revalidate", "revalidate-added");
    assert_eq!(status_is_true(&target), 1);
    target.json("finish", 0);
    assert_eq!(target.schema(), before);
}

#[test]
fn a_killed_server_leaves_the_journal_true() {
    let server = durable_server();
    let target = Target::of(&server);
    target.query(NASTY);
    let before = target.schema();
    let steps = PARK_POINTS
        .iter()
        .map(|(point, _)| ("fk park", *point))
        .chain(RESTORE_POINTS.map(|point| ("fk restore", point)));
    for (words, point) in steps {
        if words == "fk restore" {
            target.json("fk park", 0);
        }
        let mut paused = pause_at(&target, words, point);
        let inside = matches!(point, "park-uncommitted" | "restore-added" | "restore-uncommitted");
        let inside = inside || point == "validate-uncommitted";
        let state = if inside { "state = 'idle in transaction'" } else { "state = 'idle'" };
        // Between two statements it is idle for a moment, too: only the one it waits in stays.
        std::thread::sleep(Duration::from_millis(if inside { 0 } else { 500 }));
        kill_server(&target, state);
        drop(paused.stdin.take());
        let status = paused.wait().unwrap();
        assert!(matches!(status.code(), Some(1 | 2)), "{point}: {status}");
        status_is_true(&target);
        target.json("fk restore", 0);
        assert_eq!(target.schema(), before, "{point}");
    }
}

/// Parking is one statement: it is killed while the first constraint is being dropped, when rows of
/// the journal are written already.
#[test]
fn a_server_killed_inside_the_block_has_parked_nothing() {
    let server = durable_server();
    let target = Target::of(&server);
    target.query(NASTY);
    let before = target.schema();
    target.query(
        "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS
            $$BEGIN IF tg_tag = 'ALTER TABLE' THEN PERFORM pg_sleep(60); END IF; END$$;
         CREATE EVENT TRIGGER slow ON ddl_command_end EXECUTE FUNCTION slow()",
    );
    let mut running = pause_at(&target, "fk park", "nowhere");
    kill_server(&target, "wait_event = 'PgSleep'");
    assert_eq!(running.wait().unwrap().code(), Some(2));
    target.query("DROP EVENT TRIGGER slow; DROP FUNCTION slow()");
    assert_eq!(status_is_true(&target), 0);
    assert_eq!(target.schema(), before);
}
