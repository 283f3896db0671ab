//! The policies of `[values]`, each on every road that a value can take: constants of a simple query,
//! Bind in text and in binary format, COPY in all of its formats.

use super::{field, log_in, say};
use crate::support::{
    Body, Cluster, Database, Endpoint, Frame, Proxy, Wire, both_through, transcript,
};

/// How a value gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Road {
    Constant,
    BindText,
    BindBinary,
    CopyText,
    CopyCsv,
    CopyBinary,
}

pub(super) const ROADS: [Road; 6] = [
    Road::Constant,
    Road::BindText,
    Road::BindBinary,
    Road::CopyText,
    Road::CopyCsv,
    Road::CopyBinary,
];

/// Those on which a value travels as text.
pub(super) const TEXT_ROADS: [Road; 4] =
    [Road::Constant, Road::BindText, Road::CopyText, Road::CopyCsv];

pub(super) type Row<'a> = &'a [Option<&'a [u8]>];

/// A proxy with these settings, a database, and a session through the one to the other.
pub(super) fn session(config: &str) -> (Proxy, Database, Wire) {
    let proxy = Proxy::start(config, &[]);
    let database = Cluster::shared().create_database();
    let wire = log_in(&proxy.endpoint(database.endpoint()));
    (proxy, database, wire)
}

/// A string constant that holds these bytes.
pub(super) fn constant(value: &[u8]) -> Vec<u8> {
    let mut text = b"E'".to_vec();
    for byte in value {
        match byte {
            0 => text.extend(b"\\000"),
            b'\'' | b'\\' => text.extend([b'\\', *byte]),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    text
}

fn copied_field(value: Option<&[u8]>) -> Vec<u8> {
    let Some(value) = value else { return b"\\N".to_vec() };
    let mut field = Vec::new();
    for byte in value {
        match byte {
            b'\\' => field.extend(b"\\\\"),
            b'\n' => field.extend(b"\\n"),
            b'\t' => field.extend(b"\\t"),
            byte => field.push(*byte),
        }
    }
    field
}

fn csv_field(value: Option<&[u8]>) -> Vec<u8> {
    let Some(value) = value else { return Vec::new() };
    let mut field = b"\"".to_vec();
    for byte in value {
        field.extend(b"\"\"".get(..1 + usize::from(*byte == b'"')).unwrap());
        if *byte != b'"' {
            field.pop();
            field.push(*byte);
        }
    }
    field.push(b'"');
    field
}

/// Writes a field of a row.
type Writer = fn(Option<&[u8]>) -> Vec<u8>;

/// The rows as the stream of a COPY.
pub(super) fn stream(road: Road, rows: &[Row]) -> Vec<u8> {
    if road == Road::CopyBinary {
        let mut body = Body::default().bytes(b"PGCOPY\n\xff\r\n\0").int32(0).int32(0);
        for row in rows {
            body = body.int16(i16::try_from(row.len()).unwrap());
            for value in *row {
                body = match value {
                    Some(value) => body.int32(i32::try_from(value.len()).unwrap()).bytes(value),
                    None => body.int32(-1),
                };
            }
        }
        return body.int16(-1).0;
    }
    let is_text = road == Road::CopyText;
    let (written, delimiter) =
        if is_text { (copied_field as Writer, b"\t") } else { (csv_field as Writer, b",") };
    let mut stream = Vec::new();
    for row in rows {
        let fields: Vec<Vec<u8>> = row.iter().map(|value| written(*value)).collect();
        stream.extend(fields.join(&delimiter[..]));
        stream.push(b'\n');
    }
    stream
}

/// The COPY that takes the rows of a road.
pub(super) fn copy_sql(road: Road, table: &str) -> String {
    let format = match road {
        Road::CopyCsv => "csv",
        Road::CopyBinary => "binary",
        _ => "text",
    };
    format!("COPY {table} FROM STDIN (FORMAT {format})")
}

/// Sends a stream in frames of so many bytes.
pub(super) fn copy(wire: &mut Wire, sql: &str, stream: &[u8], size: usize) -> Vec<Frame> {
    let asked = wire.query(sql).until(b'G');
    assert_eq!(asked.last().unwrap().tag, b'G', "{asked:?}");
    let frames = stream.chunks(size).fold(Body::default(), |body, piece| {
        body.bytes("d").int32(i32::try_from(piece.len() + 4).unwrap()).bytes(piece)
    });
    wire.send_raw(&frames.0).copy_done().until_ready()
}

/// Brings one row into a table on this road; gives what the server says.
pub(super) fn send(wire: &mut Wire, road: Road, table: &str, row: Row) -> Vec<Frame> {
    match road {
        Road::Constant => {
            let values: Vec<Vec<u8>> =
                row.iter().map(|value| value.map_or_else(|| b"NULL".to_vec(), constant)).collect();
            let sql = [b"INSERT INTO ", table.as_bytes(), b" VALUES (", &values.join(&b", "[..])];
            wire.query([&sql.concat()[..], b")"].concat()).until_ready()
        }
        Road::BindText | Road::BindBinary => {
            let numbers: Vec<String> = (1..=row.len()).map(|number| format!("${number}")).collect();
            let sql = format!("INSERT INTO {table} VALUES ({})", numbers.join(", "));
            let format = i16::from(road == Road::BindBinary);
            wire.parse("", sql, &[]).bind("", "", &[format], row, 0).execute("", 0).sync();
            wire.until_ready()
        }
        _ => copy(wire, &copy_sql(road, table), &stream(road, &[row]), usize::MAX),
    }
}

/// The same where it has to arrive.
fn load(wire: &mut Wire, road: Road, table: &str, row: Row) {
    let frames = send(wire, road, table, row);
    assert!(frames.iter().all(|f| f.tag != b'E'), "{road:?}: {}", transcript(&frames));
}

/// Values of one text column on every road, and what arrives.
fn on_every_road(config: &str, column: &str, values: &[(&[u8], &str)], roads: &[Road]) {
    let (_proxy, database, mut wire) = session(config);
    for road in roads {
        say(&mut wire, format!("DROP TABLE IF EXISTS t; CREATE TABLE t (a {column})"));
        for (value, _) in values {
            load(&mut wire, *road, "t", &[Some(value)]);
        }
        let expected: Vec<[&str; 1]> = values.iter().map(|(_, arrives)| [*arrives]).collect();
        assert_eq!(database.query("TABLE t"), expected, "{road:?}");
    }
}

#[test]
fn nul_is_removed() {
    let config = "[values]\nnul = \"remove\"\n";
    let values: [(&[u8], &str); 4] =
        [(b"a\0b\0", "ab"), (b"\0", ""), (b"abc", "abc"), ("ä\0\\0".as_bytes(), "ä\\0")];
    on_every_road(config, "text", &values, &ROADS);
    // What is removed counts no longer for the length.
    on_every_road(config, "varchar(3)", &[(b"\0a\0b\0c\0", "abc")], &ROADS);
    let json = br#"{"k": "a\u0000b\\u0000"}"#;
    let arrives = r#"{"k": "ab\\u0000"}"#;
    let keeps = format!("[mapping]\njson = \"keep\"\n{config}");
    on_every_road(&keeps, "json", &[(json, arrives)], &ROADS);
    on_every_road(config, "jsonb", &[(json, arrives)], &TEXT_ROADS);
    let (_proxy, database, mut wire) = session(config);
    say(&mut wire, "CREATE TABLE t (a jsonb, b bytea, c text)");
    for road in [Road::BindBinary, Road::CopyBinary] {
        let binary = [b"\x01", &json[..]].concat();
        load(&mut wire, road, "t", &[Some(&binary), Some(b"\0\x01\0"), Some(b"\0c")]);
    }
    let row = [arrives, "\\x000100", "c"];
    assert_eq!(database.query("TABLE t"), [row, row]);
    // Zero bytes of a text, and constants that go into no column.
    assert!(say(&mut wire, b"SELECT 'a\0b', '\0\0x'").contains("DataRow ab x\n"));
}

#[test]
fn characters_are_replaced() {
    let values: [(&[u8], &str); 4] = [
        ("1€".as_bytes(), "1E"),
        (b"a\0b", "a_b"),
        ("\u{85}x\u{85}".as_bytes(), "x"),
        (b"plain\\\t'\"", "plain\\\t'\""),
    ];
    let config =
        "[values]\nreplacements = { \"€\" = \"E\", \"U+0000\" = \"_\", \"U+0085\" = \"\" }\n";
    on_every_road(config, "text", &values, &ROADS);
    on_every_road(config, "varchar(7)", &values[..3], &ROADS);
    let path = std::env::temp_dir().join(format!("task-settings-{}.json", std::process::id()));
    let settings = r#"{"CharacterSetSettings": {"CharacterReplacements": [
        {"SourceCharacterCodePoint": "20AC", "TargetCharacterCodePoint": "45"},
        {"SourceCharacterCodePoint": 0, "TargetCharacterCodePoint": "5F"},
        {"SourceCharacterCodePoint": "85", "TargetCharacterCodePoint": 0}]}}"#;
    std::fs::write(&path, settings).unwrap();
    let config = format!("[mapping]\ntask_settings = {:?}\n", path.to_str().unwrap());
    on_every_road(&config, "text", &values, &ROADS);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn long_values_are_cut_at_characters() {
    let config = "[values]\ntoo_long = \"truncate\"\n";
    let values: [(&[u8], &str); 5] = [
        ("äöüß".as_bytes(), "äöü"),
        ("€\u{1F600}x\u{1F600}".as_bytes(), "€\u{1F600}x"),
        (b"abc  ", "abc"),
        (b"a\0cd", "a c"),
        (b"abc", "abc"),
    ];
    on_every_road(config, "varchar(3)", &values, &ROADS);
    on_every_road(config, "char(3)", &values, &ROADS);
    on_every_road(config, "text", &[("äöüß".as_bytes(), "äöüß")], &ROADS);
    // A domain is cut as what lies under it; arrays are the server's.
    let (_proxy, database, mut wire) = session(config);
    say(&mut wire, "CREATE DOMAIN d AS varchar(2); CREATE TABLE t (a d)");
    load(&mut wire, Road::Constant, "t", &[Some(b"abc")]);
    // Numbers are constants of text columns, too.
    assert!(say(&mut wire, "INSERT INTO t VALUES (12345)").contains("INSERT 0 1"));
    assert!(say(&mut wire, "UPDATE t SET a = 'xyz' WHERE a = 'ab'").contains("UPDATE 1"));
    assert_eq!(database.query("TABLE t ORDER BY a"), [["12"], ["xy"]]);
}

#[test]
fn large_objects_are_cut_at_bytes() {
    let config = "[values]\nlob_bytes = 5\n";
    let values: [(&[u8], &str); 4] = [
        ("äöü".as_bytes(), "äö"),
        (b"12345", "12345"),
        (b"123456", "12345"),
        ("12€€".as_bytes(), "12€"),
    ];
    on_every_road(config, "text", &values, &ROADS);
    on_every_road(config, "varchar", &values, &ROADS);
    on_every_road(config, "varchar(9)", &[(b"123456", "123456")], &ROADS);
    let hex: [(&[u8], &str); 2] =
        [(b"\\x0001020304ff", "\\x0001020304"), (b"a\\000\\\\bcdef", "\\x61005c6263")];
    on_every_road(config, "bytea", &hex, &TEXT_ROADS);
    let binary: [(&[u8], &str); 2] =
        [(b"\0\x01\x02\x03\x04\xff", "\\x0001020304"), (b"ab", "\\x6162")];
    on_every_road(config, "bytea", &binary, &[Road::BindBinary, Road::CopyBinary]);
}

#[test]
fn long_values_are_cut_and_longer_ones_are_noted() {
    let (_proxy, database, mut wire) = session("[values]\nlob_bytes = 1000000\n");
    say(&mut wire, "CREATE TABLE t (a text)");
    let long = vec![b'x'; 3 << 20];
    for road in ROADS {
        load(&mut wire, road, "t", &[Some(&long)]);
    }
    let lengths = "SELECT DISTINCT length(a), count(*) OVER () FROM t";
    assert_eq!(database.query(lengths), [["1000000", "6"]]);
    // In frames of any size.
    for size in [8_191, 100_000] {
        let stream = stream(Road::CopyCsv, &[&[Some(&long)], &[Some(b"y")], &[Some(&long)]]);
        copy(&mut wire, &copy_sql(Road::CopyCsv, "t"), &stream, size);
    }
    let lengths = "SELECT length(a), count(*) FROM t GROUP BY 1 ORDER BY 1";
    assert_eq!(database.query(lengths), [["1", "2"], ["1000000", "10"]]);
    // Too long to be held: they pass, and the ledger says so.
    let longest = vec![b'x'; 17 << 20];
    for road in [Road::BindText, Road::CopyText, Road::CopyBinary] {
        load(&mut wire, road, "t", &[Some(&longest)]);
    }
    wire.terminate().read_to_end();
    let noted = "SELECT table_name, road, count FROM dms_proxy.rewrites WHERE rule = 'not-judged'
        ORDER BY road";
    let began = std::time::Instant::now();
    while database.query("SELECT to_regclass('dms_proxy.rewrites')") == [["NULL"]] {
        assert!(began.elapsed().as_secs() < 20);
    }
    assert_eq!(database.query(noted), [["t", "copy", "2"], ["t", "parameter", "1"]]);
}

#[test]
fn bad_dates_become_null_or_another_date() {
    let bad: [&[u8]; 3] = [b"0000-00-00", b"2023-02-30", b"2006-00-13"];
    let columns = "a date, b timestamp, c timestamptz";
    for (policy, arrives) in [("null", "NULL"), ("-infinity", "-infinity")] {
        let (_proxy, database, mut wire) =
            session(&format!("[values]\nbad_dates = \"{policy}\"\n"));
        for road in TEXT_ROADS {
            say(&mut wire, format!("DROP TABLE IF EXISTS t; CREATE TABLE t ({columns})"));
            for date in bad {
                let time = [date, b" 00:00:00"].concat();
                load(&mut wire, road, "t", &[Some(date), Some(&time), Some(&time)]);
            }
            load(&mut wire, road, "t", &[Some(b"2024-02-29"), Some(b"2024-01-01"), None]);
            let rows = database.query("TABLE t");
            assert_eq!(rows[..3], [[arrives; 3]; 3], "{road:?}");
            assert_eq!(rows[3], ["2024-02-29", "2024-01-01 00:00:00", "NULL"], "{road:?}");
        }
    }
    // Elements of arrays give way alone, and take NULL where the column does not.
    for (policy, arrives) in [("null", "NULL"), ("-infinity", "-infinity")] {
        let (_proxy, database, mut wire) =
            session(&format!("[values]\nbad_dates = \"{policy}\"\n"));
        say(&mut wire, "CREATE TABLE t (a date[] NOT NULL, b timestamp[])");
        for road in TEXT_ROADS {
            say(&mut wire, "TRUNCATE t");
            let days: &[u8] = b"{0000-00-00,2024-02-29,NULL}";
            let times: &[u8] = b"{{\"2023-02-30 10:00:00\"},{\"2024-01-01 00:00:00\"}}";
            load(&mut wire, road, "t", &[Some(days), Some(times)]);
            let days = format!("{{{arrives},2024-02-29,NULL}}");
            let times = format!("{{{{{arrives}}},{{\"2024-01-01 00:00:00\"}}}}");
            assert_eq!(database.query("TABLE t"), [[days, times]], "{road:?}");
        }
    }
    // Where the column takes no NULL, the server has the last word.
    let (_proxy, _database, mut wire) = session("[values]\nbad_dates = \"null\"\n");
    say(&mut wire, "CREATE TABLE t (a date NOT NULL)");
    for road in TEXT_ROADS {
        let frames = send(&mut wire, road, "t", &[Some(b"2023-02-30")]);
        assert_eq!(super::sqlstate(&frames), "22008", "{road:?}");
    }
}

#[test]
fn bad_dates_of_single_columns() {
    // Nothing is asked of values but of those columns.
    let config =
        "[values.bad_date_columns]\n\"public.t.b*\" = \"1970-01-01\"\n\"*.t.c\" = \"null\"\n";
    let (_proxy, database, mut wire) = session(config);
    for road in TEXT_ROADS {
        say(&mut wire, "DROP TABLE IF EXISTS t; CREATE TABLE t (a date, b1 date NOT NULL, c date)");
        let bad: &[u8] = b"0000-00-00";
        load(&mut wire, road, "t", &[Some(b"2024-01-01"), Some(bad), Some(bad)]);
        let frames = send(&mut wire, road, "t", &[Some(bad), Some(bad), Some(bad)]);
        assert_eq!(super::sqlstate(&frames), "22008", "{road:?}");
        assert_eq!(database.query("TABLE t"), [["2024-01-01", "1970-01-01", "NULL"]], "{road:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let values: [(&[u8], &str); 3] = [
        (b"a\xffb", "a\u{fffd}b"),
        ("äx".as_bytes(), "äx"),
        (b"\xe2\x82 \xc3", "\u{fffd} \u{fffd}"),
    ];
    on_every_road("[values]\ninvalid_utf8 = \"replace\"\n", "text", &values, &ROADS);
    let values: [(&[u8], &str); 3] =
        [(b"\x80 \xe4\xf6", "€ äö"), ("ä€".as_bytes(), "ä€"), (b"\x93x\x94", "“x”")];
    on_every_road("[values]\ninvalid_utf8 = \"cp1252\"\n", "text", &values, &ROADS);
    on_every_road("[values]\ninvalid_utf8 = \"cp1252\"\n", "varchar(4)", &values, &ROADS);
}

#[test]
fn unsigned_integers_get_room() {
    let (_proxy, database, mut wire) = session("[values]\nunsigned_overflow = \"numeric\"\n");
    say(&mut wire, "CREATE TABLE t (a UINT8, b UINT4)");
    for road in TEXT_ROADS {
        load(&mut wire, road, "t", &[Some(b"18446744073709551615"), Some(b"4294967295")]);
    }
    let row = ["18446744073709551615", "4294967295"];
    assert_eq!(database.query("TABLE t"), [row; 4]);
    let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 't'::regclass AND attnum > 0";
    assert_eq!(database.query(types), [["numeric(20,0)"], ["bigint"]]);
}

#[test]
fn identities_take_the_values_of_the_source() {
    let (_proxy, database, mut wire) = session("[values]\nidentity_always = \"override\"\n");
    let table = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a text)";
    say(&mut wire, table);
    for (sql, tag) in [
        ("INSERT INTO t VALUES (7, 'all')", "INSERT 0 1"),
        ("INSERT INTO t (a, id) VALUES ('listed', 8), ('twice', 9)", "INSERT 0 2"),
        ("INSERT INTO t SELECT 10, 'selected'", "INSERT 0 1"),
        ("INSERT INTO t (id, a) VALUES (DEFAULT, 'default')", "INSERT 0 1"),
        ("INSERT INTO t (a) VALUES ('without')", "INSERT 0 1"),
        ("INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (11, 'said')", "INSERT 0 1"),
        ("WITH w AS (SELECT 1) INSERT INTO public.t (id, a) VALUES (12, 'with')", "INSERT 0 1"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(tag), "{sql}: {said}");
    }
    for (road, id) in [(Road::BindText, "13"), (Road::CopyText, "14"), (Road::CopyCsv, "15")] {
        load(&mut wire, road, "t", &[Some(id.as_bytes()), Some(b"road")]);
    }
    load(&mut wire, Road::BindBinary, "t", &[Some(&16_i32.to_be_bytes()), Some(b"road")]);
    let ids = database.query("SELECT string_agg(id::text, ' ' ORDER BY id) FROM t");
    assert_eq!(ids, [["1 2 7 8 9 10 11 12 13 14 15 16"]]);
    // The client is told where its own text is wrong.
    let sql = "INSERT INTO t (id, a) VALUES (20, nope)";
    let frames = wire.query(sql).until_ready();
    assert_eq!(super::position(&frames), sql.find("nope").map(|at| at + 1));
}

#[test]
fn values_for_generated_columns_are_left_out() {
    let (_proxy, database, mut wire) = session("[values]\ngenerated = \"leave-out\"\n");
    say(&mut wire, "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED, b text)");
    for (sql, tag) in [
        ("INSERT INTO t VALUES (1, 99, 'x')", "INSERT 0 1"),
        ("INSERT INTO t (g, a) VALUES (99, 2), (DEFAULT, 3), (NULL, 4)", "INSERT 0 3"),
        ("UPDATE t SET a = 5, g = 7 WHERE a = 4", "UPDATE 1"),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(tag), "{sql}: {said}");
    }
    let number = 6_i32.to_be_bytes();
    for (sql, types, values) in [
        ("INSERT INTO t VALUES ($1, $2, $3)", &[][..], &[&b"6"[..], b"99", b"x"][..]),
        ("INSERT INTO t VALUES ($1, $2, $3)", &[23, 23, 25], &[b"7", b"99", b"x"]),
        ("INSERT INTO t (g, a) VALUES ($2, $1)", &[], &[b"8", b"99"]),
        // One parameter in both.
        ("INSERT INTO t (a, g) VALUES ($1, $1)", &[], &[b"9"]),
        ("INSERT INTO t (a) SELECT $1 ON CONFLICT DO NOTHING", &[], &[b"10"]),
        ("UPDATE t SET g = $1 WHERE a = $1", &[], &[b"10"]),
    ] {
        let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(*value)).collect();
        wire.parse("", sql, types).bind("", "", &[], &values, 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains(" 1\nReady"), "{sql}: {said}");
    }
    for types in [&[][..], &[23, 23, 25]] {
        wire.parse("", "INSERT INTO t VALUES ($1, $2, $3)", types).describe(b'S', "");
        let values = [Some(&number[..]), Some(&number[..]), None];
        wire.bind("", "", &[1], &values, 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("ParameterDescription 23 23 25\n"), "{said}");
        assert!(said.contains("INSERT 0 1"), "{said}");
    }
    let wrong = database.query("SELECT count(*), count(*) FILTER (WHERE g <> a * 2) FROM t");
    assert_eq!(wrong, [["11", "0"]]);
}

