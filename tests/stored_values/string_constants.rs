//! `E'...'`, `U&'...'` and `'...'` without standard_conforming_strings.

use dms_proxy::statement::lexer::Lexer;
use dms_proxy::statement::{Lexing, quoted_text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Numbers, hex};
use crate::statement::reading::{mend_nuls, writes};
use crate::support::Cluster;

const OFF: Lexing =
    Lexing { encoding: dms_proxy::encoding::Encoding::Utf8, standard_conforming_strings: false };

/// Pieces of a constant with backslash escapes: any of them may follow any other.
const ESCAPES: &[&str] = &[
    "\\0",
    "\\00",
    "\\000",
    "\\400",
    "\\x0",
    "\\x00",
    "\\u0000",
    "\\U00000000",
    "\\\\",
    "''",
    "\\'",
    "0",
    "1",
    "8",
    "a",
    "f",
    "g",
    "u0000",
    "\\n",
    "\\134",
    "\\x5c",
    "\\u005c",
    " ",
    "ä",
    "\\xg",
    "\\1a",
    "'\n'",
    "' -- it's\n\t'",
];

/// The same for Unicode escapes, which may go on in the next piece.
const UNICODE: &[&str] = &[
    "!0000",
    "!+000000",
    "!!",
    "''",
    "0",
    "a",
    "g",
    "!0061",
    "+000000",
    "!00'\n'00",
    "ä",
    "'\n'",
    "!'\n'0000",
    "!+0000'\n  '00",
];

/// The value of the content of a constant with backslash escapes.
fn unescaped(content: &str) -> Vec<u8> {
    let joined = content.replace("' -- it's\n\t'", "\u{1}").replace("'\n'", "\u{1}");
    let (mut rest, mut value) = (joined.as_str(), Vec::new());
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).unwrap();
    let run = |text: &str, most: usize, radix| {
        text.chars().take(most).take_while(|c| c.is_digit(radix)).count()
    };
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (code, taken) = match (first, after.chars().next()) {
            ('\u{1}', _) => {
                rest = after;
                continue;
            }
            ('\'', _) => (u32::from('\''), 2),
            ('\\', Some('0'..='7')) => {
                let digits = run(after, 3, 8);
                (number(&after[..digits], 8) & 0xFF, 1 + digits)
            }
            ('\\', Some('x')) if run(&after[1..], 2, 16) > 0 => {
                let digits = run(&after[1..], 2, 16);
                (number(&after[1..=digits], 16), 2 + digits)
            }
            ('\\', Some('u')) => (number(&after[1..5], 16), 6),
            ('\\', Some('U')) => (number(&after[1..9], 16), 10),
            ('\\', Some('n')) => (10, 2),
            ('\\', Some(other)) => (u32::from(other), 2),
            (other, _) => (u32::from(other), other.len_utf8()),
        };
        let code = if code == 0 { 0x20 } else { code };
        value.extend(char::from_u32(code).unwrap().to_string().bytes());
        // Only the mark of a break can be swallowed by no escape: none of them ends open.
        rest = &rest[taken..];
    }
    value
}

/// The value of the content of a constant whose Unicode escapes start with `!`.
fn unicode_unescaped(content: &str) -> Vec<u8> {
    let joined = content.replace("'\n  '", "").replace("'\n'", "").replace("''", "'");
    let (mut rest, mut value) = (joined.as_str(), String::new());
    while let Some(first) = rest.chars().next() {
        let (character, taken) = match rest.as_bytes() {
            [b'!', b'!', ..] => ('!', 2),
            [b'!', b'+', ..] => {
                (char::from_u32(u32::from_str_radix(&rest[2..8], 16).unwrap()).unwrap(), 8)
            }
            [b'!', ..] => {
                (char::from_u32(u32::from_str_radix(&rest[1..5], 16).unwrap()).unwrap(), 5)
            }
            _ => (first, first.len_utf8()),
        };
        value.push(if character == '\0' { ' ' } else { character });
        rest = &rest[taken..];
    }
    value.into_bytes()
}

