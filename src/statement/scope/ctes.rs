//! Common table expressions: their names, columns and queries.

use super::{
    Clause, Cte, FrameKind, Lost, NameRole, RowSource, ScopeWalker, SourceKind, Walked, narrow,
};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// Notes all common table expressions of the WITH at the cursor, which stays; recursive ones see each
    /// other.
    pub(super) fn register_ctes(&mut self, recursive: bool) -> Walked {
        if !recursive {
            return Ok(());
        }
        let mut cursor = self.cursor;
        loop {
            let name = narrow(cursor.index());
            if !cursor.at_name() {
                return Err(Lost);
            }
            cursor.bump();
            let mut columns = Vec::new();
            if cursor.at(TokenKind::Open) {
                let first = cursor.index() + 1;
                cursor.skip_brackets()?;
                columns = (first..cursor.index() - 1).step_by(2).map(narrow).collect();
            }
            let query = narrow(self.scopes.queries.len());
            self.scopes.queries.push(None);
            self.ctes.push(Cte { name, columns, query });
            // Up to the next name, whatever SEARCH and CYCLE say.
            while !cursor.at(TokenKind::Open) && !cursor.at(TokenKind::End) {
                cursor.bump();
            }
            cursor.skip_brackets()?;
            while cursor.is_any(&["search", "cycle"]) {
                let starts = ["select", "insert", "update", "delete", "merge", "values", "table"];
                while !(cursor.at(TokenKind::End)
                    || cursor.is_any(&starts)
                    || cursor.at(TokenKind::Comma) && self.cte_follows(cursor.index() + 1))
                {
                    cursor.bump();
                }
            }
            if !cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// Whether a common table expression begins at a token.
    fn cte_follows(&self, index: usize) -> bool {
        let mut cursor = self.cursor;
        cursor.go_to(index);
        if !cursor.at_name() {
            return false;
        }
        cursor.bump();
        if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_err() {
            return false;
        }
        cursor.eat("as")
    }

    /// One common table expression; behind the last one the query follows.
    pub(super) fn cte(&mut self) -> Walked {
        let frame = self.top()?;
        let (outer, is_behind) = (frame.block, frame.has_operand);
        if is_behind {
            self.top()?.has_operand = false;
            self.search_and_cycle()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                self.top()?.clause = Clause::Start;
            }
            return Ok(());
        }
        let name = self.part(outer, NameRole::Alias)?;
        self.top()?.item.first = name as usize;
        let columns = match self.cursor.at(TokenKind::Open) {
            true => self.alias_columns(outer)?,
            false => Vec::new(),
        };
        self.expect("as")?;
        self.cursor.eat("not");
        self.cursor.eat("materialized");
        let known = self.ctes.iter().find(|cte| cte.name == name).map(|cte| cte.query);
        self.enter(FrameKind::Query, Clause::Start, outer)?;
        let frame = self.top()?;
        match known {
            Some(query) => frame.query = query,
            None => frame.around.defines = Some(Cte { name, columns, query: frame.query }),
        }
        Ok(())
    }

    /// SEARCH and CYCLE behind a common table expression.
    fn search_and_cycle(&mut self) -> Walked {
        if !self.cursor.is_any(&["search", "cycle"]) {
            return Ok(());
        }
        let name = self.top()?.item.first;
        let cte = self.ctes.iter().find(|cte| cte.name as usize == name).cloned().ok_or(Lost)?;
        let block = self.new_block(None);
        let of = SourceKind::Query(cte.query);
        self.block(block)?.sources.push(RowSource { alias: None, columns: cte.columns, of });
        if self.cursor.eat("search") {
            if !self.cursor.eat("depth") {
                self.expect("breadth")?;
            }
            self.expect("first")?;
            self.expect("by")?;
            self.listed_columns(block)?;
            self.expect("set")?;
            self.part(block, NameRole::Alias)?;
        }
        if !self.cursor.eat("cycle") {
            return Ok(());
        }
        self.listed_columns(block)?;
        self.expect("set")?;
        self.part(block, NameRole::Alias)?;
        while self.cursor.eat("to") || self.cursor.eat("default") {
            // A constant, perhaps with a type in front of it or behind.
            let ends = ["default", "using"];
            while !self.cursor.is_any(&ends) && !self.at_statement_end() {
                self.cursor.bump();
            }
        }
        self.expect("using")?;
        self.part(block, NameRole::Alias).map(drop)
    }

    fn listed_columns(&mut self, block: u32) -> Walked {
        loop {
            self.part(block, NameRole::Column)?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// Names in parentheses, for the columns of a source.
    pub(super) fn alias_columns(&mut self, block: u32) -> Result<Vec<u32>, Lost> {
        let mut columns = Vec::new();
        self.expect_kind(TokenKind::Open)?;
        loop {
            columns.push(self.part(block, NameRole::Alias)?);
            // The columns that a function gives may have types.
            let has_type = !matches!(
                self.cursor.token.kind,
                TokenKind::Comma | TokenKind::Close | TokenKind::End
            );
            if has_type {
                self.pass_type(block)?;
                if self.cursor.eat("collate") {
                    self.name(block, NameRole::InSchema)?;
                }
            }
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(columns);
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }
}
