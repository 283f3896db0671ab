//! How far a string, a quoted name or a comment goes, by the rules of an engine.

use super::ClientProgram;

/// The quotes and comments of an engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// Whether a backslash escapes in `'..'`.
    pub(super) has_backslash_escapes: bool,
    /// Whether `".."` is a string, in which a backslash escapes.
    pub(super) has_double_quoted_strings: bool,
    has_backticks: bool,
    has_brackets: bool,
    has_hash_comments: bool,
    /// Whether `--` is a comment only in front of a blank.
    needs_blank_behind_dashes: bool,
    nests_comments: bool,
    has_dollar_quotes: bool,
    /// Whether `q'[..]'` is a string.
    has_q_quotes: bool,
}

/// What begins at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// A blank.
    Blank,
    /// A comment.
    Comment,
    /// A string constant, with its prefix.
    Constant,
    /// A quoted name.
    QuotedName,
    /// A word: a name, a keyword, a number.
    Word,
    /// Any other byte.
    Other,
}

impl Marks {
    /// Those of the engine that a program is for.
    pub(super) fn of(program: ClientProgram) -> Marks {
        let mysql = program == ClientProgram::Mysql;
        let transact = matches!(program, ClientProgram::Sqlcmd | ClientProgram::Isql);
        Marks {
            has_backslash_escapes: mysql,
            has_double_quoted_strings: mysql,
            has_backticks: mysql,
            has_brackets: transact,
            has_hash_comments: mysql,
            needs_blank_behind_dashes: mysql,
            nests_comments: transact || matches!(program, ClientProgram::Psql | ClientProgram::Db2),
            has_dollar_quotes: program == ClientProgram::Psql,
            has_q_quotes: program == ClientProgram::SqlPlus,
        }
    }

    /// What begins at `at`, and where it ends: behind `at`, and at the end of the text at most. What is
    /// not ended goes to the end of the text.
    pub(super) fn next(&self, text: &[u8], at: usize) -> (MarkKind, usize) {
        let byte = |offset: usize| text.get(at + offset).copied();
        let Some(first) = byte(0) else { return (MarkKind::Other, text.len()) };
        let line_end = || end_of_line(text, at);
        match (first, byte(1)) {
            (b, _) if b.is_ascii_whitespace() => (MarkKind::Blank, at + 1),
            (b'-', Some(b'-')) if self.is_dash_comment(byte(2)) => (MarkKind::Comment, line_end()),
            (b'#', _) if self.has_hash_comments => (MarkKind::Comment, line_end()),
            (b'/', Some(b'*')) => (MarkKind::Comment, self.comment_end(text, at + 2)),
            (b'\'', _) => {
                (MarkKind::Constant, quoted(text, at + 1, b'\'', self.has_backslash_escapes))
            }
            (b'"', _) if self.has_double_quoted_strings => {
                (MarkKind::Constant, quoted(text, at + 1, b'"', true))
            }
            (b'"', _) => (MarkKind::QuotedName, quoted(text, at + 1, b'"', false)),
            (b'`', _) if self.has_backticks => {
                (MarkKind::QuotedName, quoted(text, at + 1, b'`', false))
            }
            (b'[', _) if self.has_brackets => {
                (MarkKind::QuotedName, quoted(text, at + 1, b']', false))
            }
            (b'e' | b'E', Some(b'\'')) if self.has_dollar_quotes => {
                (MarkKind::Constant, quoted(text, at + 2, b'\'', true))
            }
            (b'q' | b'Q', Some(b'\'')) if self.has_q_quotes => {
                (MarkKind::Constant, q_quoted(text, at + 2))
            }
            (b'$', _) if self.has_dollar_quotes => match dollar_quoted(text, at) {
                Some(end) => (MarkKind::Constant, end),
                None => (MarkKind::Other, at + 1),
            },
            (b, _) if is_word(b) => {
                let rest = text.get(at..).unwrap_or_default();
                let length = rest.iter().take_while(|b| is_word(**b) || **b == b'$').count();
                (MarkKind::Word, at + length)
            }
            _ => (MarkKind::Other, at + 1),
        }
    }

    fn is_dash_comment(&self, behind: Option<u8>) -> bool {
        !self.needs_blank_behind_dashes || behind.is_none_or(|byte| byte.is_ascii_whitespace())
    }

    fn comment_end(&self, text: &[u8], start: usize) -> usize {
        let (mut at, mut open) = (start, 1_usize);
        while let Some(pair) = text.get(at..at + 2) {
            match pair {
                b"*/" => {
                    (open, at) = (open - 1, at + 2);
                    if open == 0 {
                        return at;
                    }
                }
                b"/*" if self.nests_comments => (open, at) = (open + 1, at + 2),
                _ => at += 1,
            }
        }
        text.len()
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// The end of the line, its line break left out.
pub(super) fn end_of_line(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

/// Behind the quote that ends what began before `at`; a quote that stands twice is one of the text.
fn quoted(text: &[u8], mut at: usize, quote: u8, has_escapes: bool) -> usize {
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte == b'\\' && has_escapes {
            at += 1;
        } else if byte == quote {
            if text.get(at) != Some(&quote) {
                return at;
            }
            at += 1;
        }
    }
    text.len()
}

/// Behind the end of `q'[..]'`, whose `[` is at `at`.
fn q_quoted(text: &[u8], at: usize) -> usize {
    let close = match text.get(at) {
        Some(b'[') => b']',
        Some(b'(') => b')',
        Some(b'{') => b'}',
        Some(b'<') => b'>',
        Some(other) => *other,
        None => return text.len(),
    };
    let rest = text.get(at + 1..).unwrap_or_default();
    let found = rest.windows(2).position(|pair| pair == [close, b'\'']);
    found.map_or(text.len(), |length| at + 1 + length + 2)
}

/// Behind the end of `$tag$..$tag$`; `None` if no dollar quote begins here.
fn dollar_quoted(text: &[u8], at: usize) -> Option<usize> {
    // Behind a word a dollar is a part of the name.
    if at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let length = rest.iter().take_while(|byte| is_word(**byte)).count();
    if rest.get(length) != Some(&b'$') || rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let tag = text.get(at..at + length + 2)?;
    let body = text.get(at + tag.len()..)?;
    let end = memchr::memmem::find(body, tag).map_or(body.len(), |found| found + tag.len());
    Some(at + tag.len() + end)
}
