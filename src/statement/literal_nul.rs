//! String constants that spell a NUL by an escape, mended in place and within their length; knows
//! which constants have escapes, not what they are for.
//!
//! Source: PostgreSQL manual, "String Constants with C-Style Escapes" and "with Unicode Escapes";
//! `src/backend/parser/scan.l`.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::Lexing;
use super::lexer::{Lexer, Token, TokenKind};
use crate::encoding::Encoding;
use crate::value::backslash_escape::{BackslashEscapes, Now};
use crate::value::copy_escape::{Verdict, judge};
use crate::value::json_escape::{JsonEscape, THIRD_DIGIT};

/// Makes every NUL that an escape in a string constant stands for a space, which the server would
/// otherwise refuse; gives the number of them.
///
/// | Constant | NUL | becomes |
/// | --- | --- | --- |
/// | `E'...'`; `'...'` without standard_conforming_strings | `\0` `\00` `\000` `\400` | `\ ` `\40` `\040` `\040` |
/// | the same | `\x0` `\x00` | `\40` `\x20` |
/// | the same | `\u0000` `\U00000000` | `\u0020` `\U00000020` |
/// | `U&'...'`, with any UESCAPE | `\0000` `\+000000` | `\0020` `\+000020` |
///
/// Names, dollar quotes, comments and constants that never end stay as they are, and so does a
/// `\u0000` that a doubled backslash or an ordinary constant leaves to JSON: see [`json_escapes_in`].
pub fn mend_literals(sql: &mut [u8], lexing: Lexing) -> u64 {
    if !may_spell_nul(sql) {
        return 0;
    }
    // Constants are collected first because the lexer reads the text that they are changed in.
    let constants: Vec<Constant> = constants(sql, lexing).collect();
    constants.into_iter().map(|constant| constant.mend(sql, lexing.encoding)).sum()
}

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
    let mut step = |character, at| digits.extend(json.step(character, at));
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
    for at in &digits {
        if let Some(digit) = constant.get_mut(*at) {
            *digit = THIRD_DIGIT;
        }
    }
    u64::try_from(digits.len()).unwrap_or(u64::MAX)
}

/// Whether the text can hold a constant that spells a NUL: a cheap look that most texts end at.
fn may_spell_nul(sql: &[u8]) -> bool {
    // A constant with Unicode escapes may have another escape character than the backslash.
    has_suspicious_backslash(sql) || memmem::find(sql, b"&'").is_some()
}

/// Whether a backslash is followed by what an escape for NUL starts with.
fn has_suspicious_backslash(sql: &[u8]) -> bool {
    memchr_iter(b'\\', sql).any(|at| {
        matches!(
            sql.get(at + 1..).unwrap_or_default(),
            [b'0', ..] | [b'4' | b'x' | b'u' | b'U', b'0', ..]
        )
    })
}

/// A string constant with escapes, by its place in the text.
struct Constant {
    span: Range<usize>,
    /// The escape character of `U&'...'`; `None` where escapes are those of `E'...'`.
    unicode: Option<u8>,
}

/// The constants of a text in which an escape may spell a NUL.
fn constants(sql: &[u8], lexing: Lexing) -> impl Iterator<Item = Constant> {
    let mut lexer = Lexer::new(sql, lexing);
    std::iter::from_fn(move || {
        loop {
            let token = lexer.next()?;
            let span = token.start..token.end;
            match token.kind {
                TokenKind::EscapeText if has_suspicious_backslash(lexer.bytes(token)) => {
                    return Some(Constant { span, unicode: None });
                }
                TokenKind::UnicodeText => {
                    if let Some(escape) = unicode_escape(lexer) {
                        return Some(Constant { span, unicode: Some(escape) });
                    }
                }
                _ => {}
            }
        }
    })
}

/// The escape character of the `U&'...'` behind which the lexer stands; `None` if it is not
/// one that the server would accept.
pub(super) fn unicode_escape(mut lexer: Lexer<'_>) -> Option<u8> {
    let word = lexer.token();
    if word.kind != TokenKind::Word || !lexer.bytes(word).eq_ignore_ascii_case(b"uescape") {
        return Some(b'\\');
    }
    let character: Token = lexer.token();
    let [b'\'', escape, b'\''] = lexer.bytes(character) else { return None };
    let refused = escape.is_ascii_hexdigit()
        || escape.is_ascii_whitespace()
        || matches!(escape, b'+' | b'\'' | b'"' | 0x0B | 0x80..);
    (!refused).then_some(*escape)
}

