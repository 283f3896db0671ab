//! Comparisons of columns with string constants, for queries that look names up in catalogs. Finds, changes nothing.

use std::ops::Range;

use super::narrow;
use crate::statement::cursor::{Cursor, is_text};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::Statement;
use crate::statement::script::Script;

/// A column that is compared with constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedColumn {
    /// The token of its name, without what stands in front of it.
    pub column: u32,
    /// The tokens of the constants.
    pub constants: Range<u32>,
    /// How they are compared.
    pub by: Comparison,
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
    /// The columns of a statement that are compared with string constants and nothing else.
    pub fn compared_columns(&self, statement: &Statement, sql: &[u8]) -> Vec<ComparedColumn> {
        let mut cursor = self.statement_cursor(statement, sql);
        let mut found = Vec::new();
        while !cursor.at(TokenKind::End) {
            if cursor.at_name() {
                found.extend(behind_column(cursor));
            } else if is_text(cursor.token.kind) {
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
    cursor.eat("not");
    let by = if cursor.eat("in") {
        if !cursor.eat_kind(TokenKind::Open) {
            return None;
        }
        Comparison::Equality
    } else {
        comparison(&mut cursor)?
    };
    let first = narrow(cursor.index());
    while is_text(cursor.token.kind) {
        cursor.bump();
        if !cursor.eat_kind(TokenKind::Comma) {
            break;
        }
    }
    let constants = first..narrow(cursor.index());
    (!constants.is_empty()).then_some(ComparedColumn { column, constants, by })
}

/// `'constant' = column`, with the cursor at the constant.
fn in_front_of_column(mut cursor: Cursor<'_>) -> Option<ComparedColumn> {
    let constant = narrow(cursor.index());
    let before = cursor.previous();
    let begins = before.kind == TokenKind::Open
        || ["and", "or", "where", "on", "not"].iter().any(|word| cursor.token_is(before, word));
    cursor.bump();
    if !begins || !cursor.is_operator("=") {
        return None;
    }
    cursor.bump();
    cursor.qualified_name().ok()?;
    let column = narrow(cursor.index().checked_sub(1)?);
    let is_call = cursor.at(TokenKind::Open);
    let constants = constant..constant + 1;
    (!is_call).then_some(ComparedColumn { column, constants, by: Comparison::Equality })
}

fn comparison(cursor: &mut Cursor<'_>) -> Option<Comparison> {
    if cursor.eat("like") {
        return Some(Comparison::Like);
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
        b"=" | b"<>" | b"!=" => Comparison::Equality,
        b"~" => Comparison::Pattern,
        _ => return None,
    };
    cursor.bump();
    if in_words && !cursor.eat_kind(TokenKind::Close) {
        return None;
    }
    Some(by)
}
