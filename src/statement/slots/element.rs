//! One expression: where it ends, and whether it is nothing but a parameter, a constant or a
//! keyword. Walks tokens, never by recursion.

use std::ops::Range;

use super::SlotValue;
use crate::statement::constant::StringConstant;
use crate::statement::cursor::{Cursor, NotUnderstood, is_name};
use crate::statement::lexer::TokenKind;
use crate::statement::name::is_bracketed;

/// What ends an expression, a comma or a closing parenthesis apart that was not opened inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::statement) enum Ends {
    /// Nothing else: a value within parentheses.
    Parenthesis,
    /// The next clause or the end of the statement: an assignment.
    Clause,
    /// The same, or an alias: an item of a select list.
    Item,
}

/// An expression that was passed.
#[derive(Clone, Debug)]
pub(in crate::statement) struct Element {
    /// Its tokens.
    pub(super) tokens: Range<usize>,
    pub(in crate::statement) span: Range<usize>,
    pub(in crate::statement) value: SlotValue,
    /// Whether it is `*` or ends in `.*`, so that it stands for any number of values.
    pub(super) is_star: bool,
    /// Whether its last word may as well be an alias, so that its end is not known.
    pub(super) may_have_alias: bool,
}

/// Passes one expression; the cursor is at what ended it.
pub(in crate::statement) fn element(
    cursor: &mut Cursor<'_>,
    ends: Ends,
) -> Result<Element, NotUnderstood> {
    if matches!(cursor.peek().kind, TokenKind::Comma | TokenKind::Close)
        && let Some(element) = plain_element(cursor)
    {
        return Ok(element);
    }
    let first = *cursor;
    let mut cases = 0_usize;
    let mut shape = Shape::default();
    let mut shape_before = shape;
    loop {
        let token = cursor.token;
        let is_outside = shape.opened == 0;
        match token.kind {
            TokenKind::End | TokenKind::Semicolon if is_outside && ends != Ends::Parenthesis => {
                break;
            }
            TokenKind::End | TokenKind::Semicolon | TokenKind::Unterminated => {
                return Err(NotUnderstood);
            }
            TokenKind::Comma | TokenKind::PlainRows | TokenKind::PlainValues if is_outside => break,
            TokenKind::Close | TokenKind::CloseBracket if is_outside => break,
            TokenKind::Word
                if is_outside
                    && ends != Ends::Parenthesis
                    && starts_clause(cursor, first.index(), &mut cases) =>
            {
                break;
            }
            _ => {}
        }
        shape_before = shape;
        shape.step(token.kind, cursor.bytes(token));
        if shape.is_plain() {
            cursor.bump();
        } else if std::mem::take(&mut shape.opened) > 0 {
            // The outermost parenthesis is the first token.
            *cursor = first;
            cursor.skip_brackets()?;
        } else if matches!(token.kind, TokenKind::Open | TokenKind::OpenBracket) {
            cursor.skip_brackets()?;
        } else {
            cursor.bump();
        }
    }
    if cursor.index() == first.index() {
        return Err(NotUnderstood);
    }
    let last = cursor.previous();
    let mut element = Element {
        tokens: first.index()..cursor.index(),
        span: first.token.start..last.end,
        value: shape.value(),
        is_star: last.kind == TokenKind::Operator && cursor.bytes(last) == b"*",
        may_have_alias: false,
    };
    if ends == Ends::Item && element.tokens.len() > 1 && !cursor.is("as") {
        element.without_alias(cursor, shape_before);
    }
    Ok(element)
}

/// Passes one token that is a plain value, in front of what ends an expression: the way of most values.
fn plain_element(cursor: &mut Cursor<'_>) -> Option<Element> {
    let token = cursor.token;
    let value = plain(token.kind, cursor.bytes(token))?;
    let (index, span) = (cursor.index(), token.start..token.end);
    cursor.bump();
    let tokens = index..cursor.index();
    Some(Element { tokens, span, value, is_star: false, may_have_alias: false })
}

