//! COPY streams taken apart into fields, judged, and put together again.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::type_oid::{BYTEA, TEXT, VARCHAR};
use dms_proxy::value::{
    Column, ColumnJudge, CopyColumn, CopyFinding, CopyFormat, CopyOptions, CopyRows, ForcedColumns,
    NulPolicy, RowRefusal, TooLong, ValuePolicies, ValueRule,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::copy_stream::{Field, read_rows};

/// What the columns are to their test: judged by a policy, or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// NULs become spaces.
    Space,
    /// NULs go.
    Remove,
    Reject,
    /// Nothing in it is ever judged to change: binary values of `bytea`.
    Bytes,
    Kept,
    LeftOut,
}
use Kind::{Bytes, Kept, LeftOut, Reject, Remove, Space};

fn columns(kinds: &[Kind], encoding: Encoding) -> Vec<CopyColumn> {
    let judged = |number: usize, nul, type_oid| {
        let policies = ValuePolicies { nul, ..ValuePolicies::default() };
        let column = Column { name: format!("c{number}"), type_oid, ..Column::default() };
        CopyColumn::Judged(ColumnJudge::new(&policies, &policies.bad_dates, &column, encoding))
    };
    let column = |(number, kind): (usize, &Kind)| match kind {
        Space => judged(number, NulPolicy::Space, TEXT),
        Remove => judged(number, NulPolicy::Remove, TEXT),
        Reject => judged(number, NulPolicy::Reject, TEXT),
        Bytes => judged(number, NulPolicy::Remove, BYTEA),
        Kept => CopyColumn::Kept,
        LeftOut => CopyColumn::LeftOut,
    };
    kinds.iter().enumerate().map(column).collect()
}

/// What becomes of a stream, and what is known about it then.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rewritten {
    rows: String,
    refusal: Option<(u64, Option<usize>, &'static str)>,
    findings: Vec<CopyFinding>,
    too_long: u64,
    of_two_encodings: u64,
}

struct Setup<'a> {
    options: &'a CopyOptions,
    encoding: Encoding,
    kinds: &'a [Kind],
    field_bytes_max: usize,
}

fn setup<'a>(options: &'a CopyOptions, kinds: &'a [Kind]) -> Setup<'a> {
    Setup { options, encoding: Encoding::Utf8, kinds, field_bytes_max: 1000 }
}

impl Setup<'_> {
    /// The rows of a stream that comes in pieces as long as `pieces` says, over and over.
    fn rewrite_bytes(&self, stream: &[u8], pieces: &[usize]) -> (Vec<u8>, Rewritten) {
        let columns = columns(self.kinds, self.encoding);
        let mut copy = CopyRows::new(self.options, self.encoding, columns, self.field_bytes_max);
        let (mut rows, mut rest) = (Vec::new(), stream);
        let mut refused = None;
        for length in pieces.iter().cycle() {
            let (piece, behind) =
                rest.split_at((*length).clamp(1, rest.len().max(1)).min(rest.len()));
            rest = behind;
            refused = refused.or(copy.rewrite(piece, &mut rows).err());
            if rest.is_empty() {
                break;
            }
        }
        let refused = refused.or(copy.finish(&mut rows).err());
        let refusal =
            refused.map(|RowRefusal { row, column, refusal }| (row, column, refusal.sqlstate));
        let findings = copy.take_findings();
        assert!(copy.take_findings().is_empty());
        let rewritten = Rewritten {
            rows: rows.escape_ascii().to_string(),
            refusal,
            findings,
            too_long: copy.too_long(),
            of_two_encodings: copy.of_two_encodings(),
        };
        (rows, rewritten)
    }

    /// The rows of a stream, the same by whatever small pieces it comes.
    fn rewrite(&self, stream: &[u8]) -> Rewritten {
        let (_, whole) = self.rewrite_bytes(stream, &[usize::MAX]);
        for piece in 1..6 {
            assert_eq!(self.rewrite_bytes(stream, &[piece]).1, whole, "pieces of {piece}");
        }
        whole
    }

    /// The rows of a stream in which nothing is refused and nothing too long.
    fn rows(&self, stream: &[u8]) -> String {
        let rewritten = self.rewrite(stream);
        assert_eq!(rewritten.refusal, None);
        assert_eq!(rewritten.too_long, 0);
        rewritten.rows
    }

    #[track_caller]
    fn gives(&self, stream: &[u8], expected: &[u8]) {
        assert_eq!(self.rows(stream), expected.escape_ascii().to_string());
    }
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

