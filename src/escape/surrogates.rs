//! Escapes of JSON for half of a surrogate pair, which the server refuses: found character by character, made U+FFFD in
//! place. Knows JSON no further.

use memchr::memmem;

/// Bytes of `\ud83d`.
const ESCAPE_BYTES: usize = 6;

/// What is open.
#[derive(Clone, Copy, Debug, Default)]
enum SurrogatePart {
    #[default]
    Nothing,
    Backslash,
    Digits {
        unit: u32,
        count: usize,
    },
}

/// The first half of a pair.
#[derive(Clone, Copy, Debug)]
struct FirstHalf {
    /// The offset of its first digit; `None` where its digits are not spelled as such, side by side.
    digits: Option<usize>,
}

/// Reads a JSON text character by character.
#[derive(Debug, Default)]
pub(crate) struct HalfSurrogates {
    seen: SurrogatePart,
    /// Where its first digit stands, if all are side by side so far.
    digits: Option<usize>,
    last: usize,
    /// What stands directly in front.
    first: Option<FirstHalf>,
    /// Where the digits of halves begin.
    found: Vec<usize>,
}

impl HalfSurrogates {
    /// Takes the next character, whose last byte lies at `at`.
    pub(crate) fn step(&mut self, character: u8, at: usize) {
        let is_beside = at == self.last + 1;
        self.last = at;
        self.seen = match (self.seen, character) {
            (SurrogatePart::Backslash, b'u') => {
                self.digits = None;
                SurrogatePart::Digits { unit: 0, count: 0 }
            }
            (SurrogatePart::Digits { unit, count }, digit) if digit.is_ascii_hexdigit() => {
                let value = char::from(digit).to_digit(16).unwrap_or_default();
                self.digits = match count {
                    0 => is_beside.then_some(at),
                    _ => self.digits.filter(|_| is_beside),
                };
                self.take_digit(unit << 4 | value, count + 1)
            }
            (SurrogatePart::Nothing | SurrogatePart::Digits { .. }, b'\\') => {
                SurrogatePart::Backslash
            }
            _ => {
                self.end_pair();
                SurrogatePart::Nothing
            }
        };
    }

    fn take_digit(&mut self, unit: u32, count: usize) -> SurrogatePart {
        /// The digits of a unit of UTF-16.
        const DIGITS: usize = 4;
        if count < DIGITS {
            return SurrogatePart::Digits { unit, count };
        }
        match unit {
            0xD800..=0xDBFF => {
                self.end_pair();
                self.first = Some(FirstHalf { digits: self.digits });
            }
            0xDC00..=0xDFFF if self.first.take().is_some() => {}
            0xDC00..=0xDFFF => self.found.extend(self.digits),
            _ => self.end_pair(),
        }
        SurrogatePart::Nothing
    }

    /// No second half follows.
    fn end_pair(&mut self) {
        self.found.extend(self.first.take().and_then(|first| first.digits));
    }

    /// Makes U+FFFD of the halves in `text`, of which all characters have been taken; gives the number of them.
    pub(crate) fn mend(mut self, text: &mut [u8]) -> u64 {
        self.end_pair();
        let mut count = 0;
        for at in self.found {
            if let Some(digits) = text.get_mut(at..at + ESCAPE_BYTES - 2) {
                digits.copy_from_slice(b"fffd");
                count += 1;
            }
        }
        count
    }
}

/// Whether a text may hold an escape for a half, whatever stands around it.
pub(crate) fn may_hold_half(text: &[u8]) -> bool {
    memmem::find_iter(text, b"\\u").any(|at| matches!(text.get(at + 2), Some(b'd' | b'D')))
}

/// Makes U+FFFD of the halves in a JSON text that is UTF-8; gives the number of them.
pub(crate) fn mend_text(text: &mut [u8]) -> u64 {
    if !may_hold_half(text) {
        return 0;
    }
    let mut halves = HalfSurrogates::default();
    for (at, byte) in text.iter().enumerate() {
        halves.step(*byte, at);
    }
    halves.mend(text)
}

/// The same in the text of an array, whose own backslashes stand in front of those of its elements.
pub(crate) fn mend_array(text: &mut [u8]) -> u64 {
    if !may_hold_half(text) {
        return 0;
    }
    let (mut halves, mut is_escaped) = (HalfSurrogates::default(), false);
    for (at, byte) in text.iter().enumerate() {
        is_escaped = *byte == b'\\' && !is_escaped;
        if !is_escaped {
            halves.step(*byte, at);
        }
    }
    halves.mend(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str, mend: impl Fn(&mut [u8]) -> u64) -> (String, u64) {
        let mut bytes = text.as_bytes().to_vec();
        let count = mend(&mut bytes);
        (String::from_utf8(bytes).unwrap(), count)
    }

    #[test]
    fn halves_are_replaced_and_pairs_stay() {
        for (text, expected, count) in [
            (r#""\ud83d""#, r#""\ufffd""#, 1),
            (r#""\uDE00\uD83D""#, r#""\ufffd\ufffd""#, 2),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#, 0),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#, 1),
            (r#""\ud83d\n\ude00""#, r#""\ufffd\n\ufffd""#, 2),
            (r#""\ud83dx\ude00""#, r#""\ufffdx\ufffd""#, 2),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#, 1),
            (r#""\\ud83d""#, r#""\\ud83d""#, 0),
            (r#""\\\ud83d""#, r#""\\\ufffd""#, 1),
            (r#""\ud83""#, r#""\ud83""#, 0),
            (r#""\ud83d"#, r#""\ufffd"#, 1),
            ("\"\u{e4}\\ud800\u{e4}\"", "\"\u{e4}\\ufffd\u{e4}\"", 1),
        ] {
            assert_eq!(mended(text, mend_text), (expected.to_owned(), count), "{text}");
        }
    }

    #[test]
    fn halves_behind_the_backslashes_of_an_array_are_replaced() {
        for (text, expected, count) in [
            (r#"{"\"\\ud83d\"","\"\\ude00\""}"#, r#"{"\"\\ufffd\"","\"\\ufffd\""}"#, 2),
            (r#"{"\"\\ud83d\\ude00\""}"#, r#"{"\"\\ud83d\\ude00\""}"#, 0),
            (r#"{"\"\\\\ud83d\""}"#, r#"{"\"\\\\ud83d\""}"#, 0),
            (r#"{"\"\ud83d\""}"#, r#"{"\"\ud83d\""}"#, 0),
        ] {
            assert_eq!(mended(text, mend_array), (expected.to_owned(), count), "{text}");
        }
    }
}
