//! FROM and USING: relations, queries, functions and joins, with their aliases.

use super::{
    Clause, FrameKind, Lost, NameRole, RowSource, ScopeWalker, SourceKind, Walked, narrow,
};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// A source at the cursor.
    pub(super) fn source_item(&mut self, block: u32) -> Walked {
        let is_lateral = self.cursor.eat("lateral");
        let only = self.cursor.eat("only");
        self.top()?.clause = Clause::FromNext;
        if self.cursor.at(TokenKind::Open) {
            if only {
                // `ONLY (name)`.
                self.cursor.bump();
                let source = self.relation_source(block)?;
                self.block(block)?.sources.push(source);
                return self.expect_kind(TokenKind::Close);
            }
            if self.query_follows() {
                let around = self.around_source(block, is_lateral)?;
                self.enter(FrameKind::Query, Clause::Start, around)?;
                let query = self.top()?.query;
                return self.source(block, SourceKind::Query(query));
            }
            let first = narrow(self.block(block)?.sources.len());
            self.source(block, SourceKind::Joined(first + 1..first + 1))?;
            self.enter(FrameKind::Joins, Clause::FromItem, block)?;
            return Ok(());
        }
        if self.cursor.is("rows") && self.ahead_is(1, "from") {
            self.cursor.bump();
            self.cursor.bump();
            self.source(block, SourceKind::Rows)?;
            return self.enter(FrameKind::Words, Clause::Expression, block);
        }
        let start = narrow(self.cursor.index());
        let names_function = self.at_reserved() && self.cursor.peek().kind != TokenKind::Dot;
        if names_function {
            let words = ["current_date", "current_user", "session_user", "current_timestamp"];
            if !self.cursor.is_any(&words) {
                return Err(Lost);
            }
            self.cursor.bump();
            return self.source(block, SourceKind::Rows);
        }
        self.cursor.qualified_name()?;
        if self.cursor.at(TokenKind::Open) {
            self.source(block, SourceKind::Rows)?;
            let behind = self.cursor;
            self.cursor.go_to(start as usize);
            // As a call in an expression.
            return if self.cursor.is_any(&["xmltable", "json_table", "cast"]) {
                Err(Lost)
            } else {
                self.cursor = behind;
                self.note(start..narrow(behind.index()), block, NameRole::InSchema);
                let is_empty = self.cursor.peek().kind == TokenKind::Close;
                self.enter(FrameKind::Plain, Clause::Expression, block)?;
                self.top()?.has_operand = is_empty;
                Ok(())
            };
        }
        self.cursor.go_to(start as usize);
        let source = self.relation_source(block)?;
        self.block(block)?.sources.push(source);
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        Ok(())
    }

    /// The block whose columns a query in FROM may use: the one around, and with LATERAL what stands in front
    /// of it.
    fn around_source(&mut self, block: u32, is_lateral: bool) -> Result<u32, Lost> {
        let parent = self.block(block)?.parent;
        let in_front = match is_lateral {
            true => self.block(block)?.sources.clone(),
            false => Vec::new(),
        };
        let around = self.new_block(parent);
        self.block(around)?.sources = in_front;
        Ok(around)
    }

    fn source(&mut self, block: u32, of: SourceKind) -> Walked {
        self.block(block)?.sources.push(RowSource { alias: None, columns: Vec::new(), of });
        Ok(())
    }

    /// The relation or common table expression at the cursor.
    pub(super) fn relation_source(&mut self, block: u32) -> Result<RowSource, Lost> {
        let first = narrow(self.cursor.index());
        let is_single = self.cursor.peek().kind != TokenKind::Dot;
        if is_single && self.cursor.at_name() {
            let name = self.kept(first);
            let cte = self.ctes.iter().rev().find(|cte| self.kept(cte.name) == name);
            if let Some(cte) = cte.filter(|_| !name.is_empty()).cloned() {
                self.part(block, NameRole::Alias)?;
                let of = SourceKind::Query(cte.query);
                return Ok(RowSource { alias: Some(first), columns: cte.columns, of });
            }
        }
        let relation = self.name(block, NameRole::Relation)?;
        let of = SourceKind::Relation(relation);
        Ok(RowSource { alias: None, columns: Vec::new(), of })
    }

    /// Whether a join begins at the cursor.
    pub(super) fn join_follows(&self) -> bool {
        self.cursor.is_any(&["join", "cross", "natural", "inner", "left", "right", "full"])
    }

    /// What may follow a source.
    pub(super) fn behind_source(&mut self, block: u32) -> Walked {
        if self.cursor.eat_kind(TokenKind::Comma) {
            return self.begin(Clause::FromItem);
        }
        if self.join_follows() {
            if self.cursor.eat("natural") {
                self.block(block)?.is_natural = true;
            }
            while !self.cursor.eat("join") {
                if !self.cursor.is_any(&["cross", "inner", "left", "right", "full", "outer"]) {
                    return Err(Lost);
                }
                self.cursor.bump();
            }
            return self.begin(Clause::FromItem);
        }
        if self.cursor.eat("on") {
            let is_conflict = self.cursor.is("conflict");
            return if is_conflict { self.on_conflict(block) } else { self.begin(Clause::On) };
        }
        if self.cursor.is("using") && self.cursor.peek().kind == TokenKind::Open {
            return self.join_columns(block);
        }
        if self.cursor.eat_all(&["with", "ordinality"]) {
            return Ok(());
        }
        if self.cursor.eat("tablesample") {
            self.name(block, NameRole::InSchema)?;
            return self.enter(FrameKind::Plain, Clause::Expression, block);
        }
        if self.cursor.is("repeatable") && self.cursor.peek().kind == TokenKind::Open {
            self.cursor.bump();
            return self.enter(FrameKind::Plain, Clause::Expression, block);
        }
        if self.cursor.eat("as") {
            return self.source_alias(block);
        }
        if self.cursor.at(TokenKind::Word) && self.ends_clause()? {
            return Ok(());
        }
        if self.cursor.at_name() && !self.at_reserved() {
            return self.source_alias(block);
        }
        Err(Lost)
    }

    /// The columns behind USING.
    fn join_columns(&mut self, block: u32) -> Walked {
        self.cursor.bump();
        self.expect_kind(TokenKind::Open)?;
        let sources = narrow(self.block(block)?.sources.len());
        loop {
            self.part(block, NameRole::Shared(sources))?;
            if self.cursor.eat_kind(TokenKind::Close) {
                break;
            }
            self.expect_kind(TokenKind::Comma)?;
        }
        if self.cursor.eat("as") {
            let alias = self.part(block, NameRole::Alias)?;
            let of = SourceKind::Joined(0..sources);
            let source = RowSource { alias: Some(alias), columns: Vec::new(), of };
            self.block(block)?.sources.push(source);
        }
        Ok(())
    }

    /// The alias of the last source, with names for columns. In `AS (a int)` there are only those.
    fn source_alias(&mut self, block: u32) -> Walked {
        let number = self.last_source(block)?;
        if !self.cursor.at(TokenKind::Open) {
            let alias = self.part(block, NameRole::Alias)?;
            self.source_at(block, number)?.alias = Some(alias);
        }
        if self.cursor.at(TokenKind::Open) {
            let columns = self.alias_columns(block)?;
            self.source_at(block, number)?.columns = columns;
        }
        Ok(())
    }

    /// The source that an alias at the cursor is for: behind joins in parentheses, the joins.
    fn last_source(&mut self, block: u32) -> Result<usize, Lost> {
        let sources = &self.block(block)?.sources;
        let last = sources.len().checked_sub(1).ok_or(Lost)?;
        if self.cursor.previous().kind != TokenKind::Close
            && !(self.cursor.token_is(self.cursor.previous(), "as")
                && self.cursor.back(2).kind == TokenKind::Close)
        {
            return Ok(last);
        }
        // Closed joins that have no name yet.
        let sources = &self.block(block)?.sources;
        let open = sources.iter().rposition(
            |source| matches!(&source.of, SourceKind::Joined(range) if range.start == range.end),
        );
        let Some(open) = open else { return Ok(last) };
        let is_of_joins = self.closes_joins();
        if !is_of_joins {
            return Ok(last);
        }
        let end = narrow(last + 1);
        if let SourceKind::Joined(range) = &mut self.source_at(block, open)?.of {
            range.end = end;
        }
        Ok(open)
    }

    /// Whether the parenthesis in front of the cursor closes joins.
    fn closes_joins(&self) -> bool {
        let mut cursor = self.cursor;
        while cursor.index() > 0 && !cursor.at(TokenKind::Close) {
            cursor.go_to(cursor.index() - 1);
        }
        let Some(open) = cursor.partner() else { return false };
        cursor.go_to(open);
        let mut inside = cursor;
        while inside.eat_kind(TokenKind::Open) {}
        let is_query = inside.is_any(&["select", "with", "values"]);
        let before = cursor.previous();
        let follows = [",", "from", "join", "(", "using", "lateral"];
        let text = cursor.bytes(before).to_ascii_lowercase();
        !is_query && follows.iter().any(|word| text == word.as_bytes())
    }

    fn source_at(&mut self, block: u32, number: usize) -> Result<&mut RowSource, Lost> {
        self.block(block)?.sources.get_mut(number).ok_or(Lost)
    }
}
