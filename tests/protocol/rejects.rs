//! Values that a policy refuses: the error comes where the server's own would, and leaves what that
//! would leave.

use super::policies::{ROADS, Road, Row, TEXT_ROADS, copy, copy_sql, send, session, stream};
use super::{field, log_in, position, say, sqlstate};
use crate::support::{Cluster, Endpoint, Frame, Proxy, Wire, assert_same, transcript};

#[test]
fn refused_nuls_name_their_place() {
    let (_proxy, database, mut wire) = session("[values]\nnul = \"reject\"\n");
    say(&mut wire, "CREATE SCHEMA s; CREATE TABLE s.t (a text, \"B c\" varchar(9))");
    for road in ROADS {
        let row: Row = &[Some(b"fine"), Some(b"a\0b")];
        let frames = send(&mut wire, road, "s.t", row);
        let told = |code| field(&frames, b'E', code).unwrap_or_default();
        assert_eq!(sqlstate(&frames), "22021", "{road:?}: {frames:?}");
        assert_eq!((told(b's'), told(b't'), told(b'c')), ("s".into(), "t".into(), "B c".into()));
        assert!(told(b'D').contains("\"s\".\"t\""), "{road:?}: {frames:?}");
        assert!(told(b'H').contains("values.nul"), "{road:?}: {frames:?}");
        assert!(!format!("{frames:?}").contains("a b"), "{road:?}: {frames:?}");
        let context = told(b'W');
        let is_copy = matches!(road, Road::CopyText | Road::CopyCsv | Road::CopyBinary);
        assert_eq!(context, if is_copy { "COPY t, line 1, column B c" } else { "" }, "{road:?}");
        assert_eq!(transcript(frames.last_chunk::<1>().unwrap()), "ReadyForQuery I\n");
        // The session goes on, and so does the value without it.
        let frames = send(&mut wire, road, "s.t", &[Some(b"fine"), Some(b"ab")]);
        assert!(transcript(&frames).contains(" 1\nReady"), "{road:?}: {frames:?}");
    }
    assert_eq!(database.query("SELECT count(*) FROM s.t"), [["6"]]);
    // Wherever else it stands.
    let frames = wire.query(b"SELECT 'a\0b'").until_ready();
    assert_eq!((sqlstate(&frames).as_str(), position(&frames)), ("22021", Some(10)));
    wire.parse("", "SELECT $1::text", &[]).bind("", "", &[], &[Some(b"\0")], 0);
    let frames = wire.execute("", 0).sync().until_ready();
    assert_eq!(sqlstate(&frames), "22021", "{frames:?}");
    assert_eq!(sqlstate(&wire.query("SELECT E'\\000'").until_ready()), "22021");
}

#[test]
fn a_refused_constant_is_pointed_at() {
    let (_proxy, _database, mut wire) = session("[values]\nsilent_loss = \"reject\"\n");
    say(&mut wire, "CREATE TABLE t (a text, n numeric(5,2), b boolean)");
    let told = |sql: &str, frames: &[Frame]| {
        assert_eq!(sqlstate(frames), "22000", "{sql}: {frames:?}");
        assert_eq!(field(frames, b'E', b'c').unwrap(), "n");
        assert!(field(frames, b'E', b'D').unwrap().contains("value 2"), "{frames:?}");
        let before = sql.split("'1.234'").next().unwrap();
        let expected = before.chars().count() + 1;
        assert_eq!(position(frames), Some(expected), "{sql}");
    };
    for sql in [
        "INSERT INTO t VALUES ('ä', '1.234')",
        "/* ö */ INSERT INTO t (b, n) VALUES (1, '1.234'), (0, '7.777')",
        "UPDATE t SET a = 'ä€', n = '1.234'",
    ] {
        told(sql, &wire.query(sql).until_ready());
        told(sql, &wire.parse("", sql, &[]).sync().until_ready());
    }
    // An error of the server's that stands in front of it comes first.
    let frames = wire.query("INSERT INTO t (nope, n) VALUES ('x', '1.234')").until_ready();
    assert_eq!(sqlstate(&frames), "42703");
    let frames = wire.query("SELECT 1/0; INSERT INTO t VALUES ('x', '1.234')").until_ready();
    assert_eq!(sqlstate(&frames), "22012");
    let frames = wire.query("INSERT INTO t VALUES ('x', '1.234'); SELECT 1 FROM").until_ready();
    assert_eq!(sqlstate(&frames), "42601");
}

