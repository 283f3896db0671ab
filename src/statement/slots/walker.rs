//! What stands in front of a statement that writes, and the shape of INSERT. Walks tokens, no
//! recursion; keeps one row of values at a time.

use std::ops::{ControlFlow, Range};

use super::element::{Ends, at_end_of_item, element};
use super::row_value::{RowValue, Value};
use super::source::Source;
use super::{HeadTokens, Slot, Write, WriteKind};
use crate::encoding::Encoding;
use crate::statement::constant_kinds::KindsByPlace;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_name, narrow};
use crate::statement::lexer::TokenKind;

/// Takes a slot and says whether to go on.
pub(super) type Sink<'f> = &'f mut dyn FnMut(Slot) -> ControlFlow<()>;

/// A column that is written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnSpelled {
    /// The index of the token that names it.
    pub(super) name: u32,
    /// Whether it is all of the column and not an element or a field of it.
    pub(super) is_whole: bool,
}

/// Reads one statement that stands at its cursor.
pub(super) struct Walker<'a, 'f> {
    pub(super) cursor: Cursor<'a>,
    pub(super) encoding: Encoding,
    pub(super) head: Option<Write>,
    /// The columns that the values of a row go into; empty for those of the table.
    pub(super) columns: Vec<ColumnSpelled>,
    is_prepare: bool,
    pub(super) row: Vec<RowValue>,
    /// What the values of the row may name.
    pub(super) source: Option<Source>,
    /// A value is an expression, or comes from rows or a query.
    pub(super) may_meet: bool,
    /// The kinds of the constants that were passed, rows in runs apart.
    pub(super) constants: KindsByPlace,
    /// There are conditions beside those that every statement of its kind has.
    pub(super) has_conditions: bool,
    /// Nothing stands behind the values of an INSERT, all of which go into whole columns.
    pub(super) ends_in_values: bool,
    /// Takes the slots; without it the statement is read for its shape alone.
    sink: Option<Sink<'f>>,
}

impl<'a, 'f> Walker<'a, 'f> {
    pub(super) fn new(
        cursor: Cursor<'a>,
        encoding: Encoding,
        sink: Option<Sink<'f>>,
    ) -> Walker<'a, 'f> {
        Walker {
            cursor,
            encoding,
            head: None,
            columns: Vec::new(),
            is_prepare: false,
            row: Vec::new(),
            source: None,
            may_meet: false,
            constants: KindsByPlace::default(),
            has_conditions: false,
            ends_in_values: false,
            sink,
        }
    }

    /// Reads the statement, and gives its slots to the sink, up to its semicolon; an error if it writes
    /// nothing, if its shape is not known, or if the sink wants no more.
    pub(super) fn statement(&mut self) -> Understood {
        self.write()?;
        let is_whole = matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
        if is_whole { Ok(()) } else { Err(NotUnderstood) }
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
        self.pass_prefix()?;
        if self.cursor.eat("with") {
            self.may_meet = true;
            return self.with();
        }
        Ok(())
    }

    /// Passes EXPLAIN and PREPARE; whether there was a PREPARE.
    pub(super) fn pass_prefix(&mut self) -> Result<bool, NotUnderstood> {
        loop {
            if self.cursor.eat("explain") {
                self.explain()?;
            } else if self.cursor.eat("prepare") {
                self.prepare()?;
            } else {
                return Ok(self.is_prepare);
            }
        }
    }

    fn explain(&mut self) -> Understood {
        while self.cursor.is_any(&["analyze", "analyse", "verbose"]) {
            self.cursor.bump();
        }
        // `EXPLAIN (SELECT ...)` writes nothing; what is behind it is no statement.
        if self.cursor.at(TokenKind::Open) { self.cursor.skip_brackets() } else { Ok(()) }
    }

    fn prepare(&mut self) -> Understood {
        self.column_name()?;
        if self.cursor.at(TokenKind::Open) {
            self.cursor.skip_brackets()?;
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
                self.cursor.skip_brackets()?;
            }
            self.expect("as")?;
            self.cursor.eat("not");
            self.cursor.eat("materialized");
            if !self.cursor.at(TokenKind::Open) {
                return Err(NotUnderstood);
            }
            self.cursor.skip_brackets()?;
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
        let mut list = None;
        if self.cursor.at(TokenKind::Open) && !self.before_query() {
            list = Some(narrow(self.cursor.index()));
            self.columns = self.column_list()?;
        }
        let query = self.cursor.at(TokenKind::Open)
            || self.cursor.is_any(&["values", "select", "with", "table"]);
        let overriding_at = query.then_some(self.cursor.token.start);
        self.set_head(name, list, WriteKind::Insert, overriding_at);
        self.overriding()?;
        if !self.cursor.eat_all(&["default", "values"]) {
            self.has_conditions |= !self.cursor.is("values");
            let next = self.cursor.peek();
            let is_list = self.cursor.is("select") && !self.cursor.token_is(next, "distinct");
            self.may_meet |= !is_list && !self.cursor.is("values");
            self.query()?;
            let ends = matches!(self.cursor.token.kind, TokenKind::Semicolon | TokenKind::End);
            self.ends_in_values = ends && self.columns.iter().all(|column| column.is_whole);
        }
        let set_operation = self.pass_to_assignments()?;
        if !set_operation {
            self.emit_row()?;
        }
        self.source = None;
        if self.cursor.eat_all(&["do", "update", "set"]) {
            self.assignments()?;
            self.has_conditions |= self.cursor.is("where");
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
                self.push(count, Value::Element(element));
            }
            count += 1;
            count = self.run(count, &mut |walker, index, value| {
                if !star {
                    walker.push(index, value);
                }
            });
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
        self.may_meet |= behind.is_any(&["from", "union", "intersect", "except"]);
        if behind.eat("from") && behind.at(TokenKind::Open) {
            self.cursor.bump();
            self.source = self.source();
        }
        Ok(())
    }

    pub(super) fn gives_slots(&self) -> bool {
        self.sink.is_some()
    }

    pub(super) fn is_merge(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.kind == WriteKind::Merge)
    }

    pub(super) fn emit_row(&mut self) -> Understood {
        if self.head.is_none() {
            return Err(NotUnderstood);
        }
        if !self.gives_slots() {
            return Ok(());
        }
        let named = self.source.as_mut().map_or_else(Vec::new, |source| {
            source.named_parameters(&self.row, self.cursor, self.encoding)
        });
        let Some(sink) = &mut self.sink else { return Ok(()) };
        for slot in self.row.drain(..).map(|value| value.slot).chain(named) {
            if sink(slot).is_break() {
                return Err(NotUnderstood);
            }
        }
        Ok(())
    }

    pub(super) fn set_head(
        &mut self,
        relation: Range<u32>,
        columns: Option<u32>,
        kind: WriteKind,
        overriding_at: Option<usize>,
    ) {
        let is_prepare = self.is_prepare;
        self.head = Some(Write {
            kind,
            is_prepare,
            overriding_at,
            merge_inserts: Vec::new(),
            name: Vec::new(),
            at: HeadTokens { relation, columns },
            tokens: 0..0,
            may_meet: false,
            has_conditions: false,
            has_only_values: false,
            constants: KindsByPlace::default(),
            is_understood: false,
        });
    }
}
