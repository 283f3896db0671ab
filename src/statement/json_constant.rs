//! String constants that are JSON: which of them a cast says are, which of them EXECUTE gives to a
//! parameter that may be, and their escapes `\u0000` mended in place. Knows how constants are spelled, and JSON no further than this escape.

use std::ops::Range;

use memchr::memmem;

use super::Lexing;
use super::cursor::Cursor;
use super::lexer::{Lexer, Quoting, Token, TokenKind};
use super::literal_nul::{Pieces, json_escapes_in, unicode_escape};
use super::name::kept_name;
use super::slots::{Ends, SlotValue, element};
use crate::encoding::Encoding;
use crate::value::json_escape::{JsonEscape, THIRD_DIGIT};

/// Makes every JSON escape `\u0000` in the string constant at `span` `\u0020`, which may have
/// parentheses around it; gives the number of them. The length stays. What is no string constant
/// stays as it is.
///
/// The constant may be spelled in any way: `'..'`, `E'..'`, `N'..'`, `U&'..'` with its UESCAPE,
/// `$$..$$`, in several parts. Its own escapes are resolved first, so that `E'\\u0000'` and
/// `U&'\005cu0000'` are mended too.
pub fn mend_json_constant(sql: &mut [u8], span: Range<usize>, lexing: Lexing) -> u64 {
    let Some(text) = sql.get_mut(span) else { return 0 };
    let mut lexer = Lexer::new(text, lexing);
    let mut token = lexer.token();
    while token.kind == TokenKind::Open {
        token = lexer.token();
    }
    let escape = unicode_escape(lexer);
    let Some(constant) = text.get_mut(token.start..token.end) else { return 0 };
    let encoding = lexing.encoding;
    match (token.kind, escape) {
        (TokenKind::Text | TokenKind::NationalText, _) => {
            json_escapes_in(constant, false, encoding)
        }
        (TokenKind::EscapeText, _) => json_escapes_in(constant, true, encoding),
        (TokenKind::UnicodeText, Some(escape)) => mend_unicode(constant, escape, encoding),
        (TokenKind::DollarText, _) => mend_dollar_quoted(constant, encoding),
        _ => 0,
    }
}