/// One conversation: with a value that is refused, in a column `n`.
type Talk = fn(&mut Wire, &[u8]) -> Vec<Frame>;

fn bad_insert(bad: &[u8]) -> Vec<u8> {
    [b"INSERT INTO t VALUES ('bad', '", bad, b"')"].concat()
}

fn bad_copy(road: Road, bad: &[u8]) -> Vec<u8> {
    let good: Row = &[Some(b"good"), Some(b"1")];
    stream(road, &[good, good, &[Some(b"bad"), Some(bad)], good, good, good])
}

fn ready(wire: &mut Wire, times: usize) -> Vec<Frame> {
    (0..times).flat_map(|_| wire.until_ready()).collect()
}

fn in_query(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    let bad = bad_insert(bad);
    let good = b"INSERT INTO t VALUES ('good', 1); ";
    wire.query(&bad).query("SELECT 1");
    wire.query([good, &bad[..], b"; SELECT 2"].concat()).query("SELECT count(*) FROM t");
    wire.query([b"BEGIN; ", &good[..], &bad].concat()).query("SELECT 3").query("ROLLBACK");
    wire.query("BEGIN").query([&good[..], &bad].concat()).query(&bad).query("SELECT 4");
    wire.query([b"ROLLBACK; ", &bad[..]].concat());
    wire.query([b"BEGIN; ", &good[..], b"COMMIT; ", &bad].concat()).query("SELECT 5");
    wire.query("BEGIN; SAVEPOINT s").query(&bad).query("ROLLBACK TO s");
    wire.query([&good[..], b"COMMIT"].concat());
    ready(wire, 17)
}

fn in_parse(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    let bad = bad_insert(bad);
    for begin in ["SELECT 1", "BEGIN"] {
        wire.query(begin);
        wire.parse("", "INSERT INTO t VALUES ('good', 2)", &[]).bind("", "", &[], &[], 0);
        wire.execute("", 0).parse("p", &bad, &[]).bind("", "p", &[], &[], 0).execute("", 0);
        wire.parse("q", "SELECT 1", &[]).sync();
        wire.parse("p", "SELECT 2", &[]).bind("", "p", &[], &[], 0).execute("", 0).sync();
        wire.query("ROLLBACK").parse("p", "SELECT 3", &[]).close(b'S', "p").sync();
    }
    ready(wire, 10)
}

fn in_bind(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    wire.parse("s", "INSERT INTO t VALUES ($1, $2)", &[]).sync();
    for begin in ["SELECT 1", "BEGIN"] {
        wire.query(begin);
        wire.bind("", "s", &[], &[Some(b"good"), Some(b"1")], 0).execute("", 0);
        wire.bind("", "s", &[], &[Some(b"bad"), Some(bad)], 0).describe(b'P', "").execute("", 0);
        wire.bind("", "s", &[], &[Some(b"good"), Some(b"1")], 0).execute("", 0).sync();
        // In a transaction that is aborted.
        wire.bind("", "s", &[], &[Some(b"bad"), Some(bad)], 0).execute("", 0).sync();
        wire.bind("p", "s", &[], &[Some(b"good"), Some(b"1")], 0).execute("p", 0).sync();
        wire.query("ROLLBACK").query("SELECT count(*) FROM t");
    }
    ready(wire, 13)
}

fn in_copy(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    let mut said = Vec::new();
    // The second of two in one Query.
    wire.query("COPY t FROM STDIN; COPY t FROM STDIN; SELECT 1").until(b'G');
    said.extend(wire.copy_data("good\t1\n").copy_done().until(b'G'));
    said.extend(wire.copy_data(bad_copy(Road::CopyText, bad)).copy_done().until_ready());
    for road in [Road::CopyText, Road::CopyCsv] {
        let stream = bad_copy(road, bad);
        for size in [1, 3, 4096] {
            for begin in ["SELECT 1", "BEGIN"] {
                said.extend(wire.query(begin).until_ready());
                said.extend(copy(wire, &copy_sql(road, "t"), &stream, size));
                said.extend(wire.query("SELECT count(*) FROM t").query("ROLLBACK").until_ready());
                said.extend(wire.until_ready());
            }
        }
    }
    said
}

