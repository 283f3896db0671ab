//! U+0000 in values becomes a space wherever it comes, and nothing else becomes anything.

use super::{log_in, say, sqlstate};
use crate::support::{
    Body, Cluster, Database, Endpoint, Proxy, Wire, both, both_through, transcript,
};

fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    (database, endpoint)
}

#[test]
fn text_parameters() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, b varchar(9), c char(3), d text)");
    wire.parse("s", "INSERT INTO t VALUES ($1, $2, $3, $4, $5)", &[]);
    let rows: [[Option<&[u8]>; 4]; 4] = [
        [Some(b"a\0b"), Some(b"\0"), Some(b"\0\0\0"), Some(b"\0x\0")],
        [None, Some(b""), None, Some(b"end\0")],
        [Some("ä\0ö".as_bytes()), Some(b"nothing"), Some(b"x\0"), Some(b"\\0 \\000 \\x00")],
        [Some(b" "), Some(b"\0\0"), Some(b""), None],
    ];
    for (n, row) in (1_i32..).zip(rows) {
        let number = n.to_be_bytes();
        let mut values = vec![Some(&number[..])];
        values.extend(row);
        wire.bind("", "s", &[1, 0, 0, 0, 0], &values, 0).execute("", 0);
        let text = n.to_string();
        values[0] = Some(text.as_bytes());
        // One format for all; no format at all is text too.
        wire.bind("", "s", &[0], &values, 0).execute("", 0);
        wire.bind("", "s", &[], &values, 0).execute("", 0);
    }
    wire.sync();
    let said = transcript(&wire.until_ready());
    assert_eq!(said.matches("INSERT 0 1").count(), 12, "{said}");
    let rows = "SELECT a, b, c::text = '', d, count(*) FROM t GROUP BY n, a, b, c, d ORDER BY n";
    assert_eq!(
        database.query(rows),
        [
            ["a b", " ", "t", " x ", "3"],
            ["NULL", "", "NULL", "end ", "3"],
            ["ä ö", "nothing", "f", "\\0 \\000 \\x00", "3"],
            [" ", "  ", "t", "NULL", "3"],
        ]
    );
}

#[test]
fn long_parameters() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a text, b text)");
    let mut long = vec![b'x'; 1 << 20];
    for at in [0, 1, 32_767, 32_768, 65_535, 65_536, 65_537, 500_000, (1 << 20) - 1] {
        long[at] = 0;
    }
    wire.parse("", "INSERT INTO t VALUES ($1, $2)", &[]);
    wire.bind("", "", &[], &[Some(&long), Some(b"\0")], 0).execute("", 0);
    wire.bind("", "", &[], &[Some(b"\0"), Some(&long)], 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert_eq!(said.matches("INSERT 0 1").count(), 2, "{said}");
    let expected = String::from_utf8(long).unwrap().replace('\0', " ");
    assert_eq!(database.query("TABLE t"), [[&expected, " "], [" ", &expected]]);
}

/// The most memory that a process has had, in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn huge_parameter_is_mended_in_little_memory() {
    const CHUNKS: usize = 200;
    let proxy = Proxy::start("", &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let sql =
        "SELECT octet_length($1), octet_length(replace($1, ' ', '')), left($1, 3), right($1, 3)";
    wire.parse("", sql, &[25]);
    let mut chunk = vec![b'x'; 1 << 20];
    (chunk[0], chunk[777_777]) = (0, 0);
    let length = i32::try_from(CHUNKS * chunk.len()).unwrap();
    let head = Body::default().string("").string("").int16(0).int16(1).int32(length);
    let before = i32::try_from(head.0.len()).unwrap();
    let frame = Body::default().bytes("B").int32(4 + before + length + 2);
    wire.send_raw(&frame.bytes(head.0).0);
    for _ in 0..CHUNKS {
        wire.send_raw(&chunk);
    }
    wire.send_raw(&[0, 0]).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    let row = format!("DataRow {length} {}  xx xxx\n", CHUNKS * (chunk.len() - 2));
    assert!(said.contains(&row), "{said}");
    let memory = most_memory(proxy.pid());
    assert!(memory < 64 * 1024, "{memory} KiB");
}

