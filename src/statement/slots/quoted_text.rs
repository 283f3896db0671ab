//! What in the expressions of definitions stands in double quotes where a value can: a string constant to some
//! sources, unless it is a column. Walks tokens, no recursion.

use std::ops::Range;

use super::defined::DefinitionExpression;
use crate::statement::cursor::Cursor;
use crate::statement::lexer::TokenKind;
use crate::statement::name::undoubled;

/// Something in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubleQuoted {
    /// Where it stands, with its quotes.
    pub span: Range<usize>,
    /// What is between the quotes, where two stand for one.
    pub text: Vec<u8>,
    /// The column whose value it is, if it is all of the expression.
    pub column: Option<Vec<u8>>,
    /// Whether a column can stand there: everywhere but in a DEFAULT.
    pub may_be_column: bool,
}

/// Gives those of an expression, whose tokens the cursor has, to `each`.
pub(super) fn double_quoted(
    mut cursor: Cursor<'_>,
    expression: &DefinitionExpression,
    each: &mut dyn FnMut(DoubleQuoted),
) {
    let first = cursor;
    while !cursor.at(TokenKind::End) {
        let written = cursor.bytes(cursor.token);
        if cursor.at(TokenKind::QuotedName)
            && let [b'"', inside @ .., b'"'] = written
            && is_value(&cursor)
        {
            each(DoubleQuoted {
                span: cursor.token.start..cursor.token.end,
                text: undoubled(inside),
                column: expression.column.clone().filter(|_| is_alone(first, cursor)),
                may_be_column: !expression.is_default,
            });
        }
        cursor.bump();
    }
}

/// Whether a value can stand at the cursor, and not only a type, a collation or a part of a name.
fn is_value(cursor: &Cursor<'_>) -> bool {
    let previous = cursor.previous();
    let follows_name = ["as", "collate", "over", "operator"];
    !matches!(previous.kind, TokenKind::Dot | TokenKind::Cast)
        && !follows_name.iter().any(|word| cursor.token_is(previous, word))
        && !matches!(cursor.peek().kind, TokenKind::Dot | TokenKind::Open)
        && !matches!(cursor.peek().kind, TokenKind::Text | TokenKind::EscapeText)
}

/// Whether but parentheses nothing stands between the cursors and around the second one.
fn is_alone(mut first: Cursor<'_>, mut cursor: Cursor<'_>) -> bool {
    let mut opened = 0_usize;
    while first.index() < cursor.index() && first.eat_kind(TokenKind::Open) {
        opened += 1;
    }
    let is_first = first.index() == cursor.index();
    cursor.bump();
    while opened > 0 && cursor.eat_kind(TokenKind::Close) {
        opened -= 1;
    }
    is_first && opened == 0 && cursor.at(TokenKind::End)
}
