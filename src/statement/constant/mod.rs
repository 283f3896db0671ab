//! A constant by its place in a text: its value, how another one is spelled in its place, and the
//! escapes in it that are mended within their length. Knows how constants are spelled, not what they
//! are for.

mod array;
mod cast;
mod json;
mod nul;
mod spelling;
mod value;

use std::ops::Range;

use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::plain_rows::PlainKind;
use crate::encoding::Encoding;
use crate::escape::surrogates::{self, may_hold_half};

pub use array::array_elements;
pub use cast::{CastConstant, cast_constant};
pub use nul::json_escapes_in;
pub(super) use nul::{has_suspicious_backslash, may_be_nul};
pub use spelling::{
    quoted_boolean, quoted_bytes, quoted_integer, quoted_number, quoted_text, timestamp_literal,
    without_national,
};
pub(super) use value::text_value;

/// A string constant: where it stands, without parentheses around it, and how it is spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringConstant {
    /// Its bytes: prefix, quotes and all parts, without its UESCAPE.
    pub span: Range<usize>,
    /// How it is spelled.
    pub spelling: Spelling,
}

/// How a string constant is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `'..'` in which a backslash is an ordinary character, and `N'..'`.
    Plain,
    /// `E'..'`, or `'..'` without standard_conforming_strings.
    Backslash,
    /// `U&'..'` with its escape character; `None` if the server refuses that.
    Unicode(Option<u8>),
    /// `$$..$$`.
    Dollar,
}

impl Spelling {
    /// The spelling of a token; that of a `U&'..'` whose UESCAPE, if it has one, is not read yet.
    pub(super) fn of(kind: TokenKind) -> Option<Spelling> {
        match kind {
            TokenKind::Text | TokenKind::NationalText => Some(Spelling::Plain),
            TokenKind::EscapeText => Some(Spelling::Backslash),
            TokenKind::UnicodeText => Some(Spelling::Unicode(Some(b'\\'))),
            TokenKind::DollarText => Some(Spelling::Dollar),
            _ => None,
        }
    }

    /// The spelling of a plain constant that is a string.
    pub(super) fn of_plain(kind: PlainKind) -> Option<Spelling> {
        match kind {
            PlainKind::Text => Some(Spelling::Plain),
            PlainKind::EscapeText => Some(Spelling::Backslash),
            _ => None,
        }
    }
}

impl StringConstant {
    /// Passes the string constant at the cursor, with its UESCAPE if it has one. The cursor stays if
    /// there is none.
    pub(super) fn pass(cursor: &mut Cursor<'_>) -> Option<StringConstant> {
        let token = cursor.token;
        let mut spelling = Spelling::of(token.kind)?;
        cursor.bump();
        if token.kind == TokenKind::UnicodeText && cursor.is("uescape") {
            let character = cursor.peek();
            spelling = Spelling::Unicode(escape_character(cursor.bytes(character)));
            if character.kind == TokenKind::Text {
                cursor.bump();
                cursor.bump();
            }
        }
        Some(StringConstant { span: token.start..token.end, spelling })
    }

    /// Its value: escapes resolved, its parts joined. `sql` is the text that it stands in.
    ///
    /// The value is in the client's encoding. Where that is not UTF-8, what an escape for a character
    /// beyond ASCII stands for is not known here, and there is no value. Neither is there one of a
    /// constant that the server refuses for half of a surrogate pair or for its UESCAPE. An escape for
    /// U+0000 is a byte 0.
    pub fn value(&self, sql: &[u8], client_encoding: Encoding) -> Option<Vec<u8>> {
        let text = sql.get(self.span.clone())?;
        value::value(text, self.spelling, client_encoding)
    }

    /// The same as far as it can be told: escapes of characters beyond ASCII are given in UTF-8.
    pub(super) fn likely_value(&self, sql: &[u8], client_encoding: Encoding) -> Vec<u8> {
        let text = sql.get(self.span.clone()).unwrap_or_default();
        value::likely_value(text, self.spelling, client_encoding)
    }

    /// Makes every NUL that an escape in it stands for a space, which the server would otherwise
    /// refuse; gives the number of them. The length stays, and so do the tokens of the text.
    ///
    /// | Constant | NUL | becomes |
    /// | --- | --- | --- |
    /// | `E'...'`; `'...'` without standard_conforming_strings | `\0` `\00` `\000` `\400` | `\ ` `\40` `\040` `\040` |
    /// | the same | `\x0` `\x00` | `\40` `\x20` |
    /// | the same | `\u0000` `\U00000000` | `\u0020` `\U00000020` |
    /// | `U&'...'`, with any UESCAPE | `\0000` `\+000000` | `\0020` `\+000020` |
    pub fn mend_nul(&self, sql: &mut [u8], client_encoding: Encoding) -> u64 {
        let Some(text) = sql.get_mut(self.span.clone()) else { return 0 };
        match self.spelling {
            Spelling::Backslash => nul::mend_escapes(text, client_encoding),
            Spelling::Unicode(Some(escape)) => nul::mend_unicode(text, escape, client_encoding),
            Spelling::Plain | Spelling::Unicode(None) | Spelling::Dollar => 0,
        }
    }

