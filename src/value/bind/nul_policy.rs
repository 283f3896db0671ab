//! Other answers to a NUL in a Bind than a space: to refuse it, to remove it. For whole messages;
//! knows no SQL and no sockets.

use memchr::memchr_iter;

use super::fitted::BindValues;
use crate::encoding::Encoding;
use crate::escape::json::{JsonNul, JsonText};
use crate::value::column::ValueKind;

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
}
