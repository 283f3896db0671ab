//! A position among the tokens of a text, with the words and names of SQL; knows no statement.

use super::lexer::{Token, TokenKind};
use super::tokens::TokenEntry;

/// A statement whose shape the finder does not know; it is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

pub(super) type Understood = Result<(), NotUnderstood>;

/// An index into the tokens of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    sql: &'a [u8],
    entries: &'a [TokenEntry],
    index: usize,
    pub(super) token: Token,
}

impl<'a> Cursor<'a> {
    /// A cursor at the token of an index; behind the last of `entries` the text ends.
    pub(super) fn new(sql: &'a [u8], entries: &'a [TokenEntry], index: usize) -> Cursor<'a> {
        Cursor { sql, entries, index, token: token_at(sql, entries, index) }
    }

    #[inline]
    pub(super) fn bump(&mut self) {
        self.index += usize::from(self.token.kind != TokenKind::End);
        self.token = token_at(self.sql, self.entries, self.index);
    }

    /// The tokens from the current one to the last.
    pub(super) fn rest(&self) -> impl Iterator<Item = Token> {
        let entries = self.entries.get(self.index..).unwrap_or_default();
        entries.iter().map(|entry| entry.token())
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

    /// Whether a token is this word, which is in lower case and begins with a letter.
    #[inline]
    pub(super) fn token_is(&self, token: Token, word: &str) -> bool {
        // The first letter decides mostly.
        token.kind == TokenKind::Word
            && token.end - token.start == word.len()
            && self.sql.get(token.start).map(|byte| byte | 0x20) == word.as_bytes().first().copied()
            && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.token_is(self.token, word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        self.token_is_any(self.token, words)
    }

    /// Whether a token is one of these words, which are in lower case and begin with a letter.
    pub(super) fn token_is_any(&self, token: Token, words: &[&str]) -> bool {
        if token.kind != TokenKind::Word {
            return false;
        }
        let bytes = self.bytes(token);
        let first = bytes.first().map(|byte| byte | 0x20);
        // The length and the first letter decide mostly.
        words.iter().map(|word| word.as_bytes()).any(|word| {
            word.len() == bytes.len()
                && word.first().copied() == first
                && bytes.eq_ignore_ascii_case(word)
        })
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
        let Some((first, others)) = words.split_first() else { return true };
        let follows = |(word, ahead): (&&str, usize)| {
            self.token_is(token_at(self.sql, self.entries, self.index + ahead), word)
        };
        let there = self.is(first) && others.iter().zip(1..).all(follows);
        if there {
            self.go_to(self.index + words.len());
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

    /// The index of the bracket that closes or opens the one at the cursor.
    pub(super) fn partner(&self) -> Option<usize> {
        let partner = self.entries.get(self.index)?.partner()?;
        (partner < self.entries.len()).then_some(partner)
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
fn token_at(sql: &[u8], entries: &[TokenEntry], index: usize) -> Token {
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
pub(super) fn is_reserved(word: &[u8]) -> bool {
    let ends = [word.first(), word.last()];
    let [Some(first), Some(last)] = ends.map(|byte| Some(usize::from(letter(*byte?)?))) else {
        return false;
    };
    let lengths = RESERVED_LENGTHS.get(first).and_then(|row| row.get(last));
    lengths.is_some_and(|lengths| word.len() < 32 && lengths & 1 << word.len() != 0)
        && RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved.as_bytes()))
}

/// The words, in lower case. Source: PostgreSQL manual, "SQL Key Words", those that are reserved.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
    "binary", "both", "case", "cast", "check", "collate", "collation", "column", "concurrently",
    "constraint", "create", "cross", "current_catalog", "current_date", "current_role",
    "current_schema", "current_time", "current_timestamp", "current_user", "default", "deferrable",
    "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "freeze",
    "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order",
    "outer", "overlaps", "placing", "primary", "references", "returning", "right", "select",
    "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then",
    "to", "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when",
    "where", "window", "with",
];

/// The lengths of the words, a bit each, by their first and last letters: hardly another word has the
/// same.
const RESERVED_LENGTHS: [[u32; 26]; 26] = reserved_lengths();

#[allow(clippy::indexing_slicing, reason = "runs when this is compiled")]
const fn reserved_lengths() -> [[u32; 26]; 26] {
    let mut lengths = [[0; 26]; 26];
    let mut index = 0;
    while index < RESERVED.len() {
        let word = RESERVED[index].as_bytes();
        if let (Some(first), Some(last)) = (letter(word[0]), letter(word[word.len() - 1])) {
            lengths[first as usize][last as usize] |= 1 << word.len();
        }
        index += 1;
    }
    lengths
}

/// Which letter of the alphabet a byte is, from 0.
const fn letter(byte: u8) -> Option<u8> {
    let lower = byte | 0x20;
    if lower.is_ascii_lowercase() { Some(lower - b'a') } else { None }
}

/// An index of the tokens, of which there are never more than [`crate::statement::TOKENS_MAX`].
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
