//! Comparisons of columns with string constants and parameters, for queries that look names up in catalogs. Finds,
//! changes nothing.

use std::ops::Range;

use super::narrow;
use crate::statement::cursor::{Cursor, is_text};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::Statement;
use crate::statement::script::Script;

/// A column that is compared with constants or parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedColumn {
    /// The token of its name, without what stands in front of it.
    pub column: u32,
    /// The tokens of the constants and parameters.
    pub values: Vec<u32>,
    /// How they are compared.
    pub by: Comparison,
    /// What differs is wanted.
    pub is_negated: bool,
}

/// How a column is compared with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// By =, <> or IN.
    Equality,
    /// By LIKE.
    Like,
    /// By a regular expression.
    Pattern,
}

impl Script {
    /// The columns of a statement that are compared with string constants and parameters, and nothing else.
    pub fn compared_columns(&self, statement: &Statement, sql: &[u8]) -> Vec<ComparedColumn> {
        let mut cursor = self.statement_cursor(statement, sql);
        let mut found = Vec::new();
        while !cursor.at(TokenKind::End) {
            if cursor.at_name() {
                found.extend(behind_column(cursor));
            } else if is_value(cursor.token.kind) {
                found.extend(in_front_of_column(cursor));
            }
            cursor.bump();
        }
        found
    }
}

impl Script {
    /// Whether a name is a whole item of a select list, with the label that it has.
    pub fn is_item(&self, name: &Range<u32>, label: Option<u32>, sql: &[u8]) -> bool {
        let mut cursor = self.cursor(sql);
        cursor.go_to(name.start as usize);
        let before = cursor.previous();
        let begins = before.kind == TokenKind::Comma || cursor.token_is(before, "select");
        cursor.go_to(name.end as usize);
        if let Some(label) = label {
            cursor.eat("as");
            if cursor.index() != label as usize {
                return false;
            }
            cursor.bump();
        }
        begins && (cursor.at(TokenKind::Comma) || cursor.is("from"))
    }
}

/// `column = 'constant'`, `column IN ('constant', ...)`, with the cursor at the column.
fn behind_column(mut cursor: Cursor<'_>) -> Option<ComparedColumn> {
    let column = narrow(cursor.index());
    cursor.bump();
    let mut is_negated = cursor.eat("not");
    let by = if cursor.eat("in") {
        if !cursor.eat_kind(TokenKind::Open) {
            return None;
        }
        Comparison::Equality
    } else {
        let (by, differs) = comparison(&mut cursor)?;
        is_negated |= differs;
        by
    };
    let mut values = Vec::new();
    while let Some(value) = pass_value(&mut cursor) {
        values.push(value);
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    (!values.is_empty()).then_some(ComparedColumn { column, values, by, is_negated })
}

fn is_value(kind: TokenKind) -> bool {
    is_text(kind) || kind == TokenKind::Parameter
}

/// Passes a constant, or a parameter that is a text, with the casts to texts around it; gives its token.
fn pass_value(cursor: &mut Cursor<'_>) -> Option<u32> {
    let is_call = cursor.is("cast") && cursor.peek().kind == TokenKind::Open;
    if is_call {
        cursor.bump();
        cursor.bump();
    }
    if !is_value(cursor.token.kind) {
        return None;
    }
    let token = narrow(cursor.index());
    let is_parameter = cursor.at(TokenKind::Parameter);
    cursor.bump();
    if is_call && !(cursor.eat("as") && pass_text_type(cursor) && cursor.eat_kind(TokenKind::Close))
    {
        return None;
    }
    while cursor.eat_kind(TokenKind::Cast) {
        // What a constant is cast to does not make another name of it.
        if !pass_text_type(cursor) && is_parameter {
            return None;
        }
    }
    Some(token)
}

/// Passes the name of a type that holds texts, if it is one.
pub(super) fn pass_text_type(cursor: &mut Cursor<'_>) -> bool {
    if cursor.is("pg_catalog") && cursor.peek().kind == TokenKind::Dot {
        cursor.bump();
        cursor.bump();
    }
    let is_text = cursor.eat_all(&["character", "varying"])
        || ["text", "varchar", "name", "bpchar", "character"].iter().any(|word| cursor.eat(word));
    is_text && (!cursor.at(TokenKind::Open) || cursor.skip_brackets().is_ok())
}

/// `'constant' = column` or `$1 = column`, with the cursor at the value.
fn in_front_of_column(mut cursor: Cursor<'_>) -> Option<ComparedColumn> {
    let before = cursor.previous();
    let begins = before.kind == TokenKind::Open
        || ["and", "or", "where", "on", "not"].iter().any(|word| cursor.token_is(before, word));
    let value = pass_value(&mut cursor)?;
    if !begins || !cursor.is_operator("=") {
        return None;
    }
    cursor.bump();
    cursor.qualified_name().ok()?;
    let column = narrow(cursor.index().checked_sub(1)?);
    let is_call = cursor.at(TokenKind::Open);
    let values = vec![value];
    let by = Comparison::Equality;
    (!is_call).then_some(ComparedColumn { column, values, by, is_negated: false })
}

/// How things are compared, and whether what differs is wanted.
fn comparison(cursor: &mut Cursor<'_>) -> Option<(Comparison, bool)> {
    if cursor.eat("like") {
        return Some((Comparison::Like, false));
    }
    let in_words = cursor.eat("operator");
    if in_words {
        // `OPERATOR(pg_catalog.~)`.
        if !cursor.eat_kind(TokenKind::Open) {
            return None;
        }
        if cursor.at_name() {
            cursor.bump();
            if !cursor.eat_kind(TokenKind::Dot) {
                return None;
            }
        }
    }
    let by = match cursor.bytes(cursor.token) {
        b"=" => (Comparison::Equality, false),
        b"<>" | b"!=" => (Comparison::Equality, true),
        b"~" => (Comparison::Pattern, false),
        _ => return None,
    };
    cursor.bump();
    if in_words && !cursor.eat_kind(TokenKind::Close) {
        return None;
    }
    Some(by)
}
