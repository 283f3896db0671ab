//! The escape `\u0000` of JSON, which `jsonb` refuses and `json` refuses once it is read: found
//! across any cut, by the parity of its backslashes. Knows JSON no further.

use memchr::memchr2;

use crate::encoding::{CharacterSteps, Encoding};

/// The hexadecimal digit that makes `\u0000` a space, in the place of the third one.
pub(crate) const THIRD_DIGIT: u8 = b'2';

/// How much of `\u0000` has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EscapePart {
    #[default]
    Nothing,
    Backslash,
    U,
    OneDigit,
    TwoDigits,
    ThreeDigits,
}

/// Reads a JSON text character by character.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JsonEscape {
    seen: EscapePart,
    /// The offset of the third digit, while that is the last that was seen.
    third_digit: usize,
}

impl JsonEscape {
    /// Takes the next character, whose last byte lies at `at`. Where it completes `\u0000`, gives
    /// the offset of the third digit, which is to become [`THIRD_DIGIT`].
    #[inline]
    pub(crate) fn step(&mut self, character: u8, at: usize) -> Option<usize> {
        let seen = self.seen;
        self.seen = match (seen, character) {
            (EscapePart::Backslash, b'u') => EscapePart::U,
            (EscapePart::Backslash, _) => EscapePart::Nothing,
            (_, b'\\') => EscapePart::Backslash,
            (EscapePart::U, b'0') => EscapePart::OneDigit,
            (EscapePart::OneDigit, b'0') => EscapePart::TwoDigits,
            (EscapePart::TwoDigits, b'0') => {
                self.third_digit = at;
                EscapePart::ThreeDigits
            }
            _ => EscapePart::Nothing,
        };
        (seen == EscapePart::ThreeDigits && character == b'0').then_some(self.third_digit)
    }

    /// Whether no part of an escape is open.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.seen == EscapePart::Nothing
    }

    /// Whether a zero that follows would be the third digit.
    pub(crate) fn awaits_third_digit(&self) -> bool {
        self.seen == EscapePart::TwoDigits
    }

    /// The offset of the third digit, if the next character decides over it.
    pub(crate) fn held_from(&self) -> Option<usize> {
        (self.seen == EscapePart::ThreeDigits).then_some(self.third_digit)
    }

    /// The third digit, seen or to be seen next, is sent as it is.
    pub(crate) fn release(&mut self) {
        if matches!(self.seen, EscapePart::TwoDigits | EscapePart::ThreeDigits) {
            self.seen = EscapePart::Nothing;
        }
    }

    /// The first `sent` bytes of the buffer have gone.
    pub(crate) fn rebase(&mut self, sent: usize) {
        if self.held_from().is_some_and(|at| at < sent) {
            self.release();
        }
        self.third_digit = self.third_digit.saturating_sub(sent);
    }

    /// The third digit will be given once more.
    fn before_third_digit(&mut self) {
        self.seen = EscapePart::TwoDigits;
    }
}

/// A NUL in a JSON text, by the offset of the byte that is to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonNul {
    /// The byte 0x00.
    Raw(usize),
    /// The third digit of an escape.
    Escaped(usize),
}

/// A JSON text that comes unescaped, in pieces: a binary value or a parameter.
#[derive(Debug)]
pub(crate) struct JsonText {
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    escape: JsonEscape,
}

impl JsonText {
    pub(crate) fn new(encoding: Encoding) -> JsonText {
        let characters = CharacterSteps::needed(encoding);
        JsonText { encoding, characters, escape: JsonEscape::default() }
    }

    /// The next byte is the first of another text.
    #[inline]
    pub(crate) fn restart(&mut self) {
        self.escape = JsonEscape::default();
        if self.characters.is_some() {
            self.characters = CharacterSteps::needed(self.encoding);
        }
    }

