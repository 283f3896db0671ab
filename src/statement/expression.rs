//! Types inside expressions and queries: casts, typed literals, column lists of records, XMLTABLE
//! and JSON_TABLE. Walks tokens and counts what is open, never by recursion.

use super::Effects;
use super::cursor::{NotUnderstood, Understood, is_name, is_reserved, is_text};
use super::finder::{Finder, Position, Until};
use super::lexer::{Token, TokenKind};
use super::nesting::Nesting;
use crate::mapping::Place;

/// What a call of `set_config` may do.
const SET_CONFIG: Effects = Effects::TOUCHES_SETTINGS
    .and(Effects::CHANGES_LEXING)
    .and(Effects::CHANGES_RELATIONS)
    .and(Effects::CHANGES_USER);

/// What is open at a point of an expression.
#[derive(Debug, Default)]
struct Open {
    brackets: Nesting,
    /// Where the `CAST(` stand that still wait for their AS.
    casts: Vec<Nesting>,
    /// Where a comma is followed by a name and a type.
    lists: Vec<Nesting>,
    /// Where the `XMLTABLE(` and `JSON_TABLE(` stand.
    tables: Vec<Nesting>,
    /// The number of `BEGIN ATOMIC` and `CASE` without their END.
    bodies: usize,
}

impl Finder<'_> {
    /// Walks an expression, a query, or the rest of a statement.
    pub(super) fn expression(&mut self, place: Place, until: Until) -> Understood {
        let mut open = Open::default();
        loop {
            let token = self.cursor.token;
            match token.kind {
                TokenKind::End => return Ok(()),
                TokenKind::Unterminated => return Err(NotUnderstood),
                TokenKind::Semicolon if open.brackets.is_outside() && open.bodies == 0 => {
                    return Ok(());
                }
                TokenKind::Comma | TokenKind::PlainRows | TokenKind::PlainValues
                    if matches!(until, Until::Element | Until::Action)
                        && open.brackets.is_outside() =>
                {
                    return Ok(());
                }
                TokenKind::Comma => {
                    self.cursor.bump();
                    if open.lists.last() == Some(&open.brackets) {
                        self.record_column(place)?;
                    }
                    continue;
                }
                TokenKind::Open => {
                    self.open(&mut open, place)?;
                    continue;
                }
                TokenKind::Close => {
                    if open.brackets.is_outside() && until == Until::Element {
                        return Ok(());
                    }
                    open.close();
                }
                // The commas of `ARRAY[a, b]` end nothing.
                TokenKind::OpenBracket => open.brackets.open(),
                TokenKind::CloseBracket => open.close(),
                TokenKind::Cast => {
                    self.cursor.bump();
                    self.type_name(place, Position::Cast)?;
                    continue;
                }
                TokenKind::Word => {
                    if open.brackets.is_outside() && self.ends_expression(until) {
                        return Ok(());
                    }
                    if self.word(token, &mut open, place)? {
                        continue;
                    }
                }
                TokenKind::QuotedName if token.end - token.start == 12 => {
                    let sets = self.cursor.bytes(token) == b"\"set_config\"";
                    self.effects |= SET_CONFIG.when(sets);
                }
                kind if is_text(kind) => self.typed_literal(place),
                _ => {}
            }
            self.cursor.bump();
        }
    }

    /// Whether the word at the cursor, outside of parentheses, begins what the expression goes up to.
    #[inline]
    fn ends_expression(&self, until: Until) -> bool {
        match until {
            Until::Statement | Until::Element => false,
            Until::Action => self.at_action(),
            Until::Create => self.cursor.is("create"),
        }
    }

    /// A word that may open something. True if it was passed.
    #[inline]
    fn word(&mut self, token: Token, open: &mut Open, place: Place) -> Result<bool, NotUnderstood> {
        match token.end - token.start {
            2 if open.casts.last() == Some(&open.brackets) && self.cursor.is("as") => {
                open.casts.pop();
                self.cursor.bump();
                self.type_name(place, Position::Cast)?;
                return Ok(true);
            }
            3 if open.bodies > 0 && self.cursor.is("end") => open.bodies -= 1,
            4 if self.cursor.is("cast") && self.before_parenthesis() => {
                open.casts.push(open.brackets.inside());
            }
            4 if open.bodies > 0 && self.cursor.is("case") => open.bodies += 1,
            5 if self.routine_body
                && self.cursor.is("begin")
                && self.cursor.token_is(self.cursor.peek(), "atomic") =>
            {
                open.bodies += 1;
            }
            7 if self.definition && self.cursor.is("options") && self.before_parenthesis() => {
                self.cursor.bump();
                self.cursor.skip_brackets()?;
                return Ok(true);
            }
            7 if !open.tables.is_empty() && self.cursor.is("columns") => {
                self.cursor.bump();
                if self.cursor.at(TokenKind::Open) {
                    self.cursor.bump();
                    open.brackets.open();
                }
                open.lists.push(open.brackets);
                self.record_column(place)?;
                return Ok(true);
            }
            8 | 10
                if self.cursor.is_any(&["xmltable", "json_table"]) && self.before_parenthesis() =>
            {
                open.tables.push(open.brackets.inside());
            }
            10 if self.cursor.is("set_config") => self.effects |= SET_CONFIG,
            // An UPDATE of this view calls it.
            11 if self.effects.loads() && self.cursor.is("pg_settings") => {
                self.effects |= SET_CONFIG;
            }
            _ => {}
        }
        Ok(false)
    }

    fn before_parenthesis(&self) -> bool {
        self.cursor.peek().kind == TokenKind::Open
    }

    /// An opening parenthesis: it may start a list of record columns, or the modifiers of a typed
    /// literal.
    fn open(&mut self, open: &mut Open, place: Place) -> Understood {
        let (previous, before) = (self.cursor.previous(), self.cursor.back(2));
        let list = is_name(previous.kind)
            && (self.cursor.token_is(previous, "as")
                || self.cursor.token_is(before, "as")
                || before.kind == TokenKind::Close);
        if previous.kind == TokenKind::Word
            && before.kind != TokenKind::Dot
            && self.mapping.names(self.cursor.bytes(previous))
            && self.literal_with_modifiers()
        {
            return self.modifiers(previous, place);
        }
        self.cursor.bump();
        open.brackets.open();
        if list && self.starts_record_column() {
            open.lists.push(open.brackets);
            self.record_column(place)?;
        }
        Ok(())
    }

    /// Whether `( number ) 'text'` stands at the cursor.
    fn literal_with_modifiers(&self) -> bool {
        let mut ahead = self.cursor;
        ahead.eat_kind(TokenKind::Open)
            && ahead.eat_kind(TokenKind::Number)
            && ahead.eat_kind(TokenKind::Close)
            && is_text(ahead.token.kind)
    }

    /// Whether a name stands at the cursor that could be a column's, with another name behind it.
    fn starts_record_column(&self) -> bool {
        const QUERY: &[&str] = &["insert", "update", "delete", "merge", "values", "partition"];
        self.cursor.at_name()
            && is_name(self.cursor.peek().kind)
            && !self.cursor.is_any(QUERY)
            && !(self.cursor.at(TokenKind::Word)
                && is_reserved(self.cursor.bytes(self.cursor.token)))
    }

    /// Passes the name and type of a record column, if they stand at the cursor.
    fn record_column(&mut self, place: Place) -> Understood {
        if self.starts_record_column() {
            self.cursor.bump();
            self.type_name(place, Position::Guess)?;
        }
        Ok(())
    }
}

impl Open {
    fn close(&mut self) {
        let ends = |at: Nesting| at >= self.brackets && !at.is_outside();
        for list in [&mut self.casts, &mut self.lists, &mut self.tables] {
            while list.last().is_some_and(|&at| ends(at)) {
                list.pop();
            }
        }
        self.brackets.close();
    }
}