impl Element {
    /// Takes the alias off that may stand behind an expression without AS. Behind a plain value a
    /// word can be nothing else; behind any other expression it cannot be told from its last word.
    fn without_alias(&mut self, cursor: &Cursor<'_>, shape_before: Shape) {
        let (last, before) = (cursor.previous(), cursor.back(2));
        let operand = matches!(
            before.kind,
            TokenKind::Operator | TokenKind::Dot | TokenKind::Cast | TokenKind::Comma
        );
        let is_operator = ["isnull", "notnull"].iter().any(|word| cursor.token_is(last, word));
        if is_name(last.kind) && !operand && !is_bracketed(cursor, last) {
            if shape_before.value() == SlotValue::Other || is_operator {
                self.may_have_alias = true;
            } else {
                self.value = shape_before.value();
                self.span.end = before.end;
                self.tokens.end -= 1;
            }
        } else if cursor.token_is(before, "uescape") && self.value == SlotValue::Other {
            // `$1 U&"name" UESCAPE '!'`.
            self.may_have_alias = true;
        }
    }

    /// The parameter, constant or keyword that it is, without parentheses around it; all of another
    /// expression.
    pub(in crate::statement) fn core(&self, mut cursor: Cursor<'_>) -> Range<usize> {
        if self.value == SlotValue::Other || self.tokens.len() == 1 {
            return self.span.clone();
        }
        let first = self.first_inside(&mut cursor);
        if matches!(self.value, SlotValue::Integer | SlotValue::Number)
            && cursor.at(TokenKind::Operator)
        {
            cursor.bump();
        }
        first..cursor.token.end
    }

    /// The string constant that it is, if it is one.
    pub(in crate::statement) fn constant(&self, mut cursor: Cursor<'_>) -> Option<StringConstant> {
        if self.value != SlotValue::String {
            return None;
        }
        self.first_inside(&mut cursor);
        StringConstant::pass(&mut cursor)
    }

    /// Goes to its first token that is not a parenthesis.
    fn first_inside(&self, cursor: &mut Cursor<'_>) -> usize {
        cursor.go_to(self.tokens.start);
        while cursor.eat_kind(TokenKind::Open) {}
        cursor.token.start
    }
}

/// Whether the cursor, outside of any parentheses of an expression, is at the word of the next
/// clause. All these words are reserved, so that only behind a point they are names. `first` is the
/// index of the first token of the expression; `cases` counts each CASE without its END.
fn starts_clause(cursor: &Cursor<'_>, first: usize, cases: &mut usize) -> bool {
    let previous = cursor.previous();
    if previous.kind == TokenKind::Dot {
        return false;
    }
    if cursor.is("case") {
        *cases += 1;
    } else if cursor.is("end") {
        *cases = cases.saturating_sub(1);
    } else if cursor.is("when") {
        return *cases == 0;
    } else if cursor.is("from") {
        // `IS [NOT] DISTINCT FROM`.
        let before = cursor.back(2);
        let is_operator = cursor.token_is(previous, "distinct")
            && cursor.index() >= first + 2
            && (cursor.token_is(before, "is") || cursor.token_is(before, "not"));
        return !is_operator;
    } else if cursor.is("group") {
        // `WITHIN GROUP (ORDER BY ...)`.
        return cursor.peek().kind != TokenKind::Open;
    }
    const WORDS: &[&str] = &[
        "as",
        "where",
        "having",
        "window",
        "union",
        "intersect",
        "except",
        "order",
        "limit",
        "offset",
        "fetch",
        "for",
        "into",
        "on",
        "returning",
    ];
    cursor.is_any(WORDS)
}

/// Whether the cursor is behind an assignment or an item of a select list.
pub(super) fn at_end_of_item(cursor: &Cursor<'_>) -> bool {
    match cursor.token.kind {
        TokenKind::Comma | TokenKind::Close | TokenKind::Semicolon | TokenKind::End => true,
        TokenKind::Word => starts_clause(cursor, usize::MAX - 2, &mut 0),
        _ => false,
    }
}

