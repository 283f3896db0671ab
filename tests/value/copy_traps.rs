//! Every known trap of NULs in COPY streams, as a vector.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyOptions, CopyScanner};

use super::copy_stream::{mend_framed, mend_whole};

/// The stream mended, and the same through frames of every small size.
fn mend_as(options: &CopyOptions, client: Encoding, stream: &[u8]) -> Vec<u8> {
    let whole = mend_whole(stream, options, client);
    for frame in 1..5 {
        assert_eq!(mend_framed(stream, options, client, &[frame], 1), whole, "frames of {frame}");
    }
    whole.0
}

fn mend(options: &CopyOptions, stream: &[u8]) -> Vec<u8> {
    mend_as(options, Encoding::Utf8, stream)
}

fn text() -> CopyOptions {
    CopyOptions::new(CopyFormat::Text)
}

fn csv() -> CopyOptions {
    CopyOptions::new(CopyFormat::Csv)
}

#[test]
fn text_every_spelling_of_nul() {
    for (stream, mended) in [
        (&b"a\0b\n"[..], &b"a b\n"[..]),
        (b"a\\0b\n", b"a\\ b\n"),
        (b"a\\00b\n", b"a\\40b\n"),
        (b"a\\000b\n", b"a\\040b\n"),
        (b"a\\400b\n", b"a\\040b\n"),
        (b"a\\x0\n", b"a\\40\n"),
        (b"a\\x00b\n", b"a\\x20b\n"),
        (b"a\\\0b\n", b"a\\ b\n"),
        (b"\\0\\0\\0", b"\\ \\ \\ "),
        (b"\\00\\x0", b"\\40\\40"),
    ] {
        assert_eq!(mend(&text(), stream), mended);
    }
}

#[test]
fn text_what_follows_an_escape_is_not_read_with_its_replacement() {
    for (stream, mended) in [
        (&b"\\08\n"[..], &b"\\ 8\n"[..]),
        (b"\\008\n", b"\\408\n"),
        (b"\\0000\n", b"\\0400\n"),
        (b"\\x000\n", b"\\x200\n"),
        (b"\\x0g\n", b"\\40g\n"),
        (b"\\0\\\\000\n", b"\\ \\\\000\n"),
    ] {
        assert_eq!(mend(&text(), stream), mended);
    }
}

#[test]
fn text_harmless_bytes_stay() {
    for stream in [
        &b"\\\\000\t\\\\\\\\x00\n"[..],
        b"\\N\t\\N\n\\.\n",
        b"\\x0f\\x20\\07\\001\\40\\401\\xg0\\X00\n",
        b"{\"a\": \"\\\\u0000\"}\n",
        b"\\",
        b"",
    ] {
        assert_eq!(mend(&text(), stream), stream);
    }
}

#[test]
fn text_backslash_parity_holds_across_blocks() {
    for backslashes in 1..300 {
        let mut stream = vec![b'\\'; backslashes];
        stream.extend(b"000 and a tail that is long enough to fill a block of bytes, and more\n");
        let mut mended = stream.clone();
        if backslashes % 2 == 1 {
            mended[backslashes + 1] = b'4';
        }
        assert_eq!(mend(&text(), &stream), mended, "{backslashes} backslashes");
    }
}

#[test]
fn a_trail_byte_that_is_a_backslash_starts_no_escape() {
    let stream = b"\x95\\000\t\x95\\\\000\n";
    let mended = b"\x95\\000\t\x95\\\\040\n";
    for encoding in [Encoding::ShiftJis, Encoding::AsciiTrail, Encoding::Gb18030] {
        assert_eq!(mend_as(&text(), encoding, stream), mended);
        // The encoding that the COPY names wins.
        let named = CopyOptions { encoding: Some(encoding), ..text() };
        assert_eq!(mend_as(&named, Encoding::Utf8, stream), mended);
        let utf8 = CopyOptions { encoding: Some(Encoding::Utf8), ..text() };
        assert_eq!(mend_as(&utf8, encoding, b"\x95\\000"), b"\x95\\040");
    }
    // One byte a character: the same bytes are a character and an escape.
    assert_eq!(mend_as(&text(), Encoding::SingleByte, b"\x95\\000"), b"\x95\\040");
    // Half-width katakana are one byte in Shift-JIS.
    assert_eq!(mend_as(&text(), Encoding::ShiftJis, b"\xB1\\000"), b"\xB1\\040");
    // Four bytes in GB18030, the second one a digit.
    assert_eq!(mend_as(&text(), Encoding::Gb18030, b"\x81\x30\x81\\000"), b"\x81\x30\x81\\000");
    assert_eq!(mend_as(&text(), Encoding::Gb18030, b"\x81\x30\x81\x30\\0"), b"\x81\x30\x81\x30\\ ");
}