fn mend_dollar_quoted(constant: &mut [u8], encoding: Encoding) -> u64 {
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

fn mend_unicode(constant: &mut [u8], escape: u8, encoding: Encoding) -> u64 {
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

/// The string constants that a cast makes `json` or `jsonb` and that have `\u0000` in their bytes:
/// `'..'::jsonb`, `CAST('..' AS json)`, `jsonb '..'`; with UESCAPE, if they have one. A text
/// without `\u0000` costs one search.
pub fn json_casts(sql: &[u8], lexing: Lexing) -> Vec<Range<usize>> {
    let escape = memmem::Finder::new(b"\\u0000");
    let mut casts = Vec::new();
    if escape.find(sql).is_none() {
        return casts;
    }
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    let mut previous = cursor.previous;
    while !cursor.at(TokenKind::End) {
        let (before, constant) = (previous, cursor.token);
        previous = cursor.previous;
        cursor.bump();
        let candidate = matches!(
            constant.kind,
            TokenKind::Text
                | TokenKind::EscapeText
                | TokenKind::UnicodeText
                | TokenKind::DollarText
                | TokenKind::NationalText
        ) && escape.find(cursor.bytes(constant)).is_some();
        if !candidate {
            continue;
        }
        let mut behind = cursor;
        if constant.kind == TokenKind::UnicodeText && behind.eat("uescape") {
            behind.bump();
        }
        let end = behind.previous.end;
        if is_json(&cursor, previous) || is_cast(behind, before, previous) {
            casts.push(constant.start..end);
        }
    }
    casts
}

fn is_json(cursor: &Cursor<'_>, token: Token) -> bool {
    ["json", "jsonb"].iter().any(|word| cursor.token_is(token, word))
        || (token.kind == TokenKind::QuotedName
            && matches!(cursor.bytes(token), b"\"json\"" | b"\"jsonb\""))
}

/// Whether `::json` stands at the cursor, or `AS json` with `CAST (` as the tokens before the
/// constant. An array of JSON is none.
fn is_cast(mut cursor: Cursor<'_>, before: Token, previous: Token) -> bool {
    let function = previous.kind == TokenKind::Open && cursor.token_is(before, "cast");
    if !(cursor.eat_kind(TokenKind::Cast) || (function && cursor.eat("as"))) {
        return false;
    }
    if cursor.is("pg_catalog") && cursor.peek().kind == TokenKind::Dot {
        cursor.bump();
        cursor.bump();
    }
    let is_json = is_json(&cursor, cursor.token);
    cursor.bump();
    is_json && !cursor.at(TokenKind::OpenBracket) && !cursor.is("array")
}

/// A string constant that EXECUTE gives to a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteConstant {
    /// The name of the prepared statement, as PostgreSQL keeps it.
    pub statement: Vec<u8>,
    /// The place of the parameter, from 0.
    pub index: usize,
    /// The bytes of the constant, with its parentheses.
    pub span: Range<usize>,
}

/// The string constants with `u0000` in their bytes that `EXECUTE name ( ... )` passes, also behind
/// EXPLAIN or CREATE TABLE AS. A text without `u0000` costs one search.
///
/// What merely looks like it is given too: whether there is a prepared statement of that name, and of
/// which type its parameters are, is not known here. Takes any bytes, in time linear to their number.
pub fn execute_constants(sql: &[u8], lexing: Lexing) -> Vec<ExecuteConstant> {
    let holds = |text: &[u8]| memmem::find(text, b"u0000").is_some();
    let mut constants = Vec::new();
    if !holds(sql) {
        return constants;
    }
    let mut cursor = Cursor::new(sql, lexing, Quoting::default());
    while !cursor.at(TokenKind::End) {
        let executes = cursor.previous.kind != TokenKind::Dot && cursor.eat("execute");
        if !executes {
            cursor.bump();
            continue;
        }
        let token = cursor.token;
        let name = kept_name(token.kind, cursor.bytes(token), lexing.encoding);
        let Some(statement) = name.filter(|_| cursor.peek().kind == TokenKind::Open) else {
            continue;
        };
        cursor.bump();
        for index in 0.. {
            cursor.bump();
            let Ok(value) = element(&mut cursor, Ends::Parenthesis) else { break };
            let written = sql.get(value.span.clone()).unwrap_or_default();
            if value.value == SlotValue::String && holds(written) {
                let (statement, span) = (statement.clone(), value.span);
                constants.push(ExecuteConstant { statement, index, span });
            }
            if !cursor.at(TokenKind::Comma) {
                break;
            }
        }
    }
    constants
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: Lexing = Lexing { encoding: Encoding::Utf8, standard_conforming_strings: false };

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
            let count = mend_json_constant(&mut text, 0..sql.len(), Lexing::default());
            assert_eq!(String::from_utf8(text.clone()).unwrap(), mended);
            assert!(count > 0);
            assert_eq!(mend_json_constant(&mut text, 0..sql.len(), Lexing::default()), 0);
        }
        let mut text = br#"'"\\u0000"'"#.to_vec();
        assert_eq!(mend_json_constant(&mut text, 0..11, OFF), 1);
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
            assert_eq!(mend_json_constant(&mut text, 0..sql.len(), Lexing::default()), 0, "{sql}");
            assert_eq!(text, sql.as_bytes());
        }
    }

    #[test]
    fn casts_to_json_are_found() {
        let found = |sql: &str| -> Vec<String> {
            let casts = json_casts(sql.as_bytes(), Lexing::default());
            casts.into_iter().map(|span| sql[span].to_owned()).collect()
        };
        for sql in [
            r"SELECT [\u0000]::jsonb",
            r"SELECT [\u0000] :: /* c */ pg_catalog.json",
            r#"SELECT [\u0000]::"jsonb", '\u0000'"#,
            r"SELECT CAST ( [\u0000] AS JSON)",
            r"SELECT json [\u0000]",
            r"SELECT pg_catalog.jsonb [\u0000] -> 'a'",
        ] {
            for constant in ["'X'", "E'X'", "$$X$$", "U&'X' UESCAPE '!'"] {
                let constant = constant.replace('X', "\\u0000");
                assert_eq!(found(&sql.replace(r"[\u0000]", &constant)), [constant], "{sql}");
            }
        }
        for sql in [
            r"SELECT '\u0000', '{}'::json",
            r"SELECT '\u0000'::jsonb[], '\u0000'::json ARRAY, CAST('\u0000' AS jsonb[])",
            r"SELECT '\u0000'::text, f('\u0000' AS json), '\u0000'::x.json",
            r"SELECT '\u0001'::jsonb /* \u0000 */",
        ] {
            assert!(found(sql).is_empty(), "{sql}");
        }
    }

    #[test]
    fn arguments_of_execute_are_found() {
        let found = |sql: &str| -> Vec<(String, usize, String)> {
            let constants = execute_constants(sql.as_bytes(), Lexing::default());
            let given = constants.into_iter().map(|constant| {
                let statement = String::from_utf8(constant.statement).unwrap();
                (statement, constant.index, sql[constant.span].to_owned())
            });
            given.collect()
        };
        let one = |name: &str, index, text: &str| (name.to_owned(), index, text.to_owned());
        for (sql, expected) in [
            (r"EXECUTE p('\u0000')", vec![one("p", 0, r"'\u0000'")]),
            (
                r#"execute "P"(1, (f(2, '\u0000')), ( E'\\u0000' ), '{}', $$\u0000$$);"#,
                vec![one("P", 2, r"( E'\\u0000' )"), one("P", 4, r"$$\u0000$$")],
            ),
            (
                r"EXPLAIN ANALYZE EXECUTE a('\u0000'); CREATE TABLE t AS EXECUTE B('\u0000')",
                vec![one("a", 0, r"'\u0000'"), one("b", 0, r"'\u0000'")],
            ),
            (r"EXECUTE p('\u0000'::json, '\u0001')", vec![]),
            (r"EXECUTE p; SELECT execute.p('\u0000'), x.execute ('\u0000')", vec![]),
            (r"CREATE TRIGGER t EXECUTE FUNCTION f('\u0000')", vec![]),
            (r"EXECUTE p('\u0000'", vec![]),
            (r"EXECUTE p(EXECUTE q('\u0000'; SELECT '\u0000'", vec![]),
            (r"EXECUTE p(", vec![]),
        ] {
            assert_eq!(found(sql), expected, "{sql}");
        }
    }
}
