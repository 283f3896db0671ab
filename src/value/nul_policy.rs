//! Other answers to a NUL than a space: to refuse it, to remove it, to put another character in
//! its place. For whole messages; knows no SQL and no sockets.

use memchr::memchr_iter;

use super::bind_values::BindValues;
use super::json_escape::{JsonNul, JsonText};
use super::kind::ValueKind;
use crate::encoding::Encoding;

/// What becomes of a NUL in a character or JSON value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NulPolicy {
    /// A space takes its place, as with AWS DMS.
    #[default]
    Space,
    /// It goes, and the value is one character shorter.
    Remove,
    /// The value is refused (22021).
    Reject,
}

/// Where the first NUL of a Bind message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterNul {
    /// The number of the parameter, as in `$1`.
    pub parameter: usize,
    /// Bytes of the value in front of the NUL (of its escape, in JSON).
    pub offset: usize,
}

/// The first NUL in the parameters of a Bind, whose `body` is there as a whole; `None` also where
/// the server will refuse the message. Parameters without a kind count as [`ValueKind::Other`].
pub fn first_bind_nul(
    body: &[u8],
    client_encoding: Encoding,
    kinds: &[ValueKind],
) -> Option<ParameterNul> {
    let values = BindValues::read(body)?;
    values.iter().find_map(|(index, is_text, value)| {
        let (start, _) = *nuls(value?, kind_of(kinds, index), is_text, client_encoding).first()?;
        Some(ParameterNul { parameter: index + 1, offset: start })
    })
}

/// The body of a Bind without the NULs in its parameters, and their number; `None` where there
/// is none, and where the server will refuse the message. Parameters without a kind count as
/// [`ValueKind::Other`].
pub fn without_bind_nuls(
    body: &[u8],
    client_encoding: Encoding,
    kinds: &[ValueKind],
) -> Option<(Vec<u8>, u64)> {
    let values = BindValues::read(body)?;
    let mut shorter = Vec::with_capacity(body.len());
    shorter.extend_from_slice(values.front);
    let mut removed = 0;
    for (index, is_text, value) in values.iter() {
        let Some(value) = value else {
            shorter.extend((-1i32).to_be_bytes());
            continue;
        };
        let nuls = nuls(value, kind_of(kinds, index), is_text, client_encoding);
        let gone: usize = nuls.iter().map(|(_, length)| length).sum();
        let length = u32::try_from(value.len() - gone).unwrap_or_default();
        shorter.extend(length.to_be_bytes());
        let mut kept = 0;
        for (start, length) in &nuls {
            shorter.extend_from_slice(value.get(kept..*start).unwrap_or_default());
            kept = start + length;
        }
        shorter.extend_from_slice(value.get(kept..).unwrap_or_default());
        removed += nuls.len();
    }
    shorter.extend_from_slice(values.back);
    (removed > 0).then(|| (shorter, u64::try_from(removed).unwrap_or(u64::MAX)))
}

fn kind_of(kinds: &[ValueKind], index: usize) -> ValueKind {
    kinds.get(index).copied().unwrap_or_default()
}

/// The NULs of a value: offset and length.
fn nuls(value: &[u8], kind: ValueKind, is_text: bool, encoding: Encoding) -> Vec<(usize, usize)> {
    match kind {
        // Without a NUL, an array in binary format would have other lengths inside.
        ValueKind::Other | ValueKind::CharacterArray | ValueKind::JsonArray if !is_text => {
            Vec::new()
        }
        ValueKind::Json => {
            let (mut json, mut next, mut found) = (JsonText::new(encoding), 0, Vec::new());
            while let Some((nul, behind)) = json.find(value, next, value.len()) {
                found.push(match nul {
                    JsonNul::Raw(at) => (at, 1),
                    JsonNul::Escaped(digit) => (digit.saturating_sub(4), 6),
                });
                next = behind;
            }
            found
        }
        _ => memchr_iter(0, value).map(|at| (at, 1)).collect(),
    }
}

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
    /// the [`NulPolicy`].
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

    const KINDS: &[ValueKind] = &[ValueKind::Other, ValueKind::Json, ValueKind::Character];

    fn body(format: u8, values: [&[u8]; 3]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, format, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF];
        for value in values {
            body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            body.extend_from_slice(value);
        }
        body.extend([0, 0]);
        body
    }

    #[test]
    fn nuls_of_a_bind_are_found_and_removed() {
        let kinds = [&[ValueKind::Other][..], KINDS].concat();
        let values: [&[u8]; 3] = [b"\0\x01", br#""\\u0000\u0000""#, b"a\0\0b"];
        let removed = without_bind_nuls(&body(1, values), Encoding::Utf8, &kinds);
        let expected = body(1, [b"\0\x01", br#""\\u0000""#, b"ab"]);
        assert_eq!(removed, Some((expected.clone(), 3)));
        assert_eq!(without_bind_nuls(&expected, Encoding::Utf8, &kinds), None);
        let at = |parameter, offset| Some(ParameterNul { parameter, offset });
        assert_eq!(first_bind_nul(&body(1, values), Encoding::Utf8, &kinds), at(3, 8));
        assert_eq!(first_bind_nul(&body(1, values), Encoding::Utf8, &[]), None);
        assert_eq!(first_bind_nul(&body(0, values), Encoding::Utf8, &[]), at(2, 0));
    }

    #[test]
    fn a_body_that_cannot_be_right_stays() {
        let whole = body(0, [b"\0", b"\0", b"\0"]);
        for length in 0..whole.len() - 2 {
            assert_eq!(without_bind_nuls(&whole[..length], Encoding::Utf8, KINDS), None);
        }
    }

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
