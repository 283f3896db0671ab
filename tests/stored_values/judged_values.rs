//! What the policies make of values, with the server as the judge of it.

use std::num::NonZeroUsize;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{
    BadDates, Column, ColumnJudge, Findings, InvalidUtf8, SilentLoss, TooLong, ValuePolicies,
    ValueRule, ValueVerdict, binary_to_text, fit_binary, type_oid,
};

use super::{Numbers, hex};
use crate::support::{Cluster, Endpoint, Frame, Wire};

/// A session in which one value after the other is put through `SELECT`.
struct Asker(Wire);

impl Asker {
    fn log_in(endpoint: &Endpoint) -> Asker {
        // No text may depend on them.
        let settings = [
            ("TimeZone", "America/New_York"),
            ("DateStyle", "SQL, DMY"),
            ("IntervalStyle", "sql_standard"),
        ];
        Asker(Wire::log_in(endpoint, &settings).0)
    }

    /// What a query of one parameter gives for a value, or its SQLSTATE.
    fn ask(&mut self, sql: &str, is_binary: bool, value: &[u8]) -> Result<String, String> {
        self.0.parse("", sql, &[]);
        self.0.bind("", "", &[i16::from(is_binary)], &[Some(value)], 0).execute("", 0).sync();
        let replies = self.0.until_ready();
        match replies.iter().find(|frame| matches!(frame.tag, b'D' | b'E')) {
            Some(Frame { tag: b'D', body }) => Ok(String::from_utf8(body[6..].to_vec()).unwrap()),
            Some(Frame { body, .. }) => {
                let fields = body.split(|byte| *byte == 0);
                let code = fields.filter_map(|field| field.strip_prefix(b"C")).next().unwrap();
                Err(String::from_utf8(code.to_vec()).unwrap())
            }
            None => panic!("{replies:?}"),
        }
    }

    /// Whether a binary COPY takes a value.
    fn copies(&mut self, type_name: &str, value: &[u8]) -> bool {
        let sql = format!("DROP TABLE IF EXISTS c; CREATE TEMP TABLE c (v {type_name})");
        self.0.query(sql).until_ready();
        let mut rows = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
        rows.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        rows.extend_from_slice(value);
        rows.extend(b"\xFF\xFF");
        self.0.query("COPY c FROM STDIN (FORMAT binary)").copy_data(&rows).copy_done();
        self.0.until_ready().iter().all(|frame| frame.tag != b'E')
    }
}

fn column(type_oid: u32, modifier: i32) -> Column {
    Column { type_oid, modifier, is_nullable: true, ..Column::default() }
}

