//! Queries: what their columns are, and the columns that those meet.

use std::ops::Range;
use std::rc::Rc;

use super::level::{FromItem, RowColumn, TextRows};
use super::operand::{Operand, OperandShape};
use super::reader::{FlowReader, MetColumns};
use super::typed::Typed;
use super::{Leaf, RowsSpan};
use crate::statement::constant::{Spelling, StringConstant};
use crate::statement::cursor::{NotUnderstood, Understood, is_name};
use crate::statement::lexer::TokenKind;
use crate::statement::plain_rows::{PlainItem, PlainItems, PlainKind};
use crate::statement::slots::SlotValue;
use crate::statement::slots::element::{Ends, at_end_of_item, element};
use crate::statement::slots::row_value::VALUES_MAX;
use crate::value::type_oid::{BOOL, INT8, NUMERIC, UNKNOWN};

/// What ends a query that a statement is about.
const ENDS: &[&str] = &["union", "intersect", "except", "returning", "on"];

/// A query, or a part of one between UNION and the like.
#[derive(Debug, Default)]
struct Branch {
    /// `None` where they are not known.
    columns: Option<Vec<RowColumn>>,
    /// What its columns meet has been noted.
    has_met: bool,
}

/// An item of a select list.
struct SelectItem {
    tokens: Range<usize>,
    name: Vec<u8>,
    is_star: bool,
}

impl FlowReader<'_, '_> {
    /// The query between two parentheses; what its columns meet is noted.
    pub(super) fn query_within(
        &mut self,
        inside: &Range<usize>,
        met: Option<&MetColumns>,
    ) -> Option<TextRows> {
        self.within(inside, |reader| {
            let rows = reader.query(met).ok()?;
            reader.walker.cursor.at(TokenKind::End).then_some(rows).flatten()
        })
    }

    /// Passes the query at the cursor; what its columns meet is noted. Its rows as far as they are known.
    pub(super) fn query(
        &mut self,
        met: Option<&MetColumns>,
    ) -> Result<Option<TextRows>, NotUnderstood> {
        self.in_level(|reader| {
            if reader.walker.cursor.is("with") {
                reader.with()?;
            }
            let first = reader.walker.cursor.index();
            let mut all = reader.branch(met)?;
            while reader.walker.cursor.is_any(&["union", "intersect", "except"]) {
                reader.walker.cursor.bump();
                let _ = reader.walker.cursor.eat("all") || reader.walker.cursor.eat("distinct");
                let next = reader.branch(None)?;
                all.columns = both(all.columns, next.columns);
            }
            // ORDER BY, LIMIT and the like.
            reader.conditions(ENDS)?;
            let tokens = first..reader.walker.cursor.index();
            let Some(mut columns) = all.columns else { return Ok(None) };
            if !all.has_met {
                for column in &mut columns {
                    column.typed = std::mem::take(&mut column.typed).resolved();
                }
            }
            let at = reader.rows_at(&tokens, false, &columns);
            let rows = TextRows { columns, at };
            if let Some(met) = met.filter(|_| !all.has_met) {
                reader.note_rows(&rows, met);
            }
            Ok(Some(rows))
        })
    }

