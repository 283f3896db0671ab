//! What in the expressions of a definition has to be of the type of a column: constants that are its value or that
//! it is compared with, and conditions that are its value. Walks tokens, no recursion.

use std::ops::Range;

use super::defined::{DefinedTable, DefinitionExpression};
use super::element::{Ends, element};
use super::quoted_text::{DoubleQuoted, double_quoted};
use super::row_value::Value;
use super::{Slot, SlotColumn};
use crate::encoding::Encoding;
use crate::statement::cursor::{Cursor, is_text};
use crate::statement::lexer::{Token, TokenKind};
use crate::statement::name::kept_at;

/// Something that has to be of the type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionItem {
    /// A constant, or an ARRAY constructor; its slot names the column.
    Constant(Slot),
    /// The same in a branch of a CASE, whose type the branches decide together.
    Branch(Slot),
    /// A condition, true or false, that is the value of a column.
    Condition {
        /// The column.
        column: Vec<u8>,
        /// The whole expression, without the parentheses that belong to its clause.
        span: Range<usize>,
    },
    /// Something in double quotes.
    DoubleQuoted(DoubleQuoted),
}

/// Functions that give one of their arguments.
const CHOICES: &[&str] = &["coalesce", "ifnull", "isnull", "nvl"];

/// Functions of a constant, and what is like them.
const CASTS: &[&str] = &["cast", "convert", "hextoraw", "try_convert"];

/// Words in front of an operand that a comparison begins with.
const IN_FRONT: &[&str] =
    &["and", "case", "check", "else", "if", "not", "on", "or", "then", "when", "where", "xor"];

/// Gives the items of a definition to `each`. `is_column` says whether a name is that of a column of the table.
pub(in crate::statement) fn definition_items(
    cursor: Cursor<'_>,
    encoding: Encoding,
    definition: &DefinedTable,
    is_column: &dyn Fn(&[u8]) -> bool,
    each: &mut dyn FnMut(DefinitionItem),
) {
    let mut items = Items { encoding, is_column, is_branch: false, each };
    for expression in &definition.expressions {
        let DefinitionExpression { column, is_default, tokens } = expression;
        let mut cursor = cursor.up_to(tokens.end as usize);
        cursor.go_to(tokens.start as usize);
        double_quoted(cursor, expression, &mut |quoted| {
            (items.each)(DefinitionItem::DoubleQuoted(quoted));
        });
        if let Some(column) = column {
            items.value_of(cursor, column);
        }
        if !is_default {
            items.comparisons(cursor);
        }
    }
}

struct Items<'i> {
    encoding: Encoding,
    is_column: &'i dyn Fn(&[u8]) -> bool,
    is_branch: bool,
    each: &'i mut dyn FnMut(DefinitionItem),
}

