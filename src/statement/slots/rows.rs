//! Rows of values, read token by token or as runs of plain constants.

use super::SlotColumn;
use super::element::{Ends, element};
use super::row_value::{VALUES_MAX, Value};
use super::walker::Walker;
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;
use crate::statement::plain_rows::PlainItems;

impl Walker<'_, '_> {
    pub(super) fn rows(&mut self) -> Understood {
        loop {
            self.row()?;
            self.emit_row()?;
            while self.cursor.at(TokenKind::PlainRows) {
                self.plain_rows()?;
                self.cursor.bump();
            }
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// The rows of a run of plain constants.
    fn plain_rows(&mut self) -> Understood {
        if !self.gives_slots() {
            return Ok(());
        }
        let run = self.cursor.token;
        for row in PlainItems::new(self.cursor.sql(), run.start..run.end) {
            let inside = row.span.start + 1..row.span.end.saturating_sub(1);
            self.row.clear();
            let mut count = 0;
            for item in PlainItems::new(self.cursor.sql(), inside) {
                self.push(count, Value::Plain(item));
                count += 1;
            }
            if !self.fits(count) {
                self.row.clear();
            }
            self.emit_row()?;
        }
        Ok(())
    }

    /// `( value, ... )` into the columns of the row.
    pub(super) fn row(&mut self) -> Understood {
        self.row.clear();
        let (count, star) =
            self.values_in_parentheses(|walker, index, value| walker.push(index, value))?;
        if star || !self.fits(count) {
            self.row.clear();
        }
        Ok(())
    }

    /// Passes `( value, ... )` and gives each value with its index; their number, and whether one of
    /// them stands for any number of values.
    pub(super) fn values_in_parentheses(
        &mut self,
        mut each: impl FnMut(&mut Self, usize, Value),
    ) -> Result<(usize, bool), NotUnderstood> {
        let (mut count, mut star) = (0, false);
        self.expect_kind(TokenKind::Open)?;
        loop {
            let element = element(&mut self.cursor, Ends::Parenthesis)?;
            star |= element.is_star;
            each(self, count, Value::Element(element));
            count += 1;
            count = self.run(count, &mut each);
            if self.cursor.eat_kind(TokenKind::Comma) {
                continue;
            }
            self.expect_kind(TokenKind::Close)?;
            return Ok((count, star));
        }
    }

    /// Passes runs of plain constants among values, of which there were `count`; their number then.
    pub(super) fn run(
        &mut self,
        mut count: usize,
        each: &mut impl FnMut(&mut Self, usize, Value),
    ) -> usize {
        while matches!(self.cursor.token.kind, TokenKind::PlainRows | TokenKind::PlainValues) {
            let run = self.cursor.token;
            for item in PlainItems::new(self.cursor.sql(), run.start..run.end) {
                each(self, count, Value::Plain(item));
                count += 1;
            }
            self.cursor.bump();
        }
        count
    }

    pub(super) fn fits(&self, count: usize) -> bool {
        match self.columns.len() {
            0 => count <= VALUES_MAX,
            columns => count == columns,
        }
    }

    /// Notes what the value at a place is, where the statement is read for its shape.
    #[inline]
    pub(super) fn note(&mut self, place: usize, value: &Value) {
        self.may_meet |= value.is_expression();
        self.constants.add(place, value.constant_kind(self.cursor.sql()));
    }

    /// Keeps a value of a row, if it has a column of its own.
    pub(super) fn push(&mut self, index: usize, value: Value) {
        if !self.gives_slots() {
            return self.note(index, &value);
        }
        if index >= VALUES_MAX {
            return;
        }
        let column = match (self.columns.get(index), self.columns.is_empty()) {
            (None, true) => SlotColumn::Index(index),
            (Some(column), _) if !column.is_whole => return,
            (Some(column), _) if self.is_merge() => SlotColumn::Named(self.kept(column.name)),
            (Some(_), _) => SlotColumn::Index(index),
            (None, false) => return,
        };
        self.row.push(value.in_row(column, self.cursor));
    }
}
