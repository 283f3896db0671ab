//! What CREATE TABLE and ALTER TABLE say of columns: their types as the target gets them, the expressions that
//! hang on them, and foreign keys. Reads; knows no types but by their names.
//!
//! Source: PostgreSQL manual, CREATE TABLE and ALTER TABLE; `src/backend/parser/gram.y`.

use std::ops::Range;

use super::defined::{DefinedKey, DefinedName, DefinedTable, DefinitionKind, KeyColumn, NewColumn};
use super::row_value::VALUES_MAX;
use super::walker::Walker;
use crate::statement::Edit;
use crate::statement::cursor::{NotUnderstood, Understood, narrow};
use crate::statement::lexer::{Token, TokenKind};
use crate::statement::name::kept_at;

/// Words that may stand behind the expression of a DEFAULT.
const BEHIND_DEFAULT: &[&str] = &[
    "add",
    "alter",
    "auto_increment",
    "check",
    "comment",
    "compression",
    "constraint",
    "deferrable",
    "disable",
    "drop",
    "enable",
    "generated",
    "initially",
    "modify",
    "not",
    "null",
    "on",
    "primary",
    "references",
    "storage",
    "unique",
];

impl Walker<'_, '_> {
    /// What the statement at the cursor defines, if it is CREATE TABLE or ALTER TABLE. What cannot be read
    /// ends the reading; what was read before stays.
    pub(in crate::statement) fn table_definition(
        &mut self,
        edits: &[Edit],
    ) -> Option<DefinedTable> {
        let creates = self.cursor.is("create");
        if !creates && !self.cursor.is("alter") {
            return None;
        }
        self.cursor.bump();
        while self.cursor.is_any(&["foreign", "global", "local", "temp", "temporary", "unlogged"]) {
            self.cursor.bump();
        }
        if !self.cursor.eat("table") {
            return None;
        }
        let may_be_there = creates && self.cursor.eat_all(&["if", "not", "exists"]);
        self.cursor.eat_all(&["if", "exists"]);
        self.cursor.eat("only");
        let mut definition = DefinedTable::new(match creates {
            true => DefinitionKind::Create { may_be_there },
            false => DefinitionKind::Alter,
        });
        definition.name = self.any_relation(&mut definition).ok()?;
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        let read = match creates {
            true => self.created(&mut definition, edits),
            false => self.actions(&mut definition, edits),
        };
        definition.is_certain &= read.is_ok();
        let primary_key = &definition.primary_key;
        for column in &mut definition.columns {
            column.is_not_null |= primary_key.contains(&column.name);
        }
        Some(definition)
    }

    /// Behind the name of a new table.
    fn created(&mut self, definition: &mut DefinedTable, edits: &[Edit]) -> Understood {
        self.definitions(definition, edits)?;
        while !matches!(self.cursor.token.kind, TokenKind::End | TokenKind::Semicolon) {
            if self.cursor.is_any(&["inherits", "as"]) {
                return Err(NotUnderstood);
            }
            self.pass_token()?;
        }
        Ok(())
    }

