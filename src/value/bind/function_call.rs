//! The body of a FunctionCall: NULs in arguments that are characters become spaces in place. For whole
//! messages; knows no function.

use memchr::memchr;

use crate::encoding::Encoding;
use crate::value::column::ValueKind;
use crate::value::nul::{NulMender, NulRule};
use crate::wire::{Parameter, ParameterReader};

/// The OID of the function that a FunctionCall calls.
pub fn called_function(body: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*body.first_chunk()?))
}

/// What became of the arguments of a FunctionCall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MendedCall {
    /// U+0000 that became spaces.
    pub spaces: u64,
    /// Whether the kinds of the arguments decide over one of them and were not given.
    pub asks_for_kinds: bool,
}

/// Mends the arguments in place, up to the first for which the kinds are needed. An argument without a
/// kind counts as [`ValueKind::Other`]. From the first count or length on that cannot be right nothing
/// is touched: the server will refuse the message.
pub fn mend_function_call(
    body: &mut [u8],
    kinds: Option<&[ValueKind]>,
    client_encoding: Encoding,
) -> MendedCall {
    let mut reader = ParameterReader::of_function_call(body.len());
    let mut mender = NulMender::new(client_encoding);
    let (mut spaces, mut at) = (0, 0);
    loop {
        let piece = match reader.next(body, &mut at) {
            Parameter::Value(piece) => piece,
            Parameter::Null => continue,
            Parameter::Cut | Parameter::End | Parameter::Malformed => break,
        };
        reader.pass(piece.to - piece.from, &mut at);
        let Some(value) = body.get_mut(piece.from..piece.to) else { break };
        if memchr(0, value).is_none() {
            continue;
        }
        let kind = match kinds {
            _ if piece.is_text => ValueKind::Character,
            Some(kinds) => kinds.get(piece.index).copied().unwrap_or_default(),
            None => return MendedCall { spaces, asks_for_kinds: true },
        };
        spaces += mender.mend(NulRule::of(kind, piece.is_text), value);
    }
    MendedCall { spaces, asks_for_kinds: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(formats: &[u8], arguments: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = vec![0, 0, 3, 0xE8, 0, u8::try_from(formats.len()).unwrap()];
        body.extend(formats.iter().flat_map(|format| [0, *format]));
        body.extend([0, u8::try_from(arguments.len()).unwrap()]);
        for argument in arguments {
            match argument {
                Some(bytes) => {
                    body.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                    body.extend_from_slice(bytes);
                }
                None => body.extend([0xFF; 4]),
            }
        }
        body.extend([0, 1]);
        body
    }

    #[test]
    fn arguments_are_mended_by_format_and_kind() {
        let mut text = body(&[], &[Some(b"a\0"), None, Some(b"\0")]);
        let mended = |spaces| MendedCall { spaces, asks_for_kinds: false };
        assert_eq!(mend_function_call(&mut text, None, Encoding::Utf8), mended(2));
        assert_eq!(text, body(&[], &[Some(b"a "), None, Some(b" ")]));
        let mut binary = body(&[0, 1], &[Some(b"\0"), Some(b"\0\x01")]);
        assert_eq!(called_function(&binary), Some(1000));
        let asks = MendedCall { spaces: 1, asks_for_kinds: true };
        assert_eq!(mend_function_call(&mut binary, None, Encoding::Utf8), asks);
        let kinds = [ValueKind::Other, ValueKind::Other];
        assert_eq!(mend_function_call(&mut binary, Some(&kinds), Encoding::Utf8), mended(0));
        assert_eq!(binary, body(&[0, 1], &[Some(b" "), Some(b"\0\x01")]));
        let kinds = [ValueKind::Other, ValueKind::Character];
        assert_eq!(mend_function_call(&mut binary, Some(&kinds), Encoding::Utf8), mended(1));
    }

    #[test]
    fn nothing_is_touched_behind_what_cannot_be_right() {
        let kinds = [ValueKind::Character; 3];
        let cut = |length: usize| {
            let mut body = body(&[1], &[Some(b"\0\0"), None, Some(b"\0")])[..length].to_vec();
            let mended = mend_function_call(&mut body, Some(&kinds), Encoding::Utf8);
            assert!(!mended.asks_for_kinds);
            (mended.spaces, body)
        };
        let whole = body(&[1], &[Some(b"\0\0"), None, Some(b"\0")]);
        for length in 0..whole.len() - 2 {
            let first_ends = 4 + 4 + 2 + 4 + 2;
            let spaces = if length < first_ends { 0 } else { 2 };
            let (found, body) = cut(length);
            assert_eq!(found, spaces, "{length}");
            let changed = body.iter().zip(&whole).filter(|(now, before)| now != before).count();
            assert_eq!(changed, usize::try_from(spaces).unwrap());
        }
        assert_eq!(cut(whole.len() - 2).0, 3);
        let miscounted = body(&[1, 1], &[Some(b"\0"), None, Some(b"\0")]);
        let mut mended = miscounted.clone();
        assert_eq!(mend_function_call(&mut mended, Some(&kinds), Encoding::Utf8).spaces, 0);
        assert_eq!(mended, miscounted);
    }
}