/// Types with a binary format, the name of what writes it, and some values.
const TYPES: &[(u32, &str, &str, &[&str])] = &[
    (type_oid::BOOL, "boolean", "boolsend", &["true", "false"]),
    (type_oid::INT2, "smallint", "int2send", &["0", "-32768", "32767"]),
    (type_oid::INT4, "integer", "int4send", &["0", "-2147483648", "2147483647"]),
    (type_oid::INT8, "bigint", "int8send", &["-1", "-9223372036854775808", "9223372036854775807"]),
    (type_oid::OID, "oid", "oidsend", &["0", "4294967295"]),
    (
        type_oid::FLOAT4,
        "real",
        "float4send",
        &["0", "-0", "0.1", "1e-45", "3.4028235e38", "NaN", "-Infinity", "1e15", "16777217"],
    ),
    (
        type_oid::FLOAT8,
        "double precision",
        "float8send",
        &["-0", "0.1", "5e-324", "1.7976931348623157e308", "NaN", "Infinity", "1e15", "1e-5"],
    ),
    (
        type_oid::NUMERIC,
        "numeric",
        "numeric_send",
        &[
            "0",
            "0.000",
            "-1.50",
            "10000",
            "0.0001",
            "0.00001",
            "12345678901234567890.0123456789",
            "1e1000",
            "1e-1000",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    (
        type_oid::DATE,
        "date",
        "date_send",
        &["2000-01-01", "0001-12-31 BC", "4714-11-24 BC", "5874897-12-31", "infinity", "-infinity"],
    ),
    (type_oid::TIME, "time", "time_send", &["00:00", "24:00", "12:34:56.789012"]),
    (
        type_oid::TIMETZ,
        "timetz",
        "timetz_send",
        &["00:00+00", "24:00-15:59:59", "01:02:03.4+15:59:59", "12:00+05:30"],
    ),
    (
        type_oid::TIMESTAMP,
        "timestamp",
        "timestamp_send",
        &[
            "4714-11-24 00:00:00 BC",
            "294276-12-31 23:59:59.999999",
            "1999-12-31 23:59:59.999999",
            "0001-01-01",
            "0005-02-29 12:00 BC",
            "infinity",
            "-infinity",
        ],
    ),
    (
        type_oid::TIMESTAMPTZ,
        "timestamptz",
        "timestamptz_send",
        &["4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "2024-02-29 10:00+02"],
    ),
    (
        type_oid::INTERVAL,
        "interval",
        "interval_send",
        &["0", "1 year -2 mons +3 days -04:05:06.789", "-1 day", "-178000000 years", "99999:00:00"],
    ),
    (type_oid::UUID, "uuid", "uuid_send", &["00112233-4455-6677-8899-aabbccddeeff"]),
    (type_oid::BYTEA, "bytea", "byteasend", &["", "\\x00ff", "a\\\\b\\001"]),
    (type_oid::JSON, "json", "json_send", &["{\"a\": 1}", " null "]),
    (type_oid::JSONB, "jsonb", "jsonb_send", &["{\"a\": 1}", "\"\\u00e4\""]),
    (type_oid::TEXT, "text", "textsend", &["", "a'ä\n"]),
    (type_oid::VARCHAR, "varchar", "varcharsend", &["", "\\x"]),
    (type_oid::BPCHAR, "bpchar", "bpcharsend", &["a  "]),
    (type_oid::NAME, "name", "namesend", &["a b"]),
    (type_oid::CHAR, "\"char\"", "charsend", &["", "x", "\\"]),
    (type_oid::XML, "xml", "xml_send", &["<a/>"]),
];

fn bytes(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

#[test]
fn the_text_of_a_binary_value_is_read_back_as_the_same() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    for (type_oid, name, send, values) in TYPES {
        let sql = format!("SELECT encode({send}($1::{name}), 'hex')");
        for value in *values {
            let sent = server.ask(&sql, false, value.as_bytes());
            let sent = bytes(&sent.unwrap_or_else(|code| panic!("{name} {value}: {code}")));
            let text = binary_to_text(*type_oid, &sent)
                .unwrap_or_else(|| panic!("{name} {value}: {sent:?}"));
            let again = server.ask(&sql, false, &text);
            assert_eq!(again, Ok(hex(&sent)), "{name} {value}: {}", text.escape_ascii());
        }
    }
}

#[test]
fn what_the_server_takes_has_a_text_and_nothing_else_has() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let special = [0u8, 1, 0x7F, 0x80, 0xFF, 0xC0, 0x40, 9, 100];
    for (type_oid, name, send, values) in TYPES {
        // Of characters the server knows the encoding, and of JSON and XML the grammar.
        if matches!(name.chars().next(), Some('j' | 'x' | 'v' | '"')) || *name == "name" {
            continue;
        }
        let sql = format!("SELECT encode({send}($1::{name}), 'hex')");
        let length = bytes(&server.ask(&sql, false, values[0].as_bytes()).unwrap()).len();
        for round in 0..150 {
            let length = if round % 10 == 0 { numbers.below(20) } else { length };
            let value: Vec<u8> = match *type_oid {
                type_oid::NUMERIC => numeric(&mut numbers),
                type_oid::TEXT | type_oid::BPCHAR => vec![b"a\0"[numbers.below(2)]; length],
                _ => (0..length)
                    .map(|_| match round % 2 {
                        0 => special[numbers.below(special.len())],
                        _ => u8::try_from(numbers.below(256)).unwrap(),
                    })
                    .collect(),
            };
            let taken = server.ask(&sql, true, &value);
            let text = binary_to_text(*type_oid, &value);
            assert_eq!(text.is_some(), taken.is_ok(), "{name} {value:?}: {taken:?}");
            if let (Some(text), Ok(taken)) = (text, taken) {
                // A NaN has many forms in binary format and one as text.
                let is_nan = text == b"NaN" && *type_oid != type_oid::NUMERIC;
                let again = server.ask(&sql, false, &text);
                let shown = text.escape_ascii();
                assert!(is_nan || again == Ok(taken), "{name} {value:?}: {shown}: {again:?}");
            }
        }
    }
}

#[test]
fn the_ends_of_intervals_are_read_back() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let sql = "SELECT encode(interval_send($1::interval), 'hex')";
    for micros in [i64::MIN + 1, -1, 0, i64::MAX] {
        for days in [i32::MIN, -1, 0, i32::MAX] {
            for months in [i32::MIN, -1, 0, i32::MAX - 1] {
                let parts = [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()];
                let value = parts.concat();
                let text = binary_to_text(type_oid::INTERVAL, &value).unwrap();
                let again = server.ask(sql, false, &text);
                assert_eq!(again, Ok(hex(&value)), "{}", text.escape_ascii());
            }
        }
    }
}

/// A number that is more often right than wrong.
fn numeric(numbers: &mut Numbers) -> Vec<u8> {
    let count = numbers.below(6);
    let signs = [0u16, 0, 0x4000, 0x4000, 0xC000, 0xD000, 0xF000, 1];
    let weight = i16::try_from(numbers.below(12)).unwrap() - 6;
    let scale = [0, 1, 3, 4, 7, 20, 0x4000][numbers.below(7)];
    let words = [u16::try_from(count).unwrap(), weight.cast_unsigned(), signs[numbers.below(8)]];
    let digits = (0..count).map(|_| [0, 1, 9999, 1230, 10_000][numbers.below(41) / 10]);
    let digits: Vec<u16> = digits.collect();
    let words = words.into_iter().chain([scale]).chain(digits);
    words.flat_map(u16::to_be_bytes).collect()
}

#[test]
fn converted_values_are_taken_where_they_were_refused() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let plain_uuid = uuid.replace('-', "");
    let braced_uuid = format!("{{{uuid}}}");
    let timestamp = 757_382_400_123_456i64.to_be_bytes();
    for (type_oid, name, value, expected) in [
        (type_oid::BOOL, "boolean", &0i16.to_be_bytes()[..], "false"),
        (type_oid::BOOL, "boolean", &1i32.to_be_bytes(), "true"),
        (type_oid::BOOL, "boolean", &1i64.to_be_bytes(), "true"),
        (type_oid::BOOL, "boolean", b"true", "true"),
        (type_oid::BOOL, "boolean", b"off", "false"),
        (type_oid::INT2, "smallint", &(-7i32).to_be_bytes(), "-7"),
        (type_oid::INT4, "integer", &(-7i64).to_be_bytes(), "-7"),
        (type_oid::INT4, "integer", b"-12345", "-12345"),
        (type_oid::INT8, "bigint", &7i16.to_be_bytes(), "7"),
        (type_oid::INT8, "bigint", b"5", "5"),
        (type_oid::FLOAT4, "real", &0.1f64.to_be_bytes(), "0.1"),
        (type_oid::FLOAT4, "real", b"-1.5e3", "-1500"),
        (type_oid::FLOAT8, "double precision", &1.5f32.to_be_bytes(), "1.5"),
        (type_oid::FLOAT8, "double precision", b"0.1", "0.1"),
        (type_oid::UUID, "uuid", uuid.as_bytes(), uuid),
        (type_oid::UUID, "uuid", plain_uuid.as_bytes(), uuid),
        (type_oid::UUID, "uuid", braced_uuid.as_bytes(), uuid),
        (type_oid::JSONB, "jsonb", b" [1]", "[1]"),
        (type_oid::VARCHAR, "varchar(37)", &timestamp, "2024-01-01 00:00:00.123456"),
    ] {
        let modifier = if type_oid == type_oid::VARCHAR { 41 } else { -1 };
        let fitted = fit_binary(&column(type_oid, modifier), value).unwrap();
        let sql = format!("SELECT ($1::{name})::text");
        assert!(server.ask(&sql, true, value).is_err(), "{name} {value:?} is taken as it is");
        assert_eq!(server.ask(&sql, true, &fitted).as_deref(), Ok(expected), "{name} {value:?}");
        assert!(!server.copies(name, value) && server.copies(name, &fitted), "{name} {value:?}");
    }
}

