//! Names and types against patterns with wildcards. Knows bytes only.

/// Whether `text` is what `pattern` describes: `*` and `%` stand for any run of bytes, also none.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut rest) = (pattern, text);
    // Behind the last wildcard, and what was left of the text when it was met.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (at, rest) {
            ([b'*' | b'%', behind @ ..], _) => {
                retry = Some((behind, rest));
                at = behind;
            }
            ([want, behind @ ..], [byte, others @ ..]) if want == byte => {
                at = behind;
                rest = others;
            }
            ([], []) => return true,
            _ => {
                let Some((behind, [_, others @ ..])) = retry else { return false };
                retry = Some((behind, others));
                at = behind;
                rest = others;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_stand_for_any_run() {
        for (pattern, text) in
            [("", ""), ("*", ""), ("%", "abc"), ("a*c", "abbc"), ("a*b*", "aXbYb"), ("*a", "aa")]
        {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", ""), ("a*c", "abcd"), ("*ab", "aab c"), ("A", "a")]
        {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }
}
