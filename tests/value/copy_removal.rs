//! COPY text and CSV whose NULs are removed.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyNulRemover, CopyOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::copy_stream::read_rows;

fn remove(stream: &[u8], options: &CopyOptions, piece_bytes: usize) -> (Vec<u8>, u64) {
    let mut remover = CopyNulRemover::new(options, Encoding::Utf8, 1000).unwrap();
    let mut rows = Vec::new();
    stream.chunks(piece_bytes).for_each(|piece| remover.rewrite(piece, &mut rows));
    remover.finish(&mut rows);
    (rows, remover.take_removed())
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

#[test]
fn nuls_go_and_nothing_else_does() {
    for (options, stream, expected) in [
        (text(), &b"a\\000b\tc\0\\0\n\\N\t\\x00\\x0g\n"[..], &b"ab\tc\n\\N\tg\n"[..]),
        (text(), b"\\1\\0002 \\x3\0f", b"\\1\\062 \\x3\\146"),
        (text(), b"\\\\0\\\\\\0", b"\\\\0\\\\"),
        (text(), b"\\N\0\t\\.\0\n", b"\\N\0\t\\.\0\n"),
        (csv(), b"a\0b,\0,\"\0\"\n", b"ab,\"\",\"\"\n"),
        (csv(), b"\"a\"\0\"b\",\"a\0\n,\"\n", b"\"a\"\0\"b\",\"a\n,\"\n"),
    ] {
        for piece_bytes in [1, 2, 3, 100] {
            let (rows, _) = remove(stream, &options, piece_bytes);
            assert_eq!(rows.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }
    assert!(
        CopyNulRemover::new(&CopyOptions::new(CopyFormat::Binary), Encoding::Utf8, 1).is_none()
    );
}

#[test]
fn a_field_beyond_the_limit_comes_through_as_it_is() {
    let stream = [&vec![b'a'; 1000][..], b"\0b\tc\0"].concat();
    let (rows, removed) = remove(&stream, &text(), 7);
    assert_eq!(rows, [&stream[..stream.len() - 1]].concat());
    assert_eq!(removed, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_server_reads_the_same_rows_without_nuls(
        stream in vec(select(vec![
            &b"\0"[..], b"\\0", b"\\00", b"\\000", b"\\x0", b"\\x00", b"\\400", b"\\4", b"\\x4",
            b"\\N", b"\\", b"0", b"7", b"f", b"a", b"\t", b",", b"\n", b"\"", b"\"\"", b"\\.", b" ",
        ]), 0..30),
        options in select(vec![
            text(), csv(), CopyOptions { escape: b'\\', ..csv() },
            CopyOptions { null: b"a".to_vec(), ..text() },
        ]),
        piece_bytes in 1usize..9,
    ) {
        let stream = stream.concat();
        let (rows, removed) = remove(&stream, &options, usize::MAX);
        prop_assert_eq!(&remove(&stream, &options, piece_bytes), &(rows.clone(), removed));
        let before = read_rows(&stream, &options, Encoding::Utf8);
        let after = read_rows(&rows, &options, Encoding::Utf8);
        prop_assert_eq!(removed > 0, rows != stream);
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(after) {
                let without: Option<Vec<u8>> = before.value.as_ref()
                    .map(|value| value.iter().copied().filter(|byte| *byte != 0).collect());
                let kept = before == after;
                prop_assert!(kept || after.value == without, "{:?} -> {:?}", before, after);
            }
        }
    }
}