/// Everything at once, without waiting for anything.
fn in_copy_ahead(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    let rows = bad_copy(Road::CopyText, bad);
    wire.query("COPY t FROM STDIN; SELECT 7; COPY t FROM STDIN");
    for piece in rows.chunks(9) {
        wire.copy_data(piece);
    }
    wire.copy_done().query("SELECT 8").copy_data("stray").copy_done();
    wire.query("INSERT INTO t VALUES ('x', 1); COPY t FROM STDIN")
        .copy_data(&rows)
        .copy_fail("end");
    wire.query("SELECT count(*) FROM t");
    ready(wire, 4)
}

fn in_extended_copy(wire: &mut Wire, bad: &[u8]) -> Vec<Frame> {
    let mut said = Vec::new();
    let rows = bad_copy(Road::CopyText, bad);
    wire.parse("c", "COPY t FROM STDIN", &[]).sync();
    said.extend(wire.until_ready());
    for begin in ["SELECT 1", "BEGIN"] {
        for early in [false, true] {
            said.extend(wire.query(begin).until_ready());
            wire.bind("", "c", &[], &[], 0).execute("", 0);
            if early {
                wire.sync();
            } else {
                wire.flush();
            }
            said.extend(wire.until(b'G'));
            for piece in rows.chunks(7) {
                wire.copy_data(piece);
            }
            wire.copy_done();
            // Skipped, until the Sync.
            wire.parse("", "SELECT 9", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            said.extend(wire.until_ready());
            said.extend(wire.query("SELECT count(*) FROM t").until_ready());
            said.extend(wire.query("ROLLBACK").until_ready());
        }
    }
    said
}

/// The frames, each error by its place alone.
fn shape(frames: &[Frame]) -> String {
    let line = |frame: &Frame| match frame.tag {
        b'E' => "ErrorResponse\n".to_owned(),
        b'N' => String::new(),
        _ => format!("{frame}\n"),
    };
    frames.iter().map(line).collect()
}

fn shape_of(endpoint: &Endpoint, kind: &str, bad: &[u8], talk: Talk) -> String {
    let mut wire = log_in(endpoint);
    say(&mut wire, format!("CREATE TABLE t (a text, n {kind})"));
    shape(&talk(&mut wire, bad))
        + &say(&mut wire, "SELECT a, count(*) FROM t GROUP BY a ORDER BY a")
}

#[test]
fn refused_values_leave_what_errors_of_the_server_leave() {
    let proxy = Proxy::start("[values]\nsilent_loss = \"reject\"\n", &[]);
    let talks: [(&str, Talk); 6] = [
        ("query", in_query),
        ("parse", in_parse),
        ("bind", in_bind),
        ("copy", in_copy),
        ("copy ahead", in_copy_ahead),
        ("extended copy", in_extended_copy),
    ];
    for (name, talk) in talks {
        println!("{name}");
        let database = Cluster::shared().create_database();
        let direct = shape_of(database.endpoint(), "int", b"x", talk);
        assert!(direct.contains("ErrorResponse"), "{direct}");
        let database = Cluster::shared().create_database();
        let endpoint = proxy.endpoint(database.endpoint());
        let proxied = shape_of(&endpoint, "numeric(5,2)", b"1.234", talk);
        assert_same(&direct, &proxied);
    }
}

#[test]
fn refused_rows_of_a_copy_are_counted_as_the_server_counts() {
    let (_proxy, database, mut wire) = session("[values]\nsilent_loss = \"reject\"\n");
    say(&mut wire, "CREATE TABLE t (a text, n numeric(5,2)); CREATE TABLE u (a text, n int)");
    let mut direct = log_in(database.endpoint());
    for (options, rows) in [
        ("", "x\t1\ny\\nz\t2\nx\tBAD\n"),
        ("", "x\t1\r\nx\tBAD\r\n"),
        ("(FORMAT csv)", "\"x\ny\",1\n\"x\n\n\",BAD\n"),
        ("(FORMAT csv)", "x,1\n\"x\n\n\",BAD\n"),
        ("(FORMAT csv, HEADER)", "a,n\nx,BAD"),
    ] {
        let context = |wire: &mut Wire, table: &str, bad: &str, size: usize| {
            let sql = format!("COPY {table} FROM STDIN {options}");
            let frames = copy(wire, &sql, rows.replace("BAD", bad).as_bytes(), size);
            field(&frames, b'E', b'W').unwrap_or_else(|| panic!("{frames:?}"))
        };
        let expected = context(&mut direct, "u", "oops", 4096);
        let (expected, _) = expected.rsplit_once(':').unwrap();
        for size in [1, 4, 4096] {
            let told = context(&mut wire, "t", "1.234", size);
            assert_eq!(told, expected.replace("COPY u", "COPY t"), "{options} {rows:?}");
        }
    }
    // An error about a row in front of it comes first, however the rows arrive.
    for size in [1, 4096] {
        let frames = copy(&mut wire, "COPY t FROM STDIN", b"x\tnope\nx\t1.234\n", size);
        assert_eq!(sqlstate(&frames), "22P02", "{frames:?}");
    }
    // In front of it there is a trigger with something to say.
    say(
        &mut wire,
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        RAISE NOTICE 'seen'; RETURN new; END $$; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW \
        EXECUTE FUNCTION f(); ALTER TABLE t ENABLE ALWAYS TRIGGER g",
    );
    let frames = copy(&mut wire, "COPY t FROM STDIN", b"x\t1\nx\t1.234\n", 4096);
    let tags: Vec<u8> = frames.iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, b"NEZ", "{frames:?}");
    assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
}

