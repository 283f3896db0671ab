//! The escapes `\u0000` of JSON in string constants, mended in place. Knows how constants are spelled,
//! and JSON no further than this escape.

use super::nul::Pieces;
use crate::encoding::Encoding;
use crate::escape::json::{JsonEscape, THIRD_DIGIT};

pub(super) fn mend_dollar_quoted(constant: &mut [u8], encoding: Encoding) -> u64 {
    let mut json = JsonEscape::default();
    let mut digits = Vec::new();
    let mut at = 0;
    // The tags hold no backslash that could be a part of an escape.
    while let Some(rest) = constant.get(at..)
        && let Some(&byte) = rest.first()
    {
        at += encoding.character_length(rest);
        digits.extend(json.step(byte, at - 1));
    }
    set_digits(constant, &digits)
}

/// An escape of `U&'..'` that is open.
#[derive(Clone, Copy)]
struct UnicodeDigits {
    code: u32,
    /// Digits that are to come.
    left: usize,
}

pub(super) fn mend_unicode(constant: &mut [u8], escape: u8, encoding: Encoding) -> u64 {
    let mut json = JsonEscape::default();
    let mut mended = Vec::new();
    let mut pieces = Pieces::new(constant, encoding);
    while let Some((byte, at)) = pieces.next_byte(false) {
        if byte != escape {
            mended.extend(json.step(byte, at));
            continue;
        }
        let Some((next, at)) = pieces.next_byte(false) else { break };
        if next == escape {
            mended.extend(json.step(next, at));
            continue;
        }
        let mut digits = match char::from(next).to_digit(16) {
            Some(code) => UnicodeDigits { code, left: 3 },
            // A plus, or what the server refuses.
            None => UnicodeDigits { code: 0, left: 6 },
        };
        let mut last = at;
        while digits.left > 0
            && let Some((byte, at)) = pieces.next_byte(false)
        {
            let Some(digit) = char::from(byte).to_digit(16) else { break };
            digits = UnicodeDigits { code: digits.code << 4 | digit, left: digits.left - 1 };
            last = at;
        }
        // Beyond ASCII it is no character of the escape, whatever it is.
        mended.extend(json.step(u8::try_from(digits.code).unwrap_or(0xFF), last));
    }
    set_digits(constant, &mended)
}

fn set_digits(constant: &mut [u8], digits: &[usize]) -> u64 {
    for at in digits {
        if let Some(digit) = constant.get_mut(*at) {
            *digit = THIRD_DIGIT;
        }
    }
    u64::try_from(digits.len()).unwrap_or(u64::MAX)
}