#[test]
fn nothing_is_converted_that_the_server_takes() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let pieces: &[&[u8]] =
        &[b"\0", b"\0\0\0", b"\x01", b"1", b"-", b"\xFF", b"{}", b"true", b"a", b"0011", b".5"];
    let mut converted = 0;
    for (type_oid, name) in [
        (type_oid::BOOL, "boolean"),
        (type_oid::INT2, "smallint"),
        (type_oid::INT4, "integer"),
        (type_oid::INT8, "bigint"),
        (type_oid::FLOAT4, "real"),
        (type_oid::FLOAT8, "double precision"),
        (type_oid::UUID, "uuid"),
        (type_oid::JSONB, "jsonb"),
        (type_oid::VARCHAR, "varchar(37)"),
    ] {
        let modifier = if type_oid == type_oid::VARCHAR { 41 } else { -1 };
        let sql = format!("SELECT ($1::{name})::text");
        for _ in 0..200 {
            let value = numbers.pieces(pieces).concat();
            let value = &value[..value.len().min(numbers.below(12))];
            let Some(fitted) = fit_binary(&column(type_oid, modifier), value) else { continue };
            converted += 1;
            assert!(server.ask(&sql, true, value).is_err(), "{name} {value:?}");
            // Whether JSON is right is the server's to say.
            let is_taken = server.ask(&sql, true, &fitted).is_ok();
            assert!(is_taken || type_oid == type_oid::JSONB, "{name} {value:?} {fitted:?}");
        }
    }
    assert!(converted > 100, "{converted}");
}

