//! Calls of functions, and what is special among their arguments.

use super::{Clause, FrameKind, Lost, NameConstant, NameRole, ScopeWalker, Walked, narrow};
use crate::statement::cursor::is_text;
use crate::statement::lexer::TokenKind;

/// Functions whose first argument is the name of a relation.
pub(super) const TAKE_RELATIONS: &[&str] = &[
    "nextval",
    "currval",
    "setval",
    "to_regclass",
    "pg_get_serial_sequence",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_total_relation_size",
    "pg_relation_filepath",
    "has_table_privilege",
];

/// Functions with words among their arguments.
const TAKE_WORDS: &[&str] = &[
    "extract",
    "trim",
    "overlay",
    "substring",
    "position",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
];

const JSON: &[&str] = &[
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_value",
];

impl ScopeWalker<'_> {
    /// A word in front of an argument of a function of the SQL standard.
    pub(super) fn standard_word(
        &mut self,
        block: u32,
        is_last: bool,
        text_follows: bool,
    ) -> Result<bool, Lost> {
        let is_first = self.cursor.previous().kind == TokenKind::Open;
        if is_first && self.ahead_is(1, "from") && self.is_call_of("extract") {
            self.cursor.bump();
            self.note_operand()?;
            return Ok(true);
        }
        if is_first && self.cursor.is("name") && !is_last {
            self.cursor.bump();
            self.part(block, NameRole::Other)?;
            self.note_operand()?;
            return Ok(true);
        }
        let prefix = self.cursor.is_any(&["document", "content"]) && (!is_last || text_follows);
        if is_first && prefix || self.cursor.is("from") {
            self.cursor.bump();
            return Ok(true);
        }
        let words = ["version", "standalone", "no", "yes", "value"];
        if self.is_call_of("xmlroot") && self.cursor.is_any(&words) {
            self.cursor.bump();
            let done = self.cursor.at(TokenKind::Close) || self.cursor.at(TokenKind::Comma);
            self.top()?.has_operand = done;
            return Ok(true);
        }
        if self.cursor.is("by") && (self.ahead_is(1, "ref") || self.ahead_is(1, "value")) {
            self.cursor.bump();
            self.cursor.bump();
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether the arguments at hand are those of this function.
    pub(super) fn is_call_of(&self, function: &str) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let mut cursor = self.cursor;
        cursor.go_to(frame.item.first.saturating_sub(1));
        while cursor.index() > 0 && !cursor.at(TokenKind::Open) {
            cursor.go_to(cursor.index() - 1);
        }
        cursor.token_is(cursor.previous(), function)
    }

    /// The arguments of a function, at whose parenthesis the cursor is.
    pub(super) fn call(&mut self, name: std::ops::Range<u32>, block: u32) -> Walked {
        let word = self.cursor.previous();
        let is_any = |words: &[&str]| words.iter().any(|known| self.cursor.token_is(word, known));
        if is_any(&["xmltable", "json_table"]) {
            return Err(Lost);
        }
        let takes_relation = is_any(TAKE_RELATIONS);
        let is_serial = is_any(&["pg_get_serial_sequence"]);
        let kind = match name.len() == 1 {
            true if is_any(TAKE_WORDS) => FrameKind::Words,
            true if is_any(JSON) => FrameKind::Json,
            _ => FrameKind::Plain,
        };
        self.note(name, block, NameRole::InSchema);
        let first = narrow(self.cursor.index() + 1);
        if takes_relation && is_text(self.cursor.peek().kind) {
            let ends = matches!(self.ahead(2).kind, TokenKind::Comma | TokenKind::Close);
            if ends {
                self.note_constant(first, false);
            }
            let names_column =
                is_serial && self.ahead(2).kind == TokenKind::Comma && is_text(self.ahead(3).kind);
            if names_column {
                self.note_constant(first + 2, true);
            }
        }
        let is_empty = self.cursor.peek().kind == TokenKind::Close;
        self.enter(kind, Clause::Expression, block)?;
        self.top()?.has_operand = is_empty;
        if self.query_opens() {
            // `ANY (SELECT ...)` looks like a call, and `array(SELECT ...)`.
            let frame = self.frames.pop().ok_or(Lost)?;
            let query = self.query_frame(frame.close, block);
            self.frames.push(query);
        }
        Ok(())
    }

    fn query_opens(&self) -> bool {
        self.cursor.is_any(&["select", "with", "values"])
    }

    pub(super) fn note_constant(&mut self, token: u32, is_column: bool) {
        self.scopes.constants.push(NameConstant { token, is_column });
    }
}
