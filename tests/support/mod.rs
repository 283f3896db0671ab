//! What the tests stand on: one server for all of them, a proxy in front of it, and clients.

mod cluster;
mod cutting_relay;
mod engine;
mod program;
mod proxy;
#[cfg(client = "psql")]
mod psql;
mod recorder;
mod tls;
mod wire;

pub use cluster::{Cluster, Database, query};
pub use cutting_relay::cutting_relay;
pub use engine::{ENGINES, Engine};
pub use program::{Finished, command, program, run, setup_directory};
pub use proxy::Proxy;
#[cfg(client = "psql")]
pub use psql::{psql, psql_to};
pub use recorder::Recorder;
pub use tls::TlsCluster;
pub use wire::{Body, Frame, Wire, transcript};

use std::fmt::Debug;
use std::net::SocketAddr;

/// What a client needs to connect: the server itself, or a proxy in front of it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub address: SocketAddr,
    pub user: String,
    pub database: String,
}

/// Runs the same on the server and through the shared proxy, each on a fresh database, and wants
/// the same result. Names of databases differ: leave them out of the result.
pub fn both<T: PartialEq + Debug>(run: impl Fn(&Endpoint) -> T) -> T {
    both_through(Proxy::shared(), run)
}

/// The same through a proxy with settings of its own.
pub fn both_through<T: PartialEq + Debug>(proxy: &Proxy, run: impl Fn(&Endpoint) -> T) -> T {
    let database = Cluster::shared().create_database();
    let direct = run(database.endpoint());
    let database = Cluster::shared().create_database();
    let proxied = run(&proxy.endpoint(database.endpoint()));
    assert_same(&direct, &proxied);
    direct
}

/// Says where two results part: they can be long.
pub fn assert_same<T: PartialEq + Debug>(direct: &T, proxied: &T) {
    if direct == proxied {
        return;
    }
    let (direct, proxied) = (format!("{direct:#?}"), format!("{proxied:#?}"));
    // A string is one line to Debug.
    let lines = |text: &str| text.replace("\\n", "\n").lines().map(str::to_owned).collect();
    let (direct, proxied): (Vec<String>, Vec<String>) = (lines(&direct), lines(&proxied));
    let same =
        direct.iter().zip(&proxied).take_while(|(direct, proxied)| direct == proxied).count();
    let rest =
        |lines: &[String]| lines.iter().skip(same).take(8).cloned().collect::<Vec<_>>().join("\n");
    panic!(
        "direct and proxied differ after {same} lines\n--- direct\n{}\n--- proxied\n{}",
        rest(&direct),
        rest(&proxied)
    );
}
