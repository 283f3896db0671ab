//! Clients behind a balancer that tells their addresses by the PROXY protocol.

use std::time::{Duration, Instant};

use crate::protocol::{log_in, say};
use crate::support::{Cluster, Proxy, Wire, transcript};

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x0a\0\0\x01\xdc\x04\x15\x38";

fn wait_for_line(proxy: &Proxy, part: &str) {
    let began = Instant::now();
    while !proxy.log().contains(part) {
        assert!(began.elapsed() < Duration::from_secs(20), "{part}\n{}", proxy.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_log_shows_the_client_behind_the_balancer() {
    for (mode, header, shown) in [
        ("on", &b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 5432\r\n"[..], "192.0.2.7:56324"),
        ("on", V2, "198.51.100.7:56324"),
        ("v1", b"PROXY TCP6 2001:db8::7 ::1 56325 5432\r\n", "[2001:db8::7]:56325"),
        ("v2", V2, "198.51.100.7:56324"),
    ] {
        let proxy = Proxy::start(&format!("listen.proxy_protocol = \"{mode}\"\n"), &[]);
        let database = Cluster::shared().create_database();
        let endpoint = proxy.endpoint(database.endpoint());
        let mut wire = Wire::open(&endpoint);
        wire.send_raw(header);
        wire.startup(&endpoint, &[]);
        wire.until_ready();
        assert!(say(&mut wire, "SELECT 1").contains("DataRow 1\n"));
        wire.terminate();
        wait_for_line(&proxy, shown);
    }
}

#[test]
fn a_header_is_needed_where_it_is_allowed() {
    let refused = |config: &str, header: &[u8]| {
        let proxy = Proxy::start(config, &[]);
        let database = Cluster::shared().create_database();
        let endpoint = proxy.endpoint(database.endpoint());
        let mut wire = Wire::open(&endpoint);
        if header.is_empty() {
            wire.startup(&endpoint, &[]);
        } else {
            // It is refused by itself; more would meet a closed socket.
            wire.send_raw(header);
        }
        transcript(&wire.until(b'E'))
    };
    let on = "listen.proxy_protocol = \"on\"\n";
    for (config, header) in [
        (on.to_owned(), &b""[..]),
        (on.to_owned(), b"PROXY TCP4 nonsense\r\n"),
        ("listen.proxy_protocol = \"v1\"\n".to_owned(), V2),
        ("listen.proxy_protocol = \"v2\"\n".to_owned(), b"PROXY UNKNOWN\r\n"),
    ] {
        let said = refused(&config, header);
        assert!(said.contains("C=\"08P01\"") && said.contains("PROXY"), "{said}");
    }
    // From elsewhere it is no header but a packet that cannot be.
    let elsewhere = format!("{on}listen.proxy_protocol_from = [\"192.0.2.0/24\"]\n");
    for config in [elsewhere.as_str(), ""] {
        let said = refused(config, b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 5432\r\n");
        assert!(said.contains("invalid length of startup packet"), "{said}");
    }
    let proxy = Proxy::start(&elsewhere, &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    assert!(say(&mut wire, "SELECT 1").contains("DataRow 1\n"));
}

/// Three proxies on one server: what they do meets there, and nowhere else.
#[test]
fn three_proxies_need_no_coordination() {
    let database = Cluster::shared().create_database();
    database
        .query("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p, a text)");
    let park = "fk.mode = \"park\"\n";
    let mut proxies: Vec<Proxy> = (0..3).map(|_| Proxy::start(park, &[])).collect();
    let mut wires: Vec<Wire> =
        proxies.iter().map(|proxy| log_in(&proxy.endpoint(database.endpoint()))).collect();
    // All of them load at once: the foreign key is parked by one.
    for wire in &mut wires {
        wire.query("INSERT INTO c VALUES (7, E'a\\0b')");
    }
    for wire in &mut wires {
        let said = transcript(&wire.until_ready());
        assert!(said.contains("INSERT 0 1"), "{said}");
    }
    assert_eq!(database.query("SELECT count(*) FROM dms_proxy.fk_journal"), [["1"]]);
    // A request to cancel takes any way.
    let (mut busy, greeting) = Wire::log_in(&proxies[0].endpoint(database.endpoint()), &[]);
    let key = greeting.iter().find(|frame| frame.tag == b'K').unwrap().body.clone();
    busy.query("SELECT pg_sleep(60)");
    std::thread::sleep(Duration::from_millis(200));
    let mut cancel = Wire::open(&proxies[2].endpoint(database.endpoint()));
    let length = u32::try_from(key.len() + 8).unwrap().to_be_bytes();
    cancel.send_raw(&[&length[..], &80_877_102_u32.to_be_bytes(), &key].concat());
    assert!(transcript(&busy.until_ready()).contains("C=\"57014\""));
    // Definitions of one are seen by sessions of the others.
    say(&mut wires[0], "ALTER TABLE c ADD d jsonb");
    let said = say(&mut wires[1], "INSERT INTO c (p, d) VALUES (8, '{\"a\": \"\\u0000\"}')");
    assert!(said.contains("INSERT 0 1"), "{said}");
    // One is killed, one is stopped, one goes on.
    proxies[0].signal("KILL");
    drop(busy);
    let stopped = proxies.remove(1);
    assert_eq!(stopped.stop(), Some(0));
    let said = say(&mut wires[2], "INSERT INTO c VALUES (9, E'c\\0d')");
    assert!(said.contains("INSERT 0 1"), "{said}");
    wires[2].terminate();
    // The ledger has what was not killed: 2 of the one that was stopped, 2 of the last.
    let began = Instant::now();
    let sum = "SELECT sum(count), array_length(array_agg(DISTINCT r), 1)
        FROM dms_proxy.rewrites, unnest(rules) r";
    while database.query(sum) != [["4", "1"]] {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", database.query(sum));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn proxies_with_other_rules_are_told_apart() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a text)");
    let mut shown = Vec::new();
    for config in ["", "values.nul = \"remove\"\n"] {
        let proxy = Proxy::start(config, &[]);
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        let said = say(&mut wire, "SHOW dms.rules");
        let rules = said.lines().find_map(|line| line.strip_prefix("DataRow ")).unwrap().to_owned();
        wait_for_line(&proxy, &format!("rules {rules}"));
        say(&mut wire, "INSERT INTO t VALUES (E'a\\0b')");
        wire.terminate();
        assert!(wire.read_to_end().is_empty());
        shown.push(rules);
    }
    assert_ne!(shown[0], shown[1]);
    shown.sort();
    let rules =
        "SELECT r FROM dms_proxy.rewrites, unnest(rules) r GROUP BY r ORDER BY r COLLATE \"C\"";
    let expected: Vec<Vec<String>> = shown.into_iter().map(|rules| vec![rules]).collect();
    let began = Instant::now();
    while database.query(rules) != expected {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", database.query(rules));
        std::thread::sleep(Duration::from_millis(50));
    }
}
