//! Drivers read the console by every protocol that they have.

use std::process::Command;

use super::{arguments, program, python, setup_directory};
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Endpoint, Proxy, run};

/// Runs a driver against the console of a proxy through which a table with two rows has come; gives its lines.
fn reads(mut driver: Command) -> Vec<String> {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[admin]\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut session = log_in(&endpoint);
    say(
        &mut session,
        "CREATE TABLE public.shown (a int); INSERT INTO public.shown VALUES (1), (2)",
    );
    let console = Endpoint { database: "dms_proxy".into(), ..endpoint };
    driver.current_dir(setup_directory().with_file_name("clients"));
    let said = run(driver.args(arguments(&console)), b"").success();
    said.lines().map(str::to_owned).collect()
}

/// So many of the lines are this one.
fn count(lines: &[String], line: &str) -> usize {
    lines.iter().filter(|said| *said == line).count()
}

#[cfg(client = "psycopg")]
#[test]
fn psycopg() {
    let lines = reads(python("console/console_psycopg.py"));
    let expected = [("table public shown 2 int", 6), ("seen True", 6), ("sessions 1", 6)];
    for (line, times) in expected.into_iter().chain([("refused SHOW HELP", 2)]) {
        assert_eq!(count(&lines, line), times, "{line}: {lines:?}");
    }
}

#[cfg(client = "asyncpg")]
#[test]
fn asyncpg() {
    let lines = reads(python("console/console_asyncpg.py"));
    let table = ["table public shown 2 int", "seen True"];
    let rest = ["cursor True", "simple SHOW", "refused SHOW HELP"];
    assert_eq!(lines, [&table[..], &table, &table, &rest].concat());
}

#[cfg(client = "node-postgres")]
#[test]
fn node_postgres() {
    let mut node = program("node");
    node.arg("console/console_node_postgres.js");
    let lines = reads(node);
    let table = ["table public shown 2 string", "seen true"];
    let rest = ["several 1 SHOW", "refused 0A000 SHOW HELP", "refused 0A000 SHOW HELP"];
    assert_eq!(lines, [&table[..], &table, &table, &rest].concat());
}

#[cfg(client = "pgjdbc")]
#[test]
fn pgjdbc() {
    let mut java = program("java");
    java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
    java.arg("console/ConsolePgjdbc.java");
    let lines = reads(java);
    assert_eq!(count(&lines, "table public shown 2"), 28, "{lines:?}");
    assert_eq!(count(&lines, "seen true"), 28, "{lines:?}");
    // Of a statement without parameters the second mode makes a simple query, which has no limit.
    for mode in ["extended", "extendedCacheEverything"] {
        assert_eq!(count(&lines, &format!("fetched {mode} true 2")), 1, "{lines:?}");
    }
    assert_eq!(count(&lines, "valid true"), 4, "{lines:?}");
    assert_eq!(count(&lines, "refused 0A000"), 4, "{lines:?}");
}
