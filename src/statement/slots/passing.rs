//! What the statements that write have in common: names, lists of columns, and clauses that are
//! passed over.

use std::ops::Range;

use super::row_value::VALUES_MAX;
use super::walker::{ColumnSpelled, Walker};
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_reserved, narrow};
use crate::statement::lexer::TokenKind;
use crate::statement::name::{is_bracketed, kept_at, kept_parts};

/// Columns of a list for which there is room from the start.
const COLUMNS_MOSTLY: usize = 16;

impl Walker<'_, '_> {
    /// `[ONLY] name [*]` or `ONLY (name)`.
    pub(super) fn target(&mut self) -> Result<Range<u32>, NotUnderstood> {
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

    /// The tokens of a relation's name, of three parts at most.
    pub(super) fn relation(&mut self) -> Result<Range<u32>, NotUnderstood> {
        let start = self.column_name()?;
        while self.cursor.eat_kind(TokenKind::Dot) {
            self.label()?;
        }
        let name = start..narrow(self.cursor.index());
        if name.len() <= 5 { Ok(name) } else { Err(NotUnderstood) }
    }

    /// `( column, ... )`.
    pub(super) fn column_list(&mut self) -> Result<Vec<ColumnSpelled>, NotUnderstood> {
        self.expect_kind(TokenKind::Open)?;
        let mut columns = Vec::with_capacity(COLUMNS_MOSTLY);
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
    pub(super) fn column(&mut self) -> Result<ColumnSpelled, NotUnderstood> {
        let name = self.column_name()?;
        let mut is_whole = true;
        loop {
            if self.cursor.eat_kind(TokenKind::Dot) {
                self.label()?;
            } else if self.cursor.at(TokenKind::OpenBracket) {
                self.cursor.skip_brackets()?;
            } else if is_bracketed(&self.cursor, self.cursor.token) {
                // Where the source quotes names so, a subscript that is a name is cut as one.
                self.cursor.bump();
            } else {
                return Ok(ColumnSpelled { name, is_whole });
            }
            is_whole = false;
        }
    }

    /// A name that is not a reserved word; gives its index.
    pub(super) fn column_name(&mut self) -> Result<u32, NotUnderstood> {
        let token = self.cursor.token;
        if token.kind == TokenKind::Word && is_reserved(self.cursor.bytes(token)) {
            return Err(NotUnderstood);
        }
        self.label()
    }

    /// A name behind a point, which may be any word; gives its index. What is quoted as only a source
    /// quotes it is not a name to the server.
    pub(super) fn label(&mut self) -> Result<u32, NotUnderstood> {
        let index = narrow(self.cursor.index());
        let is_one = match self.cursor.token.kind {
            TokenKind::Word => true,
            TokenKind::QuotedName => self.cursor.bytes(self.cursor.token).starts_with(b"\""),
            _ => false,
        };
        self.cursor.bump();
        if is_one { Ok(index) } else { Err(NotUnderstood) }
    }

    /// The name that the token of an index is, as PostgreSQL keeps it.
    pub(super) fn kept(&self, index: u32) -> Vec<u8> {
        kept_at(self.cursor, index, self.encoding).into_owned()
    }

    pub(super) fn kept_parts(&self, name: &Range<u32>) -> Vec<Vec<u8>> {
        kept_parts(self.cursor, name, self.encoding)
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

    /// Passes what follows the values of an INSERT up to `DO UPDATE SET`, a parenthesis that was
    /// not opened, or the end; whether a set operation was among it.
    pub(super) fn pass_to_assignments(&mut self) -> Result<bool, NotUnderstood> {
        let mut set_operation = false;
        self.pass_until(|cursor| match cursor.token.kind {
            TokenKind::End | TokenKind::Semicolon | TokenKind::Close => true,
            TokenKind::Word => {
                set_operation |= cursor.is_any(&["union", "intersect", "except"]);
                let is_name = cursor.previous().kind == TokenKind::Dot;
                let mut ahead = *cursor;
                !is_name && ahead.eat_all(&["do", "update", "set"])
            }
            _ => false,
        })?;
        Ok(set_operation)
    }

    /// Passes the clauses of a MERGE up to a word outside of CASE.
    pub(super) fn pass_to(&mut self, word: &str) -> Understood {
        let mut cases = 0_usize;
        self.pass_until(|cursor| {
            if !cursor.at(TokenKind::Word) || cursor.previous().kind == TokenKind::Dot {
                return false;
            }
            if cursor.is("case") {
                cases += 1;
            } else if cursor.is("end") {
                cases = cases.saturating_sub(1);
            }
            cases == 0 && cursor.is(word)
        })
    }

    /// Passes the last clauses of a statement, which have no values for columns.
    pub(super) fn pass_rest(&mut self) -> Understood {
        self.pass_until(|cursor| matches!(cursor.token.kind, TokenKind::End | TokenKind::Semicolon))
    }

    /// Passes tokens up to one at which `ends` says so, brackets without a look into them. What else
    /// ends a statement or closes a bracket is not understood.
    pub(super) fn pass_until(&mut self, mut ends: impl FnMut(&Cursor<'_>) -> bool) -> Understood {
        loop {
            match self.cursor.token.kind {
                TokenKind::Open | TokenKind::OpenBracket => self.cursor.skip_brackets()?,
                TokenKind::Unterminated => return Err(NotUnderstood),
                _ if ends(&self.cursor) => return Ok(()),
                TokenKind::End
                | TokenKind::Semicolon
                | TokenKind::Close
                | TokenKind::CloseBracket => return Err(NotUnderstood),
                _ => self.cursor.bump(),
            }
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