/// A value of a numeric(5,2) that loses a digit, in binary format too: 1.234.
const NUMERIC: (&[u8], &[u8]) = (b"1.234", b"\0\x02\0\0\0\0\0\x03\0\x01\x09\x24");

fn lossy(road: Road) -> &'static [u8] {
    match road {
        Road::BindBinary | Road::CopyBinary => NUMERIC.1,
        _ => NUMERIC.0,
    }
}

#[test]
fn loss_is_allowed_or_warned_about() {
    for (policy, warns) in [("off", false), ("allow", false), ("warn", true)] {
        let (_proxy, database, mut wire) =
            session(&format!("[values]\nsilent_loss = \"{policy}\"\n"));
        say(&mut wire, "CREATE TABLE t (a numeric(5,2))");
        for road in ROADS {
            let frames = send(&mut wire, road, "t", &[Some(lossy(road))]);
            let tags: Vec<u8> = frames.iter().map(|frame| frame.tag).collect();
            assert_eq!(tags.contains(&b'N'), warns, "{road:?}: {frames:?}");
            if warns {
                assert_eq!(tags[tags.len() - 2..], *b"NZ", "{road:?}");
                assert_eq!(field(&frames, b'N', b'S').unwrap(), "WARNING");
                assert_eq!(field(&frames, b'N', b'C').unwrap(), "01000");
                let message = field(&frames, b'N', b'M').unwrap();
                assert!(message.contains("\"public\".\"t\".\"a\""), "{message}");
                assert!(!message.contains("1.234"), "{message}");
            }
        }
        assert_eq!(database.query("TABLE t"), [["1.23"]; 6]);
    }
}

