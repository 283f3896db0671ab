//! Which characters a value may hold: broken UTF-8, U+0000 and the CharacterReplacements. Changes
//! one value at a time and knows nothing of columns.

use memchr::memchr;

use super::super::column::ValueKind;
use crate::encoding::Encoding;
use crate::escape::json::{JsonNul, JsonText};
use crate::escape::surrogates;
use crate::value::nul::ArrayScanner;

/// U+FFFD in UTF-8.
const REPLACEMENT_CHARACTER: &str = "\u{FFFD}";

/// The value with U+FFFD for each broken sequence, and the number of them; `None` where it is
/// UTF-8. A sequence reaches as far as it could have become a character (Unicode, "Substitution of
/// Maximal Subparts"). Overlong forms, surrogates and code points above U+10FFFF are broken, as for
/// the server.
pub(super) fn replace_invalid(value: &[u8]) -> Option<(Vec<u8>, u64)> {
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let (mut mended, mut count) = (Vec::with_capacity(value.len() + 2), 0);
    for chunk in value.utf8_chunks() {
        mended.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            mended.extend_from_slice(REPLACEMENT_CHARACTER.as_bytes());
            count += 1;
        }
    }
    Some((mended, count))
}

/// The value read as Windows-1252, with U+FFFD for the five bytes that it does not define; `None`
/// where the value is UTF-8.
pub(super) fn decode_cp1252(value: &[u8]) -> Option<Vec<u8>> {
    // Source: Unicode, "CP1252.TXT", 0x80 to 0x9F.
    const UPPER: [char; 32] = [
        '€', '\u{FFFD}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{FFFD}', 'Ž',
        '\u{FFFD}', '\u{FFFD}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ',
        '\u{FFFD}', 'ž', 'Ÿ',
    ];
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let character = |&byte: &u8| {
        let upper = byte.checked_sub(0x80).and_then(|at| UPPER.get(usize::from(at)));
        upper.copied().unwrap_or(char::from(byte))
    };
    Some(value.iter().map(character).collect::<String>().into_bytes())
}

/// The JSON, or array of JSON, with `\ufffd` for each escape of half a surrogate pair, and the number of them; `None`
/// where there is none. The text is UTF-8.
pub(in crate::value) fn replace_half_surrogates(
    value: &[u8],
    kind: ValueKind,
) -> Option<(Vec<u8>, u64)> {
    if !surrogates::may_hold_half(value) {
        return None;
    }
    let mut mended = value.to_vec();
    let count = match kind {
        ValueKind::JsonArray => surrogates::mend_array(&mut mended),
        _ => surrogates::mend_text(&mut mended),
    };
    (count > 0).then_some((mended, count))
}

/// The same of an array of JSON in binary format.
pub(in crate::value) fn replace_halves_of_elements(value: &[u8]) -> Option<(Vec<u8>, u64)> {
    if !surrogates::may_hold_half(value) {
        return None;
    }
    let mut mended = value.to_vec();
    let count = ArrayScanner::default().scan_elements(&mut mended, surrogates::mend_text);
    (count > 0).then_some((mended, count))
}

/// What takes the place of U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NulAction {
    Refuse,
    Remove,
    Put(char),
}

/// Where the U+0000 of a value are: offset and length.
struct NulsOfValue<'v> {
    value: &'v [u8],
    /// In JSON, what reads its escapes.
    json: Option<JsonText>,
    next: usize,
}

impl<'v> NulsOfValue<'v> {
    fn new(value: &'v [u8], kind: ValueKind, encoding: Encoding) -> NulsOfValue<'v> {
        let json = (kind == ValueKind::Json).then(|| JsonText::new(encoding));
        NulsOfValue { value, json, next: 0 }
    }
}

impl Iterator for NulsOfValue<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let Some(json) = &mut self.json else {
            let at = self.next + memchr(0, self.value.get(self.next..)?)?;
            self.next = at + 1;
            return Some((at, 1));
        };
        let (nul, behind) = json.find(self.value, self.next, self.value.len())?;
        self.next = behind;
        Some(match nul {
            JsonNul::Raw(at) => (at, 1),
            JsonNul::Escaped(third_digit) => (third_digit.saturating_sub(4), 6),
        })
    }
}

/// Whether a value holds U+0000; in JSON also as the escape `\u0000`.
pub(super) fn has_nul(value: &[u8], kind: ValueKind, encoding: Encoding) -> bool {
    NulsOfValue::new(value, kind, encoding).next().is_some()
}