    /// Makes every JSON escape `\u0000` in it `\u0020`, for a caller who knows that it is `json` or
    /// `jsonb`; gives the number of them. The length stays. Its own escapes are resolved first, so that
    /// `E'\\u0000'` and `U&'\005cu0000'` are mended too.
    pub fn mend_json(&self, sql: &mut [u8], client_encoding: Encoding) -> u64 {
        let Some(text) = sql.get_mut(self.span.clone()) else { return 0 };
        match self.spelling {
            Spelling::Plain => json_escapes_in(text, false, client_encoding),
            Spelling::Backslash => json_escapes_in(text, true, client_encoding),
            Spelling::Unicode(Some(escape)) => json::mend_unicode(text, escape, client_encoding),
            Spelling::Unicode(None) => 0,
            Spelling::Dollar => json::mend_dollar_quoted(text, client_encoding),
        }
    }

    /// Whether it may hold a JSON escape for half of a surrogate pair.
    pub fn may_hold_half(&self, sql: &[u8]) -> bool {
        sql.get(self.span.clone()).is_some_and(may_hold_half)
    }

    /// Makes every JSON escape for half of a surrogate pair in it U+FFFD, for a caller who knows that it is JSON in
    /// UTF-8; gives the number of them. The length stays. Escapes whose digits are escapes of the constant stay.
    pub fn mend_halves(&self, sql: &mut [u8]) -> u64 {
        let Some(text) = sql.get_mut(self.span.clone()).filter(|text| may_hold_half(text)) else {
            return 0;
        };
        match self.spelling {
            Spelling::Plain => nul::mend_halves(text, false, Encoding::Utf8),
            Spelling::Backslash => nul::mend_halves(text, true, Encoding::Utf8),
            Spelling::Dollar => surrogates::mend_text(text),
            Spelling::Unicode(_) => 0,
        }
    }
}

/// The escape character that a UESCAPE gives by this constant; `None` if the server refuses it.
pub(super) fn escape_character(constant: &[u8]) -> Option<u8> {
    let [b'\'', escape, b'\''] = constant else { return None };
    let refused = escape.is_ascii_hexdigit()
        || escape.is_ascii_whitespace()
        || matches!(escape, b'+' | b'\'' | b'"' | 0x0B | 0x80..);
    (!refused).then_some(*escape)
}