/// Rows of COPY text, and what they say.
const COPY_TEXT: &[u8] = b"1\ta\0b\t\0\n2\t\\0\t\\0x\n3\t\\00\t\\00x\n4\t\\000\t\\0000\n5\t\\x0\t\\x0g\n6\t\\x00\t\\x000\n\
    7\t\\\\000\t\\\\x00\n8\t\\\\\\000\t\\\\\\\\0\n9\t\\N\t\\01\\x01\n10\t\\060\\x30\t\\t\\n\\\\\n\
    11\t\xC3\xA4\\0\xC3\xB6\t\0\0\0\n12\t\\q\\0\t\n13\t\\\n\t\\\\\n14\t\\400\t\\000\\000\n";

fn copied() -> Vec<[String; 3]> {
    [
        ("1", "a b", " "),
        ("2", " ", " x"),
        ("3", " ", " x"),
        ("4", " ", " 0"),
        ("5", " ", " g"),
        ("6", " ", " 0"),
        ("7", "\\000", "\\x00"),
        ("8", "\\ ", "\\\\0"),
        ("9", "NULL", "\u{1}\u{1}"),
        ("10", "00", "\t\n\\"),
        ("11", "ä ö", "   "),
        ("12", "q ", ""),
        ("13", "\n", "\\"),
        ("14", " ", "  "),
    ]
    .map(|(n, a, b)| [n.to_owned(), a.to_owned(), b.to_owned()])
    .to_vec()
}

/// Runs one COPY whose rows come in these pieces; gives what the server says at its end.
fn copy(wire: &mut Wire, sql: &str, pieces: &[&[u8]]) -> String {
    wire.query(sql);
    let asked = wire.until(b'G');
    assert_eq!(asked.last().unwrap().tag, b'G', "{asked:?}");
    // Several messages in one segment, as a client does it.
    let messages = pieces.iter().fold(Body::default(), |body, piece| {
        body.bytes("d").int32(i32::try_from(piece.len() + 4).unwrap()).bytes(piece)
    });
    wire.send_raw(&messages.0).copy_done();
    transcript(&wire.until_ready())
}

const DONE: &str = "CommandComplete COPY 14\nReadyForQuery I\n";

#[test]
fn copy_text_cut_anywhere() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, b text)");
    let mut times = 0;
    let bytes: Vec<&[u8]> = COPY_TEXT.chunks(1).collect();
    let pairs: Vec<&[u8]> = COPY_TEXT.chunks(2).collect();
    for pieces in [&[COPY_TEXT][..], &bytes, &pairs] {
        assert_eq!(copy(&mut wire, "COPY t FROM STDIN", pieces), DONE);
        times += 1;
    }
    for at in 1..COPY_TEXT.len() {
        let (front, back) = COPY_TEXT.split_at(at);
        assert_eq!(copy(&mut wire, "COPY t FROM STDIN", &[front, b"", back]), DONE);
        times += 1;
    }
    let rows = database.query("SELECT n, a, b, count(*) FROM t GROUP BY n, a, b ORDER BY n, a, b");
    let expected: Vec<[String; 4]> =
        copied().into_iter().map(|[n, a, b]| [n, a, b, times.to_string()]).collect();
    assert_eq!(rows, expected);
}

#[test]
fn copy_text_in_segments_of_a_byte() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, b text)");
    wire.query("COPY t FROM STDIN").until(b'G');
    for piece in COPY_TEXT.chunks(5) {
        // The head and the rows apart, so that a message is seen while it is arriving.
        wire.send_raw(b"d").send_raw(&(u32::try_from(piece.len()).unwrap() + 4).to_be_bytes());
        for byte in piece {
            wire.send_raw(&[*byte]);
        }
    }
    wire.copy_done();
    assert_eq!(transcript(&wire.until_ready()), DONE);
    assert_eq!(database.query("TABLE t"), copied());
}

