//! One operand of an expression: where it ends and what it is. Walks tokens, into parentheses a few steps deep;
//! reads no query.

use std::ops::Range;

use super::Leaf;
use super::reader::FlowReader;
use super::typed::{Typed, oid_of};
use crate::statement::constant::StringConstant;
use crate::statement::cursor::{NotUnderstood, is_name, is_reserved, is_text};
use crate::statement::lexer::TokenKind;
use crate::statement::slots::defined::NewColumn;
use crate::statement::slots::element::{Ends, element, parameter};
use crate::value::type_oid::{BIT, BOOL, BPCHAR, INT4, INT8, NUMERIC, UNKNOWN};

/// Operands within each other; deeper ones are the server's.
const NESTED_MAX: usize = 8;

/// What an operand is.
#[derive(Clone, Debug)]
pub(super) enum OperandShape {
    /// The name of a column, by its tokens.
    Column(Range<usize>),
    /// A parameter.
    Parameter(u16),
    /// A constant.
    Constant(Typed),
    /// One of several: COALESCE, CASE, GREATEST, LEAST.
    Common(Vec<Range<usize>>),
    /// `NULLIF(a, b)`.
    NullIf(Vec<Range<usize>>),
    /// What is cast, and the type that it is cast to.
    Cast(Box<Operand>, Option<u32>),
    /// `ARRAY[...]`.
    Array(Vec<Range<usize>>),
    /// `unnest(array)`.
    Elements(Range<usize>),
    /// `(a, b)` or `ROW(a, b)`.
    Row(Vec<Range<usize>>),
    /// A query, by the tokens within its parentheses.
    Query(Range<usize>),
    Other,
}

/// An operand.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) tokens: Range<usize>,
    pub(super) shape: OperandShape,
}

impl FlowReader<'_, '_> {
    /// The operand that these tokens are, all of them.
    pub(super) fn operand_of(&mut self, tokens: &Range<usize>, nested: usize) -> Option<Operand> {
        self.within(tokens, |reader| {
            let operand = reader.operand(nested).ok()?;
            reader.walker.cursor.at(TokenKind::End).then_some(operand)
        })
    }

    /// Passes the operand at the cursor.
    pub(super) fn operand(&mut self, nested: usize) -> Result<Operand, NotUnderstood> {
        if nested >= NESTED_MAX {
            return Err(NotUnderstood);
        }
        let first = self.walker.cursor.index();
        let shape = self.primary(nested)?;
        let mut operand = Operand { tokens: first..self.walker.cursor.index(), shape };
        loop {
            if self.walker.cursor.eat_kind(TokenKind::Cast) {
                let type_oid = self.type_at_cursor()?;
                operand.shape = OperandShape::Cast(Box::new(operand.clone()), type_oid);
            } else if self.walker.cursor.at(TokenKind::OpenBracket) {
                self.walker.cursor.skip_brackets()?;
                operand.shape = OperandShape::Other;
            } else if self.walker.cursor.eat("collate") {
                self.walker.cursor.qualified_name()?;
            } else {
                return Ok(operand);
            }
            operand.tokens.end = self.walker.cursor.index();
        }
    }

    fn primary(&mut self, nested: usize) -> Result<OperandShape, NotUnderstood> {
        let cursor = &mut self.walker.cursor;
        let token = cursor.token;
        match token.kind {
            TokenKind::Parameter => {
                cursor.bump();
                parameter(cursor.bytes(token)).map(OperandShape::Parameter).ok_or(NotUnderstood)
            }
            TokenKind::Operator if cursor.is_operator("-") || cursor.is_operator("+") => {
                cursor.bump();
                if cursor.at(TokenKind::Number) { self.primary(nested) } else { Err(NotUnderstood) }
            }
            TokenKind::Number => {
                cursor.bump();
                let leaf = Leaf::Constant(token.start..token.end);
                let type_oid = number_type(cursor.bytes(token));
                Ok(OperandShape::Constant(Typed::leaf(Some(type_oid), leaf)))
            }
            TokenKind::BitText => {
                cursor.bump();
                let leaf = Leaf::Constant(token.start..token.end);
                Ok(OperandShape::Constant(Typed::leaf(Some(BIT), leaf)))
            }
            TokenKind::NationalText => {
                let constant = StringConstant::pass(cursor).ok_or(NotUnderstood)?;
                Ok(OperandShape::Constant(Typed::leaf(Some(BPCHAR), Leaf::Text(constant))))
            }
            kind if is_text(kind) => {
                let constant = StringConstant::pass(cursor).ok_or(NotUnderstood)?;
                Ok(OperandShape::Constant(Typed::leaf(Some(UNKNOWN), Leaf::Text(constant))))
            }
            TokenKind::Open => self.parenthesis(nested),
            kind if is_name(kind) => self.word(nested),
            _ => Err(NotUnderstood),
        }
    }

