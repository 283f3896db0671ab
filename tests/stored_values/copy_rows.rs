//! COPY streams rewritten field by field, as PostgreSQL stores them.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::type_oid::TEXT;
use dms_proxy::value::{
    Column, ColumnJudge, CopyColumn, CopyFormat, CopyOptions, CopyRows, ForcedColumns, NulPolicy,
    ValuePolicies,
};

use super::{Numbers, hex};
use crate::support::{Cluster, Wire};

/// Bytes that mean something to one format or another.
const PIECES: &[&str] = &[
    "\0", "\0", "a", "\\", "\\N", "N", ",", "\"", "\n", "\r", "\t", "|", ".", "\\.", "x", "7", "'",
    "\u{8}", "\u{c}", "\u{b}", "ä", " ",
];

/// A row: a value whose NULs go, one of a generated column, one that stays.
type Row = (Option<String>, Option<String>, Option<String>);

fn rows(numbers: &mut Numbers) -> Vec<Row> {
    let mut value = |keeps_nul: bool| {
        let text = numbers.pieces(PIECES).concat();
        let text = if keeps_nul { text } else { text.replace('\0', "") };
        let is_short = numbers.below(4) == 0;
        let text = if is_short { text.chars().take(2).collect() } else { text };
        (numbers.below(10) > 0).then_some(text)
    };
    (0..400).map(|_| (value(true), value(true), value(false))).collect()
}

/// A value in COPY text, with more or fewer escapes.
fn in_text(value: &str, options: &CopyOptions, numbers: &mut Numbers) -> Vec<u8> {
    let mut field = Vec::new();
    for byte in value.bytes() {
        match (byte, numbers.below(4)) {
            (b'\\', 0) => field.extend(b"\\134"),
            (b'\n' | b'\r' | b'\\', _) => field.extend([b'\\', byte]),
            (byte, _) if byte == options.delimiter => field.extend([b'\\', byte]),
            (0, 0) => field.extend(b"\\000"),
            (0, 1) => field.extend(b"\\x00"),
            (0x21..0x7F, 0) => field.extend(format!("\\{byte:03o}").bytes()),
            _ => field.push(byte),
        }
    }
    if field == options.null {
        let spelled: String = value.bytes().map(|byte| format!("\\{byte:03o}")).collect();
        field = spelled.into_bytes();
    }
    field
}

/// A value in CSV, in quotes where it must be and where it may be.
fn in_csv(value: &str, options: &CopyOptions, numbers: &mut Numbers) -> Vec<u8> {
    let special = [options.quote, options.delimiter, b'\n', b'\r'];
    let needs_quotes = value.bytes().any(|byte| special.contains(&byte))
        || value.as_bytes() == options.null
        || value == "\\.";
    if !needs_quotes && numbers.below(2) == 0 {
        return value.as_bytes().to_vec();
    }
    let mut field = vec![options.quote];
    for byte in value.bytes() {
        if byte == options.quote || byte == options.escape {
            field.push(options.escape);
        }
        field.push(byte);
    }
    field.push(options.quote);
    field
}

fn line_stream(rows: &[Row], options: &CopyOptions, end: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..options.header_lines {
        stream.extend([&[b'a', options.delimiter, b'g', options.delimiter, b'b'], end].concat());
    }
    for (a, g, b) in rows {
        for (number, value) in [a, g, b].into_iter().enumerate() {
            if number > 0 {
                stream.push(options.delimiter);
            }
            stream.extend(match (value, options.format) {
                (None, _) => options.null.clone(),
                (Some(value), CopyFormat::Text) => in_text(value, options, numbers),
                (Some(value), _) => in_csv(value, options, numbers),
            });
        }
        stream.extend(end);
    }
    stream
}

fn binary_stream(rows: &[Row]) -> Vec<u8> {
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for (a, g, b) in rows {
        stream.extend([0, 3]);
        for value in [a, g, b] {
            let length = value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap());
            stream.extend(length.to_be_bytes());
            stream.extend(value.iter().flat_map(|value| value.bytes()));
        }
    }
    stream.extend(b"\xFF\xFF");
    stream
}