#[test]
fn copy_by_an_extended_query() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, b text); CREATE TABLE u (a text)");
    wire.parse("copy", "COPY t FROM STDIN", &[]).parse("csv", "COPY u FROM STDIN CSV", &[]).sync();
    wire.until_ready();
    for sync_early in [false, true] {
        for (statement, rows) in [("copy", COPY_TEXT), ("csv", b"\\0\0\n\"\\000\0\n\"\n")] {
            wire.bind("", statement, &[], &[], 0).execute("", 0);
            if sync_early {
                wire.sync();
            }
            for piece in rows.chunks(3) {
                wire.copy_data(piece);
            }
            wire.copy_done().sync();
            let said = transcript(&wire.until_ready());
            assert!(said.contains("CommandComplete COPY "), "{said}");
        }
    }
    assert_eq!(database.query("TABLE t"), [copied(), copied()].concat());
    // In CSV a backslash is a character like any other.
    let csv = [["\\0 "], ["\\000 \n"]];
    assert_eq!(database.query("TABLE u"), [csv, csv].concat());
}

#[test]
fn copies_of_one_query_each_by_its_own_options() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a text, b text); CREATE TABLE u (a text, b text)");
    let sql = "COPY t FROM STDIN; COPY u FROM STDIN WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\\'; \
               COPY t FROM STDIN (DELIMITER '|')";
    wire.query(sql).until(b'G');
    wire.copy_data("\\0\t\\x00\n").copy_done().until(b'G');
    wire.copy_data("\0,attNULL\n\"\\0\0\",\"\\\"\0\"\n").copy_done().until(b'G');
    wire.copy_data("\\000|\0\n").copy_done();
    assert!(transcript(&wire.until_ready()).ends_with("COPY 1\nReadyForQuery I\n"));
    assert_eq!(database.query("TABLE t"), [[" ", " "], [" ", " "]]);
    assert_eq!(database.query("TABLE u"), [[" ", "NULL"], ["\\0 ", "\" "]]);
}

#[test]
fn long_rows() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a text)");
    // Escapes at every distance from where buffers end.
    let row = "x\\0yz\\000\\\\0".repeat(40_000) + "\n";
    let expected = "x yz \\0".repeat(40_000);
    for size in [row.len(), 65_536, 8_191] {
        let pieces: Vec<&[u8]> = row.as_bytes().chunks(size).collect();
        let said = copy(&mut wire, "COPY t FROM STDIN", &pieces);
        assert_eq!(said, "CommandComplete COPY 1\nReadyForQuery I\n");
    }
    let same = database.query("SELECT DISTINCT a, count(*) OVER () FROM t");
    assert!(same == [[&expected, "3"]], "{} bytes", same[0][0].len());
}

#[test]
fn zero_bytes_inside_a_simple_query() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    assert!(say(&mut wire, b"SELECT 'a\0b', '\0\0'").contains("DataRow a b   \n"));
    let long = format!("SELECT octet_length('{}'),\0'\0'", "\0x".repeat(100_000));
    assert!(say(&mut wire, long).contains("DataRow 200000  \n"));
    // Longer than what is held to be read.
    let huge = format!(
        "CREATE TABLE t AS SELECT '\0'::text AS a{} UNION ALL SELECT 'x\0'",
        "\0".repeat(17 << 20)
    );
    assert_eq!(say(&mut wire, huge), "CommandComplete SELECT 2\nReadyForQuery I\n");
    assert_eq!(database.query("TABLE t"), [[" "], ["x "]]);
}