#[test]
fn bad_dates_are_those_that_the_server_refuses() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let policies = ValuePolicies { bad_dates: BadDates::Null, ..ValuePolicies::default() };
    let years = ["0000", "0001", "1900", "2000", "2023", "2024", "9999"];
    let months = ["00", "01", "02", "04", "12", "13", "99", "2"];
    let days = ["00", "01", "28", "29", "30", "31", "32", "7"];
    let times = [
        "",
        "",
        "",
        " 00:00:00",
        "T12:34",
        " 24:00:00",
        " 24:00:00.000001",
        " 25:00",
        " 23:60:00",
        " 23:59:60",
        " 23:59:60.5",
        " 12:00:60.5",
        " 23:59:61",
        " 23:59:59.9999999",
        "T235959.5",
        "T246060",
        "  1:2:3",
    ];
    let zones = ["", "", "", "Z", "+02", "-05:30", "+05:30:15", " +0200"];
    let mut bad = 0;
    for _ in 0..1500 {
        let (year, month) = (years[numbers.below(7)], months[numbers.below(8)]);
        let (day, time) = (days[numbers.below(8)], times[numbers.below(times.len())]);
        let zone = if time.is_empty() { "" } else { zones[numbers.below(zones.len())] };
        let separator = ["-", "-", "/", ""][numbers.below(4)];
        if separator.is_empty() && (month.len() < 2 || day.len() < 2) {
            continue;
        }
        let text = format!("{year}{separator}{month}{separator}{day}{time}{zone}");
        for (type_oid, name) in [
            (type_oid::DATE, "date"),
            (type_oid::TIMESTAMP, "timestamp"),
            (type_oid::TIMESTAMPTZ, "timestamptz"),
        ] {
            let column = column(type_oid, -1);
            let judge = ColumnJudge::new(&policies, &policies.bad_dates, &column, Encoding::Utf8);
            let is_bad =
                judge.judge_text(text.as_bytes(), &mut Findings::default()) == ValueVerdict::Null;
            let answer = server.ask(&format!("SELECT $1::{name}"), false, text.as_bytes());
            match answer.as_ref().map_err(String::as_str) {
                Ok(_) => assert!(!is_bad, "{name} {text}: {answer:?}"),
                Err("22008") => assert!(is_bad, "{name} {text}: {answer:?}"),
                // The server reads some spellings of a zone in another way, or not at all.
                Err(code) => assert!(code == "22007" && time.starts_with("T2"), "{text}: {code}"),
            }
            bad += u32::from(is_bad);
        }
    }
    assert!(bad > 1000, "{bad}");
}

