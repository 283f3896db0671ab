//! Assignments that give a column the value that it has: `id = EXCLUDED.id` where `id` is what conflicts,
//! `id = s.id` where a MERGE joins by `t.id = s.id`. Finds, changes nothing.

use std::ops::Range;

use super::{Write, WriteKind};
use crate::encoding::Encoding;
use crate::statement::cursor::Cursor;
use crate::statement::lexer::TokenKind;
use crate::statement::name::kept_at;

/// An assignment that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedundantAssignment {
    /// Its bytes, with one of the commas around it if there is one.
    pub span: Range<usize>,
    /// Whether it is the only one of its clause.
    pub is_only: bool,
}

/// The assignment whose value begins at an offset, if it changes nothing. `statement` is at the start of the
/// statement, whose end is that of the text for it.
pub(in crate::statement) fn redundant_assignment(
    statement: Cursor<'_>,
    encoding: Encoding,
    kind: WriteKind,
    value_at: usize,
    column: &[u8],
) -> Option<RedundantAssignment> {
    let mut value = statement;
    while value.token.start < value_at {
        value.bump();
    }
    let at = |index: usize| {
        let mut cursor = statement;
        cursor.go_to(index);
        cursor
    };
    let kept = |index: usize| {
        let narrow = u32::try_from(index).unwrap_or(u32::MAX);
        kept_at(statement, narrow, encoding).into_owned()
    };
    let first = value.index();
    let (operator, name) = (at(first.checked_sub(1)?), at(first.checked_sub(2)?));
    let before = at(first.checked_sub(3)?);
    let is_assignment = operator.is_operator("=") && kept(name.index()) == column;
    let (dot, behind) = (at(first + 1), at(first + 3));
    let is_column = value.at_name() && dot.at(TokenKind::Dot) && kept(first + 2) == column;
    let ends = behind.is_any(&["when", "where", "returning"])
        || matches!(behind.token.kind, TokenKind::Comma | TokenKind::End | TokenKind::Semicolon);
    let begins = before.is("set") || before.at(TokenKind::Comma);
    if !is_assignment || !is_column || !ends || !begins {
        return None;
    }
    let is_same = match kind {
        WriteKind::Insert => {
            kept(first) == b"excluded"
                && conflicts(statement, column, &|cursor| kept(cursor.index()))
        }
        WriteKind::Merge => joins(statement, &kept(first), column, &|cursor| kept(cursor.index())),
        WriteKind::Update => false,
    };
    if !is_same {
        return None;
    }
    let (start, end) = (name.token.start, at(first + 2).token.end);
    let is_first = before.is("set");
    let is_last = !behind.at(TokenKind::Comma);
    let span = match (is_first, is_last) {
        (true, true) => start..end,
        (_, false) => start..at(first + 4).token.start,
        (false, true) => before.token.start..end,
    };
    Some(RedundantAssignment { span, is_only: is_first && is_last })
}

/// The name of the relation of a statement inside of it, as written.
pub(in crate::statement) fn target_bytes<'a>(mut statement: Cursor<'a>, write: &Write) -> &'a [u8] {
    statement.go_to(write.at.relation.end as usize);
    let last = statement.previous();
    if statement.is_operator("*") {
        statement.bump();
    }
    let is_named = statement.eat("as")
        || write.kind != WriteKind::Insert && !statement.is_any(&["set", "using"]);
    let is_alias = is_named && statement.at_name();
    statement.bytes(if is_alias { statement.token } else { last })
}

/// Whether the column is one of those by which rows conflict.
fn conflicts(mut cursor: Cursor<'_>, column: &[u8], kept: &dyn Fn(&Cursor<'_>) -> Vec<u8>) -> bool {
    while !cursor.at(TokenKind::End) {
        if !cursor.eat_all(&["on", "conflict"]) {
            cursor.bump();
            continue;
        }
        let Some(close) = cursor.partner().filter(|_| cursor.at(TokenKind::Open)) else {
            return false;
        };
        while cursor.index() < close {
            let opens = matches!(cursor.token.kind, TokenKind::Open | TokenKind::Comma);
            cursor.bump();
            let ends = matches!(cursor.peek().kind, TokenKind::Comma | TokenKind::Close);
            if opens && ends && kept(&cursor) == column {
                return true;
            }
        }
        return false;
    }
    false
}

/// Whether a MERGE joins only rows whose column is that of the source.
fn joins(
    mut cursor: Cursor<'_>,
    source: &[u8],
    column: &[u8],
    kept: &dyn Fn(&Cursor<'_>) -> Vec<u8>,
) -> bool {
    while !cursor.at(TokenKind::End) && !cursor.is("on") {
        if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_ok() {
            continue;
        }
        cursor.bump();
    }
    cursor.bump();
    let mut is_joined = false;
    while !cursor.at(TokenKind::End) && !cursor.is("when") {
        if cursor.is_any(&["or", "not", "case"]) {
            return false;
        }
        // `a.column = b.column`, one of which is the source's.
        let mut ahead = cursor;
        let mut names = Vec::new();
        let mut is_pair = ahead.at_name();
        for side in 0..2 {
            let table = kept(&ahead);
            ahead.bump();
            is_pair &= ahead.eat_kind(TokenKind::Dot) && kept(&ahead) == column;
            ahead.bump();
            names.push(table);
            if side == 0 {
                is_pair &= ahead.is_operator("=");
                ahead.bump();
            }
        }
        let previous = cursor.previous();
        let begins = previous.kind == TokenKind::Open
            || ["on", "and"].iter().any(|word| cursor.token_is(previous, word));
        let ends = ahead.is_any(&["and", "when"]) || ahead.at(TokenKind::Close);
        let of_source = names.iter().filter(|table| *table == source).count();
        is_joined |= is_pair && begins && ends && of_source == 1;
        cursor.bump();
    }
    is_joined
}
