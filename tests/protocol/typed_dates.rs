//! What is declared as a number, a boolean, a time or a UUID and goes into dates, times and `bytea`: refused as
//! the server does, unless the meaning is certain or the configuration says what it is.

use super::policies::{Road, copy, copy_sql, session, stream};
use super::typed_values::{STATEMENTS, create_table, oid, outcome, proxied};
use super::{log_in, say, sqlstate};
use crate::support::{Proxy, both, both_through, transcript};

const FLOAT4: i32 = 700;
const TIME: i32 = 1083;
const INTERVAL: i32 = 1186;

#[test]
fn numbers_are_not_dates() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = Vec::new();
        for column in ["date", "time", "timetz", "timestamp", "timestamptz", "interval"] {
            create_table(&mut wire, column);
            for (declared, text, binary) in [
                (oid::INT2, "1001", &1001_i16.to_be_bytes()[..]),
                (oid::INT4, "1001", &1001_i32.to_be_bytes()),
                (oid::INT8, "1704060715", &1_704_060_715_i64.to_be_bytes()),
                (oid::FLOAT8, "20240101", &1f64.to_be_bytes()),
                (FLOAT4, "20240101", &1f32.to_be_bytes()),
                (oid::NUMERIC, "1", &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
                (oid::BOOL, "t", &[1]),
                (oid::JSONB, "20240101", b"\x0120240101"),
                (oid::UUID, "00112233-4455-6677-8899-aabbccddeeff", &[0x20; 16]),
            ] {
                for statement in STATEMENTS {
                    for (format, value) in [(0, text.as_bytes()), (1, binary)] {
                        let result = outcome(&mut wire, statement, &[declared], format, value);
                        assert_eq!(result, Err("42804".to_owned()), "{declared} into {column}");
                        said.push(result);
                    }
                }
            }
            for sql in ["INSERT INTO t VALUES (1, 1001)", "ALTER TABLE t ALTER c SET DEFAULT 1001"]
            {
                said.push(Err(say(&mut wire, sql)));
            }
        }
        said
    });
    assert!(!said.is_empty());
}

#[test]
fn dates_and_times_are_not_numbers() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        for column in ["int8", "numeric", "boolean", "jsonb", "uuid"] {
            create_table(&mut wire, column);
            for declared in [oid::DATE, oid::TIMESTAMP, TIME, INTERVAL] {
                for statement in STATEMENTS {
                    let found = outcome(&mut wire, statement, &[declared], 0, b"20240101");
                    assert_eq!(found, Err("42804".to_owned()), "{declared} into {column}");
                }
            }
        }
    });
}

/// Numbers, the columns they go into, and what is stored.
const NUMBERS: [(&str, &str, &str, &str); 9] = [
    ("epoch-seconds", "timestamp", "1704060715", "2023-12-31 22:11:55"),
    ("epoch-seconds", "timestamptz", "-1", "1969-12-31 23:59:59+00"),
    ("epoch-millis", "timestamp(3)", "1704060715123", "2023-12-31 22:11:55.123"),
    ("epoch-millis", "timestamptz", "1704060715123", "2023-12-31 22:11:55.123+00"),
    ("epoch-millis", "date", "1704060715123", "2023-12-31"),
    ("epoch-millis", "time", "36061001", "10:01:01.001"),
    ("epoch-days", "date", "19723", "2024-01-01"),
    ("epoch-days", "timestamp", "19723", "2024-01-01 00:00:00"),
    ("epoch-seconds", "time", "0", "00:00:00"),
];

/// Statements that read a row with the value by a name.
const READ: [(&str, &str); 2] = [
    (
        "MERGE INTO t USING (VALUES (1, $1)) AS s (k, c) ON t.k = s.k \
         WHEN NOT MATCHED THEN INSERT (k, c) VALUES (s.k, s.c)",
        "",
    ),
    (
        "MERGE INTO t USING (SELECT 1 AS k, $1 AS c) AS s ON t.k = s.k \
         WHEN MATCHED THEN UPDATE SET c = s.c",
        "INSERT INTO t VALUES (1)",
    ),
];