#[test]
fn other_zero_bytes_are_left_alone() {
    const BINARY_COPY: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0\
        \0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x05\0\\0\0\x01\xFF\xFF";
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (n int, a bytea)");
        wire.parse("s", "INSERT INTO t VALUES ($1, $2)", &[]);
        let zero = 0_i32.to_be_bytes();
        wire.bind("", "s", &[1], &[Some(&zero), Some(b"\0\x01\0")], 0).execute("", 0);
        wire.bind("", "s", &[1, 0], &[Some(&zero), Some(b"\\x0001")], 0).execute("", 0);
        wire.bind("", "s", &[1, 0], &[Some(&zero), Some(b"\\000\\\\000")], 0).execute("", 0).sync();
        said += &transcript(&wire.until_ready());
        let pieces: Vec<&[u8]> = BINARY_COPY.chunks(1).collect();
        said += &copy(&mut wire, "COPY t FROM STDIN BINARY", &pieces);
        said += &copy(&mut wire, "COPY t FROM STDIN (FORMAT 'binary')", &[BINARY_COPY]);
        // The escape format of bytea: what COPY makes of a doubled backslash is bytea's.
        said += &copy(
            &mut wire,
            "COPY t FROM STDIN",
            &[b"1\t\\\\000\\\\001\n2\t\\\\x0000\n3\t\\\\\\\\000\n"],
        );
        said += &copy(&mut wire, "COPY t FROM STDIN CSV", &[b"1,\\000\\001\n2,\\x0000\n"]);
        said + &say(&mut wire, "TABLE t")
    });
    assert!(said.contains("DataRow 7 \\\\x005c300001\n"), "{said}");
    assert!(said.contains("DataRow 1 \\\\x0001\n"), "{said}");
}

fn assert_no_error(wire: &mut Wire) {
    let frames = wire.until_ready();
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{}", transcript(&frames));
}

#[test]
fn binary_parameters_are_mended_by_their_types() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, b bytea, j jsonb, v varchar(9))");
    // Declared and undeclared types, in a pipeline with statements in front and behind.
    for types in [&[][..], &[23, 25, 17, 3802, 1043]] {
        wire.parse("", "SELECT 1", &[]).bind("", "", &[], &[], 0).execute("", 0);
        wire.parse("s", "INSERT INTO t VALUES ($1, $2, $3, $4, $5)", types);
        let values: [Option<&[u8]>; 5] = [
            Some(b"\0\0\0\x07"),
            Some(b"a\0b"),
            Some(b"\0\x01"),
            Some(b"\x01{\"k\": \"\\u0000\\\\u0000\"}"),
            Some(b"\0"),
        ];
        wire.bind("", "s", &[1], &values, 0).execute("", 0).close(b'S', "s").sync();
        assert_no_error(&mut wire);
    }
    let said = say(&mut wire, "TABLE t");
    let sql = r#"SELECT count(*) FROM t WHERE a = 'a b' AND b = '\x0001' AND v = ' '
                 AND j = '{"k": "\u0020\\u0000"}' AND n = 7"#;
    assert!(say(&mut wire, sql).contains("DataRow 2\n"), "{said}");
}

