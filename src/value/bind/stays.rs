//! A Bind that can go as it is, told by one look at each value. Says only that; what becomes of others is
//! decided in `fit`.

use memchr::memchr2;

use super::fit::BindRules;
use crate::value::column::ValueKind;

impl BindRules<'_> {
    /// Whether the values, of a Bind that is there as a whole, stay as they are whatever they mean. `false`
    /// where one has to be looked at closer, or where the values cannot be told apart.
    pub fn all_stay(&self, values: &[u8]) -> bool {
        self.stay(values).unwrap_or(false)
    }

    fn stay(&self, values: &[u8]) -> Option<bool> {
        let (formats, rest) = values.split_first_chunk::<2>()?;
        let formats = usize::from(u16::from_be_bytes(*formats));
        let (codes, rest) = rest.split_at_checked(2 * formats)?;
        let (count, mut rest) = rest.split_first_chunk::<2>()?;
        for index in 0..usize::from(u16::from_be_bytes(*count)) {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            rest = behind;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                continue;
            }
            let value;
            (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            let is_text = match formats {
                0 => true,
                1 => *codes == [0, 0],
                _ => *codes.get(2 * index..)?.first_chunk::<2>()? == [0, 0],
            };
            if let Some(Some(parameter)) = self.parameters.get(index)
                && parameter.may_change(is_text)
            {
                return Some(false);
            }
            if self.nul.is_some() && !self.is_data(index, is_text) && may_hold_nul(value) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Whether a byte 0x00 of the value is data.
    #[inline]
    fn is_data(&self, index: usize, is_text: bool) -> bool {
        !is_text
            && self
                .kinds
                .is_some_and(|kinds| kinds.get(index).is_none_or(|kind| *kind == ValueKind::Other))
    }
}

/// Whether a value has a byte 0x00 or a backslash. Most values are a few words long, for which a search is
/// not worth its start.
#[inline]
fn may_hold_nul(value: &[u8]) -> bool {
    const SHORT_BYTES_MAX: usize = 64;
    const ONES: u64 = u64::MAX / 0xFF;
    // Source: Henry S. Warren, "Hacker's Delight", "Find First 0-Byte". Exact as to whether there is one.
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let has_one = |word: u64| has_zero(word) | has_zero(word ^ (ONES * u64::from(b'\\')));
    let (words, rest) = value.as_chunks::<8>();
    if value.len() > SHORT_BYTES_MAX {
        return memchr2(0, b'\\', value).is_some();
    }
    let found = words.iter().fold(0, |found, word| found | has_one(u64::from_le_bytes(*word)));
    // The last word may overlap the one in front of it.
    match value.last_chunk::<8>() {
        _ if rest.is_empty() => found != 0,
        Some(last) => (found | has_one(u64::from_le_bytes(*last))) != 0,
        None => match (value.first_chunk::<4>(), value.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
                has_one((u64::from(first) << 32) | u64::from(last)) != 0
            }
            _ => rest.iter().any(|byte| matches!(byte, 0 | b'\\')),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::policy::NulPolicy;

    fn rules(kinds: Option<&[ValueKind]>) -> BindRules<'_> {
        BindRules { kinds, nul: Some(NulPolicy::Space), ..BindRules::default() }
    }

    fn values(formats: &[u8], values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = vec![0, u8::try_from(formats.len()).unwrap()];
        body.extend(formats.iter().flat_map(|format| [0, *format]));
        body.extend([0, u8::try_from(values.len()).unwrap()]);
        for value in values {
            let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
            body.extend(length.to_be_bytes());
            body.extend_from_slice(value.unwrap_or_default());
        }
        body.extend([0, 0]);
        body
    }

    #[test]
    fn a_nul_is_seen_wherever_it_stands() {
        for length in 0..150 {
            let clean: Vec<u8> = (0..length).map(|at| if at % 2 == 0 { 1 } else { 0xDB }).collect();
            assert!(!may_hold_nul(&clean), "{length}");
            for at in 0..length {
                for byte in [0, b'\\'] {
                    let mut value = clean.clone();
                    value[at] = byte;
                    assert!(may_hold_nul(&value), "{length} {at} {byte}");
                    let body = values(&[], &[Some(b"x"), Some(&value)]);
                    assert!(!rules(None).all_stay(&body));
                }
            }
        }
    }

    #[test]
    fn zero_bytes_of_numbers_stay_once_it_is_known_that_they_are() {
        let body = values(&[0, 1], &[Some(b"17"), Some(&[0, 0, 0, 17])]);
        assert!(!rules(None).all_stay(&body));
        assert!(rules(Some(&[])).all_stay(&body));
        assert!(!rules(Some(&[ValueKind::Other, ValueKind::Character])).all_stay(&body));
        let body = values(&[1], &[Some(b"\0"), None, Some(b"\0")]);
        assert!(rules(Some(&[])).all_stay(&body));
        assert!(!rules(Some(&[])).all_stay(&values(&[0], &[Some(b"\0")])));
        let off = BindRules { nul: None, ..rules(None) };
        assert!(off.all_stay(&values(&[], &[Some(b"\0")])));
    }

    #[test]
    fn what_is_cut_is_looked_at_closer() {
        let body = values(&[0, 0], &[Some(b"abc"), None]);
        for length in 0..body.len() - 2 {
            assert!(!rules(None).all_stay(&body[..length]), "{length}");
        }
        assert!(rules(None).all_stay(&body));
        assert!(!rules(None).all_stay(b"\0\0\0\x01\xFF\xFF\xFF\xFEabc"));
    }
}
