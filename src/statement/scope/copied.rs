//! COPY of a relation or of a query.

use super::{Clause, FrameKind, Lost, NameRole, ScopeWalker, Walked};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// COPY of a relation or of a query.
    pub(super) fn copy(&mut self) -> Walked {
        self.cursor.eat("binary");
        if self.cursor.at(TokenKind::Open) {
            let close = self.partner()?;
            self.cursor.bump();
            let frame = self.query_frame(close, 0);
            let query = frame.query;
            self.run(frame)?;
            let first = self.scopes.queries.get(query as usize).copied().flatten();
            return self.copy_options(None, first.unwrap_or(0));
        }
        let relation = self.name(0, NameRole::Relation)?;
        if self.cursor.at(TokenKind::Open) {
            self.written_columns(0, relation)?;
        } else if self.cursor.is("from") {
            self.scopes.shapes.unlisted.push(relation);
        }
        self.copy_options(Some(relation), 0)
    }

    /// FROM or TO, and the options, of which some list columns: of the relation, or those that a block gives.
    fn copy_options(&mut self, relation: Option<u32>, block: u32) -> Walked {
        if self.cursor.eat("from") {
            self.scopes.copied.extend(relation);
        } else {
            self.expect("to")?;
        }
        while !self.at_statement_end() {
            if self.cursor.is("where") {
                self.cursor.bump();
                let block = self.relation_block(relation.ok_or(Lost)?)?;
                let end = self.statement_end();
                return self.run(self.frame(end, FrameKind::Plain, Clause::Expression, block));
            }
            let forces = self.cursor.is_any(&["force_quote", "force_null", "force_not_null"]);
            let forced = self.cursor.is_any(&["quote", "null"])
                && (self.cursor.token_is(self.cursor.previous(), "force")
                    || self.cursor.token_is(self.cursor.back(2), "force"));
            self.cursor.bump();
            if (forces || forced) && !self.cursor.is_operator("*") {
                self.forced_columns(relation, block)?;
            }
        }
        Ok(())
    }

    fn forced_columns(&mut self, relation: Option<u32>, block: u32) -> Walked {
        let in_parentheses = self.cursor.eat_kind(TokenKind::Open);
        loop {
            match relation {
                Some(relation) => drop(self.part(0, NameRole::ColumnOf(relation))?),
                None => {
                    // They are looked up as those of ORDER BY are.
                    let at = super::narrow(self.cursor.index());
                    if !self.cursor.at_name() {
                        return Err(Lost);
                    }
                    self.cursor.bump();
                    let name = self.note(at..at + 1, block, NameRole::Column);
                    self.block(block)?.by_label.push((name, true));
                }
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        if in_parentheses { self.expect_kind(TokenKind::Close) } else { Ok(()) }
    }
}