#[test]
fn warnings_come_in_front_of_a_ready_for_query_of_a_pipeline() {
    let (_proxy, database, mut wire) = session("[values]\nsilent_loss = \"warn\"\n");
    say(&mut wire, "CREATE TABLE t (a numeric(5,2))");
    wire.parse("s", "INSERT INTO t VALUES ($1)", &[]);
    for value in [&b"1.234"[..], b"2", b"3.456"] {
        wire.bind("", "s", &[], &[Some(value)], 0).execute("", 0);
    }
    wire.sync().query("SELECT 1");
    let said = transcript(&[wire.until_ready(), wire.until_ready()].concat());
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected = "ParseComplete BindComplete CommandComplete BindComplete CommandComplete \
        BindComplete CommandComplete NoticeResponse NoticeResponse ReadyForQuery RowDescription \
        DataRow CommandComplete ReadyForQuery";
    assert_eq!(lines.join(" "), expected, "{said}");
    assert_eq!(database.query("TABLE t"), [["1.23"], ["2.00"], ["3.46"]]);
}

/// Everything on that leaves these rows alone.
const ALL_ON: &str = "[values]\nnul = \"remove\"\ntoo_long = \"truncate\"\nlob_bytes = 100000\n\
    bad_dates = \"null\"\ninvalid_utf8 = \"replace\"\nidentity_always = \"override\"\n\
    generated = \"leave-out\"\nsilent_loss = \"reject\"\nreplacements = { \"U+0001\" = \"x\" }\n";