    /// A query, a row, or an operand in parentheses.
    fn parenthesis(&mut self, nested: usize) -> Result<OperandShape, NotUnderstood> {
        // What is in each of them is read once more for it.
        let mut ahead = self.walker.cursor;
        for _ in 0..NESTED_MAX {
            if !ahead.eat_kind(TokenKind::Open) {
                break;
            }
        }
        if ahead.at(TokenKind::Open) {
            return Err(NotUnderstood);
        }
        let inside = self.inside()?;
        if self.is_query(inside.start) {
            return Ok(OperandShape::Query(inside));
        }
        let parts = self.parts(&inside)?;
        match parts.as_slice() {
            [part] => Ok(self.operand_of(part, nested + 1).ok_or(NotUnderstood)?.shape),
            _ => Ok(OperandShape::Row(parts)),
        }
    }

    /// Passes a parenthesis or bracket; gives the tokens in it.
    pub(super) fn inside(&mut self) -> Result<Range<usize>, NotUnderstood> {
        let open = self.walker.cursor.index();
        self.walker.cursor.skip_brackets()?;
        Ok(open + 1..self.walker.cursor.index() - 1)
    }

    /// Whether a query starts with the token of an index.
    pub(super) fn is_query(&self, index: usize) -> bool {
        let mut cursor = self.walker.cursor;
        cursor.go_to(index);
        // Each parenthesis in front of it is one more step.
        for _ in 0..NESTED_MAX {
            if !cursor.eat_kind(TokenKind::Open) {
                break;
            }
        }
        cursor.is_any(&["select", "with", "values"])
    }

    /// The parts of a list, between its commas.
    pub(super) fn parts(
        &mut self,
        inside: &Range<usize>,
    ) -> Result<Vec<Range<usize>>, NotUnderstood> {
        self.within(inside, |reader| {
            let mut parts = Vec::new();
            if inside.is_empty() {
                return Ok(parts);
            }
            let cursor = &mut reader.walker.cursor;
            loop {
                let first = cursor.index();
                element(cursor, Ends::Clause)?;
                parts.push(first..cursor.index());
                // Runs of plain constants are in long texts only, and none of them is a part by itself.
                if cursor.at(TokenKind::End) {
                    return Ok(parts);
                }
                if !cursor.eat_kind(TokenKind::Comma) {
                    return Err(NotUnderstood);
                }
            }
        })
    }

    fn word(&mut self, nested: usize) -> Result<OperandShape, NotUnderstood> {
        let cursor = self.walker.cursor;
        if cursor.at(TokenKind::Word) {
            if let Some(shape) = self.keyword(nested)? {
                return Ok(shape);
            }
            if is_reserved(cursor.bytes(cursor.token)) {
                return Err(NotUnderstood);
            }
        }
        let first = cursor.index();
        self.walker.cursor.qualified_name()?;
        let name = first..self.walker.cursor.index();
        if self.walker.cursor.at(TokenKind::Open) {
            let inside = self.inside()?;
            let is_unnest = name.len() == 1 && cursor.is("unnest");
            return Ok(if is_unnest {
                OperandShape::Elements(inside)
            } else {
                OperandShape::Other
            });
        }
        if is_text(self.walker.cursor.token.kind) {
            self.walker.cursor = cursor;
            return self.literal();
        }
        // `schema.table.column` has five tokens.
        if name.len() <= 5 { Ok(OperandShape::Column(name)) } else { Err(NotUnderstood) }
    }

    /// What only certain words stand for; the cursor stays where it is none of them.
    fn keyword(&mut self, nested: usize) -> Result<Option<OperandShape>, NotUnderstood> {
        let cursor = &mut self.walker.cursor;
        let opens = cursor.peek().kind == TokenKind::Open;
        let constant = |type_oid| Some(OperandShape::Constant(Typed::of(Some(type_oid))));
        if cursor.eat("null") {
            let nothing = Typed { is_of_leaves: true, ..Typed::of(Some(UNKNOWN)) };
            return Ok(Some(OperandShape::Constant(nothing)));
        }
        if cursor.is_any(&["true", "false"]) {
            cursor.bump();
            return Ok(constant(BOOL));
        }
        if cursor.is("case") {
            return self.case().map(Some);
        }
        if cursor.is("array") && cursor.peek().kind == TokenKind::OpenBracket {
            cursor.bump();
            let inside = self.inside()?;
            return Ok(Some(OperandShape::Array(self.parts(&inside)?)));
        }
        if cursor.is("cast") && opens {
            cursor.bump();
            let inside = self.inside()?;
            return self.cast(&inside, nested).map(Some);
        }
        if opens && cursor.is_any(&["coalesce", "greatest", "least", "nullif", "row"]) {
            let (is_row, is_null_if) = (cursor.is("row"), cursor.is("nullif"));
            cursor.bump();
            let inside = self.inside()?;
            let parts = self.parts(&inside)?;
            return Ok(Some(match (is_row, is_null_if) {
                (true, _) => OperandShape::Row(parts),
                (_, true) => OperandShape::NullIf(parts),
                _ => OperandShape::Common(parts),
            }));
        }
        let is_interval = cursor.is("interval");
        if is_interval && is_text(cursor.peek().kind) {
            return self.literal().map(Some);
        }
        Ok(None)
    }

