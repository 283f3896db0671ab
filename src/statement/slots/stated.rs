//! What an UPDATE states of the row that it means: the columns that it assigns and asks for, with plain values. Finds,
//! changes nothing.
//!
//! Source: PostgreSQL manual, UPDATE.

use std::ops::Range;

use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, is_name, is_text};
use crate::statement::lexer::TokenKind;
use crate::statement::name::kept_at;

/// A column, as PostgreSQL keeps its name, and the bytes of its value.
pub(super) type StatedValue = (Vec<u8>, Range<usize>);

/// The assignments and conditions of an UPDATE, from behind its target on: those of SET first. `None` where one is more
/// than a column and a constant or parameter, or conditions are more than a list with AND.
pub(super) fn stated(mut cursor: Cursor<'_>, encoding: Encoding) -> Option<Vec<StatedValue>> {
    let mut stated = Vec::new();
    if !cursor.eat("set") {
        return None;
    }
    loop {
        stated.push(assigned(&mut cursor, encoding)?);
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    if !cursor.eat("where") {
        return None;
    }
    loop {
        let is_null = cursor.peek().kind == TokenKind::Word && {
            let mut ahead = cursor;
            ahead.bump();
            ahead.eat_all(&["is", "null"])
        };
        if is_null {
            // The row has it by itself.
            cursor.bump();
            cursor.eat_all(&["is", "null"]);
        } else {
            stated.push(assigned(&mut cursor, encoding)?);
        }
        if !cursor.eat("and") {
            break;
        }
    }
    let ends = matches!(cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
    ends.then_some(stated)
}

/// A column, an equals sign and a plain value.
fn assigned(cursor: &mut Cursor<'_>, encoding: Encoding) -> Option<StatedValue> {
    let mut name = cursor.index();
    loop {
        if !is_name(cursor.token.kind) {
            return None;
        }
        name = name.max(cursor.index());
        cursor.bump();
        if !cursor.eat_kind(TokenKind::Dot) {
            break;
        }
    }
    let name = kept_at(*cursor, u32::try_from(name).ok()?, encoding).into_owned();
    if !cursor.is_operator("=") {
        return None;
    }
    cursor.bump();
    let start = cursor.token.start;
    value(cursor)?;
    Some((name, start..cursor.previous().end))
}

/// Passes a constant or a parameter, with casts.
fn value(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.is("cast") && cursor.peek().kind == TokenKind::Open {
        cursor.bump();
        cursor.bump();
        constant(cursor)?;
        if !cursor.eat("as") {
            return None;
        }
        type_name(cursor)?;
        return cursor.eat_kind(TokenKind::Close).then_some(());
    }
    constant(cursor)
}

fn constant(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.is_operator("-") {
        cursor.bump();
    }
    // DATE '2024-01-31'.
    if cursor.at(TokenKind::Word) && is_text(cursor.peek().kind) {
        cursor.bump();
    }
    let kind = cursor.token.kind;
    let is_constant = is_text(kind)
        || matches!(kind, TokenKind::Number | TokenKind::Parameter)
        || cursor.is_any(&["null", "true", "false"]);
    if !is_constant {
        return None;
    }
    cursor.bump();
    while cursor.eat_kind(TokenKind::Cast) {
        type_name(cursor)?;
    }
    Some(())
}

/// Passes the name of a type.
fn type_name(cursor: &mut Cursor<'_>) -> Option<()> {
    if !is_name(cursor.token.kind) {
        return None;
    }
    loop {
        match cursor.token.kind {
            TokenKind::Open | TokenKind::OpenBracket => cursor.skip_brackets().ok()?,
            TokenKind::Dot => cursor.bump(),
            kind if is_name(kind) && !cursor.is_any(&["where", "and"]) => cursor.bump(),
            _ => return Some(()),
        }
    }
}
