//! CREATE: tables, views, indexes, sequences, triggers, routines, types.

use super::{
    Clause, CreatedTable, DefinitionPart, FrameKind, ImpliedColumn, Lost, NameRole, PartKind,
    ScopeWalker, Walked, narrow,
};
use crate::statement::cursor::Cursor;
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// Behind CREATE.
    pub(super) fn create(&mut self) -> Walked {
        self.cursor.eat_all(&["or", "replace"]);
        const WORDS: &[&str] =
            &["global", "local", "temporary", "temp", "unlogged", "recursive", "foreign", "event"];
        let mut is_temporary = false;
        while self.cursor.is_any(WORDS) {
            is_temporary |= self.cursor.is_any(&["temporary", "temp"]);
            self.cursor.bump();
        }
        let unique = self.cursor.eat("unique");
        let constraint = !unique && self.cursor.eat("constraint");
        match () {
            () if self.cursor.eat("table") => self.create_table(is_temporary),
            () if self.cursor.eat_all(&["materialized", "view"]) => self.create_view(),
            () if self.cursor.eat("view") => self.create_view(),
            () if self.cursor.eat("index") => self.create_index(),
            () if self.cursor.eat("sequence") => self.create_sequence(),
            () if self.cursor.eat("schema") => self.create_schema(),
            () if self.cursor.eat("trigger") => self.create_trigger(constraint),
            () if self.cursor.eat("function") || self.cursor.eat("procedure") => {
                self.create_routine()
            }
            () if self.cursor.eat("type") => self.create_type(),
            () if self.cursor.eat("domain") => self.create_domain(),
            () if self.cursor.eat("policy") => self.create_policy(),
            () if self.cursor.eat("statistics") => self.create_statistics(),
            () if self.cursor.is_any(&["role", "user", "group", "database", "tablespace"]) => {
                self.words()
            }
            () if self.cursor.eat("publication") => self.publication(),
            () if self.cursor.eat("rule") => self.create_rule(),
            () if self.cursor.is_any(super::WITHOUT_RELATIONS) => self.names_in_schemas(),
            () => Err(Lost),
        }
    }

    /// Notes the part from `first` up to the cursor.
    pub(super) fn note_part(&mut self, first: Cursor<'_>, list: u32, kind: Option<PartKind>) {
        let Some(kind) = kind else { return };
        let tokens = narrow(first.index())..narrow(self.cursor.index());
        let has_key = has_key(first.up_to(self.cursor.index()));
        self.scopes.shapes.parts.push(DefinitionPart { tokens, list, kind, has_key });
    }

    pub(super) fn if_not_exists(&mut self) {
        self.cursor.eat_all(&["if", "not", "exists"]);
    }

    fn create_table(&mut self, is_temporary: bool) -> Walked {
        self.if_not_exists();
        let relation = self.name(0, NameRole::NewRelation)?;
        let mut table = CreatedTable {
            relation,
            close: None,
            is_empty: false,
            has_key: false,
            is_plain: !is_temporary,
        };
        let mut is_typed = true;
        if self.cursor.eat_all(&["partition", "of"]) {
            let other = self.name(0, NameRole::Relation)?;
            self.scopes.shapes.shaped.push((relation, other));
            table.is_plain = false;
        } else if self.cursor.eat("of") {
            self.name(0, NameRole::InSchema)?;
            is_typed = false;
        }
        let block = self.relation_block(relation)?;
        let lists = self.cursor.at(TokenKind::Open);
        if lists {
            let open = self.cursor;
            self.table_elements(block, relation)?;
            let close = self.cursor.index().saturating_sub(1);
            table.is_empty = close == open.index() + 1;
            table.has_key = has_key(open.up_to(close));
            table.close = Some(narrow(close)).filter(|_| is_typed);
        }
        self.scopes.tables.push(table);
        self.table_tail(block, relation, lists)
    }

    /// What follows the columns of a table.
    fn table_tail(&mut self, block: u32, relation: u32, lists: bool) -> Walked {
        while !self.at_statement_end() {
            if self.cursor.eat("inherits") {
                self.expect_kind(TokenKind::Open)?;
                if !self.cursor.at(TokenKind::Close) {
                    let first = narrow(self.scopes.names.len());
                    self.relations()?;
                    let others = first..narrow(self.scopes.names.len());
                    self.scopes.shapes.shaped.extend(others.map(|other| (relation, other)));
                }
                self.expect_kind(TokenKind::Close)?;
            } else if self.cursor.eat_all(&["partition", "by"]) {
                if self.cursor.bytes(self.cursor.token).is_empty() || !self.cursor.at_name() {
                    return Err(Lost);
                }
                self.cursor.bump();
                self.index_elements(block, relation)?;
            } else if self.cursor.eat_all(&["for", "values"]) {
                self.partition_bounds(block)?;
            } else if self.cursor.eat("as") {
                // Its columns are those of the query.
                if let Some(table) = self.scopes.tables.last_mut() {
                    table.close = None;
                }
                return self.defining_query(relation, lists);
            } else if self.cursor.is_any(&["tablespace", "using", "server"]) {
                self.cursor.bump();
                self.part(0, NameRole::Other)?;
            } else if self.cursor.is_any(&["with", "options"])
                && self.cursor.peek().kind == TokenKind::Open
            {
                self.cursor.bump();
                self.cursor.skip_brackets()?;
            } else if matches!(
                self.cursor.token.kind,
                TokenKind::Word | TokenKind::Number | TokenKind::Text | TokenKind::Operator
            ) {
                // ON COMMIT, WITHOUT OIDS, and options of other engines, such as ENGINE = InnoDB.
                self.cursor.bump();
            } else {
                return Err(Lost);
            }
        }
        Ok(())
    }

    /// Behind FOR VALUES.
    pub(super) fn partition_bounds(&mut self, block: u32) -> Walked {
        let words = ["in", "from", "to", "with"];
        while self.cursor.is_any(&words) {
            let is_hash = self.cursor.is("with");
            self.cursor.bump();
            if is_hash || self.holds_bounds() {
                self.cursor.skip_brackets()?;
            } else {
                self.bracketed_expression(block)?;
            }
        }
        Ok(())
    }

    /// Whether the list at the cursor has MINVALUE or MAXVALUE, which look like columns.
    fn holds_bounds(&self) -> bool {
        let mut cursor = self.cursor;
        let end = self.partner().unwrap_or(0);
        while cursor.index() < end {
            if cursor.is_any(&["minvalue", "maxvalue"]) {
                return true;
            }
            cursor.bump();
        }
        false
    }

    /// The query behind AS, which defines a relation. `is_named` says that its columns have their names
    /// from a list.
    fn defining_query(&mut self, relation: u32, is_named: bool) -> Walked {
        if self.cursor.is("execute") {
            self.cursor.bump();
            self.part(0, NameRole::Other)?;
            if self.cursor.at(TokenKind::Open) {
                self.bracketed_expression(0)?;
            }
            return self.keywords();
        }
        let end = self.defining_end();
        let frame = self.query_frame(end, 0);
        let query = frame.query;
        self.run(frame)?;
        let block = self.scopes.queries.get(query as usize).copied().flatten();
        if let Some(block) = block.filter(|_| !is_named) {
            self.imply(block, relation);
        }
        self.keywords()
    }

    /// Notes that the columns of a relation have the names of those of a block.
    pub(super) fn imply(&mut self, block: u32, relation: u32) {
        let outputs = self.scopes.blocks.get(block as usize).map(|block| &block.outputs);
        let outputs = outputs.into_iter().flatten().copied();
        let implied = outputs.map(|output| ImpliedColumn { output, block, relation });
        self.scopes.implied.extend(implied.collect::<Vec<_>>());
    }

    /// Where the query of a definition ends: in front of WITH CHECK OPTION and WITH NO DATA.
    fn defining_end(&self) -> usize {
        let mut cursor = self.cursor;
        let end = self.statement_end();
        while cursor.index() < end {
            let words = ["check", "cascaded", "local", "no", "data"];
            let next = cursor.peek();
            let is_end = cursor.is("with")
                && words.iter().any(|word| cursor.token_is(next, word))
                && cursor.index() + 4 >= end;
            if is_end {
                return cursor.index();
            }
            if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                cursor.bump();
            }
        }
        end
    }

    fn create_view(&mut self) -> Walked {
        self.if_not_exists();
        let relation = self.name(0, NameRole::NewRelation)?;
        let lists = self.cursor.at(TokenKind::Open);
        if lists {
            self.new_columns(relation)?;
        }
        while self.cursor.is_any(&["with", "using", "tablespace"]) {
            self.cursor.bump();
            match self.cursor.at(TokenKind::Open) {
                true => self.cursor.skip_brackets()?,
                false => drop(self.part(0, NameRole::Other)?),
            }
        }
        self.expect("as")?;
        self.defining_query(relation, lists)
    }

    fn new_columns(&mut self, relation: u32) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        loop {
            self.part(0, NameRole::NewColumnOf(relation))?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    fn create_index(&mut self) -> Walked {
        let first = self.cursor;
        self.cursor.eat("concurrently");
        self.if_not_exists();
        if !self.cursor.is("on") {
            self.name(0, NameRole::Other)?;
        }
        self.expect("on")?;
        self.cursor.eat("only");
        let relation = self.name(0, NameRole::Relation)?;
        let block = self.relation_block(relation)?;
        if self.cursor.eat("using") {
            self.part(0, NameRole::Other)?;
        }
        self.index_elements(block, relation)?;
        while !self.at_statement_end() {
            if self.cursor.eat("where") {
                let end = self.statement_end();
                self.run(self.frame(end, FrameKind::Plain, Clause::Expression, block))?;
                break;
            }
            if self.cursor.eat("include") {
                self.index_elements(block, relation)?;
            } else if self.cursor.eat("with") {
                self.cursor.skip_brackets()?;
            } else if self.cursor.eat("tablespace") {
                self.part(0, NameRole::Other)?;
            } else if self.cursor.is_any(&["nulls", "not", "distinct"]) {
                self.cursor.bump();
            } else {
                return Err(Lost);
            }
        }
        self.note_part(first, narrow(first.index()), Some(PartKind::Whole("CREATE INDEX")));
        Ok(())
    }

    fn create_sequence(&mut self) -> Walked {
        self.if_not_exists();
        self.name(0, NameRole::NewRelation)?;
        self.sequence_options()
    }

    /// The options of a sequence, up to the end of the statement or of the parentheses around them.
    pub(super) fn sequence_options(&mut self) -> Walked {
        while !self.at_statement_end() && !self.cursor.at(TokenKind::Close) {
            if self.cursor.eat_all(&["owned", "by"]) {
                if !self.cursor.eat("none") {
                    self.name(0, NameRole::RelationColumn)?;
                }
            } else if self.cursor.eat_all(&["sequence", "name"]) {
                self.name(0, NameRole::NewRelation)?;
            } else if self.cursor.eat("as") {
                self.pass_type(0)?;
            } else if matches!(
                self.cursor.token.kind,
                TokenKind::Word | TokenKind::Number | TokenKind::Operator
            ) {
                self.cursor.bump();
            } else {
                return Err(Lost);
            }
        }
        Ok(())
    }

    fn create_schema(&mut self) -> Walked {
        self.if_not_exists();
        if !self.cursor.is("authorization") {
            self.part(0, NameRole::Schema)?;
        }
        if self.cursor.eat("authorization") {
            self.part(0, NameRole::Other)?;
        }
        Ok(())
    }

    fn create_type(&mut self) -> Walked {
        self.name(0, NameRole::InSchema)?;
        if self.at_statement_end() {
            return Ok(());
        }
        if !self.cursor.eat("as") {
            return self.cursor.skip_brackets();
        }
        if self.cursor.is_any(&["enum", "range"]) {
            self.cursor.bump();
            return self.cursor.skip_brackets();
        }
        if self.cursor.at(TokenKind::Open) && self.cursor.peek().kind == TokenKind::Close {
            return self.cursor.skip_brackets();
        }
        self.alias_columns(0).map(|_| ())
    }

    fn create_domain(&mut self) -> Walked {
        self.name(0, NameRole::InSchema)?;
        self.cursor.eat("as");
        self.pass_type(0)?;
        let block = self.new_block(None);
        self.column_constraints(block, None)
    }
}

/// Whether the columns and constraints of a table have a primary key.
fn has_key(mut list: Cursor<'_>) -> bool {
    while !list.at(TokenKind::End) {
        if list.eat_all(&["primary", "key"]) {
            return true;
        }
        list.bump();
    }
    false
}
