//! The type of a column where what stands around it decides as well: an identity column, a DEFAULT. Finds,
//! changes nothing.

use std::ops::Range;

use super::Edit;
use super::cursor::Understood;
use super::default_clause::{EscapedColumn, ForeignValues, foreign_default};
use super::finder::{Finder, Position};
use super::identity_clause::IdentityClause;
use super::lexer::{Token, TokenKind};
use crate::mapping::Place;

impl Finder<'_> {
    /// Passes the type of the column of this name; `is_new` says that the column is defined here.
    pub(super) fn column_type(&mut self, name: Token, is_new: bool) -> Understood {
        let (edits, start) = (self.found.edits.len(), self.cursor.token.start);
        if !self.aliased(name, is_new) {
            self.type_name(Place::Definition, Position::Column(name))?;
        }
        let Some(clause) = IdentityClause::find(self.cursor) else {
            self.foreign_default(edits, start..self.cursor.previous().end);
            return Ok(());
        };
        let mut span = start..self.cursor.previous().end;
        let replaced = self.found.edits.get(edits);
        let text = match replaced {
            Some(edit) => edit.text.as_bytes(),
            None => self.cursor.sql().get(span.clone()).unwrap_or_default(),
        };
        let mut type_name = std::str::from_utf8(text).unwrap_or_default().to_owned();
        if let Some((text, rule)) = self.mapping.identity_type(text) {
            type_name.clone_from(&text);
            span = replaced.map_or(span, |edit| edit.span.clone());
            self.found.edits.truncate(edits);
            self.found.edits.push(Edit { span, text, rule });
        }
        self.identity_clause(&clause, &type_name);
        Ok(())
    }

    /// The DEFAULT of the column whose type was passed is written as PostgreSQL has it. `edit` is the index of
    /// that of the type, if it has one, `written` where the type stands.
    fn foreign_default(&mut self, edit: usize, written: Range<usize>) {
        let values = ForeignValues {
            amounts: self.has_alias_types(),
            escapes: self.escaped_column(edit, written),
        };
        let found = foreign_default(self.cursor, values);
        if let Some(((span, text), rule)) = found.zip(self.mapping.default_rule()) {
            self.found.edits.push(Edit { span, text, rule });
        }
    }

    fn escaped_column(&self, edit: usize, written: Range<usize>) -> Option<EscapedColumn> {
        if !self.mapping.has_backslash_escapes() {
            return None;
        }
        let written = self.cursor.sql().get(written)?.to_ascii_lowercase();
        match self.found.edits.get(edit)?.text.as_str() {
            "BYTEA" => {
                let length = written.strip_prefix(b"binary").map(<[u8]>::trim_ascii);
                let width = match length {
                    Some([]) => 1,
                    Some([b'(', digits @ .., b')']) => {
                        let digits = std::str::from_utf8(digits).unwrap_or_default();
                        digits.trim().parse().unwrap_or(0)
                    }
                    _ => 0,
                };
                // MySQL has at most 255 bytes in a BINARY.
                Some(EscapedColumn::Bytes(width.min(255)))
            }
            "BOOLEAN" if written.starts_with(b"bit") => Some(EscapedColumn::Bit),
            _ => None,
        }
    }

    /// The clause of an identity column is that of PostgreSQL, too. Where expressions stand in front of it, it stays
    /// as it is: their types come first.
    fn identity_clause(&mut self, clause: &IdentityClause<'_>, type_name: &str) {
        let mut between = self.cursor.up_to(clause.first.index());
        while between.at(TokenKind::Word) {
            between.bump();
        }
        let rule = self.mapping.identity_clause_rule().filter(|_| between.at(TokenKind::End));
        if let Some(rule) = rule
            && let Some((text, end)) = clause.fitted(type_name.as_bytes())
        {
            self.found.edits.push(Edit { span: clause.first.token.start..end, text, rule });
        }
    }
}
