//! Comparisons: `column = value` and its kin, wherever they stand in a query. Passes what it does not know.

use std::ops::Range;
use std::rc::Rc;

use super::MeetingKind;
use super::level::Named;
use super::operand::{Operand, OperandShape};
use super::reader::{FlowReader, MetColumns};
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;
use crate::statement::slots::SlotColumn;

/// Words in front of a condition.
const BEFORE: &[&str] =
    &["where", "on", "and", "or", "not", "when", "having", "then", "else", "case", "select"];

/// Words behind one, commas and closing parentheses apart.
const BEHIND: &[&str] = &[
    "and",
    "or",
    "then",
    "else",
    "end",
    "when",
    "group",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "window",
    "having",
    "where",
    "returning",
    "union",
    "intersect",
    "except",
    "on",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "as",
    "is",
    "do",
    "set",
    "from",
];

impl FlowReader<'_, '_> {
    /// Passes everything up to one of these words outside of parentheses, or to the end of what is open:
    /// queries are read, comparisons noted.
    pub(super) fn conditions(&mut self, ends: &[&str]) -> Understood {
        let mut open = 0_usize;
        let mut may_compare = true;
        loop {
            let cursor = self.walker.cursor;
            let is_behind_dot = cursor.previous().kind == TokenKind::Dot;
            match cursor.token.kind {
                TokenKind::End | TokenKind::Semicolon => return Ok(()),
                TokenKind::Unterminated => return Err(NotUnderstood),
                TokenKind::Close if open == 0 => return Ok(()),
                TokenKind::Close => {
                    open -= 1;
                    self.walker.cursor.bump();
                    may_compare = false;
                    continue;
                }
                TokenKind::Word if open == 0 && !is_behind_dot && self.ends(ends) => {
                    return Ok(());
                }
                _ => {}
            }
            if may_compare && self.compares() {
                may_compare = false;
                continue;
            }
            if cursor.at(TokenKind::Open) {
                if self.is_query(cursor.index() + 1) {
                    let inside = self.inside()?;
                    let _ = self.query_within(&inside, None);
                    may_compare = false;
                    continue;
                }
                open += 1;
                may_compare = true;
            } else {
                may_compare =
                    cursor.at(TokenKind::Comma) || !is_behind_dot && cursor.is_any(BEFORE);
            }
            self.walker.cursor.bump();
        }
    }

    /// Whether the cursor is at one of these words, as the start of a clause.
    fn ends(&self, ends: &[&str]) -> bool {
        let cursor = &self.walker.cursor;
        cursor.is_any(ends)
            && !(cursor.is("from") && cursor.token_is(cursor.previous(), "distinct"))
            && (!cursor.is("on") || cursor.token_is(cursor.peek(), "conflict"))
    }

    /// Passes a comparison at the cursor; the cursor stays if there is none.
    fn compares(&mut self) -> bool {
        let start = self.walker.cursor;
        let compared = self.operand(0).and_then(|left| self.comparison(&left));
        if compared.is_err() {
            self.walker.cursor = start;
        }
        compared.is_ok()
    }

    /// What follows the left side of a comparison.
    fn comparison(&mut self, left: &Operand) -> Understood {
        let cursor = &mut self.walker.cursor;
        let negated = cursor.eat("not");
        if cursor.eat("in") {
            return self.list(left);
        }
        if cursor.eat("between") {
            cursor.eat("symmetric");
            let low = self.operand(0)?;
            self.expect("and")?;
            let high = self.operand(0)?;
            self.ends_condition()?;
            self.compare(left, &low);
            self.compare(left, &high);
            return Ok(());
        }
        if negated {
            return Err(NotUnderstood);
        }
        if cursor.eat("is") {
            cursor.eat("not");
            if !cursor.eat_all(&["distinct", "from"]) {
                return Err(NotUnderstood);
            }
        } else {
            let operator = cursor.bytes(cursor.token);
            let compares = matches!(operator, b"=" | b"<>" | b"!=" | b"<" | b">" | b"<=" | b">=");
            if !cursor.at(TokenKind::Operator) || !compares {
                return Err(NotUnderstood);
            }
            cursor.bump();
            if cursor.is_any(&["any", "some", "all"]) {
                cursor.bump();
                return self.elements(left);
            }
        }
        let right = self.operand(0)?;
        self.ends_condition()?;
        self.compare(left, &right);
        Ok(())
    }

    fn ends_condition(&self) -> Understood {
        let cursor = &self.walker.cursor;
        let is_end = match cursor.token.kind {
            TokenKind::End | TokenKind::Semicolon | TokenKind::Close | TokenKind::Comma => true,
            _ => cursor.is_any(BEHIND),
        };
        if is_end { Ok(()) } else { Err(NotUnderstood) }
    }

