//! The constant that stands where a value stands: its value, and how another one is spelled in its
//! place. Changes no text.

use std::ops::Range;

use crate::statement::Lexing;
use crate::statement::cursor::Cursor;
use crate::statement::lexer::{Quoting, TokenKind};
use crate::statement::literal::{Constant, constant, text_value};

/// A cursor at the first token in `span` that is no opening parenthesis.
fn at_constant<'a>(sql: &'a [u8], span: &Range<usize>, lexing: Lexing) -> Option<Cursor<'a>> {
    let text = sql.get(span.clone())?;
    let mut cursor = Cursor::new(text, lexing, Quoting::default());
    while cursor.eat_kind(TokenKind::Open) {}
    Some(cursor)
}

/// Whether only closing parentheses are left.
fn nothing_left(mut cursor: Cursor<'_>) -> bool {
    while cursor.eat_kind(TokenKind::Close) {}
    cursor.at(TokenKind::End)
}

/// The `bytea` constant that stands for the `X'DEADBEEF'` or `0xDEADBEEF` at `span`, parentheses
/// around it or not: `'\xDEADBEEF'`. `None` for anything else, `B'..'` and odd or other than
/// hexadecimal digits among it.
pub fn quoted_hex(sql: &[u8], span: Range<usize>, lexing: Lexing) -> Option<String> {
    let mut cursor = at_constant(sql, &span, lexing)?;
    let token = cursor.token;
    let bytes = cursor.bytes(token);
    let digits = match (token.kind, bytes) {
        (TokenKind::BitText, [b'x' | b'X', ..]) => text_value(bytes),
        (TokenKind::Number, [b'0', b'x' | b'X', digits @ ..]) => digits.to_vec(),
        _ => return None,
    };
    cursor.bump();
    if !digits.len().is_multiple_of(2) || !nothing_left(cursor) {
        return None;
    }
    let digits = String::from_utf8(digits).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    // The blank keeps the E apart from a word in front of a parenthesis that goes.
    let escaped = !lexing.standard_conforming_strings;
    Some(if escaped { format!(" E'\\\\x{digits}'") } else { format!("'\\x{digits}'") })
}

/// The constant of any type, `'0'` or `'1'`, that stands for the integer 0 or 1 at `span`; a `boolean`
/// column takes no integer. It is written as this digit alone, or as pgjdbc writes an integer in its
/// simple query mode, `('1'::int4)`; there the parentheses stay, as a word may touch them.
pub fn quoted_boolean(sql: &[u8], span: Range<usize>) -> Option<&'static str> {
    match sql.get(span)? {
        b"0" => Some("'0'"),
        b"1" => Some("'1'"),
        b"('0'::int2)" | b"('0'::int4)" | b"('0'::int8)" => Some("('0')"),
        b"('1'::int2)" | b"('1'::int4)" | b"('1'::int8)" => Some("('1')"),
        _ => None,
    }
}

/// The value of the string constant at `span`, parentheses around it or not: escapes resolved, its
/// parts joined. `None` for anything else.
///
/// The value is in the client's encoding. Where that is not UTF-8, what an escape for a character
/// beyond ASCII stands for is not known here, and there is no value. Neither is there one of a
/// constant that the server refuses for half of a surrogate pair. An escape for U+0000 is a byte 0.
pub fn constant_text(sql: &[u8], span: Range<usize>, lexing: Lexing) -> Option<Vec<u8>> {
    let mut cursor = at_constant(sql, &span, lexing)?;
    let Constant { value, is_certain } = constant(&mut cursor, lexing.encoding)?;
    (is_certain && nothing_left(cursor)).then_some(value)
}