/// What the server makes of the constants once they are mended, in order, as hexadecimal digits.
fn stored(constants: &[String], lexing: Lexing) -> Vec<String> {
    let database = Cluster::shared().create_database();
    if !lexing.standard_conforming_strings {
        let name = &database.endpoint().database;
        database.query(&format!("ALTER DATABASE {name} SET standard_conforming_strings = off"));
    }
    let rows: Vec<_> = constants.iter().enumerate().map(|(n, c)| format!("({n}, {c})")).collect();
    let mut sql = format!(
        "SELECT encode(convert_to(v, 'UTF8'), 'hex') FROM (VALUES {}) AS t(n, v) ORDER BY n",
        rows.join(",\n")
    )
    .into_bytes();
    assert!(mend_nuls(&mut sql, lexing) > 0);
    let rows = database.query(&String::from_utf8(sql).unwrap());
    let stored: Vec<_> = rows.into_iter().map(|mut row| row.remove(0)).collect();
    let values: Vec<_> = constants.iter().map(|constant| value(constant, lexing)).collect();
    assert_eq!(values.iter().map(|value| hex(value)).collect::<Vec<_>>(), stored);
    // A constant that is made of the value has it, too.
    let rows: Vec<_> = values
        .iter()
        .map(|value| String::from_utf8(quoted_text(value, lexing)).unwrap())
        .enumerate()
        .map(|(n, constant)| format!("({n}, {constant})"))
        .collect();
    let rows = database.query(&format!(
        "SELECT encode(convert_to(v, 'UTF8'), 'hex') FROM (VALUES {}) AS t(n, v) ORDER BY n",
        rows.join(",")
    ));
    assert!(rows.iter().map(|row| &row[0]).eq(&stored));
    stored
}

/// The value that a constant has once it is mended, as it is read here.
fn value(constant: &str, lexing: Lexing) -> Vec<u8> {
    let mut sql = format!("INSERT INTO t VALUES ({constant})").into_bytes();
    mend_nuls(&mut sql, lexing);
    let slot = writes(&sql, lexing).remove(0).slots.remove(0);
    let value = slot.constant.and_then(|constant| constant.value(&sql, lexing.encoding));
    value.unwrap_or_else(|| panic!("{constant}"))
}

#[test]
fn constants_with_escapes_are_stored_with_spaces_for_nuls() {
    let mut numbers = Numbers::new();
    let contents: Vec<String> = (0..1500).map(|_| numbers.pieces(ESCAPES).concat()).collect();
    let expected: Vec<String> = contents.iter().map(|content| hex(&unescaped(content))).collect();
    let constants: Vec<String> = contents.iter().map(|content| format!("E'{content}'")).collect();
    assert_eq!(stored(&constants, Lexing::default()), expected);
    let constants: Vec<String> = contents.iter().map(|content| format!("'{content}'")).collect();
    assert_eq!(stored(&constants, OFF), expected);
}

#[test]
fn constants_with_unicode_escapes_are_stored_with_spaces_for_nuls() {
    let mut numbers = Numbers::new();
    let contents: Vec<String> = (0..1500).map(|_| numbers.pieces(UNICODE).concat()).collect();
    let expected: Vec<String> =
        contents.iter().map(|content| hex(&unicode_unescaped(content))).collect();
    let constants: Vec<String> =
        contents.iter().map(|content| format!("U&'{content}' UESCAPE '!'")).collect();
    assert_eq!(stored(&constants, Lexing::default()), expected);
    let constants: Vec<String> =
        contents.iter().map(|content| format!("u&'{}'", content.replace('!', "\\"))).collect();
    let expected: Vec<String> = contents
        .iter()
        .map(|content| {
            let value = String::from_utf8(unicode_unescaped(content)).unwrap();
            hex(value.replace('!', "\\").as_bytes())
        })
        .collect();
    assert_eq!(stored(&constants, Lexing::default()), expected);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        &b"E'"[..],
        b"'",
        b"''",
        b"U&'",
        b"U&\"",
        b"\"",
        b"$$",
        b"$a$",
        b"--",
        b"/*",
        b"*/",
        b"\n",
        b" ",
        b"\\",
        b"\\0",
        b"\\00",
        b"\\x0",
        b"\\u0000",
        b"\\+000000",
        b"0",
        b"uescape '!'",
        b"!",
        b"a",
        b"\x95\\",
        b"\xE4",
        b"\0",
        b"N'",
        b";",
        b"'\n'",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn mending_moves_no_token_and_is_done_once(
        text in text(), standard_conforming_strings in any::<bool>(), sjis in any::<bool>(),
    ) {
        use dms_proxy::encoding::Encoding;
        let encoding = if sjis { Encoding::ShiftJis } else { Encoding::Utf8 };
        let lexing = Lexing { encoding, standard_conforming_strings };
        let mut mended = text.clone();
        let replaced = mend_nuls(&mut mended, lexing);
        prop_assert_eq!(replaced > 0, mended != text);
        let before: Vec<_> = Lexer::new(&text, lexing).collect();
        let after: Vec<_> = Lexer::new(&mended, lexing).collect();
        prop_assert_eq!(before, after);
        prop_assert_eq!(mend_nuls(&mut mended, lexing), 0);
    }
}
