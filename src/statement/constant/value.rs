//! The value of a string constant; knows its spelling, not its use.
//!
//! Source: PostgreSQL manual, "Lexical Structure", String Constants.

use super::Spelling;
use crate::encoding::Encoding;
use crate::escape::backslash;

/// What a string constant stands for.
#[derive(Debug, Default)]
struct Constant {
    value: Vec<u8>,
    /// Whether the server has this value too: every escape is one that it takes, or one for U+0000,
    /// and none stands for a character beyond ASCII in a client encoding other than UTF-8.
    is_certain: bool,
}

/// The value of a constant, if it is certain.
pub(super) fn value(text: &[u8], spelling: Spelling, encoding: Encoding) -> Option<Vec<u8>> {
    let is_refused = spelling == Spelling::Unicode(None);
    let Constant { value, is_certain } = constant(text, spelling, encoding);
    (is_certain && !is_refused).then_some(value)
}

/// The value of a constant as far as it can be told.
pub(super) fn likely_value(text: &[u8], spelling: Spelling, encoding: Encoding) -> Vec<u8> {
    constant(text, spelling, encoding).value
}

fn constant(text: &[u8], spelling: Spelling, encoding: Encoding) -> Constant {
    let plain = |value| Constant { value, is_certain: true };
    match spelling {
        Spelling::Plain => plain(text_value(text)),
        Spelling::Backslash => unescaped(text, encoding),
        Spelling::Unicode(escape) => {
            unicode_unescaped(&text_value(text), escape.unwrap_or(b'\\'), encoding)
        }
        Spelling::Dollar => plain(dollar_quoted(text)),
    }
}

/// The value of a constant while it is read.
struct Builder {
    constant: Constant,
    /// The first half of a surrogate pair whose second half is to come.
    high: Option<u32>,
    encoding: Encoding,
}

impl Builder {
    fn new(bytes: usize, encoding: Encoding) -> Builder {
        let constant = Constant { value: Vec::with_capacity(bytes), is_certain: true };
        Builder { constant, high: None, encoding }
    }

    /// Anything that is no escape for a code point.
    fn bytes(&mut self, bytes: &[u8]) {
        self.end_pair();
        self.constant.value.extend_from_slice(bytes);
    }

    /// An escape for a byte.
    fn byte(&mut self, byte: u8) {
        self.doubt(byte >= 0x80 && self.encoding != Encoding::Utf8);
        self.bytes(&[byte]);
    }

    /// An escape for a code point or for half of a surrogate pair.
    fn code(&mut self, code: u32) {
        self.doubt(code >= 0x80 && self.encoding != Encoding::Utf8);
        match (self.high.take(), code) {
            (Some(high), 0xDC00..=0xDFFF) => {
                self.character(0x1_0000 + ((high - 0xD800) << 10) + (code - 0xDC00));
            }
            (high, 0xD800..=0xDBFF) => {
                self.doubt(high.is_some());
                self.high = Some(code);
            }
            (high, _) => {
                self.doubt(high.is_some());
                self.character(code);
            }
        }
    }

    fn character(&mut self, code: u32) {
        let character = char::from_u32(code);
        self.doubt(character.is_none());
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.constant.value.extend(character.encode_utf8(&mut [0; 4]).bytes());
    }

    fn end_pair(&mut self) {
        let open = self.high.take().is_some();
        self.doubt(open);
    }

    fn doubt(&mut self, is_doubtful: bool) {
        self.constant.is_certain &= !is_doubtful;
    }

    fn finish(mut self) -> Constant {
        self.end_pair();
        self.constant
    }
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

/// The value of `'text'`, `N'text'`, and of `U&'text'` before its escapes; the digits of `X'ff'`.
pub(in crate::statement) fn text_value(constant: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(constant.len());
    walk(constant, |rest| {
        value.extend(rest.first());
        1
    });
    value
}

/// The value of `E'text'`.
fn unescaped(constant: &[u8], encoding: Encoding) -> Constant {
    let mut value = Builder::new(constant.len(), encoding);
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
                value.doubt(matches!(escape, b'u' | b'U'));
                value.bytes(&[backslash::control(*escape)]);
                return 2;
            }
            match escape {
                b'u' => value.doubt(length != 6),
                b'U' => value.doubt(length != 10),
                _ => {}
            }
            if matches!(escape, b'u' | b'U') {
                value.code(code);
            } else {
                value.byte(u8::try_from(code & 0xFF).unwrap_or_default());
            }
            length
        }
        _ => {
            let length = encoding.character_length(rest);
            value.bytes(rest.get(..length).unwrap_or_default());
            length
        }
    });
    value.finish()
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

/// The value of the inside of `U&'text'`.
fn unicode_unescaped(text: &[u8], escape: u8, encoding: Encoding) -> Constant {
    let mut value = Builder::new(text.len(), encoding);
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let mut taken = 1;
        if byte != escape {
            taken = encoding.character_length(rest);
            value.bytes(rest.get(..taken).unwrap_or_default());
        } else if rest.get(1) == Some(&escape) {
            value.bytes(&[escape]);
            taken = 2;
        } else {
            let (code, length, whole) = match rest.get(1) {
                Some(b'+') => {
                    let (code, length) = number(rest, 2, 6, 16);
                    (code, length, 8)
                }
                _ => {
                    let (code, length) = number(rest, 1, 4, 16);
                    (code, length, 5)
                }
            };
            value.doubt(length != whole);
            if length == 0 {
                value.bytes(&[byte]);
            } else {
                value.code(code);
                taken = length;
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    value.finish()
}

/// The inside of `$tag$text$tag$`.
fn dollar_quoted(constant: &[u8]) -> Vec<u8> {
    let tag = constant.iter().skip(1).position(|&byte| byte == b'$').map_or(0, |at| at + 2);
    let end = constant.len().saturating_sub(tag);
    constant.get(tag..end).unwrap_or_default().to_vec()
}