#[test]
fn numbers_are_the_dates_that_the_configuration_says() {
    for (policy, column, number, expected) in NUMBERS {
        let (_proxy, database, mut wire) =
            session(&format!("[values]\nnumbers_as_dates = \"{policy}\"\n"));
        create_table(&mut wire, column);
        say(&mut wire, "SET TimeZone = 'UTC'");
        let integer: i64 = number.parse().unwrap();
        for begin in [false, true] {
            for statement in STATEMENTS.into_iter().chain(READ) {
                for (declared, format, value) in [
                    (oid::INT8, 0, number.as_bytes().to_vec()),
                    (oid::INT8, 1, integer.to_be_bytes().to_vec()),
                    (oid::NUMERIC, 0, number.as_bytes().to_vec()),
                    (oid::FLOAT8, 1, (integer as f64).to_be_bytes().to_vec()),
                ] {
                    let found = if begin {
                        let before = format!("COMMIT; TRUNCATE t; {}; BEGIN", statement.1);
                        say(&mut wire, before);
                        wire.parse("", statement.0, &[declared]).bind(
                            "",
                            "",
                            &[format],
                            &[Some(&value)],
                            0,
                        );
                        let said = transcript(&wire.execute("", 0).sync().until_ready());
                        assert!(said.ends_with("ReadyForQuery T\n"), "{said}");
                        let stored = say(&mut wire, "SELECT c::text FROM t WHERE k = 1; COMMIT");
                        let row = stored.lines().find_map(|line| line.strip_prefix("DataRow "));
                        Ok(row.unwrap().to_owned())
                    } else {
                        outcome(&mut wire, statement, &[declared], format, &value)
                    };
                    assert_eq!(found, Ok(expected.to_owned()), "{declared} {column} {statement:?}");
                }
            }
        }
        // Constants, and the rows of a COPY.
        say(&mut wire, "TRUNCATE t");
        for sql in [
            format!("INSERT INTO t VALUES (1, {number})"),
            format!("INSERT INTO t (c, k) SELECT ({number}), 2"),
            format!("INSERT INTO t VALUES (3, ('{number}'::int8))"),
            format!("INSERT INTO t VALUES (4); UPDATE t SET c ={number} WHERE k = 4"),
        ] {
            let said = say(&mut wire, &*sql);
            assert!(!said.contains("ErrorResponse"), "{sql}: {said}");
        }
        for (key, road) in [(b"5", Road::CopyText), (b"6", Road::CopyCsv)] {
            let rows = stream(road, &[&[Some(key), Some(number.as_bytes())]]);
            let said = transcript(&copy(&mut wire, &copy_sql(road, "t"), &rows, 3));
            assert!(said.contains("CommandComplete COPY 1"), "{said}");
        }
        let rows = "SELECT DISTINCT c::text, count(*) OVER () FROM t";
        let expected = expected.replace("+00", "");
        let stored = database.query(rows);
        assert_eq!((stored.len(), &*stored[0][1]), (1, "6"), "{stored:?}");
        assert!(stored[0][0].starts_with(&expected), "{stored:?}");
    }
}

#[test]
fn numbers_of_another_width_in_binary_rows() {
    let (_proxy, database, mut wire) = session("[values]\nnumbers_as_dates = \"epoch-days\"\n");
    say(&mut wire, "CREATE TABLE t (d date, t timestamp)");
    let row: [Option<&[u8]>; 2] =
        [Some(&19_723_i64.to_be_bytes()), Some(&19_723_i32.to_be_bytes())];
    let rows = stream(Road::CopyBinary, &[&row]);
    let said = transcript(&copy(&mut wire, &copy_sql(Road::CopyBinary, "t"), &rows, 5));
    assert!(said.contains("CommandComplete COPY 1"), "{said}");
    assert_eq!(database.query("TABLE t"), [["2024-01-01", "2024-01-01 00:00:00"]]);
}

