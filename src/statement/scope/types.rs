//! Types, where only a type can stand: passed over, with the schema in front of a name noted.

use super::{Lost, NameRole, ScopeWalker, Walked, narrow};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// Passes the type at the cursor.
    pub(super) fn pass_type(&mut self, block: u32) -> Walked {
        self.cursor.eat("setof");
        if self.cursor.eat("double") {
            self.cursor.eat("precision");
        } else if self.cursor.is("interval") {
            self.cursor.bump();
            self.interval_fields();
        } else if self.cursor.is_any(&["timestamp", "time"]) {
            self.cursor.bump();
            self.modifiers()?;
            let zone = self.cursor.eat_all(&["with", "time", "zone"])
                || self.cursor.eat_all(&["without", "time", "zone"])
                || self.cursor.eat_all(&["with", "local", "time", "zone"]);
            if !zone && self.cursor.at(TokenKind::Dot) {
                return Err(Lost);
            }
        } else if self.cursor.is_any(&["national", "character", "char", "nchar", "bit"]) {
            if self.cursor.eat("national") && !self.cursor.eat("character") {
                self.cursor.eat("char");
            } else {
                self.cursor.bump();
            }
            self.cursor.eat("varying");
        } else {
            self.named_type(block)?;
        }
        self.modifiers()?;
        self.array_bounds()
    }

    fn named_type(&mut self, block: u32) -> Walked {
        if self.at_reserved() || !self.cursor.at_name() {
            return Err(Lost);
        }
        let first = narrow(self.cursor.index());
        self.cursor.qualified_name()?;
        let tokens = first..narrow(self.cursor.index());
        // `table.column%TYPE`, `table%ROWTYPE`.
        let of_column = self.cursor.is_operator("%") && self.ahead_is(1, "type");
        let of_relation = self.cursor.is_operator("%") && self.ahead_is(1, "rowtype");
        if of_column || of_relation {
            self.cursor.bump();
            self.cursor.bump();
        }
        let role = match (of_column, of_relation) {
            (true, _) => NameRole::RelationColumn,
            (_, true) => NameRole::Relation,
            _ => NameRole::InSchema,
        };
        self.note(tokens, block, role);
        Ok(())
    }

    fn modifiers(&mut self) -> Walked {
        match self.cursor.at(TokenKind::Open) {
            true => self.cursor.skip_brackets(),
            false => Ok(()),
        }
    }

    fn array_bounds(&mut self) -> Walked {
        if self.cursor.is("array") {
            self.cursor.bump();
        }
        while self.cursor.at(TokenKind::OpenBracket) {
            // In an expression this may be a subscript, which holds names.
            let close = self.partner()?;
            let inside = close - self.cursor.index();
            let is_bound =
                inside == 1 || inside == 2 && self.cursor.peek().kind == TokenKind::Number;
            if !is_bound {
                return Ok(());
            }
            self.cursor.go_to(close + 1);
        }
        Ok(())
    }
}
