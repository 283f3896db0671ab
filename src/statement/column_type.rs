//! The type of a column where what stands around it decides as well: an identity column, a type that is made
//! of another one. Finds, changes nothing.

use super::Edit;
use super::cursor::Understood;
use super::default_clause::foreign_default;
use super::finder::{Finder, Position, Until};
use super::identity_clause::IdentityClause;
use super::lexer::{Token, TokenKind};
use crate::mapping::Place;

impl Finder<'_> {
    /// Passes the type of the column of this name.
    pub(super) fn column_type(&mut self, name: Token) -> Understood {
        let (edits, start) = (self.found.edits.len(), self.cursor.token.start);
        self.type_name(Place::Definition, Position::Column(name))?;
        let Some(clause) = IdentityClause::find(self.cursor) else {
            self.foreign_default();
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

    /// The DEFAULT of the column whose type was passed is written as PostgreSQL has it.
    fn foreign_default(&mut self) {
        let found = foreign_default(self.cursor, self.has_alias_types());
        if let Some(((span, text), rule)) = found.zip(self.mapping.default_rule()) {
            self.found.edits.push(Edit { span, text, rule });
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