impl Items<'_> {
    /// The expression from the cursor to the end of its text is the value of a column.
    fn value_of(&mut self, cursor: Cursor<'_>, column: &[u8]) {
        if self.constant(cursor, cursor.end(), column) {
            return;
        }
        let inside = unwrapped(cursor);
        if inside.is("case") {
            self.branches(inside, column);
        } else if is_condition(inside) {
            let mut last = inside;
            last.go_to_end();
            let span = inside.token.start..last.previous().end;
            (self.each)(DefinitionItem::Condition { column: column.to_vec(), span });
        }
    }

    /// Notes what stands between the cursor and the token of an index, if it is a constant, perhaps with a
    /// cast.
    fn constant(&mut self, cursor: Cursor<'_>, end: usize, column: &[u8]) -> bool {
        let text = cursor;
        let mut cursor = cursor.up_to(end);
        let Ok(element) = element(&mut cursor, Ends::Clause) else { return false };
        if !cursor.at(TokenKind::End) {
            return false;
        }
        let mut first = text;
        while first.eat_kind(TokenKind::Open) {}
        let is_cast = first.is_any(CASTS)
            || is_text(first.peek().kind)
            || first.peek().kind == TokenKind::Cast;
        let is_constant = element.value != super::SlotValue::Other || is_cast;
        // Its elements may be dates.
        if is_constant || first.is("array") {
            let column = SlotColumn::Named(column.to_vec());
            let slot = Value::Element(element).in_row(column, text).slot;
            (self.each)(match self.is_branch {
                true => DefinitionItem::Branch(slot),
                false => DefinitionItem::Constant(slot),
            });
        }
        is_constant
    }

    /// The constants that a CASE, which is the value of a column, gives.
    fn branches(&mut self, mut cursor: Cursor<'_>, column: &[u8]) {
        let mut cases = 0_usize;
        while !cursor.at(TokenKind::End) {
            if cursor.is("case") {
                cases += 1;
            } else if cursor.is("end") {
                cases = cases.saturating_sub(1);
            } else if cases == 1 && cursor.is_any(&["then", "else"]) {
                let mut behind = cursor;
                behind.bump();
                if let Some(end) = operand(behind) {
                    self.is_branch = true;
                    self.constant(behind, end, column);
                    self.is_branch = false;
                }
            }
            if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_ok() {
                continue;
            }
            cursor.bump();
        }
    }

    /// The constants that columns are compared with.
    fn comparisons(&mut self, start: Cursor<'_>) {
        let mut cursor = start;
        while !cursor.at(TokenKind::End) {
            let next = cursor.peek().kind;
            if cursor.at_name() && !matches!(next, TokenKind::Open | TokenKind::Dot) {
                let index = cursor.index();
                let narrow = u32::try_from(index).unwrap_or(u32::MAX);
                let name = kept_at(cursor, narrow, self.encoding).into_owned();
                if (self.is_column)(&name) {
                    self.compared(start, index, &name);
                }
            }
            cursor.bump();
        }
    }

    /// What the column whose name is the token of an index is compared with.
    fn compared(&mut self, start: Cursor<'_>, index: usize, column: &[u8]) {
        let Range { start: mut first, end: mut behind } = index..index + 1;
        let at = |index: usize| {
            let mut cursor = start;
            cursor.go_to(index);
            cursor
        };
        while first > start.index() + 1 && at(first - 1).at(TokenKind::Dot) {
            first -= 2;
        }
        loop {
            let before = first.checked_sub(1).filter(|before| *before >= start.index());
            let Some(open) = before.map(at).filter(|open| open.at(TokenKind::Open)) else { break };
            let called = open.previous();
            let chooses = CHOICES.iter().any(|word| start.token_is(called, word));
            let Some(close) = open.partner() else { break };
            if chooses && open.index() > start.index() {
                self.constants(at(behind), close, column);
                (first, behind) = (open.index() - 1, close + 1);
            } else if close == behind
                && !(called.kind == TokenKind::Word && is_function(&start, called))
            {
                (first, behind) = (open.index(), close + 1);
            } else {
                break;
            }
        }
        let in_front = first.checked_sub(1).filter(|before| *before >= start.index()).map(at);
        let begins = in_front.as_ref().is_none_or(begins_operand);
        if begins {
            self.behind_column(at(behind), column);
        }
        let Some(operator) = in_front.filter(is_comparison) else { return };
        // The constant in front of the operator.
        let Some(last) = operator.index().checked_sub(1).map(at) else { return };
        let from = match last.token.kind {
            TokenKind::Close => last.partner(),
            _ => Some(last.index()),
        };
        let Some(from) = from.filter(|from| *from >= start.index()).map(at) else { return };
        let front = from.index().checked_sub(1).filter(|front| *front >= start.index()).map(at);
        if front.as_ref().is_none_or(begins_operand) {
            self.constant(from, operator.index(), column);
        }
    }

    /// Behind a column: a comparison, IN, BETWEEN, IS DISTINCT FROM, or the WHENs of its CASE.
    fn behind_column(&mut self, mut cursor: Cursor<'_>, column: &[u8]) {
        if is_comparison(&cursor) {
            cursor.bump();
            self.operand_of(&mut cursor, column);
            return;
        }
        if cursor.is("when") {
            return self.whens(cursor, column);
        }
        if cursor.eat("is") {
            cursor.eat("not");
            if cursor.eat_all(&["distinct", "from"]) {
                self.operand_of(&mut cursor, column);
            }
            return;
        }
        cursor.eat("not");
        if cursor.eat("in") && cursor.at(TokenKind::Open) {
            let close = cursor.partner().unwrap_or(cursor.index());
            self.constants(cursor, close, column);
        } else if cursor.eat("between") {
            cursor.eat("symmetric");
            self.operand_of(&mut cursor, column);
            if cursor.eat("and") {
                self.operand_of(&mut cursor, column);
            }
        }
    }

    /// The constants in a list that ends at the token of an index; the cursor is at what stands in front of
    /// the first one.
    fn constants(&mut self, mut cursor: Cursor<'_>, close: usize, column: &[u8]) {
        while cursor.index() < close {
            cursor.bump();
            let from = cursor;
            while cursor.index() < close && !cursor.at(TokenKind::Comma) {
                if !cursor.at(TokenKind::Open) || cursor.skip_brackets().is_err() {
                    cursor.bump();
                }
            }
            if from.index() < cursor.index() {
                self.constant(from, cursor.index(), column);
            }
        }
    }

    fn whens(&mut self, mut cursor: Cursor<'_>, column: &[u8]) {
        let mut cases = 0_usize;
        while !cursor.at(TokenKind::End) {
            if cursor.is("case") {
                cases += 1;
            } else if cursor.is("end") {
                if cases == 0 {
                    return;
                }
                cases -= 1;
            } else if cases == 0 && cursor.is("when") {
                let mut behind = cursor;
                behind.bump();
                self.operand_of(&mut behind, column);
            }
            cursor.bump();
        }
    }

    /// Passes an operand, and notes it if it is a constant.
    fn operand_of(&mut self, cursor: &mut Cursor<'_>, column: &[u8]) {
        if let Some(end) = operand(*cursor) {
            self.constant(*cursor, end, column);
            cursor.go_to(end);
        }
    }
}

