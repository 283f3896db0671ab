//! Characters that are replaced by others in values, whatever they mean. Knows no columns.

use crate::encoding::Encoding;

/// Characters and what takes their place, as the CharacterReplacements of an AWS DMS task have them:
/// code point to code point, U+0000 as the replacement removes the character.
///
/// Source: AWS DMS user guide, "Character substitution task settings".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CharacterReplacements {
    /// In order of the first; one entry a character.
    pairs: Vec<(char, Option<char>)>,
}

impl CharacterReplacements {
    /// The replacements for pairs of code points; the last one for a code point wins. Errors give
    /// back a number that is not the code point of a character.
    ///
    /// # Errors
    /// A number that is a surrogate or beyond U+10FFFF.
    pub fn new(pairs: impl IntoIterator<Item = (u32, u32)>) -> Result<CharacterReplacements, u32> {
        let character = |code| char::from_u32(code).ok_or(code);
        let mut replacements = CharacterReplacements::default();
        for (from, to) in pairs {
            let from = character(from)?;
            let to = Some(character(to)?).filter(|to| *to != '\0');
            match replacements.pairs.binary_search_by_key(&from, |(from, _)| *from) {
                Ok(at) => replacements.pairs.iter_mut().skip(at).take(1).for_each(|p| p.1 = to),
                Err(at) => replacements.pairs.insert(at, (from, to)),
            }
        }
        Ok(replacements)
    }

    /// What takes the place of U+0000: another character, or nothing. `None` where that is left to
    /// the [`NulPolicy`](super::NulPolicy).
    pub fn of_nul(&self) -> Option<Option<char>> {
        let (first, to) = self.pairs.first()?;
        (*first == '\0').then_some(*to)
    }

    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value in UTF-8 with all replacements made, and their number; `None` where nothing is to
    /// be replaced. Bytes that are not UTF-8 stay.
    pub fn apply(&self, value: &[u8]) -> Option<(Vec<u8>, u64)> {
        let (mut changed, mut replaced) = (Vec::with_capacity(value.len()), 0);
        let mut utf8 = [0; 4];
        for chunk in value.utf8_chunks() {
            for character in chunk.valid().chars() {
                let found = self.pairs.binary_search_by_key(&character, |(from, _)| *from);
                let pair = found.ok().and_then(|at| self.pairs.get(at));
                let to = pair.map_or(Some(character), |(_, to)| *to);
                replaced += u64::from(pair.is_some());
                if let Some(to) = to {
                    changed.extend_from_slice(to.encode_utf8(&mut utf8).as_bytes());
                }
            }
            changed.extend_from_slice(chunk.invalid());
        }
        (replaced > 0).then_some((changed, replaced))
    }

    /// The same for a value in any client encoding; beyond UTF-8 only from ASCII to ASCII, because
    /// other characters are not known there.
    pub fn apply_in(&self, value: &[u8], encoding: Encoding) -> Option<(Vec<u8>, u64)> {
        if self.is_empty() {
            return None;
        }
        if encoding == Encoding::Utf8 {
            return self.apply(value);
        }
        let (mut changed, mut replaced, mut rest) = (Vec::with_capacity(value.len()), 0, value);
        while let Some(first) = rest.first().copied() {
            let (character, behind) = rest.split_at(encoding.character_length(rest));
            let code = char::from(first);
            let found = self.pairs.binary_search_by_key(&code, |(from, _)| *from);
            let pair = found.ok().and_then(|at| self.pairs.get(at));
            match pair.filter(|(from, to)| from.is_ascii() && to.is_none_or(|to| to.is_ascii())) {
                Some((_, to)) => {
                    changed.extend(to.and_then(|to| u8::try_from(to).ok()));
                    replaced += 1;
                }
                None => changed.extend_from_slice(character),
            }
            rest = behind;
        }
        (replaced > 0).then_some((changed, replaced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_replaced_as_the_task_says() {
        let pairs = [(0, 0x23), (0x20AC, 0x45), (0x1F600, 0), (0xE4, 0x1F601)];
        let replacements = CharacterReplacements::new(pairs).unwrap();
        let value = b"a\0\xE2\x82\xAC\xF0\x9F\x98\x80\xFF\xC3\xA4";
        let expected = b"a#E\xFF\xF0\x9F\x98\x81".to_vec();
        assert_eq!(replacements.apply(value), Some((expected, 4)));
        assert_eq!(replacements.apply(b"plain"), None);
        assert_eq!(CharacterReplacements::new([(0xD800, 0)]), Err(0xD800));
        let deleting = CharacterReplacements::new([(0, 0x20), (0, 0)]).unwrap();
        assert_eq!((deleting.of_nul(), replacements.of_nul()), (Some(None), Some(Some('#'))));
        assert_eq!(deleting.apply(b"\0a"), Some((b"a".to_vec(), 1)));
    }

    #[test]
    fn other_encodings_know_ascii_only() {
        let pairs = [(0x5C, 0x2F), (0x61, 0xE4), (0xE4, 0x61), (0x62, 0)];
        let replacements = CharacterReplacements::new(pairs).unwrap();
        let apply = |value| replacements.apply_in(value, Encoding::ShiftJis);
        assert_eq!(apply(b"\x95\\\\ab\xE4\x61"), Some((b"\x95\\/a\xE4\x61".to_vec(), 2)));
        assert_eq!(apply(b"\x95\\a"), None);
        let utf8 = replacements.apply_in("ä".as_bytes(), Encoding::Utf8);
        assert_eq!(utf8, Some((b"a".to_vec(), 1)));
    }
}