#[test]
fn cut_values_fit_and_surplus_blanks_are_the_servers() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (v varchar(3), b bpchar(3))");
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let policies = ValuePolicies { too_long: TooLong::Truncate, ..ValuePolicies::default() };
    let mut cut = 0;
    for _ in 0..300 {
        let text = numbers.pieces(&["a", "ä", "€", "😀", " ", " "]).concat();
        for (type_oid, name) in [(type_oid::VARCHAR, "v"), (type_oid::BPCHAR, "b")] {
            let column = column(type_oid, 7);
            let judge = ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
            let sql = format!("INSERT INTO t ({name}) VALUES ($1) RETURNING {name}");
            let answer = server.ask(&sql, false, text.as_bytes());
            match judge.judge_text(text.as_bytes(), &mut Findings::default()) {
                ValueVerdict::Keep => assert!(answer.is_ok(), "{name} {text:?}: {answer:?}"),
                ValueVerdict::Replace(shorter) => {
                    assert_eq!(answer.as_ref().map_err(String::as_str), Err("22001"), "{text:?}");
                    let shorter = String::from_utf8(shorter).unwrap();
                    let stored = server.ask(&sql, true, shorter.as_bytes());
                    assert_eq!(stored.as_deref(), Ok(shorter.as_str()), "{name} {text:?}");
                    cut += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(cut > 200, "{cut}");
}

/// Whether the judge finds that a column loses something of a value.
fn finds(rule: ValueRule, type_oid: u32, modifier: i32, text: &str) -> bool {
    let policies = ValuePolicies { silent_loss: SilentLoss::Allow, ..ValuePolicies::default() };
    let column = column(type_oid, modifier);
    let judge = ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
    let mut findings = Findings::default();
    assert_eq!(judge.judge_text(text.as_bytes(), &mut findings), ValueVerdict::Keep);
    findings.take().iter().any(|(noted, _)| *noted == rule)
}

#[test]
fn losses_of_numbers_are_those_of_the_server() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let mut lost = 0;
    for _ in 0..800 {
        let digits = numbers.pieces(&["0", "0", "1", "5", "9"]).concat()
            + ["", ".", ".0", ".5", ".125"][numbers.below(5)];
        let exponent = ["", "", "e0", "e3", "E+2", "e-1", "e-4"][numbers.below(7)];
        let text = format!("{}{digits}{exponent}", ["", "-", "+"][numbers.below(3)]);
        let (precision, scale) = [(30, 2), (30, 0), (20, -3), (3, 5), (30, 10)][numbers.below(5)];
        let name = format!("numeric({precision},{scale})");
        let sql = format!("SELECT a::{name} <> a FROM (SELECT $1::numeric) b (a)");
        let is_changed = match server.ask(&sql, false, text.as_bytes()) {
            Ok(is_changed) => is_changed == "t",
            // It is too large for the column.
            Err(code) if code == "22003" => continue,
            Err(code) => panic!("{text}: {code}"),
        };
        let modifier = ((precision << 16) | (scale & 0x7FF)) + 4;
        let is_lost = finds(ValueRule::LossOfNumericDigits, type_oid::NUMERIC, modifier, &text);
        assert_eq!(is_lost, is_changed, "{name} {text}");
        lost += u32::from(is_lost);
    }
    assert!(lost > 100, "{lost}");
}

#[test]
fn losses_of_seconds_are_those_of_the_server() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let mut lost = 0;
    for round in 0..600 {
        let digits = numbers.pieces(&["0", "0", "0", "1", "5", "9"]).concat();
        let precision = [-1i32, 0, 3, 6][numbers.below(4)];
        let (type_oid, name, front, back) = [
            (type_oid::TIMESTAMP, "timestamp", "2024-02-03 04:05:06", ""),
            (type_oid::TIMESTAMP, "timestamp", "20240203T040506", ""),
            (type_oid::TIMESTAMPTZ, "timestamptz", "2024-02-03 04:05:06", "+00"),
            (type_oid::TIME, "time", "04:05:06", ""),
            (type_oid::TIMETZ, "timetz", "04:05:06", "+00"),
            (type_oid::INTERVAL, "interval", "04:05:06", ""),
            (type_oid::INTERVAL, "interval", "6", " secs"),
        ][round % 7];
        let text = format!("{front}.{digits}{back}");
        let modified = if precision < 0 { name.to_owned() } else { format!("{name}({precision})") };
        // The fraction as it came, next to the one that is stored.
        let sql = format!(
            "SELECT rtrim(to_char(extract(microsecond FROM a::{modified})::numeric % 1000000,
                 'FM000000'), '0') FROM (SELECT $1::text::{name}) b (a)"
        );
        let stored = server.ask(&sql, false, text.as_bytes()).unwrap();
        let is_changed = stored != digits.trim_end_matches('0');
        let modifier = match (type_oid, precision) {
            (_, -1) => -1,
            (type_oid::INTERVAL, precision) => 0x7FFF_0000 | precision,
            (_, precision) => precision,
        };
        let is_lost = finds(ValueRule::LossOfSecondDigits, type_oid, modifier, &text);
        assert_eq!(is_lost, is_changed, "{modified} {text} {stored}");
        lost += u32::from(is_lost);
    }
    assert!(lost > 100, "{lost}");
}

