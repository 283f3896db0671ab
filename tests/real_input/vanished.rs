//! Clients that are killed, and statements that are cancelled, leave nothing behind on the target.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{libpq_program, wait_for};
use crate::support::{Cluster, Database, Proxy};

/// How long the target may go on with a statement that nobody waits for any more.
const CANCELLED_WITHIN: Duration = Duration::from_secs(10);

/// psql through the proxy, with a pipe for its script.
fn spawn_psql(database: &Database, arguments: &[impl AsRef<OsStr>]) -> Child {
    let mut psql = libpq_program("psql", &Proxy::shared().endpoint(database.endpoint()));
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]).args(arguments);
    psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    psql.spawn().unwrap()
}

/// Waits until so many sessions of the database run a statement like this.
fn wait_for_sessions(database: &Database, statement: &str, count: &str) {
    let name = &database.endpoint().database;
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = '{name}' AND query LIKE '{statement}' AND backend_type = 'client backend'"
    );
    wait_for("postgres", &sessions, count);
}

/// Kills the client without a word, as a crash does; its session must end soon.
fn kill(mut client: Child, database: &Database) {
    client.kill().unwrap();
    let killed = Instant::now();
    client.wait().unwrap();
    wait_for_sessions(database, "%", "0");
    assert!(killed.elapsed() < CANCELLED_WITHIN, "{:?}", killed.elapsed());
}

#[test]
fn client_killed_in_a_copy() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (n int, t text)");
    let mut psql = spawn_psql(&database, &["--no-readline"]);
    let mut script = psql.stdin.take().unwrap();
    script.write_all(b"COPY t FROM STDIN;\n").unwrap();
    for row in 0..100_000 {
        writeln!(script, "{row}\tsome text").unwrap();
    }
    wait_for_sessions(&database, "COPY t FROM STDIN%", "1");
    let copied = "SELECT count(*) FROM pg_stat_progress_copy
        WHERE datname = current_database() AND tuples_processed > 10000";
    wait_for(&database.endpoint().database, copied, "1");
    kill(psql, &database);
    assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
}

#[test]
fn client_killed_while_its_statement_runs() {
    let database = Cluster::shared().create_database();
    let psql = spawn_psql(&database, &["--command=SELECT pg_sleep(600)"]);
    wait_for_sessions(&database, "SELECT pg_sleep%", "1");
    kill(psql, &database);
}

#[test]
fn client_killed_while_its_transaction_waits() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (n int)");
    let mut psql = spawn_psql(&database, &["--no-readline"]);
    let mut script = psql.stdin.take().unwrap();
    script.write_all(b"BEGIN;\nINSERT INTO t VALUES (1);\n").unwrap();
    wait_for_sessions(&database, "INSERT INTO t%", "1");
    kill(psql, &database);
    assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
}

#[test]
fn interrupted_statement_is_cancelled_and_the_session_goes_on() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (pid int)");
    // Commands go on after an interrupt, unlike a script, but print nothing any more.
    let insert = "INSERT INTO t SELECT pg_backend_pid()";
    let commands = [insert, "SELECT pg_sleep(600)", insert].map(|sql| format!("--command={sql}"));
    let psql = spawn_psql(&database, &commands);
    wait_for_sessions(&database, "SELECT pg_sleep%", "1");
    let interrupted = Instant::now();
    let sent = Command::new("kill").args(["-s", "INT", &psql.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let output = psql.wait_with_output().unwrap();
    assert!(interrupted.elapsed() < CANCELLED_WITHIN, "{:?}", interrupted.elapsed());
    let said = str::from_utf8(&output.stderr).unwrap();
    let error = "ERROR:  canceling statement due to user request";
    assert!(said.contains(error), "{said}");
    let sessions = database.query("SELECT count(*), count(DISTINCT pid) FROM t");
    assert_eq!(sessions, [["2", "1"]], "{said}");
}
