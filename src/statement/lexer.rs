//! The words, strings, operators and marks of a SQL text, cut where PostgreSQL's scanner cuts them.
//! Knows bytes and the client encoding, no grammar; allocates nothing.
//!
//! Source: PostgreSQL, `src/backend/parser/scan.l`.

mod numbers;
mod quoted;

use memchr::memchr2;

use super::Lexing;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword or an unquoted name.
    Word,
    /// `"name"`, and where the source has them `[name]` and `` `name` ``.
    QuotedName,
    /// `U&"name"`.
    UnicodeName,
    /// `'text'` in which a backslash is an ordinary character.
    Text,
    /// `E'text'`, or `'text'` where `standard_conforming_strings` is off.
    EscapeText,
    /// `B'01'` or `X'ff'`.
    BitText,
    /// `N'text'`.
    NationalText,
    /// `U&'text'`.
    UnicodeText,
    /// `$tag$text$tag$`.
    DollarText,
    /// An integer or decimal constant, without a sign.
    Number,
    /// `$1`.
    Parameter,
    /// An operator of one or more characters.
    Operator,
    /// `::`.
    Cast,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `[`.
    OpenBracket,
    /// `]`.
    CloseBracket,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `.`.
    Dot,
    /// Any other byte or mark: `:`, `:=`, `..`, `\`, a control character.
    Other,
    /// `, (1, 'a'), (2, 'b')`: a comma, and lists of plain constants with commas between. In a table of
    /// tokens only.
    PlainRows,
    /// `, 1, 'a'`: the same with constants that are in no list.
    PlainValues,
    /// A string, quoted name or comment that never ends; it reaches to the end of the text.
    Unterminated,
    /// The end of the text.
    End,
}

/// A token: its kind and its bytes, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// The offset of its first byte.
    pub start: usize,
    /// The offset behind its last byte.
    pub end: usize,
}

/// The quotes of names that a source has beside those of PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quoting {
    /// `` `name` ``, as in MySQL.
    pub backticks: bool,
    /// `[name]`, as in SQL Server.
    pub brackets: bool,
}