const COLUMNS: &str =
    "n int, a text, b varchar(9), c char(4), d date, e bytea, j jsonb, k numeric(6,2)";

#[test]
fn rows_that_no_rule_touches_stay_as_they_are() {
    let proxy = Proxy::start(ALL_ON, &[]);
    let text: &[u8] = b"1\tplain\tv\tchar\t2024-02-29\t\\\\x00ff\t{\"k\": \"\\\\u00e4\"}\t1.5\n\
        2\t\\x41\\102\\t\\\\\\q\t\\N\t\\N\t\\N\t\\\\000\\\\\\\\\t\\N\t12.30\n\
        3\t\xC3\xA4\\\n\xE2\x82\xAC\t\t\tinfinity\t\t[1, 2]\t-0.01\n\\.\n";
    let csv: &[u8] = b"n|a|b|c|d|e|j|k\n1|'x''y|z'|\"v\"|''|2024-02-29|\\x00|'{\"k\": 1}'|nil\n\
        2|'a\nb\\n'|'nil'|nil|-infinity|nil|nil|7\n";
    let said = both_through(&proxy, |endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, format!("CREATE TABLE t ({COLUMNS})"));
        for size in [1, 2, 7, usize::MAX] {
            let frames = copy(&mut wire, "COPY t FROM STDIN", text, size);
            said += &transcript(&frames);
            let sql =
                "COPY t FROM STDIN (FORMAT csv, DELIMITER '|', QUOTE '''', HEADER, NULL 'nil')";
            said += &transcript(&copy(&mut wire, sql, csv, size));
        }
        said += &say(&mut wire, "TABLE t");
        // Out of the server and in again, as it spells them.
        for format in ["text", "csv", "binary"] {
            let out = wire.query(format!("COPY t TO STDOUT (FORMAT {format})")).until_ready();
            let rows: Vec<u8> =
                out.iter().filter(|f| f.tag == b'd').flat_map(|f| f.body.clone()).collect();
            say(&mut wire, "DROP TABLE IF EXISTS u; CREATE TABLE u (LIKE t)");
            let sql = format!("COPY u FROM STDIN (FORMAT {format})");
            for size in [1, 33, usize::MAX] {
                said += &transcript(&copy(&mut wire, &sql, &rows, size));
            }
            said += &say(&mut wire, "SELECT count(*), md5(string_agg(u::text, '|')) FROM u");
        }
        said
    });
    assert!(!said.contains("ErrorResponse"), "{said}");
}

