//! COPY binary, mended by the kinds of its columns.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyOptions, ValueKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::copy_stream::{mend_framed_kinds, mend_whole_kinds};
use super::json_model::mended;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

type Row = Vec<Option<Vec<u8>>>;

fn kinds() -> Arc<[ValueKind]> {
    Arc::from([ValueKind::Character, ValueKind::Other, ValueKind::Json])
}

fn header(flags: u32, extension: &[u8]) -> Vec<u8> {
    let mut stream = SIGNATURE.to_vec();
    stream.extend(flags.to_be_bytes());
    stream.extend(u32::try_from(extension.len()).unwrap().to_be_bytes());
    stream.extend_from_slice(extension);
    stream
}

fn rows(rows: &[Row]) -> Vec<u8> {
    let mut stream = Vec::new();
    for row in rows {
        stream.extend(u16::try_from(row.len()).unwrap().to_be_bytes());
        for field in row {
            let length = field.as_ref().map_or(-1, |field| i32::try_from(field.len()).unwrap());
            stream.extend(length.to_be_bytes());
            stream.extend(field.iter().flatten());
        }
    }
    stream
}

fn mend(stream: &[u8]) -> (Vec<u8>, u64) {
    let options = CopyOptions::new(CopyFormat::Binary);
    let whole = mend_whole_kinds(stream, &options, Encoding::Utf8, &kinds());
    for frames in [&[1][..], &[3, 0, 7]] {
        for sends in 1..4 {
            let framed =
                mend_framed_kinds(stream, &options, Encoding::Utf8, &kinds(), frames, sends);
            assert_eq!(framed, whole);
        }
    }
    whole
}

fn row(fields: [&[u8]; 3]) -> Row {
    fields.map(|field| Some(field.to_vec())).to_vec()
}

#[test]
fn fields_are_mended_by_their_column() {
    let before = [
        row([b"a\0b", b"a\0b", b"\x01{\"a\": \"\\u0000\\\\u0000\"}"]),
        vec![None, None, None],
        row([b"", b"", b"\0"]),
        row([b"\\u0000", b"\\u0000", b"\\u000"]),
        row([b"0", b"0", b"0"]),
    ];
    let after = [
        row([b"a b", b"a\0b", b"\x01{\"a\": \"\\u0020\\\\u0000\"}"]),
        vec![None, None, None],
        row([b"", b"", b" "]),
        row([b"\\u0000", b"\\u0000", b"\\u000"]),
        row([b"0", b"0", b"0"]),
    ];
    for extension in [&b""[..], b"\0\x03\0\0\0\x01\0"] {
        // The low flags mean nothing to the server.
        let header = header(0x8000, extension);
        let stream = |fields: &[Row]| [&header[..], &rows(fields), b"\xFF\xFF"].concat();
        assert_eq!(mend(&stream(&before)), (stream(&after), 3));
    }
}

#[test]
fn nothing_is_touched_behind_what_cannot_be_right() {
    let good = header(0, b"");
    let nul = rows(&[row([b"\0", b"\0", b"\0"])]);
    let clean = rows(&[row([b" ", b"\0", b" "])]);
    let two_fields = rows(&[row([b"\0", b"\0", b"\0"])[..2].to_vec()]);
    let negative_length = b"\0\x03\xFF\xFF\xFF\xFE\0\0".to_vec();
    for bad in [&two_fields[..], &negative_length, b"\xFF\xFF", b"\x80\0", b"\0\0"] {
        let stream = [&good[..], &nul, bad, &nul].concat();
        assert_eq!(mend(&stream), ([&good[..], &clean, bad, &nul].concat(), 2), "{bad:?}");
    }
    let mut negative_extension = good.clone();
    negative_extension[15] = 0x80;
    let mut signature = good.clone();
    signature[8] = b'\n';
    for bad in [header(0x1_0000, b""), header(0x8000_0000, b""), negative_extension, signature] {
        let stream = [bad, nul.clone()].concat();
        assert_eq!(mend(&stream), (stream, 0));
    }
}

fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    let piece = select(vec![&b"\\"[..], b"u", b"0", b"00", b"\\u0000", b"\0", b"\x01", b"ab"]);
    proptest::option::weighted(0.9, vec(piece, 0..12).prop_map(|pieces| pieces.concat()))
}

proptest! {
    #[test]
    fn every_field_is_mended_by_its_kind_however_it_is_cut(
        fields in vec(vec(field(), 3), 0..8), frames in vec(0usize..40, 1..10), sends in 1usize..4,
    ) {
        let kinds = kinds();
        let stream = [header(0, b"x"), rows(&fields), b"\xFF\xFF".to_vec()].concat();
        let expected: Vec<Row> = fields.iter().map(|row| {
            row.iter().zip(&*kinds).map(|(field, kind)| {
                let field = field.as_ref()?;
                Some(match kind {
                    ValueKind::Other => field.clone(),
                    kind => mended(field, *kind, Encoding::Utf8),
                })
            }).collect()
        }).collect();
        let expected = [header(0, b"x"), rows(&expected), b"\xFF\xFF".to_vec()].concat();
        let options = CopyOptions::new(CopyFormat::Binary);
        let whole = mend_whole_kinds(&stream, &options, Encoding::Utf8, &kinds);
        prop_assert_eq!(&whole.0, &expected);
        prop_assert_eq!(whole.1 > 0, expected != stream);
        let framed = mend_framed_kinds(&stream, &options, Encoding::Utf8, &kinds, &frames, sends);
        prop_assert_eq!(framed, whole);
    }

    #[test]
    fn any_bytes_do_no_harm_and_any_cut_gives_the_same(
        bytes in vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 0..200),
        has_header in any::<bool>(), frames in vec(0usize..9, 1..9),
    ) {
        let stream = if has_header { [header(0, b""), bytes].concat() } else { bytes };
        let options = CopyOptions::new(CopyFormat::Binary);
        let whole = mend_whole_kinds(&stream, &options, Encoding::ShiftJis, &kinds());
        let framed =
            mend_framed_kinds(&stream, &options, Encoding::ShiftJis, &kinds(), &frames, 1);
        prop_assert_eq!(framed, whole);
    }
}
