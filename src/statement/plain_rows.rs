//! Runs of plain constants, as a script of INSERTs has them by the thousand: passed byte by byte where
//! every token in them is one that no reader of types looks at, and taken apart again where their
//! values matter. Knows no statement.
//!
//! For texts in which a backslash is an ordinary character and a quote is always one: standard
//! conforming strings, and no client encoding with ASCII trail bytes.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::constant::may_be_nul;
use super::constant_kinds::ConstantKinds;
use super::nesting::Nesting;

/// A plain constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainKind {
    /// `'text'`, quotes in it doubled.
    Text,
    /// `E'text'` without an escape that may spell U+0000.
    EscapeText,
    /// Digits, with a sign or without.
    Integer,
    /// The same with a point.
    Decimal,
    Null,
    Boolean,
    Default,
}

impl From<PlainKind> for ConstantKinds {
    fn from(kind: PlainKind) -> ConstantKinds {
        match kind {
            PlainKind::Text | PlainKind::EscapeText => ConstantKinds::STRING,
            PlainKind::Integer => ConstantKinds::INTEGER,
            PlainKind::Boolean => ConstantKinds::BOOLEAN,
            PlainKind::Decimal | PlainKind::Null | PlainKind::Default => ConstantKinds::default(),
        }
    }
}

/// Words that are whole values.
const WORDS: [(&[u8], PlainKind); 4] = [
    (b"null", PlainKind::Null),
    (b"true", PlainKind::Boolean),
    (b"false", PlainKind::Boolean),
    (b"default", PlainKind::Default),
];

/// What [`plain_run`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainRun {
    /// Behind the last item of the run; the offset of the comma if there is none.
    pub(super) end: usize,
    /// Whether its items are lists in parentheses. Otherwise none of them is.
    pub(super) is_rows: bool,
    /// How far the text was looked at; never before `end`.
    pub(super) looked_at: usize,
    /// The kinds of the constants up to there.
    pub(super) kinds: ConstantKinds,
}

/// The run of items behind the comma at `comma`: `, item, item ...`, each of them a plain constant or a
/// list of items in parentheses, the last of them in front of another comma or a parenthesis that
/// closes.
pub(super) fn plain_run(sql: &[u8], comma: usize) -> PlainRun {
    let start = blanks_end(sql, comma + 1);
    let is_rows = sql.get(start) == Some(&b'(');
    let kinds = ConstantKinds::default();
    let mut run = PlainRun { end: comma, is_rows, looked_at: start, kinds };
    loop {
        let end = if is_rows { list_end } else { value_end };
        let item = end(sql, run.looked_at, &mut run.kinds);
        let item_end = match item {
            Ok(end) => end,
            Err(looked_at) => return PlainRun { looked_at, ..run },
        };
        run.looked_at = blanks_end(sql, item_end);
        match sql.get(run.looked_at) {
            Some(b',') => run.end = item_end,
            Some(b')') => return PlainRun { end: item_end, ..run },
            _ => return run,
        }
        run.looked_at = blanks_end(sql, run.looked_at + 1);
    }
}

#[inline]
fn blanks_end(sql: &[u8], mut position: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C) = sql.get(position) {
        position += 1;
    }
    position
}

/// The end of the plain constant at an offset, whose kind is added to others; an error with the offset where it is none.
#[inline]
fn value_end(sql: &[u8], position: usize, kinds: &mut ConstantKinds) -> Result<usize, usize> {
    let (end, kind) = plain_constant(sql, position).ok_or(position)?;
    *kinds |= kind.into();
    Ok(end)
}

/// The end of the list of items in parentheses at an offset; an error with the offset of what is none.
fn list_end(sql: &[u8], mut position: usize, kinds: &mut ConstantKinds) -> Result<usize, usize> {
    let mut lists = Nesting::OUTSIDE;
    loop {
        // An item.
        if sql.get(position) == Some(&b'(') {
            lists.open();
            position = blanks_end(sql, position + 1);
            continue;
        }
        if lists.is_outside() {
            return Err(position);
        }
        position = value_end(sql, position, kinds)?;
        // What is behind it, and behind the lists that it ends.
        loop {
            position = blanks_end(sql, position);
            match sql.get(position) {
                Some(b',') => {
                    position = blanks_end(sql, position + 1);
                    break;
                }
                Some(b')') => {
                    lists.close();
                    position += 1;
                    if lists.is_outside() {
                        return Ok(position);
                    }
                }
                _ => return Err(position),
            }
        }
    }
}

/// The end and the kind of the plain constant at an offset.
#[inline]
fn plain_constant(sql: &[u8], start: usize) -> Option<(usize, PlainKind)> {
    match sql.get(start)? {
        b'\'' => Some((text_end(sql, start + 1)?, PlainKind::Text)),
        b'e' | b'E' if sql.get(start + 1) == Some(&b'\'') => {
            Some((escape_text_end(sql, start + 2)?, PlainKind::EscapeText))
        }
        b'0'..=b'9' | b'.' => number(sql, start),
        b'-' => number(sql, start + 1),
        _ => {
            let rest = sql.get(start..).unwrap_or_default();
            let stands = |word: &[u8]| {
                matches!(rest.get(word.len()), Some(b',' | b')'))
                    && rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            };
            let (word, kind) = WORDS.into_iter().find(|(word, _)| stands(word))?;
            Some((start + word.len(), kind))
        }
    }
}