#[test]
fn a_frame_that_is_cut_by_an_error_is_no_harm() {
    for bad in ["1.234", "nope"] {
        let (_proxy, database, mut wire) = session("[values]\nsilent_loss = \"reject\"\n");
        say(&mut wire, "CREATE TABLE t (a text, n numeric(5,2))");
        wire.query("COPY t FROM STDIN").until(b'G');
        // The head of a long frame, and of its rows only the first ones.
        let rows = format!("x\t{bad}\n") + &"x\t1\n".repeat(50_000);
        let (front, back) = rows.as_bytes().split_at(40_000);
        wire.send_raw(b"d").send_raw(&(u32::try_from(rows.len()).unwrap() + 4).to_be_bytes());
        wire.send_raw(front);
        let frames = wire.until_ready();
        assert!(transcript(&frames).starts_with("ErrorResponse"), "{frames:?}");
        wire.send_raw(back).copy_data("x\t2\n").copy_done();
        assert!(say(&mut wire, "SELECT 'goes on'").contains("DataRow goes on\n"));
        assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
    }
}

#[test]
fn loss_is_refused_on_every_road() {
    let (_proxy, database, mut wire) = session("[values]\nsilent_loss = \"reject\"\n");
    for (kind, value) in [
        ("timestamp", &b"2024-01-01 10:00:00.1234567"[..]),
        ("timestamp(3)", b"2024-01-01 10:00:00.1234"),
        ("numeric(5,2)", b"1.234"),
        ("char(5)", b"ab "),
        ("varchar(2)", b"ab "),
        ("jsonb", b"{\"k\": 1, \"k\": 2}"),
    ] {
        say(&mut wire, format!("DROP TABLE IF EXISTS t; CREATE TABLE t (a {kind})"));
        for road in TEXT_ROADS {
            let frames = send(&mut wire, road, "t", &[Some(value)]);
            assert_eq!(sqlstate(&frames), "22000", "{kind} {road:?}: {frames:?}");
            assert_eq!(field(&frames, b'E', b'c').unwrap(), "a");
        }
        assert_eq!(database.query("SELECT count(*) FROM t"), [["0"]]);
    }
}
