//! Stepping over the characters of encodings in which a later byte of a character can be ASCII,
//! also where a character is cut; touches no bytes.

use memchr::memchr;

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
        let skipped = self.trail.min(bytes.len());
        self.trail -= skipped;
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
                let there = length.min(bytes.len());
                self.trail = length - there;
                there
            }
        }
    }

    /// Ends a step over `bytes` in front of the first 0x00 in it: no character holds one. Gives the
    /// length of what is left of the step.
    pub(crate) fn stop_at_nul(&mut self, bytes: &[u8]) -> usize {
        memchr(0, bytes).map_or(bytes.len(), |nul| {
            self.trail = 0;
            nul
        })
    }
}
