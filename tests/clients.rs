//! Real drivers do the same load on the server and through the proxy, and print the same. Each
//! test exists only where `tests/setup` found its client.

mod bad_rows;
mod console;
mod renamed;
mod renamed_sources;
mod traps;

use std::process::Command;

use crate::support::{Endpoint, both, command, program, run, setup_directory};

/// Runs a driver's load, which prints at least so many lines when it does all it should.
fn same_output(lines_min: usize, load: impl Fn() -> Command) {
    let output = both(|endpoint: &Endpoint| {
        let mut load = load();
        let load = load.current_dir(setup_directory().with_file_name("clients"));
        run(load.args(arguments(endpoint)), b"").success()
    });
    assert!(output.lines().count() >= lines_min, "{output}");
}

/// What each load is called with.
fn arguments(endpoint: &Endpoint) -> [String; 4] {
    let Endpoint { address, user, database } = endpoint;
    [address.ip().to_string(), address.port().to_string(), user.clone(), database.clone()]
}

fn python(script: &str) -> Command {
    let mut python = command(setup_directory().join("venv/bin/python"));
    python.arg(script);
    python
}

#[cfg(client = "psycopg")]
#[test]
fn psycopg() {
    same_output(37, || python("load_psycopg.py"));
}

#[cfg(client = "asyncpg")]
#[test]
fn asyncpg() {
    same_output(15, || python("load_asyncpg.py"));
}

#[cfg(client = "psqlodbc")]
#[test]
fn psqlodbc() {
    same_output(72, || python("load_psqlodbc.py"));
}

#[cfg(client = "node-postgres")]
#[test]
fn node_postgres() {
    same_output(14, || {
        let mut node = program("node");
        node.arg("load_node_postgres.js");
        node
    });
}

#[cfg(client = "pgjdbc")]
#[test]
fn pgjdbc() {
    same_output(176, || {
        let mut java = program("java");
        java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
        java.arg("LoadPgjdbc.java");
        java
    });
}
