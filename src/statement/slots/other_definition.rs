//! Definitions of indexes, domains and routines, whose expressions follow types as those of tables do. Reads; knows
//! no types but by their names.

use super::defined::{DefinedTable, DefinitionExpression, DefinitionKind, NewColumn};
use super::row_value::VALUES_MAX;
use super::walker::Walker;
use crate::statement::Edit;
use crate::statement::cursor::{NotUnderstood, Understood, is_name, is_reserved, narrow};
use crate::statement::lexer::TokenKind;

/// What may stand in front of an argument.
const ARGUMENT_MODES: &[&str] = &["in", "inout", "out", "variadic"];

impl Walker<'_, '_> {
    /// What the statement at the cursor defines, if it is CREATE INDEX, CREATE DOMAIN or CREATE FUNCTION.
    pub(super) fn other_definition(&mut self, edits: &[Edit]) -> Option<DefinedTable> {
        if !self.cursor.eat("create") {
            return None;
        }
        self.cursor.eat("unique");
        if self.cursor.eat("domain") {
            return self.domain(edits);
        }
        self.cursor.eat_all(&["or", "replace"]);
        if self.cursor.eat("function") || self.cursor.eat("procedure") {
            return self.routine(edits);
        }
        if !self.cursor.eat("index") {
            return None;
        }
        while !self.cursor.is("on") {
            self.pass_token().ok()?;
        }
        self.cursor.bump();
        self.cursor.eat("only");
        let mut index = DefinedTable::new(DefinitionKind::Alter);
        index.name = self.any_relation(&mut index).ok()?;
        while !self.cursor.is("where") {
            self.pass_token().ok()?;
        }
        let tokens = narrow(self.cursor.index() + 1)..narrow(self.cursor.end());
        let condition = DefinitionExpression { column: None, is_default: false, tokens };
        index.expressions.push(condition);
        Some(index)
    }

    fn domain(&mut self, edits: &[Edit]) -> Option<DefinedTable> {
        let mut domain = DefinedTable::new(DefinitionKind::NotTable);
        domain.name = self.any_relation(&mut domain).ok()?;
        self.cursor.eat("as");
        let mut value = NewColumn { name: b"value".to_vec(), ..NewColumn::default() };
        self.read_type(&mut value, edits).ok()?;
        let name = value.name.clone();
        domain.columns.push(value);
        while !matches!(self.cursor.token.kind, TokenKind::End | TokenKind::Semicolon) {
            if self.cursor.eat("default") {
                self.default_of(&name, &mut domain).ok()?;
            } else if self.cursor.eat("check") {
                self.check(&mut domain).ok()?;
            } else {
                self.pass_token().ok()?;
            }
        }
        Some(domain)
    }

    /// A routine is like a table whose columns are its arguments. What cannot be read ends the reading.
    fn routine(&mut self, edits: &[Edit]) -> Option<DefinedTable> {
        let mut routine = DefinedTable::new(DefinitionKind::NotTable);
        routine.name = self.any_relation(&mut routine).ok()?;
        if self.cursor.eat_kind(TokenKind::Open) {
            while self.argument(&mut routine, edits).is_ok()
                && self.cursor.eat_kind(TokenKind::Comma)
            {}
        }
        Some(routine)
    }

    fn pass_modes(&mut self) {
        while self.cursor.is_any(ARGUMENT_MODES) {
            self.cursor.bump();
        }
    }

    /// `[mode] [name] type [DEFAULT value]`, or the mode behind the name.
    fn argument(&mut self, routine: &mut DefinedTable, edits: &[Edit]) -> Understood {
        self.pass_modes();
        let next = self.cursor.peek();
        let is_named = is_name(next.kind)
            && (self.cursor.token_is(next, "in")
                || !(next.kind == TokenKind::Word && is_reserved(self.cursor.bytes(next))));
        let name = match is_named {
            true => {
                let name = self.any_name(routine)?;
                self.pass_modes();
                name
            }
            false => format!("${}", routine.columns.len() + 1).into_bytes(),
        };
        let mut value = NewColumn { name: name.clone(), ..NewColumn::default() };
        self.read_type(&mut value, edits)?;
        if routine.columns.len() >= VALUES_MAX {
            return Err(NotUnderstood);
        }
        routine.columns.push(value);
        let is_equal = |walker: &Self| walker.cursor.is_operator("=");
        while !self.at_end_of_definition() && !self.cursor.is("default") && !is_equal(self) {
            self.pass_token()?;
        }
        if self.cursor.is("default") || is_equal(self) {
            self.cursor.bump();
            self.default_of(&name, routine)?;
        }
        Ok(())
    }
}
