//! How a constant is spelled that takes the place of another one. Changes no text.

use std::ops::Range;

use super::text_value;
use crate::statement::Lexing;

/// The `bytea` constant that stands for the constant `X'DEADBEEF'` or `0xDEADBEEF`: `'\xDEADBEEF'`. `None`
/// for anything else, `B'..'` and odd or other than hexadecimal digits among it.
pub fn quoted_bytes(constant: &[u8], lexing: Lexing) -> Option<String> {
    let digits = match constant {
        [b'x' | b'X', b'\'', ..] => text_value(constant),
        [b'0', b'x' | b'X', digits @ ..] => digits.to_vec(),
        _ => return None,
    };
    let digits = String::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex || !digits.len().is_multiple_of(2) {
        return None;
    }
    // The blank keeps the E apart from a word in front of a parenthesis that goes.
    let escaped = !lexing.standard_conforming_strings;
    Some(if escaped { format!(" E'\\\\x{digits}'") } else { format!("'\\x{digits}'") })
}

/// The constant of any type, `'0'` or `'1'`, that stands for the integer 0 or 1 at `span`; a `boolean`
/// column takes no integer. So it is with the bit strings of one bit. It is written as this digit alone, or as pgjdbc writes an integer in its
/// simple query mode, `('1'::int4)`; there the parentheses stay, as a word may touch them.
pub fn quoted_boolean(sql: &[u8], span: Range<usize>) -> Option<&'static str> {
    match sql.get(span)? {
        b"0" | b"b'0'" | b"B'0'" => Some("'0'"),
        b"1" | b"b'1'" | b"B'1'" => Some("'1'"),
        b"('0'::int2)" | b"('0'::int4)" | b"('0'::int8)" => Some("('0')"),
        b"('1'::int2)" | b"('1'::int4)" | b"('1'::int8)" => Some("('1')"),
        _ => None,
    }
}

/// The digits of an integer as pgjdbc writes one in its simple query mode, `('17'::int4)`; `None` for anything
/// else at `span`.
pub fn quoted_integer(sql: &[u8], span: Range<usize>) -> Option<&[u8]> {
    let inside = sql.get(span)?.strip_prefix(b"('")?;
    let tails = [&b"'::int2)"[..], b"'::int4)", b"'::int8)"];
    let number = tails.iter().find_map(|tail| inside.strip_suffix(*tail))?;
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(number)
}

/// The constant that stands for `TRUE` or `FALSE` in a column of numbers, `'1'` or `'0'`, or the decimal number
/// for a bit string `B'101'` of up to 63 bits. `None` for anything else.
pub fn quoted_number(constant: &[u8]) -> Option<String> {
    if constant.eq_ignore_ascii_case(b"true") {
        return Some("'1'".to_owned());
    }
    if constant.eq_ignore_ascii_case(b"false") {
        return Some("'0'".to_owned());
    }
    let [b'b' | b'B', b'\'', bits @ .., b'\''] = constant else { return None };
    let bits = std::str::from_utf8(bits).ok()?;
    let is_bits = !bits.is_empty() && bits.bytes().all(|bit| matches!(bit, b'0' | b'1'));
    let number = i64::from_str_radix(bits, 2).ok().filter(|_| is_bits)?;
    Some(format!("'{number}'"))
}

/// The constant without its N, for `N'..'`: to PostgreSQL that is `character`, which no other type takes, and
/// which loses its blanks at the end. `None` for anything else.
pub fn without_national(constant: &[u8]) -> Option<&[u8]> {
    let text = constant.strip_prefix(b"N").or_else(|| constant.strip_prefix(b"n"))?;
    text.starts_with(b"'").then_some(text)
}

