//! Values that are only mistyped arrive, as parameters and as constants, and all others pass as they
//! were sent.

use super::{exact_until_ready, log_in, say, say_exactly, sqlstate};
use crate::support::{
    Body, Cluster, Database, Endpoint, Proxy, Recorder, Wire, both, both_through, transcript,
};

/// OIDs of PostgreSQL's types.
pub(super) mod oid {
    pub const BOOL: i32 = 16;
    pub const INT8: i32 = 20;
    pub const INT2: i32 = 21;
    pub const INT4: i32 = 23;
    pub const TEXT: i32 = 25;
    pub const JSON: i32 = 114;
    pub const FLOAT8: i32 = 701;
    pub const VARCHAR: i32 = 1043;
    pub const DATE: i32 = 1082;
    pub const TIMESTAMP: i32 = 1114;
    pub const TIMESTAMPTZ: i32 = 1184;
    pub const NUMERIC: i32 = 1700;
    pub const UUID: i32 = 2950;
    pub const JSONB: i32 = 3802;
}

pub(super) fn proxied() -> (Database, Endpoint) {
    let database = Cluster::shared().create_database();
    let endpoint = Proxy::shared().endpoint(database.endpoint());
    (database, endpoint)
}

/// Every statement that takes a value for a column: its text, and what the table holds before.
pub(super) const STATEMENTS: [(&str, &str); 12] = [
    ("INSERT INTO t (k, c) VALUES (1, $1)", ""),
    ("INSERT INTO t VALUES (DEFAULT, $1)", ""),
    ("INSERT INTO t (c, k) VALUES ($1, 2), ($1, 1), (DEFAULT, 3)", ""),
    ("INSERT INTO t (k, c) SELECT 1, $1", ""),
    ("INSERT INTO t AS a VALUES (1, ($1)) RETURNING k", ""),
    ("INSERT INTO t VALUES (1) ON CONFLICT (k) DO UPDATE SET c = $1", "INSERT INTO t VALUES (1)"),
    ("UPDATE t SET c = $1 WHERE k = 1", "INSERT INTO t VALUES (1)"),
    ("UPDATE ONLY public.t AS a SET (k, c) = (k, $1) RETURNING a.k", "INSERT INTO t VALUES (1)"),
    (
        "MERGE INTO t USING (VALUES (1)) AS s (k) ON t.k = s.k WHEN MATCHED THEN UPDATE SET c = $1",
        "INSERT INTO t VALUES (1)",
    ),
    (
        "MERGE INTO t USING (VALUES (1)) AS s (k) ON t.k = s.k \
         WHEN NOT MATCHED THEN INSERT (c, k) VALUES ($1, s.k)",
        "",
    ),
    ("WITH w AS (SELECT 1 AS k) INSERT INTO t (k, c) SELECT k, $1 FROM w", ""),
    (
        "WITH w AS (SELECT 1 AS k) UPDATE t SET c = $1 FROM w WHERE t.k = w.k",
        "INSERT INTO t VALUES (1)",
    ),
];

/// What became of a value: the SQLSTATE, or what the row with the key 1 holds.
pub(super) fn outcome(
    wire: &mut Wire,
    (sql, before): (&str, &str),
    types: &[i32],
    format: i16,
    value: &[u8],
) -> Result<String, String> {
    say(wire, format!("TRUNCATE t; {before}"));
    wire.parse("", sql, types).bind("", "", &[format], &[Some(value)], 0);
    let said = wire.execute("", 0).sync().until_ready();
    let last = said.last().unwrap().to_string();
    assert_eq!(last, "ReadyForQuery I", "{sql}");
    if said.iter().any(|frame| frame.tag == b'E') {
        return Err(sqlstate(&said));
    }
    let stored = say(wire, "SELECT coalesce(c::text, 'nothing') FROM t WHERE k = 1");
    let row = stored.lines().find_map(|line| line.strip_prefix("DataRow "));
    Ok(row.unwrap_or_else(|| panic!("{sql}: {stored}")).to_owned())
}

/// What a constant becomes that the server itself reads for the column.
fn judged(wire: &mut Wire, constant: &str) -> String {
    say(wire, format!("TRUNCATE t; INSERT INTO t VALUES (1, {constant})"));
    let stored = say(wire, "SELECT c::text FROM t");
    let row = stored.lines().find_map(|line| line.strip_prefix("DataRow "));
    row.unwrap_or_else(|| panic!("{constant}: {stored}")).to_owned()
}

