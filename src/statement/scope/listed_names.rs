//! Names of relations that stand in a list of constants and are looked up through a column of it: `SELECT n::regclass
//! FROM (VALUES ('t')) AS v(n)`, as pgloader asks. Finds, changes nothing.

use crate::statement::cursor::{is_name, narrow};
use crate::statement::lexer::TokenKind;
use crate::statement::parts::Statement;
use crate::statement::script::Script;

/// A list of names and the columns that hold them.
#[derive(Debug, Default)]
pub struct ListedNames {
    /// The tokens of columns that are cast to `regclass`.
    pub columns: Vec<u32>,
    /// The string constants of the statement.
    pub constants: Vec<Vec<u8>>,
}

impl Script {
    /// The names in the lists of a statement whose columns are cast to `regclass`.
    pub fn listed_names(&self, statement: &Statement, sql: &[u8]) -> ListedNames {
        let mut listed = ListedNames::default();
        let mut cursor = self.statement_cursor(statement, sql);
        while !cursor.at(TokenKind::End) {
            match cursor.token.kind {
                TokenKind::Cast => {
                    let mut behind = cursor;
                    behind.bump();
                    let is_bare =
                        is_name(cursor.previous().kind) && cursor.back(2).kind != TokenKind::Dot;
                    if is_bare && behind.is("regclass") {
                        listed.columns.push(narrow(cursor.index().saturating_sub(1)));
                    }
                }
                TokenKind::PlainRows | TokenKind::PlainValues | TokenKind::Text => {
                    listed.constants.extend(texts(cursor.bytes(cursor.token)));
                }
                _ => {}
            }
            cursor.bump();
        }
        listed
    }
}

/// The contents of plain constants among others, `'a'` and not `E'a'`.
fn texts(run: &[u8]) -> Vec<Vec<u8>> {
    let (mut texts, mut content) = (Vec::new(), None::<Vec<u8>>);
    let mut bytes = run.iter().copied().peekable();
    let mut before = b' ';
    while let Some(byte) = bytes.next() {
        match (&mut content, byte) {
            (None, b'\'') if before.is_ascii_alphanumeric() => return Vec::new(),
            (None, b'\'') => content = Some(Vec::new()),
            (None, _) => {}
            (Some(text), b'\'') if bytes.peek() == Some(&b'\'') => {
                bytes.next();
                text.push(b'\'');
            }
            (Some(_), b'\'') => texts.extend(content.take()),
            (Some(text), _) => text.push(byte),
        }
        before = byte;
    }
    texts
}