#[test]
fn copy_is_mended_however_it_is_cut() {
    let (_proxy, database, mut wire) =
        session("[values]\ntoo_long = \"truncate\"\nnul = \"remove\"\nbad_dates = \"null\"\n");
    let row: Row = &[Some(b"1"), Some("ä\0öüß".as_bytes()), Some(b"x\0\\\n\"y"), None];
    let roads = [Road::CopyText, Road::CopyCsv];
    for road in roads {
        say(
            &mut wire,
            "DROP TABLE IF EXISTS t; CREATE TABLE t (n int, a varchar(3), b text, d date)",
        );
        let bad: Row = &[Some(b"2"), None, Some(b"0000-00-00"), Some(b"0000-00-00")];
        let stream = stream(road, &[row, bad]);
        let sql = copy_sql(road, "t");
        let mut times = 0;
        for size in (1..stream.len()).chain([1 << 20]) {
            let said = transcript(&copy(&mut wire, &sql, &stream, size));
            assert_eq!(said, "CommandComplete COPY 2\nReadyForQuery I\n", "{road:?} {size}");
            times += 1;
        }
        let rows =
            database.query("SELECT n, a, b, d, count(*) FROM t GROUP BY 1, 2, 3, 4 ORDER BY 1");
        let times = times.to_string();
        let expected =
            [["1", "äöü", "x\\\n\"y", "NULL", &times], ["2", "NULL", "0000-00-00", "NULL", &times]];
        assert_eq!(rows, expected, "{road:?}");
    }
}