fn found(column: usize, rule: ValueRule, count: u64, row: u64) -> CopyFinding {
    CopyFinding { column, rule, count, row, sample: None }
}

#[test]
fn text_a_changed_field_is_escaped_anew_and_no_other() {
    let options = text();
    let copy = setup(&options, &[Remove, Remove, Kept]);
    for (stream, rows) in [
        (&b"a\\000b\t\\x41\\0\tc\\0\0\n\\N\t\\x00\\x0g\t\n"[..], &b"ab\tA\tc\\0\0\n\\N\tg\t\n"[..]),
        (b"\\1\\0002\t\\x3\0f\tx", b"\x012\t\x03f\tx"),
        (b"\\b\\f\\n\\r\\t\\v\\\\\\z\0\t\\x41\\q\t\n", b"\\b\\f\\n\\r\\t\\v\\\\z\t\\x41\\q\t\n"),
        (b"a\\\n\\\t\0\tx\\\n\tx\n", b"a\\n\\t\tx\\\n\tx\n"),
        (b"\\\\N\0\t\\\\.\0\t\\\\.\n", b"\\\\N\t\\\\.\t\\\\.\n"),
        (b"\\N\t\\N\t\\N\r\n\0\t\\N\tx\r\n", b"\\N\t\\N\t\\N\r\n\t\\N\tx\r\n"),
        (b"\0\tx\ty\r\0\tx\ty\r", b"\tx\ty\r\tx\ty\r"),
        // Fewer and more fields than columns.
        (b"\0\n\0\t\0\t\0\t\0\t\0\n", b"\n\t\t\0\t\0\t\0\n"),
        // The stream ends without a line break, or in an escape.
        (b"x\ty\0", b"x\ty"),
        (b"x\ty\\0", b"x\ty"),
        (b"x\ty\\", b"x\ty\\"),
        (b"x\ty\0\\", b"x\ty"),
        (b"x\t\\N\\", b"x\t\\N\\"),
        (b"x\ty\\x", b"x\ty\\x"),
    ] {
        copy.gives(stream, rows);
    }
    let findings = copy.rewrite(b"x\t\0\n\0\t\\0\0\n").findings;
    let removed = ValueRule::NulRemoved;
    assert_eq!(findings, [found(0, removed, 1, 2), found(1, removed, 3, 1)]);
    assert_eq!(setup(&options, &[Space]).rows(b"a\0\\0\n"), "a  \\n");
}

#[test]
fn text_a_changed_field_is_never_null_and_never_the_end() {
    for (options, stream, rows) in [
        (
            CopyOptions { null: b"abc".to_vec(), ..text() },
            &b"a\0bc\tabc\n"[..],
            &b"\\141bc\tabc\n"[..],
        ),
        (CopyOptions { null: b"\\n".to_vec(), ..text() }, b"\0\\n\t\\n\n", b"\\012\t\\n\n"),
        (CopyOptions { null: "ä".into(), ..text() }, b"\0\xC3\xA4\t", b"\\\xC3\xA4\t"),
        // There is no other way to write the empty string.
        (CopyOptions { null: vec![], ..text() }, b"\\0\t\0\n", b"\\0\t\0\n"),
        (CopyOptions { default: Some(b"\\D".to_vec()), ..text() }, b"\\D\tD\0\n", b"\\D\tD\n"),
        (CopyOptions { default: Some(b"D".to_vec()), ..text() }, b"D\tD\0\n", b"D\t\\104\n"),
        (
            CopyOptions { null: b"\\104".to_vec(), default: Some(b"D".to_vec()), ..text() },
            b"D\0\t\\104\n",
            b"\\x44\t\\104\n",
        ),
        (CopyOptions { delimiter: b'|', ..text() }, b"a\\|\0|\t\n", b"a\\||\t\n"),
    ] {
        setup(&options, &[Remove, Remove]).gives(stream, rows);
    }
    // An escape takes its digits even if one of them is the delimiter.
    let options = CopyOptions { delimiter: b'A', ..text() };
    setup(&options, &[Remove, Kept]).gives(b"\\x0A\0A\\xAAA\0\n", b"\\nA\\xAAA\0\n");
    // An empty last row would be none.
    let options = text();
    let copy = setup(&options, &[Remove]);
    copy.gives(b"a\n\0", b"a\n\n");
    copy.gives(b"a\r\n\0", b"a\r\n\r\n");
    copy.gives(b"a\r\0", b"a\r\r");
    copy.gives(b"\0", b"\n");
}

