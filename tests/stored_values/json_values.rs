//! JSON on each way into a jsonb column.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::statement::{Lexing, Spelling, StringConstant, json_escapes_in};
use dms_proxy::value::{BindScanner, CopyFormat, CopyOptions, CopyScanner, ValueKind};

use super::{Numbers, hex};
use crate::statement::reading::{json_casts, writes};
use crate::support::{Cluster, Database, Wire};

/// Pieces of a JSON string, and what they stand for once NULs are spaces.
const PIECES: &[(&str, &str)] = &[
    ("\\u0000", " "),
    ("\\\\", "\\"),
    ("\\\"", "\""),
    ("\\u0061", "a"),
    ("\\u0001", "\u{1}"),
    ("\\n", "\n"),
    ("u0000", "u0000"),
    ("0", "0"),
    ("'", "'"),
    (",", ","),
    ("ä", "ä"),
];

/// JSON texts, and the values under their key as hexadecimal digits.
fn json_texts() -> (Vec<String>, Vec<String>) {
    let mut numbers = Numbers::new();
    (0..800)
        .map(|_| {
            let (text, value): (String, String) = numbers.pieces(PIECES).into_iter().unzip();
            (format!("{{\"k\": \"{text}\"}}"), hex(value.as_bytes()))
        })
        .unzip()
}

fn table() -> Database {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (n serial, b bytea, v jsonb)");
    database
}