/// Cuts a text into tokens. Copying it is cheap: a copy looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    sql: &'a [u8],
    position: usize,
    lexing: Lexing,
    ascii_trail: bool,
    /// Up to here there are only signs, each an operator of its own. Without it, a run of signs
    /// would be looked through once a sign.
    signs_until: usize,
    quoting: Quoting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    /// A letter that can start a prefixed string: b, e, n, u, x.
    Prefix,
    Digit,
    Blank,
    Operator,
    Quote,
    DoubleQuote,
    Dollar,
    Mark,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
        {
            classes[byte] = match byte as u8 {
                b'b' | b'B' | b'e' | b'E' | b'n' | b'N' | b'u' | b'U' | b'x' | b'X' => {
                    Class::Prefix
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => Class::Letter,
                b'0'..=b'9' => Class::Digit,
                b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => Class::Blank,
                b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'+' | b'-'
                | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' => Class::Operator,
                b'\'' => Class::Quote,
                b'"' => Class::DoubleQuote,
                b'$' => Class::Dollar,
                _ => Class::Mark,
            };
        }
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Mark)
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `sql`.
    pub fn new(sql: &'a [u8], lexing: Lexing) -> Lexer<'a> {
        let ascii_trail = lexing.encoding.has_ascii_trail();
        let quoting = Quoting::default();
        Lexer { sql, position: 0, lexing, ascii_trail, signs_until: 0, quoting }
    }

    /// The same lexer for a text in which names may have these quotes too.
    #[must_use]
    pub fn with_quoting(self, quoting: Quoting) -> Lexer<'a> {
        Lexer { quoting, ..self }
    }

    /// A lexer over the same text that goes on at `position`.
    pub fn at(self, position: usize) -> Lexer<'a> {
        Lexer { position, signs_until: 0, ..self }
    }

    /// The whole text.
    pub fn sql(&self) -> &'a [u8] {
        self.sql
    }

    /// Whether a quote in `'...'` is never anything else, so that a text ends at the next one.
    pub(super) fn has_plain_quotes(&self) -> bool {
        self.lexing.standard_conforming_strings && !self.ascii_trail
    }

    /// The bytes of a token.
    pub fn bytes(&self, token: Token) -> &'a [u8] {
        self.sql.get(token.start..token.end).unwrap_or_default()
    }

    /// The next token; blanks and comments are passed over. At the end, [`TokenKind::End`].
    #[inline]
    pub fn token(&mut self) -> Token {
        let start = match self.skip_blanks() {
            Ok(start) => start,
            Err(start) => {
                self.position = self.sql.len();
                return Token { kind: TokenKind::Unterminated, start, end: self.position };
            }
        };
        let (kind, end) = match self.byte(start) {
            None => (TokenKind::End, start),
            Some(byte) => self.cut(byte, start),
        };
        // An unterminated string may have looked beyond the last byte.
        self.position = end;
        Token { kind, start, end }
    }

    fn byte(&self, position: usize) -> Option<u8> {
        self.sql.get(position).copied()
    }

    fn rest(&self, position: usize) -> &'a [u8] {
        self.sql.get(position..).unwrap_or_default()
    }

    #[inline]
    fn cut(&mut self, byte: u8, start: usize) -> (TokenKind, usize) {
        match class(byte) {
            Class::Letter => (TokenKind::Word, self.word_end(start)),
            Class::Prefix => self.prefixed(byte, start),
            Class::Digit => (TokenKind::Number, self.number_end(start)),
            Class::Quote if self.lexing.standard_conforming_strings => {
                self.text(TokenKind::Text, start + 1)
            }
            Class::Quote => self.escape_text(start + 1),
            Class::DoubleQuote => self.quoted_name(TokenKind::QuotedName, start + 1),
            Class::Operator if byte == b'`' && self.quoting.backticks => self.backticks(start + 1),
            Class::Operator => (TokenKind::Operator, self.operator_end(start)),
            Class::Dollar => self.dollar(start),
            Class::Mark | Class::Blank => self.mark(byte, start),
        }
    }

    fn mark(&self, byte: u8, start: usize) -> (TokenKind, usize) {
        let next = self.byte(start + 1);
        let kind = match byte {
            b'(' => TokenKind::Open,
            b')' => TokenKind::Close,
            b',' => TokenKind::Comma,
            b';' => TokenKind::Semicolon,
            b'[' if self.quoting.brackets => {
                return match self.bracketed_name_end(start + 1) {
                    Some(end) => (TokenKind::QuotedName, end),
                    None => (TokenKind::OpenBracket, start + 1),
                };
            }
            b'[' => TokenKind::OpenBracket,
            b']' => TokenKind::CloseBracket,
            b'.' if next.is_some_and(|byte| byte.is_ascii_digit()) => {
                return (TokenKind::Number, self.fraction_end(start + 1));
            }
            b'.' if next == Some(b'.') => return (TokenKind::Other, start + 2),
            b'.' => TokenKind::Dot,
            b':' if next == Some(b':') => return (TokenKind::Cast, start + 2),
            b':' if next == Some(b'=') => return (TokenKind::Other, start + 2),
            _ => TokenKind::Other,
        };
        (kind, start + 1)
    }

    fn word_end(&self, start: usize) -> usize {
        let mut end = start;
        while let Some(byte) = self.byte(end) {
            end += match class(byte) {
                Class::Letter if self.ascii_trail && byte >= 0x80 => {
                    self.lexing.encoding.character_length(self.rest(end))
                }
                Class::Letter | Class::Prefix | Class::Digit | Class::Dollar => 1,
                _ => break,
            };
        }
        end
    }

    fn prefixed(&self, byte: u8, start: usize) -> (TokenKind, usize) {
        match (byte | 0x20, self.byte(start + 1), self.byte(start + 2)) {
            (b'e', Some(b'\''), _) => self.escape_text(start + 2),
            (b'b' | b'x', Some(b'\''), _) => self.text(TokenKind::BitText, start + 2),
            (b'n', Some(b'\''), _) if self.lexing.standard_conforming_strings => {
                self.text(TokenKind::NationalText, start + 2)
            }
            (b'n', Some(b'\''), _) => self.escape_text(start + 2),
            (b'u', Some(b'&'), Some(b'\'')) => self.text(TokenKind::UnicodeText, start + 3),
            (b'u', Some(b'&'), Some(b'"')) => self.quoted_name(TokenKind::UnicodeName, start + 3),
            _ => (TokenKind::Word, self.word_end(start)),
        }
    }

    fn operator_end(&mut self, start: usize) -> usize {
        if start < self.signs_until {
            return start + 1;
        }
        let mut end = start;
        while let Some(byte) = self.byte(end) {
            if class(byte) != Class::Operator || (byte == b'`' && self.quoting.backticks) {
                break;
            }
            // A comment ends an operator. It cannot stand at its start: blanks were skipped.
            if matches!((byte, self.byte(end + 1)), (b'/', Some(b'*')) | (b'-', Some(b'-'))) {
                break;
            }
            end += 1;
        }
        let run = end.max(start + 1);
        let end = self.trim_sign(start, run);
        if end < run {
            self.signs_until = run;
        }
        end
    }

    /// `a=-1` is `=` and `-`: an operator ends in + or - only if it has one of these characters.
    fn trim_sign(&self, start: usize, end: usize) -> usize {
        let operator = self.sql.get(start..end).unwrap_or_default();
        let sign = |byte: &u8| matches!(byte, b'+' | b'-');
        if operator.len() < 2 || !operator.last().is_some_and(sign) {
            return end;
        }
        let special = |byte: &u8| {
            matches!(byte, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%')
        };
        if operator.iter().any(special) {
            return end;
        }
        let signs = operator.iter().rev().take_while(|byte| sign(byte)).count();
        (end - signs).max(start + 1)
    }

    /// The offset of the next byte that is neither blank nor comment; an error with the offset of
    /// a comment that never ends.
    #[inline]
    fn skip_blanks(&self) -> Result<usize, usize> {
        let mut position = self.position;
        loop {
            position = match (self.byte(position), self.byte(position + 1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C), _) => position + 1,
                (Some(b'-'), Some(b'-')) => match memchr2(b'\n', b'\r', self.rest(position)) {
                    Some(length) => position + length,
                    None => self.sql.len(),
                },
                (Some(b'/'), Some(b'*')) => self.comment_end(position + 2).ok_or(position)?,
                _ => return Ok(position),
            };
        }
    }

    fn comment_end(&self, mut position: usize) -> Option<usize> {
        let mut depth = 1_usize;
        loop {
            position += memchr2(b'*', b'/', self.rest(position))?;
            match (self.byte(position), self.byte(position + 1)) {
                (Some(b'*'), Some(b'/')) => {
                    position += 2;
                    depth -= 1;
                    if depth == 0 {
                        return Some(position);
                    }
                }
                (Some(b'/'), Some(b'*')) => {
                    position += 2;
                    depth += 1;
                }
                _ => position += 1,
            }
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let token = self.token();
        (token.kind != TokenKind::End).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    fn tokens(sql: &[u8], lexing: Lexing) -> Vec<(TokenKind, &[u8])> {
        let lexer = Lexer::new(sql, lexing);
        lexer.map(|token| (token.kind, lexer.bytes(token))).collect()
    }

    fn texts(sql: &str) -> Vec<&str> {
        let tokens = tokens(sql.as_bytes(), Lexing::default());
        tokens.into_iter().map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn operators_end_where_postgresql_ends_them() {
        assert_eq!(texts("a=-1"), ["a", "=", "-", "1"]);
        assert_eq!(texts("a@-1"), ["a", "@-", "1"]);
        assert_eq!(texts("a<--b\nc"), ["a", "<", "c"]);
        assert_eq!(texts("a*/*b*/c"), ["a", "*", "c"]);
        assert_eq!(texts("a<+-+b"), ["a", "<", "+", "-", "+", "b"]);
        assert_eq!(texts("a+-+@b"), ["a", "+-+@", "b"]);
        assert_eq!(texts("f(a=>1)::x:=2"), ["f", "(", "a", "=>", "1", ")", "::", "x", ":=", "2"]);
    }

    #[test]
    fn numbers_end_where_postgresql_ends_them() {
        assert_eq!(texts("1..10"), ["1", "..", "10"]);
        assert_eq!(
            texts("1.5e+3 .5 1. 1e 0xFg 0b12"),
            ["1.5e+3", ".5", "1.", "1", "e", "0xF", "g", "0b1", "2"]
        );
        assert_eq!(texts("1_000 1__0 $12a"), ["1_000", "1", "__0", "$12", "a"]);
    }

    #[test]
    fn strings_go_on_behind_a_line_break_only() {
        assert_eq!(texts("'a'\n'b'"), ["'a'\n'b'"]);
        assert_eq!(texts("'a' -- 'x'\n  'b' 'c'"), ["'a' -- 'x'\n  'b'", "'c'"]);
        assert_eq!(texts("'a' 'b'"), ["'a'", "'b'"]);
        assert_eq!(texts("'a' /*\n*/ 'b'"), ["'a'", "'b'"]);
        assert_eq!(texts("E'a\\''\n'\\'b' c"), ["E'a\\''\n'\\'b'", "c"]);
    }

    #[test]
    fn dollar_quotes_end_at_their_own_tag() {
        assert_eq!(texts("$a$ $b$ $$ $a $a$b"), ["$a$ $b$ $$ $a $a$", "b"]);
        assert_eq!(texts("$a$b$a$a$ $1$ a$$b"), ["$a$b$a$", "a$", "$1", "$", "a$$b"]);
    }

    #[test]
    fn backslashes_count_where_they_escape() {
        let off = Lexing { standard_conforming_strings: false, ..Lexing::default() };
        assert_eq!(tokens(b"'a\\' b", Lexing::default()).len(), 2);
        assert_eq!(tokens(b"'a\\' b'", off), [(TokenKind::EscapeText, b"'a\\' b'".as_slice())]);
        assert_eq!(tokens(b"U&'a\\' b", off).len(), 2);
    }

    #[test]
    fn trail_bytes_are_no_backslashes() {
        // U+8868 in Shift-JIS ends in a backslash, U+30BC in a left bracket.
        let sjis = Lexing { encoding: Encoding::ShiftJis, ..Lexing::default() };
        assert_eq!(tokens(b"E'\x95\\' b", sjis).len(), 2);
        assert_eq!(tokens(b"E'\\\x95\\' b", sjis).len(), 2);
        assert_eq!(tokens(b"a\x83[b", sjis), [(TokenKind::Word, b"a\x83[b".as_slice())]);
        assert_eq!(tokens(b"E'\x95\\' b", Lexing::default())[0].0, TokenKind::Unterminated);
    }

    #[test]
    fn what_never_ends_reaches_to_the_end() {
        for sql in ["'a", "\"a", "$a$ x", "/* /* */", "E'\\", "E'a\\'", "U&'", "$a$ $A$"] {
            let kinds: Vec<_> = tokens(sql.as_bytes(), Lexing::default());
            assert_eq!(kinds, [(TokenKind::Unterminated, sql.as_bytes())]);
        }
    }
}
