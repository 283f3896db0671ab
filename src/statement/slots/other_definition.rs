//! Definitions of indexes and domains, whose expressions follow the types of columns as those of tables do. Reads;
//! knows no types but by their names.

use super::defined::{DefinedTable, DefinitionExpression, DefinitionKind, NewColumn};
use super::walker::Walker;
use crate::statement::Edit;
use crate::statement::cursor::narrow;
use crate::statement::lexer::TokenKind;

impl Walker<'_, '_> {
    /// What the statement at the cursor defines, if it is CREATE INDEX or CREATE DOMAIN: an index adds nothing to
    /// its table, and a domain is like a table with a column `value`.
    pub(super) fn other_definition(&mut self, edits: &[Edit]) -> Option<DefinedTable> {
        if !self.cursor.eat("create") {
            return None;
        }
        self.cursor.eat("unique");
        if self.cursor.eat("domain") {
            return self.domain(edits);
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
        let mut domain = DefinedTable::new(DefinitionKind::Create { may_be_there: true });
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
}