/// The index behind the operand at the cursor, if that is a constant, perhaps with a cast, and no operator
/// goes on with it.
fn operand(mut cursor: Cursor<'_>) -> Option<usize> {
    if cursor.is_operator("-") || cursor.is_operator("+") {
        cursor.bump();
    }
    let is_typed = cursor.at(TokenKind::Word) && is_text(cursor.peek().kind);
    if is_typed || cursor.is_any(CASTS) {
        cursor.bump();
    }
    match cursor.token.kind {
        TokenKind::Open => cursor.skip_brackets().ok()?,
        TokenKind::End => return None,
        _ => cursor.bump(),
    }
    while cursor.eat_kind(TokenKind::Cast) {
        cursor.qualified_name().ok()?;
        cursor.skip_flat_list();
    }
    let goes_on = cursor.at(TokenKind::Operator) && !is_comparison(&cursor)
        || matches!(cursor.token.kind, TokenKind::OpenBracket | TokenKind::Dot | TokenKind::Open);
    (!goes_on).then_some(cursor.index())
}

fn is_comparison(cursor: &Cursor<'_>) -> bool {
    const COMPARISONS: &[&str] = &["=", "<>", "!=", "<", ">", "<=", ">="];
    COMPARISONS.iter().any(|operator| cursor.is_operator(operator))
}

/// Whether an operand can begin behind the token at the cursor.
fn begins_operand(cursor: &Cursor<'_>) -> bool {
    match cursor.token.kind {
        TokenKind::Open => !is_function(cursor, cursor.previous()),
        TokenKind::Comma => false,
        _ => cursor.is_any(IN_FRONT),
    }
}

/// Whether a token in front of a parenthesis is the name of a function.
fn is_function(cursor: &Cursor<'_>, token: Token) -> bool {
    let is_word = IN_FRONT.iter().chain(&["in", "between", "is", "any", "some", "all"]);
    matches!(token.kind, TokenKind::Word | TokenKind::QuotedName)
        && !is_word.into_iter().any(|word| cursor.token_is(token, word))
}

/// The text without parentheses around all of it.
fn unwrapped(mut cursor: Cursor<'_>) -> Cursor<'_> {
    while cursor.at(TokenKind::Open) && cursor.partner() == cursor.end().checked_sub(1) {
        cursor = cursor.up_to(cursor.end() - 1);
        cursor.bump();
    }
    cursor
}

/// Whether the expression from the cursor to the end of its text is true or false.
fn is_condition(mut cursor: Cursor<'_>) -> bool {
    const WORDS: &[&str] =
        &["and", "or", "not", "is", "in", "like", "ilike", "between", "isnull", "notnull"];
    if cursor.is("case") {
        return false;
    }
    let mut cases = 0_usize;
    while !cursor.at(TokenKind::End) {
        if cursor.is("case") {
            cases += 1;
        } else if cursor.is("end") {
            cases = cases.saturating_sub(1);
        } else if cases == 0 && (is_comparison(&cursor) || cursor.is_any(WORDS)) {
            return true;
        }
        if cursor.at(TokenKind::Open) && cursor.skip_brackets().is_ok() {
            continue;
        }
        cursor.bump();
    }
    false
}
