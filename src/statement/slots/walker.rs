//! The shape of INSERT, UPDATE and MERGE: their clauses, and the values in them. Walks tokens, no
//! recursion; keeps one row of values at a time.

use super::element::{Element, Ends, at_end_of_item, element};
use super::source::Source;
use super::{Sink, Slot, SlotColumn, WriteKind, WritesHead};
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_name};
use crate::statement::lexer::TokenKind;

/// The most values that a row or a select list of PostgreSQL has (MaxTupleAttributeNumber).
pub(super) const VALUES_MAX: usize = 1664;

/// How far a statement was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Understanding {
    /// Up to its end.
    Whole,
    /// It writes nothing, or its shape is not known: no slot of it counts.
    None,
    /// The sink wanted no more.
    Stopped,
}

/// A column that is written to.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: Vec<u8>,
    /// Whether it is all of the column and not an element or a field of it.
    pub(super) is_whole: bool,
}

/// Reads one statement that stands at its cursor.
pub(super) struct Walker<'a, 'f> {
    pub(super) cursor: Cursor<'a>,
    pub(super) encoding: Encoding,
    pub(super) head: Option<WritesHead>,
    /// The columns that the values of a row go into; empty for those of the table.
    columns: Vec<Column>,
    is_prepare: bool,
    row: Vec<Slot>,
    /// What the values of the row may name.
    source: Option<Source>,
    sink: Sink<'f>,
    stopped: bool,
}

impl<'a, 'f> Walker<'a, 'f> {
    pub(super) fn new(cursor: Cursor<'a>, encoding: Encoding, sink: Sink<'f>) -> Walker<'a, 'f> {
        Walker {
            cursor,
            encoding,
            head: None,
            columns: Vec::new(),
            is_prepare: false,
            row: Vec::new(),
            source: None,
            sink,
            stopped: false,
        }
    }

