//! How long a value may be and what is left of it when it is cut, never within a character; and
//! lengths that say that somebody else has cut it.

use super::super::column::{Column, type_oid};
use crate::encoding::Encoding;

/// Lengths, in characters or bytes, at which drivers and tools are known to cut.
const SUSPICIOUS: [usize; 4] = [255, 4000, 8000, 32_768];

/// The bytes of the modifier that are not the length of `varchar(n)` and `character(n)`.
const MODIFIER_HEAD: i32 = 4;

/// The characters that a column takes; `None` where there is no limit.
pub(super) fn characters_max(column: &Column) -> Option<usize> {
    match column.type_oid {
        type_oid::VARCHAR | type_oid::BPCHAR if column.modifier > MODIFIER_HEAD => {
            usize::try_from(column.modifier - MODIFIER_HEAD).ok()
        }
        _ => None,
    }
}

/// Whether the limit of large objects is one for the values of a column: for those types that have
/// no limit of their own. A cut JSON text is refused by the server, as with AWS DMS.
pub(super) fn is_unbounded(column: &Column) -> bool {
    match column.type_oid {
        type_oid::TEXT | type_oid::XML | type_oid::BYTEA | type_oid::JSON | type_oid::JSONB => true,
        type_oid::VARCHAR | type_oid::BPCHAR => characters_max(column).is_none(),
        _ => false,
    }
}

/// The value at the characters that a column takes, and what is too much; `None` where nothing is.
pub(super) fn split_at_characters(
    value: &[u8],
    characters_max: usize,
    encoding: Encoding,
) -> Option<(&[u8], &[u8])> {
    if value.len() <= characters_max {
        return None;
    }
    let mut end = 0;
    match encoding {
        Encoding::SingleByte => end = characters_max,
        Encoding::Utf8 => {
            let leads = value.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80);
            end = leads.map(|(at, _)| at).nth(characters_max)?;
        }
        _ => {
            for _ in 0..characters_max {
                let rest = value.get(end..).filter(|rest| !rest.is_empty())?;
                end += encoding.character_length(rest);
            }
        }
    }
    value.split_at_checked(end).filter(|(_, rest)| !rest.is_empty())
}

/// The whole characters at the start of a value that fit into so many bytes; `None` where all do.
pub(super) fn first_bytes(value: &[u8], bytes_max: usize, encoding: Encoding) -> Option<&[u8]> {
    if value.len() <= bytes_max {
        return None;
    }
    let mut end = bytes_max;
    match encoding {
        Encoding::SingleByte => {}
        Encoding::Utf8 => {
            let is_inside = |at: usize| value.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
            // No character is longer than four bytes; what is longer is none.
            end = (end.saturating_sub(3)..=end).rev().find(|at| !is_inside(*at)).unwrap_or(end);
        }
        _ => {
            let mut next = 0;
            while next <= bytes_max {
                end = next;
                next += encoding.character_length(value.get(next..).unwrap_or_default());
            }
        }
    }
    value.get(..end)
}

