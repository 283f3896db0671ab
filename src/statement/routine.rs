//! Types in the arguments and results of functions, procedures and aggregates; their bodies are
//! walked only where they are SQL and no string.

use super::cursor::{NotUnderstood, Understood, is_name, is_reserved};
use super::finder::{Finder, Position, Until};
use super::lexer::TokenKind;
use crate::mapping::Place;

impl Finder<'_> {
    /// `FUNCTION name (arguments) [RETURNS type] ...`, behind CREATE.
    pub(super) fn create_routine(&mut self) -> Understood {
        let aggregate = self.cursor.is("aggregate");
        self.table_definition = false;
        self.cursor.bump();
        self.cursor.qualified_name()?;
        if !self.cursor.at(TokenKind::Open) {
            return Err(NotUnderstood);
        }
        let mut old_style = self.cursor;
        old_style.bump();
        old_style.bump();
        if aggregate && old_style.is_operator("=") {
            self.attribute_types()?;
            return self.expression(Place::Cast, Until::Statement);
        }
        self.arguments()?;
        if aggregate && self.cursor.at(TokenKind::Open) {
            self.attribute_types()?;
        } else if self.cursor.eat("returns") {
            if self.cursor.eat("table") {
                if !self.cursor.at(TokenKind::Open) {
                    return Err(NotUnderstood);
                }
                self.columns(false)?;
            } else {
                self.type_name(Place::Definition, Position::Signature)?;
            }
        }
        self.routine_body = true;
        self.expression(Place::Cast, Until::Statement)
    }

    /// `FUNCTION name [(arguments)], ...` and the rest, as behind DROP, ALTER or COMMENT ON.
    pub(super) fn routine_names(&mut self) -> Understood {
        self.table_definition = false;
        self.cursor.bump();
        self.cursor.eat_all(&["if", "exists"]);
        loop {
            self.cursor.qualified_name()?;
            if self.cursor.at(TokenKind::Open) {
                self.arguments()?;
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return self.expression(Place::Cast, Until::Statement);
            }
        }
    }

    /// `( [mode] [name] type [DEFAULT value], ... )`.
    fn arguments(&mut self) -> Understood {
        self.cursor.bump();
        if self.cursor.eat_kind(TokenKind::Close) {
            return Ok(());
        }
        loop {
            self.argument()?;
            if self.cursor.eat_kind(TokenKind::Close) {
                return Ok(());
            }
            if !self.cursor.eat_kind(TokenKind::Comma) && !self.cursor.eat_all(&["order", "by"]) {
                return Err(NotUnderstood);
            }
        }
    }

    fn argument(&mut self) -> Understood {
        while self.cursor.is_any(&["in", "out", "inout", "variadic"]) {
            self.cursor.bump();
        }
        // The arguments of an aggregate may be `*`, or start with ORDER BY.
        if self.cursor.is_operator("*") {
            self.cursor.bump();
            return Ok(());
        }
        if self.cursor.is("order") {
            return Ok(());
        }
        let next = self.cursor.peek();
        let named = is_name(next.kind)
            && !self.cursor.is("setof")
            && !(next.kind == TokenKind::Word && is_reserved(self.cursor.bytes(next)));
        if named {
            self.cursor.bump();
        }
        self.type_name(Place::Definition, Position::Signature)?;
        while !self.cursor.is("order") {
            match self.cursor.token.kind {
                TokenKind::Comma | TokenKind::Close => return Ok(()),
                TokenKind::Open => self.cursor.skip_brackets()?,
                TokenKind::Word if !self.cursor.is("default") => self.cursor.bump(),
                TokenKind::OpenBracket
                | TokenKind::CloseBracket
                | TokenKind::Number
                | TokenKind::Dot
                | TokenKind::QuotedName => self.cursor.bump(),
                _ => return self.expression(Place::Definition, Until::Element),
            }
        }
        Ok(())
    }
}