#[test]
fn the_end_of_data_ends_it() {
    let options = text();
    let copy = setup(&options, &[Remove, Remove]);
    copy.gives(b"\0\t\0\n\\.\n\0\t\0\n", b"\t\n\\.\n\0\t\0\n");
    // What stands before it is a row up to PostgreSQL 17.
    copy.gives(b"\0\ta\0\\.\n\0", b"\ta\\.\n\0");
    copy.gives(b"\\.", b"\\.");
    copy.gives(b"\0\\\\.\n\0\n", b"\\\\.\n\n");
    let options = csv();
    let copy = setup(&options, &[Remove, Remove]);
    copy.gives(b"\0,\0\n\\.\n\0,\0\n", b"\"\",\"\"\n\\.\n\0,\0\n");
    copy.gives(b"\\.,\0\n\\.a\0\n\"\\.\"\0\n", b"\\.,\"\"\n\\.a\n\"\\.\"\n");
    copy.gives(b"\\.\0\n\0", b"\"\\.\"\n\"\"");
    copy.gives(b"a,\\.\n\0,", b"a,\\.\n\"\",");
    setup(&options, &[Kept]).gives(b"\\.\n\0", b"\\.\n\0");
}

#[test]
fn nothing_is_touched_behind_a_line_break_of_another_style() {
    for options in [text(), csv()] {
        let copy = setup(&options, &[Remove, Remove]);
        for stream in [&b"a\nb\r\0\n"[..], b"a\r\nb\n\0\n", b"a\r\nb\r\0", b"a\rb\n\0"] {
            copy.gives(stream, stream);
        }
        copy.gives(b"a\n\r\n", b"a\n\r\n");
    }
}

#[test]
fn csv_a_changed_field_is_quoted_where_it_must_be() {
    let dms = CopyOptions { escape: b'\\', null: b"attNULL".to_vec(), ..csv() };
    for (options, stream, rows) in [
        (csv(), &b"a\0b,\0,\"\0\"\n"[..], &b"ab,\"\",\"\"\n"[..]),
        (csv(), b"\"a\"\0\"b\",\"a\0\n,\"\n", b"\"ab\",\"a\n,\"\n"),
        (csv(), b"\"\"\"\0\",a\0\"\"\"\"b\n", b"\"\"\"\",\"a\"\"b\"\n"),
        (csv(), b"\"\"\"\"\0\"\"\"\"\n", b"\"\"\"\"\"\"\n"),
        (csv(), b"\"unterminated\0,", b"\"unterminated\0,"),
        (csv(), b",\"\",\n\n,,", b",\"\",\n\n,,"),
        (csv(), b"a,\0", b"a,\"\""),
        (dms.clone(), b"attNULL,att\0NULL\n", b"attNULL,\"attNULL\"\n"),
        (dms.clone(), b"\"attNULL\0\",\0\n", b"\"attNULL\",\"\"\n"),
        (dms.clone(), b"\"a\\\"\\\\\\b\0\",\"a\\\"\"\0\n", b"\"a\\\"\\\\\\\\b\",\"a\\\"\"\n"),
        // Outside quotes an escape is data, and a quote begins quotes.
        (dms, b"a\\\"\0,\",\"\n", b"\"a\\\\,\",\"\n".as_slice()),
    ] {
        setup(&options, &[Remove, Remove, Remove]).gives(stream, rows);
    }
}