/// The start of a `bytea` in text format, in either of its forms, that stands for so many bytes;
/// `None` where all of it does, and where it is no `bytea`. A character that stands for its own bytes
/// is not cut, because the text would be none any more.
pub(super) fn first_bytea_bytes(
    text: &[u8],
    bytes_max: usize,
    encoding: Encoding,
) -> Option<&[u8]> {
    // No form is shorter than the bytes it stands for.
    if text.len() <= bytes_max {
        return None;
    }
    let (mut at, mut bytes) = (0, 0);
    let is_hexadecimal = text.starts_with(b"\\x");
    if is_hexadecimal {
        at = 2;
    }
    loop {
        let rest = text.get(at..)?;
        let (length, stands_for) = match (is_hexadecimal, rest) {
            (_, []) => return None,
            (true, [b' ' | b'\t' | b'\n' | b'\r', ..]) => {
                at += 1;
                continue;
            }
            (true, [a, b, ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => (2, 1),
            (false, [b'\\', b'\\', ..]) => (2, 1),
            (false, [b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', ..]) => (4, 1),
            (false, [b'\\', ..]) | (true, _) => return None,
            (false, _) => (encoding.character_length(rest), encoding.character_length(rest)),
        };
        if bytes + stands_for > bytes_max {
            return text.get(..at);
        }
        at += length;
        bytes += stands_for;
    }
}

/// Whether a value is as long as what is left where other systems cut, or as the limit of large
/// objects. A value that fills its `character(n)` is none: they all do.
pub(super) fn is_suspicious(
    value: &[u8],
    column: &Column,
    lob_bytes_max: Option<usize>,
    encoding: Encoding,
) -> bool {
    let [shortest, .., longest] = SUSPICIOUS;
    if lob_bytes_max == Some(value.len()) {
        return true;
    }
    if !(shortest..=longest * 4).contains(&value.len()) {
        return false;
    }
    let characters = encoding.count_characters(value);
    if column.type_oid == type_oid::BPCHAR && characters_max(column) == Some(characters) {
        return false;
    }
    SUSPICIOUS.contains(&value.len()) || SUSPICIOUS.contains(&characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_oid: u32, modifier: i32) -> Column {
        Column { type_oid, modifier, ..Column::default() }
    }

    #[test]
    fn the_modifier_says_how_many_characters_there_are() {
        assert_eq!(characters_max(&column(type_oid::VARCHAR, 41)), Some(37));
        assert_eq!(characters_max(&column(type_oid::BPCHAR, 5)), Some(1));
        assert_eq!(characters_max(&column(type_oid::VARCHAR, -1)), None);
        assert_eq!(characters_max(&column(type_oid::NUMERIC, 41)), None);
        assert!(is_unbounded(&column(type_oid::VARCHAR, -1)));
        assert!(!is_unbounded(&column(type_oid::VARCHAR, 41)));
        assert!(!is_unbounded(&column(type_oid::NAME, -1)));
    }

    #[test]
    fn characters_are_counted_in_their_encoding() {
        let split = split_at_characters;
        let utf8 = "aä€😀z".as_bytes();
        assert_eq!(split(utf8, 4, Encoding::Utf8), Some(("aä€😀".as_bytes(), &b"z"[..])));
        assert_eq!(split(utf8, 5, Encoding::Utf8), None);
        assert_eq!(split(b"abc", 2, Encoding::SingleByte), Some((&b"ab"[..], &b"c"[..])));
        let sjis = b"\x95\\\xB1a";
        assert_eq!(split(sjis, 1, Encoding::ShiftJis), Some((&b"\x95\\"[..], &b"\xB1a"[..])));
        assert_eq!(split(sjis, 3, Encoding::ShiftJis), None);
    }

    #[test]
    fn bytes_are_cut_between_characters() {
        let utf8 = "aä€😀".as_bytes();
        for (bytes_max, expected) in [(0, 0), (1, 1), (2, 1), (3, 3), (5, 3), (6, 6), (9, 6)] {
            let expected = utf8.get(..expected);
            assert_eq!(first_bytes(utf8, bytes_max, Encoding::Utf8), expected, "{bytes_max}");
        }
        assert_eq!(first_bytes(utf8, 10, Encoding::Utf8), None);
        assert_eq!(first_bytes(&[0x80; 9], 5, Encoding::Utf8), Some(&[0x80; 5][..]));
        let sjis = b"a\x95\\\x95\\";
        assert_eq!(first_bytes(sjis, 2, Encoding::ShiftJis), Some(&b"a"[..]));
        assert_eq!(first_bytes(sjis, 3, Encoding::ShiftJis), Some(&b"a\x95\\"[..]));
    }

    #[test]
    fn bytea_is_cut_between_bytes() {
        for (text, bytes_max, expected) in [
            (&b"\\x00ff10"[..], 2, Some(&b"\\x00ff"[..])),
            (b"\\x00 ff\n10", 2, Some(b"\\x00 ff\n")),
            (b"\\x00ff10 \n", 3, None),
            (b"\\x00f", 1, None),
            (b"\\xzz0000", 1, None),
            (b"ab\\000\\\\c", 3, Some(b"ab\\000")),
            (b"ab\\000\\\\c", 4, Some(b"ab\\000\\\\")),
            (b"ab\\000\\\\c", 5, None),
            (b"ab\\9\\\\c", 1, Some(b"a")),
            (b"ab\\9\\\\c", 3, None),
            (b"\\401aaaa", 1, None),
            ("aä\\000".as_bytes(), 2, Some(b"a")),
            ("aä\\000".as_bytes(), 3, Some("aä".as_bytes())),
        ] {
            let first = first_bytea_bytes(text, bytes_max, Encoding::Utf8);
            assert_eq!(first, expected, "{text:?} {bytes_max}");
        }
    }

    #[test]
    fn some_lengths_are_hints() {
        let is_hint = |value: &[u8], column: &Column| {
            is_suspicious(value, column, Some(1000), Encoding::Utf8)
        };
        let text = column(type_oid::TEXT, -1);
        for length in [255, 1000, 4000, 8000, 32_768] {
            assert!(is_hint(&vec![b'a'; length], &text));
            assert!(!is_hint(&vec![b'a'; length + 1], &text));
        }
        assert!(is_hint("€".repeat(255).as_bytes(), &text));
        assert!(is_hint("€".repeat(32_768).as_bytes(), &text));
        assert!(is_hint(&[b'a'; 255], &column(type_oid::VARCHAR, 259)));
        assert!(!is_hint(&[b'a'; 255], &column(type_oid::BPCHAR, 259)));
        assert!(is_hint(&[b'a'; 255], &column(type_oid::BPCHAR, 304)));
        assert!(!is_hint(b"", &text));
    }
}