/// How far the tokens so far are a plain value in parentheses.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// Parentheses that are open.
    opened: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Start,
    /// Behind a sign.
    Signed,
    /// Behind `U&'...'`, which may have an UESCAPE.
    Unicode,
    /// Behind UESCAPE.
    Escape,
    /// Behind the value.
    Whole(SlotValue),
    /// No plain value, whatever follows.
    Other,
}

impl Shape {
    fn step(&mut self, kind: TokenKind, bytes: &[u8]) {
        self.stage = match (self.stage, kind) {
            (Stage::Other, _) => return,
            (Stage::Start, TokenKind::Open) => {
                self.opened += 1;
                Stage::Start
            }
            (Stage::Start, TokenKind::Operator) if matches!(bytes, b"+" | b"-") => Stage::Signed,
            (Stage::Start, TokenKind::UnicodeText) => Stage::Unicode,
            (Stage::Start, _) => plain(kind, bytes).map_or(Stage::Other, Stage::Whole),
            (Stage::Signed, TokenKind::Number) => match number(bytes) {
                value @ (SlotValue::Integer | SlotValue::Number) => Stage::Whole(value),
                _ => Stage::Other,
            },
            (Stage::Unicode, TokenKind::Word) if bytes.eq_ignore_ascii_case(b"uescape") => {
                Stage::Escape
            }
            (Stage::Escape, TokenKind::Text) => Stage::Whole(SlotValue::String),
            (Stage::Whole(_) | Stage::Unicode, TokenKind::Close) if self.opened > 0 => {
                self.opened -= 1;
                Stage::Whole(self.plain_value())
            }
            _ => Stage::Other,
        };
    }

    /// Whether the tokens so far may be a plain value, or the begin of one.
    fn is_plain(self) -> bool {
        !matches!(self.stage, Stage::Other)
    }

    fn plain_value(self) -> SlotValue {
        match self.stage {
            Stage::Whole(value) => value,
            Stage::Unicode => SlotValue::String,
            _ => SlotValue::Other,
        }
    }

    /// What the expression is if it ends here.
    fn value(self) -> SlotValue {
        if self.opened == 0 { self.plain_value() } else { SlotValue::Other }
    }
}

/// The value that a token is.
fn plain(kind: TokenKind, bytes: &[u8]) -> Option<SlotValue> {
    match kind {
        TokenKind::Parameter => parameter(bytes).map(SlotValue::Parameter),
        TokenKind::Number => Some(number(bytes)),
        TokenKind::BitText => Some(SlotValue::BitString),
        TokenKind::Text
        | TokenKind::EscapeText
        | TokenKind::NationalText
        | TokenKind::UnicodeText
        | TokenKind::DollarText => Some(SlotValue::String),
        TokenKind::Word => match bytes.len() {
            4 if bytes.eq_ignore_ascii_case(b"null") => Some(SlotValue::Null),
            4 if bytes.eq_ignore_ascii_case(b"true") => Some(SlotValue::Boolean),
            5 if bytes.eq_ignore_ascii_case(b"false") => Some(SlotValue::Boolean),
            7 if bytes.eq_ignore_ascii_case(b"default") => Some(SlotValue::Default),
            _ => None,
        },
        _ => None,
    }
}

/// The number of a parameter as it is written, `$1`.
pub(in crate::statement) fn parameter(bytes: &[u8]) -> Option<u16> {
    let add = |number: u16, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        let is_digit = digit < 10;
        is_digit.then(|| number.checked_mul(10)?.checked_add(u16::from(digit))).flatten()
    };
    bytes.get(1..)?.iter().try_fold(0, add).filter(|&number| number > 0)
}

fn number(bytes: &[u8]) -> SlotValue {
    match bytes {
        [b'0', b'x' | b'X', ..] => SlotValue::HexInteger,
        // Octal and binary integers, from version 16 on.
        [b'0', b'o' | b'O' | b'b' | b'B', ..] => SlotValue::Other,
        _ if bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_') => SlotValue::Integer,
        _ => SlotValue::Number,
    }
}
