//! `SHOW dms.name`: what a client is told of the proxy and of its own session.

use super::{log_in, run, say};
use crate::support::{Cluster, Proxy};

/// The first value of the answer.
fn value(said: &str) -> String {
    let row = said.lines().find_map(|line| line.strip_prefix("DataRow "));
    row.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn values_of_the_proxy_are_shown_by_either_protocol() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    let target = value(&run(&mut wire, "SHOW dms.target", false));
    for by_parse in [false, true] {
        for (name, expected) in [
            ("version", env!("CARGO_PKG_VERSION")),
            ("source", "dms"),
            ("target", &target),
            ("phase", "full-load"),
            ("fk", "auto"),
            ("rewrite", "on"),
            ("table_prep", "pass-through"),
            ("notices", "on"),
        ] {
            let said = run(&mut wire, &format!("SHOW DMS.{name}"), by_parse);
            assert_eq!(value(&said), expected, "{name}: {said}");
            assert!(said.contains("CommandComplete SHOW\n"), "{said}");
        }
        let number: u64 = value(&run(&mut wire, "SHOW dms.session", by_parse)).parse().unwrap();
        assert!(number > 0);
    }
    assert!(target.contains(':') || target.starts_with('/'), "{target}");
    let said = say(&mut wire, "SHOW dms.version");
    assert!(said.contains("RowDescription dms.version"), "{said}");
}

#[test]
fn settings_are_shown_as_they_are_in_force() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    wire.parse("p", "SHOW dms.phase", &[]).sync().until_ready();
    let mut phases = |sql: &str| {
        say(&mut wire, sql);
        let simple = value(&say(&mut wire, "SHOW dms.phase"));
        wire.bind("", "p", &[], &[], 0).execute("", 0).sync();
        assert_eq!(value(&crate::support::transcript(&wire.until_ready())), simple, "{sql}");
        simple
    };
    assert_eq!(phases("SELECT 1"), "full-load");
    assert_eq!(phases("SET dms.phase = 'cdc'"), "cdc");
    assert_eq!(phases("BEGIN; SET LOCAL dms.phase = 'full-load'"), "full-load");
    assert_eq!(phases("ROLLBACK"), "cdc");
    assert_eq!(phases("RESET dms.phase"), "full-load");
    let both = say(&mut wire, "SET dms.phase = 'cdc'; SHOW dms.phase");
    assert_eq!(value(&both), "cdc");
}

#[test]
fn other_names_are_the_servers_to_refuse() {
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    let said = say(&mut wire, "SHOW dms.colour");
    assert!(said.contains("42704") && said.contains("dms.colour"), "{said}");
    let said = say(&mut wire, "BEGIN; SELECT 1/0");
    assert!(said.contains("22012"), "{said}");
    assert!(say(&mut wire, "SHOW dms.version").contains("25P02"));
}
