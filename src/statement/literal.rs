//! The value of a string constant; knows its spelling, not its use.
//!
//! Source: PostgreSQL manual, "Lexical Structure", String Constants.

use super::cursor::Cursor;
use super::lexer::TokenKind;
use crate::encoding::Encoding;

/// Passes a string constant (with its UESCAPE, if it has one) and gives its value; `None`, and the
/// cursor stays, if there is none. Escapes of characters beyond ASCII are given in UTF-8.
pub(super) fn text_constant(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<Vec<u8>> {
    let (kind, bytes) = (cursor.token.kind, cursor.bytes(cursor.token));
    let value = match kind {
        TokenKind::Text | TokenKind::NationalText => unquoted(bytes),
        TokenKind::EscapeText => unescaped(bytes, encoding),
        TokenKind::DollarText => dollar_quoted(bytes),
        TokenKind::UnicodeText => {
            let text = unquoted(bytes);
            cursor.bump();
            let mut escape = b'\\';
            if cursor.is("uescape") && cursor.peek().kind == TokenKind::Text {
                cursor.bump();
                if let [one] = unquoted(cursor.bytes(cursor.token)).as_slice() {
                    escape = *one;
                }
                cursor.bump();
            }
            return Some(unicode_unescaped(&text, escape));
        }
        _ => return None,
    };
    cursor.bump();
    Some(value)
}

/// Walks the parts of a constant between its quotes, doubled quotes and continuations resolved.
/// Calls `character` with what is left, which answers how many bytes it took.
fn walk(constant: &[u8], mut character: impl FnMut(&[u8]) -> usize) {
    let mut rest = constant
        .iter()
        .position(|&byte| byte == b'\'')
        .map_or(&[] as &[u8], |open| constant.get(open + 1..).unwrap_or_default());
    while let Some(&byte) = rest.first() {
        let mut taken = 1;
        if byte == b'\'' {
            if rest.get(1) == Some(&b'\'') {
                character(b"'");
                taken = 2;
            } else {
                // The end, or blanks and comments before the next part.
                match next_part(rest.get(1..).unwrap_or_default()) {
                    Some(part) => {
                        rest = part;
                        continue;
                    }
                    None => return,
                }
            }
        } else {
            taken = character(rest).max(taken);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Behind the quote that opens the next part of a continued constant.
fn next_part(mut gap: &[u8]) -> Option<&[u8]> {
    loop {
        match gap {
            [b'\'', part @ ..] => return Some(part),
            [b'-', b'-', comment @ ..] => {
                let end = comment.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
                gap = comment.get(end..)?;
            }
            [_, rest @ ..] => gap = rest,
            [] => return None,
        }
    }
}

/// The value of `'text'`, `N'text'`, and of `U&'text'` before its escapes.
fn unquoted(constant: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(constant.len());
    walk(constant, |rest| {
        value.extend(rest.first());
        1
    });
    value
}

/// The value of `E'text'`.
fn unescaped(constant: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut value = Vec::with_capacity(constant.len());
    walk(constant, |rest| match rest {
        [b'\\', escape, ..] => {
            let digits = |from: usize, most: usize, radix: u32| number(rest, from, most, radix);
            let (code, length) = match escape {
                b'0'..=b'7' => digits(1, 3, 8),
                b'x' => digits(2, 2, 16),
                b'u' => digits(2, 4, 16),
                b'U' => digits(2, 8, 16),
                _ => (0, 0),
            };
            if length == 0 {
                value.push(match escape {
                    b'b' => 0x08,
                    b'f' => 0x0C,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0B,
                    other => *other,
                });
                return 2;
            }
            if matches!(escape, b'u' | b'U') {
                push_character(&mut value, code);
            } else {
                value.push(u8::try_from(code & 0xFF).unwrap_or_default());
            }
            length
        }
        _ => {
            let length = encoding.character_length(rest);
            value.extend(rest.iter().take(length));
            length
        }
    });
    value
}

/// The number that `rest` spells from `from` on, and the offset behind it; 0 if there is none.
fn number(rest: &[u8], from: usize, most: usize, radix: u32) -> (u32, usize) {
    let mut code = 0_u32;
    let mut end = from;
    for digit in rest.iter().skip(from).take(most).map_while(|&b| char::from(b).to_digit(radix)) {
        code = code.wrapping_mul(radix).wrapping_add(digit);
        end += 1;
    }
    if end == from { (0, 0) } else { (code, end) }
}

fn push_character(value: &mut Vec<u8>, code: u32) {
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    value.extend(character.encode_utf8(&mut [0; 4]).bytes());
}

/// The value of the inside of `U&'text'`.
fn unicode_unescaped(text: &[u8], escape: u8) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let mut taken = 1;
        if byte != escape {
            value.push(byte);
        } else if rest.get(1) == Some(&escape) {
            value.push(escape);
            taken = 2;
        } else {
            let (code, length) = match rest.get(1) {
                Some(b'+') => number(rest, 2, 6, 16),
                _ => number(rest, 1, 4, 16),
            };
            if length == 0 {
                value.push(byte);
            } else {
                push_character(&mut value, code);
                taken = length;
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    value
}

/// The inside of `$tag$text$tag$`.
fn dollar_quoted(constant: &[u8]) -> Vec<u8> {
    let tag = constant.iter().skip(1).position(|&byte| byte == b'$').map_or(0, |at| at + 2);
    let end = constant.len().saturating_sub(tag);
    constant.get(tag..end).unwrap_or_default().to_vec()
}
