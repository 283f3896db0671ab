//! INSERT, UPDATE, DELETE and MERGE, also as common table expressions.

use super::{Clause, FrameKind, Lost, NameRole, RowSource, ScopeWalker, SourceKind, Walked};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// The statement at the cursor, in the frame at the top.
    pub(super) fn data_statement(&mut self, outer: u32) -> Walked {
        let block = self.query_block(Some(outer))?;
        if self.cursor.eat("insert") {
            self.expect("into")?;
            return self.insert(block);
        }
        if self.cursor.eat("update") {
            self.write_target(block)?;
            if !self.cursor.is("set") {
                self.target_alias(block)?;
            }
            self.expect("set")?;
            return self.begin(Clause::SetTarget);
        }
        if self.cursor.eat("delete") {
            self.expect("from")?;
            self.write_target(block)?;
            let words = ["using", "where", "returning"];
            if self.cursor.at_name() && !self.cursor.is_any(&words) {
                self.target_alias(block)?;
            }
            self.begin(Clause::AfterQuery)?;
            if self.cursor.eat("using") {
                self.begin(Clause::FromItem)?;
            }
            return Ok(());
        }
        self.expect("merge")?;
        self.expect("into")?;
        self.write_target(block)?;
        if !self.cursor.is("using") {
            self.target_alias(block)?;
        }
        self.expect("using")?;
        self.top()?.is_merge = true;
        self.begin(Clause::FromItem)
    }

    /// The relation that is written to.
    fn write_target(&mut self, block: u32) -> Walked {
        let only = self.cursor.eat("only");
        let in_parentheses = only && self.cursor.eat_kind(TokenKind::Open);
        let relation = self.name(block, NameRole::Relation)?;
        if in_parentheses {
            self.expect_kind(TokenKind::Close)?;
        }
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        let of = SourceKind::Relation(relation);
        let block = self.block(block)?;
        block.target = Some(relation);
        block.sources.push(RowSource { alias: None, columns: Vec::new(), of });
        Ok(())
    }

    fn target_alias(&mut self, block: u32) -> Walked {
        self.cursor.eat("as");
        let alias = self.column_name(block, NameRole::Alias)?;
        let target = self.block(block)?.sources.last_mut().ok_or(Lost)?;
        target.alias = Some(alias);
        Ok(())
    }

    fn target(&mut self, block: u32) -> Result<u32, Lost> {
        self.block(block)?.target.ok_or(Lost)
    }

    fn insert(&mut self, block: u32) -> Walked {
        self.write_target(block)?;
        if self.cursor.is("as") {
            self.target_alias(block)?;
        }
        let mut lists = false;
        if self.cursor.at(TokenKind::Open) && !self.query_follows() {
            let relation = self.target(block)?;
            self.written_columns(block, relation)?;
            lists = true;
        }
        if self.cursor.eat("overriding") {
            self.cursor.bump();
            self.expect("value")?;
        }
        if self.cursor.eat_all(&["default", "values"]) {
            return self.begin(Clause::AfterQuery);
        }
        if !lists {
            let relation = self.target(block)?;
            self.scopes.shapes.unlisted.push(relation);
        }
        if self.cursor.eat("values") {
            return self.begin(Clause::Expression);
        }
        // The query has a block of its own; what stands behind it belongs to the INSERT.
        let is_bracketed = self.cursor.at(TokenKind::Open);
        self.begin(Clause::AfterQuery)?;
        let (close, outer) = (self.top()?.close, self.top()?.outer);
        if is_bracketed {
            return self.enter(FrameKind::Query, Clause::Start, outer);
        }
        let end = self.insert_query_end(close);
        let query = self.query_frame(end, outer);
        self.frames.push(query);
        Ok(())
    }

    /// Where the query of an INSERT ends: in front of ON CONFLICT or RETURNING.
    fn insert_query_end(&self, close: usize) -> usize {
        let mut cursor = self.cursor;
        while cursor.index() < close {
            let is_end = cursor.is("returning")
                || cursor.is("on") && cursor.token_is(cursor.peek(), "conflict");
            if is_end {
                return cursor.index();
            }
            if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                cursor.bump();
            }
        }
        close
    }

    /// A list of columns that are written, in parentheses.
    pub(super) fn written_columns(&mut self, block: u32, relation: u32) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        loop {
            self.part(block, NameRole::ColumnOf(relation))?;
            self.column_path(block)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    /// `[1].field` behind a column that is written.
    fn column_path(&mut self, block: u32) -> Walked {
        loop {
            if self.cursor.eat_kind(TokenKind::Dot) {
                self.part(block, NameRole::Other)?;
            } else if self.cursor.at(TokenKind::OpenBracket) {
                let inside = self.cursor.peek();
                let holds_name =
                    super::is_name(inside.kind) || self.ahead(2).kind == TokenKind::Open;
                if holds_name {
                    return Err(Lost);
                }
                self.cursor.skip_brackets()?;
            } else {
                return Ok(());
            }
        }
    }

    /// One column in SET, or several in parentheses, up to the value.
    pub(super) fn set_target(&mut self, block: u32) -> Walked {
        let relation = self.target(block)?;
        if self.cursor.at(TokenKind::Open) {
            self.written_columns(block, relation)?;
        } else {
            self.part(block, NameRole::ColumnOf(relation))?;
            self.column_path(block)?;
        }
        if !self.cursor.is_operator("=") {
            return Err(Lost);
        }
        self.cursor.bump();
        self.begin(Clause::SetValue)
    }

    /// Whether the word at the cursor begins a clause of a statement that writes.
    pub(super) fn data_clause(&mut self, block: u32) -> Result<bool, Lost> {
        let frame = self.top()?;
        let (is_merge, clause) = (frame.is_merge, frame.clause);
        let target = self.block(block)?.target;
        if target.is_none() {
            return Ok(false);
        }
        if is_merge && clause != Clause::Items && self.cursor.is("when") {
            self.merge_when(block)?;
            return Ok(true);
        }
        if clause == Clause::Conflict && self.cursor.is("do") {
            self.conflict_action(block)?;
            return Ok(true);
        }
        if self.cursor.is("on") && self.ahead_is(1, "conflict") {
            self.cursor.bump();
            self.on_conflict(block)?;
            return Ok(true);
        }
        if self.cursor.eat("returning") {
            if self.cursor.is("with") && self.cursor.peek().kind == TokenKind::Open {
                return Err(Lost);
            }
            self.begin(Clause::ItemsStart)?;
            return Ok(true);
        }
        if self.cursor.eat_all(&["where", "current", "of"]) {
            self.part(block, NameRole::Other)?;
            self.begin(Clause::AfterQuery)?;
            return Ok(true);
        }
        if self.cursor.is_any(&["where", "from"]) {
            return Ok(false);
        }
        if is_merge && matches!(clause, Clause::Expression | Clause::On) && self.cursor.is("then") {
            self.merge_action(block)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// ON CONFLICT, with the cursor at CONFLICT.
    pub(super) fn on_conflict(&mut self, block: u32) -> Walked {
        self.cursor.bump();
        if self.cursor.eat_all(&["on", "constraint"]) {
            self.part(block, NameRole::Other)?;
        } else if self.cursor.at(TokenKind::Open) {
            let relation = self.target(block)?;
            self.index_elements(block, relation)?;
            if self.cursor.is("where") {
                // Up to DO.
                self.cursor.bump();
                return self.begin(Clause::Conflict);
            }
        }
        self.conflict_action(block)
    }

    /// `DO NOTHING` or `DO UPDATE SET`.
    pub(super) fn conflict_action(&mut self, block: u32) -> Walked {
        self.expect("do")?;
        if self.cursor.eat("nothing") {
            return self.begin(Clause::AfterQuery);
        }
        self.target(block)?;
        self.expect("update")?;
        self.expect("set")?;
        self.begin(Clause::SetTarget)
    }

    /// WHEN in a MERGE, up to THEN.
    fn merge_when(&mut self, block: u32) -> Walked {
        self.cursor.bump();
        self.cursor.eat("not");
        self.expect("matched")?;
        if self.cursor.eat("by") && !self.cursor.eat("source") {
            self.expect("target")?;
        }
        if self.cursor.eat("and") {
            return self.begin(Clause::Expression);
        }
        self.merge_action(block)
    }

    /// What a MERGE does, with the cursor at THEN.
    fn merge_action(&mut self, block: u32) -> Walked {
        self.expect("then")?;
        let relation = self.target(block)?;
        if self.cursor.eat_all(&["update", "set"]) {
            return self.begin(Clause::SetTarget);
        }
        if self.cursor.eat("delete") || self.cursor.eat_all(&["do", "nothing"]) {
            return self.begin(Clause::AfterQuery);
        }
        self.expect("insert")?;
        let lists = self.cursor.at(TokenKind::Open);
        if lists {
            self.written_columns(block, relation)?;
        }
        if self.cursor.eat("overriding") {
            self.cursor.bump();
            self.expect("value")?;
        }
        if self.cursor.eat_all(&["default", "values"]) {
            return self.begin(Clause::AfterQuery);
        }
        if !lists {
            self.scopes.shapes.unlisted.push(relation);
        }
        self.expect("values")?;
        self.begin(Clause::Expression)
    }
}
