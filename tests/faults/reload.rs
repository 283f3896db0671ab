//! SIGHUP: the file is read again, sessions that run keep what they have, and a bad file changes
//! nothing.

use super::{assert_serves, log_in, say, sqlstate, wait_for};
use crate::support::{Cluster, Proxy, Wire};

/// Writes the file of a proxy, as an administrator does, and says so.
fn reload(proxy: &Proxy, config: &str, until_logged: &str) {
    let directory = std::fs::read_link(format!("/proc/{}/cwd", proxy.pid())).unwrap();
    std::fs::write(directory.join("proxy.toml"), config).unwrap();
    let before = proxy.log().len();
    proxy.signal("HUP");
    wait_for(until_logged, || proxy.log()[before..].contains(until_logged));
}

const DONE: &str = "new sessions follow";
const REFUSED: &str = "stays as it was";

/// What a session makes of a type of the source and of U+0000.
fn outcome(wire: &mut Wire) -> String {
    say(wire, "DROP TABLE IF EXISTS t; CREATE TABLE t (a STRING(5), b JSON)");
    wire.query(b"INSERT INTO t (a) VALUES ('a\0b')".as_slice());
    wire.until_ready();
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = to_regclass('t') AND attnum > 0";
    let said = say(wire, &format!("{types}; SELECT a FROM t; SHOW session_replication_role"));
    let rows = said.lines().filter_map(|line| line.strip_prefix("DataRow "));
    rows.collect::<Vec<_>>().join(" | ")
}

#[test]
fn new_sessions_follow_the_file_and_running_ones_do_not() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("[fk]\nmode = \"replica-role\"\n", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut old = log_in(&endpoint);
    let before = "character varying(5),text | a b | replica";
    assert_eq!(outcome(&mut old), before);
    let config = "[mapping]\njson = \"keep\"\nstring_length_factor = 2\n[values]\nnul = \"remove\"\n\
        [fk]\nmode = \"off\"\n";
    reload(&proxy, config, DONE);
    assert_eq!(outcome(&mut old), before);
    let after = "character varying(10),json | ab | origin";
    assert_eq!(outcome(&mut log_in(&endpoint)), after);
    for bad in ["[mapping]\njson = \"maybe\"\n", "[nonsense]\n", "[limits]\nclients = 0\n"] {
        reload(&proxy, bad, REFUSED);
        assert_eq!(outcome(&mut log_in(&endpoint)), after, "{bad}");
    }
    // An empty file means the defaults.
    reload(&proxy, "", DONE);
    assert_eq!(outcome(&mut log_in(&endpoint)), before.replace("replica", "origin"));
    assert_eq!(outcome(&mut old), before);
}

#[test]
fn limits_and_the_log_follow_the_file_at_once() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    let kept = log_in(&endpoint);
    reload(&proxy, "[limits]\nclients = 1\nmessage_bytes = 1000\n", DONE);
    assert_eq!(sqlstate(&Wire::log_in(&endpoint, &[]).1), "53300");
    reload(&proxy, "[limits]\nmessage_bytes = 1000\nstartup_timeout = 1\n", DONE);
    let mut wire = log_in(&endpoint);
    wire.query("x".repeat(2000));
    assert_eq!(sqlstate(&wire.until_ready()), "08P01");
    let mut silent = Wire::open(&endpoint);
    assert_eq!(sqlstate(&silent.until_ready()), "08P01");
    drop(kept);
    reload(&proxy, "[log]\nlevel = \"debug\"\n", DONE);
    drop(Wire::open(&endpoint));
    wait_for("debug is logged", || proxy.log().contains("DEBUG"));
}

#[test]
fn what_cannot_change_is_named() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let config = "[listen]\nsslmode = \"disable\"\nunix_socket = \"s\"\n[target]\n\
        connect_timeout = 3\n[limits]\nthreads = 3\n[log]\nformat = \"json\"\n";
    reload(&proxy, config, DONE);
    let keys = "listen, target.connect_timeout, limits.threads, log.format";
    assert!(proxy.log().contains(&format!("keys=\"{keys}\"")), "{}", proxy.log());
    assert_serves(&proxy, database.endpoint());
    // What stays has not changed.
    assert!(proxy.log().contains("changed=\"\" needs_restart=\"listen, "), "{}", proxy.log());
    // The flags of the command line still beat the file.
    reload(&proxy, "[target]\nurl = \"postgres://nowhere.invalid\"\n", DONE);
    assert_serves(&proxy, database.endpoint());
    assert_eq!(proxy.log().matches("need a restart").count(), 1, "{}", proxy.log());
}

#[test]
fn what_has_changed_is_named() {
    let proxy = Proxy::start("[mapping]\njson = \"keep\"\n", &[]);
    let changes = |config: &str, expected: &str| {
        reload(&proxy, config, DONE);
        let log = proxy.log();
        let last = log.lines().rfind(|line| line.contains(DONE)).unwrap().to_owned();
        assert!(last.contains(&format!("changed={expected:?} ")), "{config}: {last}");
    };
    changes("[mapping]\njson = 'keep' # the same\n", "");
    changes(
        "[fk]\nmode = \"off\"\n[mapping.types]\n\"a\" = \"TEXT\"\n",
        "mapping.json, fk.mode, mapping.types.a",
    );
    reload(&proxy, "[fk]\nmode = \"nonsense\"\n", REFUSED);
    changes("[limits]\nclients = 7\n", "fk.mode, limits.clients, mapping.types.a");
}

/// Signals by the hundred while clients come and go.
#[test]
fn signals_by_the_hundred() {
    let database = Cluster::shared().create_database();
    let proxy = Proxy::start("", &[]);
    let endpoint = proxy.endpoint(database.endpoint());
    for _ in 0..100 {
        proxy.signal("HUP");
        let mut wire = log_in(&endpoint);
        assert!(say(&mut wire, "SELECT 'served'").contains("served"));
    }
    assert_serves(&proxy, database.endpoint());
    assert_eq!(proxy.stop(), Some(0));
}
