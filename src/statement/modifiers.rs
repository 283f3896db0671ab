//! What stands behind a type's name: a list with its numbers, units and members, and the words that
//! go on with a name of PostgreSQL. Knows no other types.

use super::constant::text_constant;
use super::cursor::{Cursor, NotUnderstood, is_text};
use super::lexer::{Token, TokenKind};
use super::name::folded_name;
use crate::encoding::Encoding;
use crate::mapping::{ArgumentForm, Arguments};

/// Passes a list in parentheses and says what it holds. One that does not surely belong to the type
/// (`whole` is false) must have no parentheses inside.
pub(super) fn read_arguments(
    cursor: &mut Cursor<'_>,
    encoding: Encoding,
    whole: bool,
) -> Result<Arguments, NotUnderstood> {
    let mut inside = *cursor;
    if whole {
        cursor.skip_brackets()?;
    } else if !cursor.skip_flat_list() {
        return Ok(Arguments::default());
    }
    inside.bump();
    let is_member = is_text(inside.token.kind) || is_quoted(&inside);
    let arguments = if is_member || inside.at(TokenKind::NationalText) {
        members(&mut inside, encoding)
    } else {
        numbers(&mut inside)
    };
    let other = Arguments { written: ArgumentForm::Other, ..Arguments::default() };
    // Nothing may be left between what was understood and the parenthesis that was passed last.
    Ok(arguments.filter(|_| inside.token == cursor.previous()).unwrap_or(other))
}

/// `n`, `n CHAR`, `nM`, `p, s`, `*, s` or `MAX`, up to the closing parenthesis.
fn numbers(cursor: &mut Cursor<'_>) -> Option<Arguments> {
    if cursor.eat("max") {
        return Some(Arguments { written: ArgumentForm::Max, ..Arguments::default() });
    }
    let first = if cursor.is_operator("*") {
        cursor.bump();
        None
    } else {
        Some(number(cursor)?)
    };
    let first = first.map(|first| first.saturating_mul(unit(cursor)));
    let second = if cursor.eat_kind(TokenKind::Comma) { Some(number(cursor)?) } else { None };
    Some(Arguments { written: ArgumentForm::Numbers, first, second })
}

/// A decimal integer with its sign; too large ones saturate.
fn number(cursor: &mut Cursor<'_>) -> Option<i64> {
    let negative = cursor.is_operator("-");
    if negative || cursor.is_operator("+") {
        cursor.bump();
    }
    let value = i64::try_from(integer(cursor)?).unwrap_or(i64::MAX);
    cursor.bump();
    Some(if negative { -value } else { value })
}

/// Passes the unit of a length and gives what one of it is.
fn unit(cursor: &mut Cursor<'_>) -> i64 {
    const ONES: &[&str] = &["char", "byte", "bytes", "octets", "codeunits16", "codeunits32"];
    const LARGE: &[(&str, i64)] = &[("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    if let Some((_, bytes)) = LARGE.iter().find(|(word, _)| cursor.is(word)) {
        cursor.bump();
        return *bytes;
    }
    if cursor.is_any(ONES) {
        cursor.bump();
    }
    1
}

/// String constants with commas between, up to the closing parenthesis.
fn members(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<Arguments> {
    let (mut longest, mut total, mut count) = (0_usize, 0_usize, 0_usize);
    loop {
        let member = match is_quoted(cursor) {
            true => quoted_text(cursor),
            false => text_constant(cursor, encoding)?,
        };
        let characters = encoding.count_characters(&member);
        longest = longest.max(characters);
        total += characters;
        count += 1;
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    let length = |length: usize| i64::try_from(length).ok();
    Some(Arguments {
        written: ArgumentForm::Members,
        // A member may be empty, the column must not be.
        first: length(longest.max(1)),
        second: length((total + count - 1).max(1)),
    })
}

/// Whether a member in double quotes stands at the cursor, as MySQL takes it.
fn is_quoted(cursor: &Cursor<'_>) -> bool {
    cursor.at(TokenKind::QuotedName) && cursor.bytes(cursor.token).starts_with(b"\"")
}

/// The text in the double quotes at the cursor, which it passes.
fn quoted_text(cursor: &mut Cursor<'_>) -> Vec<u8> {
    let token = cursor.token;
    cursor.bump();
    folded_name(cursor, token).into_owned()
}

/// The number in `(number)`, if that is what stands at the cursor; too large ones saturate.
pub(super) fn number_alone(mut cursor: Cursor<'_>) -> Option<u64> {
    cursor.bump();
    let value = integer(&cursor)?;
    cursor.bump();
    cursor.at(TokenKind::Close).then_some(value)
}

/// The value of the decimal integer at the cursor; too large ones saturate.
fn integer(cursor: &Cursor<'_>) -> Option<u64> {
    if !cursor.at(TokenKind::Number) {
        return None;
    }
    let mut value = 0_u64;
    for byte in cursor.bytes(cursor.token) {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value = value.saturating_mul(10).saturating_add(digit);
    }
    Some(value)
}

/// Passes the words that make one type of PostgreSQL of several words.
pub(super) fn skip_native_words(cursor: &mut Cursor<'_>, first: Token) {
    const FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "to"];
    let is = |word: &str| cursor.token_is(first, word);
    if is("double") {
        cursor.eat("precision");
    } else if is("national") {
        let _ = cursor.eat("character") || cursor.eat("char");
        cursor.eat("varying");
    } else if is("character") || is("char") || is("nchar") || is("bit") {
        cursor.eat("varying");
    } else if is("time") || is("timestamp") {
        let _ = cursor.eat_all(&["with", "time", "zone"])
            || cursor.eat_all(&["without", "time", "zone"]);
    } else if is("interval") {
        while cursor.is_any(FIELDS) {
            cursor.bump();
        }
    }
}