/// A value of one type for a column of another.
struct Mistyped {
    declared: i32,
    column: &'static str,
    text: &'static str,
    binary: Vec<u8>,
    /// The constants that mean the same, for text and for binary.
    means: [&'static str; 2],
    /// The constant for binary format where nothing is declared, if that can only mean one thing.
    undeclared: Option<&'static str>,
}

impl Mistyped {
    fn new(
        declared: i32,
        column: &'static str,
        text: &'static str,
        binary: impl AsRef<[u8]>,
        means: [&'static str; 2],
    ) -> Self {
        let binary = binary.as_ref().to_vec();
        Self { declared, column, text, binary, means, undeclared: None }
    }

    /// Whose binary format means that, whatever is declared.
    fn clear_as(self, constant: &'static str) -> Self {
        Self { undeclared: Some(constant), ..self }
    }

    fn clear(self) -> Self {
        let constant = self.means[1];
        self.clear_as(constant)
    }
}

fn mistyped_strings() -> Vec<Mistyped> {
    let same = |declared, column, text: &'static str, constant| {
        Mistyped::new(declared, column, text, text, [constant, constant])
    };
    let clear = Mistyped::clear;
    vec![
        clear(same(oid::VARCHAR, "jsonb", r#"{"b": 1,  "a": [2]}"#, r#"'{"b":1,"a":[2]}'"#)),
        clear(same(
            oid::VARCHAR,
            "uuid",
            "00112233-4455-6677-8899-aabbccddeeff",
            "'00112233-4455-6677-8899-aabbccddeeff'",
        )),
        same(oid::TEXT, "timestamp", "2024-01-02 03:04:05.678", "'2024-01-02 03:04:05.678'"),
        same(oid::TEXT, "timestamptz", "2024-01-02 03:04:05+02", "'2024-01-02 03:04:05+02'"),
        same(oid::VARCHAR, "numeric(20,3)", "-12345.678", "-12345.678"),
        same(oid::VARCHAR, "mood", "happy", "'happy'"),
        same(oid::VARCHAR, "int4[]", "{1,2,NULL}", "'{1,2,NULL}'"),
        same(oid::TEXT, "bytea", r"a\\b\001", r"E'a\\\\b\\001'"),
        same(oid::TEXT, "bytea", r"\xdeadbeef", r"'\xdeadbeef'"),
        same(oid::VARCHAR, "interval", "1 day 02:00", "'1 day 02:00'"),
        clear(same(oid::VARCHAR, "boolean", "true", "true")),
        same(oid::VARCHAR, "inet", "10.0.0.1/8", "'10.0.0.1/8'"),
    ]
}

fn mistyped_numbers_and_documents() -> Vec<Mistyped> {
    let case = |declared, column, text, binary: &[u8], means| {
        Mistyped::new(declared, column, text, binary, means)
    };
    let clear = Mistyped::clear;
    let uuid: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 17).unwrap());
    vec![
        clear(case(oid::INT4, "boolean", "1", &1i32.to_be_bytes(), ["true"; 2])),
        clear(case(oid::INT4, "boolean", "0", &0i32.to_be_bytes(), ["false"; 2])),
        clear(case(oid::INT2, "boolean", "1", &1i16.to_be_bytes(), ["true"; 2])),
        clear(case(oid::INT8, "boolean", "0", &0i64.to_be_bytes(), ["false"; 2])),
        case(oid::BOOL, "smallint", "t", &[1], ["1"; 2]),
        case(oid::BOOL, "smallint", "false", &[0], ["0"; 2]),
        case(oid::BOOL, "numeric(1)", "1", &[1], ["1"; 2]),
        case(oid::BOOL, "jsonb", "t", &[1], ["'true'"; 2]),
        case(oid::BOOL, "json", "1", &[1], ["'true'"; 2]),
        case(
            oid::JSONB,
            "text",
            r#"{"b": 1,  "a": 1}"#,
            b"\x01{\"b\": 1,  \"a\": 1}",
            [r#"'{"b": 1,  "a": 1}'"#; 2],
        ),
        case(
            oid::UUID,
            "bytea",
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            &uuid,
            [r"'\x00112233445566778899aabbccddeeff'"; 2],
        ),
        case(oid::NUMERIC, "boolean", "1", &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1], ["true"; 2]),
        case(oid::FLOAT8, "boolean", "1", &1f64.to_be_bytes(), ["true"; 2]),
    ]
}

fn mistyped_timestamps() -> Vec<Mistyped> {
    let case = |declared, column, text, binary: &[u8], means| {
        Mistyped::new(declared, column, text, binary, means)
    };
    let clear = Mistyped::clear;
    let clear_as = |constant, case: Mistyped| case.clear_as(constant);
    let day = |days: i64, micros: i64| (days * 86_400_000_000 + micros).to_be_bytes();
    let of_2024 = day(8766, 3_661_000_001);
    let wide = "varchar(37)";
    vec![
        clear(case(
            oid::TIMESTAMP,
            wide,
            "2024-01-01 01:01:01.000001",
            &of_2024,
            ["'2024-01-01 01:01:01.000001'"; 2],
        )),
        clear_as(
            "'2024-01-01 01:01:01.000001'",
            case(
                oid::TIMESTAMPTZ,
                wide,
                "2024-01-01 01:01:01.123456789+02",
                &of_2024,
                ["'2024-01-01 01:01:01.123456789+02'", "'2024-01-01 01:01:01.000001+00'"],
            ),
        ),
        clear(case(oid::TIMESTAMP, wide, "infinity", &i64::MAX.to_be_bytes(), ["'infinity'"; 2])),
        clear(case(
            oid::TIMESTAMPTZ,
            wide,
            "-infinity",
            &i64::MIN.to_be_bytes(),
            ["'-infinity'"; 2],
        )),
        case(
            oid::TIMESTAMP,
            wide,
            "0044-03-15 12:00:00 BC",
            &day(-746_173, 0),
            [
                "'0044-03-15 12:00:00 BC'",
                "to_char(timestamp '2000-01-01' - interval '746173 days', \
                 'YYYY-MM-DD HH24:MI:SS.US BC')",
            ],
        ),
        case(
            oid::TIMESTAMPTZ,
            wide,
            "294276-12-31 23:59:59.999999+00",
            &(9_223_371_331_200_000_000i64 - 1).to_be_bytes(),
            ["'294276-12-31 23:59:59.999999+00'"; 2],
        ),
    ]
}

fn mistyped() -> Vec<Mistyped> {
    let mut all = mistyped_strings();
    all.extend(mistyped_numbers_and_documents());
    all.extend(mistyped_timestamps());
    all
}

/// A table of each column type, and one that is of use to none.
pub(super) fn create_table(wire: &mut Wire, column: &str) {
    let sql =
        format!("DROP TABLE IF EXISTS t; CREATE TABLE t (k int DEFAULT 1 PRIMARY KEY, c {column})");
    let said = say(wire, sql);
    assert!(said.ends_with("CommandComplete CREATE TABLE\nReadyForQuery I\n"), "{said}");
}

#[test]
fn mistyped_parameters_arrive() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let mut direct = log_in(database.endpoint());
    say(&mut wire, "CREATE TYPE mood AS ENUM ('sad', 'happy')");
    let mut wrong = Vec::new();
    for case in mistyped() {
        create_table(&mut direct, case.column);
        // What other roads change is seen by and by.
        say(&mut wire, "SET search_path = public");
        let means = case.means.map(|constant| judged(&mut direct, constant));
        for (format, value) in [(1, &*case.binary), (0, case.text.as_bytes())] {
            let declared = Ok(means[usize::try_from(format).unwrap()].clone());
            let undeclared = match case.undeclared.filter(|_| format == 1) {
                Some(constant) => Ok(judged(&mut direct, constant)),
                // As text, the words of booleans are numbers there.
                None if format == 0 && case.column == "smallint" && case.declared == oid::BOOL => {
                    declared.clone()
                }
                None => outcome(&mut direct, STATEMENTS[0], &[], format, value),
            };
            for statement in STATEMENTS {
                // First what needs a look-up most.
                for (types, expected) in [(&[][..], &undeclared), (&[case.declared], &declared)] {
                    let found = outcome(&mut wire, statement, types, format, value);
                    if found != *expected {
                        wrong.push(format!(
                            "{types:?} into {}, format {format}, {}: {found:?}, not {expected:?}",
                            case.column, statement.0
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The bytes of messages.
fn messages(send: impl FnOnce(&mut Wire)) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Endpoint { address, user: String::new(), database: String::new() };
    let reading = std::thread::spawn(move || {
        let mut sent = Vec::new();
        std::io::Read::read_to_end(&mut listener.accept().unwrap().0, &mut sent).unwrap();
        sent
    });
    let mut wire = Wire::open(&endpoint);
    send(&mut wire);
    drop(wire);
    reading.join().unwrap()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn parameters_that_the_server_assigns_stay_as_they_were_sent() {
    let database = Cluster::shared().create_database();
    let recorder = Recorder::start(database.endpoint().address);
    let proxy = Proxy::start_before(recorder.address(), "", &[]);
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    let mut direct = log_in(database.endpoint());
    let noon = (8766 * 86_400_000_000_i64).to_be_bytes();
    let json = r#"{"a":  1}"#;
    let cases: [(i32, &str, &str, &[u8]); 16] = [
        (oid::INT2, "int8", "-2", &(-2i16).to_be_bytes()),
        (oid::INT8, "int2", "3", &3i64.to_be_bytes()),
        (oid::INT8, "int2", "32768", &32_768i64.to_be_bytes()),
        (oid::INT4, "int4", "3", &3i32.to_be_bytes()),
        (oid::INT4, "numeric(5,2)", "3", &3i32.to_be_bytes()),
        (oid::FLOAT8, "real", "0.5", &0.5f64.to_be_bytes()),
        (oid::INT4, "text", "17", &17i32.to_be_bytes()),
        (oid::VARCHAR, "text", "a\\b", b"a\\b"),
        (oid::TEXT, "char(3)", "ab", b"ab"),
        (oid::TIMESTAMP, "text", "2024-01-01 12:00", &noon),
        (oid::TIMESTAMP, "varchar(38)", "2024-01-01 12:00", &noon),
        (oid::TIMESTAMP, "date", "2024-01-01 12:00", &noon),
        (oid::DATE, "varchar(37)", "2024-01-01", &1i32.to_be_bytes()),
        (oid::JSON, "text", json, json.as_bytes()),
        (oid::JSON, "jsonb", json, json.as_bytes()),
        (oid::JSONB, "jsonb", json, b"\x01{}"),
    ];
    for (declared, column, text, binary) in cases {
        create_table(&mut wire, column);
        for (sql, before) in STATEMENTS {
            for (format, value) in [(0, text.as_bytes()), (1, binary)] {
                let expected = outcome(&mut direct, (sql, before), &[declared], format, value);
                recorder.take();
                let found = outcome(&mut wire, (sql, before), &[declared], format, value);
                assert_eq!(found, expected, "{declared} into {column}: {sql}");
                let recorded = recorder.take();
                let sent = messages(|wire| {
                    wire.bind("", "", &[format], &[Some(value)], 0).execute("", 0).sync();
                });
                assert!(holds(&recorded, &sent), "{declared} into {column}: {sql}");
                let sent = messages(|wire| {
                    wire.parse("", sql, &[declared]);
                });
                assert!(holds(&recorded, &sent), "{declared} into {column}: {sql}");
            }
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_as_the_server_does() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        // Values that are wrong for the column stay wrong.
        for (column, value) in [
            ("jsonb", "{"),
            ("uuid", "no"),
            ("timestamp", "yesterday or so"),
            ("numeric(3)", "12345"),
            ("boolean", "2"),
        ] {
            create_table(&mut wire, column);
            // As the server says it where it infers the type.
            for (sql, before) in STATEMENTS {
                let result = outcome(&mut wire, (sql, before), &[], 0, value.as_bytes());
                said += &format!("{column} {sql} {result:?}\n");
            }
        }
        // Parameters of which something else goes into a column keep their types.
        create_table(&mut wire, "jsonb");
        for sql in [
            "INSERT INTO t VALUES (1, $1 || '')",
            "INSERT INTO t SELECT 1, $1 || '' UNION SELECT 2, $1",
            "UPDATE t SET c = concat($1, $1)",
            "INSERT INTO t VALUES (1, $1, 3)",
            "INSERT INTO t (nope) VALUES ($1)",
            "INSERT INTO nope VALUES ($1)",
            "INSERT INTO t VALUES ($2, $1) RETURNING",
            "MERGE INTO t USING (SELECT $1 || '' AS c) s ON false WHEN NOT MATCHED THEN INSERT VALUES (1, s.c)",
        ] {
            wire.parse("", sql, &[oid::VARCHAR, oid::INT4]).describe(b'S', "").sync();
            said += &exact_until_ready(&mut wire, 1);
        }
        said
    });
    assert!(said.contains("42804") && said.contains("42P01") && said.contains("22P02"), "{said}");
}

#[test]
fn with_rewriting_off_nothing_of_this_happens() {
    let proxy = Proxy::start("rewrite = \"off\"\n", &[]);
    let converse = |endpoint: &Endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "SET dms.rewrite = off");
        for case in mistyped() {
            if case.column == "mood" {
                continue;
            }
            create_table(&mut wire, case.column);
            for statement in STATEMENTS.into_iter().step_by(6) {
                for (format, value) in [(0, case.text.as_bytes()), (1, &*case.binary)] {
                    for types in [&[case.declared][..], &[]] {
                        let result = outcome(&mut wire, statement, types, format, value);
                        said += &format!("{} {types:?} {format} {result:?}\n", case.column);
                    }
                }
            }
        }
        create_table(&mut wire, "boolean");
        for sql in ["INSERT INTO t VALUES (1, 1)", "INSERT INTO t VALUES (2, '\\u0000')"] {
            said += &say_exactly(&mut wire, sql);
        }
        said
    };
    let said = both_through(&proxy, converse);
    assert!(said.contains("42804"), "{said}");
    both(converse);
}

#[test]
fn timestamps_of_nine_digits() {
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE t (k int, d DATETIME(9), e DATETIME(6))");
    let types = "SELECT atttypid::regtype, atttypmod FROM pg_attribute WHERE attrelid = 't'::regclass \
                 AND attname IN ('d', 'e') ORDER BY attnum";
    let types = database.query(types);
    assert_eq!(types[0], ["character varying", "41"]);
    assert_eq!(types[1][0], "timestamp without time zone");
    let nine = "2024-02-29 23:59:59.123456789";
    say(&mut wire, format!("INSERT INTO t VALUES (1, '{nine}')"));
    for types in [&[][..], &[0, oid::TIMESTAMP], &[0, oid::VARCHAR], &[0, oid::TIMESTAMPTZ]] {
        wire.parse("", "INSERT INTO t VALUES ($1, $2)", types);
        wire.bind("", "", &[], &[Some(b"2"), Some(nine.as_bytes())], 0).execute("", 0).sync();
        let said = transcript(&wire.until_ready());
        assert!(said.contains("INSERT 0 1"), "{said}");
    }
    let row = Body::default().int16(2).int32(4).int32(3).int32(29).bytes(nine).0;
    let header = Body::default().bytes(b"PGCOPY\n\xFF\r\n\0").int32(0).int32(0).0;
    let binary = [header, row, vec![0xFF, 0xFF]].concat();
    for (options, rows) in [
        ("", format!("3\t{nine}\n").into_bytes()),
        ("CSV", format!("3,\"{nine}\"\n3,{nine}\n").into_bytes()),
        ("BINARY", binary),
    ] {
        wire.query(format!("COPY t (k, d) FROM STDIN {options}")).until(b'G');
        wire.copy_data(&rows).copy_done();
        let said = transcript(&wire.until_ready());
        assert!(said.starts_with("CommandComplete COPY"), "{options}: {said}");
    }
    let rows = "SELECT d, count(*) FROM t GROUP BY d";
    assert_eq!(database.query(rows), [[nine, "9"]]);
    // A timestamp in binary format has six digits at most, and all six.
    let micros = (8825 * 86_400_000_000_i64 + 1).to_be_bytes();
    say(&mut wire, "TRUNCATE t");
    wire.parse("", "INSERT INTO t VALUES (1, $1, $1), (2, $2, NULL)", &[oid::TIMESTAMP; 2]);
    wire.bind("", "", &[1], &[Some(&micros), Some(&micros)], 0).execute("", 0).sync();
    let said = wire.until_ready();
    // One type cannot be two: $1 stays as it was declared.
    assert!(transcript(&said).contains("INSERT 0 2"), "{said:?}");
    assert_eq!(
        database.query("SELECT d FROM t ORDER BY k"),
        [["2024-02-29 00:00:00.000001"], ["2024-02-29 00:00:00.000001"]]
    );
}
