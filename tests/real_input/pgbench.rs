//! pgbench fills its tables and runs its transactions in every query mode.

use std::process::Command;

use super::{checksums, libpq_program};
use crate::support::{Cluster, Endpoint, both, run};

const CLIENTS: u32 = 4;
const TRANSACTIONS: u32 = 100;
const MODES: [&str; 3] = ["simple", "extended", "prepared"];
const TABLES: [&str; 4] =
    ["pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"];

/// What TPC-B keeps equal: every transaction adds its delta to all four.
const SUMS: &str = "SELECT count(*),
    sum(delta) = (SELECT sum(abalance) FROM pgbench_accounts),
    sum(delta) = (SELECT sum(tbalance) FROM pgbench_tellers),
    sum(delta) = (SELECT sum(bbalance) FROM pgbench_branches)
    FROM pgbench_history";

fn pgbench(endpoint: &Endpoint) -> Command {
    libpq_program("pgbench", endpoint)
}

/// Runs a built-in script with all clients; no transaction may fail.
fn bench(endpoint: &Endpoint, mode: &str, script: &str) {
    let mut command = pgbench(endpoint);
    command.args(["--no-vacuum", "--protocol", mode, "--builtin", script]);
    command.args(["--client", &CLIENTS.to_string(), "--jobs", "2"]);
    command.args(["--transactions", &TRANSACTIONS.to_string()]);
    let said = run(&mut command, b"").success();
    let all = CLIENTS * TRANSACTIONS;
    let processed = format!("number of transactions actually processed: {all}/{all}\n");
    assert!(said.contains(&processed), "{said}");
    assert!(said.contains("number of failed transactions: 0 (0.000%)"), "{said}");
}

#[test]
fn every_query_mode_keeps_the_sums_of_tpc_b() {
    let sums = both(|endpoint| {
        run(pgbench(endpoint).args(["--initialize", "--quiet", "--scale", "10"]), b"").success();
        let filled = checksums(&endpoint.database, &TABLES);
        for mode in MODES {
            bench(endpoint, mode, "tpcb-like");
            bench(endpoint, mode, "select-only");
        }
        (filled, Cluster::shared().query(&endpoint.database, SUMS))
    });
    let all = CLIENTS * TRANSACTIONS * 3;
    assert_eq!(sums.0[0][..2], ["pgbench_accounts", "1000000"]);
    assert_eq!(sums.1, [[all.to_string().as_str(), "t", "t", "t"]]);
}