#[test]
fn losses_of_blanks_and_keys_are_those_of_the_server() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (v varchar(4), b bpchar(4))");
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let mut lost = [0; 2];
    for _ in 0..300 {
        let text = numbers.pieces(&["a", "ä", " ", " "]).concat();
        for (type_oid, name) in [(type_oid::VARCHAR, "v"), (type_oid::BPCHAR, "b")] {
            let sql = format!("INSERT INTO t ({name}) VALUES ($1) RETURNING {name}");
            let Ok(stored) = server.ask(&sql, false, text.as_bytes()) else { continue };
            let is_changed = stored != text && text.ends_with(' ');
            let is_lost = finds(ValueRule::LossOfBlanks, type_oid, 8, &text);
            assert_eq!(is_lost, is_changed, "{name} {text:?} {stored:?}");
            lost[0] += u32::from(is_lost);
        }
        let keys = ["a", "\\u0061", "b", "ä", "\\u00e4", "\\\"", "\\n", "\\u000A"];
        let members = numbers.pieces(&keys).into_iter().map(|key| format!("\"{key}\": 0"));
        let json = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let sql = "SELECT (SELECT count(*) FROM json_object_keys(a::json))
            <> (SELECT count(*) FROM jsonb_object_keys(a::jsonb)) FROM (SELECT $1::text) b (a)";
        let is_changed = server.ask(sql, false, json.as_bytes()).unwrap() == "t";
        let is_lost = finds(ValueRule::LossOfDuplicateKeys, type_oid::JSONB, -1, &json);
        assert_eq!(is_lost, is_changed, "{json}");
        lost[1] += u32::from(is_lost);
    }
    assert!(lost.iter().all(|lost| *lost > 50), "{lost:?}");
}