#[test]
fn csv_lines_are_counted_as_the_server_does() {
    let options = CopyOptions { header_lines: 1, ..csv() };
    let copy = setup(&options, &[Kept, Remove]);
    let stream = b"a,\"b\0\nx\"\r\n\"1\r\n2\",x\r\n\"\n\",\"\r\0\"\r\n";
    let expected = b"a,\"b\0\nx\"\r\n\"1\r\n2\",x\r\n\"\n\",\"\r\"\r\n";
    copy.gives(stream, expected);
    assert_eq!(copy.rewrite(stream).findings, [found(1, ValueRule::NulRemoved, 1, 5)]);
}

#[test]
fn options_that_force_null_are_followed() {
    let named = |name: &str| ForcedColumns::Named(vec![name.into()]);
    let null = b"x".to_vec();
    let forced = CopyOptions { null: null.clone(), force_null: ForcedColumns::All, ..csv() };
    // What quotes make NULL cannot be written as data.
    setup(&forced, &[Remove, Remove]).gives(b"x\0,\"x\0y\"\n", b"x\0,\"xy\"\n");
    let reject = setup(&forced, &[Reject, Reject]);
    reject.gives(b"x,\"x\"\n", b"x,\"x\"\n");
    let forced = CopyOptions { null: b"\0".to_vec(), force_null: named("c1"), ..csv() };
    let rewritten = setup(&forced, &[Reject, Reject]).rewrite(b"\0,\"\0\"\n\0,\0\n\"\0\"\n");
    assert_eq!(rewritten.refusal, Some((3, Some(0), "22021")));
    let both = CopyOptions {
        null,
        force_null: ForcedColumns::All,
        force_not_null: ForcedColumns::All,
        ..csv()
    };
    setup(&both, &[Remove]).gives(b"\"x\0\"\n", b"x\n");
    let not_null = CopyOptions { null: b"x".to_vec(), force_not_null: named("c0"), ..csv() };
    setup(&not_null, &[Remove]).gives(b"x\0\n", b"\"x\"\n");
}

#[test]
fn a_refused_value_says_where_it_stands() {
    for (options, stream) in [
        (text(), &b"a\tb\nc\td\\0\ne\tf\n"[..]),
        (csv(), b"a,b\nc,\"d\0\"\ne,f\n"),
        (CopyOptions { header_lines: 1, ..csv() }, b"a,b\0\nc,d\0"),
    ] {
        let rewritten = setup(&options, &[Kept, Reject]).rewrite(stream);
        assert_eq!(rewritten.refusal, Some((2, Some(1), "22021")));
        assert!(stream.escape_ascii().to_string().starts_with(&rewritten.rows));
    }
}

#[test]
fn columns_are_left_out() {
    let options = text();
    let header = CopyOptions { header_lines: 1, ..text() };
    for (options, kinds, stream, rows) in [
        (&options, &[LeftOut, Remove, Kept][..], &b"a\t\0\tb\n\t\t\n"[..], &b"\tb\n\t\n"[..]),
        (&options, &[Remove, LeftOut, Kept], b"\0\ta\\\tb\\\n\tb\n", b"\tb\n"),
        (&options, &[Remove, Kept, LeftOut], b"\0\ta\tb\r\n1\t2\t3", b"\ta\r\n1\t2\r\n"),
        (&options, &[LeftOut, LeftOut, Kept], b"a\tb\tc\nd\te\tf\tg", b"c\nf\tg\n"),
        (&options, &[LeftOut, Kept], b"a\t", b"\n"),
        (&options, &[Kept, LeftOut], b"a\\\n\tb\\", b"a\\\n\n"),
        (&options, &[LeftOut, Kept], b"a\tb\\", b"b\\"),
        (&options, &[LeftOut, Kept], b"a\tb\n\\.\nx\ty\n", b"b\n\\.\nx\ty\n"),
        (&options, &[Kept, LeftOut], b"a\tb\\.\n", b"a\\.\n"),
        (&header, &[LeftOut, Remove], b"a\tb\0\n1\t2\0\n", b"b\0\n2\n"),
        (&header, &[LeftOut, Remove], b"a\n1\t2\0\n", b"\n2\n"),
    ] {
        setup(options, kinds).gives(stream, rows);
    }
    let null_dot = CopyOptions { null: br"\.".to_vec(), ..csv() };
    let csv = csv();
    for (kinds, stream, rows) in [
        (&[LeftOut, Kept][..], &b"\"a,\"\"\n\",b\n,\n"[..], &b"b\n\n"[..]),
        // Alone in its line it would be the end of data.
        (&[LeftOut, Kept], b"a,\\.\nb,\"\\.\"\n", b"\"\\.\"\n\"\\.\"\n"),
        (&[Kept, LeftOut], b"\\.,a\n\\.\n1,2", b"\"\\.\"\n\\.\n1,2"),
        (&[LeftOut, Kept], b"\\.,a\n\\.\n1,2", b"a\n\\.\n1,2"),
    ] {
        setup(&csv, kinds).gives(stream, rows);
    }
    let rewritten = setup(&null_dot, &[LeftOut, Kept]).rewrite(b"a,b\na,\\.\n");
    assert_eq!(rewritten.refusal, Some((2, Some(1), "22P04")));
}