#[inline]
fn text_end(sql: &[u8], mut position: usize) -> Option<usize> {
    loop {
        position += memchr(b'\'', sql.get(position..)?)? + 1;
        if sql.get(position) != Some(&b'\'') {
            return Some(position);
        }
        position += 1;
    }
}

/// The same for a text with escapes, none of which may spell U+0000 or is one of a byte beyond ASCII.
fn escape_text_end(sql: &[u8], mut position: usize) -> Option<usize> {
    loop {
        position += memchr2(b'\\', b'\'', sql.get(position..)?)? + 1;
        match (sql.get(position - 1)?, sql.get(position..)?) {
            (b'\\', escape) if may_be_nul(escape) => return None,
            (b'\\', [0..=0x7F, ..]) | (b'\'', [b'\'', ..]) => position += 1,
            (b'\\', _) => return None,
            _ => return Some(position),
        }
    }
}

/// Digits, at least one of them, with one point or none, and in front of what ends a value.
#[inline]
fn number(sql: &[u8], start: usize) -> Option<(usize, PlainKind)> {
    let (mut end, mut digits, mut kind) = (start, 0_usize, PlainKind::Integer);
    loop {
        match sql.get(end)? {
            b'0'..=b'9' => digits += 1,
            b'.' if kind == PlainKind::Integer => kind = PlainKind::Decimal,
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b')' if digits > 0 => return Some((end, kind)),
            _ => return None,
        }
        end += 1;
    }
}

/// An item of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainItem {
    /// All of it, with its parentheses.
    pub(super) span: Range<usize>,
    /// The constant that it is, parentheses around it apart.
    pub(super) constant: Option<(Range<usize>, PlainKind)>,
}

/// The items of a run, or of the inside of one that is a list.
pub(super) struct PlainItems<'a> {
    sql: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> PlainItems<'a> {
    /// `span` is that of a run, or of what an item of one has between its parentheses.
    pub(super) fn new(sql: &'a [u8], span: Range<usize>) -> PlainItems<'a> {
        PlainItems { sql, position: span.start, end: span.end }
    }
}

impl Iterator for PlainItems<'_> {
    type Item = PlainItem;

    fn next(&mut self) -> Option<PlainItem> {
        let run = self.sql.get(..self.end)?;
        let mut start = blanks_end(run, self.position);
        if run.get(start) == Some(&b',') {
            start = blanks_end(run, start + 1);
        }
        // What ends the last constant may lie behind the inside of a list.
        let (end, constant) = match run.get(start)? {
            b'(' => {
                let end = list_end(self.sql, start, &mut ConstantKinds::default()).ok()?;
                (end, only_constant(self.sql, start))
            }
            _ => plain_constant(self.sql, start)
                .map(|(end, kind)| (end, Some((start..end, kind))))?,
        };
        self.position = end;
        Some(PlainItem { span: start..end, constant })
    }
}