#[test]
fn json_escapes_are_mended_in_json_only() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (n int, a text, j jsonb)");
    // In COPY text a backslash is doubled.
    wire.query("COPY t (j, a, n) FROM STDIN").until(b'G');
    wire.copy_data(concat!(r#"{"k": "\\u0000\\\\u0000"}"#, "\t", r"\\u0000", "\t1\n")).copy_done();
    assert_no_error(&mut wire);
    wire.query("COPY t FROM STDIN (FORMAT csv, QUOTE '''')").until(b'G');
    wire.copy_data(concat!(r#"2,\u0000,'{"k": "\u0000\\u0000"}'"#, "\n")).copy_done();
    assert_no_error(&mut wire);
    // A text parameter, whose type is asked for because of the escape.
    wire.parse("", "INSERT INTO t VALUES (3, $1, $2)", &[]);
    let json = br#"{"k": "\u0000\\u0000"}"#;
    wire.bind("", "", &[], &[Some(br"\u0000"), Some(json)], 0).execute("", 0).sync();
    assert_no_error(&mut wire);
    let said = say(&mut wire, "TABLE t");
    let sql = r#"SELECT count(*) FROM t WHERE a = '\u0000' AND j = '{"k": "\u0020\\u0000"}'"#;
    assert!(say(&mut wire, sql).contains("DataRow 3\n"), "{said}");
}

#[test]
fn copy_binary_is_mended_by_the_columns() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "BEGIN");
    // Only this session sees the table, and the columns are those that are left.
    say(&mut wire, "CREATE TABLE t (gone text, a text, b bytea); ALTER TABLE t DROP gone");
    wire.query("COPY t FROM STDIN WITH (FORMAT binary)").until(b'G');
    let mut stream = b"PGCOPY\n\xff\r\n\0".to_vec();
    stream.extend([0; 8]);
    stream.extend(b"\0\x02\0\0\0\x03a\0b\0\0\0\x02\0\x01\xff\xff");
    for byte in stream {
        wire.copy_data([byte]);
    }
    wire.copy_done();
    assert_no_error(&mut wire);
    let sql = r"SELECT count(*) FROM t WHERE a = 'a b' AND b = '\x0001'; COMMIT";
    assert!(say(&mut wire, sql).contains("DataRow 1\n"));
}

#[test]
fn constants_that_spell_a_nul_are_mended() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (a text, b bytea)");
    say(&mut wire, r"INSERT INTO t VALUES (E'a\000b', '\000'), (U&'a\0000b', E'\\000')");
    wire.parse("", b"INSERT INTO t VALUES (E'a\\x00b', '\\x00'), ('a\0b', '\\000')", &[]);
    wire.bind("", "", &[], &[], 0).execute("", 0).sync();
    assert_no_error(&mut wire);
    let said = say(&mut wire, "TABLE t");
    let sql = r"SELECT count(*) FROM t WHERE a = 'a b' AND b = '\x00'";
    assert!(say(&mut wire, sql).contains("DataRow 4\n"), "{said}");
}

/// What the server says to zero bytes in every place.
fn refused(endpoint: &Endpoint, setting: &str) -> String {
    let mut wire = log_in(endpoint);
    let mut said = say(&mut wire, format!("CREATE TABLE t (n int, a text, b text); {setting}"));
    wire.parse("", "SELECT $1::text", &[])
        .bind("", "", &[], &[Some(b"a\0b")], 0)
        .execute("", 0)
        .sync();
    said += &transcript(&wire.until_ready());
    for row in [&b"1\ta\0b\t\n"[..], b"2\t\\0\t\n", b"3\t\\x00\t\n"] {
        wire.query("COPY t FROM STDIN").until(b'G');
        wire.copy_data(row).copy_done();
        let frames = wire.until_ready();
        assert_eq!(sqlstate(&frames), "22021");
        said += &transcript(&frames);
    }
    said += &say(&mut wire, "SELECT 'a\0b'");
    said
}

#[test]
fn values_are_let_alone_when_rewriting_is_off() {
    let said = both(|endpoint| refused(endpoint, "SET dms.rewrite = 'off'"));
    assert!(said.contains("22021"), "{said}");
    both_through(&Proxy::start("rewrite = \"off\"\n", &[]), |endpoint| refused(endpoint, ""));
    // And on again.
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "SET dms.rewrite = 'off'");
    say(&mut wire, "SET dms.rewrite TO on");
    assert!(say(&mut wire, "SELECT 'a\0b'").contains("DataRow a b\n"));
}

