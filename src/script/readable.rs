//! A statement of another engine so that PostgreSQL's lexer finds the same tokens at the same places.

use std::borrow::Cow;

use memchr::memmem;

use super::ClientProgram;
use super::marks::{MarkKind, Marks};

/// A text of the same length whose comments and strings end where `program` ends them: `#` comments are
/// blanks; strings that end elsewhere to PostgreSQL, and `q'[..]'`, are plain ones in single quotes. Their contents are not those of the script; everything else is.
pub fn readable(text: &[u8], program: ClientProgram) -> Cow<'_, [u8]> {
    if !matches!(program, ClientProgram::Mysql | ClientProgram::SqlPlus) {
        return text.into();
    }
    let marks = Marks::of(program);
    let mut copy = Cow::Borrowed(text);
    let mut at = 0;
    while at < text.len() {
        let (kind, end) = marks.next(text, at);
        let here = text.get(at..end).unwrap_or_default();
        let is_foreign = match kind {
            MarkKind::Comment => here.starts_with(b"#"),
            // Its double quotes make a name to PostgreSQL's lexer, which ends where the string does.
            MarkKind::Constant if here.starts_with(b"\"") => memmem::find(here, b"\\\"").is_some(),
            MarkKind::Constant => {
                !here.starts_with(b"'") || here.contains(&b'\\') && !ends_alike(here)
            }
            _ => false,
        };
        if is_foreign && let Some(copied) = copy.to_mut().get_mut(at..end) {
            match kind {
                MarkKind::Comment => copied.fill(b' '),
                _ => make_plain(copied, marks.has_backslash_escapes),
            }
        }
        at = end;
    }
    copy
}

/// Whether a string in single quotes ends where PostgreSQL ends it, to which a backslash is a character.
fn ends_alike(constant: &[u8]) -> bool {
    let [b'\'', inside @ .., b'\''] = constant else { return false };
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\'' && bytes.next() != Some(&b'\'') {
            return false;
        }
    }
    true
}

/// Makes a string constant one in single quotes without anything that escapes but doubled quotes, with as many
/// characters.
fn make_plain(constant: &mut [u8], has_escapes: bool) {
    // The q of q'[..]' becomes a blank.
    let start = usize::from(constant.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'q')));
    if start == 1
        && let Some(first) = constant.first_mut()
    {
        *first = b' ';
    }
    let Some(whole) = constant.get_mut(start..) else { return };
    let quote = whole.first().copied();
    if let Some(first) = whole.first_mut() {
        *first = b'\'';
    }
    let Some((last, front)) = whole.split_last_mut() else { return };
    *last = b'\'';
    let mut at = 1;
    while let Some(&byte) = front.get(at) {
        let next = front.get(at + 1).copied();
        let is_escape = has_escapes && byte == b'\\' && next.is_some_and(|next| next.is_ascii());
        // Two bytes for one character.
        let length = if is_escape || Some(byte) == quote && next == quote { 2 } else { 1 };
        let mask = match length {
            2 => Some(b'\''),
            _ => matches!(byte, b'\'' | b'"' | b'\\').then_some(b'_'),
        };
        if let (Some(mask), Some(masked)) = (mask, front.get_mut(at..at + length)) {
            masked.fill(mask);
        }
        at += length;
    }
}
