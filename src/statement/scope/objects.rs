//! DROP, COMMENT, GRANT, triggers and routines.

use super::{Clause, FrameKind, Lost, NameRole, PartKind, ScopeWalker, Walked, narrow};
use crate::statement::lexer::TokenKind;

/// What CREATE, ALTER and DROP name without any relation or column.
pub(super) const WITHOUT_RELATIONS: &[&str] = &[
    "access",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "data",
    "extension",
    "language",
    "operator",
    "procedural",
    "server",
    "subscription",
    "text",
    "transform",
    "trusted",
    "mapping",
];

impl ScopeWalker<'_> {
    /// What kind of thing is named next: passes its words and gives the role of its name.
    fn object_kind(&mut self) -> Result<NameRole, Lost> {
        let kinds: &[(&[&str], NameRole)] = &[
            (&["table"], NameRole::Relation),
            (&["foreign", "table"], NameRole::Relation),
            (&["materialized", "view"], NameRole::Relation),
            (&["view"], NameRole::Relation),
            (&["sequence"], NameRole::Relation),
            (&["index"], NameRole::InSchema),
            (&["type"], NameRole::InSchema),
            (&["domain"], NameRole::InSchema),
            (&["collation"], NameRole::InSchema),
            (&["statistics"], NameRole::InSchema),
            (&["function"], NameRole::InSchema),
            (&["procedure"], NameRole::InSchema),
            (&["routine"], NameRole::InSchema),
            (&["aggregate"], NameRole::InSchema),
            (&["schema"], NameRole::Schema),
            (&["extension"], NameRole::Other),
            (&["role"], NameRole::Other),
            (&["user"], NameRole::Other),
            (&["group"], NameRole::Other),
            (&["database"], NameRole::Other),
            (&["tablespace"], NameRole::Other),
            (&["publication"], NameRole::Other),
            (&["subscription"], NameRole::Other),
            (&["server"], NameRole::Other),
            (&["foreign", "server"], NameRole::Other),
            (&["foreign", "data", "wrapper"], NameRole::Other),
            (&["language"], NameRole::Other),
            (&["event", "trigger"], NameRole::Other),
        ];
        let found = kinds.iter().find(|(words, _)| self.cursor.eat_all(words));
        found.map(|(_, role)| *role).ok_or(Lost)
    }

    /// Behind DROP.
    pub(super) fn drop_statement(&mut self) -> Walked {
        if self.cursor.is_any(&["trigger", "policy", "rule"]) {
            self.cursor.bump();
            self.if_exists();
            self.part(0, NameRole::Other)?;
            self.expect("on")?;
            self.name(0, NameRole::Relation)?;
            return self.keywords();
        }
        if self.cursor.is("owned") || self.cursor.is_any(super::WITHOUT_RELATIONS) {
            return self.names_in_schemas();
        }
        self.cursor.eat("procedural");
        let role = self.object_kind()?;
        self.cursor.eat("concurrently");
        self.if_exists();
        loop {
            self.name(0, role)?;
            if self.cursor.at(TokenKind::Open) {
                self.arguments()?;
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return self.keywords();
            }
        }
    }

    /// `COMMENT ON ... IS`, `SECURITY LABEL [FOR provider] ON ... IS`.
    pub(super) fn comment(&mut self) -> Walked {
        let first = self.cursor;
        self.cursor.eat("label");
        if self.cursor.eat("for") {
            self.cursor.bump();
        }
        self.expect("on")?;
        let mut part = None;
        if self.cursor.eat("column") {
            self.name(0, NameRole::RelationColumn)?;
            let is_label = first.is("label");
            let tag = if is_label { "SECURITY LABEL" } else { "COMMENT" };
            part = Some(PartKind::Whole(tag));
        } else if self.cursor.is_any(&["constraint", "trigger", "policy", "rule"]) {
            self.cursor.bump();
            self.part(0, NameRole::Other)?;
            self.expect("on")?;
            let role = match self.cursor.eat("domain") {
                true => NameRole::InSchema,
                false => NameRole::Relation,
            };
            self.name(0, role)?;
        } else {
            let role = self.object_kind()?;
            self.name(0, role)?;
            if self.cursor.at(TokenKind::Open) {
                self.arguments()?;
            }
        }
        self.expect("is")?;
        self.cursor.bump();
        self.note_part(first, narrow(first.index()), part);
        Ok(())
    }

    /// GRANT and REVOKE, of privileges or of roles.
    pub(super) fn grant(&mut self) -> Walked {
        self.cursor.eat_all(&["grant", "option", "for"]);
        self.cursor.eat_all(&["admin", "option", "for"]);
        let privileges = self.cursor;
        let end = self.statement_end();
        while self.cursor.index() < end && !self.cursor.is("on") {
            if !self.cursor.at(TokenKind::Open) || self.cursor.skip_brackets().is_err() {
                self.cursor.bump();
            }
        }
        if !self.cursor.eat("on") {
            self.cursor = privileges;
            return self.words();
        }
        let relation = self.granted()?;
        let behind = self.cursor;
        self.cursor = privileges;
        while !self.cursor.is("on") {
            if self.cursor.at(TokenKind::Open) {
                self.key_columns(relation.ok_or(Lost)?)?;
            } else {
                self.cursor.bump();
            }
        }
        self.cursor = behind;
        if relation.is_some() { self.words() } else { self.names_in_schemas() }
    }

    /// What privileges are about. Gives the number of a relation.
    fn granted(&mut self) -> Result<Option<u32>, Lost> {
        if self.cursor.eat("all") {
            // ALL TABLES IN SCHEMA.
            self.cursor.bump();
            self.expect("in")?;
            self.expect("schema")?;
            self.listed(NameRole::Schema)?;
            return Ok(None);
        }
        if self.cursor.is("large") || self.cursor.is("parameter") {
            return Ok(None);
        }
        let role = self.object_kind().unwrap_or(NameRole::Relation);
        let last = self.listed(role)?;
        Ok((role == NameRole::Relation).then_some(last))
    }

    fn listed(&mut self, role: NameRole) -> Result<u32, Lost> {
        loop {
            let last = self.name(0, role)?;
            if self.cursor.at(TokenKind::Open) {
                self.arguments()?;
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(last);
            }
        }
    }

    /// The arguments in the signature of a routine: their names, modes and types.
    pub(super) fn arguments(&mut self) -> Walked {
        self.expect_kind(TokenKind::Open)?;
        loop {
            match self.cursor.token.kind {
                TokenKind::Close => {
                    self.cursor.bump();
                    return Ok(());
                }
                TokenKind::Open => self.cursor.skip_brackets()?,
                TokenKind::Operator if self.cursor.is_operator("=") => self.default_value()?,
                TokenKind::Comma
                | TokenKind::Operator
                | TokenKind::OpenBracket
                | TokenKind::CloseBracket
                | TokenKind::Number => self.cursor.bump(),
                TokenKind::Word if self.cursor.is("default") => self.default_value()?,
                kind if super::is_name(kind) => {
                    if self.cursor.peek().kind == TokenKind::Dot
                        || self.cursor.token_is(self.ahead(2), "rowtype")
                    {
                        self.pass_type(0)?;
                    } else {
                        self.part(0, NameRole::Other)?;
                    }
                }
                _ => return Err(Lost),
            }
        }
    }

    fn default_value(&mut self) -> Walked {
        self.cursor.bump();
        let end = self.statement_end();
        let block = self.new_block(None);
        self.run(self.frame(end, FrameKind::Default, Clause::Expression, block))
    }

    /// `CREATE [CONSTRAINT] TRIGGER`, behind TRIGGER.
    pub(super) fn create_trigger(&mut self, _constraint: bool) -> Walked {
        self.part(0, NameRole::Other)?;
        let events = self.cursor;
        while !self.cursor.is("on") && !self.at_statement_end() {
            self.cursor.bump();
        }
        self.expect("on")?;
        let relation = self.name(0, NameRole::Relation)?;
        let behind = self.cursor;
        self.cursor = events;
        while !self.cursor.is("on") {
            if self.cursor.is("of") && !self.cursor.token_is(self.cursor.previous(), "instead") {
                self.cursor.bump();
                loop {
                    self.part(0, NameRole::ColumnOf(relation))?;
                    if !self.cursor.eat_kind(TokenKind::Comma) {
                        break;
                    }
                }
            } else {
                self.cursor.bump();
            }
        }
        self.cursor = behind;
        let block = self.new_block(None);
        self.block(block)?.target = Some(relation);
        while !self.at_statement_end() {
            if self.cursor.eat("from") {
                self.name(0, NameRole::Relation)?;
            } else if self.cursor.is("when") && self.cursor.peek().kind == TokenKind::Open {
                self.cursor.bump();
                self.bracketed_expression(block)?;
            } else if self.cursor.eat("execute") {
                self.cursor.bump();
                self.name(0, NameRole::InSchema)?;
                self.cursor.skip_brackets()?;
            } else if self.cursor.at_name() {
                // REFERENCING names tables that the trigger alone sees.
                self.part(0, NameRole::Other)?;
            } else {
                return Err(Lost);
            }
        }
        Ok(())
    }

    /// `CREATE FUNCTION`, behind FUNCTION.
    pub(super) fn create_routine(&mut self) -> Walked {
        self.name(0, NameRole::InSchema)?;
        self.arguments()?;
        while !self.at_statement_end() {
            if self.cursor.eat("returns") {
                if self.cursor.is("table") && self.cursor.peek().kind == TokenKind::Open {
                    self.cursor.bump();
                    self.arguments()?;
                } else if !self.cursor.is("null") {
                    self.pass_type(0)?;
                }
            } else if self.cursor.eat("as") {
                self.body()?;
                if self.cursor.eat_kind(TokenKind::Comma) {
                    self.body()?;
                }
            } else if self.cursor.eat("support") {
                self.name(0, NameRole::InSchema)?;
            } else if self.cursor.is_any(&["begin", "return", "transform"]) {
                return Err(Lost);
            } else if self.cursor.is("set") && self.ahead_is(1, "search_path") {
                self.cursor.bump();
                self.search_path()?;
            } else if self.cursor.at_name() {
                self.part(0, NameRole::Other)?;
            } else if matches!(
                self.cursor.token.kind,
                TokenKind::Number | TokenKind::Text | TokenKind::Operator | TokenKind::Comma
            ) {
                self.cursor.bump();
            } else {
                return Err(Lost);
            }
        }
        Ok(())
    }
}