#[test]
fn text_a_null_string_with_a_nul_escape_stays_null() {
    let options = CopyOptions { null: b"\\0".to_vec(), ..text() };
    assert_eq!(mend(&options, b"\\0\ta\\0\t\\0\n\\0"), b"\\0\ta\\ \t\\0\n\\0");
}

#[test]
fn text_a_mended_field_never_becomes_null() {
    for (null, stream, mended) in [
        (&b" "[..], &b"\0\ta\0\t\\0\n\0"[..], &b"\0\ta \t\\ \n\0"[..]),
        (b"a b", b"a\0b\ta\0b\0\n", b"a\0b\ta b \n"),
        (b"\\ ", b"\\0\t\\00\n", b"\\0\t\\40\n"),
        (b"\\40", b"\\00\t\\x0\t\\000\t\\0\n", b"\\00\t\\x0\t\\040\t\\ \n"),
        (b"\\040", b"\\000\t\\400\t\\0000\n", b"\\000\t\\400\t\\0400\n"),
        (b"\\x20", b"\\x00\t\\x00a\n", b"\\x00\t\\x20a\n"),
    ] {
        let options = CopyOptions { null: null.to_vec(), ..text() };
        assert_eq!(mend(&options, stream), mended);
    }
}

#[test]
fn text_a_space_as_delimiter_is_never_made_from_a_nul() {
    let options = CopyOptions { delimiter: b' ', ..text() };
    assert_eq!(mend(&options, b"a\0b \\000 \\0 \\\0\n"), b"a\0b \\040 \\  \\ \n");
}

#[test]
fn text_an_escape_takes_its_digits_even_if_one_is_the_delimiter() {
    let options = CopyOptions { delimiter: b'A', null: b"\\0".to_vec(), ..text() };
    assert_eq!(mend(&options, b"\\x0A\\0A\\0\n"), b"\\x0A\\ A\\0\n");
}

#[test]
fn csv_only_the_byte_itself_is_a_nul() {
    assert_eq!(mend(&csv(), b"\0,\"a\0\",\\000\n"), b" ,\"a \",\\000\n");
    let dms = CopyOptions { null: b"attNULL".to_vec(), escape: b'\\', ..csv() };
    assert_eq!(mend(&dms, b"attNULL,\"a\\\"\0\"\n"), b"attNULL,\"a\\\" \"\n");
}

#[test]
fn csv_a_mended_field_never_becomes_null() {
    let options = CopyOptions { null: b" ".to_vec(), ..csv() };
    assert_eq!(mend(&options, b"\0,\"\0\",a\0, \n\0"), b"\0,\" \",a , \n\0");
}

#[test]
fn csv_a_space_with_a_role_is_never_made_from_a_nul() {
    let delimiter = CopyOptions { delimiter: b' ', ..csv() };
    assert_eq!(mend(&delimiter, b"a\0 \"a\0\"\"\0\" \0\n"), b"a\0 \"a \"\" \" \0\n");
    let quote = CopyOptions { quote: b' ', ..csv() };
    assert_eq!(mend(&quote, b"\0, \0 ,\0\n"), b"\0, \0 ,\0\n");
    let escape = CopyOptions { escape: b' ', ..csv() };
    assert_eq!(mend(&escape, b"\0,\"\0\"\n"), b" ,\"\0\"\n");
}

#[test]
fn a_stream_that_was_not_understood_has_its_raw_nuls_mended() {
    let mut buffer = b"a\0\\000\n".to_vec();
    let mut scanner = CopyScanner::raw();
    scanner.scan(&mut buffer, 0, 6);
    assert_eq!((buffer.as_slice(), scanner.take_replaced()), (&b"a \\000\n"[..], 1));
    assert_eq!(scanner.take_replaced(), 0);
}

#[test]
fn what_was_let_go_is_neither_mended_nor_counted() {
    let mut buffer = b"\\0".to_vec();
    let mut scanner = CopyScanner::new(&text(), Encoding::Utf8);
    scanner.scan(&mut buffer, 0, 2);
    assert_eq!(scanner.held_from(), Some(1));
    scanner.release();
    assert_eq!(scanner.held_from(), None);
    scanner.rebase(2);
    let mut buffer = b"00\\0".to_vec();
    scanner.scan(&mut buffer, 0, 4);
    scanner.finish(&mut buffer);
    assert_eq!((buffer.as_slice(), scanner.take_replaced()), (&b"00\\ "[..], 1));
}

#[test]
fn no_more_than_an_escape_is_held() {
    for (stream, held) in [
        (&b"abc"[..], None),
        (b"abc\\", None),
        (b"abc\\0", Some(4)),
        (b"abc\\00", Some(4)),
        (b"abc\\x0", Some(4)),
        (b"abc\\000", None),
    ] {
        let mut buffer = stream.to_vec();
        let mut scanner = CopyScanner::new(&text(), Encoding::Utf8);
        scanner.scan(&mut buffer, 0, stream.len());
        assert_eq!(scanner.held_from(), held, "{stream:?}");
    }
}