/// The constant that the list at an offset is, parentheses around it apart.
fn only_constant(sql: &[u8], list: usize) -> Option<(Range<usize>, PlainKind)> {
    let (mut start, mut opened) = (list, 0_usize);
    while sql.get(start) == Some(&b'(') {
        start = blanks_end(sql, start + 1);
        opened += 1;
    }
    let (end, kind) = plain_constant(sql, start)?;
    let mut behind = blanks_end(sql, end);
    for _ in 0..opened {
        // In front of the last of them another value may stand.
        if sql.get(behind) != Some(&b')') {
            return None;
        }
        behind = blanks_end(sql, behind + 1);
    }
    Some((start..end, kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statement::Lexing;
    use crate::statement::lexer::{Lexer, TokenKind};

    /// What is passed from the first comma on, and what stopped it.
    fn passed(sql: &str) -> (&str, bool, &str) {
        let comma = sql.find(',').unwrap();
        let run = plain_run(sql.as_bytes(), comma);
        (&sql[comma..run.end], run.is_rows, &sql[run.looked_at..])
    }

    #[test]
    fn runs_end_with_the_last_whole_item() {
        for (sql, run, is_rows, rest) in [
            ("(1), (2, 'a''b'), (-3.5, NULL), (f())", ", (2, 'a''b'), (-3.5, NULL)", true, "f())"),
            ("(1), (2), ((3), (4, 5)) , (6);", ", (2), ((3), (4, 5))", true, ";"),
            ("1, 'a', -2.5, tRUE, default)", ", 'a', -2.5, tRUE, default", false, ")"),
            ("1, 2, (3), 4)", ", 2", false, "(3), 4)"),
            ("(1), (2), 3)", ", (2)", true, "3)"),
            ("1, 2, 'a'::text)", ", 2", false, "::text)"),
            ("1, 2, 'a'\n'b')", ", 2", false, "'b')"),
            ("1, 2, 3 -- , 4\n)", ", 2", false, "-- , 4\n)"),
            (r"1, E'a\'''b', e'\\', 2)", r", E'a\'''b', e'\\', 2", false, ")"),
            (r"1, 2, E'\0')", ", 2", false, r"E'\0')"),
            (r"1, 2, E'\u0041')", ", 2", false, r"E'\u0041')"),
            ("1, 2, E'\\\u{e4}')", ", 2", false, "E'\\\u{e4}')"),
            (r"1, 2, E'a\')", ", 2", false, r"E'a\')"),
            ("1, 2, nulls)", ", 2", false, "nulls)"),
            ("1, 2, null 'x')", ", 2", false, "null 'x')"),
            ("1, 2, 3e5)", ", 2", false, "3e5)"),
            ("1, 2, 0x1F)", ", 2", false, "0x1F)"),
            ("1, 2, - 3)", ", 2", false, "- 3)"),
            ("1, 2, --3\n)", ", 2", false, "--3\n)"),
            ("1, 2, 1.2.3)", ", 2", false, "1.2.3)"),
            ("1, 2,, 3)", ", 2", false, ", 3)"),
            ("1, 2, 'a", ", 2", false, "'a"),
            ("(1), (), (2)", "", true, "), (2)"),
            ("(1), (2,), (2)", "", true, "), (2)"),
            ("1, 2", "", false, "2"),
        ] {
            assert_eq!(passed(sql), (run, is_rows, rest), "{sql}");
        }
    }

    #[test]
    fn items_are_taken_apart() {
        let sql = ", (1, 'a,)') , ((2)), ((3, 4)),('''')";
        let items: Vec<_> = PlainItems::new(sql.as_bytes(), 0..sql.len()).collect();
        let spans: Vec<_> = items.iter().map(|item| &sql[item.span.clone()]).collect();
        assert_eq!(spans, ["(1, 'a,)')", "((2))", "((3, 4))", "('''')"]);
        let constants: Vec<_> = items
            .into_iter()
            .map(|item| item.constant.map(|(span, kind)| (&sql[span], kind)))
            .collect();
        let text = Some(("''''", PlainKind::Text));
        assert_eq!(constants, [None, Some(("2", PlainKind::Integer)), None, text]);
        let inside = "NULL, -1.5,DEFAULT, 'x', E'y')";
        let kinds: Vec<_> = PlainItems::new(inside.as_bytes(), 0..inside.len() - 1)
            .map(|item| item.constant.unwrap().1)
            .collect();
        use PlainKind::{Decimal, Default, EscapeText, Null, Text};
        assert_eq!(kinds, [Null, Decimal, Default, Text, EscapeText]);
    }

    proptest! {
        /// What is passed is cut into plain tokens by the lexer, and taken apart at the same places.
        #[test]
        fn nothing_but_plain_tokens_is_passed(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    ",", "(", ")", "1", "2.5", "-", "+", " ", "\n", "'a'", "''", "'", "null", "true",
                    "default", "e", "::", "a", "\\", "E'\\", "\\'", "E'a\\tb'", "--", "/*", "*/", ";", "\"", "$$", "'x' ", ".", "E'",
                    "), (", ", ", "(1, 2), ", "'a', ",
                ]),
                0..40,
            ),
        ) {
            let sql = format!(",{}", pieces.concat());
            let run = plain_run(sql.as_bytes(), 0);
            prop_assert!(run.looked_at >= run.end);
            let (mut depth, mut commas, mut behind) = (0_usize, 0_usize, None);
            for token in Lexer::new(sql.as_bytes(), Lexing::default()) {
                if token.start >= run.end {
                    behind = Some(token.kind);
                    break;
                }
                prop_assert!(token.end <= run.end, "{sql:?}");
                match token.kind {
                    TokenKind::Open => depth += 1,
                    TokenKind::Close => depth = depth.checked_sub(1).unwrap(),
                    TokenKind::Comma => commas += usize::from(depth == 0),
                    kind => prop_assert!(matches!(
                        kind,
                        TokenKind::Number
                            | TokenKind::Text
                            | TokenKind::EscapeText
                            | TokenKind::Word
                            | TokenKind::Operator
                    ), "{kind:?} in {sql:?}"),
                }
            }
            prop_assert_eq!(depth, 0, "{:?}", sql);
            let is_empty = run.end == 0;
            let ends = matches!(behind, Some(TokenKind::Comma | TokenKind::Close));
            prop_assert!(is_empty || ends, "{behind:?} behind {run:?} in {sql:?}");
            let items = PlainItems::new(sql.as_bytes(), 0..run.end);
            prop_assert_eq!(items.count(), commas, "{:?}", sql);
        }
    }
}