#[test]
fn copies_with_options_and_columns_in_another_order() {
    let (_proxy, database, mut wire) =
        session("[values]\ntoo_long = \"truncate\"\nbad_dates = \"1970-01-01\"\n");
    say(&mut wire, "CREATE TABLE t (n int, a varchar(3), gone text, d date, b text)");
    say(&mut wire, "ALTER TABLE t DROP gone");
    let said = copy(&mut wire, "COPY t (d, b, a) FROM STDIN", b"2023-02-30\tabcd\tabcd\n", 5);
    assert!(transcript(&said).contains("COPY 1"), "{said:?}");
    let sql = "COPY t (a, n) FROM STDIN (FORMAT csv, HEADER, NULL 'nil', FORCE_NOT_NULL (a))";
    let said = copy(&mut wire, sql, b"a too long head,n\nnilnil,1\nnil,2\n", 3);
    assert!(transcript(&said).contains("COPY 2"), "{said:?}");
    say(&mut wire, "BEGIN; CREATE TABLE f (LIKE t)");
    let said = copy(&mut wire, "COPY f FROM STDIN (FREEZE)", b"1\tabcd\t2023-02-30\t\\N\n", 64);
    assert!(transcript(&said).contains("COPY 1"), "{said:?}");
    say(&mut wire, "COMMIT");
    let expected = [
        ["NULL", "abc", "1970-01-01", "abcd"],
        ["1", "nil", "NULL", "NULL"],
        ["2", "nil", "NULL", "NULL"],
    ];
    assert_eq!(database.query("TABLE t"), expected);
    assert_eq!(database.query("TABLE f"), [["1", "abc", "1970-01-01", "NULL"]]);
    // A client that gives up.
    wire.query("COPY t FROM STDIN").until(b'G');
    wire.copy_data("9\tabcd\t2023-").copy_fail("enough");
    let frames = wire.until_ready();
    assert_eq!(super::sqlstate(&frames), "57014");
    assert!(field(&frames, b'E', b'M').unwrap().contains("enough"));
    assert!(say(&mut wire, "SELECT count(*) FROM t").contains("DataRow 3\n"));
}