/// What stands between the quotes of a typed literal `TIMESTAMP '...'` or of a cast constant, `CAST('...' AS
/// TIMESTAMP)` or `'...'::timestamptz`, and whether it has a zone; `None` for anything else, quotes and
/// backslashes in it among that.
pub fn timestamp_literal(constant: &[u8]) -> Option<(&[u8], bool)> {
    let start = constant.iter().position(|byte| *byte == b'\'')?;
    let (front, rest) = constant.split_at_checked(start)?;
    let rest = rest.get(1..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'\'' | b'\\'))?;
    let (inside, behind) = rest.split_at_checked(end)?;
    let behind = behind.strip_prefix(b"'")?;
    let front = front.trim_ascii();
    let type_name = if behind.is_empty() {
        front
    } else if front.is_empty() {
        behind.trim_ascii_start().strip_prefix(b"::")?
    } else {
        let (word, parenthesis) = front.split_at_checked(b"cast".len())?;
        let is_cast = word.eq_ignore_ascii_case(b"cast") && parenthesis.trim_ascii() == b"(";
        let behind = behind.trim_ascii_start();
        let (word, type_name) = behind.strip_suffix(b")")?.split_at_checked(2)?;
        let is_as = word.eq_ignore_ascii_case(b"as") && type_name.starts_with(b" ");
        if is_cast && is_as { type_name } else { return None }
    };
    Some((inside, timestamp_zone(type_name)?))
}

/// Whether a type is a timestamp with time zone; `None` where it is no timestamp.
fn timestamp_zone(type_name: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(type_name).ok()?.to_ascii_lowercase();
    let text = match text.split_once('(') {
        Some((name, rest)) => {
            let (digits, rest) = rest.split_once(')')?;
            digits.trim().parse::<u8>().ok()?;
            format!("{name} {rest}")
        }
        None => text,
    };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["timestamp"] | ["timestamp", "without", "time", "zone"] => Some(false),
        ["timestamptz"] | ["timestamp", "with", "time", "zone"] => Some(true),
        _ => None,
    }
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

    fn hex(constant: &str, lexing: Lexing) -> Option<String> {
        quoted_bytes(constant.as_bytes(), lexing)
    }

    #[test]
    fn hexadecimal_constants_become_bytea() {
        let on = Lexing::default();
        assert_eq!(hex("X'DEadBEEF'", on).unwrap(), r"'\xDEadBEEF'");
        assert_eq!(hex("X'0f'\n'1e'", on).unwrap(), r"'\x0f1e'");
        assert_eq!(hex("X''", on).unwrap(), r"'\x'");
        assert_eq!(hex("0xDEADBEEF", on).unwrap(), r"'\xDEADBEEF'");
        assert_eq!(hex("0XdeadBEEF", OFF).unwrap(), r" E'\\xdeadBEEF'");
        for sql in ["X'F'", "0xF", "B'01'", "X'0g'", "x'0''", "0xg", "12", "-0xFF", "0xF_0F"] {
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
    fn booleans_and_bits_become_numbers() {
        let number = |sql: &str| quoted_number(sql.as_bytes());
        assert_eq!(number("TRUE").as_deref(), Some("'1'"));
        assert_eq!(number("false").as_deref(), Some("'0'"));
        assert_eq!(number("b'1'").as_deref(), Some("'1'"));
        assert_eq!(number("B'00101'").as_deref(), Some("'5'"));
        let long = format!("b'{}'", "1".repeat(64));
        for sql in ["b''", "b'2'", "b'+1'", "x'01'", "truer", "'true'", "b'1", &long] {
            assert_eq!(number(sql), None, "{sql}");
        }
    }

    #[test]
    fn typed_timestamps_have_their_constant() {
        let literal = |sql: &'static str| timestamp_literal(sql.as_bytes());
        for sql in ["TIMESTAMP '2024'", "timestamptz'2024'", "timestamp  with time\nzone '2024'"] {
            assert_eq!(literal(sql), Some((&b"2024"[..], !sql.starts_with('T'))), "{sql}");
        }
        for sql in [
            "CAST('2024' AS timestamp)",
            "cast ( '2024'  as Timestamp(9) without time zone )",
            "'2024'::timestamp",
            "'2024' :: timestamp (9)",
            "timestamp(3) '2024'",
        ] {
            assert_eq!(literal(sql), Some((&b"2024"[..], false)), "{sql}");
        }
        for sql in [
            "DATE '2024'",
            "'2024'",
            "TIMESTAMP '2''4'",
            "timestamp",
            "CAST('2024' AS date)",
            "'2024'::timestamp + '1'",
            "f('2024' AS timestamp)",
            "CAST('2024' || '' AS timestamp)",
        ] {
            assert_eq!(literal(sql), None, "{sql}");
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
