//! Runs of plain constants, as a script of INSERTs has them by the thousand: passed byte by byte where
//! every token in them is one that no reader of types looks at, and taken apart again where their
//! values matter. Knows no statement.
//!
//! For texts in which a backslash is an ordinary character and a quote is always one: standard
//! conforming strings, and no client encoding with ASCII trail bytes.

use std::ops::Range;

use memchr::memchr;

/// A plain constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainKind {
    /// `'text'`, quotes in it doubled.
    Text,
    /// Digits, with a sign or without.
    Integer,
    /// The same with a point.
    Decimal,
    Null,
    Boolean,
    Default,
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
}

/// The run of items behind the comma at `comma`: `, item, item ...`, each of them a plain constant or a
/// list of items in parentheses, the last of them in front of another comma or a parenthesis that
/// closes.
pub(super) fn plain_run(sql: &[u8], comma: usize) -> PlainRun {
    let mut run = PlainRun { end: comma, is_rows: false, looked_at: comma + 1 };
    let (mut depth, mut wants_value, mut item_end) = (0_usize, true, comma);
    let mut kind = None;
    loop {
        let position = run.looked_at;
        let Some(&byte) = sql.get(position) else { return run };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => run.looked_at += 1,
            b',' if !wants_value => {
                if depth == 0 {
                    run.end = item_end;
                }
                wants_value = true;
                run.looked_at += 1;
            }
            b')' if !wants_value => {
                if depth == 0 {
                    run.end = item_end;
                    return run;
                }
                depth -= 1;
                run.looked_at += 1;
                item_end = run.looked_at;
            }
            b'(' if wants_value && (depth > 0 || kind != Some(false)) => {
                kind = Some(true);
                run.is_rows = true;
                depth += 1;
                run.looked_at += 1;
            }
            _ if wants_value && (depth > 0 || kind != Some(true)) => {
                let Some((end, _)) = plain_constant(sql, position) else { return run };
                kind = kind.or(Some(false));
                (wants_value, item_end, run.looked_at) = (false, end, end);
            }
            _ => return run,
        }
    }
}

/// The end and the kind of the plain constant at an offset.
#[inline]
fn plain_constant(sql: &[u8], start: usize) -> Option<(usize, PlainKind)> {
    match sql.get(start)? {
        b'\'' => Some((text_end(sql, start + 1)?, PlainKind::Text)),
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

fn text_end(sql: &[u8], mut position: usize) -> Option<usize> {
    loop {
        position += memchr(b'\'', sql.get(position..)?)? + 1;
        if sql.get(position) != Some(&b'\'') {
            return Some(position);
        }
        position += 1;
    }
}

/// Digits, at least one of them, with one point or none, and in front of what ends a value.
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
        let mut start = None;
        let (mut depth, mut values, mut constant) = (0_usize, 0_usize, None);
        loop {
            let position = self.position;
            let &byte = self.sql.get(..self.end)?.get(position)?;
            self.position += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | b',' => continue,
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {
                    // What ends the last constant may lie behind the inside of a list.
                    let (end, kind) = plain_constant(self.sql, position)?;
                    self.position = end;
                    values += 1;
                    constant = Some((position..end, kind));
                }
            }
            let start = *start.get_or_insert(position);
            if depth == 0 {
                let constant = constant.filter(|_| values == 1);
                return Some(PlainItem { span: start..self.position, constant });
            }
        }
    }
}