/// The value with `put` in the place of each U+0000, or without them, and their number; `None`
/// where there is none. An escape of JSON stays one. `put` is ASCII but for clients with UTF-8.
pub(super) fn mend_nuls(
    value: &[u8],
    kind: ValueKind,
    encoding: Encoding,
    put: Option<char>,
) -> Option<(Vec<u8>, u64)> {
    let mut nuls = NulsOfValue::new(value, kind, encoding).peekable();
    nuls.peek()?;
    let escaped = put.map(json_escape).unwrap_or_default();
    // In JSON a quote, a backslash or a control character would not stand for itself.
    let is_plain = put.is_none_or(|put| {
        kind != ValueKind::Json || !(put.is_ascii_control() || matches!(put, '"' | '\\'))
    });
    let raw = match put {
        Some(put) if is_plain => put.to_string(),
        _ => escaped.clone(),
    };
    let (mut mended, mut kept, mut count) = (Vec::with_capacity(value.len()), 0, 0);
    for (at, length) in nuls {
        mended.extend_from_slice(value.get(kept..at).unwrap_or_default());
        mended.extend_from_slice(if length == 1 { raw.as_bytes() } else { escaped.as_bytes() });
        kept = at + length;
        count += 1;
    }
    mended.extend_from_slice(value.get(kept..).unwrap_or_default());
    Some((mended, count))
}

/// The character as an escape of JSON, of two where it needs a surrogate pair.
fn json_escape(character: char) -> String {
    let mut units = [0; 2];
    character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_sequences_are_replaced_one_by_one() {
        for (value, expected, count) in [
            (&b"a\xFFb"[..], "a\u{FFFD}b", 1),
            (b"\xE2\x82", "\u{FFFD}", 1),
            (b"\xE2\x82a\xE2\x82\xAC", "\u{FFFD}a€", 1),
            (b"\xC0\x80", "\u{FFFD}\u{FFFD}", 2),
            (b"\xED\xB0\x86", "\u{FFFD}\u{FFFD}\u{FFFD}", 3),
            (b"\xF4\x90\x80\x80", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}", 4),
            (b"\xF0\x9F\x98", "\u{FFFD}", 1),
        ] {
            assert_eq!(replace_invalid(value), Some((expected.as_bytes().to_vec(), count)));
        }
        assert_eq!(replace_invalid("ä€😀\0".as_bytes()), None);
    }

    #[test]
    fn half_surrogates_are_replaced() {
        let mend = |text: &str| {
            let mended = replace_half_surrogates(text.as_bytes(), ValueKind::Json);
            mended.map(|(mended, count)| (String::from_utf8(mended).unwrap(), count))
        };
        for (text, expected, count) in [
            (r#""a\ud83d""#, r#""a\ufffd""#, 1),
            (r#""\ud83d\ud83d\ude00\uDE00""#, r#""\ufffd\ud83d\ude00\ufffd""#, 2),
            (r#""\\\ud83d x\\ud83d""#, r#""\\\ufffd x\\ud83d""#, 1),
            (r#""\ud83d\n""#, r#""\ufffd\n""#, 1),
        ] {
            assert_eq!(mend(text), Some((expected.to_owned(), count)), "{text}");
        }
        for text in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e9 \ud8""#, "\\", "", "x"] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_read_as_cp1252_as_a_whole() {
        let decoded = |value| decode_cp1252(value).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(decoded(b"caf\xE9 \x80\x93\x81").as_deref(), Some("café €“\u{FFFD}"));
        assert_eq!(decoded(b"\xC3\xA4\xFF\x9F").as_deref(), Some("Ã¤ÿŸ"));
        assert_eq!(decoded("é".as_bytes()), None);
    }

    #[test]
    fn nuls_of_json_are_its_escapes_too() {
        let mend = |value: &[u8], put| {
            let mended = mend_nuls(value, ValueKind::Json, Encoding::Utf8, put);
            mended.map(|(mended, count)| (String::from_utf8(mended).unwrap(), count))
        };
        let value = b"\"\0a\\u0000\\\\u0000\\\\\\u0000\"";
        let is = |text: &str| Some((text.to_owned(), 3));
        assert_eq!(mend(value, Some(' ')), is(r#"" a\u0020\\u0000\\\u0020""#));
        assert_eq!(mend(value, None), is(r#""a\\u0000\\""#));
        assert_eq!(mend(value, Some('"')), is(r#""\u0022a\u0022\\u0000\\\u0022""#));
        assert_eq!(mend(value, Some('😀')), is(r#""😀a\ud83d\ude00\\u0000\\\ud83d\ude00""#));
        assert_eq!(mend(br#""\\u0000""#, Some(' ')), None);
        assert!(!has_nul(br#""\\u0000""#, ValueKind::Json, Encoding::Utf8));
        assert!(has_nul(br#""\u0000""#, ValueKind::Json, Encoding::Utf8));
    }

    #[test]
    fn nuls_of_other_values_are_bytes() {
        let mended = mend_nuls(b"\0\\u0000\0", ValueKind::Character, Encoding::Utf8, Some('€'));
        assert_eq!(mended, Some(("€\\u0000€".as_bytes().to_vec(), 2)));
        let removed = mend_nuls(b"\0\0", ValueKind::Other, Encoding::Utf8, None);
        assert_eq!(removed, Some((Vec::new(), 2)));
    }
}
