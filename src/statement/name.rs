//! Names as PostgreSQL keeps them; knows their spelling, not what they name.
//!
//! Source: PostgreSQL manual, "Identifiers and Key Words".

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::{Cursor, is_name};
use super::lexer::{Token, TokenKind};
use crate::encoding::Encoding;

/// The longest name that PostgreSQL keeps, in bytes (NAMEDATALEN - 1).
const NAME_BYTES_MAX: usize = 63;

/// The same as [`kept`], as a copy.
pub(super) fn kept_name(kind: TokenKind, bytes: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
    kept(kind, bytes, encoding).map(Cow::into_owned)
}

/// The name that a token stands for: folded to lower case or without its quotes, and cut. `None`
/// for `U&"name"`, whose escapes are not read here, and for what is no name.
///
/// The server counts the 63 bytes in its own encoding; where the client's is another one, a longer
/// name with letters beyond ASCII may be cut elsewhere.
fn kept(kind: TokenKind, bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, [u8]>> {
    let is_short = bytes.len() <= NAME_BYTES_MAX;
    let mut name = match kind {
        TokenKind::Word if is_short && !bytes.iter().any(u8::is_ascii_uppercase) => {
            return Some(Cow::Borrowed(bytes));
        }
        TokenKind::Word => bytes.to_ascii_lowercase(),
        TokenKind::QuotedName => {
            undoubled(bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default())
        }
        _ => return None,
    };
    let mut end = 0;
    while let Some(rest) = name.get(end..)
        && !rest.is_empty()
        && name.len() > NAME_BYTES_MAX
    {
        let next = end + encoding.character_length(rest);
        if next > NAME_BYTES_MAX {
            name.truncate(end);
        }
        end = next;
    }
    Some(Cow::Owned(name))
}

/// The parts of a name, as PostgreSQL keeps them, of which the tokens are these.
pub(super) fn kept_parts(
    cursor: Cursor<'_>,
    name: &Range<u32>,
    encoding: Encoding,
) -> Vec<Vec<u8>> {
    // Between two parts there is a point.
    name.clone().step_by(2).map(|index| kept_at(cursor, index, encoding).into_owned()).collect()
}

/// Whether a name is in brackets, as only a source quotes it.
pub(super) fn is_bracketed(cursor: &Cursor<'_>, name: Token) -> bool {
    name.kind == TokenKind::QuotedName && cursor.bytes(name).starts_with(b"[")
}

/// The name that the token of an index is, as PostgreSQL keeps it; empty for what is not a name.
pub(super) fn kept_at(mut cursor: Cursor<'_>, index: u32, encoding: Encoding) -> Cow<'_, [u8]> {
    cursor.go_to(index as usize);
    let token = cursor.token;
    kept(token.kind, cursor.bytes(token), encoding).unwrap_or_default()
}

/// A name in lower case where it is not quoted, without its quotes where it is, also those of a source;
/// of any length.
pub(super) fn folded_name<'a>(cursor: &Cursor<'a>, name: Token) -> Cow<'a, [u8]> {
    let bytes = cursor.bytes(name);
    match bytes {
        [b'"', inside @ .., b'"'] => match inside.contains(&b'"') {
            true => Cow::Owned(undoubled(inside)),
            false => Cow::Borrowed(inside),
        },
        [b'[', inside @ .., b']'] | [b'`', inside @ .., b'`'] => Cow::Borrowed(inside),
        _ if is_name(name.kind) && bytes.iter().any(u8::is_ascii_uppercase) => {
            Cow::Owned(bytes.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// The inside of a quoted name, in which quotes are doubled.
pub(super) fn undoubled(inside: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        value.push(byte);
        if byte == b'"' {
            bytes.next();
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(kind: TokenKind, text: &str) -> Option<String> {
        let name = kept_name(kind, text.as_bytes(), Encoding::Utf8)?;
        Some(String::from_utf8(name).unwrap())
    }

    #[test]
    fn names_are_folded_or_unquoted() {
        assert_eq!(kept(TokenKind::Word, "ABc\u{c4}").unwrap(), "abc\u{c4}");
        assert_eq!(kept(TokenKind::QuotedName, "\"A\"\"b\"\"\"\"\"").unwrap(), "A\"b\"\"");
        assert_eq!(kept(TokenKind::UnicodeName, "U&\"a\""), None);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(kept(TokenKind::Word, &"a".repeat(63)).unwrap().len(), 63);
        assert_eq!(kept(TokenKind::Word, &"a".repeat(70)).unwrap().len(), 63);
        assert_eq!(kept(TokenKind::Word, &"\u{e4}".repeat(32)).unwrap(), "\u{e4}".repeat(31));
    }
}
