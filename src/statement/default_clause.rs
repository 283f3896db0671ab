//! The DEFAULT of a column where a source writes it in its own way: `WITH DEFAULT value` of Db2, amounts with a `$` of
//! SQL Server and ASE, bytes with the escapes of MySQL. Finds, changes nothing.

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

/// What a source writes in a DEFAULT and PostgreSQL reads otherwise or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ForeignValues {
    /// Amounts with a `$`.
    pub(super) amounts: bool,
    /// Strings with the escapes of MySQL, for a column of this kind.
    pub(super) escapes: Option<EscapedColumn>,
}

/// What a string with escapes is the DEFAULT of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EscapedColumn {
    /// Bytes: a shorter value is filled with zeros up to this many.
    Bytes(usize),
    /// A single bit, which has become a `boolean`.
    Bit,
}

/// Behind the type of a column: where its DEFAULT has what PostgreSQL has not, and what stands there for it. Only words
/// may be in front of it, so that nothing else is to be replaced there.
pub(super) fn foreign_default(
    mut cursor: Cursor<'_>,
    values: ForeignValues,
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
            let is_text = cursor.at(TokenKind::Text)
                || cursor.at(TokenKind::QuotedName) && values.escapes.is_some();
            if is_text {
                let text = escaped(cursor.bytes(cursor.token), values.escapes?)?;
                return Some((cursor.token.start..cursor.token.end, text));
            }
            let amount =
                cursor.bytes(cursor.token).strip_prefix(b"$").filter(|_| values.amounts)?;
            let digits = std::str::from_utf8(amount).ok()?;
            let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
            return is_number.then(|| (cursor.token.start..cursor.token.end, digits.to_owned()));
        }
        cursor.bump();
    }
    None
}

/// The constant of PostgreSQL for a string constant of MySQL; `None` where it is the same.
fn escaped(constant: &[u8], column: EscapedColumn) -> Option<String> {
    let ([b'\'', text @ .., b'\''] | [b'"', text @ .., b'"']) = constant else { return None };
    match column {
        EscapedColumn::Bit => (text == b"\\0").then(|| "'0'".to_owned()),
        EscapedColumn::Bytes(width) => {
            // What PostgreSQL reads as bytes is meant for it.
            if text.contains(&b'\\') && is_bytea(text) {
                return None;
            }
            let mut bytes = unescaped(text);
            if !text.contains(&b'\\') && bytes.len() >= width {
                return None;
            }
            bytes.resize(bytes.len().max(width), 0);
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("'\\x{digits}'"))
        }
    }
}

/// Whether the inside of a string constant is bytes to PostgreSQL. Source: PostgreSQL manual, "Binary Data Types".
fn is_bytea(text: &[u8]) -> bool {
    if let [b'\\', b'x', digits @ ..] = text {
        return digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    }
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = match (first, behind) {
            (b'\\', [b'\\', behind @ ..]) => behind,
            (b'\\', [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', behind @ ..]) => behind,
            (b'\\', _) => return false,
            _ => behind,
        };
    }
    true
}

/// The bytes of the inside of a string constant of MySQL. Source: MySQL 8.0 Reference Manual, "String Literals".
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind.split_first()) {
            (b'\'' | b'"', Some((second, behind))) if second == first => {
                bytes.push(*first);
                rest = behind;
            }
            (b'\\', Some((escape, behind))) => {
                match escape {
                    b'0' => bytes.push(0),
                    b'b' => bytes.push(8),
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'Z' => bytes.push(26),
                    b'%' | b'_' => bytes.extend([b'\\', *escape]),
                    other => bytes.push(*other),
                }
                rest = behind;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_mysql_are_bytes() {
        for (constant, width, expected) in [
            (r"'\0'", 0, Some(r"'\x00'")),
            (r"'\0'", 4, Some(r"'\x00000000'")),
            (r"'\0\0a\\\Z\n''\%'", 0, Some(r"'\x0000615c1a0a275c25'")),
            (r"'a'", 3, Some(r"'\x610000'")),
            (r"'a'", 1, None),
            ("\"\\0a\"\"\"", 0, Some(r"'\x006122'")),
            (r"'a''b'", 0, None),
            (r"''", 0, None),
            (r"'\x00ff'", 4, None),
            (r"'\000\\a'", 4, None),
            (r"'\x00f'", 0, Some(r"'\x78303066'")),
        ] {
            let found = escaped(constant.as_bytes(), EscapedColumn::Bytes(width));
            assert_eq!(found.as_deref(), expected, "{constant}");
        }
        assert_eq!(escaped(br"'\0'", EscapedColumn::Bit).as_deref(), Some("'0'"));
        assert_eq!(escaped(br"'1'", EscapedColumn::Bit), None);
    }
}