fn stored(database: &Database) -> Vec<String> {
    let rows =
        database.query("SELECT encode(convert_to(v ->> 'k', 'UTF8'), 'hex') FROM t ORDER BY n");
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

#[test]
fn constants_are_stored_with_spaces_for_nuls() {
    let (texts, expected) = json_texts();
    for in_backslash_string in [false, true] {
        let database = table();
        let constants = texts.iter().enumerate().map(|(number, text)| {
            let quoted = text.replace('\'', "''");
            let mut constant = match (in_backslash_string, number % 3) {
                (false, _) => format!("'{quoted}'"),
                (true, 0) => format!("E'{}'", quoted.replace('\\', "\\\\")),
                (true, 1) => format!("E'{}'", quoted.replace('\\', "\\134").replace('0', "\\060")),
                (true, _) => {
                    format!("E'{}'", quoted.replace('\\', "\\x5c").replace('u', "\\u0075"))
                }
            }
            .into_bytes();
            json_escapes_in(&mut constant, in_backslash_string, Encoding::Utf8);
            format!("({})", String::from_utf8(constant).unwrap())
        });
        let values: Vec<String> = constants.collect();
        database.query(&format!("INSERT INTO t (v) VALUES {}", values.join(",")));
        assert_eq!(stored(&database), expected);
    }
}

#[test]
fn constants_of_any_spelling_are_stored_with_spaces_for_nuls() {
    let (texts, expected) = json_texts();
    let database = table();
    let spelled = texts.iter().enumerate().map(|(number, text)| {
        let quoted = text.replace('\'', "''");
        match number % 5 {
            0 => format!("$j${text}$j$"),
            1 => format!("U&'{}'", quoted.replace('\\', "\\\\")),
            2 => {
                let escaped = quoted.chars().map(|character| match character {
                    '\\' => "\\005C".to_owned(),
                    '0' => "\\+000030".to_owned(),
                    other => other.to_string(),
                });
                format!("u&'{}'", escaped.collect::<String>())
            }
            3 => format!("U&'{}' UESCAPE '!'", quoted.replace('!', "!!").replace('u', "!0075")),
            _ => format!("N'{quoted}'"),
        }
    });
    let spelled: Vec<String> = spelled.collect();
    let lexing = Lexing::default();
    let mut sql = format!("INSERT INTO t (v) VALUES ({})", spelled.join("),(")).into_bytes();
    // N'..' is of a type that does not become jsonb by itself.
    sql = String::from_utf8(sql).unwrap().replace("(N'", "('").into_bytes();
    for slot in writes(&sql, lexing).remove(0).slots {
        slot.constant.unwrap().mend_json(&mut sql, lexing.encoding);
    }
    database.query(&String::from_utf8(sql).unwrap());
    assert_eq!(stored(&database), expected);
    let database = table();
    let mut script = Vec::new();
    for (number, constant) in spelled.iter().enumerate() {
        let cast = match number % 3 {
            0 => format!("{constant}::jsonb"),
            1 => format!("CAST({constant} AS jsonb)"),
            _ => format!("({constant} :: pg_catalog.json)::jsonb"),
        };
        let text = format!("INSERT INTO t (v) SELECT {cast} WHERE true");
        let at = text.find(constant.as_str()).unwrap();
        let mut sql = text.into_bytes();
        let casts = json_casts(&sql, lexing);
        let starts: Vec<_> = casts.iter().map(|constant| constant.span.start).collect();
        assert_eq!(starts, vec![at; usize::from(constant.contains("\\u0000"))], "{cast}");
        // Where the constant's own escapes hide that of JSON, it is not looked for.
        let hidden = casts.is_empty().then(|| {
            let plain = constant.strip_suffix(" UESCAPE '!'");
            let spelling = match (constant.get(..1), plain) {
                (Some("u" | "U"), Some(_)) => Spelling::Unicode(Some(b'!')),
                (Some("u" | "U"), None) => Spelling::Unicode(Some(b'\\')),
                (Some("$"), _) => Spelling::Dollar,
                _ => Spelling::Plain,
            };
            StringConstant { span: at..at + plain.unwrap_or(constant).len(), spelling }
        });
        for constant in casts.into_iter().chain(hidden) {
            constant.mend_json(&mut sql, lexing.encoding);
        }
        script.extend(sql);
        script.push(b';');
    }
    database.query(&String::from_utf8(script).unwrap());
    assert_eq!(stored(&database), expected);
}

/// Sends a stream, mended in pieces of a few bytes, and wants it accepted.
fn copy(database: &Database, sql: &str, options: &CopyOptions, stream: &[u8]) {
    let kinds = Arc::from([ValueKind::Other, ValueKind::Json]);
    let mut scanner = CopyScanner::with_kinds(options, Encoding::Utf8, &kinds);
    let mut mended = stream.to_vec();
    for from in (0..stream.len()).step_by(7) {
        scanner.scan(&mut mended, from, stream.len().min(from + 7));
    }
    scanner.finish(&mut mended);
    let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
    wire.query(sql).copy_data(&mended).copy_done();
    let replies = wire.until_ready();
    assert!(replies.iter().any(|frame| frame.tag == b'C'), "{sql}: {replies:?}");
    wire.terminate();
}

#[test]
fn copied_rows_are_stored_with_spaces_for_nuls() {
    let (texts, expected) = json_texts();
    let backslashes = |text: &str| text.replace('\\', "\\\\");
    let text: String =
        texts.iter().map(|text| format!("\\\\000\t{}\n", backslashes(text))).collect();
    let csv: String =
        texts.iter().map(|text| format!("\\000,\"{}\"\n", text.replace('"', "\"\""))).collect();
    let dms: String = texts
        .iter()
        .map(|text| format!("\\000,\"{}\"\n", backslashes(text).replace('"', "\\\"")))
        .collect();
    let csv_options = CopyOptions::new(CopyFormat::Csv);
    let dms_options = CopyOptions { escape: b'\\', ..csv_options.clone() };
    for (sql, options, stream) in [
        ("COPY t (b, v) FROM STDIN", CopyOptions::new(CopyFormat::Text), text),
        ("COPY t (b, v) FROM STDIN CSV", csv_options, csv),
        ("COPY t (b, v) FROM STDIN CSV ESCAPE '\\'", dms_options, dms),
    ] {
        let database = table();
        copy(&database, sql, &options, stream.as_bytes());
        assert_eq!(stored(&database), expected, "{sql}");
        let bytes = database.query("SELECT count(*) FROM t WHERE b = '\\x00'");
        assert_eq!(bytes, [[expected.len().to_string()]]);
    }
    let database = table();
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for text in &texts {
        stream.extend(b"\0\x02\0\0\0\x01\0");
        stream.extend(u32::try_from(text.len() + 1).unwrap().to_be_bytes());
        stream.push(1);
        stream.extend(text.bytes());
    }
    stream.extend(b"\xFF\xFF");
    let sql = "COPY t (b, v) FROM STDIN (FORMAT binary)";
    copy(&database, sql, &CopyOptions::new(CopyFormat::Binary), &stream);
    assert_eq!(stored(&database), expected);
}

#[test]
fn parameters_are_stored_with_spaces_for_nuls() {
    let (texts, expected) = json_texts();
    let kinds: Arc<[ValueKind]> =
        Arc::from([ValueKind::Other, ValueKind::Json, ValueKind::Character]);
    for format in [0u8, 1] {
        let database = table();
        let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
        let sql = "INSERT INTO t (b, v) SELECT $1::bytea, $2::jsonb WHERE $3::text = ' '";
        wire.parse("", sql, &[]);
        for text in &texts {
            let mut value = text.clone().into_bytes();
            if format == 1 {
                value.insert(0, 1);
            }
            let mut body = vec![0, 0, 0, 3, 0, 1, 0, format, 0, format, 0, 3];
            for value in [b"\0", &value[..], b"\0"] {
                body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
            body.extend([0, 0]);
            let mut scanner = BindScanner::with_kinds(body.len(), Encoding::Utf8, &kinds);
            assert_eq!(scanner.scan(&mut body), body.len());
            wire.send(b'B', crate::support::Body(body)).execute("", 0);
        }
        wire.sync();
        let replies = wire.until_ready();
        assert!(replies.iter().all(|frame| frame.tag != b'E'), "{replies:?}");
        wire.terminate();
        assert_eq!(stored(&database), expected);
        let bytes = database.query("SELECT count(*) FROM t WHERE b = '\\x00'");
        assert_eq!(bytes, [[expected.len().to_string()]]);
    }
}
