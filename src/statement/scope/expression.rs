//! Expressions: what may follow an operand.

use super::{Clause, FrameKind, Lost, NameRole, ScopeItem, ScopeWalker, Walked, narrow};
use crate::statement::cursor::{is_name, is_text};
use crate::statement::lexer::TokenKind;

/// Words behind which another operand follows.
const BINARY: &[&str] =
    &["and", "or", "in", "like", "ilike", "between", "overlaps", "escape", "uescape"];

/// Words among the arguments of functions of the SQL standard, behind which another operand follows.
const ARGUMENT_WORDS: &[&str] =
    &["from", "for", "placing", "in", "similar", "escape", "passing", "version", "standalone"];

impl ScopeWalker<'_> {
    /// One token of an expression, or a few.
    pub(super) fn expression(&mut self) -> Walked {
        let frame = self.top()?;
        let (has_operand, kind, block) = (frame.has_operand, frame.kind, frame.block);
        match self.cursor.token.kind {
            TokenKind::Open if !has_operand => return self.open(),
            TokenKind::OpenBracket => {
                return self.enter(FrameKind::Subscript, Clause::Expression, block);
            }
            TokenKind::Comma => return self.comma(),
            TokenKind::Operator => {
                let is_star = !has_operand && self.cursor.is_operator("*");
                self.top()?.has_operand = is_star;
            }
            TokenKind::Cast => {
                let constant = narrow(self.cursor.index().saturating_sub(1));
                let is_constant = is_text(self.cursor.previous().kind);
                self.cursor.bump();
                let is_relation = self.cursor.is("regclass");
                self.pass_type(block)?;
                if is_relation && is_constant {
                    self.note_constant(constant, false);
                }
                return Ok(());
            }
            TokenKind::Dot if has_operand => {
                self.cursor.bump();
                if !self.cursor.is_operator("*") {
                    self.part(block, NameRole::Other)?;
                    return Ok(());
                }
            }
            TokenKind::Number | TokenKind::Parameter if !has_operand => {
                self.top()?.has_operand = true;
            }
            kind if is_constant(kind) && !has_operand => self.top()?.has_operand = true,
            TokenKind::PlainRows | TokenKind::PlainValues => self.top()?.has_operand = true,
            // A slice, or a key of JSON.
            TokenKind::Other if matches!(kind, FrameKind::Subscript | FrameKind::Json) => {
                self.top()?.has_operand = false;
            }
            token if is_name(token) => {
                return if has_operand { self.behind_operand() } else { self.operand() };
            }
            _ => return Err(Lost),
        }
        self.cursor.bump();
        Ok(())
    }

    fn comma(&mut self) -> Walked {
        self.end_item();
        let next = ScopeItem { first: self.cursor.index() + 1, ..self.item() };
        let frame = self.top()?;
        match (frame.kind, frame.clause) {
            (FrameKind::Default, _) => return self.close_default(),
            (FrameKind::Query | FrameKind::Joins, Clause::On) => frame.clause = Clause::FromItem,
            (_, Clause::SetValue) => frame.clause = Clause::SetTarget,
            _ => {}
        }
        frame.has_operand = false;
        frame.item = next;
        self.cursor.bump();
        Ok(())
    }

    /// A word or name behind an operand.
    fn behind_operand(&mut self) -> Walked {
        let frame = self.top()?;
        let (kind, block) = (frame.kind, frame.block);
        if kind == FrameKind::Default && !self.continues_default() {
            return self.close_default();
        }
        if !self.cursor.at(TokenKind::Word) {
            return self.bare_label();
        }
        if matches!(kind, FrameKind::Query | FrameKind::Joins) && self.ends_clause()? {
            return Ok(());
        }
        if kind == FrameKind::Json && self.json_word(block)? {
            return Ok(());
        }
        let arguments = matches!(kind, FrameKind::Words | FrameKind::Cast | FrameKind::Plain);
        if self.cursor.is_any(BINARY)
            || arguments && self.cursor.is_any(ARGUMENT_WORDS)
            || self.cursor.is_any(&["when", "then", "else"])
        {
            self.cursor.bump();
            self.top()?.has_operand = false;
            return Ok(());
        }
        if self.cursor.eat_all(&["similar", "to"])
            || self.cursor.eat_all(&["at", "time", "zone"])
            || self.cursor.eat_all(&["order", "by"])
            || self.cursor.eat_all(&["partition", "by"])
        {
            self.top()?.has_operand = false;
            return Ok(());
        }
        if self.cursor.eat("end") {
            let frame = self.top()?;
            frame.cases = frame.cases.checked_sub(1).ok_or(Lost)?;
            return Ok(());
        }
        self.suffix(kind, block)
    }

    /// What follows an operand and leaves one.
    fn suffix(&mut self, kind: FrameKind, block: u32) -> Walked {
        if self.cursor.eat("is") {
            return self.test();
        }
        if self.cursor.eat("collate") {
            self.name(block, NameRole::InSchema)?;
            return Ok(());
        }
        let next = self.cursor.peek();
        let opens = next.kind == TokenKind::Open;
        match () {
            () if self.cursor.eat("operator") => {
                self.cursor.skip_brackets()?;
                self.top()?.has_operand = false;
            }
            () if self.cursor.is("over") && (opens || is_name(next.kind)) => {
                self.cursor.bump();
                match opens {
                    true => self.enter(FrameKind::Window, Clause::Expression, block)?,
                    false => drop(self.part(block, NameRole::Other)?),
                }
            }
            () if self.cursor.is("filter") && opens => {
                self.cursor.bump();
                self.enter(FrameKind::Plain, Clause::Expression, block)?;
                self.expect("where")?;
            }
            () if self.cursor.is("within") && self.ahead_is(1, "group") => {
                self.cursor.bump();
                self.cursor.bump();
                self.enter(FrameKind::Plain, Clause::Expression, block)?;
            }
            () if self.cursor.is("as") => return self.behind_as(kind, block),
            () if self.cursor.is("using") && next.kind == TokenKind::Operator => {
                self.cursor.bump();
                self.cursor.bump();
            }
            () if self.cursor.eat_all(&["using", "operator"]) => self.cursor.skip_brackets()?,
            () if self.cursor.is("not") => {
                self.cursor.bump();
                if !self.cursor.is_any(&["in", "like", "ilike", "between", "similar"]) {
                    return Err(Lost);
                }
            }
            () if self.cursor.is_any(&["isnull", "notnull", "asc", "desc"])
                || self.words_follow() =>
            {
                self.cursor.bump();
            }
            () if self.window_words(kind)? => {}
            () => return self.bare_label(),
        }
        Ok(())
    }

    /// NULLS FIRST, RESPECT NULLS, AT LOCAL and the like: passes all but the last word.
    fn words_follow(&mut self) -> bool {
        const PAIRS: &[(&str, &str)] = &[
            ("nulls", "first"),
            ("nulls", "last"),
            ("respect", "nulls"),
            ("ignore", "nulls"),
            ("at", "local"),
        ];
        let found = PAIRS.iter().any(|(a, b)| self.cursor.is(a) && self.ahead_is(1, b));
        if found {
            self.cursor.bump();
        }
        found
    }

    /// The words of the frame of a window.
    pub(super) fn window_words(&mut self, kind: FrameKind) -> Result<bool, Lost> {
        const FRAME: &[&str] = &[
            "between",
            "unbounded",
            "preceding",
            "following",
            "current",
            "row",
            "exclude",
            "no",
            "others",
            "ties",
            "group",
            "and",
        ];
        if kind != FrameKind::Window || self.cursor.peek().kind == TokenKind::Dot {
            return Ok(false);
        }
        let begins = self.cursor.is_any(&["rows", "range", "groups"]);
        let frame = self.top()?;
        if begins {
            frame.clause = Clause::WindowFrame;
        } else if frame.clause != Clause::WindowFrame || !self.cursor.is_any(FRAME) {
            return Ok(false);
        }
        let has_operand = !self.cursor.is("between") && !self.cursor.is("and");
        self.cursor.bump();
        self.top()?.has_operand = has_operand && !begins;
        Ok(true)
    }

    /// Behind IS.
    fn test(&mut self) -> Walked {
        self.cursor.eat("not");
        if self.cursor.eat_all(&["distinct", "from"]) {
            self.top()?.has_operand = false;
            return Ok(());
        }
        if self.cursor.eat("json") {
            while self.cursor.is_any(&["value", "array", "object", "scalar"]) {
                self.cursor.bump();
            }
            if self.cursor.is_any(&["with", "without"]) && self.ahead_is(1, "unique") {
                self.cursor.bump();
                self.cursor.bump();
                self.cursor.eat("keys");
            }
            return Ok(());
        }
        if self.cursor.is_any(&["nfc", "nfd", "nfkc", "nfkd"]) {
            self.cursor.bump();
        }
        let ends = ["null", "true", "false", "unknown", "document", "normalized"];
        if !self.cursor.is_any(&ends) {
            return Err(Lost);
        }
        self.cursor.bump();
        Ok(())
    }

    /// Whether a word behind an operand still belongs to the value of a DEFAULT.
    fn continues_default(&self) -> bool {
        let starts = self.cursor.is_any(&["at", "and", "or", "operator", "is", "in", "like"]);
        let inside = self.frames.last().is_some_and(|frame| frame.cases > 0);
        // `NOT` begins NOT NULL, and COLLATE the next clause of the column.
        starts || inside
    }

    /// The value of a DEFAULT ends in front of the cursor.
    fn close_default(&mut self) -> Walked {
        let frame = self.frames.pop();
        if frame.is_some_and(|frame| frame.cases == 0 && frame.has_operand) {
            Ok(())
        } else {
            Err(Lost)
        }
    }

    /// A word among the arguments of an SQL/JSON function; whether it is one.
    fn json_word(&mut self, block: u32) -> Result<bool, Lost> {
        if self.cursor.eat("returning") {
            self.pass_type(block)?;
            return Ok(true);
        }
        if self.cursor.is_any(&["value", "passing", "default"]) {
            self.cursor.bump();
            self.top()?.has_operand = false;
            return Ok(true);
        }
        const WORDS: &[&str] = &[
            "format",
            "json",
            "encoding",
            "utf8",
            "utf16",
            "utf32",
            "absent",
            "null",
            "on",
            "with",
            "without",
            "unique",
            "keys",
            "wrapper",
            "conditional",
            "unconditional",
            "array",
            "keep",
            "omit",
            "quotes",
            "scalar",
            "string",
            "error",
            "empty",
            "object",
            "true",
            "false",
            "unknown",
        ];
        let found = self.cursor.is_any(WORDS);
        if found {
            self.cursor.bump();
        }
        Ok(found)
    }
}

/// A string or bit string.
fn is_constant(kind: TokenKind) -> bool {
    is_text(kind) || matches!(kind, TokenKind::BitText | TokenKind::NationalText)
}