#[test]
fn cut_bytea_has_the_bytes_of_the_limit() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let sql = "SELECT encode($1::bytea, 'hex')";
    let mut cut = 0;
    for round in 0..400 {
        let text = match round % 2 {
            0 => numbers.pieces(&["a", " ", "\\\\", "\\000", "\\377", "ä", "\\9"]).concat(),
            _ => format!("\\x{}", numbers.pieces(&["00", "fF", " ", "\n", "1"]).concat()),
        };
        let limit = numbers.below(5) + 1;
        let policies =
            ValuePolicies { lob_bytes_max: NonZeroUsize::new(limit), ..ValuePolicies::default() };
        let column = column(type_oid::BYTEA, -1);
        let judge = ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
        let whole = server.ask(sql, false, text.as_bytes());
        match (judge.judge_text(text.as_bytes(), &mut Findings::default()), whole) {
            (ValueVerdict::Keep, Ok(whole)) => assert!(whole.len() <= 2 * limit, "{text} {limit}"),
            (ValueVerdict::Keep, Err(_)) => {}
            (ValueVerdict::Replace(shorter), whole) => {
                let stored = server.ask(sql, false, &shorter).unwrap();
                // Only a character that stands for its own bytes leaves some of the limit.
                let rest = &text.as_bytes()[shorter.len()..];
                let least = 2 * limit - if rest.starts_with("ä".as_bytes()) { 2 } else { 0 };
                assert!((least..=2 * limit).contains(&stored.len()), "{text} {limit}");
                // What is wrong behind the cut is not looked at.
                assert!(whole.is_err() || whole.unwrap().starts_with(&stored), "{text}");
                cut += 1;
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(cut > 100, "{cut}");
}

#[test]
fn broken_utf8_is_what_the_server_refuses_and_mended_it_is_taken() {
    let database = Cluster::shared().create_database();
    let mut server = Asker::log_in(database.endpoint());
    let mut numbers = Numbers::new();
    let pieces: &[&[u8]] = &[
        b"a",
        b"\xC3",
        b"\xA4",
        b"\xE2\x82",
        b"\xAC",
        b"\xED\xB0\x86",
        b"\xF0\x9F",
        b"\x98\x80",
        b"\xC0\x80",
        b"\xF4\x90\x80\x80",
        b"\xFF",
        b"\x81",
    ];
    let mut broken = 0;
    for _ in 0..300 {
        let value = numbers.pieces(pieces).concat();
        for invalid_utf8 in [InvalidUtf8::Replace, InvalidUtf8::Cp1252] {
            let policies = ValuePolicies { invalid_utf8, ..ValuePolicies::default() };
            let column = column(type_oid::TEXT, -1);
            let judge = ColumnJudge::new(&policies, &BadDates::Reject, &column, Encoding::Utf8);
            for is_binary in [false, true] {
                let answer = server.ask("SELECT $1::text", is_binary, &value);
                let mut findings = Findings::default();
                let verdict = match is_binary {
                    false => judge.judge_text(&value, &mut findings),
                    true => judge.judge_binary(&value, &mut findings),
                };
                match verdict {
                    ValueVerdict::Keep => assert!(answer.is_ok(), "{value:?}"),
                    ValueVerdict::Replace(mended) => {
                        assert_eq!(answer, Err("22021".to_owned()), "{value:?}");
                        let answer = server.ask("SELECT $1::text", is_binary, &mended);
                        assert_eq!(answer, Ok(String::from_utf8(mended).unwrap()));
                        broken += 1;
                    }
                    other => panic!("{value:?}: {other:?}"),
                }
            }
        }
    }
    assert!(broken > 400, "{broken}");
}
