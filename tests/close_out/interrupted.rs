//! SIGINT while a command waits for a lock: what runs is cancelled, what was done is told, the exit code is 130.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Target;
use crate::support::{Cluster, Database, Wire};

/// Waits until as many sessions of the database wait for a lock.
fn waiting(target: &Target<'_>, count: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    let began = Instant::now();
    while target.query(sql) != [[count]] {
        assert!(began.elapsed() < Duration::from_secs(8), "{count}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a command says that is interrupted while it waits for this lock, which is held until it has ended.
fn interrupted(database: &Database, words: &str, lock: &str) -> String {
    let target = Target::shared(database);
    let (mut locker, _) = Wire::log_in(database.endpoint(), &[]);
    locker.query(format!("BEGIN; LOCK TABLE {lock} MODE")).until_ready();
    let mut program = target.program(words);
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = program.spawn().unwrap();
    waiting(&target, "1");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{words}: {stdout}");
    // The lock is still held.
    waiting(&target, "0");
    stdout
}

#[test]
fn finish_tells_which_sequences_it_has_moved() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query("CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t (id) VALUES (7)");
    // ANALYZE waits for it, and nothing that comes before.
    let said = interrupted(&database, "finish", "t IN SHARE UPDATE EXCLUSIVE");
    assert!(said.starts_with("INTERRUPTED: "), "{said}");
    assert!(said.contains("moved sequence public.t_id_seq, which gives 8 next"), "{said}");
    assert_eq!(target.query("SELECT nextval('t_id_seq')"), [["8"]]);
}

#[test]
fn commands_about_foreign_keys_tell_what_they_have_done() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    target.query(
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
         CREATE TABLE a (id int CONSTRAINT first REFERENCES p); INSERT INTO a VALUES (1);
         CREATE TABLE b (id int CONSTRAINT second REFERENCES p); INSERT INTO b VALUES (1)",
    );
    let on_tables = || target.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f'");
    // Parking is one transaction.
    let said = interrupted(&database, "fk park", "b IN ROW EXCLUSIVE");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(on_tables(), [["2"]]);
    let said = interrupted(&database, "fk validate --format json", "b IN ACCESS EXCLUSIVE");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["interrupted"], &said["done"]), (&true.into(), &serde_json::json!([])));
    target.json("fk park", 0);
    assert_eq!(on_tables(), [["0"]]);
    // Each key that is restored stays restored, and the others stay in the journal.
    let said = interrupted(&database, "fk restore", "b IN ROW EXCLUSIVE");
    assert!(said.starts_with("INTERRUPTED: ") && said.contains("first"), "{said}");
    assert!(!said.contains("second"), "{said}");
    assert_eq!(on_tables(), [["1"]]);
    target.json("fk restore", 0);
    assert_eq!(on_tables(), [["2"]]);
    target.json("fk status", 0);
}
