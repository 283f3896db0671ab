//! What mending makes of a value, said in the simplest way.

use dms_proxy::encoding::Encoding;
use dms_proxy::value::ValueKind;

/// A value of a kind in which NULs are to be mended.
pub(super) fn mended(value: &[u8], kind: ValueKind, encoding: Encoding) -> Vec<u8> {
    match kind {
        ValueKind::Json => without_json_nul(value, encoding),
        ValueKind::Character
        | ValueKind::CharacterArray
        | ValueKind::JsonArray
        | ValueKind::Other => value.to_vec(),
    }
    .iter()
    .map(|&byte| if byte == 0 { b' ' } else { byte })
    .collect()
}

/// The same JSON with U+0020 in the place of each escaped U+0000.
fn without_json_nul(json: &[u8], encoding: Encoding) -> Vec<u8> {
    let (mut rest, mut mended) = (json, Vec::new());
    while !rest.is_empty() {
        let length = match rest {
            [b'\\', b'u', b'0', b'0', b'0', b'0', ..] => {
                mended.extend_from_slice(b"\\u0020");
                rest = &rest[6..];
                continue;
            }
            [b'\\', next, ..] if *next < 0x80 => 2,
            _ if encoding.has_ascii_trail() => encoding.character_length(rest),
            _ => 1,
        };
        mended.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    mended
}
