//! Expressions: operands, which are constants, columns, calls of functions and things in brackets.

use super::{Clause, FrameKind, Lost, NameRole, ScopeWalker, Walked, narrow};
use crate::statement::cursor::{is_name, is_text};
use crate::statement::lexer::TokenKind;

/// Words in front of an operand.
const PREFIXES: &[&str] = &[
    "not",
    "when",
    "then",
    "else",
    "any",
    "some",
    "all",
    "distinct",
    "variadic",
    "both",
    "leading",
    "trailing",
    "symmetric",
    "asymmetric",
];

/// Words that are values.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "default",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

impl ScopeWalker<'_> {
    /// The parenthesis at the cursor, in the place of an operand.
    pub(super) fn open(&mut self) -> Walked {
        let block = self.top()?.block;
        if self.query_follows() {
            let tests = self.cursor.token_is(self.cursor.previous(), "exists");
            if tests {
                self.scopes.shapes.tested.push(narrow(self.scopes.queries.len()));
            }
            self.enter(FrameKind::Query, Clause::Start, block)
        } else {
            self.enter(FrameKind::Plain, Clause::Expression, block)
        }
    }

    /// Whether the parenthesis at the cursor holds a query, perhaps in more parentheses.
    pub(super) fn query_follows(&self) -> bool {
        let mut cursor = self.cursor;
        while cursor.eat_kind(TokenKind::Open) {}
        cursor.is_any(&["select", "with", "values"])
            || cursor.is("table") && is_name(cursor.peek().kind)
    }

    /// A word or name in the place of an operand.
    pub(super) fn operand(&mut self) -> Walked {
        let frame = self.top()?;
        let (kind, block, clause) = (frame.kind, frame.block, frame.clause);
        if self.cursor.at(TokenKind::Word) && self.operand_word(kind, block)? {
            return Ok(());
        }
        let is_function =
            self.cursor.is_any(&["left", "right"]) && self.cursor.peek().kind == TokenKind::Open;
        if self.at_reserved() && !is_function {
            // A list may be empty, such as that of SELECT.
            return if self.ends_clause()? { Ok(()) } else { Err(Lost) };
        }
        let first = self.cursor;
        if self.typed_constant(block)? {
            return self.note_operand();
        }
        self.cursor = first;
        let start = narrow(self.cursor.index());
        loop {
            if !self.cursor.at_name() {
                return Err(Lost);
            }
            self.cursor.bump();
            if !self.cursor.at(TokenKind::Dot) {
                break;
            }
            let behind = self.cursor.peek();
            if behind.kind == TokenKind::Operator && self.cursor.bytes(behind) == b"*" {
                let end = narrow(self.cursor.index());
                self.note(start..end, block, NameRole::SourceName);
                self.cursor.bump();
                self.cursor.bump();
                return self.note_operand();
            }
            self.cursor.bump();
        }
        let tokens = start..narrow(self.cursor.index());
        if self.cursor.at(TokenKind::Open) {
            return self.call(tokens, block);
        }
        let is_old = self.cursor.bytes(self.cursor.token) == b":=";
        if (self.cursor.is_operator("=>") || is_old) && kind != FrameKind::Query {
            self.note(tokens, block, NameRole::Other);
            self.cursor.bump();
            return Ok(());
        }
        let name = self.note(tokens.clone(), block, NameRole::Column);
        let sorts = clause == Clause::OrderBy;
        if (sorts || clause == Clause::GroupBy) && tokens.len() == 1 && self.stands_alone() {
            self.block(block)?.by_label.push((name, sorts));
        }
        self.note_operand()
    }

    /// Whether the name in front of the cursor is a whole item of a list.
    fn stands_alone(&self) -> bool {
        let before = self.cursor.back(2);
        let begins = before.kind == TokenKind::Comma || self.cursor.token_is(before, "by");
        let words = ["and", "or", "is", "not", "in", "like", "ilike", "between", "collate", "at"];
        let goes_on = matches!(
            self.cursor.token.kind,
            TokenKind::Operator | TokenKind::Cast | TokenKind::OpenBracket
        );
        begins && !goes_on && !self.cursor.is_any(&words)
    }

    pub(super) fn note_operand(&mut self) -> Walked {
        self.top()?.has_operand = true;
        Ok(())
    }

    /// A keyword in the place of an operand; whether it is one.
    fn operand_word(&mut self, kind: FrameKind, block: u32) -> Result<bool, Lost> {
        let next = self.cursor.peek();
        let (opens, is_last) = (next.kind == TokenKind::Open, !is_name(next.kind));
        if self.cursor.is_any(PREFIXES) {
            self.cursor.bump();
            return Ok(true);
        }
        if self.cursor.eat("case") {
            self.top()?.cases += 1;
            return Ok(true);
        }
        if self.cursor.is_any(VALUES) {
            self.cursor.bump();
            if opens {
                self.cursor.skip_brackets()?;
            }
            self.note_operand()?;
            return Ok(true);
        }
        if opens && self.cursor.is_any(&["exists", "row"])
            || self.cursor.is("array") && (opens || next.kind == TokenKind::OpenBracket)
        {
            self.cursor.bump();
            if self.cursor.at(TokenKind::OpenBracket) {
                self.enter(FrameKind::Plain, Clause::Expression, block)?;
            }
            return Ok(true);
        }
        if self.cursor.is_any(&["cast", "treat"]) && opens {
            self.cursor.bump();
            self.enter(FrameKind::Cast, Clause::Expression, block)?;
            return Ok(true);
        }
        if self.cursor.is("operator") && opens {
            self.cursor.bump();
            self.cursor.skip_brackets()?;
            return Ok(true);
        }
        if self.pair_of_words(kind) {
            return Ok(true);
        }
        match kind {
            FrameKind::Window => self.window_operand(block, is_last),
            FrameKind::Json if !opens => {
                if is_last || !self.cursor.is_any(&["key", "absent", "returning"]) {
                    return Ok(false);
                }
                if !self.cursor.eat("key") {
                    self.top()?.has_operand = true;
                }
                Ok(true)
            }
            FrameKind::Words => self.standard_word(block, is_last, is_text(next.kind)),
            FrameKind::Plain if self.cursor.is_any(&["nfc", "nfd", "nfkc", "nfkd"]) => {
                let is_argument = self.cursor.previous().kind == TokenKind::Comma
                    && next.kind == TokenKind::Close;
                if is_argument {
                    self.cursor.bump();
                    self.note_operand()?;
                }
                Ok(is_argument)
            }
            _ => Ok(false),
        }
    }

    /// Two keywords in front of an operand: passes them.
    fn pair_of_words(&mut self, kind: FrameKind) -> bool {
        let is_window = kind == FrameKind::Window;
        self.cursor.eat_all(&["collation", "for"])
            || self.cursor.eat_all(&["grouping", "sets"])
            || self.cursor.eat_all(&["order", "by"])
            || is_window && self.cursor.eat_all(&["partition", "by"])
    }

    fn window_operand(&mut self, block: u32, is_last: bool) -> Result<bool, Lost> {
        if self.window_words(FrameKind::Window)? {
            return Ok(true);
        }
        // The name of another window stands first.
        let is_first = self.cursor.previous().kind == TokenKind::Open;
        let next = self.cursor.peek();
        let names = ["partition", "order", "rows", "range", "groups"];
        let is_base = is_first
            && (is_last && next.kind == TokenKind::Close
                || names.iter().any(|word| self.cursor.token_is(next, word)));
        if is_base {
            self.part(block, NameRole::Other)?;
            self.top()?.has_operand = true;
        }
        Ok(is_base)
    }

    /// A constant with its type in front, `date '2000-01-01'`; whether there is one.
    fn typed_constant(&mut self, block: u32) -> Result<bool, Lost> {
        let constant = |kind| is_text(kind) || kind == TokenKind::BitText;
        let names = self.scopes.names.len();
        let next = self.cursor.peek();
        let may_be = constant(next.kind)
            || next.kind == TokenKind::Dot
            || next.kind == TokenKind::Open
            || self.cursor.is_any(&["double", "timestamp", "time", "character", "national", "bit"]);
        if !may_be {
            return Ok(false);
        }
        let is_interval = self.cursor.is("interval");
        let is_relation = self.cursor.is("regclass");
        if next.kind == TokenKind::Open {
            let mut behind = self.cursor;
            behind.bump();
            let is_list = behind.skip_brackets().is_ok();
            if !is_list
                || !constant(behind.token.kind) && !self.cursor.is_any(&["time", "timestamp"])
            {
                return Ok(false);
            }
        }
        let passed = self.pass_type(block);
        if passed.is_err() || !constant(self.cursor.token.kind) {
            self.scopes.names.truncate(names);
            return Ok(false);
        }
        if is_relation {
            self.note_constant(narrow(self.cursor.index()), false);
        }
        self.cursor.bump();
        if is_interval {
            self.interval_fields();
        }
        Ok(true)
    }

    /// `YEAR TO MONTH`, `SECOND(3)`.
    pub(super) fn interval_fields(&mut self) {
        const FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second"];
        while self.cursor.is_any(FIELDS) {
            self.cursor.bump();
            if self.cursor.at(TokenKind::Open) && self.cursor.skip_brackets().is_err() {
                return;
            }
            let goes_on = FIELDS.iter().any(|word| self.ahead_is(1, word));
            if !goes_on || !self.cursor.eat("to") {
                return;
            }
        }
    }
}
