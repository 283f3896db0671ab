//! Properties of the COPY scanner on generated streams.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyOptions, CopyScanner};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::copy_stream::{mend_framed, mend_whole, read_rows};

/// Pieces that meet each other in every way that matters: escapes, halves of them, ends of fields
/// and rows, quotes, characters whose second byte looks like a backslash.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece =
        select(vec![
        &b"\0"[..], b"\\", b"\\0", b"\\00", b"\\000", b"\\400", b"\\x0", b"\\x00", b"\\40", b"\\ ",
        b"0", b"4", b"7", b"8", b"x", b"f", b"A", b"N", b"\\N", b"a", b" ", b"\t", b",", b"\n",
        b"\r\n", b"\"", b"\\\n", b"\x95\\", b"\x81\x30\x81\x30", b"\x95", b"\xB1", b"\xE4\xB8\xAD",
        b"a longer run of text that no rule is interested in, to get past whole blocks of bytes",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn options() -> impl Strategy<Value = CopyOptions> {
    let null = select(vec![
        &b"\\N"[..],
        b"",
        b" ",
        b"a ",
        b"\\0",
        b"\\ ",
        b"\\40",
        b"\\040",
        b"\\x20",
        b"\\x00",
        b"\\000",
    ]);
    let text = (select(vec![b'\t', b',', b' ', b'A']), null.clone());
    let text = text.prop_map(|(delimiter, null)| CopyOptions {
        delimiter,
        null: null.to_vec(),
        ..CopyOptions::new(CopyFormat::Text)
    });
    let csv = (
        select(vec![b',', b' ', b'\t']),
        select(vec![b'"', b'"', b' ']),
        select(vec![b'"', b'\\', b' ']),
        null,
    );
    let csv = csv.prop_map(|(delimiter, quote, escape, null)| CopyOptions {
        delimiter,
        quote,
        escape,
        null: null.to_vec(),
        ..CopyOptions::new(CopyFormat::Csv)
    });
    // The server refuses options that contradict each other.
    prop_oneof![text, csv].prop_filter("delimiter or quote in the NULL string", |options| {
        let csv = options.format == CopyFormat::Csv;
        !options.null.contains(&options.delimiter)
            && (!csv
                || options.delimiter != options.quote && !options.null.contains(&options.quote))
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    select(vec![
        Encoding::Utf8,
        Encoding::SingleByte,
        Encoding::Euc,
        Encoding::ShiftJis,
        Encoding::AsciiTrail,
        Encoding::Gb18030,
    ])
}

fn without_nul(value: &[u8]) -> Vec<u8> {
    value.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_server_reads_the_same_rows_with_spaces_for_nuls(
        stream in stream(), options in options(), client in encoding(),
    ) {
        let (mended, replaced) = mend_whole(&stream, &options, client);
        prop_assert_eq!(mended.len(), stream.len());
        prop_assert_eq!(mended != stream, replaced > 0);
        let before = read_rows(&stream, &options, client);
        let after = read_rows(&mended, &options, client);
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            match (&before.value, &after.value) {
                (None, None) => prop_assert_eq!(&before.raw, &after.raw),
                (Some(value), Some(mended)) if value.contains(&0) && mended.contains(&0) => {
                    // The server will refuse it; something must have stood in the way.
                    let csv_role = [options.quote, options.escape].contains(&b' ');
                    let splits = before.has_bare_nul && options.delimiter == b' ';
                    let becomes_null = options.null.len() == before.raw.len();
                    let broken_character = client.has_ascii_trail();
                    prop_assert!(
                        splits || becomes_null || broken_character
                            || options.format == CopyFormat::Csv && csv_role,
                        "{:?} -> {:?}", before, after
                    );
                }
                (Some(value), Some(mended)) => prop_assert_eq!(&without_nul(value), mended),
                _ => prop_assert!(false, "NULL changed: {:?} -> {:?}", before, after),
            }
        }
        prop_assert_eq!(
            before.iter().map(Vec::len).collect::<Vec<_>>(),
            after.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }

    #[test]
    fn cuts_and_frame_headers_change_nothing(
        stream in stream(), options in options(), client in encoding(),
        frames in vec(0usize..9, 1..20), sends in 1usize..4,
    ) {
        let whole = mend_whole(&stream, &options, client);
        prop_assert_eq!(&mend_framed(&stream, &options, client, &frames, sends), &whole);
        prop_assert_eq!(&mend_framed(&stream, &options, client, &[1], 1), &whole);
    }

    #[test]
    fn a_stream_without_nul_comes_through_as_it_was(
        stream in stream(), options in options(), client in encoding(),
    ) {
        let stream: Vec<u8> =
            stream.into_iter().filter(|byte| !matches!(byte, 0 | b'0')).collect();
        prop_assert_eq!(mend_whole(&stream, &options, client), (stream, 0));
    }

    #[test]
    fn mending_twice_is_mending_once(
        stream in stream(), options in options(), client in encoding(),
    ) {
        let (once, _) = mend_whole(&stream, &options, client);
        prop_assert_eq!(mend_whole(&once, &options, client), (once, 0));
    }

    #[test]
    fn binary_is_never_touched(stream in vec(any::<u8>(), 0..300)) {
        let options = CopyOptions::new(CopyFormat::Binary);
        prop_assert_eq!(mend_whole(&stream, &options, Encoding::Utf8), (stream, 0));
    }

    #[test]
    fn any_bytes_in_any_order_of_calls_do_no_harm(
        stream in vec(any::<u8>(), 0..300), options in options(), client in encoding(),
        calls in vec((0usize..5, 0usize..400, 0usize..400), 0..20),
    ) {
        let mut buffer = stream.clone();
        let mut scanner = CopyScanner::new(&options, client);
        for (call, one, other) in calls {
            match call {
                0 => scanner.release(),
                1 => scanner.rebase(one),
                2 => scanner.finish(&mut buffer),
                _ => scanner.scan(&mut buffer, one, other),
            }
        }
        prop_assert_eq!(buffer.len(), stream.len());
    }
}