#[test]
fn a_row_that_is_too_short_is_refused_where_columns_are_left_out() {
    let options = text();
    for (kinds, stream, refusal) in [
        (&[LeftOut, Kept][..], &b"a\tb\nc\n"[..], (2, Some(1), "22P04")),
        (&[LeftOut, Kept], b"a", (1, Some(1), "22P04")),
        (&[Kept, LeftOut], b"a\n", (1, Some(1), "22P04")),
        (&[Kept, LeftOut], b"a\tb\n\n", (2, Some(1), "22P04")),
        (&[Kept, Kept, LeftOut], b"a\tb\\.\n", (1, Some(2), "22P04")),
    ] {
        assert_eq!(setup(&options, kinds).rewrite(stream).refusal, Some(refusal), "{stream:?}");
    }
}

#[test]
fn a_field_beyond_the_limit_passes_unless_it_is_left_out() {
    let (options, long) = (text(), vec![b'a'; 1001]);
    let stream = [&long, &b"\0\tb\0\n"[..], &long[..999], b"\0\t\0\n"].concat();
    let rewritten = setup(&options, &[Remove, Remove]).rewrite(&stream);
    let expected = [&long, &b"\0\tb\n"[..], &long[..999], b"\t\n"].concat();
    assert_eq!(rewritten.rows, expected.escape_ascii().to_string());
    assert_eq!(rewritten.too_long, 1);
    let rewritten = setup(&options, &[LeftOut, Remove]).rewrite(&stream);
    assert_eq!((&*rewritten.rows, rewritten.too_long), ("b\\n\\n", 0));
    let rewritten = setup(&csv(), &[LeftOut, Kept]).rewrite(&[&long[..], b",b\n"].concat());
    assert_eq!((&*rewritten.rows, rewritten.too_long), ("b\\n", 0));
    // At the limit, whatever follows.
    for end in ["\n", "\\.\n", "", "\\"] {
        let stream = [&long[..999], b"\0", end.as_bytes()].concat();
        let rewritten = setup(&options, &[Remove]).rewrite(&stream);
        assert_eq!(rewritten.too_long, u64::from(end == "\\"), "{end:?}");
    }
}

#[test]
fn characters_are_not_taken_apart() {
    // 0x95 0x5C is one character, and so is 0x95 0x7C.
    let text = CopyOptions { delimiter: b'|', ..text() };
    for encoding in [Encoding::ShiftJis, Encoding::AsciiTrail, Encoding::Gb18030] {
        let copy = Setup { encoding, ..setup(&text, &[Remove, Remove]) };
        copy.gives(b"\x95\\0\0|\x95||\0\n", b"\x95\\0|\x95||\0\n");
        copy.gives(b"\x95\\\\0|\\\x95\\\0\n", b"\x95\\|\x95\\\n");
        let dms = CopyOptions { escape: b'\\', ..csv() };
        let copy = Setup { encoding, ..setup(&dms, &[Remove, Remove]) };
        copy.gives(b"\"\x95\\\0\",\x95\\\0\n", b"\"\x95\\\",\x95\\\n");
        copy.gives(b"\"\x95\\\\\"\0\",x\n", b"\"\x95\\\\\"\",x\n");
        // An escape that spells half of a character spells it in the server's encoding.
        let copy = Setup { encoding, ..setup(&text, &[Remove, Remove]) };
        let rewritten = copy.rewrite(b"\\x95\0|\\x41\0\n");
        assert_eq!((&*rewritten.rows, rewritten.of_two_encodings), ("\\\\x95\\x00|A\\n", 1));
    }
    let copy = setup(&text, &[Remove]);
    copy.gives(b"\\xC3\\xA4\0\n", b"\xC3\xA4\n");
    let named = CopyOptions { encoding: Some(Encoding::ShiftJis), ..text.clone() };
    setup(&named, &[Remove]).gives(b"\x95\\0\0\n", b"\x95\\0\n");
}

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x02ab";