/// What the server says to values that the policies would have mended.
fn unmended(endpoint: &Endpoint, setting: &str) -> String {
    let mut wire = log_in(endpoint);
    let mut said = say(&mut wire, setting);
    say(
        &mut wire,
        "CREATE TABLE t (a varchar(3), d date, n numeric(5,2), g int GENERATED ALWAYS AS \
        IDENTITY, s text GENERATED ALWAYS AS ('x') STORED)",
    );
    let rows: [Row; 5] = [
        &[Some(b"abcd"), None, None, Some(b"1")],
        &[Some(b"a\0"), None, None, Some(b"1")],
        &[Some(b"\xff"), None, None, Some(b"1")],
        &[None, Some(b"2023-02-30"), None, Some(b"1")],
        &[None, None, Some(b"1.234"), Some(b"1")],
    ];
    for road in TEXT_ROADS {
        for row in rows {
            said += &format!("{road:?}: {}", transcript(&send(&mut wire, road, "t", row)));
        }
    }
    said += &say(&mut wire, "INSERT INTO t (s) VALUES ('y')");
    said + &say(&mut wire, "TABLE t")
}

#[test]
fn nothing_is_mended_when_rewriting_is_off() {
    let proxy = Proxy::start(ALL_ON, &[]);
    both_through(&proxy, |endpoint| unmended(endpoint, "SET dms.rewrite = 'off'"));
    let config = format!("rewrite = \"off\"\n{ALL_ON}");
    both_through(&Proxy::start(&config, &[]), |endpoint| unmended(endpoint, ""));
}