    /// Reads the statement up to its semicolon and gives its slots to the sink.
    pub(super) fn statement(&mut self) -> Understanding {
        match self.write() {
            _ if self.stopped => Understanding::Stopped,
            Ok(()) if matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End) => {
                Understanding::Whole
            }
            _ => Understanding::None,
        }
    }

    /// The head, if it was understood; leaves `cursor` where the reading ended.
    pub(super) fn into_head(self, cursor: &mut Cursor<'a>) -> Option<WritesHead> {
        *cursor = self.cursor;
        self.head
    }

    fn write(&mut self) -> Understood {
        self.prefix()?;
        if self.cursor.eat_all(&["insert", "into"]) {
            self.insert()
        } else if self.cursor.eat("update") {
            self.update()
        } else if self.cursor.eat_all(&["merge", "into"]) {
            self.merge()
        } else {
            Err(NotUnderstood)
        }
    }

    /// What may stand in front of a statement that writes.
    pub(super) fn prefix(&mut self) -> Understood {
        loop {
            if self.cursor.eat("explain") {
                self.explain()?;
            } else if self.cursor.eat("prepare") {
                self.prepare()?;
            } else {
                break;
            }
        }
        if self.cursor.eat("with") { self.with() } else { Ok(()) }
    }

    fn explain(&mut self) -> Understood {
        while self.cursor.is_any(&["analyze", "analyse", "verbose"]) {
            self.cursor.bump();
        }
        // `EXPLAIN (SELECT ...)` writes nothing; what is behind it is no statement.
        if self.cursor.at(TokenKind::Open) { self.cursor.skip_parentheses() } else { Ok(()) }
    }

    fn prepare(&mut self) -> Understood {
        self.column_name()?;
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_parentheses()?;
        }
        self.is_prepare = true;
        self.expect("as")
    }

    /// `[RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (query), ...`.
    fn with(&mut self) -> Understood {
        let next = self.cursor.peek();
        if self.cursor.is("recursive") && is_name(next.kind) && !self.cursor.token_is(next, "as") {
            self.cursor.bump();
        }
        loop {
            self.column_name()?;
            if self.cursor.at(TokenKind::Open) {
                self.cursor.skip_parentheses()?;
            }
            self.expect("as")?;
            self.cursor.eat("not");
            self.cursor.eat("materialized");
            if !self.cursor.at(TokenKind::Open) {
                return Err(NotUnderstood);
            }
            self.cursor.skip_parentheses()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    fn insert(&mut self) -> Understood {
        let name = self.relation()?;
        if self.cursor.eat("as") {
            self.column_name()?;
        }
        if self.cursor.at(TokenKind::Open) && !self.before_query() {
            self.columns = self.column_list()?;
        }
        let query = self.cursor.at(TokenKind::Open)
            || self.cursor.is_any(&["values", "select", "with", "table"]);
        let overriding_at = query.then_some(self.cursor.token.start);
        let columns = self.columns.iter().map(|column| column.name.clone()).collect();
        self.set_head(name, columns, WriteKind::Insert, overriding_at);
        self.overriding()?;
        if !self.cursor.eat_all(&["default", "values"]) {
            self.query()?;
        }
        let set_operation = self.pass_to_assignments()?;
        if !set_operation {
            self.emit_row()?;
        }
        self.source = None;
        if self.cursor.eat_all(&["do", "update", "set"]) {
            self.assignments()?;
            self.pass_rest()?;
        }
        Ok(())
    }

    pub(super) fn overriding(&mut self) -> Understood {
        if !self.cursor.eat("overriding") {
            return Ok(());
        }
        let value = self.cursor.eat_all(&["system", "value"]);
        if value || self.cursor.eat_all(&["user", "value"]) { Ok(()) } else { Err(NotUnderstood) }
    }

    /// The query of an INSERT, or its first part. The row of a select list is left to be emitted,
    /// because only the end of the query says whether it is all of it.
    fn query(&mut self) -> Understood {
        let next = self.cursor.peek();
        let parenthesis = self.cursor.at(TokenKind::Open)
            && ["values", "select"].iter().any(|word| self.cursor.token_is(next, word));
        if parenthesis {
            self.cursor.bump();
        }
        if self.cursor.eat("values") {
            self.rows()?;
            if parenthesis {
                self.expect_kind(TokenKind::Close)?;
            }
            // ORDER BY or a set operation makes another query of it.
            return if self.at_end_of_query() { Ok(()) } else { Err(NotUnderstood) };
        }
        if self.cursor.eat("select") {
            if !self.cursor.is("distinct") {
                self.select_list()?;
            }
            if parenthesis {
                let set_operation = self.pass_to_assignments()?;
                self.expect_kind(TokenKind::Close)?;
                if set_operation || !self.at_end_of_query() {
                    self.row.clear();
                }
            }
            return Ok(());
        }
        let other = self.cursor.at(TokenKind::Open) || self.cursor.is_any(&["with", "table"]);
        if other { Ok(()) } else { Err(NotUnderstood) }
    }

    fn at_end_of_query(&self) -> bool {
        matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End)
            || self.cursor.is_any(&["on", "returning"])
    }

    fn rows(&mut self) -> Understood {
        loop {
            self.row()?;
            self.emit_row()?;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// `( value, ... )` into the columns of the row.
    fn row(&mut self) -> Understood {
        self.row.clear();
        let (mut count, mut star) = (0, false);
        self.expect_kind(TokenKind::Open)?;
        loop {
            let element = element(&mut self.cursor, Ends::Parenthesis)?;
            star |= element.is_star;
            self.push(count, element);
            count += 1;
            if self.cursor.eat_kind(TokenKind::Comma) {
                continue;
            }
            self.expect_kind(TokenKind::Close)?;
            if star || !self.fits(count) {
                self.row.clear();
            }
            return Ok(());
        }
    }

    /// The items behind SELECT.
    fn select_list(&mut self) -> Understood {
        self.row.clear();
        self.cursor.eat("all");
        if at_end_of_item(&self.cursor) {
            return Ok(());
        }
        let (mut count, mut star) = (0, false);
        loop {
            let element = element(&mut self.cursor, Ends::Item)?;
            if self.cursor.eat("as") {
                if !self.cursor.at_name() {
                    return Err(NotUnderstood);
                }
                self.cursor.bump();
                if self.cursor.eat("uescape") {
                    self.cursor.bump();
                }
            }
            star |= element.is_star;
            if !star && !element.may_have_alias {
                self.push(count, element);
            }
            count += 1;
            if !self.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        if !at_end_of_item(&self.cursor) {
            return Err(NotUnderstood);
        }
        if !star && !self.fits(count) {
            self.row.clear();
        }
        let mut behind = self.cursor;
        if behind.eat("from") && behind.at(TokenKind::Open) {
            self.cursor.bump();
            self.source = self.source();
        }
        Ok(())
    }

    fn fits(&self, count: usize) -> bool {
        match self.columns.len() {
            0 => count <= VALUES_MAX,
            columns => count == columns,
        }
    }

    /// Keeps a value of a row, if it has a column of its own.
    fn push(&mut self, index: usize, element: Element) {
        if index >= VALUES_MAX {
            return;
        }
        let column = match (self.columns.get(index), self.columns.is_empty()) {
            (None, true) => SlotColumn::Index(index),
            (Some(column), _) if !column.is_whole => return,
            (Some(column), _) if self.is_merge() => SlotColumn::Named(column.name.clone()),
            (Some(_), _) => SlotColumn::Index(index),
            (None, false) => return,
        };
        self.row.push(Slot { column, span: element.span, value: element.value });
    }

    fn is_merge(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.kind == WriteKind::Merge)
    }

    fn emit_row(&mut self) -> Understood {
        if let Some(mut source) = self.source.take() {
            self.row.extend(self.named_parameters(&mut source, &self.row));
            self.source = Some(source);
        }
        let Some(head) = &self.head else { return Err(NotUnderstood) };
        for slot in self.row.drain(..) {
            if (self.sink)(head, slot).is_break() {
                self.stopped = true;
                return Err(NotUnderstood);
            }
        }
        Ok(())
    }

    fn update(&mut self) -> Understood {
        let name = self.target()?;
        if self.cursor.eat("as") || (self.cursor.at_name() && !self.cursor.is("set")) {
            self.column_name()?;
        }
        self.expect("set")?;
        self.set_head(name, Vec::new(), WriteKind::Update, None);
        self.assignments()?;
        self.pass_rest()
    }

    fn merge(&mut self) -> Understood {
        let name = self.target()?;
        if self.cursor.eat("as") || (self.cursor.at_name() && !self.cursor.is("using")) {
            self.column_name()?;
        }
        self.expect("using")?;
        self.set_head(name, Vec::new(), WriteKind::Merge, None);
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
        self.overriding()?;
        if self.cursor.eat_all(&["default", "values"]) {
            return Ok(());
        }
        self.expect("values")?;
        self.row()?;
        // Of the target's columns an INSERT sees none.
        self.take_bare_names(true);
        self.emit_row()?;
        self.take_bare_names(false);
        Ok(())
    }

    fn take_bare_names(&mut self, takes: bool) {
        if let Some(source) = &mut self.source {
            source.takes_bare_names = takes;
        }
    }

    /// `column = value, (column, ...) = [ROW] (value, ...), ...`, up to the next clause.
    fn assignments(&mut self) -> Understood {
        loop {
            if self.cursor.at(TokenKind::Open) {
                let targets = self.column_list()?;
                self.expect_assignment()?;
                self.assigned_row(targets)?;
            } else {
                let target = self.column()?;
                self.expect_assignment()?;
                let element = element(&mut self.cursor, Ends::Clause)?;
                self.row.clear();
                self.push_named(target, element);
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
    fn assigned_row(&mut self, targets: Vec<Column>) -> Understood {
        self.row.clear();
        let source = self.cursor;
        if self.cursor.peek().kind == TokenKind::Open {
            self.cursor.eat("row");
        }
        if self.cursor.at(TokenKind::Open) && !self.before_query() {
            self.cursor.bump();
            let expected = targets.len();
            let mut targets = targets.into_iter();
            let (mut count, mut star) = (0, false);
            loop {
                let element = element(&mut self.cursor, Ends::Parenthesis)?;
                star |= element.is_star;
                count += 1;
                if let Some(target) = targets.next() {
                    self.push_named(target, element);
                }
                if !self.cursor.eat_kind(TokenKind::Comma) {
                    break;
                }
            }
            self.expect_kind(TokenKind::Close)?;
            if at_end_of_item(&self.cursor) {
                if star || count != expected {
                    self.row.clear();
                }
                return Ok(());
            }
        }
        // A query, or an expression that starts with parentheses.
        self.row.clear();
        self.cursor = source;
        element(&mut self.cursor, Ends::Clause).map(|_| ())
    }

    fn push_named(&mut self, target: Column, element: Element) {
        if target.is_whole {
            let column = SlotColumn::Named(target.name);
            self.row.push(Slot { column, span: element.span, value: element.value });
        }
    }

    fn set_head(
        &mut self,
        name: Vec<Vec<u8>>,
        columns: Vec<Vec<u8>>,
        kind: WriteKind,
        overriding_at: Option<usize>,
    ) {
        let is_prepare = self.is_prepare;
        self.head = Some(WritesHead { name, columns, kind, is_prepare, overriding_at });
    }
}
