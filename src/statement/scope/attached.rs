//! CREATE of what hangs on relations: statistics, policies, publications, rules.

use super::{Clause, FrameKind, NameRole, ScopeWalker, Walked};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// `CREATE STATISTICS name (kinds) ON columns FROM relation`.
    pub(super) fn create_statistics(&mut self) -> Walked {
        self.if_not_exists();
        if !self.cursor.is("on") {
            self.name(0, NameRole::InSchema)?;
        }
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
        }
        self.expect("on")?;
        let list = self.cursor;
        while !self.cursor.is("from") && !self.at_statement_end() {
            if !self.cursor.at(TokenKind::Open) || self.cursor.skip_brackets().is_err() {
                self.cursor.bump();
            }
        }
        let end = self.cursor.index();
        self.expect("from")?;
        let relation = self.name(0, NameRole::Relation)?;
        let behind = self.cursor;
        self.cursor = list;
        let block = self.relation_block(relation)?;
        self.run(self.frame(end, FrameKind::Plain, Clause::Expression, block))?;
        self.cursor = behind;
        Ok(())
    }

    /// `CREATE POLICY name ON relation ...`.
    pub(super) fn create_policy(&mut self) -> Walked {
        self.part(0, NameRole::Other)?;
        self.expect("on")?;
        let relation = self.name(0, NameRole::Relation)?;
        let block = self.relation_block(relation)?;
        while !self.at_statement_end() {
            match self.cursor.at(TokenKind::Open) {
                true => self.bracketed_expression(block)?,
                false if self.cursor.at_name() => drop(self.part(0, NameRole::Other)?),
                false => self.expect_kind(TokenKind::Comma)?,
            }
        }
        Ok(())
    }

    /// Behind PUBLICATION, in CREATE and ALTER.
    pub(super) fn publication(&mut self) -> Walked {
        self.part(0, NameRole::Other)?;
        while !self.at_statement_end() {
            if self.cursor.eat_all(&["tables", "in", "schema"]) {
                self.part(0, NameRole::Schema)?;
            } else if self.cursor.eat("table") {
                self.published()?;
            } else if self.cursor.at(TokenKind::Open) {
                self.cursor.skip_brackets()?;
            } else {
                self.cursor.bump();
            }
        }
        Ok(())
    }

    /// The tables of a publication.
    fn published(&mut self) -> Walked {
        loop {
            self.cursor.eat("only");
            let relation = self.name(0, NameRole::Relation)?;
            if self.cursor.is_operator("*") {
                self.cursor.bump();
            }
            if self.cursor.at(TokenKind::Open) {
                self.key_columns(relation)?;
            }
            if self.cursor.eat("where") {
                let block = self.relation_block(relation)?;
                self.bracketed_expression(block)?;
            }
            let next = self.cursor.peek();
            let goes_on = self.cursor.at(TokenKind::Comma)
                && !self.cursor.token_is(next, "table")
                && !self.cursor.token_is(next, "tables");
            if !goes_on {
                return Ok(());
            }
            self.cursor.bump();
        }
    }

    /// `CREATE RULE name AS ON event TO relation WHERE ... DO ...`.
    pub(super) fn create_rule(&mut self) -> Walked {
        self.part(0, NameRole::Other)?;
        self.expect("as")?;
        self.expect("on")?;
        self.cursor.bump();
        self.expect("to")?;
        let relation = self.name(0, NameRole::Relation)?;
        let block = self.new_block(None);
        self.block(block)?.target = Some(relation);
        if self.cursor.eat("where") {
            let mut end = self.cursor;
            while !end.is("do") && !end.at(TokenKind::End) {
                if !end.at(TokenKind::Open) || end.skip_brackets().is_err() {
                    end.bump();
                }
            }
            let frame = self.frame(end.index(), FrameKind::Plain, Clause::Expression, block);
            self.run(frame)?;
        }
        self.expect("do")?;
        if !self.cursor.eat("also") {
            self.cursor.eat("instead");
        }
        if self.cursor.eat("nothing") {
            return Ok(());
        }
        let in_parentheses = self.cursor.at(TokenKind::Open) && !self.query_follows();
        if in_parentheses {
            self.cursor.bump();
        }
        loop {
            if self.cursor.eat("notify") {
                self.part(0, NameRole::Other)?;
            } else {
                let mut end = self.cursor;
                while !matches!(
                    end.token.kind,
                    TokenKind::Semicolon | TokenKind::Close | TokenKind::End
                ) {
                    if !end.at(TokenKind::Open) || end.skip_brackets().is_err() {
                        end.bump();
                    }
                }
                let is_last = end.at(TokenKind::Close);
                let mut frame = self.query_frame(end.index(), block);
                frame.ends_outside = is_last;
                self.run(frame)?;
            }
            let goes_on = in_parentheses && self.cursor.eat_kind(TokenKind::Semicolon);
            if !goes_on || self.cursor.at(TokenKind::Close) {
                break;
            }
        }
        if in_parentheses { self.expect_kind(TokenKind::Close) } else { Ok(()) }
    }
}
