//! Keys that stand twice in an object of a JSON text, of which `jsonb` keeps the last; reads JSON no
//! further than that, in one pass and without recursion.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::encoding::Encoding;

/// Objects and arrays within one another; a text that goes deeper is not looked into any further.
/// The server gives up at about 6000 with a stack of its default size.
const DEPTH_MAX: usize = 10_000;
/// Keys of objects that are open at the same time; with more, a text is not looked into any further.
/// They take about 3 MB, and those with escapes their own bytes once more.
const OPEN_KEYS_MAX: usize = 65_536;

/// What is open around the place that is read.
enum OpenNesting<'v> {
    Array,
    Object {
        keys: HashSet<Cow<'v, [u8]>>,
        /// Whether the next string is a key.
        awaits_key: bool,
    },
}

/// The number of keys that stand in their object for a second time, at any depth. Escapes are
/// compared by what they stand for; beyond ASCII in UTF-8 only. A text that is no JSON, which the
/// server refuses, gives any number.
pub(super) fn count(text: &[u8], encoding: Encoding) -> u64 {
    let (mut open, mut open_keys, mut found) = (Vec::new(), 0, 0);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' if open.len() == DEPTH_MAX => return found,
            b'{' => open.push(OpenNesting::Object { keys: HashSet::new(), awaits_key: true }),
            b'[' => open.push(OpenNesting::Array),
            b'}' | b']' => {
                if let Some(OpenNesting::Object { keys, .. }) = open.pop() {
                    open_keys -= keys.len();
                }
            }
            b',' => {
                if let Some(OpenNesting::Object { awaits_key, .. }) = open.last_mut() {
                    *awaits_key = true;
                }
            }
            b'"' => {
                let rest = text.get(at..).unwrap_or_default();
                let Some((length, has_escape)) = string_length(rest, encoding) else {
                    return found;
                };
                at += length + 1;
                let Some(OpenNesting::Object { keys, awaits_key: awaits_key @ true }) =
                    open.last_mut()
                else {
                    continue;
                };
                *awaits_key = false;
                let raw = rest.get(..length).unwrap_or_default();
                let key = if has_escape { Cow::Owned(unescape(raw, encoding)) } else { raw.into() };
                if !keys.insert(key) {
                    found += 1;
                } else if open_keys == OPEN_KEYS_MAX {
                    return found;
                } else {
                    open_keys += 1;
                }
            }
            _ => {}
        }
    }
    found
}

/// The bytes up to the quote that ends a string, and whether there are escapes in it.
fn string_length(text: &[u8], encoding: Encoding) -> Option<(usize, bool)> {
    let (mut at, mut has_escape) = (0, false);
    loop {
        if !encoding.has_ascii_trail() {
            at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        }
        match text.get(at)? {
            b'"' => return Some((at, has_escape)),
            b'\\' => {
                has_escape = true;
                at += 2;
            }
            _ => at += encoding.character_length(text.get(at..)?),
        }
    }
}

/// What the escapes of a string stand for. Those that are none stay, and the server refuses them.
fn unescape(raw: &[u8], encoding: Encoding) -> Vec<u8> {
    let (mut key, mut at) = (Vec::with_capacity(raw.len()), 0);
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, character) = match rest {
            [b'\\', b'u', ..] => unicode_escape(rest),
            [b'\\', escaped, ..] => (2, simple_escape(*escaped)),
            _ => (encoding.character_length(rest), None),
        };
        match character {
            Some(character) if character.is_ascii() || encoding == Encoding::Utf8 => {
                key.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => key.extend_from_slice(rest.get(..length).unwrap_or(rest)),
        }
        at += length;
    }
    key
}

fn simple_escape(escaped: u8) -> Option<char> {
    Some(match escaped {
        b'"' | b'\\' | b'/' => char::from(escaped),
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// The length of the escape that the text starts with, two where they make a surrogate pair, and
/// what it stands for.
fn unicode_escape(text: &[u8]) -> (usize, Option<char>) {
    let unit = |text: &[u8]| {
        let digits = text.strip_prefix(b"\\u")?.get(..4)?;
        let digit = |number, byte: &u8| Some(number * 16 + char::from(*byte).to_digit(16)?);
        digits.iter().try_fold(0, digit)
    };
    let Some(first) = unit(text) else { return (2, None) };
    if let Some(character) = char::from_u32(first) {
        return (6, Some(character));
    }
    let second = text.get(6..).and_then(unit).unwrap_or_default();
    match (first, second) {
        (0xD800..0xDC00, 0xDC00..0xE000) => {
            (12, char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)))
        }
        _ => (6, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_within_their_object() {
        for (text, expected) in [
            (r#"{"a":1,"a":2}"#, 1),
            (r#"{"a":1,"b":2}"#, 0),
            (r#"{"a":1,"A":2}"#, 0),
            (r#"{"a":1,"a":2,"a":3}"#, 2),
            (r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#, 0),
            (r#"{"a":{"b":1,"b":1},"b":[{"a":1,"a":1}],"a":0}"#, 3),
            (r#"{"a":"a","b":"a"}"#, 0),
            (r#"["a","a"]"#, 0),
            (r#"{"":0,"":0}"#, 1),
            (r#"{"a":0,"\u0061":0}"#, 1),
            (r#"{"\u0061":0,"\u0061":0}"#, 1),
            (r#"{"\ud83d\ude00":0,"😀":0}"#, 1),
            (r#"{"\n":0,"\u000a":0,"\/":0,"/":0}"#, 2),
            (r#"{"a\\":0,"a\"":0,"a":0}"#, 0),
            (r#"{"a,\"b\":":0,"b":0}"#, 0),
            (r#"{"\ud83d":0,"\ud83d":0}"#, 1),
            (r#""a"#, 0),
            ("", 0),
            ("]}", 0),
        ] {
            assert_eq!(count(text.as_bytes(), Encoding::Utf8), expected, "{text}");
        }
    }

    #[test]
    fn a_trail_byte_is_no_quote_and_no_backslash() {
        let text = b"{\"\x95\\\":0,\"\x95\\\":0,\"b\":0}";
        assert_eq!(count(text, Encoding::ShiftJis), 1);
    }

    #[test]
    fn deep_and_wide_texts_are_given_up() {
        let deep = ["{\"a\":".repeat(DEPTH_MAX + 1), "{\"b\":0,\"b\":0}".to_owned()].concat();
        assert_eq!(count(deep.as_bytes(), Encoding::Utf8), 0);
        let keys: String = (0..=OPEN_KEYS_MAX).map(|key| format!("\"{key}\":0,")).collect();
        let twice = |keys: &str| count(format!("{{{keys}\"0\":0}}").as_bytes(), Encoding::Utf8);
        assert_eq!(twice(&keys), 0);
        let fewer = keys.replace(&format!("\"{OPEN_KEYS_MAX}\":0,"), "");
        assert_eq!(twice(&fewer), 1);
        // What is closed does not count.
        let many = format!("[{}{{\"b\":0,\"b\":0}}]", "{\"a\":0},".repeat(OPEN_KEYS_MAX + 1));
        assert_eq!(count(many.as_bytes(), Encoding::Utf8), 1);
    }
}