    /// `CASE ... END`: its results.
    fn case(&mut self) -> Result<OperandShape, NotUnderstood> {
        let mut results = Vec::new();
        self.walker.cursor.bump();
        loop {
            let cursor = &mut self.walker.cursor;
            if cursor.eat("end") {
                return Ok(OperandShape::Common(results));
            }
            let is_result = cursor.eat("then") || cursor.eat("else");
            if !is_result && !cursor.eat("when") && !results.is_empty() {
                return Err(NotUnderstood);
            }
            let first = cursor.index();
            self.pass_to_word(&["when", "then", "else", "end"])?;
            if is_result {
                results.push(first..self.walker.cursor.index());
            }
        }
    }

    /// Passes tokens up to one of these words, outside of parentheses and of a CASE of their own.
    fn pass_to_word(&mut self, words: &[&str]) -> Result<(), NotUnderstood> {
        let mut cases = 0_usize;
        self.walker.pass_until(|cursor| {
            if cases > NESTED_MAX {
                return true;
            }
            if !cursor.at(TokenKind::Word) || cursor.previous().kind == TokenKind::Dot {
                return false;
            }
            if cases == 0 && cursor.is_any(words) {
                return true;
            }
            if cursor.is("case") {
                cases += 1;
            } else if cursor.is("end") {
                cases = cases.saturating_sub(1);
            }
            false
        })?;
        // Within each of many they would be read once more.
        if cases > NESTED_MAX { Err(NotUnderstood) } else { Ok(()) }
    }

    /// What stands between the parentheses of a CAST.
    fn cast(
        &mut self,
        inside: &Range<usize>,
        nested: usize,
    ) -> Result<OperandShape, NotUnderstood> {
        self.within(inside, |reader| {
            let first = reader.walker.cursor.index();
            reader.pass_to_word(&["as"])?;
            let value = first..reader.walker.cursor.index();
            reader.expect("as")?;
            let type_oid = reader.type_at_cursor()?;
            if !reader.walker.cursor.at(TokenKind::End) {
                return Err(NotUnderstood);
            }
            let operand = reader.operand_of(&value, nested + 1);
            let operand = operand.unwrap_or(Operand { tokens: value, shape: OperandShape::Other });
            Ok(OperandShape::Cast(Box::new(operand), type_oid))
        })
    }

    /// `timestamp '2024-01-01'`.
    fn literal(&mut self) -> Result<OperandShape, NotUnderstood> {
        let first = self.walker.cursor.index();
        let mut column = NewColumn::default();
        self.walker.read_type(&mut column, self.edits)?;
        StringConstant::pass(&mut self.walker.cursor).ok_or(NotUnderstood)?;
        let leaf = Leaf::Constant(self.span(&(first..self.walker.cursor.index())));
        Ok(OperandShape::Constant(Typed::leaf(oid_of(&column), leaf)))
    }

    /// Passes the type at the cursor; gives its OID where it is one of PostgreSQL's own.
    pub(super) fn type_at_cursor(&mut self) -> Result<Option<u32>, NotUnderstood> {
        let mut column = NewColumn::default();
        self.walker.read_type(&mut column, self.edits)?;
        if self.walker.cursor.eat("array") {
            column.is_array = true;
        }
        while self.walker.cursor.at(TokenKind::OpenBracket) {
            self.walker.cursor.skip_brackets()?;
        }
        Ok(oid_of(&column))
    }
}

/// Source: PostgreSQL manual, "Numeric Constants".
fn number_type(digits: &[u8]) -> u32 {
    if let [b'0', b'x' | b'X', ..] = digits {
        // What it is on its way into `bytea`.
        return BIT;
    }
    let digits = std::str::from_utf8(digits).unwrap_or_default().replace('_', "");
    if digits.parse::<i32>().is_ok() {
        INT4
    } else if digits.parse::<i64>().is_ok() {
        INT8
    } else {
        NUMERIC
    }
}