fn judged(name: &str, nul: NulPolicy) -> CopyColumn {
    let policies = ValuePolicies { nul, ..ValuePolicies::default() };
    let column = Column { name: name.to_owned(), type_oid: TEXT, ..Column::default() };
    let judge = ColumnJudge::new(&policies, &policies.bad_dates, &column, Encoding::Utf8);
    CopyColumn::Judged(judge)
}

/// Sends a stream, rewritten in pieces of a few bytes, and gives what is stored.
fn stored(with: &str, options: &CopyOptions, stream: &[u8]) -> Vec<Vec<String>> {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE TABLE t (n serial, a text, g text GENERATED ALWAYS AS ('g' || a) STORED, b text)",
    );
    let columns =
        vec![judged("a", NulPolicy::Remove), CopyColumn::LeftOut, judged("b", NulPolicy::Reject)];
    let mut copy = CopyRows::new(options, Encoding::Utf8, columns, 1 << 20);
    let mut rows = Vec::new();
    for piece in stream.chunks(7) {
        copy.rewrite(piece, &mut rows).unwrap();
    }
    copy.finish(&mut rows).unwrap();
    let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
    wire.query(format!("COPY t (a, b) FROM STDIN {with}")).copy_data(&rows).copy_done();
    let replies = wire.until_ready();
    assert!(replies.iter().any(|frame| frame.tag == b'C'), "{with}: {replies:?}");
    wire.terminate();
    database.query(
        "SELECT encode(convert_to(a, 'UTF8'), 'hex'), encode(convert_to(b, 'UTF8'), 'hex')
         FROM t ORDER BY n",
    )
}

fn expected(rows: &[Row], is_null: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
    let stored = |value: &Option<String>| match value.as_ref().map(|value| value.replace('\0', ""))
    {
        Some(value) if !is_null(&value) => hex(value.as_bytes()),
        _ => "NULL".to_owned(),
    };
    rows.iter().map(|(a, _, b)| vec![stored(a), stored(b)]).collect()
}

#[test]
fn lines_are_stored_as_judged() {
    let (text, csv) = (CopyOptions::new(CopyFormat::Text), CopyOptions::new(CopyFormat::Csv));
    for (with, options) in [
        ("", text.clone()),
        (
            "WITH (DELIMITER '|', NULL 'x7', HEADER MATCH)",
            CopyOptions { delimiter: b'|', null: b"x7".to_vec(), header_lines: 1, ..text },
        ),
        ("CSV", csv.clone()),
        (
            "WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\\'",
            CopyOptions { null: b"attNULL".to_vec(), escape: b'\\', ..csv.clone() },
        ),
        (
            "CSV HEADER QUOTE '''' DELIMITER '|' NULL 'x' FORCE NOT NULL b",
            CopyOptions {
                quote: b'\'',
                escape: b'\'',
                delimiter: b'|',
                null: b"x".to_vec(),
                header_lines: 1,
                ..csv
            },
        ),
    ] {
        let mut numbers = Numbers::new();
        for end in [&b"\n"[..], b"\r\n", b"\r"] {
            let mut rows = rows(&mut numbers);
            if with.contains("NOT NULL") {
                rows.iter_mut().for_each(|(_, _, b)| *b = b.take().or(Some("x".to_owned())));
            }
            let stream = line_stream(&rows, &options, end, &mut numbers);
            let expected = expected(&rows, |_| false);
            assert_eq!(stored(with, &options, &stream), expected, "{with}");
            // Without a line break at the end, and with the end of data.
            let whole = [&stream[..], b"\\.", end, b"\0"].concat();
            assert_eq!(stored(with, &options, &whole), expected, "{with}");
            let open = &stream[..stream.len() - end.len()];
            assert_eq!(stored(with, &options, open), expected, "{with}");
        }
    }
}

