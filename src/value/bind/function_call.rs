//! The body of a FunctionCall: NULs in arguments that are characters become spaces in place. For whole
//! messages; knows no function.

use crate::encoding::Encoding;
use crate::escape::json::JsonText;
use crate::value::column::ValueKind;
use crate::value::nul::{ArrayScanner, nul_to_space};

/// The OID of the function that a FunctionCall calls.
pub fn called_function(body: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*body.first_chunk()?))
}

/// Mends the arguments in place; gives the number of NULs replaced, or `None` where the kinds of the
/// arguments decide and were not given. An argument without a kind counts as
/// [`ValueKind::Other`]. Nothing is touched where the server will refuse the message.
///
/// Source: PostgreSQL manual, "Message Formats", FunctionCall.
pub fn mend_function_call(
    body: &mut [u8],
    kinds: Option<&[ValueKind]>,
    client_encoding: Encoding,
) -> Option<u64> {
    let Some(arguments) = arguments(body) else { return Some(0) };
    let mut replaced = 0;
    for (index, Argument { is_text, from, to }) in arguments.into_iter().enumerate() {
        let Some(value) = body.get_mut(from..to) else { continue };
        if memchr::memchr(0, value).is_none() {
            continue;
        }
        let kind = match kinds {
            _ if is_text => ValueKind::Character,
            Some(kinds) => kinds.get(index).copied().unwrap_or_default(),
            None => return None,
        };
        replaced += match kind {
            ValueKind::Character => nul_to_space(value),
            ValueKind::CharacterArray => ArrayScanner::default().scan(value),
            ValueKind::Json => {
                let length = value.len();
                JsonText::new(client_encoding).scan(value, 0, length)
            }
            ValueKind::JsonArray => {
                let (length, mut json) = (value.len(), JsonText::new(client_encoding));
                ArrayScanner::default().scan_json(value, 0, length, &mut json)
            }
            ValueKind::Other => 0,
        };
    }
    Some(replaced)
}

struct Argument {
    is_text: bool,
    from: usize,
    to: usize,
}

/// Where the arguments lie that are not NULL.
fn arguments(body: &[u8]) -> Option<Vec<Argument>> {
    let mut at = 4;
    let mut short = || {
        let number = body.get(at..)?.first_chunk::<2>()?;
        at += 2;
        Some(usize::from(u16::from_be_bytes(*number)))
    };
    let formats: Vec<usize> = (0..short()?).map(|_| short()).collect::<Option<_>>()?;
    let count = short()?;
    if formats.len() > 1 && formats.len() != count {
        return None;
    }
    let mut arguments = Vec::new();
    for index in 0..count {
        let length = i32::from_be_bytes(*body.get(at..)?.first_chunk::<4>()?);
        at += 4;
        let format = formats.get(if formats.len() == 1 { 0 } else { index }).copied();
        let is_text = format.unwrap_or(0) == 0;
        let to = at + usize::try_from(length.max(0)).ok()?;
        if length < -1 || to > body.len() {
            return None;
        }
        // One that is NULL has no bytes.
        arguments.push(Argument { is_text, from: at, to });
        at = to;
    }
    Some(arguments)
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
        assert_eq!(mend_function_call(&mut text, None, Encoding::Utf8), Some(2));
        assert_eq!(text, body(&[], &[Some(b"a "), None, Some(b" ")]));
        let mut binary = body(&[0, 1], &[Some(b"\0"), Some(b"\0\x01")]);
        assert_eq!(called_function(&binary), Some(1000));
        assert_eq!(mend_function_call(&mut binary, None, Encoding::Utf8), None);
        let kinds = [ValueKind::Other, ValueKind::Other];
        assert_eq!(mend_function_call(&mut binary, Some(&kinds), Encoding::Utf8), Some(0));
        assert_eq!(binary, body(&[0, 1], &[Some(b" "), Some(b"\0\x01")]));
        let kinds = [ValueKind::Other, ValueKind::Character];
        assert_eq!(mend_function_call(&mut binary, Some(&kinds), Encoding::Utf8), Some(1));
    }

    #[test]
    fn a_body_that_cannot_be_right_stays() {
        let whole = body(&[1], &[Some(b"\0\0"), Some(b"\0")]);
        for length in 0..whole.len() - 2 {
            let mut cut = whole[..length].to_vec();
            assert_eq!(mend_function_call(&mut cut, Some(&[]), Encoding::Utf8), Some(0));
            assert_eq!(cut, &whole[..length]);
        }
    }
}
