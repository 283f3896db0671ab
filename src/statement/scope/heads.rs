//! The first words of statements, and those whose names stand in simple lists.

use super::{Clause, FrameKind, Lost, NameRole, ScopeWalker, Walked};
use crate::statement::cursor::is_text;
use crate::statement::lexer::TokenKind;

/// What reads a statement behind its first word.
type StatementReader<'a> = fn(&mut ScopeWalker<'a>) -> Walked;

impl<'a> ScopeWalker<'a> {
    /// The whole statement.
    pub(super) fn statement(&mut self) -> Walked {
        self.prefixes()?;
        let words: &[(&str, StatementReader<'a>)] = &[
            ("copy", Self::copy),
            ("create", Self::create),
            ("alter", Self::alter),
            ("drop", Self::drop_statement),
            ("truncate", Self::truncate),
            ("lock", Self::lock),
            ("analyze", Self::maintain),
            ("analyse", Self::maintain),
            ("vacuum", Self::maintain),
            ("cluster", Self::cluster),
            ("reindex", Self::reindex),
            ("refresh", Self::refresh),
            ("comment", Self::comment),
            ("security", Self::comment),
            ("grant", Self::grant),
            ("revoke", Self::grant),
            ("set", Self::set),
            ("execute", Self::execute),
            ("do", Self::run_code),
            ("call", Self::expression_statement),
        ];
        if let Some((_, read)) = words.iter().find(|(word, _)| self.cursor.is(word)) {
            self.cursor.bump();
            return read(self);
        }
        const QUERIES: &[&str] =
            &["select", "with", "values", "table", "insert", "update", "delete", "merge"];
        if self.cursor.is_any(QUERIES) || self.cursor.at(TokenKind::Open) {
            return self.query_statement();
        }
        const WITHOUT_NAMES: &[&str] = &[
            "abort",
            "begin",
            "checkpoint",
            "close",
            "commit",
            "deallocate",
            "discard",
            "end",
            "fetch",
            "listen",
            "load",
            "move",
            "notify",
            "release",
            "reset",
            "rollback",
            "savepoint",
            "show",
            "start",
            "unlisten",
            "prepare",
            "reassign",
        ];
        if self.cursor.is_any(WITHOUT_NAMES) {
            self.cursor.bump();
            return self.words();
        }
        Err(Lost)
    }

    /// EXPLAIN, PREPARE and DECLARE, in front of another statement.
    fn prefixes(&mut self) -> Walked {
        loop {
            if self.cursor.eat("explain") {
                let holds_options = self.cursor.at(TokenKind::Open) && !self.query_follows();
                if holds_options {
                    self.cursor.skip_brackets()?;
                }
                while self.cursor.is_any(&["analyze", "analyse", "verbose"]) {
                    self.cursor.bump();
                }
            } else if self.cursor.is("prepare") && !self.ahead_is(1, "transaction") {
                self.cursor.bump();
                self.part(0, NameRole::Other)?;
                if self.cursor.eat_kind(TokenKind::Open) {
                    self.type_list()?;
                }
                self.expect("as")?;
            } else if self.cursor.eat("declare") {
                self.part(0, NameRole::Other)?;
                while !self.cursor.is("for") && !self.at_statement_end() {
                    self.cursor.bump();
                }
                self.expect("for")?;
            } else {
                return Ok(());
            }
        }
    }

    /// Names of which none is a relation or a column, with or without schemas, up to the end of the
    /// statement.
    pub(super) fn names_in_schemas(&mut self) -> Walked {
        while !self.at_statement_end() {
            if self.cursor.eat("schema") {
                self.part(0, NameRole::Schema)?;
            } else if self.at_path() {
                self.search_path()?;
            } else if self.cursor.at_name() {
                let is_single = self.cursor.peek().kind != TokenKind::Dot;
                let first = super::narrow(self.cursor.index());
                // Operators have schemas, too.
                if self.cursor.qualified_name().is_err() && !self.cursor.at(TokenKind::Operator) {
                    return Err(Lost);
                }
                let role = if is_single { NameRole::Other } else { NameRole::InSchema };
                self.note(first..super::narrow(self.cursor.index()), 0, role);
            } else {
                self.cursor.bump();
            }
        }
        Ok(())
    }

    fn type_list(&mut self) -> Walked {
        loop {
            self.pass_type(0)?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            self.expect_kind(TokenKind::Comma)?;
        }
    }

    /// A query up to the end of the statement. Gives its number.
    pub(super) fn query(&mut self) -> Result<u32, Lost> {
        let end = self.statement_end();
        let frame = self.query_frame(end, 0);
        let query = frame.query;
        self.run(frame)?;
        Ok(query)
    }

    fn query_statement(&mut self) -> Walked {
        self.query().map(|_| ())
    }

    pub(super) fn statement_end(&self) -> usize {
        let mut cursor = self.cursor;
        while !matches!(cursor.token.kind, TokenKind::End | TokenKind::Semicolon) {
            if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                cursor.bump();
            }
        }
        cursor.index()
    }

    /// An expression up to the end of the statement.
    pub(super) fn expression_statement(&mut self) -> Walked {
        let end = self.statement_end();
        self.run(self.frame(end, FrameKind::Plain, Clause::Expression, 0))
    }

    /// Words and names that are not of the kinds that a rule renames, up to the end of the statement.
    pub(super) fn words(&mut self) -> Walked {
        while !self.at_statement_end() {
            if self.at_path() {
                self.search_path()?;
            } else if self.cursor.at_name() {
                self.part(0, NameRole::Other)?;
            } else {
                self.cursor.bump();
            }
        }
        Ok(())
    }

