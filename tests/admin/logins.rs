//! How logins and connections with the target end, as they are counted and logged.

use super::{admin_address, get, wait_for};
use crate::support::{Cluster, Endpoint, Proxy, TlsCluster, Wire, transcript};

const ADMIN: &str = "[admin]\naddress = '127.0.0.1:0'\n";

/// The value of a series.
fn figure(proxy: &Proxy, series: &str) -> u64 {
    let page = get(admin_address(proxy), "/metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series}: {page}")).trim().parse().unwrap()
}

fn outcome(proxy: &Proxy, outcome: &str) -> u64 {
    figure(proxy, &format!("dms_proxy_logins_total{{outcome=\"{outcome}\"}}"))
}

fn told(endpoint: &Endpoint) -> String {
    transcript(&Wire::log_in(endpoint, &[]).1)
}

#[test]
fn a_target_that_is_away_is_a_line_with_a_count() {
    // Nobody listens there.
    let proxy = Proxy::start_to("postgresql://127.0.0.1:1", ADMIN);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    for _ in 0..3 {
        assert!(told(&endpoint).contains("08001"));
    }
    wait_for(|| outcome(&proxy, "target_unreachable") == 3);
    let refused = "dms_proxy_target_connect_failures_total{reason=\"refused\"}";
    wait_for(|| figure(&proxy, refused) >= 4);
    // That of the first client, and that of the proxy's own look.
    wait_for(|| proxy.log().matches("event=\"target_unreachable\"").count() == 2);
    assert_eq!(proxy.log().matches(" failed=").count(), 2, "{}", proxy.log());
}

#[test]
fn connections_of_sessions_count() {
    let proxy = Proxy::start(ADMIN, &[]);
    let database = Cluster::shared().create_database();
    wait_for(|| figure(&proxy, "dms_proxy_target_connect_seconds_count") == 1);
    let _session = crate::protocol::log_in(&proxy.endpoint(database.endpoint()));
    wait_for(|| figure(&proxy, "dms_proxy_target_connect_seconds_count") == 2);
    wait_for(|| outcome(&proxy, "ok") == 1);
    let version = database.query("SHOW server_version").remove(0).remove(0);
    let overview = || get(admin_address(&proxy), "/api/overview").json();
    wait_for(|| overview()["target"]["version"] == version.as_str());
}

#[test]
fn logins_without_the_tls_that_is_asked_for_are_counted_and_logged() {
    let cluster = TlsCluster::shared();
    let files = ["crt", "key"].map(|kind| cluster.path(&format!("server.{kind}")));
    let listen = format!(
        "[listen]\nsslmode = 'require'\nsslcert = {:?}\nsslkey = {:?}\n",
        files[0], files[1]
    );
    let proxy = Proxy::start(&format!("{listen}{ADMIN}"), &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    for _ in 0..2 {
        assert!(told(&endpoint).contains("28000"));
    }
    wait_for(|| outcome(&proxy, "tls") == 2);
    // One line, whatever comes behind it.
    wait_for(|| proxy.log().contains("event=\"login_refused\""));
    assert_eq!(proxy.log().matches("event=\"login_refused\"").count(), 1, "{}", proxy.log());
}

#[test]
fn a_limit_is_named_where_it_is_reached() {
    let proxy = Proxy::start(&format!("[limits]\nclients = 1\n{ADMIN}"), &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    let _one = crate::protocol::log_in(&endpoint);
    assert!(told(&endpoint).contains("53300"));
    wait_for(|| outcome(&proxy, "limit") == 1);
    wait_for(|| proxy.log().contains("event=\"clients_limit\" limit=1 refused=1"));
}