fn tuple(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut tuple = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
        tuple.extend(length.to_be_bytes());
        tuple.extend(field.unwrap_or_default());
    }
    tuple
}

#[test]
fn binary_fields_are_judged_and_left_out() {
    let options = CopyOptions::new(CopyFormat::Binary);
    let stream = |tuples: &[Vec<u8>], end: &[u8]| [SIGNATURE, &tuples.concat(), end].concat();
    let before = [
        tuple(&[Some(b"a\0b"), Some(b"\0"), Some(b"\0"), Some(b"x")]),
        tuple(&[None, None, None, None]),
        tuple(&[Some(b"\0"), Some(b""), Some(b"longer"), Some(b"")]),
    ];
    let after = [
        tuple(&[Some(b"ab"), Some(b"\0"), Some(b"x")]),
        tuple(&[None, None, None]),
        tuple(&[Some(b""), Some(b""), Some(b"")]),
    ];
    let copy = setup(&options, &[Remove, Bytes, LeftOut, Kept]);
    for end in [&b"\xFF\xFF"[..], b"", b"\xFF\xFF\0\0"] {
        copy.gives(&stream(&before, end), &stream(&after, end));
    }
    let removed = found(0, ValueRule::NulRemoved, 2, 1);
    assert_eq!(copy.rewrite(&stream(&before, b"")).findings, [removed]);
    // A wrong number of fields could become the right one.
    let bad = tuple(&[Some(b"a"), Some(b"b"), Some(b"c")]);
    let rewritten = copy.rewrite(&stream(&[before[0].clone(), bad.clone()], b""));
    assert_eq!(rewritten.refusal, Some((2, Some(3), "22P04")));
    let copy = setup(&options, &[Remove, Remove]);
    let two = tuple(&[Some(b"\0"), Some(b"\0")]);
    let negative = b"\0\x02\xFF\xFF\xFF\xFE\0\0".to_vec();
    for bad in [bad, negative, b"\xFF\xFF".to_vec(), b"\0\0".to_vec()] {
        let rest = [bad, two.clone()].concat();
        let expected = [SIGNATURE, &tuple(&[Some(b""), Some(b"")]), &rest].concat();
        copy.gives(&[SIGNATURE, &two, &rest].concat(), &expected);
    }
    for at in 0..16 {
        let mut stream = stream(std::slice::from_ref(&two), b"");
        stream[at] ^= 0x80;
        if !(13..15).contains(&at) {
            copy.gives(&stream, &stream);
        }
    }
    let reject = setup(&options, &[Kept, Reject]).rewrite(&stream(std::slice::from_ref(&two), b""));
    assert_eq!(reject.refusal, Some((1, Some(1), "22021")));
    let small = Setup { field_bytes_max: 3, ..setup(&options, &[Remove, LeftOut]) };
    let long = tuple(&[Some(b"a\0bc"), Some(b"a\0bc")]);
    let rewritten = small.rewrite(&stream(&[long], b""));
    let expected = stream(&[tuple(&[Some(b"a\0bc")])], b"");
    assert_eq!(rewritten.rows, expected.escape_ascii().to_string());
    assert_eq!(rewritten.too_long, 1);
}