    /// Whether roles, databases or functions get a `SET search_path`, whose name the cursor is at then.
    fn at_path(&mut self) -> bool {
        let is_path = self.cursor.is("set") && self.ahead_is(1, "search_path");
        if is_path {
            self.cursor.bump();
        }
        is_path
    }

    /// `EXECUTE name (arguments)`.
    fn execute(&mut self) -> Walked {
        self.part(0, NameRole::Other)?;
        match self.cursor.at(TokenKind::Open) {
            true => self.bracketed_expression(0),
            false => Ok(()),
        }
    }

    /// `DO [LANGUAGE name] body`.
    fn run_code(&mut self) -> Walked {
        while !self.at_statement_end() {
            if self.cursor.eat("language") {
                self.cursor.bump();
            } else {
                self.body()?;
            }
        }
        Ok(())
    }

    /// A constant that holds code.
    pub(super) fn body(&mut self) -> Walked {
        if !is_text(self.cursor.token.kind) {
            return Err(Lost);
        }
        self.scopes.bodies.push(super::narrow(self.cursor.index()));
        self.cursor.bump();
        Ok(())
    }

    /// Relations with commas between them. Gives the number of the last one.
    pub(super) fn relations(&mut self) -> Result<u32, Lost> {
        loop {
            let only = self.cursor.eat("only");
            let in_parentheses = only && self.cursor.eat_kind(TokenKind::Open);
            let relation = self.name(0, NameRole::Relation)?;
            if in_parentheses {
                self.expect_kind(TokenKind::Close)?;
            }
            if self.cursor.is_operator("*") {
                self.cursor.bump();
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(relation);
            }
        }
    }

    fn truncate(&mut self) -> Walked {
        self.cursor.eat("table");
        self.relations()?;
        self.keywords()
    }

    fn lock(&mut self) -> Walked {
        self.cursor.eat("table");
        self.relations()?;
        self.keywords()
    }

    /// Keywords up to the end of the statement.
    pub(super) fn keywords(&mut self) -> Walked {
        while self.cursor.at(TokenKind::Word) {
            self.cursor.bump();
        }
        Ok(())
    }

    /// ANALYZE and VACUUM: options, then relations with columns.
    fn maintain(&mut self) -> Walked {
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
        }
        while self.cursor.is_any(&["full", "freeze", "verbose", "analyze", "analyse"]) {
            self.cursor.bump();
        }
        while !self.at_statement_end() {
            self.cursor.eat("only");
            let relation = self.name(0, NameRole::Relation)?;
            if self.cursor.at(TokenKind::Open) {
                self.written_columns(0, relation)?;
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn cluster(&mut self) -> Walked {
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
        }
        self.cursor.eat("verbose");
        if self.at_statement_end() {
            return Ok(());
        }
        let first = self.cursor;
        let relation = self.name(0, NameRole::Relation)?;
        if self.cursor.eat("on") {
            // `CLUSTER index ON table`, as before 8.4.
            self.cursor = first;
            self.scopes.names.truncate(relation as usize);
            self.name(0, NameRole::InSchema)?;
            self.expect("on")?;
            self.name(0, NameRole::Relation)?;
        } else if self.cursor.eat("using") {
            self.name(0, NameRole::InSchema)?;
        }
        Ok(())
    }

    fn reindex(&mut self) -> Walked {
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
        }
        let role = match () {
            () if self.cursor.eat("table") => NameRole::Relation,
            () if self.cursor.eat("index") => NameRole::InSchema,
            () if self.cursor.eat("schema") => NameRole::Schema,
            () if self.cursor.eat("database") || self.cursor.eat("system") => NameRole::Other,
            () => return Err(Lost),
        };
        self.cursor.eat("concurrently");
        if self.at_statement_end() && role == NameRole::Other {
            return Ok(());
        }
        self.name(0, role).map(|_| ())
    }

    fn refresh(&mut self) -> Walked {
        self.expect("materialized")?;
        self.expect("view")?;
        self.cursor.eat("concurrently");
        self.name(0, NameRole::Relation)?;
        self.keywords()
    }

    /// SET: a search_path has schemas; other settings nothing that a rule renames.
    fn set(&mut self) -> Walked {
        if self.cursor.is("session") && !self.ahead_is(1, "authorization")
            || self.cursor.is("local")
        {
            self.cursor.bump();
        }
        if !self.cursor.is_any(&["search_path", "schema"]) {
            return self.words();
        }
        self.search_path()
    }

    /// The value of `search_path`, with the cursor at its name.
    pub(super) fn search_path(&mut self) -> Walked {
        self.cursor.bump();
        if !self.cursor.eat("to") && self.cursor.is_operator("=") {
            self.cursor.bump();
        }
        loop {
            if is_text(self.cursor.token.kind) {
                let token = super::narrow(self.cursor.index());
                self.cursor.bump();
                self.note(token..token + 1, 0, NameRole::Schema);
            } else if self.cursor.is("default") {
                self.cursor.bump();
            } else {
                self.part(0, NameRole::Schema)?;
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// A block that reads from one relation.
    pub(super) fn relation_block(&mut self, relation: u32) -> Result<u32, Lost> {
        let number = self.new_block(None);
        let block = self.block(number)?;
        let of = super::SourceKind::Relation(relation);
        block.sources.push(super::RowSource { alias: None, columns: Vec::new(), of });
        Ok(number)
    }
}
