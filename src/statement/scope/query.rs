//! Queries: WITH, SELECT, VALUES, set operations, and the clauses behind the list of items.

use super::{
    Clause, CreatedTable, FrameKind, Lost, NameRole, OutputColumn, RowSource, ScopeWalker,
    SourceKind, Walked, narrow,
};
use crate::statement::cursor::is_name;
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// The first word of a query.
    pub(super) fn query_start(&mut self) -> Walked {
        let frame = self.top()?;
        let outer = frame.block;
        if self.cursor.eat("with") {
            let recursive = self.cursor.eat("recursive");
            self.register_ctes(recursive)?;
            self.top()?.clause = Clause::Ctes;
            return Ok(());
        }
        if self.cursor.at(TokenKind::Open) {
            self.top()?.clause = Clause::AfterQuery;
            let query = self.top()?.query;
            self.enter(FrameKind::Query, Clause::Start, outer)?;
            // What the query in parentheses gives, the one around it gives.
            self.top()?.query = query;
            return Ok(());
        }
        if self.cursor.is_any(&["insert", "update", "delete", "merge"]) {
            return self.data_statement(outer);
        }
        let block = self.query_block(Some(outer))?;
        if self.cursor.eat("select") {
            return self.select_list(block);
        }
        if self.cursor.eat("values") {
            self.top()?.clause = Clause::Expression;
            return Ok(());
        }
        self.expect("table")?;
        self.cursor.eat("only");
        let source = self.relation_source(block)?;
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        let block = self.block(block)?;
        block.sources.push(source);
        block.outputs.push(OutputColumn::Star(None));
        self.top()?.clause = Clause::AfterQuery;
        Ok(())
    }

    /// A block for the query of the frame at the top; the first one of it says what it gives.
    pub(super) fn query_block(&mut self, parent: Option<u32>) -> Result<u32, Lost> {
        let block = self.new_block(parent);
        let frame = self.top()?;
        frame.block = block;
        let query = frame.query as usize;
        if let Some(first) = self.scopes.queries.get_mut(query)
            && first.is_none()
        {
            *first = Some(block);
        }
        Ok(block)
    }

    fn select_list(&mut self, block: u32) -> Walked {
        self.top()?.clause = Clause::ItemsStart;
        if self.cursor.eat("distinct") && self.cursor.eat("on") {
            return self.enter(FrameKind::Plain, Clause::Expression, block);
        }
        self.cursor.eat("all");
        Ok(())
    }

    pub(super) fn items_start(&mut self) -> Walked {
        let item = self.item();
        let frame = self.top()?;
        frame.clause = Clause::Items;
        frame.has_operand = false;
        frame.item = item;
        Ok(())
    }

    /// Whether the word at the cursor ends the clause; then the next one has begun.
    pub(super) fn ends_clause(&mut self) -> Result<bool, Lost> {
        let frame = self.top()?;
        let (kind, clause, block) = (frame.kind, frame.clause, frame.block);
        if frame.cases > 0 {
            return Ok(false);
        }
        if matches!(kind, FrameKind::Joins | FrameKind::Query)
            && clause == Clause::On
            && self.join_follows()
        {
            self.top()?.clause = Clause::FromNext;
            return Ok(true);
        }
        // `a JOIN b JOIN c ON ... ON ...`.
        if clause == Clause::On && self.cursor.is("on") && !self.ahead_is(1, "conflict") {
            self.cursor.bump();
            self.begin(Clause::On)?;
            return Ok(true);
        }
        if kind != FrameKind::Query {
            return Ok(false);
        }
        if self.data_clause(block)? {
            return Ok(true);
        }
        self.end_item();
        let next = match () {
            () if self.cursor.eat("from") => Clause::FromItem,
            () if self.cursor.eat("where") || self.cursor.eat("having") => Clause::Expression,
            () if self.cursor.eat_all(&["group", "by"]) => {
                if !self.cursor.eat("distinct") {
                    self.cursor.eat("all");
                }
                Clause::GroupBy
            }
            () if self.cursor.eat("window") => Clause::Windows,
            () if self.cursor.is("into") && clause == Clause::Items => {
                self.select_into(block)?;
                return Ok(true);
            }
            () => return self.after_select(),
        };
        self.begin(next)?;
        Ok(true)
    }

    pub(super) fn begin(&mut self, clause: Clause) -> Walked {
        let frame = self.top()?;
        (frame.clause, frame.has_operand, frame.item.label) = (clause, false, None);
        Ok(())
    }

    /// `SELECT ... INTO [TEMP | UNLOGGED] [TABLE] name`.
    fn select_into(&mut self, block: u32) -> Walked {
        self.cursor.bump();
        let mut is_plain = true;
        self.cursor.eat("local");
        while self.cursor.is_any(&["temporary", "temp", "unlogged", "table"]) {
            is_plain &= !self.cursor.is_any(&["temporary", "temp"]);
            self.cursor.bump();
        }
        let relation = self.name(block, NameRole::NewRelation)?;
        self.scopes.tables.push(CreatedTable {
            relation,
            close: None,
            is_empty: false,
            has_key: false,
            is_plain,
        });
        self.imply(block, relation);
        self.begin(Clause::FromNext)
    }

    /// What may stand behind a whole SELECT; whether the word at the cursor begins it.
    fn after_select(&mut self) -> Result<bool, Lost> {
        let block = self.top()?.block;
        if self.cursor.is_any(&["union", "intersect", "except"]) {
            self.cursor.bump();
            if !self.cursor.eat("all") {
                self.cursor.eat("distinct");
            }
            self.begin(Clause::Start)?;
            // Of the parts of a set operation the first one names the columns.
            let frame = self.top()?;
            frame.block = frame.outer;
            return Ok(true);
        }
        if self.cursor.eat_all(&["order", "by"]) {
            self.order_block(block)?;
            self.begin(Clause::OrderBy)?;
            return Ok(true);
        }
        if self.cursor.eat("limit") {
            self.cursor.eat("all");
            let is_all = self.cursor.token_is(self.cursor.previous(), "all");
            self.begin(Clause::Expression)?;
            self.top()?.has_operand = is_all;
            return Ok(true);
        }
        if self.cursor.eat("offset") {
            self.begin(Clause::Expression)?;
            return Ok(true);
        }
        if self.cursor.is_any(&["row", "rows"]) && self.top()?.clause == Clause::Expression {
            self.cursor.bump();
            return Ok(true);
        }
        if self.cursor.eat("fetch") {
            self.fetch()?;
            return Ok(true);
        }
        if self.cursor.is("for") {
            self.locking(block)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The block whose names ORDER BY may use: behind a set operation those of its first part alone.
    fn order_block(&mut self, block: u32) -> Walked {
        let frame = self.top()?;
        let (query, outer) = (frame.query, frame.outer);
        let first = self.scopes.queries.get(query as usize).copied().flatten();
        if first == Some(block) {
            return Ok(());
        }
        let order = self.new_block(Some(outer));
        let source = RowSource { alias: None, columns: Vec::new(), of: SourceKind::Query(query) };
        self.block(order)?.sources.push(source);
        self.top()?.block = order;
        Ok(())
    }

    /// Behind a query in parentheses, or behind TABLE.
    pub(super) fn after_query(&mut self) -> Walked {
        if self.ends_clause()? {
            return Ok(());
        }
        // It was a source after all: `((SELECT 1) a JOIN b ON true)`.
        let frame = self.top()?;
        let frame_outer = frame.outer;
        let query = frame.query;
        let outer = match self.frames.iter().rev().nth(1) {
            Some(around) => around.block,
            None => frame_outer,
        };
        let at_name = self.cursor.at_name();
        let sources = &mut self.block(outer)?.sources;
        let number = sources.len().saturating_sub(1);
        let is_source =
            at_name && sources.last().is_some_and(|last| last.of == SourceKind::Query(query));
        if is_source {
            let first = narrow(number + 1);
            if let Some(last) = sources.last_mut() {
                last.of = SourceKind::Joined(first..first);
            }
            let of = SourceKind::Query(query);
            sources.push(RowSource { alias: None, columns: Vec::new(), of });
            let frame = self.top()?;
            (frame.kind, frame.clause, frame.block) = (FrameKind::Joins, Clause::FromNext, outer);
            return Ok(());
        }
        // Or an operand: `((SELECT 1) + 1)`.
        let frame = self.top()?;
        (frame.kind, frame.clause, frame.has_operand) =
            (FrameKind::Plain, Clause::Expression, true);
        let goes_on = matches!(
            self.cursor.token.kind,
            TokenKind::Operator
                | TokenKind::Comma
                | TokenKind::Cast
                | TokenKind::Word
                | TokenKind::OpenBracket
                | TokenKind::Dot
        );
        if goes_on { Ok(()) } else { Err(Lost) }
    }

    fn fetch(&mut self) -> Walked {
        if !self.cursor.eat("first") {
            self.expect("next")?;
        }
        if self.cursor.at(TokenKind::Open) {
            let holds_constant = self.ahead(2).kind == TokenKind::Close;
            if !holds_constant || is_name(self.cursor.peek().kind) {
                return Err(Lost);
            }
            self.cursor.skip_brackets()?;
        } else if !self.cursor.is_any(&["row", "rows"]) && !self.cursor.eat_kind(TokenKind::Number)
        {
            self.expect_kind(TokenKind::Parameter)?;
        }
        if !self.cursor.eat("row") {
            self.expect("rows")?;
        }
        if !self.cursor.eat("only") && !self.cursor.eat_all(&["with", "ties"]) {
            return Err(Lost);
        }
        self.begin(Clause::AfterQuery)
    }

    /// FOR UPDATE and the like.
    fn locking(&mut self, block: u32) -> Walked {
        self.cursor.bump();
        self.cursor.eat("no");
        self.cursor.eat("key");
        if self.cursor.is_any(&["read", "xml", "json"]) {
            return Err(Lost);
        }
        if !self.cursor.eat("update") {
            self.expect("share")?;
        }
        if self.cursor.eat("of") {
            loop {
                self.name(block, NameRole::SourceName)?;
                if !self.cursor.eat_kind(TokenKind::Comma) {
                    break;
                }
            }
        }
        if !self.cursor.eat("nowait") {
            self.cursor.eat_all(&["skip", "locked"]);
        }
        self.begin(Clause::AfterQuery)
    }

    /// A name in WINDOW, and what it stands for.
    pub(super) fn window_name(&mut self) -> Walked {
        let frame = self.top()?;
        let (block, is_behind) = (frame.block, frame.has_operand);
        if is_behind {
            self.top()?.has_operand = false;
            return match self.cursor.eat_kind(TokenKind::Comma) {
                true => Ok(()),
                false => self.begin(Clause::AfterQuery),
            };
        }
        self.part(block, NameRole::Other)?;
        self.expect("as")?;
        self.enter(FrameKind::Window, Clause::Expression, block)
    }
}
