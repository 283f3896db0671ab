//! A position among the tokens of a text, with the words and names of SQL; knows no statement.

use super::Lexing;
use super::lexer::{Lexer, Quoting, Token, TokenKind};
use super::plain_rows::last_comma;

/// A statement whose shape the finder does not know; it is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

pub(super) type Understood = Result<(), NotUnderstood>;

/// The current token and what came before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token,
    pub(super) previous: Token,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a [u8], lexing: Lexing, quoting: Quoting) -> Cursor<'a> {
        let mut lexer = Lexer::new(sql, lexing).with_quoting(quoting);
        let token = lexer.token();
        Cursor { lexer, token, previous: Token { kind: TokenKind::End, start: 0, end: 0 } }
    }

    #[inline]
    pub(super) fn bump(&mut self) {
        self.previous = self.token;
        self.token = self.lexer.token();
    }

    /// Goes on at an offset of the text.
    pub(super) fn seek(&mut self, offset: usize) {
        self.lexer = self.lexer.at(offset);
        self.bump();
    }

    /// At a comma behind `depth` parentheses: goes on to the last comma in front of anything but
    /// plain constants, and gives its depth.
    #[inline]
    pub(super) fn pass_constants(&mut self, depth: usize) -> usize {
        if self.token.kind != TokenKind::Comma || !self.lexer.has_plain_quotes() {
            return depth;
        }
        let (comma, depth) = last_comma(self.sql(), self.token.start, depth);
        if comma > self.token.start {
            self.previous = self.token;
            self.lexer = self.lexer.at(comma);
            self.token = self.lexer.token();
        }
        depth
    }

    /// The token behind the current one.
    pub(super) fn peek(&self) -> Token {
        let mut ahead = self.lexer;
        ahead.token()
    }

    pub(super) fn bytes(&self, token: Token) -> &'a [u8] {
        self.lexer.bytes(token)
    }

    pub(super) fn sql(&self) -> &'a [u8] {
        self.lexer.sql()
    }

    pub(super) fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    pub(super) fn token_is(&self, token: Token, word: &str) -> bool {
        token.kind == TokenKind::Word
            && token.end - token.start == word.len()
            && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.token_is(self.token, word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether the current token is this operator.
    pub(super) fn is_operator(&self, operator: &str) -> bool {
        self.at(TokenKind::Operator) && self.bytes(self.token) == operator.as_bytes()
    }

    /// Passes `word` if it is there.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let there = self.is(word);
        if there {
            self.bump();
        }
        there
    }

    /// Passes a run of words, all or none of them.
    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        let mut ahead = *self;
        let there = words.iter().all(|word| ahead.eat(word));
        if there {
            *self = ahead;
        }
        there
    }

    pub(super) fn eat_kind(&mut self, kind: TokenKind) -> bool {
        let there = self.at(kind);
        if there {
            self.bump();
        }
        there
    }

    pub(super) fn at_name(&self) -> bool {
        is_name(self.token.kind)
    }

    /// Passes `a.b.c`, quoted or not.
    pub(super) fn qualified_name(&mut self) -> Understood {
        loop {
            if !self.at_name() {
                return Err(NotUnderstood);
            }
            self.bump();
            if !self.eat_kind(TokenKind::Dot) {
                return Ok(());
            }
        }
    }

    /// Passes `( ... )` without looking into it.
    pub(super) fn skip_parentheses(&mut self) -> Understood {
        let mut depth = 0_usize;
        loop {
            match self.token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                TokenKind::End | TokenKind::Unterminated => return Err(NotUnderstood),
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

pub(super) fn is_name(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Word | TokenKind::QuotedName | TokenKind::UnicodeName)
}

/// Whether a token is a string constant that a typed literal can have.
pub(super) fn is_text(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Text | TokenKind::EscapeText | TokenKind::UnicodeText | TokenKind::DollarText
    )
}

/// Whether an unquoted word can never be the name of a column, so that what follows is no type.
/// Source: PostgreSQL manual, "SQL Key Words", those that are reserved.
pub(super) fn is_reserved(word: &[u8]) -> bool {
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved.as_bytes()))
}

const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];
