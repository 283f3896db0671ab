//! Stepping over the characters of encodings in which a later byte of a character can be ASCII,
//! also where a character is cut; touches no bytes.

use super::Encoding;

/// Where the stream stands within a character.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CharacterSteps {
    encoding: Encoding,
    /// The lead byte of a character whose length only the next byte tells.
    lead: Option<u8>,
    /// Bytes of the current character that are still to come.
    trail: usize,
}

impl CharacterSteps {
    /// The steps of a stream; `None` where no byte below 0x80 is ever part of a longer character.
    pub(crate) fn needed(encoding: Encoding) -> Option<CharacterSteps> {
        encoding.has_ascii_trail().then_some(CharacterSteps { encoding, lead: None, trail: 0 })
    }

    /// The number of bytes at the start of `bytes` that end the character that was cut before them.
    pub(crate) fn resume(&mut self, bytes: &[u8]) -> usize {
        if let (Some(lead), Some(&second)) = (self.lead, bytes.first()) {
            self.lead = None;
            self.trail = self.encoding.character_length(&[lead, second, 0, 0]) - 1;
        }
        let (skipped, is_whole) = without_nul(bytes, self.trail);
        self.trail = if is_whole { self.trail - skipped } else { 0 };
        skipped
    }

    /// The length of the character at the start of `bytes`, as far as it lies there; what is
    /// missing is remembered for [`CharacterSteps::resume`].
    pub(crate) fn step(&mut self, bytes: &[u8]) -> usize {
        match *bytes {
            [] => 0,
            [lead] => {
                if self.encoding.character_length(&[lead, 0, 0, 0]) > 1 {
                    self.lead = Some(lead);
                }
                1
            }
            [lead, second, ..] => {
                let length = self.encoding.character_length(&[lead, second, 0, 0]);
                let (there, is_whole) = without_nul(bytes, length);
                self.trail = if is_whole { length - there } else { 0 };
                there
            }
        }
    }
}

/// How many of the first `length` bytes lie there in front of a byte 0x00, and whether there is none. No encoding
/// has it in a longer character: it ends one that is broken.
fn without_nul(bytes: &[u8], length: usize) -> (usize, bool) {
    let there = bytes.get(..length).unwrap_or(bytes);
    match there.iter().position(|byte| *byte == 0) {
        Some(at) => (at, false),
        None => (there.len(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes at which a character begins, where the text comes in pieces of this length.
    fn starts(text: &[u8], piece_bytes: usize) -> Vec<usize> {
        let mut steps = CharacterSteps::needed(Encoding::ShiftJis).unwrap();
        let mut starts = Vec::new();
        for (piece, bytes) in text.chunks(piece_bytes).enumerate() {
            let mut at = steps.resume(bytes);
            while at < bytes.len() {
                starts.push(piece * piece_bytes + at);
                at += if bytes[at] < 0x80 { 1 } else { steps.step(&bytes[at..]) };
            }
        }
        starts
    }

    #[test]
    fn a_nul_ends_a_broken_character() {
        // The second byte of the first character is a backslash; the second character is broken.
        let text = b"\x95\\a\xec\0\0b\x95\\";
        for piece_bytes in 1..=text.len() {
            assert_eq!(starts(text, piece_bytes), [0, 2, 3, 4, 5, 6, 7], "{piece_bytes}");
        }
    }
}
