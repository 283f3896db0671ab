//! The elements of an ARRAY constructor of constants. Reads bytes; knows no tokens.

use std::ops::Range;

/// Where the elements of `ARRAY[..]` stand in the text of an expression that is nothing else but casts and parentheses
/// around it; of arrays in it, theirs. None of any other expression, and of one with lists of arguments, comments,
/// backslashes, quoted names or letters beyond ASCII in it.
pub fn array_elements(text: &[u8]) -> Vec<Range<usize>> {
    elements(text).unwrap_or_default()
}

fn elements(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let is_dollar_quote = |pair: &[u8]| pair.first() == Some(&b'$') && !ends_in_digit(pair);
    let is_odd = |byte: &u8| !byte.is_ascii() || matches!(byte, b'\\' | b'"');
    let is_comment = |pair: &[u8]| matches!(pair, b"--" | b"/*");
    if text.iter().any(is_odd)
        || text.windows(2).any(|pair| is_comment(pair) || is_dollar_quote(pair))
    {
        return None;
    }
    let open = text.iter().position(|byte| *byte == b'[')?;
    if !is_front(text.get(..open)?) {
        return None;
    }
    let mut found = Vec::new();
    let (mut is_quoted, mut is_behind_array) = (false, false);
    let mut start = open + 1;
    for (at, byte) in text.iter().enumerate().skip(start) {
        is_quoted ^= *byte == b'\'';
        if is_quoted || !matches!(byte, b'[' | b']' | b',') {
            continue;
        }
        let piece = text.get(start..at)?.trim_ascii();
        let may_stay = match (is_behind_array, byte) {
            (true, _) => is_back(piece),
            // Another array, or the brackets of a type.
            (false, b'[') => {
                let is_type = memchr::memmem::find(piece, b"::").is_some() && is_closed(piece);
                piece.is_empty() || piece.eq_ignore_ascii_case(b"array") || is_type
            }
            (false, _) => is_closed(piece),
        };
        if !may_stay {
            return None;
        }
        if !is_behind_array && *byte != b'[' {
            found.extend(trimmed(text, start..at));
        }
        (start, is_behind_array) = (at + 1, *byte == b']');
    }
    (is_behind_array && !is_quoted && is_back(text.get(start..)?)).then_some(found)
}

/// Whether its parentheses are balanced. Otherwise it is only a part of a list of arguments.
fn is_closed(piece: &[u8]) -> bool {
    let count = |wanted: u8| piece.iter().filter(|byte| **byte == wanted).count();
    count(b'(') == count(b')')
}

fn ends_in_digit(pair: &[u8]) -> bool {
    pair.last().is_some_and(u8::is_ascii_digit)
}

/// Whether this is `ARRAY`, with nothing in front but parentheses and `CAST (`.
fn is_front(front: &[u8]) -> bool {
    let words = front.split(|byte| byte.is_ascii_whitespace() || *byte == b'(');
    let mut words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    let is_array = words.pop().is_some_and(|word| word.eq_ignore_ascii_case(b"array"));
    is_array && words.iter().all(|word| word.eq_ignore_ascii_case(b"cast"))
}

/// Whether nothing is here but casts and parentheses.
fn is_back(back: &[u8]) -> bool {
    let is_type = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b':' | b'.' | b'_' | b'[' | b']' | b'(' | b')')
    };
    back.iter().all(is_type)
}

/// The span without blanks around it, if it is not empty.
fn trimmed(text: &[u8], span: Range<usize>) -> Option<Range<usize>> {
    let inside = text.get(span.clone())?;
    let start = span.start + inside.len() - inside.trim_ascii_start().len();
    let end = start + inside.trim_ascii().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found() {
        for (text, expected) in [
            ("ARRAY['a', 'b']", &["'a'", "'b'"][..]),
            ("array [ 'a,]' ,NULL]::date[]", &["'a,]'", "NULL"]),
            (
                "(CAST(ARRAY[DATE 'a', CAST('b' AS date)] AS pg_catalog.date[]))",
                &["DATE 'a'", "CAST('b' AS date)"],
            ),
            ("ARRAY[ARRAY['a'], ARRAY['b', f(1)]]", &["'a'", "'b'", "f(1)"]),
            ("ARRAY[['a'], ['b'::date]]", &["'a'", "'b'::date"]),
            ("ARRAY[ARRAY['a']::date[], 'b']", &["'a'", "'b'"]),
            ("ARRAY[$1, 'it''s']", &["$1", "'it''s'"]),
            ("ARRAY[]::date[]", &[]),
        ] {
            let found = array_elements(text.as_bytes()).into_iter();
            assert_eq!(found.map(|span| &text[span]).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_array_of_constants_has_none() {
        for text in [
            "",
            "x['a']",
            "f(ARRAY['a'])",
            "ARRAY['a'] || x",
            "ARRAY['a', 'b'",
            "ARRAY['a]",
            "ARRAY[x[1]]",
            "ARRAY[f('x', 'a', 'y')]",
            "ARRAY[f(ARRAY['x'], 'a', 'y')]",
            "ARRAY['a'] || f('x')",
            "ARRAY['a'] = ARRAY['b']",
            "ARRAY['a' /* ] */]",
            "ARRAY['a', $$]$$]",
            "ARRAY['a', E'\\'']",
            "ARRAY['a', \"]\"]",
            "ARRAY['\u{e4}']",
            "'{a}'",
        ] {
            assert!(array_elements(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