    /// The queries of a WITH.
    pub(super) fn with(&mut self) -> Understood {
        self.walker.cursor.bump();
        let next = self.walker.cursor.peek();
        let recursive = self.walker.cursor.is("recursive")
            && is_name(next.kind)
            && !self.walker.cursor.token_is(next, "as");
        if recursive {
            self.walker.cursor.bump();
        }
        loop {
            let name = self.eat_name()?;
            let listed = self.listed_names()?;
            self.expect("as")?;
            self.walker.cursor.eat("not");
            self.walker.cursor.eat("materialized");
            if !self.walker.cursor.at(TokenKind::Open) {
                return Err(NotUnderstood);
            }
            let inside = self.inside()?;
            // Within itself it is the relation of its name, or itself.
            self.name_with(name.clone(), FromItem::Opaque);
            let rows = match self.is_query(inside.start) {
                true => self.query_within(&inside, None),
                false => {
                    let _ = self.within(&inside, |reader| reader.inner_statement());
                    None
                }
            };
            let item = rows.filter(|_| !recursive).map(|rows| rows.renamed(&listed));
            self.name_with(name, item.map_or(FromItem::Opaque, FromItem::Rows));
            if !self.walker.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    fn name_with(&mut self, name: Vec<u8>, item: FromItem) {
        if let Some(level) = self.levels.last_mut() {
            level.with.push((name, item));
        }
    }

    /// `(a, b)`, if it is there.
    pub(super) fn listed_names(&mut self) -> Result<Vec<Vec<u8>>, NotUnderstood> {
        if !self.walker.cursor.at(TokenKind::Open) {
            return Ok(Vec::new());
        }
        let listed = self.walker.column_list()?;
        Ok(listed.into_iter().map(|column| self.walker.kept(column.name)).collect())
    }

    fn branch(&mut self, met: Option<&MetColumns>) -> Result<Branch, NotUnderstood> {
        let cursor = &mut self.walker.cursor;
        if cursor.eat("values") {
            return self.values();
        }
        if cursor.eat("select") {
            return self.in_level(|reader| reader.select(met));
        }
        if cursor.eat("table") {
            let name = self.walker.relation()?;
            let parts = self.walker.kept_parts(&name);
            let known = match parts.as_slice() {
                [name] => self.with_query(name),
                _ => None,
            };
            let columns = match known {
                Some(FromItem::Rows(rows)) => Some(rows.columns),
                _ => None,
            };
            return Ok(Branch { columns, has_met: false });
        }
        let inside = self.inside()?;
        let rows = self.query_within(&inside, None);
        Ok(Branch { columns: rows.map(|rows| rows.columns), has_met: false })
    }

    /// The rows behind VALUES.
    fn values(&mut self) -> Result<Branch, NotUnderstood> {
        let mut columns: Vec<RowColumn> = Vec::new();
        loop {
            if !self.walker.cursor.at(TokenKind::Open) {
                return Err(NotUnderstood);
            }
            let inside = self.inside()?;
            let row = self.row_of(&inside)?;
            columns = match columns.is_empty() {
                true => row,
                false => both(Some(columns), Some(row)).ok_or(NotUnderstood)?,
            };
            while self.walker.cursor.at(TokenKind::PlainRows) {
                self.plain_rows(&mut columns);
                self.walker.cursor.bump();
            }
            if !self.walker.cursor.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        for (number, column) in (1_usize..).zip(&mut columns) {
            column.name = format!("column{number}").into_bytes();
        }
        Ok(Branch { columns: Some(columns), has_met: false })
    }

    /// One row between its parentheses.
    fn row_of(&mut self, inside: &Range<usize>) -> Result<Vec<RowColumn>, NotUnderstood> {
        let mut row = Vec::new();
        self.within(inside, |reader| {
            loop {
                let first = reader.walker.cursor.index();
                let passed = element(&mut reader.walker.cursor, Ends::Clause)?;
                let tokens = first..reader.walker.cursor.index();
                if passed.value == SlotValue::Other {
                    reader.look_into(&tokens);
                }
                row.push(RowColumn { name: Vec::new(), typed: reader.typed_of(&tokens, 0) });
                while matches!(
                    reader.walker.cursor.token.kind,
                    TokenKind::PlainRows | TokenKind::PlainValues
                ) {
                    let run = reader.walker.cursor.token;
                    for item in PlainItems::new(reader.walker.cursor.sql(), run.start..run.end) {
                        row.push(RowColumn { name: Vec::new(), typed: plain_typed(item) });
                    }
                    reader.walker.cursor.bump();
                }
                if row.len() > VALUES_MAX {
                    return Err(NotUnderstood);
                }
                if !reader.walker.cursor.eat_kind(TokenKind::Comma) {
                    break;
                }
            }
            if reader.walker.cursor.at(TokenKind::End) { Ok(()) } else { Err(NotUnderstood) }
        })?;
        Ok(row)
    }

    /// The rows of a run of plain constants.
    fn plain_rows(&self, columns: &mut [RowColumn]) {
        let run = self.walker.cursor.token;
        for row in PlainItems::new(self.walker.cursor.sql(), run.start..run.end) {
            let inside = row.span.start + 1..row.span.end.saturating_sub(1);
            let items = PlainItems::new(self.walker.cursor.sql(), inside);
            for (column, item) in columns.iter_mut().zip(items) {
                column.typed.add(&plain_typed(item));
            }
        }
    }

    /// What follows SELECT.
    fn select(&mut self, met: Option<&MetColumns>) -> Result<Branch, NotUnderstood> {
        let is_distinct = self.walker.cursor.is("distinct");
        if self.walker.cursor.eat("distinct") && self.walker.cursor.eat("on") {
            self.walker.cursor.skip_brackets()?;
        }
        self.walker.cursor.eat("all");
        let items = self.select_items()?;
        if self.walker.cursor.eat("from") {
            self.from()?;
        }
        self.conditions(ENDS)?;
        let is_whole = !self.walker.cursor.is_any(&["union", "intersect", "except"]);
        for item in &items {
            self.look_into(&item.tokens);
        }
        let has_star = items.iter().any(|item| item.is_star);
        let met = met.filter(|_| is_whole && !is_distinct && !has_star);
        if let Some(met) = met {
            for (index, item) in items.iter().enumerate() {
                if let Some(met) = met.at(index) {
                    self.meet_item(&item.tokens, &met);
                }
            }
        }
        let mut columns = Some(Vec::new());
        for item in items {
            columns = match item.is_star {
                true => self.star(&item.tokens).and_then(|star| Some([columns?, star].concat())),
                false => columns.map(|mut columns| {
                    let typed = self.typed_of(&item.tokens, 0);
                    columns.push(RowColumn { name: item.name, typed });
                    columns
                }),
            };
        }
        Ok(Branch { columns, has_met: met.is_some() })
    }

    fn select_items(&mut self) -> Result<Vec<SelectItem>, NotUnderstood> {
        let mut items = Vec::new();
        if at_end_of_item(&self.walker.cursor) {
            return Ok(items);
        }
        loop {
            let first = self.walker.cursor.index();
            let passed = element(&mut self.walker.cursor, Ends::Item)?;
            let mut tokens = first..passed.tokens.end;
            let mut name = None;
            if self.walker.cursor.eat("as") {
                let index = self.walker.label()?;
                name = Some(self.walker.kept(index));
            } else if passed.tokens.end < self.walker.cursor.index() {
                name = Some(self.kept(passed.tokens.end));
            } else if passed.may_have_alias && self.operand_of(&tokens, 0).is_none() {
                let shorter = first..tokens.end - 1;
                if self.operand_of(&shorter, 0).is_some() {
                    name = Some(self.kept(shorter.end));
                    tokens = shorter;
                }
            }
            let name = name.unwrap_or_else(|| self.own_name(&tokens));
            items.push(SelectItem { tokens, name, is_star: passed.is_star });
            if items.len() > VALUES_MAX {
                return Err(NotUnderstood);
            }
            // Plain constants of a long list have no names, and meet nothing here.
            if !self.walker.cursor.eat_kind(TokenKind::Comma) {
                return Ok(items);
            }
        }
    }

    /// The name that a column of a query has by itself.
    fn own_name(&mut self, tokens: &Range<usize>) -> Vec<u8> {
        let mut operand = self.operand_of(tokens, 0);
        while let Some(Operand { shape: OperandShape::Cast(inner, _), .. }) = operand {
            operand = Some(*inner);
        }
        match operand.map(|operand| operand.shape) {
            Some(OperandShape::Column(name)) => self.kept(name.end - 1),
            _ => Vec::new(),
        }
    }

    /// The columns that `*` or `alias.*` stands for.
    fn star(&self, tokens: &Range<usize>) -> Option<Vec<RowColumn>> {
        let level = self.levels.last()?;
        let alias = (tokens.len() == 3).then(|| self.kept(tokens.start));
        let mut columns = Vec::new();
        for (name, item) in &level.items {
            match item {
                _ if alias.as_ref().is_some_and(|alias| alias != name) => {}
                FromItem::Rows(rows) => columns.extend(rows.columns.iter().cloned()),
                FromItem::Relation(_) | FromItem::Opaque => return None,
            }
        }
        let is_known = !columns.is_empty() && (alias.is_some() || tokens.len() == 1);
        is_known.then_some(columns)
    }
}

/// The columns of two queries as those of one.
fn both(one: Option<Vec<RowColumn>>, other: Option<Vec<RowColumn>>) -> Option<Vec<RowColumn>> {
    let (mut one, other) = (one?, other?);
    if one.len() != other.len() {
        return None;
    }
    for (column, other) in one.iter_mut().zip(&other) {
        column.typed.add(&other.typed);
    }
    Some(one)
}

/// What a constant of a run is.
fn plain_typed(item: PlainItem) -> Typed {
    let Some((span, kind)) = item.constant else { return Typed::default() };
    let type_oid = match kind {
        PlainKind::Integer => INT8,
        PlainKind::Decimal => NUMERIC,
        PlainKind::Boolean => BOOL,
        _ => UNKNOWN,
    };
    let leaf = match Spelling::of_plain(kind) {
        Some(spelling) => Leaf::Text(StringConstant { span, spelling }),
        None => Leaf::Constant(span),
    };
    Typed::leaf(Some(type_oid), leaf)
}

impl TextRows {
    /// The same with other names of the first columns.
    pub(super) fn renamed(mut self, names: &[Vec<u8>]) -> TextRows {
        if !names.is_empty() {
            for (column, name) in self.columns.iter_mut().zip(names) {
                column.name.clone_from(name);
            }
            let names = self.columns.iter().map(|column| column.name.clone()).collect();
            let (span, is_function) = (self.at.span.clone(), self.at.is_function);
            self.at = Rc::new(RowsSpan { span, is_function, names });
        }
        self
    }
}
