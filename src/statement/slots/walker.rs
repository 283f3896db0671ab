//! The shape of INSERT, UPDATE and MERGE: their clauses, and the values in them. Walks tokens, no
//! recursion; keeps one row of values at a time.

use std::ops::{ControlFlow, Range};

use super::element::{Element, Ends, at_end_of_item, element};
use super::source::Source;
use super::{Slot, SlotColumn, SlotValue, Write, WriteKind};
use crate::encoding::Encoding;
use crate::statement::constant::{Spelling, StringConstant};
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, is_name};
use crate::statement::lexer::TokenKind;
use crate::statement::plain_rows::{PlainItem, PlainItems, PlainKind};

/// The most values that a row or a select list of PostgreSQL has (MaxTupleAttributeNumber).
pub(super) const VALUES_MAX: usize = 1664;

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

/// A slot of the row that is read, and the tokens of its expression; none for one in a run of plain
/// constants.
#[derive(Debug)]
pub(super) struct RowValue {
    pub(super) slot: Slot,
    pub(super) tokens: Range<usize>,
}

/// Reads one statement that stands at its cursor.
pub(super) struct Walker<'a, 'f> {
    pub(super) cursor: Cursor<'a>,
    pub(super) encoding: Encoding,
    pub(super) head: Option<Write>,
    /// The columns that the values of a row go into; empty for those of the table.
    columns: Vec<ColumnSpelled>,
    is_prepare: bool,
    row: Vec<RowValue>,
    /// What the values of the row may name.
    source: Option<Source>,
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
    fn row(&mut self) -> Understood {
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
    fn push(&mut self, index: usize, value: Value) {
        if index >= VALUES_MAX || !self.gives_slots() {
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

    pub(super) fn gives_slots(&self) -> bool {
        self.sink.is_some()
    }

    fn is_merge(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.kind == WriteKind::Merge)
    }

    fn emit_row(&mut self) -> Understood {
        if self.head.is_none() {
            return Err(NotUnderstood);
        }
        if !self.gives_slots() {
            return Ok(());
        }
        let named = match self.source.take() {
            Some(mut source) => {
                let named = self.named_parameters(&mut source, &self.row);
                self.source = Some(source);
                named
            }
            None => Vec::new(),
        };
        let Some(sink) = &mut self.sink else { return Ok(()) };
        for slot in self.row.drain(..).map(|value| value.slot).chain(named) {
            if sink(slot).is_break() {
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
        self.set_head(name, None, WriteKind::Update, None);
        self.assignments()?;
        self.pass_rest()
    }

    fn merge(&mut self) -> Understood {
        let name = self.target()?;
        if self.cursor.eat("as") || (self.cursor.at_name() && !self.cursor.is("using")) {
            self.column_name()?;
        }
        self.expect("using")?;
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
        self.row.clear();
        self.cursor = source;
        element(&mut self.cursor, Ends::Clause).map(|_| ())
    }

    fn push_named(&mut self, target: ColumnSpelled, value: Value) {
        if target.is_whole && self.gives_slots() {
            let column = SlotColumn::Named(self.kept(target.name));
            self.row.push(value.in_row(column, self.cursor));
        }
    }

    fn set_head(
        &mut self,
        relation: Range<u32>,
        columns_at: Option<u32>,
        kind: WriteKind,
        overriding_at: Option<usize>,
    ) {
        let is_prepare = self.is_prepare;
        self.head = Some(Write {
            kind,
            is_prepare,
            overriding_at,
            relation,
            columns_at,
            tokens: 0..0,
            is_understood: false,
        });
    }
}

/// A value of a row.
pub(super) enum Value {
    /// One that was read token by token.
    Element(Element),
    /// One of a run of plain constants.
    Plain(PlainItem),
}

impl Value {
    /// The value as that of a column; `cursor` is anywhere in the text.
    fn in_row(self, column: SlotColumn, cursor: Cursor<'_>) -> RowValue {
        match self {
            Value::Element(element) => {
                let (core, constant) = (element.core(cursor), element.constant(cursor));
                let Element { tokens, span, value, .. } = element;
                RowValue { slot: Slot { column, span, core, value, constant }, tokens }
            }
            Value::Plain(PlainItem { span, constant }) => {
                let (core, kind) = constant.unzip();
                let value = kind.map_or(SlotValue::Other, SlotValue::from);
                let core = core.unwrap_or_else(|| span.clone());
                let constant = (value == SlotValue::String)
                    .then(|| StringConstant { span: core.clone(), spelling: Spelling::Plain });
                RowValue { slot: Slot { column, span, core, value, constant }, tokens: 0..0 }
            }
        }
    }

    /// The bytes that it has in the text.
    pub(super) fn span(&self) -> Range<usize> {
        match self {
            Value::Element(element) => element.span.clone(),
            Value::Plain(item) => item.span.clone(),
        }
    }

    /// The number of the parameter that it is.
    pub(super) fn parameter(&self) -> Option<u16> {
        match self {
            Value::Element(Element { value: SlotValue::Parameter(number), .. }) => Some(*number),
            _ => None,
        }
    }
}

impl From<PlainKind> for SlotValue {
    fn from(kind: PlainKind) -> SlotValue {
        match kind {
            PlainKind::Text => SlotValue::String,
            PlainKind::Integer => SlotValue::Integer,
            PlainKind::Decimal => SlotValue::Number,
            PlainKind::Null => SlotValue::Null,
            PlainKind::Boolean => SlotValue::Boolean,
            PlainKind::Default => SlotValue::Default,
        }
    }
}

/// An index of the tokens, of which there are never more than [`crate::statement::TOKENS_MAX`].
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
