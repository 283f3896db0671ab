//! What the statements that write have in common: names, lists of columns, and clauses that are
//! passed over.

use super::walker::{Column, VALUES_MAX, Walker};
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_reserved};
use crate::statement::lexer::TokenKind;
use crate::statement::name::kept_name;

impl Walker<'_, '_> {
    /// `[ONLY] name [*]` or `ONLY (name)`.
    pub(super) fn target(&mut self) -> Result<Vec<Vec<u8>>, NotUnderstood> {
        if self.cursor.eat("only") && self.cursor.eat_kind(TokenKind::Open) {
            let name = self.relation()?;
            self.expect_kind(TokenKind::Close)?;
            return Ok(name);
        }
        let name = self.relation()?;
        if self.cursor.is_operator("*") {
            self.cursor.bump();
        }
        Ok(name)
    }

    pub(super) fn relation(&mut self) -> Result<Vec<Vec<u8>>, NotUnderstood> {
        let mut name = vec![self.column_name()?];
        while self.cursor.eat_kind(TokenKind::Dot) {
            name.push(self.label()?);
        }
        if name.len() <= 3 { Ok(name) } else { Err(NotUnderstood) }
    }

    /// `( column, ... )`.
    pub(super) fn column_list(&mut self) -> Result<Vec<Column>, NotUnderstood> {
        self.expect_kind(TokenKind::Open)?;
        let mut columns = Vec::new();
        loop {
            columns.push(self.column()?);
            if columns.len() > VALUES_MAX {
                return Err(NotUnderstood);
            }
            if self.cursor.eat_kind(TokenKind::Comma) {
                continue;
            }
            self.expect_kind(TokenKind::Close)?;
            return Ok(columns);
        }
    }

    /// A column, or a field or element of one.
    pub(super) fn column(&mut self) -> Result<Column, NotUnderstood> {
        let name = self.column_name()?;
        let mut is_whole = true;
        loop {
            if self.cursor.eat_kind(TokenKind::Dot) {
                self.label()?;
            } else if self.cursor.at(TokenKind::OpenBracket) {
                self.pass_subscript()?;
            } else {
                return Ok(Column { name, is_whole });
            }
            is_whole = false;
        }
    }

    /// A name that is no reserved word.
    pub(super) fn column_name(&mut self) -> Result<Vec<u8>, NotUnderstood> {
        let token = self.cursor.token;
        if token.kind == TokenKind::Word && is_reserved(self.cursor.bytes(token)) {
            return Err(NotUnderstood);
        }
        self.label()
    }

    /// A name behind a point, which may be any word.
    pub(super) fn label(&mut self) -> Result<Vec<u8>, NotUnderstood> {
        let token = self.cursor.token;
        let name = kept_name(token.kind, self.cursor.bytes(token), self.encoding);
        self.cursor.bump();
        name.ok_or(NotUnderstood)
    }

    /// Whether the parenthesis at the cursor opens a query, not a list of names or values.
    pub(super) fn before_query(&self) -> bool {
        let mut ahead = self.cursor;
        ahead.bump();
        ahead.at(TokenKind::Open) && self.head.is_none()
            || ahead.is_any(&["select", "with", "table"])
            // `values` can be the name of a column.
            || ahead.is("values") && ahead.peek().kind == TokenKind::Open
    }

