//! The first packets of a session.

use std::time::{Duration, Instant};

use super::{exact, log_in, say};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire, both};

const SSL_REQUEST: i32 = 80_877_103;
const GSSENC_REQUEST: i32 = 80_877_104;

/// A packet without a tag.
fn packet(body: Body) -> Vec<u8> {
    let length = i32::try_from(body.0.len() + 4).unwrap();
    Body::default().int32(length).bytes(body.0).0
}

pub(super) fn version(endpoint: &Endpoint, version: i32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let body = Body::default().int32(version).string("user").string(&endpoint.user);
    let body = body.string("database").string(&endpoint.database);
    let add = |body: Body, (name, value): &(&str, &str)| body.string(name).string(value);
    packet(parameters.iter().fold(body, add).bytes([0]))
}

#[test]
fn greeting_is_the_servers() {
    both(|endpoint| {
        let logins: [&[(&str, &str)]; 9] = [
            &[],
            &[
                ("application_name", "ä tool"),
                ("client_encoding", "LATIN1"),
                ("DateStyle", "German"),
            ],
            &[("options", "-c geqo=off -c search_path=a,b -c statement_timeout=1000")],
            &[("options", "--work_mem=9MB -c my.setting=with\\ blank")],
            &[("options", "-c nope=1")],
            &[("nope", "1")],
            &[("my.setting", "x")],
            &[("TimeZone", "Nowhere/Land")],
            &[("replication", "off")],
        ];
        logins.map(|parameters| {
            let (mut wire, greeting) = Wire::log_in(endpoint, parameters);
            let mut said = exact(&greeting);
            if said.ends_with("Z I\n") {
                said += &say(
                    &mut wire,
                    "SHOW search_path; SHOW work_mem; SELECT current_setting('my.setting', true)",
                );
            }
            said
        })
    });
}

#[test]
fn unknown_users_and_databases() {
    both(|endpoint| {
        let nobody = Endpoint { user: "no such user".into(), ..endpoint.clone() };
        let nowhere = Endpoint { database: "no such database".into(), ..endpoint.clone() };
        [nobody, nowhere].map(|endpoint| {
            let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
            (exact(&greeting), wire.read_to_end())
        })
    });
}

#[test]
fn encryption_is_declined_and_the_session_begins() {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let (_, greeting) = Wire::log_in(database.endpoint(), &[]);
    for requests in [&[SSL_REQUEST][..], &[GSSENC_REQUEST], &[GSSENC_REQUEST, SSL_REQUEST]] {
        let mut wire = Wire::open(&endpoint);
        for request in requests {
            wire.send_raw(&packet(Body::default().int32(*request)));
            assert_eq!(wire.read_byte(), b'N');
        }
        wire.startup(&endpoint, &[]);
        assert_eq!(exact(&wire.until_ready()), exact(&greeting));
    }
    // For ever is too often.
    let mut wire = Wire::open(&endpoint);
    for _ in 0..8 {
        wire.send_raw(&packet(Body::default().int32(SSL_REQUEST)));
        assert_eq!(wire.read_byte(), b'N');
    }
    assert_eq!(super::sqlstate(&wire.until_ready()), "08P01");
}

#[test]
fn versions_are_negotiated_by_the_server() {
    let said = both(|endpoint| {
        let options = [("_pq_.command_tag_format", "lower"), ("_pq_.grease", "x")];
        [(3 << 16 | 2, &[][..]), (3 << 16 | 9999, &options), (3 << 16, &options), (4 << 16, &[])]
            .map(|(number, parameters)| {
                let mut wire = Wire::open(endpoint);
                wire.send_raw(&version(endpoint, number, parameters));
                let mut said = exact(&wire.until_ready());
                if said.ends_with("Z I\n") {
                    said += &say(&mut wire, "SELECT 1");
                }
                said
            })
    });
    assert!(said[1].contains("_pq_.grease"), "{}", said[1]);
    assert!(said[3].contains("unsupported frontend protocol 4.0"), "{}", said[3]);
}