/// Streams of pieces that mean something to text or CSV, broken ones among them.
fn line_stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        &b"\0"[..],
        b"\\0",
        b"\\000",
        b"\\x0",
        b"\\400",
        b"\\x4",
        b"\\N",
        b"\\",
        b"0",
        b"f",
        b"a",
        b"\t",
        b",",
        b"\"",
        b"\"\"",
        b"\\.",
        b" ",
        b"\x95\\",
        b"\x95",
        b"\x81\x30",
        b"\xC3\xA4",
    ];
    let field = vec(select(pieces.to_vec()), 0..5).prop_map(|pieces| pieces.concat());
    let end = select(vec![&b"\n"[..], b"\n", b"\n", b"\t", b",", b"\t", b",", b"\r\n", b"\r"]);
    let fields = vec((field, end).prop_map(|(field, end)| [&field[..], end].concat()), 0..14);
    (fields, any::<bool>()).prop_map(|(fields, is_whole)| {
        let mut stream = fields.concat();
        if !is_whole {
            stream.pop();
        }
        stream
    })
}

fn line_options() -> impl Strategy<Value = CopyOptions> {
    select(vec![
        text(),
        CopyOptions { null: b"a".to_vec(), header_lines: 1, ..text() },
        CopyOptions { delimiter: b',', null: vec![], default: Some(b"0".to_vec()), ..text() },
        csv(),
        CopyOptions { escape: b'\\', null: b"a".to_vec(), ..csv() },
        CopyOptions { force_null: ForcedColumns::All, header_lines: 2, ..csv() },
        CopyOptions { delimiter: b'\t', quote: b'0', null: b"\\N".to_vec(), ..csv() },
    ])
}

const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::ShiftJis, Encoding::Gb18030];

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    vec(select(vec![Space, Remove, Remove, Kept, LeftOut, Reject]), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_cut_gives_the_same(
        stream in line_stream(), options in line_options(), kinds in kinds(),
        encoding in select(ENCODINGS.to_vec()), pieces in vec(1usize..9, 1..9),
        field_bytes_max in select(vec![4usize, 1000]),
    ) {
        let copy = Setup { options: &options, encoding, kinds: &kinds, field_bytes_max };
        let whole = copy.rewrite_bytes(&stream, &[usize::MAX]);
        prop_assert_eq!(copy.rewrite_bytes(&stream, &pieces), whole);
    }

    #[test]
    fn what_nobody_changes_leaves_as_it_came(
        stream in line_stream(), options in line_options(), pieces in vec(1usize..9, 1..9),
        encoding in select(ENCODINGS.to_vec()), columns in 1usize..5,
    ) {
        let stream: Vec<u8> = stream.into_iter().filter(|byte| *byte != 0).collect();
        let options = CopyOptions { null: b"a".to_vec(), ..options };
        let escaped = [&b"\\0"[..], b"\\4", b"\\x0"];
        let has_nul = escaped.iter().any(|nul| stream.windows(nul.len()).any(|at| at == *nul));
        let kind = if has_nul && options.format == CopyFormat::Text { Kept } else { Reject };
        let kinds = vec![kind; columns];
        let copy = Setup { options: &options, encoding, kinds: &kinds, field_bytes_max: 1000 };
        let (rows, rewritten) = copy.rewrite_bytes(&stream, &pieces);
        prop_assert_eq!(rewritten.refusal, None);
        prop_assert_eq!(rows, stream);
    }

    #[test]
    fn the_server_reads_the_judged_rows(
        lines in vec(vec(0usize..40, 3), 0..6), options in line_options(),
        encoding in select(ENCODINGS.to_vec()), pieces in vec(1usize..9, 1..9),
    ) {
        let stream = good_stream(&lines, &options);
        let kinds = [Remove, LeftOut, Kept];
        let copy = Setup { options: &options, encoding, kinds: &kinds, field_bytes_max: 1000 };
        let (rows, rewritten) = copy.rewrite_bytes(&stream, &pieces);
        prop_assert_eq!(rewritten.refusal, None);
        let header = usize::try_from(options.header_lines).unwrap();
        let before = read_rows(&stream, &options, encoding);
        let after = read_rows(&rows, &options, encoding);
        prop_assert_eq!(before.len(), after.len());
        for (number, (before, after)) in before.iter().zip(&after).enumerate() {
            prop_assert_eq!(after.len(), 2);
            prop_assert_eq!(&before[2], &after[1]);
            let without = before[0].value.as_ref().map(|value| without_nuls(value));
            let is_kept = number < header || !is_written(&before[0], &options);
            let expected = if is_kept { before[0].value.clone() } else { without };
            prop_assert_eq!(&after[0].value, &expected, "{:?} -> {:?}", before, after);
        }
    }
}

