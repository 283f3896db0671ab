//! `\u0000` in the JSON columns of COPY text and CSV.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyOptions, ValueKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::copy_stream::{mend_framed_kinds, mend_whole, mend_whole_kinds, read_rows};
use super::json_model::mended;

fn kinds() -> Arc<[ValueKind]> {
    Arc::from([ValueKind::Json, ValueKind::Other, ValueKind::Json, ValueKind::Character])
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

fn csv_with_backslash() -> CopyOptions {
    CopyOptions { escape: b'\\', null: b"attNULL".to_vec(), ..csv() }
}

#[test]
fn each_format_spells_the_escape_in_its_own_way() {
    for (options, stream, expected) in [
        (text(), &br"\\u0000"[..], &br"\\u0020"[..]),
        (text(), br"\\\\u0000", br"\\\\u0000"),
        (text(), br"\u0000", br"\u0000"),
        (text(), br"\\\u0000", br"\\\u0020"),
        (text(), br"\134\x75\60\060\x300", br"\134\x75\60\060\x320"),
        (text(), br"\\u00\60\0600", br"\\u00\62\0600"),
        (text(), b"\\\\u0000\t\\\\u0000\t\\\\u0000", b"\\\\u0020\t\\\\u0000\t\\\\u0020"),
        (text(), b"1\t\\\\u0000\n\\\\u0000", b"1\t\\\\u0000\n\\\\u0020"),
        (text(), b"\\\t\t\\\\u0000", b"\\\t\t\\\\u0000"),
        (csv(), br#""""\u0000""""#, br#""""\u0020""""#),
        (csv(), br#""\\u0000",\u0000,\u0000"#, br#""\\u0000",\u0000,\u0020"#),
        (csv(), b"\"\n,\\u0000\"", b"\"\n,\\u0020\""),
        (csv_with_backslash(), br#""\u0000\\u0000""#, br#""\u0020\\u0020""#),
        (csv_with_backslash(), br#""\\\\u0000\"\\u0000""#, br#""\\\\u0000\"\\u0020""#),
        (csv_with_backslash(), br#"\u0000\\u0000"#, br#"\u0020\\u0000"#),
    ] {
        let (mended, _) = mend_whole_kinds(stream, &options, Encoding::Utf8, &kinds());
        assert_eq!(mended.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[test]
fn an_escape_begins_no_character_of_the_client() {
    let (mended, _) = mend_whole_kinds(br"\200\\u0000", &text(), Encoding::ShiftJis, &kinds());
    assert_eq!(mended.escape_ascii().to_string(), br"\200\\u0020".escape_ascii().to_string());
}

#[test]
fn a_digit_that_means_something_else_is_left_alone() {
    let null = br#""\\u0020""#.to_vec();
    for options in [
        CopyOptions { null, ..text() },
        CopyOptions { delimiter: b'2', ..csv() },
        CopyOptions { quote: b'2', ..csv() },
        CopyOptions { escape: b'0', ..csv() },
    ] {
        let stream = br#""\\u0000"	"\u0000""#;
        let mended = mend_whole_kinds(stream, &options, Encoding::Utf8, &kinds());
        assert_eq!(mended, (stream.to_vec(), 0));
    }
}

#[test]
fn without_a_json_column_nothing_changes() {
    let kinds = Arc::from([ValueKind::Character, ValueKind::Other]);
    let stream = b"\\\\u0000\t\\\\u0000\t\\0\n";
    for options in [text(), csv()] {
        let mended = mend_whole_kinds(stream, &options, Encoding::Utf8, &kinds);
        assert_eq!(mended, mend_whole(stream, &options, Encoding::Utf8));
    }
}

/// Pieces that meet as escapes of escapes, cut by ends of fields and rows.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        &b"\\\\u0000"[..],
        b"\\u0000",
        b"\\",
        b"\\\\",
        b"u",
        b"0",
        b"00",
        b"000",
        b"\\134",
        b"\\x5c",
        b"\\165",
        b"\\60",
        b"\\060",
        b"\\x30",
        b"\\x3",
        b"\\0",
        b"\0",
        b"6",
        b"a",
        b"\t",
        b",",
        b"\n",
        b"\r\n",
        b"\"",
        b"\"\"",
        b"\\\"",
        b"\x95\\",
        b"\x95",
        b"\\N",
        b"a longer run of text that no rule is interested in, to get past whole blocks of bytes",
    ]);
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn options() -> impl Strategy<Value = CopyOptions> {
    let quote = CopyOptions { quote: b'\\', escape: b'\\', ..csv() };
    let comma = CopyOptions { delimiter: b',', null: b" ".to_vec(), ..text() };
    select(vec![text(), comma, csv(), csv_with_backslash(), quote])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_server_reads_the_same_rows_mended_by_column(
        stream in stream(), options in options(),
        client in select(vec![Encoding::Utf8, Encoding::ShiftJis]),
    ) {
        let kinds = kinds();
        let (after, replaced) = mend_whole_kinds(&stream, &options, client, &kinds);
        prop_assert_eq!(after.len(), stream.len());
        prop_assert_eq!(after != stream, replaced > 0);
        let before = read_rows(&stream, &options, client);
        let after = read_rows(&after, &options, client);
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.len(), after.len());
            for (column, (before, after)) in before.iter().zip(after).enumerate() {
                let kind = kinds.get(column).copied().unwrap_or_default();
                let unreadable = before.raw.contains(&0) || before.has_high_escape;
                let broken = client.has_ascii_trail() && unreadable;
                let is_null_like = options.null == b" " && before.raw.len() == 1;
                if !broken && !is_null_like {
                    let expected = before.value.as_ref().map(|value| mended(value, kind, client));
                    prop_assert_eq!(&after.value, &expected, "{:?}", before);
                }
            }
        }
    }

    #[test]
    fn cuts_and_frame_headers_change_nothing(
        stream in stream(), options in options(),
        client in select(vec![Encoding::Utf8, Encoding::ShiftJis]),
        frames in vec(0usize..9, 1..20), sends in 1usize..4,
    ) {
        let kinds = kinds();
        let whole = mend_whole_kinds(&stream, &options, client, &kinds);
        let framed = mend_framed_kinds(&stream, &options, client, &kinds, &frames, sends);
        prop_assert_eq!(&framed, &whole);
        let framed = mend_framed_kinds(&stream, &options, client, &kinds, &[1], 1);
        prop_assert_eq!(&framed, &whole);
    }
}
