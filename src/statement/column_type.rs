//! The type of a column where what stands around it decides as well: an identity column, a type that is made
//! of another one. Finds, changes nothing.

use super::Edit;
use super::cursor::{Cursor, Understood};
use super::finder::{Finder, Position, Until};
use super::lexer::{Token, TokenKind};
use crate::mapping::Place;

impl Finder<'_> {
    /// Passes the type of the column of this name.
    pub(super) fn column_type(&mut self, name: Token) -> Understood {
        let (edits, start) = (self.found.edits.len(), self.cursor.token.start);
        self.type_name(Place::Definition, Position::Column(name))?;
        if !is_identity(self.cursor) {
            return Ok(());
        }
        let mut span = start..self.cursor.previous().end;
        let replaced = self.found.edits.get(edits);
        let text = match replaced {
            Some(edit) => edit.text.as_bytes(),
            None => self.cursor.sql().get(span.clone()).unwrap_or_default(),
        };
        if let Some((text, rule)) = self.mapping.identity_type(text) {
            span = replaced.map_or(span, |edit| edit.span.clone());
            self.found.edits.truncate(edits);
            self.found.edits.push(Edit { span, text, rule });
        }
        Ok(())
    }

    /// `FROM type [NULL | NOT NULL]`, behind CREATE TYPE and a name: what PostgreSQL calls a domain. The
    /// cursor is at FROM.
    pub(super) fn alias_type(&mut self, word: Token) -> Understood {
        let Some(rule) = self.mapping.alias_rule() else {
            return self.expression(Place::Cast, Until::Statement);
        };
        let from = self.cursor.token;
        self.cursor.bump();
        let span = word.start..word.end;
        self.found.edits.push(Edit { span, text: "DOMAIN".to_owned(), rule });
        let edits = self.found.edits.len();
        let start = self.cursor.token.start;
        self.type_name(Place::Definition, Position::Signature)?;
        let written = start..self.cursor.previous().end;
        match self.found.edits.get_mut(edits) {
            Some(edit) => {
                edit.text.insert_str(0, "AS ");
                edit.span.start = from.start;
            }
            None => {
                let text = self.cursor.sql().get(written.clone()).unwrap_or_default();
                if let Ok(text) = std::str::from_utf8(text) {
                    let text = format!("AS {text}");
                    self.found.edits.push(Edit { span: from.start..written.end, text, rule });
                }
            }
        }
        self.expression(Place::Definition, Until::Statement)
    }
}

/// Whether the column whose type was passed is an identity column.
fn is_identity(mut cursor: Cursor<'_>) -> bool {
    loop {
        match cursor.token.kind {
            TokenKind::Comma | TokenKind::Close | TokenKind::Semicolon | TokenKind::End => {
                return false;
            }
            TokenKind::Open => {
                if cursor.skip_brackets().is_err() {
                    return false;
                }
            }
            TokenKind::Word if cursor.is("generated") => {
                cursor.bump();
                let is_always = cursor.eat("always");
                if !is_always && cursor.eat_all(&["by", "default"]) {
                    cursor.eat_all(&["on", "null"]);
                }
                if cursor.eat_all(&["as", "identity"]) {
                    return true;
                }
            }
            _ => cursor.bump(),
        }
    }
}