/// Whether a field may be changed, and there is a way to write it without its NULs.
fn is_written(field: &Field, options: &CopyOptions) -> bool {
    let Some(value) = &field.value else { return false };
    let without = without_nuls(value);
    let is_default = options.default.as_ref() == Some(&field.raw);
    let is_text = options.format == CopyFormat::Text;
    let unwritable =
        if is_text { without.is_empty() } else { options.force_null == ForcedColumns::All };
    !(is_default || unwritable && without == options.null)
}

fn without_nuls(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| *byte != 0).collect()
}

/// Rows that the server takes, of fields by number.
fn good_stream(lines: &[Vec<usize>], options: &CopyOptions) -> Vec<u8> {
    const TEXT: [&[u8]; 10] = [
        b"",
        b"a",
        b"\0",
        b"a\\0",
        b"\\000\\x41",
        b"\\\n\0",
        b"\\N",
        b"\0 \0",
        b"\\\\\0N",
        b"\\t\0",
    ];
    const CSV: [&[u8]; 10] =
        [b"", b"a", b"Q\0Q", b"\0", b"QaDN\0\n,Q", b"QQ", b"\\N", b"b\0QQb", b"QEQ\0EQQ", b"\0a"];
    let mut stream = Vec::new();
    for line in lines {
        for (number, field) in line.iter().enumerate() {
            if number > 0 {
                stream.push(options.delimiter);
            }
            let fields = if options.format == CopyFormat::Text { TEXT } else { CSV };
            stream.extend(fields[field % 10].iter().map(|byte| match byte {
                b'Q' => options.quote,
                b'E' => options.escape,
                b'D' => options.delimiter,
                byte => *byte,
            }));
        }
        stream.push(b'\n');
    }
    stream
}

proptest! {
    #[test]
    fn any_bytes_in_binary_do_no_harm_and_any_cut_gives_the_same(
        bytes in vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 0..200), kinds in kinds(),
        has_header in any::<bool>(), pieces in vec(1usize..9, 1..9), field_bytes_max in 2usize..9,
    ) {
        let stream = if has_header { [SIGNATURE, &bytes].concat() } else { bytes };
        let options = CopyOptions::new(CopyFormat::Binary);
        let copy = Setup { field_bytes_max, ..setup(&options, &kinds) };
        let whole = copy.rewrite_bytes(&stream, &[usize::MAX]);
        prop_assert_eq!(copy.rewrite_bytes(&stream, &pieces), whole);
    }
}

#[test]
fn a_stream_is_judged_in_its_own_encoding() {
    let policies = ValuePolicies { too_long: TooLong::Truncate, ..ValuePolicies::default() };
    // `varchar(2)`
    let column = Column { type_oid: VARCHAR, modifier: 4 + 2, ..Column::default() };
    let bad_dates = &policies.bad_dates;
    for (client, named) in [(Encoding::Utf8, Some(Encoding::ShiftJis)), (Encoding::ShiftJis, None)]
    {
        let judge = ColumnJudge::new(&policies, bad_dates, &column, client);
        for format in [CopyFormat::Text, CopyFormat::Csv] {
            let options = CopyOptions { encoding: named, ..CopyOptions::new(format) };
            let columns = vec![CopyColumn::Judged(judge.clone())];
            let mut copy = CopyRows::new(&options, client, columns, 1000);
            let mut rows = Vec::new();
            // Three characters, the second byte of each a backslash.
            copy.rewrite(b"\x83\\\x83\\\x83\\\n", &mut rows).unwrap();
            copy.finish(&mut rows).unwrap();
            assert_eq!(rows, b"\x83\\\x83\\\n", "{client:?} {format:?}");
            assert_eq!(copy.take_findings().len(), 1);
        }
    }
}
