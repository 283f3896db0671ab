//! What the actions of ALTER TABLE say of columns. Reads; knows no types but by their names.

use super::defined::{DefinedTable, NewColumn};
use super::walker::Walker;
use crate::statement::Edit;
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;

impl Walker<'_, '_> {
    /// The actions of ALTER TABLE.
    pub(super) fn actions(&mut self, definition: &mut DefinedTable, edits: &[Edit]) -> Understood {
        loop {
            let at = self.cursor.token.start;
            let keys = definition.foreign_keys.len();
            if self.cursor.eat("add") || gets_add(edits, at) {
                let is_column = self.cursor.eat("column") || !self.at_table_constraint();
                self.cursor.eat_all(&["if", "not", "exists"]);
                match (is_column, self.cursor.at(TokenKind::Open)) {
                    (true, true) => self.definitions(definition, edits)?,
                    (true, false) => self.new_column(definition, edits)?,
                    (false, _) => self.table_constraint(definition)?,
                }
            } else if self.cursor.eat("alter") {
                self.altered_column(definition, edits)?;
            } else {
                const HARMLESS: &[&str] = &[
                    "cluster", "disable", "enable", "force", "no", "options", "owner", "replica",
                    "reset", "validate",
                ];
                let sets = self.cursor.is("set");
                let sets_schema = sets && {
                    let next = self.cursor.peek();
                    self.cursor.token_is(next, "schema")
                };
                definition.is_certain &= self.cursor.is_any(HARMLESS) || sets && !sets_schema;
            }
            for key in definition.foreign_keys.iter_mut().skip(keys) {
                key.action_at = at;
            }
            self.pass_element()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return match self.cursor.token.kind {
                    TokenKind::End | TokenKind::Semicolon => Ok(()),
                    _ => Err(NotUnderstood),
                };
            }
        }
    }

    /// Behind ALTER in ALTER TABLE.
    fn altered_column(&mut self, definition: &mut DefinedTable, edits: &[Edit]) -> Understood {
        if self.cursor.is("constraint") {
            return Ok(());
        }
        self.cursor.eat("column");
        let name = self.any_name(definition)?;
        if self.cursor.eat_all(&["set", "default"]) {
            return self.default_of(&name, definition);
        }
        if self.cursor.eat_all(&["set", "data", "type"]) || self.cursor.eat("type") {
            let mut column = NewColumn { name, ..NewColumn::default() };
            self.read_type(&mut column, edits)?;
            definition.columns.push(column);
        }
        Ok(())
    }
}

/// Whether the target gets an ADD at an offset, where a source says it once for several columns.
fn gets_add(edits: &[Edit], at: usize) -> bool {
    let place = edits.partition_point(|edit| edit.span.start < at);
    edits.get(place).is_some_and(|edit| edit.span == (at..at))
}