#[test]
fn backslashes_of_other_encodings() {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    let (mut wire, _) = Wire::log_in(&endpoint, &[("client_encoding", "SJIS")]);
    say(&mut wire, "CREATE TABLE t (a text)");
    // The character's second byte is a backslash, so what follows is a zero and not an escape.
    let rows = b"\x95\x5C0\n\x95\x5C000\n\x95\x5C\\0\n\x95\x5C\0\n";
    let bytes: Vec<&[u8]> = rows.chunks(1).collect();
    for pieces in [&[&rows[..]][..], &bytes] {
        let said = copy(&mut wire, "COPY t FROM STDIN", pieces);
        assert_eq!(said, "CommandComplete COPY 4\nReadyForQuery I\n");
    }
    let expected = [["表0"], ["表000"], ["表 "], ["表 "]];
    assert_eq!(database.query("TABLE t"), [expected, expected].concat());
}

/// The question for the columns of a COPY has no error of its own, which would abort the client's
/// transaction and hide the server's.
#[test]
fn relations_of_a_copy_may_be_spelled_in_any_way() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (a text); CREATE TABLE \"o'\\ \"\"q\" (a text)");
        let mut said = String::new();
        for relation in [
            "t",
            "public /* where */ . -- here\n t",
            "U&\"\\0074\"",
            "\"o'\\ \"\"q\"",
            "missing",
            "missing.t",
            "elsewhere.public.t",
            "\"\"",
        ] {
            said += &say(&mut wire, "BEGIN");
            wire.query(format!("COPY {relation} FROM STDIN")).copy_data("x\n").copy_done();
            said += &transcript(&wire.until_ready());
            said += &say(&mut wire, "ROLLBACK");
        }
        said
    });
}

#[test]
fn binary_arrays_and_domains() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE DOMAIN short AS varchar(9); CREATE DOMAIN shorter AS short");
    say(&mut wire, "CREATE TABLE t (a text[], d shorter, b bytea, n int[])");
    wire.parse("s", "INSERT INTO t VALUES ($1, $2, $3, $4)", &[]);
    let array = |element_oid: u8, elements: &[&[u8]]| {
        let mut value = Body::default().int32(1).int32(0).int32(element_oid.into());
        value = value.int32(i32::try_from(elements.len()).unwrap()).int32(1);
        for element in elements {
            value = value.int32(i32::try_from(element.len()).unwrap());
            value.0.extend_from_slice(element);
        }
        value.0
    };
    let texts = array(25, &[b"a\0b", b"\0", b"plain"]);
    let numbers = array(23, &[&[0, 0, 0, 7]]);
    let values = [Some(&texts[..]), Some(b"x\0"), Some(b"\0\x01"), Some(&numbers)];
    wire.bind("", "s", &[1], &values, 0).execute("", 0).sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("INSERT 0 1"), "{said}");
    // The types are known by now, and nothing is asked again.
    wire.bind("", "s", &[1], &values, 0).execute("", 0).sync();
    assert!(transcript(&wire.until_ready()).contains("INSERT 0 1"));
    let row = ["{\"a b\",\" \",plain}", "x ", "\\x0001", "{7}"];
    assert_eq!(database.query("TABLE t"), [row, row]);
}

/// The type `"char"` is a byte, and zero is one of its values.
#[test]
fn zero_bytes_that_the_server_stores_stay() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        say(&mut wire, "CREATE TABLE t (a \"char\")");
        wire.parse("", "INSERT INTO t VALUES ($1) RETURNING a = '\\000', a = ' '", &[18]);
        wire.bind("", "", &[1], &[Some(b"\0")], 0).execute("", 0).sync();
        let mut said = transcript(&wire.until_ready());
        wire.query("COPY t FROM STDIN BINARY");
        wire.until(b'G');
        let head = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
        wire.copy_data([&head[..], b"\0\x01\0\0\0\x01\0\xff\xff"].concat()).copy_done();
        said += &transcript(&wire.until_ready());
        said + &say(&mut wire, "SELECT count(*) FROM t WHERE a = ''")
    });
    assert!(said.ends_with("DataRow 2\nCommandComplete SELECT 1\nReadyForQuery I\n"), "{said}");
}
