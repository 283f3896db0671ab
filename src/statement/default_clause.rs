//! The DEFAULT of a column where a source writes it in its own way: `WITH DEFAULT value` of Db2, amounts with a `$` of
//! SQL Server and ASE. Finds, changes nothing.

use std::ops::Range;

use super::cursor::Cursor;
use super::lexer::TokenKind;

/// What can stand behind a `WITH DEFAULT` that has no value: then it is the type that says which one is meant.
const NOT_VALUES: &[&str] = &[
    "as",
    "ccsid",
    "check",
    "compress",
    "constraint",
    "generated",
    "not",
    "primary",
    "references",
    "unique",
];

/// Behind the type of a column: where its DEFAULT has what PostgreSQL has not, and what stands there for it. Only words
/// may be in front of it, so that nothing else is to be replaced there.
pub(super) fn foreign_default(
    mut cursor: Cursor<'_>,
    has_amounts: bool,
) -> Option<(Range<usize>, String)> {
    while cursor.at_name() {
        let start = cursor.token.start;
        if cursor.eat_all(&["with", "default"]) {
            let end = cursor.previous().end;
            let ends = matches!(
                cursor.token.kind,
                TokenKind::Comma | TokenKind::Close | TokenKind::Semicolon | TokenKind::End
            );
            let has_value = !ends && !cursor.is_any(NOT_VALUES);
            return has_value.then(|| (start..end, "DEFAULT".to_owned()));
        }
        if cursor.eat("default") {
            while cursor.at(TokenKind::Open) || cursor.is_operator("-") {
                cursor.bump();
            }
            let amount = cursor.bytes(cursor.token).strip_prefix(b"$").filter(|_| has_amounts)?;
            let digits = std::str::from_utf8(amount).ok()?;
            let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
            return is_number.then(|| (cursor.token.start..cursor.token.end, digits.to_owned()));
        }
        cursor.bump();
    }
    None
}