impl Constant {
    fn mend(&self, sql: &mut [u8], encoding: Encoding) -> u64 {
        let Some(text) = sql.get_mut(self.span.clone()) else { return 0 };
        match self.unicode {
            Some(escape) => mend_unicode(text, escape, encoding),
            None => mend_escapes(text, encoding),
        }
    }
}

/// Mends a constant with escapes as in `E'...'`. An escape never goes on in the next piece.
fn mend_escapes(text: &mut [u8], encoding: Encoding) -> u64 {
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
                Verdict::Mend(with) => (with, with.len()),
                Verdict::Keep(bytes) => (b"", bytes),
                Verdict::Open => (b"", after.len()),
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
fn mend_unicode(text: &mut [u8], escape: u8, encoding: Encoding) -> u64 {
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

    const OFF: Lexing = Lexing { encoding: Encoding::Utf8, standard_conforming_strings: false };

    fn mend(sql: &str, lexing: Lexing) -> String {
        let mut text = sql.as_bytes().to_vec();
        let replaced = mend_literals(&mut text, lexing);
        assert_eq!(replaced > 0, text != sql.as_bytes(), "{sql}");
        assert_eq!(mend_literals(&mut text, lexing), 0, "{sql}");
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_spelling_of_nul_becomes_a_space() {
        for (sql, mended) in [
            (r"SELECT E'\0'", r"SELECT E'\ '"),
            (r"E'\00' e'\08' E'\000\0001'", r"E'\40' e'\ 8' E'\040\0401'"),
            (r"E'\400\401\x0\x00\x0g\x000'", r"E'\040\401\40\x20\40g\x200'"),
            (r"E'\u0000\U00000000\u00001'", r"E'\u0020\U00000020\u00201'"),
            (r"U&'\0000' u&'\+000000\00001'", r"U&'\0020' u&'\+000020\00201'"),
            (r"U&'!0000\0000' UESCAPE '!'", r"U&'!0020\0000' UESCAPE '!'"),
            ("U&'\\0000' /* */ uescape\n'\\'", "U&'\\0020' /* */ uescape\n'\\'"),
            ("U&'\\00'\n'00' 'x'", "U&'\\00'\n'20' 'x'"),
            ("E'a' -- it's\n '\\0'", "E'a' -- it's\n '\\ '"),
            ("E'\\0'\n'0'", "E'\\ '\n'0'"),
            (r"E'it''s \'\0'", r"E'it''s \'\ '"),
        ] {
            assert_eq!(mend(sql, Lexing::default()), mended);
        }
        assert_eq!(mend(r"'\0' N'\0' U'\0'", OFF), r"'\ ' N'\ ' U'\ '");
    }

    #[test]
    fn what_is_no_nul_stays() {
        for sql in [
            r"'\0' '\u0000' N'\0'",
            r"E'\\0\\\\000\\u0000'",
            r"E'\001\x01\u0001\U00000001\u000\U0000000'",
            r"$$E'\0'$$ $a$U&'\0000'$a$",
            r"-- E'\0'",
            r"/* E'\0' */ 'E''\0'",
            r#"U&"\0000" "E'\0'""#,
            r"U&'\\0000 \+00000 \000'",
            r"U&'!0000' UESCAPE '+'",
            r"U&'\0000' UESCAPE '!'",
            r"E'\0",
            r"B'0' X'00' \0",
        ] {
            assert_eq!(mend(sql, Lexing::default()), sql);
        }
    }

    #[test]
    fn trail_bytes_are_no_backslashes() {
        let sjis = Lexing { encoding: Encoding::ShiftJis, ..Lexing::default() };
        let mut text = b"E'\x95\\0\x95\\\\0'".to_vec();
        assert_eq!(mend_literals(&mut text, sjis), 1);
        assert_eq!(text, b"E'\x95\\0\x95\\\\ '");
    }

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