#[test]
fn forced_nulls_are_stored_as_judged() {
    let mut numbers = Numbers::new();
    let null = b"a".to_vec();
    let csv = CopyOptions { null, ..CopyOptions::new(CopyFormat::Csv) };
    let all = || ForcedColumns::All;
    let null = CopyOptions { force_null: all(), ..csv.clone() };
    let rows: Vec<Row> = rows(&mut numbers);
    // What would become NULL by its quotes keeps its NULs, and the server refuses it.
    let kept: Vec<Row> = rows
        .iter()
        .filter(|(a, ..)| {
            a.as_ref().is_none_or(|a| !a.contains('\0') || a.replace('\0', "") != "a")
        })
        .cloned()
        .collect();
    assert!(kept.len() < rows.len());
    let stream = line_stream(&kept, &null, b"\n", &mut numbers);
    let with = "(FORMAT csv, NULL 'a', FORCE_NULL (a, b))";
    assert_eq!(stored(with, &null, &stream), expected(&kept, |value| value == "a"));
    // With both options quotes are NULL, and no quotes are data.
    let both = CopyOptions { force_not_null: all(), ..null };
    let with = "(FORMAT csv, NULL 'a', FORCE_NULL (a, b), FORCE_NOT_NULL (a, b))";
    let stream = b"\"a\0\",\"a\0\",a\n\"a\",,\"a\"\na\0,,a\n";
    let a = hex(b"a");
    let expected = [[a.clone(), a.clone()], ["NULL".to_owned(), "NULL".to_owned()], [a.clone(), a]];
    assert_eq!(stored(with, &both, stream), expected);
}

#[test]
fn the_server_still_refuses_rows_that_are_broken() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a text, b text)");
    let text = CopyOptions::new(CopyFormat::Text);
    for stream in [&b"a\n"[..], b"a\0\tb\tc\n", b"a\0\tb\n\0\tc\rd\n", b"\0\tb\\.x\n"] {
        let columns = vec![judged("a", NulPolicy::Remove), CopyColumn::Kept];
        let mut copy = CopyRows::new(&text, Encoding::Utf8, columns, 100);
        let mut rows = Vec::new();
        copy.rewrite(stream, &mut rows).unwrap();
        copy.finish(&mut rows).unwrap();
        let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
        wire.query("COPY t FROM STDIN").copy_data(&rows).copy_done();
        let replies = wire.until_ready();
        assert!(replies.iter().any(|frame| frame.to_string().contains("22P04")), "{replies:?}");
        wire.terminate();
    }
}

#[test]
fn lines_are_numbered_as_the_server_does() {
    let database = Cluster::shared().create_database();
    database.query("CREATE TABLE t (a text, b int)");
    let csv = CopyOptions { header_lines: 1, ..CopyOptions::new(CopyFormat::Csv) };
    for stream in [
        &b"a,b\n\"1\n2\n\",1\n\"\n\r\",\0\n"[..],
        b"a,b\r\n\"1\r\n2\",1\r\n\"\n\",\0\r\n",
        b"\"a\n\",b\n1,\0\n",
        b"\"a\r\",b\n1,\0\n",
    ] {
        let columns = vec![CopyColumn::Kept, judged("b", NulPolicy::Reject)];
        let mut copy = CopyRows::new(&csv, Encoding::Utf8, columns, 100);
        let refusal = copy.rewrite(stream, &mut Vec::new()).unwrap_err();
        let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
        let not_a_number: Vec<u8> =
            stream.iter().map(|&byte| if byte == 0 { b'x' } else { byte }).collect();
        wire.query("COPY t FROM STDIN CSV HEADER").copy_data(&not_a_number).copy_done();
        let replies = wire.until_ready();
        let line = format!("line {}, column b", refusal.row);
        assert!(replies.iter().any(|frame| frame.to_string().contains(&line)), "{replies:?}");
        wire.terminate();
    }
}

#[test]
fn tuples_are_stored_as_judged() {
    let rows = rows(&mut Numbers::new());
    let options = CopyOptions::new(CopyFormat::Binary);
    let stream = binary_stream(&rows);
    assert_eq!(stored("(FORMAT binary)", &options, &stream), expected(&rows, |_| false));
}