/// The value of the string constant at the cursor, which it passes. Escapes of characters beyond ASCII
/// are given in UTF-8.
pub(super) fn text_constant(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<Vec<u8>> {
    let constant = StringConstant::pass(cursor)?;
    Some(constant.likely_value(cursor.sql(), encoding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::{ConstantPurpose, Scratch, Script};

    const OFF: Lexing = Lexing { encoding: Encoding::Utf8, standard_conforming_strings: false };

    /// Mends the constants of a text that are noted for this purpose; gives the number of NULs.
    fn mend_bytes(sql: &mut [u8], lexing: Lexing, purpose: &ConstantPurpose) -> u64 {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let script = Script::read(sql, lexing, &mapping, &mut Scratch::default());
        let noted = script.constants.iter().filter(|noted| noted.purpose == *purpose);
        let mended = noted.map(|noted| match purpose {
            ConstantPurpose::SpellsNul => noted.constant.mend_nul(sql, lexing.encoding),
            _ => noted.constant.mend_json(sql, lexing.encoding),
        });
        mended.sum()
    }

    fn mend(sql: &str, lexing: Lexing) -> String {
        let mut text = sql.as_bytes().to_vec();
        let replaced = mend_bytes(&mut text, lexing, &ConstantPurpose::SpellsNul);
        assert_eq!(replaced > 0, text != sql.as_bytes(), "{sql}");
        assert_eq!(mend_bytes(&mut text, lexing, &ConstantPurpose::SpellsNul), 0, "{sql}");
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
    fn trail_bytes_are_not_backslashes() {
        let sjis = Lexing { encoding: Encoding::ShiftJis, ..Lexing::default() };
        let mut text = b"E'\x95\\0\x95\\\\0'".to_vec();
        assert_eq!(mend_bytes(&mut text, sjis, &ConstantPurpose::SpellsNul), 1);
        assert_eq!(text, b"E'\x95\\0\x95\\\\ '");
    }

    /// The only string constant of a text.
    fn only(sql: &str, lexing: Lexing) -> Option<StringConstant> {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        let text = format!("INSERT INTO t VALUES ({sql})");
        let script = Script::read(text.as_bytes(), lexing, &mapping, &mut Scratch::default());
        let mut constant = None;
        let (_, write) = script.writes().next()?;
        script.slots(write, text.as_bytes(), &mut |slot| {
            constant = slot.constant;
            std::ops::ControlFlow::Continue(())
        });
        let front = text.len() - sql.len() - 1;
        constant.map(|constant| StringConstant {
            span: constant.span.start - front..constant.span.end - front,
            ..constant
        })
    }

    #[test]
    fn constants_of_any_spelling_are_mended() {
        for (sql, mended) in [
            (r#"'"\u0000"'"#, r#"'"\u0020"'"#),
            (r#"( ('"\\u0000 it''s \u0000"'))"#, r#"( ('"\\u0000 it''s \u0020"'))"#),
            ("N'\"\\u00'\n'00\"'", "N'\"\\u00'\n'20\"'"),
            (r#"E'"\\u0000 \\\\u0000"'"#, r#"E'"\\u0020 \\\\u0000"'"#),
            (r#"$a$"\u0000'\\u0000"$a$"#, r#"$a$"\u0020'\\u0000"$a$"#),
            (r#"U&'"\\u0000"'"#, r#"U&'"\\u0020"'"#),
            (r#"U&'"\005cu0000"'"#, r#"U&'"\005cu0020"'"#),
            (r#"U&'"\+00005Cu00\00300\0030"'"#, r#"U&'"\+00005Cu00\00320\0030"'"#),
            (r#"U&'"\u0000!005cu0000!!"' UESCAPE '!'"#, r#"U&'"\u0020!005cu0020!!"' UESCAPE '!'"#),
            ("U&'\"\\00'\n'5cu0000\"'", "U&'\"\\00'\n'5cu0020\"'"),
        ] {
            let mut text = sql.as_bytes().to_vec();
            let constant = only(sql, Lexing::default()).unwrap();
            let count = constant.mend_json(&mut text, Encoding::Utf8);
            assert_eq!(String::from_utf8(text.clone()).unwrap(), mended);
            assert!(count > 0);
            assert_eq!(constant.mend_json(&mut text, Encoding::Utf8), 0);
        }
        let mut text = br#"'"\\u0000"'"#.to_vec();
        let constant = only(r#"'"\\u0000"'"#, OFF).unwrap();
        assert_eq!(constant.mend_json(&mut text, Encoding::Utf8), 1);
    }

    #[test]
    fn other_things_stay() {
        for sql in [
            r#"'"\\u0000"'"#,
            r#"U&'"\\\\u0000"'"#,
            r#"U&'\u0000' UESCAPE '+'"#,
            r#""\u0000""#,
            r#"f('\u0000')"#,
            r#"$a$\u0000"#,
            "",
        ] {
            let mut text = sql.as_bytes().to_vec();
            let constant = only(sql, Lexing::default());
            let count =
                constant.map_or(0, |constant| constant.mend_json(&mut text, Encoding::Utf8));
            assert_eq!(count, 0, "{sql}");
            assert_eq!(text, sql.as_bytes());
        }
    }

    #[test]
    fn constants_have_values() {
        let text = |sql: &str, lexing| {
            let value = only(sql, lexing)?.value(sql.as_bytes(), lexing.encoding)?;
            Some(String::from_utf8(value).unwrap())
        };
        let latin = Lexing { encoding: Encoding::SingleByte, ..Lexing::default() };
        for (sql, value) in [
            ("'it''s'", "it's"),
            ("( 'a' -- '\n'b' )", "ab"),
            (r"'a\n'", r"a\n"),
            (r"E'a\n\101\x42\u0043\'\\'", "a\nABC'\\"),
            (r"E'\uD83D\uDE00\U0001F600\ud83d\U0000de00'", "\u{1f600}\u{1f600}\u{1f600}"),
            (r"U&'\0061\+01F600\\\d83d\de00'", "a\u{1f600}\\\u{1f600}"),
            (r"U&'!0061\' UESCAPE '!'", r"a\"),
            ("$a$'$$\\n$a$", "'$$\\n"),
            ("N'x'", "x"),
            (r"E'\0\x00\u0000a'", "\0\0\0a"),
            (r"U&'\0000'", "\0"),
        ] {
            assert_eq!(text(sql, Lexing::default()).as_deref(), Some(value), "{sql}");
        }
        assert_eq!(text(r"'a\n'", OFF).unwrap(), "a\n");
        assert_eq!(text(r"E'\x41'", latin).unwrap(), "A");
        for (sql, lexing) in [
            (r"E'\uD83D'", Lexing::default()),
            (r"E'\uD83Da'", Lexing::default()),
            (r"E'\uDE00'", Lexing::default()),
            (r"U&'\d83da'", Lexing::default()),
            (r"E'\u00e4'", latin),
            (r"E'\xe4'", latin),
            (r"U&'\00e4'", latin),
            ("'a' || 'b'", Lexing::default()),
            ("12", Lexing::default()),
        ] {
            assert_eq!(text(sql, lexing), None, "{sql}");
        }
    }
}
