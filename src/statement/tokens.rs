//! The tokens of a text, each cut once, with brackets paired and long runs of plain constants as one
//! token. The one place that makes a lexer; knows no statement but for where it starts and ends.

use super::Lexing;
use super::constant_kinds::ConstantKinds;
use super::lexer::{Lexer, Quoting, Token, TokenKind};
use super::plain_rows::plain_run;

/// The most tokens of a text that are kept: 32 MB of them. A text with more is too long to be read.
pub const TOKENS_MAX: usize = 2_000_000;

/// Texts from this size on, in bytes, may have runs.
const RUNS_FROM_BYTES: usize = 8 * 1024;

/// The least size of a run, in bytes.
const RUN_BYTES_MIN: usize = 1024;

/// Stands for the partner of a token that has none.
const NONE: u32 = u32::MAX;

/// One token of the table: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenEntry {
    start: u32,
    end: u32,
    /// Of a bracket that is closed the index of the other one. While the text is cut, of one that
    /// is open the index of the one around it.
    partner: u32,
    kind: TokenKind,
}

impl TokenEntry {
    #[inline]
    pub(super) fn token(self) -> Token {
        Token { kind: self.kind, start: self.start as usize, end: self.end as usize }
    }

    /// The index of the bracket that closes or opens this one.
    pub(super) fn partner(self) -> Option<usize> {
        (self.partner != NONE).then_some(self.partner as usize)
    }
}

/// What of a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Text,
    /// One statement, behind semicolons in front of it.
    Statement,
}

/// A text has more tokens than are kept, or more bytes than an offset can have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyTokens;

/// The tokens of a text or a part of it. An empty text has none, and takes no memory.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    entries: Vec<TokenEntry>,
    /// Whether one of them is a constant in which escapes are resolved: `E'..'`, `U&'..'` and the like.
    pub(super) has_escapes: bool,
    /// Whether one of them is a constant `N'..'`, those in runs apart.
    pub(super) has_national: bool,
    /// The kinds of constants that its runs have.
    pub(super) run_kinds: ConstantKinds,
}

impl Tokens {
    /// Cuts `sql` from an offset on, into the memory of `entries`.
    pub(super) fn cut(
        sql: &[u8],
        from: usize,
        lexing: Lexing,
        quoting: Quoting,
        extent: Extent,
        entries: Vec<TokenEntry>,
    ) -> Result<Tokens, TooManyTokens> {
        count_lexing();
        let mut cutter =
            Cutter::new(Lexer::new(sql, lexing).with_quoting(quoting).at(from), entries);
        let result = cutter.cut(sql, extent);
        cutter.forget_open();
        let Cutter { entries, has_escapes, has_national, run_kinds, .. } = cutter;
        result.map(|()| Tokens { entries, has_escapes, has_national, run_kinds })
    }

    pub(super) fn entries(&self) -> &[TokenEntry] {
        &self.entries
    }

    /// Its memory, without tokens.
    pub(super) fn into_memory(self) -> Vec<TokenEntry> {
        let mut entries = self.entries;
        entries.clear();
        entries
    }
}

/// The offset of the first token from an offset on that is not a semicolon.
pub(super) fn statement_start(sql: &[u8], from: usize, lexing: Lexing, quoting: Quoting) -> usize {
    let mut lexer = Lexer::new(sql, lexing).with_quoting(quoting).at(from);
    loop {
        let token = lexer.token();
        if token.kind != TokenKind::Semicolon {
            return token.start;
        }
    }
}

struct Cutter<'a> {
    lexer: Lexer<'a>,
    entries: Vec<TokenEntry>,
    has_escapes: bool,
    has_national: bool,
    run_kinds: ConstantKinds,
    /// The innermost parenthesis that is open.
    parenthesis: u32,
    /// The innermost bracket that is open.
    bracket: u32,
    /// Where runs of plain constants are looked for from.
    runs_from: usize,
    /// Whether the statement starts with CREATE or ALTER: its lists of constants are read.
    defines: bool,
}

