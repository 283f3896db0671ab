//! U+0000 in an array of JSON in text format, `{"{\"a\": \"\\\\u0000\"}"}`: as a byte, and as the escape `\u0000` behind
//! the backslashes of the array. Mended in place, in pieces; knows arrays no further.

use memchr::memchr2;

use crate::encoding::{CharacterSteps, Encoding};
use crate::escape::json::{JsonEscape, THIRD_DIGIT};

/// Reads an array character by character.
#[derive(Debug)]
pub(in crate::value) struct JsonArrayText {
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    json: JsonEscape,
    /// The next character stands behind a backslash of the array.
    is_escaped: bool,
}

impl JsonArrayText {
    pub(in crate::value) fn new(encoding: Encoding) -> JsonArrayText {
        let characters = CharacterSteps::needed(encoding);
        JsonArrayText { encoding, characters, json: JsonEscape::default(), is_escaped: false }
    }

    /// The next byte is the first of another value.
    pub(in crate::value) fn restart(&mut self) {
        *self = JsonArrayText::new(self.encoding);
    }

    /// Mends `buffer[from..to]`, and the digit that is held; gives the number of NULs replaced.
    pub(in crate::value) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let (mut next, mut replaced) = (from, 0);
        if let Some(characters) = &mut self.characters {
            next += characters.resume(buffer.get(from..to).unwrap_or_default());
        }
        while let Some(rest) = buffer.get(next..to)
            && let Some(&byte) = rest.first()
        {
            if self.characters.is_none() && self.json.is_idle() && !self.is_escaped {
                let Some(found) = memchr2(0, b'\\', rest) else { break };
                if found > 0 {
                    next += found;
                    continue;
                }
            }
            let at = next;
            next += match &mut self.characters {
                Some(characters) if byte >= 0x80 => characters.step(rest),
                _ => 1,
            };
            if byte == b'\\' && !self.is_escaped {
                self.is_escaped = true;
                continue;
            }
            self.is_escaped = false;
            let digit = self.json.step(byte, at).map(|digit| (digit, THIRD_DIGIT));
            let changed = if byte == 0 { Some((at, b' ')) } else { digit };
            if let Some((at, with)) = changed
                && let Some(byte) = buffer.get_mut(at)
            {
                *byte = with;
                replaced += 1;
            }
        }
        replaced
    }

    /// Offset of the digit that must not be sent before the next byte is known.
    pub(in crate::value) fn held_from(&self) -> Option<usize> {
        self.json.held_from()
    }

    /// What is held goes as it stands.
    pub(in crate::value) fn release(&mut self) {
        self.json.release();
    }

    /// The first `sent` bytes of the buffer have gone.
    pub(in crate::value) fn rebase(&mut self, sent: usize) {
        self.json.rebase(sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(text: &[u8], encoding: Encoding) -> (Vec<u8>, u64) {
        let mut buffer = text.to_vec();
        let replaced = JsonArrayText::new(encoding).scan(&mut buffer, 0, text.len());
        for cut in 0..=text.len() {
            let (mut cut_buffer, mut array) = (text.to_vec(), JsonArrayText::new(encoding));
            let count = array.scan(&mut cut_buffer, 0, cut);
            let count = count + array.scan(&mut cut_buffer, cut, text.len());
            assert_eq!((&cut_buffer, count), (&buffer, replaced), "cut at {cut}");
        }
        (buffer, replaced)
    }

    #[test]
    fn escapes_behind_those_of_the_array_are_mended() {
        for (text, mended, replaced) in [
            (&br#"{"\"\\u0000\"",NULL}"#[..], &br#"{"\"\\u0020\"",NULL}"#[..], 1),
            (br#"{"\"\\\\u0000\""}"#, br#"{"\"\\\\u0000\""}"#, 0),
            (br#"{"\"\\\\\\u0000\""}"#, br#"{"\"\\\\\\u0020\""}"#, 1),
            (br#"{"\"\u0000\""}"#, br#"{"\"\u0000\""}"#, 0),
            (b"{\"\\\"a\0\\\"\",1}", b"{\"\\\"a \\\"\",1}", 1),
        ] {
            assert_eq!(mend(text, Encoding::Utf8), (mended.to_vec(), replaced));
        }
        let text = b"{\"\x95\\\\u0000\"}";
        assert_eq!(mend(text, Encoding::SingleByte).1, 1);
        assert_eq!(mend(text, Encoding::ShiftJis).1, 0);
    }
}
