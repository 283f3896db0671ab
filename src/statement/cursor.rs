//! A position among the tokens of a text, with the words and names of SQL; knows no statement.

use super::lexer::{Token, TokenKind};
use super::tokens::Entry;

/// A statement whose shape the finder does not know; it is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

pub(super) type Understood = Result<(), NotUnderstood>;

/// An index into the tokens of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    sql: &'a [u8],
    entries: &'a [Entry],
    index: usize,
    pub(super) token: Token,
}

impl<'a> Cursor<'a> {
    /// A cursor at the token of an index; behind the last of `entries` the text ends.
    pub(super) fn new(sql: &'a [u8], entries: &'a [Entry], index: usize) -> Cursor<'a> {
        Cursor { sql, entries, index, token: token_at(sql, entries, index) }
    }

    #[inline]
    pub(super) fn bump(&mut self) {
        self.index += usize::from(self.token.kind != TokenKind::End);
        self.token = token_at(self.sql, self.entries, self.index);
    }

    /// The index of the current token.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Goes to the token of an index.
    pub(super) fn go_to(&mut self, index: usize) {
        *self = Cursor::new(self.sql, self.entries, index);
    }

    /// The index behind the last token.
    pub(super) fn end(&self) -> usize {
        self.entries.len()
    }

    /// Goes behind the last token.
    pub(super) fn go_to_end(&mut self) {
        self.go_to(self.entries.len());
    }

    /// The same cursor in a text that ends in front of the token of an index.
    pub(super) fn up_to(self, index: usize) -> Cursor<'a> {
        let entries = self.entries.get(..index).unwrap_or(self.entries);
        Cursor::new(self.sql, entries, self.index)
    }

    /// The token in front of the current one.
    #[inline]
    pub(super) fn previous(&self) -> Token {
        self.back(1)
    }

    /// The token `count` in front of the current one; one at 0 that is an end if there are fewer.
    #[inline]
    pub(super) fn back(&self, count: usize) -> Token {
        let start = Token { kind: TokenKind::End, start: 0, end: 0 };
        let entry = self.index.checked_sub(count).and_then(|index| self.entries.get(index));
        entry.map_or(start, |entry| entry.token())
    }

    /// The token behind the current one.
    pub(super) fn peek(&self) -> Token {
        token_at(self.sql, self.entries, self.index + 1)
    }

    pub(super) fn bytes(&self, token: Token) -> &'a [u8] {
        self.sql.get(token.start..token.end).unwrap_or_default()
    }

    pub(super) fn sql(&self) -> &'a [u8] {
        self.sql
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

    /// Passes `( ... )` or `[ ... ]` without looking into it.
    pub(super) fn skip_brackets(&mut self) -> Understood {
        let partner = self.entries.get(self.index).and_then(|entry| entry.partner());
        // What closes it may stand behind the end that this cursor is given.
        let inside = self.index..self.entries.len();
        let close = partner.filter(|close| inside.contains(close)).ok_or(NotUnderstood)?;
        self.go_to(close + 1);
        Ok(())
    }

    /// Passes a list without parentheses inside; the cursor stays if it is none.
    pub(super) fn skip_flat_list(&mut self) -> bool {
        let start = *self;
        let is_whole = self.skip_brackets().is_ok();
        let inside = self.entries.get(start.index + 1..self.index).unwrap_or_default();
        let is_flat = is_whole && !inside.iter().any(|entry| entry.token().kind == TokenKind::Open);
        if !is_flat {
            *self = start;
        }
        is_flat
    }
}

#[inline]
fn token_at(sql: &[u8], entries: &[Entry], index: usize) -> Token {
    match entries.get(index) {
        Some(entry) => entry.token(),
        None => Token { kind: TokenKind::End, start: sql.len(), end: sql.len() },
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

/// Whether an unquoted word can never be the name of a column, so that what follows is not a type.
/// Source: PostgreSQL manual, "SQL Key Words", those that are reserved.
#[rustfmt::skip]
pub(super) fn is_reserved(word: &[u8]) -> bool {
    let mut buffer = [0; RESERVED_BYTES_MAX];
    let Some(lower) = buffer.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    matches!(&*lower,
        b"all" | b"analyse" | b"analyze" | b"and" | b"any" | b"array" | b"as" | b"asc"
        | b"asymmetric" | b"authorization" | b"binary" | b"both" | b"case" | b"cast" | b"check"
        | b"collate" | b"collation" | b"column" | b"concurrently" | b"constraint" | b"create"
        | b"cross" | b"current_catalog" | b"current_date" | b"current_role" | b"current_schema"
        | b"current_time" | b"current_timestamp" | b"current_user" | b"default" | b"deferrable"
        | b"desc" | b"distinct" | b"do" | b"else" | b"end" | b"except" | b"false" | b"fetch"
        | b"for" | b"foreign" | b"freeze" | b"from" | b"full" | b"grant" | b"group" | b"having"
        | b"ilike" | b"in" | b"initially" | b"inner" | b"intersect" | b"into" | b"is" | b"isnull"
        | b"join" | b"lateral" | b"leading" | b"left" | b"like" | b"limit" | b"localtime"
        | b"localtimestamp" | b"natural" | b"not" | b"notnull" | b"null" | b"offset" | b"on"
        | b"only" | b"or" | b"order" | b"outer" | b"overlaps" | b"placing" | b"primary"
        | b"references" | b"returning" | b"right" | b"select" | b"session_user" | b"similar"
        | b"some" | b"symmetric" | b"system_user" | b"table" | b"tablesample" | b"then" | b"to"
        | b"trailing" | b"true" | b"union" | b"unique" | b"user" | b"using" | b"variadic"
        | b"verbose" | b"when" | b"where" | b"window" | b"with"
    )
}

/// The length of the longest of them.
const RESERVED_BYTES_MAX: usize = 17;
