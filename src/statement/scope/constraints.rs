//! Columns of tables with their constraints, constraints of tables, elements of indexes.

use super::{Clause, FrameKind, Lost, NameRole, PartKind, ScopeWalker, Walked, is_name, narrow};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// The columns and constraints of a table, in parentheses.
    pub(super) fn table_elements(&mut self, block: u32, relation: u32) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        if self.cursor.eat_kind(TokenKind::Close) {
            return Ok(());
        }
        let list = narrow(self.cursor.index());
        loop {
            let first = self.cursor;
            let kind = self.table_element(block, relation)?;
            self.note_part(first, list, Some(kind));
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    fn table_element(&mut self, block: u32, relation: u32) -> Result<PartKind, Lost> {
        if self.at_table_constraint() {
            self.table_constraint(block, relation)?;
            return Ok(PartKind::Constraint);
        }
        if self.cursor.eat("like") {
            let other = self.name(0, NameRole::Relation)?;
            self.scopes.shapes.shaped.push((relation, other));
            self.keywords()?;
            return Ok(PartKind::Like);
        }
        let column = narrow(self.cursor.index());
        self.new_column(block, relation)?;
        Ok(PartKind::Column(column))
    }

    pub(super) fn at_table_constraint(&self) -> bool {
        self.cursor.is_any(&["constraint", "primary", "unique", "check", "foreign"])
            || self.cursor.is("exclude")
                && (self.ahead_is(1, "using") || self.cursor.peek().kind == TokenKind::Open)
            || self.cursor.is("not") && self.ahead_is(1, "null")
    }

    /// A new column with all that belongs to it.
    pub(super) fn new_column(&mut self, block: u32, relation: u32) -> Walked {
        self.part(block, NameRole::NewColumnOf(relation))?;
        let has_type = self.cursor.at_name()
            && !(self.at_reserved() || self.cursor.is_any(&["with", "generated", "options"]));
        if has_type {
            self.pass_type(block)?;
        }
        self.column_constraints(block, Some(relation))
    }

    /// Constraints of a column, or of a domain, up to a comma, a parenthesis or the end.
    pub(super) fn column_constraints(&mut self, block: u32, relation: Option<u32>) -> Walked {
        loop {
            match self.cursor.token.kind {
                TokenKind::Comma | TokenKind::Close | TokenKind::End | TokenKind::Semicolon => {
                    return Ok(());
                }
                TokenKind::Word => self.column_constraint(block, relation)?,
                // Options of other engines: COMMENT 'text', SRID 4326.
                TokenKind::Text | TokenKind::Number => self.cursor.bump(),
                _ => return Err(Lost),
            }
        }
    }

    fn column_constraint(&mut self, block: u32, relation: Option<u32>) -> Walked {
        let next = self.cursor.peek().kind;
        if self.cursor.eat("constraint") {
            self.part(0, NameRole::Other)?;
        } else if self.cursor.eat("default") {
            let end = self.statement_end();
            let close = self.enclosing_close(end);
            self.run(self.frame(close, FrameKind::Default, Clause::Expression, block))?;
        } else if self.cursor.eat("check") {
            self.bracketed_expression(block)?;
        } else if self.cursor.is("as") && next == TokenKind::Open {
            self.cursor.bump();
            self.bracketed_expression(block)?;
        } else if self.cursor.eat_all(&["as", "identity"]) {
            if self.cursor.eat_kind(TokenKind::Open) {
                self.sequence_options()?;
                self.expect_kind(TokenKind::Close)?;
            }
        } else if self.cursor.eat("references") {
            self.references(relation)?;
        } else if self.cursor.eat("collate") {
            self.name(0, NameRole::InSchema)?;
        } else if self.cursor.eat_all(&["using", "index", "tablespace"])
            || self.cursor.is_any(&["storage", "compression"])
        {
            if self.cursor.is_any(&["storage", "compression"]) {
                self.cursor.bump();
            }
            self.part(0, NameRole::Other)?;
        } else {
            // NOT NULL, UNIQUE, DEFERRABLE, and words of other engines.
            self.cursor.bump();
            if self.cursor.at(TokenKind::Open) {
                let is_options = self.cursor.token_is(self.cursor.previous(), "options");
                if relation.is_none() || self.holds_names() && !is_options {
                    return Err(Lost);
                }
                self.cursor.skip_brackets()?;
            }
        }
        Ok(())
    }

    /// Whether there are quoted names in the brackets at the cursor.
    fn holds_names(&self) -> bool {
        let mut cursor = self.cursor;
        let end = self.partner().unwrap_or(cursor.index());
        while cursor.index() < end {
            cursor.bump();
            if is_name(cursor.token.kind) && !cursor.at(TokenKind::Word) {
                return true;
            }
        }
        false
    }

    /// Where the parentheses around the cursor end; `end` where there are none.
    fn enclosing_close(&self, end: usize) -> usize {
        let mut cursor = self.cursor;
        while cursor.index() < end {
            if cursor.at(TokenKind::Close) {
                return cursor.index();
            }
            if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                cursor.bump();
            }
        }
        end
    }

    /// Behind REFERENCES.
    fn references(&mut self, relation: Option<u32>) -> Walked {
        let target = self.name(0, NameRole::Relation)?;
        if self.cursor.at(TokenKind::Open) {
            self.key_columns(target)?;
        }
        loop {
            if self.cursor.eat("match") {
                self.cursor.bump();
            } else if self.cursor.is("on")
                && (self.ahead_is(1, "delete") || self.ahead_is(1, "update"))
            {
                self.cursor.bump();
                self.cursor.bump();
                if self.cursor.eat("set") {
                    self.cursor.bump();
                    if self.cursor.at(TokenKind::Open) {
                        self.key_columns(relation.ok_or(Lost)?)?;
                    }
                } else if self.cursor.eat("no") {
                    self.expect("action")?;
                } else {
                    self.cursor.bump();
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Columns of a key, in parentheses.
    pub(super) fn key_columns(&mut self, relation: u32) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        loop {
            if self.cursor.is("period") && is_name(self.cursor.peek().kind) {
                self.cursor.bump();
            }
            self.part(0, NameRole::ColumnOf(relation))?;
            if !self.cursor.eat_all(&["without", "overlaps"])
                && self.cursor.is_any(&["asc", "desc"])
            {
                self.cursor.bump();
            }
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    /// A constraint of a table.
    pub(super) fn table_constraint(&mut self, block: u32, relation: u32) -> Walked {
        if self.cursor.eat("constraint") {
            self.part(0, NameRole::Other)?;
        }
        if self.cursor.eat("check") {
            self.bracketed_expression(block)?;
        } else if self.cursor.eat_all(&["foreign", "key"]) {
            self.key_columns(relation)?;
            self.expect("references")?;
            self.references(Some(relation))?;
        } else if self.cursor.eat("exclude") {
            if self.cursor.eat("using") {
                self.part(0, NameRole::Other)?;
            }
            self.index_elements(block, relation)?;
        } else if self.cursor.eat_all(&["not", "null"]) {
            self.part(block, NameRole::ColumnOf(relation))?;
        } else if self.cursor.eat("unique") || self.cursor.eat_all(&["primary", "key"]) {
            while self.cursor.is_any(&["nulls", "not", "distinct", "clustered", "nonclustered"]) {
                self.cursor.bump();
            }
            if self.cursor.eat_all(&["using", "index"]) {
                self.part(0, NameRole::Other)?;
            } else {
                self.key_columns(relation)?;
            }
        } else {
            return Err(Lost);
        }
        self.constraint_tail(block, relation)
    }

    fn constraint_tail(&mut self, block: u32, relation: u32) -> Walked {
        loop {
            if self.cursor.eat("include") {
                self.key_columns(relation)?;
            } else if self.cursor.eat("where") {
                self.bracketed_expression(block)?;
            } else if self.cursor.eat("with") {
                self.cursor.skip_brackets()?;
            } else if self.cursor.eat_all(&["using", "index", "tablespace"]) {
                self.part(0, NameRole::Other)?;
            } else if self.cursor.at(TokenKind::Word) {
                // DEFERRABLE, NOT VALID, NO INHERIT.
                self.cursor.bump();
            } else {
                return Ok(());
            }
        }
    }

    /// The elements of an index, in parentheses.
    pub(super) fn index_elements(&mut self, block: u32, relation: u32) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        loop {
            if self.cursor.at(TokenKind::Open) {
                self.bracketed_expression(block)?;
            } else {
                self.index_element(block, relation)?;
            }
            self.element_options(block)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    /// A column, or the call of a function.
    fn index_element(&mut self, block: u32, relation: u32) -> Walked {
        let first = narrow(self.cursor.index());
        self.cursor.qualified_name()?;
        let tokens = first..narrow(self.cursor.index());
        if self.cursor.at(TokenKind::Open) {
            let words = ["cast", "xmlelement", "extract", "trim", "substring", "overlay"];
            let word = self.cursor.previous();
            if words.iter().any(|known| self.cursor.token_is(word, known)) {
                return Err(Lost);
            }
            self.note(tokens, block, NameRole::InSchema);
            if self.cursor.peek().kind == TokenKind::Close {
                return self.cursor.skip_brackets();
            }
            return self.bracketed_expression(block);
        }
        if tokens.len() != 1 {
            return Err(Lost);
        }
        self.note(tokens, block, NameRole::ColumnOf(relation));
        Ok(())
    }

    /// Collation, class of operators and order of an element.
    fn element_options(&mut self, block: u32) -> Walked {
        loop {
            if self.cursor.eat("collate") {
                self.name(block, NameRole::InSchema)?;
            } else if self.cursor.is_any(&["asc", "desc"]) {
                self.cursor.bump();
            } else if self.cursor.eat_all(&["nulls", "first"])
                || self.cursor.eat_all(&["nulls", "last"])
            {
            } else if self.cursor.eat("with") {
                if self.cursor.eat("operator") {
                    self.cursor.skip_brackets()?;
                } else {
                    self.expect_kind(TokenKind::Operator)?;
                }
            } else if self.cursor.at_name() && !self.at_reserved() {
                self.name(block, NameRole::InSchema)?;
                if self.cursor.at(TokenKind::Open) {
                    self.cursor.skip_brackets()?;
                }
            } else {
                return Ok(());
            }
        }
    }
}
