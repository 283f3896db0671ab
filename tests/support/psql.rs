//! psql, which comes with most servers but not with all.

use super::Endpoint;
use super::program::{Finished, program, run};

/// Runs a psql script: no start-up file, unaligned output without footers.
pub fn psql(endpoint: &Endpoint, arguments: &[&str], script: &str) -> Finished {
    let mut command = program("psql");
    command
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
        .args(["--host", &endpoint.address.ip().to_string()])
        .args(["--port", &endpoint.address.port().to_string()])
        .args(["--username", &endpoint.user, "--dbname", &endpoint.database])
        .args(arguments);
    run(&mut command, script.as_bytes())
}

/// Runs a psql script on the database that a connection string names.
pub fn psql_to(connection: &str, script: &str) -> Finished {
    let mut command = program("psql");
    command
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", connection]);
    run(&mut command, script.as_bytes())
}