impl<'a> Cutter<'a> {
    fn new(lexer: Lexer<'a>, entries: Vec<TokenEntry>) -> Cutter<'a> {
        let is_long = lexer.sql().len() >= RUNS_FROM_BYTES;
        let runs_from = if is_long && lexer.has_plain_quotes() { 0 } else { usize::MAX };
        Cutter {
            lexer,
            entries,
            has_escapes: false,
            has_national: false,
            run_kinds: ConstantKinds::default(),
            parenthesis: NONE,
            bracket: NONE,
            runs_from,
            defines: false,
        }
    }

    fn cut(&mut self, sql: &[u8], extent: Extent) -> Result<(), TooManyTokens> {
        if u32::try_from(sql.len()).is_err() {
            return Err(TooManyTokens);
        }
        let mut bodies = 0_usize;
        let mut at_start = true;
        loop {
            let token = self.lexer.token();
            match token.kind {
                TokenKind::End => return Ok(()),
                TokenKind::Comma
                    if token.start >= self.runs_from
                        && !self.defines
                        && self.run(sql, token.start) =>
                {
                    continue;
                }
                TokenKind::Semicolon if extent == Extent::Statement => {
                    if self.entries.is_empty() {
                        continue;
                    }
                    if self.parenthesis == NONE && bodies == 0 {
                        return Ok(());
                    }
                }
                TokenKind::EscapeText | TokenKind::UnicodeText => self.has_escapes = true,
                TokenKind::NationalText => self.has_national = true,
                TokenKind::Word
                    if at_start
                        && (self.runs_from != usize::MAX || extent == Extent::Statement) =>
                {
                    self.defines = ["create", "alter"].iter().any(|word| self.is(token, word));
                }
                TokenKind::Word if self.defines && extent == Extent::Statement => {
                    bodies = self.bodies(token, bodies);
                }
                _ => {}
            }
            at_start = token.kind == TokenKind::Semicolon && extent == Extent::Text;
            self.push(token);
            if self.entries.len() > TOKENS_MAX {
                return Err(TooManyTokens);
            }
        }
    }

    /// The bodies `BEGIN ATOMIC .. END` and CASEs in them that are open behind a word.
    fn bodies(&self, word: Token, bodies: usize) -> usize {
        let previous = self.entries.last().map(|entry| entry.token());
        let previous_is = |word: &str| previous.is_some_and(|previous| self.is(previous, word));
        if previous.is_some_and(|previous| previous.kind == TokenKind::Dot) {
            return bodies;
        }
        if self.is(word, "atomic") && previous_is("begin") || bodies > 0 && self.is(word, "case") {
            return bodies + 1;
        }
        if self.is(word, "end") { bodies.saturating_sub(1) } else { bodies }
    }

    fn is(&self, token: Token, word: &str) -> bool {
        self.lexer.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GB")]
    fn push(&mut self, token: Token) {
        let index = self.entries.len() as u32;
        let partner = match token.kind {
            TokenKind::Open => std::mem::replace(&mut self.parenthesis, index),
            TokenKind::OpenBracket => std::mem::replace(&mut self.bracket, index),
            TokenKind::Close => {
                let opened = close(&mut self.entries, self.parenthesis, index);
                self.parenthesis = opened.1;
                opened.0
            }
            TokenKind::CloseBracket => {
                let opened = close(&mut self.entries, self.bracket, index);
                self.bracket = opened.1;
                opened.0
            }
            _ => NONE,
        };
        let (start, end) = (token.start as u32, token.end as u32);
        self.entries.push(TokenEntry { start, end, partner, kind: token.kind });
    }

    /// Passes the run of plain constants behind a comma as one token, if it is long enough.
    fn run(&mut self, sql: &[u8], comma: usize) -> bool {
        let run = plain_run(sql, comma);
        self.runs_from = run.looked_at;
        self.run_kinds |= run.kinds;
        let is_long = run.end >= comma + RUN_BYTES_MIN;
        if is_long {
            let kind = if run.is_rows { TokenKind::PlainRows } else { TokenKind::PlainValues };
            self.push(Token { kind, start: comma, end: run.end });
            self.lexer = self.lexer.at(run.end);
        }
        is_long
    }

    /// Brackets that are never closed have no partner.
    fn forget_open(&mut self) {
        for mut index in [self.parenthesis, self.bracket] {
            while let Some(entry) = self.entries.get_mut(index as usize) {
                index = std::mem::replace(&mut entry.partner, NONE);
            }
        }
    }
}

/// Pairs the bracket at `open` with the one that closes it; gives its partner, and the one around it.
fn close(entries: &mut [TokenEntry], open: u32, closing: u32) -> (u32, u32) {
    match entries.get_mut(open as usize) {
        Some(entry) => (open, std::mem::replace(&mut entry.partner, closing)),
        None => (NONE, NONE),
    }
}

#[cfg(debug_assertions)]
std::thread_local! {
    static LEXINGS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How often this thread has cut a text into tokens. In debug builds alone.
#[cfg(debug_assertions)]
pub fn lexings() -> u64 {
    LEXINGS.get()
}

fn count_lexing() {
    #[cfg(debug_assertions)]
    LEXINGS.set(LEXINGS.get() + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sql: &str, quoting: Quoting) -> Vec<TokenEntry> {
        let lexing = Lexing::default();
        let tokens = Tokens::cut(sql.as_bytes(), 0, lexing, quoting, Extent::Text, Vec::new());
        tokens.unwrap().entries
    }

    /// The texts of tokens with the indexes of their partners.
    fn table(sql: &str, quoting: Quoting) -> Vec<(&str, Option<usize>)> {
        let entries = cut(sql, quoting).into_iter();
        entries
            .map(|entry| (&sql[entry.token().start..entry.token().end], entry.partner()))
            .collect()
    }

    #[test]
    fn a_token_takes_16_bytes() {
        assert_eq!(size_of::<TokenEntry>(), 16);
        assert_eq!(cut("  -- nothing\n", Quoting::default()).capacity(), 0);
    }

    #[test]
    fn brackets_know_their_partners() {
        let none = Quoting::default();
        let pairs = |sql| -> Vec<_> {
            let table = table(sql, none).into_iter().enumerate();
            table.filter_map(|(index, (_, partner))| Some((index, partner?))).collect()
        };
        assert_eq!(pairs("f(a[1], (b))"), [(1, 10), (3, 5), (5, 3), (7, 9), (9, 7), (10, 1)]);
        assert_eq!(pairs("(()"), [(1, 2), (2, 1)]);
        assert_eq!(pairs("())"), [(0, 1), (1, 0)]);
        assert_eq!(pairs("([)]"), [(0, 2), (1, 3), (2, 0), (3, 1)]);
        assert_eq!(pairs("(((["), []);
    }

    #[test]
    fn names_of_a_source_are_one_token() {
        let both = Quoting { backticks: true, brackets: true };
        let texts: Vec<_> =
            table("a[i][1] `b c`", both).into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts, ["a", "[i]", "[", "1", "]", "`b c`"]);
    }

    #[test]
    fn one_statement_ends_where_it_does() {
        fn first(sql: &str, from: usize) -> &str {
            let (lexing, quoting) = (Lexing::default(), Quoting::default());
            let extent = Extent::Statement;
            let tokens =
                Tokens::cut(sql.as_bytes(), from, lexing, quoting, extent, Vec::new()).unwrap();
            let [first, .., last] = tokens.entries() else { return "" };
            &sql[first.token().start..last.token().end]
        }
        assert_eq!(first("; SELECT 1; SELECT 2", 0), "SELECT 1");
        assert_eq!(first("; SELECT 1; SELECT 2", 10), "SELECT 2");
        assert_eq!(first("SELECT (1; 2); SELECT 3", 0), "SELECT (1; 2)");
        let function = "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE a.end WHEN 1 THEN 2 END; END";
        assert_eq!(first(&format!("{function}; SELECT 1"), 0), function);
        assert_eq!(first("BEGIN; ATOMIC x; END", 7), "ATOMIC x");
    }

    #[test]
    fn long_runs_of_rows_are_one_token() {
        let row = "(1, 'some text', NULL), ";
        let sql = format!("INSERT INTO t VALUES {}(1, now(), 2), (2, 'a', 3)", row.repeat(1000));
        let entries = cut(&sql, Quoting::default());
        assert!(entries.len() < 60, "{}", entries.len());
        let kinds = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
        assert_eq!((kinds(TokenKind::PlainRows), kinds(TokenKind::PlainValues)), (1, 0));
        // Constants with escapes are plain unless one may spell U+0000.
        let rows = |row: &str| format!("INSERT INTO t VALUES {}(1)", row.repeat(1000));
        assert!(cut(&rows(r"(1, E'it\'s \\ text'), "), Quoting::default()).len() < 20);
        assert!(cut(&rows(r"(1, E'some \0 text'), "), Quoting::default()).len() > 6000);
        // In lists that a definition reads they are not.
        let members = "'a', ".repeat(3000);
        let sql = format!("CREATE TABLE t (a ENUM({members}'b'))");
        assert!(cut(&sql, Quoting::default()).len() > 6000);
        let sql = format!("SELECT a IN ({members}'b')");
        assert!(cut(&sql, Quoting::default()).len() < 20);
    }

    #[test]
    fn more_tokens_than_are_kept_are_too_long() {
        let cut = |sql: &str| {
            let (lexing, quoting) = (Lexing::default(), Quoting::default());
            Tokens::cut(sql.as_bytes(), 0, lexing, quoting, Extent::Text, Vec::new()).map(|_| ())
        };
        assert_eq!(cut(&"a ".repeat(TOKENS_MAX)), Ok(()));
        assert_eq!(cut(&"a ".repeat(TOKENS_MAX + 1)), Err(TooManyTokens));
        assert_eq!(cut(&"(".repeat(TOKENS_MAX + 1)), Err(TooManyTokens));
    }
}
