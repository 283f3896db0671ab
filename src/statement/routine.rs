//! Types in the arguments and results of functions, procedures and aggregates; their bodies are
//! walked only where they are SQL and no string.

use super::cursor::{NotUnderstood, Understood, is_name, is_reserved, narrow};
use super::finder::{Finder, Position, Until};
use super::lexer::TokenKind;
use super::parts::{Body, RoutineReference};
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
        let mut references = Vec::new();
        loop {
            let first = narrow(self.cursor.index());
            self.cursor.qualified_name()?;
            let name = first..narrow(self.cursor.index());
            if self.cursor.at(TokenKind::Open) {
                self.argument_types.clear();
                self.arguments()?;
                let arguments = std::mem::take(&mut self.argument_types);
                references.push(RoutineReference { name, arguments });
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                self.body = Body::Routines(references);
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

    /// Passes IN, OUT and the like, in front of a name or behind it; whether it is an OUT.
    fn argument_modes(&mut self) -> bool {
        let (mut is_in, mut is_out) = (false, false);
        while self.cursor.is_any(&["in", "out", "inout", "variadic"]) {
            is_in |= self.cursor.is("in");
            is_out |= self.cursor.is("out");
            self.cursor.bump();
        }
        is_out && !is_in
    }

    fn argument(&mut self) -> Understood {
        let mut is_out = self.argument_modes();
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
            && (self.cursor.token_is(next, "in")
                || !(next.kind == TokenKind::Word && is_reserved(self.cursor.bytes(next))));
        if named {
            self.cursor.bump();
            is_out |= self.argument_modes();
        }
        let start = self.cursor.token.start;
        self.type_name(Place::Definition, Position::Signature)?;
        // What a routine only gives is not a part of what it is known by.
        if !is_out {
            self.argument_types.push(start..self.cursor.previous().end);
        }
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