    pub(super) fn pass_subscript(&mut self) -> Understood {
        let mut depth = 0_usize;
        loop {
            match self.cursor.token.kind {
                TokenKind::Open | TokenKind::OpenBracket => depth += 1,
                TokenKind::Close | TokenKind::CloseBracket => depth = depth.saturating_sub(1),
                TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated => {
                    return Err(NotUnderstood);
                }
                _ => {}
            }
            self.cursor.bump();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Passes what follows the values of an INSERT up to `DO UPDATE SET`, a parenthesis that was
    /// not opened, or the end; whether a set operation was among it.
    pub(super) fn pass_to_assignments(&mut self) -> Result<bool, NotUnderstood> {
        let (mut depth, mut set_operation) = (0_usize, false);
        loop {
            match self.cursor.token.kind {
                TokenKind::End | TokenKind::Semicolon | TokenKind::Close if depth == 0 => {
                    return Ok(set_operation);
                }
                TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated => {
                    return Err(NotUnderstood);
                }
                TokenKind::Open | TokenKind::OpenBracket => depth += 1,
                TokenKind::Close | TokenKind::CloseBracket => depth = depth.saturating_sub(1),
                TokenKind::Word if depth == 0 => {
                    set_operation |= self.cursor.is_any(&["union", "intersect", "except"]);
                    let is_name = self.cursor.previous.kind == TokenKind::Dot;
                    let mut ahead = self.cursor;
                    if !is_name && ahead.eat_all(&["do", "update", "set"]) {
                        return Ok(set_operation);
                    }
                }
                _ => {}
            }
            self.cursor.bump();
        }
    }

    /// Passes the clauses of a MERGE up to a word outside of CASE.
    pub(super) fn pass_to(&mut self, word: &str) -> Understood {
        let (mut depth, mut cases) = (0_usize, 0_usize);
        loop {
            match self.cursor.token.kind {
                TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated => {
                    return Err(NotUnderstood);
                }
                TokenKind::Open | TokenKind::OpenBracket => depth += 1,
                TokenKind::Close | TokenKind::CloseBracket => {
                    depth = depth.checked_sub(1).ok_or(NotUnderstood)?;
                }
                TokenKind::Word if depth == 0 && self.cursor.previous.kind != TokenKind::Dot => {
                    if self.cursor.is("case") {
                        cases += 1;
                    } else if self.cursor.is("end") {
                        cases = cases.saturating_sub(1);
                    } else if cases == 0 && self.cursor.is(word) {
                        return Ok(());
                    }
                }
                _ => {}
            }
            self.cursor.bump();
        }
    }

    /// Passes the last clauses of a statement, which have no values for columns.
    pub(super) fn pass_rest(&mut self) -> Understood {
        let mut depth = 0_usize;
        loop {
            match self.cursor.token.kind {
                TokenKind::End | TokenKind::Semicolon if depth == 0 => return Ok(()),
                TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated => {
                    return Err(NotUnderstood);
                }
                TokenKind::Open | TokenKind::OpenBracket => depth += 1,
                TokenKind::Close | TokenKind::CloseBracket => {
                    depth = depth.checked_sub(1).ok_or(NotUnderstood)?;
                }
                _ => {}
            }
            self.cursor.bump();
        }
    }

    pub(super) fn expect(&mut self, word: &str) -> Understood {
        if self.cursor.eat(word) { Ok(()) } else { Err(NotUnderstood) }
    }

    pub(super) fn expect_kind(&mut self, kind: TokenKind) -> Understood {
        if self.cursor.eat_kind(kind) { Ok(()) } else { Err(NotUnderstood) }
    }

    pub(super) fn expect_assignment(&mut self) -> Understood {
        let there = self.cursor.is_operator("=");
        self.cursor.bump();
        if there { Ok(()) } else { Err(NotUnderstood) }
    }
}

/// Passes what is left of a statement up to its semicolon. `first` is where the statement starts:
/// the body of one that creates a routine has semicolons of its own.
pub(super) fn pass_statement(cursor: &mut Cursor<'_>, first: Cursor<'_>) {
    let creates = first.is("create");
    let (mut depth, mut bodies) = (0_usize, 0_usize);
    loop {
        match cursor.token.kind {
            TokenKind::End => return,
            TokenKind::Semicolon if depth == 0 && bodies == 0 => return,
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Comma => depth = cursor.pass_constants(depth),
            TokenKind::Word if creates && cursor.previous.kind != TokenKind::Dot => {
                let begins = cursor.is("begin") && cursor.token_is(cursor.peek(), "atomic");
                if begins || (bodies > 0 && cursor.is("case")) {
                    bodies += 1;
                } else if bodies > 0 && cursor.is("end") {
                    bodies -= 1;
                }
            }
            _ => {}
        }
        cursor.bump();
    }
}