#[test]
fn numbers_of_single_columns_and_numbers_that_are_not_dates() {
    let config = "[values.numbers_as_dates_columns]\n\"public.t.a*\" = \"epoch-seconds\"\n\
                  \"*.t.b\" = \"epoch-millis\"\n";
    let (_proxy, database, mut wire) = session(config);
    say(&mut wire, "CREATE TABLE t (a1 timestamp, b timestamp, c timestamp, i interval)");
    let mut insert = |column: &str, value: &str| {
        let sql = format!("INSERT INTO t ({column}) VALUES ($1)");
        wire.parse("", &sql, &[oid::INT8]).bind("", "", &[], &[Some(value.as_bytes())], 0);
        let said = wire.execute("", 0).sync().until_ready();
        let is_refused = said.iter().any(|frame| frame.tag == b'E');
        is_refused.then(|| sqlstate(&said))
    };
    assert_eq!(insert("a1", "1"), None);
    assert_eq!(insert("b", "1000"), None);
    assert_eq!(insert("c", "1").as_deref(), Some("42804"));
    assert_eq!(insert("i", "1").as_deref(), Some("42804"));
    assert_eq!(insert("a1", "99999999999999").as_deref(), Some("22008"));
    assert_eq!(insert("a1", "20240101x").as_deref(), Some("22008"));
    let second = "1970-01-01 00:00:01";
    assert_eq!(
        database.query("TABLE t"),
        [[second, "NULL", "NULL", "NULL"], ["NULL", second, "NULL", "NULL"]]
    );
}

#[test]
fn without_rewriting_numbers_are_the_servers() {
    let config = "rewrite = \"off\"\n[values]\nnumbers_as_dates = \"epoch-seconds\"\n";
    let found = both_through(&Proxy::start(config, &[]), |endpoint| {
        let mut wire = log_in(endpoint);
        create_table(&mut wire, "timestamp");
        outcome(&mut wire, STATEMENTS[0], &[oid::INT8], 0, b"1704060715")
    });
    assert_eq!(found, Err("42804".to_owned()));
}

#[test]
fn only_bytes_text_and_uuids_become_bytes() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        create_table(&mut wire, "bytea");
        for (declared, text, binary) in [
            (oid::INT2, "255", &255_i16.to_be_bytes()[..]),
            (oid::INT8, "255", &255_i64.to_be_bytes()),
            (oid::NUMERIC, "255", &[0, 1, 0, 0, 0, 0, 0, 0, 0, 255]),
            (oid::BOOL, "true", &[1]),
            (oid::DATE, "2024-01-01", &[0; 4]),
            (TIME, "10:00", &[0; 8]),
            (oid::TIMESTAMPTZ, "2024-01-01", &[0; 8]),
            (INTERVAL, "1 day", &[0; 16]),
            (oid::JSONB, "{}", b"\x01{}"),
        ] {
            for statement in STATEMENTS {
                for (format, value) in [(0, text.as_bytes()), (1, binary)] {
                    let found = outcome(&mut wire, statement, &[declared], format, value);
                    assert_eq!(found, Err("42804".to_owned()), "{declared} {statement:?}");
                }
            }
        }
    });
}

#[test]
fn a_uuid_becomes_its_sixteen_bytes() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    create_table(&mut wire, "bytea");
    let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 17).unwrap());
    for statement in STATEMENTS {
        for (format, value) in [
            (0, &b"00112233-4455-6677-8899-AABBCCDDEEFF"[..]),
            (0, b"{00112233445566778899aabbccddeeff}"),
            (1, &bytes),
        ] {
            let found = outcome(&mut wire, statement, &[oid::UUID], format, value);
            let expected = r"\\x00112233445566778899aabbccddeeff";
            assert_eq!(found.as_deref(), Ok(expected), "{statement:?}");
        }
        for (format, value, code) in
            [(0, &b"\\x00"[..], "22P02"), (0, b"255", "22P02"), (1, &bytes[..15], "22P03")]
        {
            let found = outcome(&mut wire, statement, &[oid::UUID], format, value);
            assert_eq!(found, Err(code.to_owned()), "{statement:?}");
        }
    }
}

