//! The shape of UPDATE and MERGE, and of the assignments that ON CONFLICT has too.

use super::element::{Ends, at_end_of_item, element};
use super::row_value::Value;
use super::walker::{ColumnSpelled, Walker};
use super::{SlotColumn, WriteKind};
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;

impl Walker<'_, '_> {
    pub(super) fn update(&mut self) -> Understood {
        let name = self.target()?;
        if self.cursor.eat("as") || (self.cursor.at_name() && !self.cursor.is("set")) {
            self.column_name()?;
        }
        self.expect("set")?;
        self.set_head(name, None, WriteKind::Update, None);
        self.assignments()?;
        self.may_meet |= self.cursor.is("from");
        self.pass_rest()
    }

    pub(super) fn merge(&mut self) -> Understood {
        let name = self.target()?;
        if self.cursor.eat("as") || (self.cursor.at_name() && !self.cursor.is("using")) {
            self.column_name()?;
        }
        self.expect("using")?;
        self.may_meet = true;
        self.set_head(name, None, WriteKind::Merge, None);
        self.source = self.source();
        self.take_bare_names(false);
        self.pass_to("when")?;
        while self.cursor.eat("when") {
            self.pass_to("then")?;
            self.cursor.bump();
            if self.cursor.eat_all(&["update", "set"]) {
                self.assignments()?;
            } else if self.cursor.eat("insert") {
                self.merge_insert()?;
            } else if !self.cursor.eat("delete") && !self.cursor.eat_all(&["do", "nothing"]) {
                return Err(NotUnderstood);
            }
        }
        self.pass_rest()
    }

    fn merge_insert(&mut self) -> Understood {
        self.columns.clear();
        if self.cursor.at(TokenKind::Open) {
            self.columns = self.column_list()?;
        }
        let at = self.cursor.token.start;
        let overrides = self.cursor.is("overriding");
        self.overriding()?;
        if self.cursor.eat_all(&["default", "values"]) {
            return Ok(());
        }
        self.expect("values")?;
        self.row()?;
        let end = self.cursor.previous().end;
        if let Some(head) = self.head.as_mut().filter(|_| !overrides) {
            head.merge_inserts.push(at..end);
        }
        // Of the target's columns an INSERT sees none.
        self.take_bare_names(true);
        self.emit_row()?;
        self.take_bare_names(false);
        Ok(())
    }

    fn take_bare_names(&mut self, takes: bool) {
        if let Some(source) = &mut self.source {
            source.take_bare_names(takes);
        }
    }

    /// `column = value, (column, ...) = [ROW] (value, ...), ...`, up to the next clause.
    pub(super) fn assignments(&mut self) -> Understood {
        loop {
            if self.cursor.at(TokenKind::Open) {
                let targets = self.column_list()?;
                self.expect_assignment()?;
                self.assigned_row(&targets)?;
            } else {
                let target = self.column()?;
                self.expect_assignment()?;
                let element = element(&mut self.cursor, Ends::Clause)?;
                self.row.clear();
                self.push_named(target, Value::Element(element));
            }
            self.emit_row()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        let clauses = ["from", "where", "returning", "when"];
        let ended = matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
        if ended || self.cursor.is_any(&clauses) { Ok(()) } else { Err(NotUnderstood) }
    }

    /// The source of an assignment to several columns; only a row in parentheses has values.
    fn assigned_row(&mut self, targets: &[ColumnSpelled]) -> Understood {
        self.row.clear();
        let source = self.cursor;
        if self.cursor.peek().kind == TokenKind::Open {
            self.cursor.eat("row");
        }
        if self.cursor.at(TokenKind::Open) && !self.before_query() {
            let (count, star) = self.values_in_parentheses(|walker, index, value| {
                if let Some(target) = targets.get(index) {
                    walker.push_named(*target, value);
                }
            })?;
            if at_end_of_item(&self.cursor) {
                if star || count != targets.len() {
                    self.row.clear();
                }
                return Ok(());
            }
        }
        // A query, or an expression that starts with parentheses.
        self.may_meet = true;
        self.row.clear();
        self.cursor = source;
        element(&mut self.cursor, Ends::Clause).map(|_| ())
    }

    fn push_named(&mut self, target: ColumnSpelled, value: Value) {
        if !self.gives_slots() {
            self.note(0, &value);
        } else if target.is_whole {
            let column = SlotColumn::Named(self.kept(target.name));
            self.row.push(value.in_row(column, self.cursor));
        }
    }
}
