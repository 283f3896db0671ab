//! String constants that spell a NUL by an escape, mended in place and within their length; knows
//! which constants have escapes, not what they are for.
//!
//! Source: PostgreSQL manual, "String Constants with C-Style Escapes" and "with Unicode Escapes";
//! `src/backend/parser/scan.l`.

use memchr::{memchr, memchr_iter, memchr2, memmem};

use crate::encoding::Encoding;
use crate::escape::backslash::{BackslashEscapes, Now};
use crate::escape::json::{JsonEscape, THIRD_DIGIT};
use crate::escape::nul::{NulEscape, judge};
use crate::escape::surrogates::HalfSurrogates;

/// Makes every JSON escape `\u0000` in a string constant `\u0020`; gives the number of them. For a
/// caller who knows that the constant is for `json` or `jsonb`.
///
/// `constant` is all of it as it stands in the text, prefix and quotes included; `in_backslash_string`
/// says whether backslashes are escapes in it (`E'...'`, or `'...'` without
/// standard_conforming_strings), so that JSON's own are doubled.
pub fn json_escapes_in(
    constant: &mut [u8],
    in_backslash_string: bool,
    client_encoding: Encoding,
) -> u64 {
    if memmem::find(constant, b"\\").is_none() {
        return 0;
    }
    let mut digits = Vec::new();
    let mut json = JsonEscape::default();
    let step = |character, at| digits.extend(json.step(character, at));
    each_character(constant, in_backslash_string, client_encoding, step);
    for at in &digits {
        if let Some(digit) = constant.get_mut(*at) {
            *digit = THIRD_DIGIT;
        }
    }
    u64::try_from(digits.len()).unwrap_or(u64::MAX)
}

/// Makes every JSON escape for half of a surrogate pair in a string constant U+FFFD, where its digits are spelled as
/// such; gives the number of them. The constant is as for [`json_escapes_in`].
pub(super) fn mend_halves(
    constant: &mut [u8],
    in_backslash_string: bool,
    client_encoding: Encoding,
) -> u64 {
    let mut halves = HalfSurrogates::default();
    let step = |character, at| halves.step(character, at);
    each_character(constant, in_backslash_string, client_encoding, step);
    halves.mend(constant)
}

/// Gives each character of the value of a string constant, with the offset of the last byte that spells it.
fn each_character(
    constant: &[u8],
    in_backslash_string: bool,
    client_encoding: Encoding,
    mut step: impl FnMut(u8, usize),
) {
    if in_backslash_string {
        let mut escapes = BackslashEscapes::of_literal();
        let mut last = 0;
        let mut pieces = Pieces::new(constant, client_encoding);
        while let Some((byte, at)) = pieces.next_byte(!escapes.is_outside()) {
            // An escape never goes on in the next piece.
            if at > last + 1
                && let (Some(character), _) = escapes.feed(0xFF)
            {
                step(character, last);
            }
            let (ended, now) = escapes.feed(byte);
            if let Some(character) = ended {
                step(character, last);
            }
            if let Now::Escaped(character) | Now::Plain(character) = now {
                step(character, at);
            }
            last = at;
        }
    } else {
        let mut pieces = Pieces::new(constant, client_encoding);
        while let Some((byte, at)) = pieces.next_byte(false) {
            step(byte, at);
        }
    }
}

/// Whether a backslash is followed by what an escape for NUL starts with.
pub(in crate::statement) fn has_suspicious_backslash(sql: &[u8]) -> bool {
    memchr_iter(b'\\', sql).any(|at| may_be_nul(sql.get(at + 1..).unwrap_or_default()))
}

/// Whether an escape for NUL may start so, behind its backslash.
pub(in crate::statement) fn may_be_nul(escape: &[u8]) -> bool {
    matches!(escape, [b'0', ..] | [b'4' | b'x' | b'u' | b'U', b'0', ..])
}

/// Mends a constant with escapes as in `E'...'`. An escape never goes on in the next piece.
pub(super) fn mend_escapes(text: &mut [u8], encoding: Encoding) -> u64 {
    let mut replaced = 0;
    let mut at = 0;
    while let Some(start) = {
        let mut pieces = Pieces::resume(text, at, encoding);
        pieces.next_backslash()
    } {
        let after = text.get_mut(start + 1..).unwrap_or_default();
        let (with, skip): (&[u8], usize) = match after {
            [b'u', b'0', b'0', b'0', b'0', ..] => (b"u0020", 5),
            [b'U', b'0', b'0', b'0', b'0', b'0', b'0', b'0', b'0', ..] => (b"U00000020", 9),
            _ => match judge(after) {
                NulEscape::Mend(with) => (with, with.len()),
                NulEscape::Keep(bytes) => (b"", bytes),
                NulEscape::Open => (b"", after.len()),
            },
        };
        if let (false, Some(escape)) = (with.is_empty(), after.get_mut(..with.len())) {
            escape.copy_from_slice(with);
            replaced += 1;
        }
        at = start + 1 + skip;
    }
    replaced
}