    /// Mends `buffer[from..to]`, and the digit that is held; gives the number of NULs replaced.
    pub(crate) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let (mut next, mut replaced) = (from, 0);
        while let Some((nul, behind)) = self.find(buffer, next, to) {
            let (at, with) = match nul {
                JsonNul::Raw(at) => (at, b' '),
                JsonNul::Escaped(at) => (at, THIRD_DIGIT),
            };
            if let Some(byte) = buffer.get_mut(at) {
                *byte = with;
                replaced += 1;
            }
            next = behind;
        }
        replaced
    }

    /// The next NUL of `buffer[from..to]`, and the offset behind it.
    pub(crate) fn find(
        &mut self,
        buffer: &[u8],
        from: usize,
        to: usize,
    ) -> Option<(JsonNul, usize)> {
        let bytes = buffer.get(..to)?;
        let mut next = from;
        if let Some(characters) = &mut self.characters {
            let rest = bytes.get(from..)?;
            let skipped = characters.resume(rest);
            next += characters.stop_at_nul(rest.get(..skipped)?);
        }
        while let Some(rest) = bytes.get(next..) {
            if self.escape.is_idle() {
                next += self.find_start(rest)?;
            }
            let rest = bytes.get(next..)?;
            if let ([b'\\', 1..=b't' | b'v'..0x80, ..], true) = (rest, self.escape.is_idle()) {
                // Any other escape, whole: by far the most frequent ones.
                next += 2;
                continue;
            }
            let (&byte, at) = (rest.first()?, next);
            next += match &mut self.characters {
                Some(characters) if byte >= 0x80 => {
                    let skipped = characters.step(rest);
                    characters.stop_at_nul(rest.get(..skipped)?)
                }
                _ => 1,
            };
            if let Some(digit) = self.escape.step(byte, at) {
                return Some((JsonNul::Escaped(digit), next));
            }
            if byte == 0 {
                return Some((JsonNul::Raw(at), next));
            }
        }
        None
    }

    /// The next byte that has to be looked at while no escape is open.
    #[inline]
    fn find_start(&self, bytes: &[u8]) -> Option<usize> {
        match self.characters {
            None => memchr2(0, b'\\', bytes),
            Some(_) => bytes.iter().position(|byte| matches!(byte, 0 | b'\\' | 0x80..)),
        }
    }

    /// Offset of the digit that must not be sent before the next byte is known.
    pub(crate) fn held_from(&self) -> Option<usize> {
        self.escape.held_from()
    }

    pub(crate) fn release(&mut self) {
        self.escape.release();
    }

    pub(crate) fn rebase(&mut self, sent: usize) {
        self.escape.rebase(sent);
    }

    /// The third digit of the escape that was found last, or is open, will be given once more.
    pub(crate) fn before_third_digit(&mut self) {
        self.escape.before_third_digit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(text: &[u8], encoding: Encoding) -> (Vec<u8>, u64) {
        let mut buffer = text.to_vec();
        let replaced = JsonText::new(encoding).scan(&mut buffer, 0, text.len());
        for cut in 0..=text.len() {
            let (mut cut_buffer, mut json) = (text.to_vec(), JsonText::new(encoding));
            let count = json.scan(&mut cut_buffer, 0, cut);
            let count = count + json.scan(&mut cut_buffer, cut, text.len());
            assert_eq!((&cut_buffer, count), (&buffer, replaced), "cut at {cut}");
        }
        (buffer, replaced)
    }

    #[test]
    fn parity_decides_over_an_escape() {
        for (text, mended, replaced) in [
            (&br#""\u0000""#[..], &br#""\u0020""#[..], 1),
            (br#""\\u0000""#, br#""\\u0000""#, 0),
            (br#""\\\u0000\u0000""#, br#""\\\u0020\u0020""#, 2),
            (br#""\"\u0000""#, br#""\"\u0020""#, 1),
            (br#""\u00000000""#, br#""\u00200000""#, 1),
            (br#""\u0001\U0000\u000""#, br#""\u0001\U0000\u000""#, 0),
            (b"\"a\0\\u0000\0\"", b"\"a \\u0020 \"", 3),
            (b"\\u000\0", b"\\u000 ", 1),
        ] {
            assert_eq!(mend(text, Encoding::Utf8), (mended.to_vec(), replaced));
        }
    }

    #[test]
    fn a_trail_byte_is_no_backslash() {
        let text = b"\"\x95\\u0000\"";
        assert_eq!(mend(text, Encoding::ShiftJis), (text.to_vec(), 0));
        assert_eq!(mend(text, Encoding::SingleByte).1, 1);
        let behind = b"\"\x95\\\\u0000\"";
        assert_eq!(mend(behind, Encoding::ShiftJis), (b"\"\x95\\\\u0020\"".to_vec(), 1));
    }

    #[test]
    fn no_character_holds_a_nul() {
        let shift_jis = mend(b"\"\x95\0\\u0000\"", Encoding::ShiftJis);
        assert_eq!(shift_jis, (b"\"\x95 \\u0020\"".to_vec(), 2));
        let four_bytes = mend(b"\"\x810\0\0\"", Encoding::Gb18030);
        assert_eq!(four_bytes, (b"\"\x810  \"".to_vec(), 2));
    }
}