    /// `( column or constraint, ... )`.
    pub(super) fn definitions(
        &mut self,
        definition: &mut DefinedTable,
        edits: &[Edit],
    ) -> Understood {
        self.expect_kind(TokenKind::Open)?;
        loop {
            if self.cursor.is("like") {
                // What else stands there is read; which columns there are is not known.
                definition.is_certain = false;
                self.pass_element()?;
            } else if self.at_table_constraint() {
                self.table_constraint(definition)?;
            } else {
                self.new_column(definition, edits)?;
            }
            if definition.columns.len() > VALUES_MAX {
                return Err(NotUnderstood);
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        self.expect_kind(TokenKind::Close)
    }

    pub(super) fn at_table_constraint(&self) -> bool {
        let next = self.cursor.peek();
        let excludes = next.kind == TokenKind::Open || self.cursor.token_is(next, "using");
        self.cursor.is_any(&["constraint", "check", "primary", "unique", "foreign"])
            || self.cursor.is("exclude") && excludes
    }

    /// Passes a constraint of the table.
    pub(super) fn table_constraint(&mut self, definition: &mut DefinedTable) -> Understood {
        while !self.at_end_of_definition() {
            if self.cursor.eat_all(&["primary", "key"]) {
                if self.cursor.at(TokenKind::Open) {
                    let keys = self.names_in_list(definition)?;
                    definition.primary_key = keys.into_iter().map(|key| key.name).collect();
                }
            } else if self.cursor.eat_all(&["foreign", "key"]) && self.cursor.at(TokenKind::Open) {
                let columns = self.names_in_list(definition)?;
                if self.cursor.eat("references") {
                    self.references(columns, definition)?;
                }
            } else if self.cursor.eat("check") {
                self.check(definition)?;
            } else {
                self.pass_token()?;
            }
        }
        Ok(())
    }

    /// One column with its type and its constraints.
    pub(super) fn new_column(
        &mut self,
        definition: &mut DefinedTable,
        edits: &[Edit],
    ) -> Understood {
        let token = self.cursor.token;
        let name = self.any_name(definition)?;
        let mut column = NewColumn { name, ..NewColumn::default() };
        self.read_type(&mut column, edits)?;
        let (at, name) = (definition.columns.len(), column.name.clone());
        definition.columns.push(column);
        while !self.at_end_of_definition() {
            let known = definition.columns.get_mut(at).ok_or(NotUnderstood)?;
            if self.cursor.eat_all(&["not", "null"]) {
                known.is_not_null = true;
            } else if self.cursor.eat_all(&["primary", "key"]) {
                known.is_not_null = true;
                definition.primary_key = vec![name.clone()];
            } else if self.cursor.eat_all(&["generated", "always", "as"])
                || self.cursor.eat_all(&["generated", "as"])
            {
                known.is_identity_always = self.cursor.is("identity");
                let inside = self.in_parentheses();
                self.pass_token()?;
                known.is_generated = inside.is_some() && self.cursor.is("stored");
                definition.note(inside, Some(&name), false);
            } else if self.cursor.eat("check") {
                self.check(definition)?;
            } else if self.cursor.eat("default") {
                self.default_of(&name, definition)?;
            } else if self.cursor.eat("references") {
                let span = token.start..token.end;
                self.references(vec![KeyColumn { name: name.clone(), span }], definition)?;
            } else {
                self.pass_token()?;
            }
        }
        Ok(())
    }

    /// Behind DEFAULT.
    pub(super) fn default_of(&mut self, name: &[u8], definition: &mut DefinedTable) -> Understood {
        let first = narrow(self.cursor.index());
        while !self.at_end_of_definition() {
            let is_first = narrow(self.cursor.index()) == first;
            let previous = self.cursor.previous();
            let goes_on =
                is_first && self.cursor.is("null") || self.cursor.token_is(previous, "collate");
            if self.cursor.is_any(BEHIND_DEFAULT) && !goes_on {
                break;
            }
            self.pass_token()?;
        }
        let tokens = first..narrow(self.cursor.index());
        definition.note(Some(tokens), Some(name), true);
        Ok(())
    }

    /// Behind CHECK.
    pub(super) fn check(&mut self, definition: &mut DefinedTable) -> Understood {
        let inside = self.in_parentheses();
        definition.note(inside, None, false);
        if self.cursor.at(TokenKind::Open) { self.cursor.skip_brackets() } else { Ok(()) }
    }

    /// The tokens in the parentheses at the cursor.
    fn in_parentheses(&self) -> Option<Range<u32>> {
        let mut behind = self.cursor;
        behind.skip_brackets().ok().filter(|()| self.cursor.at(TokenKind::Open))?;
        Some(narrow(self.cursor.index() + 1)..narrow(behind.index() - 1))
    }

    /// Behind REFERENCES.
    fn references(&mut self, columns: Vec<KeyColumn>, definition: &mut DefinedTable) -> Understood {
        let parent = self.any_relation(definition)?;
        let parent_columns = match self.cursor.at(TokenKind::Open) {
            true => self.names_in_list(definition)?,
            false => Vec::new(),
        };
        let parent_columns = parent_columns.into_iter().map(|column| column.name).collect();
        let key = DefinedKey { columns, parent, parent_columns, action_at: 0 };
        definition.foreign_keys.push(key);
        Ok(())
    }

    /// `( name, ... )`.
    fn names_in_list(
        &mut self,
        definition: &mut DefinedTable,
    ) -> Result<Vec<KeyColumn>, NotUnderstood> {
        let mut names = Vec::new();
        self.expect_kind(TokenKind::Open)?;
        loop {
            let Token { start, end, .. } = self.cursor.token;
            let name = self.any_name(definition)?;
            names.push(KeyColumn { name, span: start..end });
            self.pass_element()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                self.expect_kind(TokenKind::Close)?;
                return Ok(names);
            }
        }
    }

    /// A relation's name. One that is quoted as only a source quotes it is nothing to the server.
    pub(super) fn any_relation(
        &mut self,
        definition: &mut DefinedTable,
    ) -> Result<DefinedName, NotUnderstood> {
        let mut parts = vec![self.any_name(definition)?];
        while self.cursor.eat_kind(TokenKind::Dot) {
            parts.push(self.any_name(definition)?);
        }
        if parts.len() <= 3 { Ok(parts) } else { Err(NotUnderstood) }
    }

    pub(super) fn any_name(
        &mut self,
        definition: &mut DefinedTable,
    ) -> Result<Vec<u8>, NotUnderstood> {
        let token = self.cursor.token;
        let index = narrow(self.cursor.index());
        match token.kind {
            TokenKind::Word => {
                self.column_name()?;
            }
            TokenKind::QuotedName => {
                definition.is_certain &= self.cursor.bytes(token).starts_with(b"\"");
                self.cursor.bump();
            }
            _ => return Err(NotUnderstood),
        }
        Ok(kept_at(self.cursor, index, self.encoding).into_owned())
    }

    pub(super) fn at_end_of_definition(&self) -> bool {
        matches!(
            self.cursor.token.kind,
            TokenKind::Comma | TokenKind::Close | TokenKind::End | TokenKind::Semicolon
        )
    }

    pub(super) fn pass_element(&mut self) -> Understood {
        while !self.at_end_of_definition() {
            self.pass_token()?;
        }
        Ok(())
    }

    /// Passes one token, or all of a parenthesis.
    pub(super) fn pass_token(&mut self) -> Understood {
        match self.cursor.token.kind {
            TokenKind::Open | TokenKind::OpenBracket => self.cursor.skip_brackets(),
            TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated | TokenKind::Close => {
                Err(NotUnderstood)
            }
            _ => {
                self.cursor.bump();
                Ok(())
            }
        }
    }
}