    /// `IN (...)`.
    fn list(&mut self, left: &Operand) -> Understood {
        if !self.walker.cursor.at(TokenKind::Open) {
            return Err(NotUnderstood);
        }
        let inside = self.inside()?;
        self.ends_condition()?;
        if self.is_query(inside.start) {
            let met = self.met_by_query(left);
            let _ = self.query_within(&inside, met.as_ref());
            return Ok(());
        }
        for part in self.parts(&inside)? {
            if let Some(right) = self.operand_of(&part, 0) {
                self.compare(left, &right);
            }
        }
        Ok(())
    }

    /// `ANY (...)`.
    fn elements(&mut self, left: &Operand) -> Understood {
        if !self.walker.cursor.at(TokenKind::Open) {
            return Err(NotUnderstood);
        }
        let inside = self.inside()?;
        self.ends_condition()?;
        if self.is_query(inside.start) {
            let met = self.met_by_query(left);
            let _ = self.query_within(&inside, met.as_ref());
        } else if let Some(met) = self.met(left, MeetingKind::Elements) {
            self.meet(&inside, &met);
        }
        Ok(())
    }

    /// The column that an operand is.
    fn met(&mut self, operand: &Operand, kind: MeetingKind) -> Option<MetColumns> {
        let OperandShape::Column(name) = &operand.shape else { return None };
        let Named::Relations(relations, column) = self.named(name) else { return None };
        Some(MetColumns::one(relations, SlotColumn::Named(column), kind))
    }

    /// The columns that the rows of a query are compared with.
    fn met_by_query(&mut self, left: &Operand) -> Option<MetColumns> {
        let OperandShape::Row(parts) = &left.shape else {
            return self.met(left, MeetingKind::Compared);
        };
        let mut all: Option<MetColumns> = None;
        for part in parts {
            let operand = self.operand_of(part, 0)?;
            let one = self.met(&operand, MeetingKind::Compared)?;
            match &mut all {
                Some(all) if all.relations == one.relations => all.columns.extend(one.columns),
                Some(_) => return None,
                None => all = Some(one),
            }
        }
        all
    }

    /// Two operands are compared.
    fn compare(&mut self, left: &Operand, right: &Operand) {
        match (&left.shape, &right.shape) {
            (OperandShape::Row(left), OperandShape::Row(right)) if left.len() == right.len() => {
                for (left, right) in left.iter().zip(right) {
                    self.compare_parts(left, right);
                }
            }
            (OperandShape::Row(_), OperandShape::Query(inside)) => {
                let met = self.met_by_query(left);
                let _ = self.query_within(inside, met.as_ref());
            }
            _ => {
                self.compare_to(left, right);
                self.compare_to(right, left);
            }
        }
    }

    fn compare_parts(&mut self, left: &Range<usize>, right: &Range<usize>) {
        let (left, right) = (self.operand_of(left, 0), self.operand_of(right, 0));
        if let (Some(left), Some(right)) = (left, right) {
            self.compare_to(&left, &right);
            self.compare_to(&right, &left);
        }
    }

    /// A value is compared with what may be a column.
    fn compare_to(&mut self, column: &Operand, value: &Operand) {
        match self.met(column, MeetingKind::Compared) {
            Some(met) => self.meet(&value.tokens, &met),
            None => {
                if let OperandShape::Query(inside) = &value.shape {
                    let _ = self.query_within(inside, None);
                }
            }
        }
    }

    /// Columns of a JOIN ... USING meet those of rows on the other side.
    pub(super) fn joined(&mut self, columns: &[Vec<u8>]) {
        let Some(level) = self.levels.last() else { return };
        let mut relations = Vec::new();
        let mut rows = Vec::new();
        for (_, item) in &level.items {
            match item {
                super::level::FromItem::Relation(name) => relations.push(name.clone()),
                super::level::FromItem::Rows(found) => rows.push(found.clone()),
                super::level::FromItem::Opaque => {}
            }
        }
        let relations = Rc::new(relations);
        for rows in rows {
            let of = |name: &Vec<u8>| {
                let slot = SlotColumn::Named(name.clone());
                let met = MetColumns::one(Rc::clone(&relations), slot, MeetingKind::Compared);
                rows.columns.iter().position(|column| column.name == *name).map(|at| (at, met))
            };
            for (index, met) in columns.iter().filter_map(of).collect::<Vec<_>>() {
                let typed = rows.columns.get(index).map(|column| column.typed.clone());
                let value = super::MetValue::Rows(Rc::clone(&rows.at), index);
                self.note(value, &typed.unwrap_or_default(), &met);
            }
        }
    }
}