/// The string constant for `value`, which is in the client's encoding and has no NUL.
///
/// With a backslash in it and without standard_conforming_strings it is an `E'..'`, behind a blank
/// that keeps the E apart from a word in front of it.
pub fn quoted_text(value: &[u8], lexing: Lexing) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len() + 2);
    let mut rest = value;
    let mut has_backslash = false;
    text.push(b'\'');
    while let Some(&byte) = rest.first() {
        let length = lexing.encoding.character_length(rest);
        let (character, after) = rest.split_at(length);
        let doubled = match byte {
            b'\'' => true,
            b'\\' => !lexing.standard_conforming_strings,
            _ => false,
        };
        has_backslash |= doubled && byte == b'\\';
        if doubled {
            text.push(byte);
        }
        text.extend_from_slice(character);
        rest = after;
    }
    text.push(b'\'');
    if has_backslash {
        text.splice(0..0, *b" E");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    const OFF: Lexing = Lexing { encoding: Encoding::Utf8, standard_conforming_strings: false };

    fn hex(sql: &str, lexing: Lexing) -> Option<String> {
        quoted_hex(sql.as_bytes(), 0..sql.len(), lexing)
    }

    #[test]
    fn hexadecimal_constants_become_bytea() {
        let on = Lexing::default();
        assert_eq!(hex("X'DEadBEEF'", on).unwrap(), r"'\xDEadBEEF'");
        assert_eq!(hex("(( x'0f' ))", on).unwrap(), r"'\x0f'");
        assert_eq!(hex("X'0f'\n'1e'", on).unwrap(), r"'\x0f1e'");
        assert_eq!(hex("X''", on).unwrap(), r"'\x'");
        assert_eq!(hex("0xDEADBEEF", on).unwrap(), r"'\xDEADBEEF'");
        assert_eq!(hex("(0XdeadBEEF)", OFF).unwrap(), r" E'\\xdeadBEEF'");
        for sql in
            ["X'F'", "0xF", "B'01'", "X'0g'", "x'0''", "0x", "12", "-0xFF", "X'00'+1", "0xF_0F"]
        {
            assert_eq!(hex(sql, on), None, "{sql}");
        }
    }

    #[test]
    fn only_zero_and_one_become_booleans() {
        let boolean = |sql: &str| quoted_boolean(sql.as_bytes(), 0..sql.len());
        assert_eq!((boolean("0"), boolean("1")), (Some("'0'"), Some("'1'")));
        assert_eq!(
            (boolean("('0'::int4)"), boolean("('1'::int8)")),
            (Some("('0')"), Some("('1')"))
        );
        for sql in ["2", "+1", "(1)", "01", "1.", "", "('2'::int4)", "('1'::int4)+1", "'1'::int4"] {
            assert_eq!(boolean(sql), None, "{sql}");
        }
    }

    #[test]
    fn constants_have_values() {
        let text = |sql: &str, lexing| {
            let value = constant_text(sql.as_bytes(), 0..sql.len(), lexing)?;
            Some(String::from_utf8(value).unwrap())
        };
        let latin = Lexing { encoding: Encoding::SingleByte, ..Lexing::default() };
        for (sql, value) in [
            ("'it''s'", "it's"),
            ("( 'a' -- '\n'b' )", "ab"),
            (r"'a\n'", r"a\n"),
            (r"E'a\n\101\x42\u0043\'\\'", "a\nABC'\\"),
            (r"E'\uD83D\uDE00\U0001F600\ud83d\U0000de00'", "\u{1f600}\u{1f600}\u{1f600}"),
            (r"U&'\0061\+01F600\\\d83d\de00'", "a\u{1f600}\\\u{1f600}"),
            (r"U&'!0061\' UESCAPE '!'", r"a\"),
            ("$a$'$$\\n$a$", "'$$\\n"),
            ("N'x'", "x"),
            (r"E'\0\x00\u0000a'", "\0\0\0a"),
            (r"U&'\0000'", "\0"),
        ] {
            assert_eq!(text(sql, Lexing::default()).as_deref(), Some(value), "{sql}");
        }
        assert_eq!(text(r"'a\n'", OFF).unwrap(), "a\n");
        assert_eq!(text(r"E'\x41'", latin).unwrap(), "A");
        for (sql, lexing) in [
            (r"E'\uD83D'", Lexing::default()),
            (r"E'\uD83Da'", Lexing::default()),
            (r"E'\uDE00'", Lexing::default()),
            (r"U&'\d83da'", Lexing::default()),
            (r"E'\u00e4'", latin),
            (r"E'\xe4'", latin),
            (r"U&'\00e4'", latin),
            ("'a' || 'b'", Lexing::default()),
            ("12", Lexing::default()),
        ] {
            assert_eq!(text(sql, lexing), None, "{sql}");
        }
    }

    #[test]
    fn values_become_constants() {
        let sjis = Lexing { encoding: Encoding::ShiftJis, ..OFF };
        assert_eq!(quoted_text(b"it's \\n", Lexing::default()), br"'it''s \n'");
        assert_eq!(quoted_text(b"it's \\n", OFF), br" E'it''s \\n'");
        assert_eq!(quoted_text(b"\x95\\", sjis), b"'\x95\\'");
        assert_eq!(quoted_text(b"", OFF), b"''");
    }
}