/// What parameters of two types become in the columns that keep what they hold as text: the same as with the
/// server in a column of the declared type, as far as it is refused.
#[test]
fn what_goes_into_text_columns_is_still_what_was_declared() {
    const WIDE: &str = "varchar(37)";
    let (database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let mut direct = log_in(database.endpoint());
    let long = format!("[\"{}\"", "x".repeat(300_000));
    for (declared, column, typed, value) in [
        (oid::JSONB, "text", "jsonb", "{broken"),
        (oid::JSONB, "text", "jsonb", ""),
        (oid::JSONB, "varchar(20)", "jsonb", "{\"a\":1,}"),
        (oid::JSONB, "text", "jsonb", "\"\\ud83d\""),
        (oid::JSONB, "text", "jsonb", "01"),
        (oid::JSONB, "text", "jsonb", &long),
        (oid::TIMESTAMP, WIDE, "timestamp", "garbage"),
        (oid::TIMESTAMP, WIDE, "timestamp", "2024-02-30 10:00:00"),
        (oid::TIMESTAMP, WIDE, "timestamp", "2024-01-01 25:00:00"),
        (oid::TIMESTAMPTZ, WIDE, "timestamptz", "2024-13-01"),
        (oid::TIMESTAMPTZ, WIDE, "timestamptz", ""),
        (oid::TIMESTAMPTZ, WIDE, "timestamptz", "10:00 or so"),
    ] {
        for statement in STATEMENTS {
            create_table(&mut direct, typed);
            let expected = outcome(&mut direct, statement, &[declared], 0, value.as_bytes());
            assert!(expected.is_err(), "{value}");
            create_table(&mut direct, column);
            say(&mut wire, "SET search_path = public");
            let found = outcome(&mut wire, statement, &[declared], 0, value.as_bytes());
            assert_eq!(found, expected, "{value} {statement:?}");
            let stored = say(&mut wire, "SELECT count(c) FROM t");
            assert!(stored.contains("DataRow 0"), "{stored}");
        }
    }
    // In binary format, too.
    for (declared, column, value, code) in [
        (oid::JSONB, "text", &b"\x01{broken"[..], "22P02"),
        (oid::JSONB, "text", b"\x02{}", "22P02"),
        (oid::TIMESTAMP, WIDE, b"2024-01", "08P01"),
        (oid::TIMESTAMP, WIDE, b"2024-01-01", "22P03"),
        (oid::TIMESTAMPTZ, WIDE, &(i64::MAX - 1).to_be_bytes(), "22008"),
    ] {
        create_table(&mut wire, column);
        for statement in STATEMENTS {
            let found = outcome(&mut wire, statement, &[declared], 1, value);
            assert_eq!(found, Err(code.to_owned()), "{value:?} {statement:?}");
        }
    }
}

#[test]
fn what_was_declared_and_is_right_stays_as_it_was_written() {
    let (_database, endpoint) = proxied();
    let mut wire = log_in(&endpoint);
    let long = format!("[\"{}\",  1]", "x".repeat(300_000));
    for (declared, column, value) in [
        (oid::JSONB, "text", "{\"b\":  [1, null], \"a\": \"ä\"}"),
        (oid::JSONB, "text", "-0.5e+10"),
        (oid::JSONB, "text", &long),
        (oid::TIMESTAMP, "varchar(37)", "2024-02-29 23:59:59.123456789"),
        (oid::TIMESTAMPTZ, "varchar(37)", "2024-02-29T23:59:59.123456789Z"),
        (oid::TIMESTAMP, "varchar(37)", "infinity"),
    ] {
        create_table(&mut wire, column);
        for begin in ["", "BEGIN"] {
            say(&mut wire, format!("TRUNCATE t; {begin}"));
            wire.parse("", STATEMENTS[0].0, &[declared]);
            wire.bind("", "", &[], &[Some(value.as_bytes())], 0).execute("", 0).sync();
            let said = transcript(&wire.until_ready());
            assert!(said.contains("INSERT 0 1"), "{said}");
            wire.parse("", "SELECT c = $1 FROM t", &[oid::TEXT]);
            wire.bind("", "", &[], &[Some(value.as_bytes())], 0).execute("", 0).sync();
            let said = transcript(&wire.until_ready());
            assert!(said.contains("DataRow t"), "{value:.50}: {said}");
            say(&mut wire, "COMMIT");
        }
    }
}
