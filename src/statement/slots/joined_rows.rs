//! The rows of a list that an UPDATE, DELETE or MERGE joins, where each of them can be tried by itself. Finds, changes
//! nothing.

use std::ops::Range;

use crate::statement::cursor::{Cursor, NotUnderstood};
use crate::statement::lexer::TokenKind;
use crate::statement::plain_rows::PlainItems;

/// Digits that are surely an `int4`.
const INT4_DIGITS: usize = 9;

/// Whether no relation is behind this word, from which rows come. Finds the rows of a list in its place.
pub(super) fn joined(mut cursor: Cursor<'_>, word: &str, rows: &mut Vec<Range<usize>>) -> bool {
    if reads_relation(cursor, word) {
        return false;
    }
    if find(&mut cursor, word) && !is_about_others(cursor) {
        *rows = only_list(cursor).unwrap_or_default();
    }
    true
}

/// Lists in parentheses with commas between.
pub(super) fn listed(cursor: &mut Cursor<'_>) -> Result<Vec<Range<usize>>, NotUnderstood> {
    let mut rows = Vec::new();
    loop {
        let start = cursor.token.start;
        cursor.skip_brackets()?;
        rows.push(start..cursor.previous().end);
        while cursor.at(TokenKind::PlainRows) {
            let run = cursor.token;
            rows.extend(PlainItems::new(cursor.sql(), run.start..run.end).map(|item| item.span));
            cursor.bump();
        }
        if !cursor.eat_kind(TokenKind::Comma) {
            return Ok(rows);
        }
    }
}

/// Goes to a word that stands outside of parentheses.
pub(super) fn find(cursor: &mut Cursor<'_>, word: &str) -> bool {
    while !cursor.at(TokenKind::End) {
        if cursor.is(word) && cursor.previous().kind != TokenKind::Dot {
            return true;
        }
        if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
            cursor.bump();
        }
    }
    false
}

/// Whether rows come from a relation behind this word, and not from a list in parentheses.
pub(super) fn reads_relation(mut cursor: Cursor<'_>, word: &str) -> bool {
    find(&mut cursor, word) && cursor.peek().kind != TokenKind::Open
}

/// Whether a MERGE says what becomes of rows that are not in its list, the whole of it.
fn is_about_others(mut cursor: Cursor<'_>) -> bool {
    while find(&mut cursor, "by") {
        cursor.bump();
        if cursor.is("source") {
            return true;
        }
    }
    false
}

/// The rows of `(VALUES ...) alias (columns)` behind the word at the cursor, if nothing else is joined.
fn only_list(mut cursor: Cursor<'_>) -> Option<Vec<Range<usize>>> {
    cursor.bump();
    let mut inside = cursor;
    cursor.skip_brackets().ok()?;
    cursor.eat("as");
    cursor.at_name().then(|| cursor.bump())?;
    if cursor.at(TokenKind::Open) {
        cursor.skip_brackets().ok()?;
    }
    let is_only = cursor.is_any(&["where", "on"])
        || matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
    inside.bump();
    if !is_only || !inside.eat("values") {
        return None;
    }
    let rows = listed(&mut inside).ok().filter(|_| inside.at(TokenKind::Close))?;
    let mut shapes = rows.iter().map(|row| shape(cursor.sql().get(row.clone())?));
    let first = shapes.next()??;
    shapes.all(|shape| shape.as_ref() == Some(&first)).then_some(rows)
}

/// What decides over the types of a row's values: rows with the same are of the same types, in a list and alone. `None`
/// for what is not read here.
fn shape(row: &[u8]) -> Option<Vec<u8>> {
    let mut shape = Vec::new();
    let mut at = 0;
    while let Some(&byte) = row.get(at) {
        let rest = row.get(at..)?;
        let run = |is_of_it: fn(&u8) -> bool| rest.iter().take_while(|byte| is_of_it(byte)).count();
        let is_first = matches!(shape.last(), Some(b'(' | b','));
        at += match byte {
            b'$' | b'\\' | b'"' => return None,
            b'\'' => {
                shape.push(b'\'');
                text_end(rest)?
            }
            b'-' | b'/' if matches!(rest.get(1), Some(b'-' | b'*')) => return None,
            b'-' | b'+' if is_first => 1,
            b'0'..=b'9' => {
                let digits = run(u8::is_ascii_digit);
                let number = rest.get(..digits)?;
                shape.extend_from_slice(if digits > INT4_DIGITS { number } else { b"1" });
                digits
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
                let length =
                    run(|byte| matches!(byte, b'_' | 0x80..) || byte.is_ascii_alphanumeric());
                let word = rest.get(..length)?.to_ascii_lowercase();
                shape.extend_from_slice(match &*word {
                    b"null" => b"'",
                    b"false" => b"true",
                    word => word,
                });
                length
            }
            byte if byte.is_ascii_whitespace() => 1,
            byte => {
                shape.push(byte);
                1
            }
        };
    }
    Some(shape)
}

/// Behind the quote that ends a text.
fn text_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += 2 + memchr::memchr(b'\'', text.get(at + 1..)?)?;
        if text.get(at) != Some(&b'\'') {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_other_types_have_another_shape() {
        let of = |row: &str| shape(row.as_bytes()).map(|shape| String::from_utf8(shape).unwrap());
        for (one, other) in [
            ("(1, 'a', NULL, true)", "(-23,NULL,'it''s',False)"),
            ("(1.5, f(2), '1'::date)", "(20.25, f(3), '2'::date)"),
        ] {
            assert!(of(one).is_some() && of(one) == of(other), "{one} {other}");
        }
        for other in ["(NULL)", "(1.0)", "(1e3)", "(3000000000)", "('1')", "(1::int8)", "(f1(1))"] {
            assert_ne!(of("(1)"), of(other), "{other}");
        }
        for row in ["($1)", "('a''", "(E'\\'')", "(\"a\")", "(1 -- a\n)", "(1 /* a */)", "('a)"] {
            assert_eq!(of(row), None, "{row}");
        }
    }
}