/// Mends a constant with Unicode escapes. The server joins its pieces before it looks for escapes.
pub(super) fn mend_unicode(text: &mut [u8], escape: u8, encoding: Encoding) -> u64 {
    let mut digits = Vec::new();
    let mut pieces = Pieces::new(text, encoding);
    while let Some((byte, _)) = pieces.next_byte(false) {
        if byte != escape {
            continue;
        }
        let Some((mut next, mut at)) = pieces.next_byte(false) else { break };
        let count = match next {
            b'+' => {
                let Some(first) = pieces.next_byte(false) else { break };
                (next, at) = first;
                6
            }
            _ => 4,
        };
        let (mut zeros, mut tens) = (0, 0);
        while next == b'0' {
            zeros += 1;
            if zeros == count - 1 {
                tens = at;
            }
            if zeros == count {
                digits.push(tens);
                break;
            }
            let Some(digit) = pieces.next_byte(false) else { break };
            (next, at) = digit;
        }
        // The escape character within an escape, or a doubled one, starts none of its own: the
        // first is an error and the second a character.
    }
    for at in &digits {
        if let Some(digit) = text.get_mut(*at) {
            *digit = THIRD_DIGIT;
        }
    }
    u64::try_from(digits.len()).unwrap_or(u64::MAX)
}

/// The bytes of the value of a string constant that is known to end, its doubled quotes single,
/// whatever separates its pieces left out.
pub(super) struct Pieces<'a> {
    text: &'a [u8],
    at: usize,
    encoding: Encoding,
    /// Where the rest of a longer character ends.
    character_end: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a [u8], encoding: Encoding) -> Pieces<'a> {
        let at = memchr(b'\'', text).map_or(text.len(), |quote| quote + 1);
        Pieces { text, at, encoding, character_end: 0 }
    }

    /// From an offset inside a piece on; zero is the start of the constant.
    fn resume(text: &'a [u8], at: usize, encoding: Encoding) -> Pieces<'a> {
        match at {
            0 => Pieces::new(text, encoding),
            _ => Pieces { text, at, encoding, character_end: 0 },
        }
    }

    /// The next byte and its offset. Behind an open backslash a quote is an ordinary character.
    pub(super) fn next_byte(&mut self, in_escape: bool) -> Option<(u8, usize)> {
        loop {
            let at = self.at;
            let &byte = self.text.get(at)?;
            self.at += 1;
            if byte >= 0x80 && at >= self.character_end && self.encoding.has_ascii_trail() {
                let rest = self.text.get(at..).unwrap_or_default();
                self.character_end = at + self.encoding.character_length(rest);
            }
            // The bytes behind the first of a longer character are no characters of their own.
            let byte = if at < self.character_end { byte | 0x80 } else { byte };
            let behind_backslash = in_escape && self.text.get(at.wrapping_sub(1)) == Some(&b'\\');
            if byte != b'\'' || behind_backslash {
                return Some((byte, at));
            }
            if self.text.get(self.at) == Some(&b'\'') {
                self.at += 1;
                return Some((byte, at + 1));
            }
            self.at = self.next_piece(self.at)?;
        }
    }

    /// The offset of the next backslash.
    fn next_backslash(&mut self) -> Option<usize> {
        loop {
            if !self.encoding.has_ascii_trail() {
                self.at += memchr2(b'\\', b'\'', self.text.get(self.at..)?)?;
            }
            match self.next_byte(false)? {
                (b'\\', at) => return Some(at),
                _ => continue,
            }
        }
    }

    /// Behind the quote that ends a piece: where the next one starts.
    fn next_piece(&self, mut at: usize) -> Option<usize> {
        loop {
            at = match self.text.get(at..)? {
                [b'\'', ..] => return Some(at + 1),
                [b'-', rest @ ..] => at + 1 + memchr2(b'\n', b'\r', rest)?,
                [_, ..] => at + 1,
                [] => return None,
            };
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_are_found_by_parity() {
        let json = |text: &str, in_backslash_string| {
            let mut text = text.as_bytes().to_vec();
            json_escapes_in(&mut text, in_backslash_string, Encoding::Utf8);
            String::from_utf8(text).unwrap()
        };
        for (text, mended) in [
            (r#"'"\u0000"'"#, r#"'"\u0020"'"#),
            (r#"'"\\u0000 it''s \u0000"'"#, r#"'"\\u0000 it''s \u0020"'"#),
            ("'\"\\u0'\n'000\"'", "'\"\\u0'\n'020\"'"),
        ] {
            assert_eq!(json(text, false), mended);
        }
        for (text, mended) in [
            (r#"E'"\\u0000"'"#, r#"E'"\\u0020"'"#),
            (r#"E'"\\\\u0000"'"#, r#"E'"\\\\u0000"'"#),
            (r#"E'"\134\165\60\x30\u00300"'"#, r#"E'"\134\165\60\x30\u00320"'"#),
            ("E'\"\\\\u00\\60'\n'0\"'", "E'\"\\\\u00\\62'\n'0\"'"),
            (r#"E'\'\\u0000'"#, r#"E'\'\\u0020'"#),
        ] {
            assert_eq!(json(text, true), mended);
        }
    }
}
