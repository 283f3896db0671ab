//! ALTER: tables and what else lies in schemas.

use super::{Clause, FrameKind, Lost, NameRole, PartKind, ScopeWalker, Walked, narrow};
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// Behind ALTER.
    pub(super) fn alter(&mut self) -> Walked {
        self.cursor.eat("foreign");
        match () {
            () if self.cursor.eat_all(&["table", "all"]) || self.cursor.eat("system") => {
                self.words()
            }
            () if self.cursor.eat("table")
                || self.cursor.eat_all(&["materialized", "view"])
                || self.cursor.eat("view") =>
            {
                self.alter_relation()
            }
            () if self.cursor.eat("sequence") => self.alter_sequence(),
            () if self.cursor.eat("index") => self.alter_index(),
            () if self.cursor.eat("schema") => {
                self.part(0, NameRole::Schema)?;
                if self.cursor.eat_all(&["rename", "to"]) {
                    self.part(0, NameRole::Schema)?;
                }
                self.words()
            }
            () if self.cursor.is_any(&["trigger", "policy"]) => self.alter_on_relation(),
            () if self.cursor.is_any(&["role", "user", "group", "database", "tablespace"]) => {
                self.words()
            }
            () if self.cursor.is_any(&["type", "domain", "collation", "statistics"]) => {
                self.alter_in_schema()
            }
            () if self.cursor.is("default")
                || self.cursor.is_any(super::WITHOUT_RELATIONS)
                || self.cursor.is_any(&[
                    "function",
                    "procedure",
                    "routine",
                    "event",
                    "extension",
                ]) =>
            {
                self.names_in_schemas()
            }
            () if self.cursor.eat("publication") => self.publication(),
            () => Err(Lost),
        }
    }

    fn alter_sequence(&mut self) -> Walked {
        self.if_exists();
        let sequence = self.name(0, NameRole::Relation)?;
        if self.moves_or_owns(sequence)? {
            return Ok(());
        }
        let first = self.cursor;
        self.sequence_options()?;
        let owns = first.is("owned").then_some(PartKind::Whole("ALTER SEQUENCE"));
        self.note_part(first, narrow(first.index()), owns);
        Ok(())
    }

    fn alter_index(&mut self) -> Walked {
        self.if_exists();
        self.name(0, NameRole::InSchema)?;
        if self.cursor.eat_all(&["attach", "partition"]) {
            self.name(0, NameRole::InSchema)?;
            return Ok(());
        }
        if self.cursor.is_any(&["set", "reset"]) && self.ahead(1).kind == TokenKind::Open {
            self.cursor.bump();
            return self.cursor.skip_brackets();
        }
        self.words()
    }

    /// `TRIGGER name ON relation ...`.
    fn alter_on_relation(&mut self) -> Walked {
        let is_policy = self.cursor.is("policy");
        self.cursor.bump();
        self.if_exists();
        self.part(0, NameRole::Other)?;
        self.expect("on")?;
        let relation = self.name(0, NameRole::Relation)?;
        let block = self.relation_block(relation)?;
        while is_policy && !self.at_statement_end() {
            match self.cursor.at(TokenKind::Open) {
                true => self.bracketed_expression(block)?,
                false => self.cursor.bump(),
            }
        }
        self.words()
    }

    /// A type and the like: its new schema may have another name.
    fn alter_in_schema(&mut self) -> Walked {
        self.cursor.bump();
        self.name(0, NameRole::InSchema)?;
        if self.cursor.eat_all(&["set", "schema"]) {
            self.part(0, NameRole::Schema)?;
        } else if self.cursor.is_any(&["add", "alter", "drop", "set"]) {
            // Constraints of domains and fields of types.
            return self.type_changes();
        }
        self.words()
    }

    fn type_changes(&mut self) -> Walked {
        let block = self.new_block(None);
        while !self.at_statement_end() {
            if self.cursor.eat("check") {
                self.bracketed_expression(block)?;
            } else if self.cursor.eat("default") {
                let end = self.statement_end();
                self.run(self.frame(end, FrameKind::Plain, Clause::Expression, block))?;
            } else if self.cursor.at_name() {
                match self.cursor.peek().kind {
                    TokenKind::Dot => self.pass_type(0)?,
                    _ => drop(self.part(0, NameRole::Other)?),
                }
            } else {
                self.cursor.bump();
            }
        }
        Ok(())
    }

    pub(super) fn if_exists(&mut self) {
        self.cursor.eat_all(&["if", "exists"]);
    }

    /// RENAME TO, SET SCHEMA and OWNER TO.
    fn moves_or_owns(&mut self, relation: u32) -> Result<bool, Lost> {
        if self.cursor.eat_all(&["rename", "to"]) {
            self.part(0, NameRole::RelationBeside(relation))?;
        } else if self.cursor.eat_all(&["set", "schema"]) {
            self.part(0, NameRole::Schema)?;
        } else if self.cursor.eat_all(&["owner", "to"]) {
            self.part(0, NameRole::Other)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn alter_relation(&mut self) -> Walked {
        self.if_exists();
        self.cursor.eat("only");
        let relation = self.name(0, NameRole::Relation)?;
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        let block = self.relation_block(relation)?;
        let list = narrow(self.cursor.index());
        loop {
            let first = self.cursor;
            let kind = self.alter_action(block, relation)?;
            self.note_part(first, list, kind);
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    fn alter_action(&mut self, block: u32, relation: u32) -> Result<Option<PartKind>, Lost> {
        if self.moves_or_owns(relation)? {
            return Ok(None);
        }
        if self.cursor.eat("add") {
            return self.add(block, relation);
        }
        if self.cursor.eat("drop") {
            if self.cursor.eat("constraint") {
                self.if_exists();
                self.part(0, NameRole::Other)?;
                self.keywords()?;
                return Ok(None);
            }
            self.cursor.eat("column");
            self.if_exists();
            let column = self.part(block, NameRole::ColumnOf(relation))?;
            self.keywords()?;
            return Ok(Some(PartKind::ChangedColumn(column)));
        }
        if self.cursor.eat("rename") {
            if self.cursor.eat("constraint") {
                self.part(0, NameRole::Other)?;
                self.expect("to")?;
                self.part(0, NameRole::Other)?;
                return Ok(None);
            }
            self.cursor.eat("column");
            self.part(block, NameRole::ColumnOf(relation))?;
            self.expect("to")?;
            self.part(block, NameRole::NewColumnOf(relation))?;
            return Ok(None);
        }
        if self.cursor.eat("alter") {
            if self.cursor.eat("constraint") {
                self.part(0, NameRole::Other)?;
                self.keywords()?;
                return Ok(None);
            }
            self.cursor.eat("column");
            let column = match self.cursor.at(TokenKind::Number) {
                true => {
                    self.cursor.bump();
                    None
                }
                false => Some(self.part(block, NameRole::ColumnOf(relation))?),
            };
            self.alter_column(block)?;
            return Ok(column.map(PartKind::ChangedColumn));
        }
        self.other_action(relation)?;
        Ok(None)
    }

    fn add(&mut self, block: u32, relation: u32) -> Result<Option<PartKind>, Lost> {
        if self.at_table_constraint() {
            self.table_constraint(block, relation)?;
            return Ok(Some(PartKind::AddedConstraint));
        }
        self.cursor.eat("column");
        self.if_not_exists();
        // Oracle lists new columns in parentheses.
        if self.cursor.at(TokenKind::Open) {
            self.table_elements(block, relation)?;
            return Ok(None);
        }
        let column = narrow(self.cursor.index());
        self.new_column(block, relation)?;
        Ok(Some(PartKind::ChangedColumn(column)))
    }

    fn alter_column(&mut self, block: u32) -> Walked {
        if self.cursor.eat("type") || self.cursor.eat_all(&["set", "data", "type"]) {
            self.pass_type(block)?;
            if self.cursor.eat("collate") {
                self.name(0, NameRole::InSchema)?;
            }
            if self.cursor.eat("using") {
                return self.value(block);
            }
            return Ok(());
        }
        if self.cursor.eat_all(&["set", "default"]) {
            return self.value(block);
        }
        if self.cursor.eat_all(&["set", "expression", "as"]) {
            return self.bracketed_expression(block);
        }
        let is_identity = self.cursor.is("add");
        while self.cursor.at(TokenKind::Word)
            || self.cursor.at(TokenKind::Number)
            || self.cursor.at(TokenKind::Operator)
        {
            self.cursor.bump();
            if self.cursor.at(TokenKind::Open) {
                if is_identity {
                    self.cursor.bump();
                    self.sequence_options()?;
                    self.expect_kind(TokenKind::Close)?;
                } else {
                    self.cursor.skip_brackets()?;
                }
            }
        }
        Ok(())
    }

    /// An expression up to a comma or to the end of the statement.
    fn value(&mut self, block: u32) -> Walked {
        let end = self.statement_end();
        let mut cursor = self.cursor;
        let mut subscripts = 0_usize;
        while cursor.index() < end && !(cursor.at(TokenKind::Comma) && subscripts == 0) {
            match cursor.token.kind {
                TokenKind::OpenBracket => subscripts += 1,
                TokenKind::CloseBracket => subscripts = subscripts.saturating_sub(1),
                _ => {}
            }
            if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                cursor.bump();
            }
        }
        let close = cursor.index();
        self.run(self.frame(close, FrameKind::Plain, Clause::Expression, block))
    }

    fn other_action(&mut self, relation: u32) -> Walked {
        if self.cursor.is_any(&["inherit", "no"]) {
            if self.cursor.eat("no") {
                if self.cursor.eat("force") {
                    return self.keywords();
                }
                self.expect("inherit")?;
            } else {
                self.cursor.bump();
            }
            let other = self.name(0, NameRole::Relation)?;
            self.scopes.shapes.shaped.push((relation, other));
            return Ok(());
        }
        if self.cursor.eat_all(&["attach", "partition"]) {
            let other = self.name(0, NameRole::Relation)?;
            self.scopes.shapes.shaped.push((relation, other));
            if self.cursor.eat("default") {
                return Ok(());
            }
            self.expect("for")?;
            self.expect("values")?;
            return self.partition_bounds(0);
        }
        if self.cursor.eat_all(&["detach", "partition"]) {
            self.name(0, NameRole::Relation)?;
            return self.keywords();
        }
        if self.cursor.eat("of") {
            self.name(0, NameRole::InSchema)?;
            return Ok(());
        }
        const KNOWN: &[&str] = &[
            "enable", "disable", "cluster", "set", "reset", "validate", "replica", "not", "force",
            "depends", "options",
        ];
        if !self.cursor.is_any(KNOWN) {
            return Err(Lost);
        }
        while !self.at_statement_end() && !self.cursor.at(TokenKind::Comma) {
            match self.cursor.token.kind {
                TokenKind::Open => self.cursor.skip_brackets()?,
                kind if super::is_name(kind) => drop(self.part(0, NameRole::Other)?),
                _ => return Err(Lost),
            }
        }
        Ok(())
    }
}