#[test]
fn protocol_2_is_answered_by_the_server() {
    let said = both(|endpoint| {
        let mut wire = Wire::open(endpoint);
        let mut body = vec![0; 288];
        body[..8].copy_from_slice(b"database");
        wire.send_raw(&packet(Body::default().int32(2 << 16).bytes(body)));
        wire.read_to_end().escape_ascii().to_string()
    });
    assert!(said.contains("unsupported frontend protocol 2.0"), "{said}");
}

#[test]
fn startup_packet_in_single_bytes() {
    both(|endpoint| {
        let mut wire = Wire::open(endpoint);
        for byte in version(endpoint, 3 << 16, &[]) {
            wire.send_raw(&[byte]);
        }
        exact(&wire.until_ready())
    });
}

#[test]
fn client_runs_ahead_of_its_login() {
    both(|endpoint| {
        let mut wire = Wire::open(endpoint);
        wire.startup(endpoint, &[]);
        wire.query("SELECT 'first'").parse("", "SELECT 'second'", &[]).sync();
        super::exact_until_ready(&mut wire, 3)
    });
}

#[test]
fn walsender_sessions_are_relayed() {
    let said = both(|endpoint| {
        let (mut wire, greeting) = Wire::log_in(endpoint, &[("replication", "database")]);
        let mut said = exact(&greeting);
        let identity = crate::support::transcript(&wire.query("IDENTIFY_SYSTEM").until_ready());
        // The system's identity and timeline; the position in the log moves.
        let row = identity.lines().find(|line| line.starts_with("DataRow")).unwrap();
        said += &row.split(' ').take(3).collect::<Vec<_>>().join(" ");
        said += &say(&mut wire, "SELECT 'sql'");
        said += &say(&mut wire, "SHOW session_replication_role");
        said += &say(&mut wire, "CREATE_REPLICATION_SLOT");
        said
    });
    assert!(said.contains("DataRow origin\n"), "{said}");
}

#[test]
fn target_that_is_down_is_said_in_a_sentence() {
    let target = "postgresql://127.0.0.1:1";
    let program =
        [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0", "--target", target];
    let proxy = Proxy::start_program("", &program).unwrap();
    let endpoint = Endpoint { address: proxy.address(), user: "u".into(), database: "d".into() };
    let (mut wire, said) = Wire::log_in(&endpoint, &[]);
    assert_eq!(super::sqlstate(&said), "08001");
    let message = super::field(&said, b'E', b'M').unwrap();
    assert!(message.starts_with("the target at 127.0.0.1:1 cannot be reached: "), "{message}");
    assert_eq!(super::field(&said, b'E', b'V').unwrap(), "FATAL");
    assert!(wire.read_to_end().is_empty());
}

#[test]
fn clients_are_limited() {
    let proxy = Proxy::start("[limits]\nclients = 1\n", &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    let mut first = log_in(&endpoint);
    let (mut second, said) = Wire::log_in(&endpoint, &[]);
    assert_eq!(super::sqlstate(&said), "53300");
    assert_eq!(super::field(&said, b'E', b'V').unwrap(), "FATAL");
    assert!(second.read_to_end().is_empty());
    assert!(say(&mut first, "SELECT 'still here'").contains("still here"));
    first.terminate();
    assert!(first.read_to_end().is_empty());
    // Room is made when a session has ended, which takes a moment.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let (_, said) = Wire::log_in(&endpoint, &[]);
        if said.last().is_some_and(|frame| frame.tag == b'Z') {
            break;
        }
        assert!(Instant::now() < until, "{said:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn client_that_says_nothing_is_sent_away() {
    let proxy = Proxy::start("[limits]\nstartup_timeout = 1\n", &[]);
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    for beginning in [&b""[..], b"\0\0", b"\0\0\0\x50\0\x03\0\0user\0"] {
        let mut wire = Wire::open(&endpoint);
        let began = Instant::now();
        wire.send_raw(beginning);
        let said = wire.until_ready();
        assert_eq!(super::sqlstate(&said), "08P01");
        assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
        assert!(wire.read_to_end().is_empty());
    }
    // One that has begun in time may stay silent.
    let mut wire = log_in(&endpoint);
    assert!(!wire.has_reply_within(Duration::from_millis(1200)));
    assert!(say(&mut wire, "SELECT 'here'").contains("here"));
}
