//! Real drivers load rows of which each tenth is refused, where such rows are set aside: what they are told, what is
//! loaded and what is set aside is all that they sent.

use std::process::Command;

use super::{arguments, python};
use crate::support::{Cluster, Proxy, program, run, setup_directory};

const CONFIG: &str = "[errors]\ndata_error_policy = \"log-error\"\n\
    data_truncation_error_policy = \"log-error\"\n[fk]\nmode = \"off\"\n";

/// Runs the loads: each is named with the rows that it was told to have loaded, and has sent a thousand or a hundred.
fn loads(count: usize, mut load: Command) {
    let proxy = Proxy::start(CONFIG, &[]);
    let database = Cluster::shared().create_database();
    let load = load.current_dir(setup_directory().with_file_name("clients"));
    let said = run(load.args(arguments(&proxy.endpoint(database.endpoint()))), b"").success();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), count, "{said}");
    for line in lines {
        let (table, told) = line.split_once(' ').unwrap_or((line, ""));
        let found = database.query(&format!(
            "SELECT count(*), min(v), (SELECT count(*) FROM dms_proxy.rejected_rows
                WHERE table_name = '{table}' AND sqlstate = '22001') FROM {table}"
        ));
        let (loaded, aside): (usize, usize) =
            (found[0][0].parse().unwrap(), found[0][2].parse().unwrap());
        assert_eq!((aside * 9, &*found[0][1]), (loaded, "v"), "{line}: {found:?}");
        assert!(loaded == 900 || loaded == 90, "{line}: {found:?}");
        let told = told.trim_start_matches("COPY ");
        assert!(told.is_empty() || told == loaded.to_string(), "{line}: {found:?}");
    }
}

#[cfg(client = "psycopg")]
#[test]
fn psycopg() {
    loads(6, python("bad_rows_psycopg.py"));
}

#[cfg(client = "asyncpg")]
#[test]
fn asyncpg() {
    loads(3, python("bad_rows_asyncpg.py"));
}

#[cfg(client = "node-postgres")]
#[test]
fn node_postgres() {
    let mut node = program("node");
    node.arg("bad_rows_node_postgres.js");
    loads(2, node);
}

#[cfg(client = "pgjdbc")]
#[test]
fn pgjdbc() {
    let mut java = program("java");
    java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
    java.arg("BadRowsPgjdbc.java");
    loads(8, java);
}

#[cfg(client = "psqlodbc")]
#[test]
fn psqlodbc() {
    loads(24, python("bad_rows_psqlodbc.py"));
}

#[cfg(client = "pgloader")]
#[test]
fn pgloader() {
    loads(2, python("bad_rows_pgloader.py"));
}
