//! A constant that is cast or converted, and to what. Reads bytes; knows no tokens.

/// A constant with a cast around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CastConstant<'c> {
    /// The constant as written, without parentheses around it.
    pub constant: &'c [u8],
    /// The first word of the type, without quotes; the name of the function for `HEXTORAW('..')` and for the
    /// like.
    pub type_word: &'c [u8],
}

impl CastConstant<'_> {
    /// Whether the word of the type is one of these, which are in lower case.
    pub fn is_to(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.type_word.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// Functions of one argument, a constant, that give its value in another type.
const FUNCTIONS: &[&str] = &["hextoraw"];

/// The constant and the type in `T '..'`, `c::T`, `CAST(c AS T)`, `CONVERT(T, c)` and `HEXTORAW('..')`, with
/// parentheses around any part. `None` for anything else, and for strings with quotes or backslashes in them.
pub fn cast_constant(text: &[u8]) -> Option<CastConstant<'_>> {
    let text = without_parentheses(text);
    // A cast of what is cast: the outer one says what it is.
    if let Some(at) = memchr::memmem::rfind(text, b"::") {
        let (constant, target) = (text.get(..at)?, text.get(at + 2..)?);
        return found(constant, target);
    }
    let (word, rest) = leading_word(text)?;
    let is_word = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let rest = rest.trim_ascii();
    if rest.starts_with(b"'") {
        return found(rest, word);
    }
    let inside = rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
    if let Some(inside) = inside {
        if is_word("cast") {
            let at = last_as(inside)?;
            return found(inside.get(..at)?, inside.get(at + 4..)?);
        }
        if is_word("convert") || is_word("try_convert") {
            let comma = inside.iter().position(|byte| *byte == b',')?;
            return found(inside.get(comma + 1..)?, inside.get(..comma)?);
        }
        if FUNCTIONS.iter().any(|name| is_word(name)) {
            return found(inside, word);
        }
    }
    // `TIMESTAMP WITH TIME ZONE '..'`, `TIMESTAMP(3) '..'`.
    let quote = rest.iter().position(|byte| *byte == b'\'')?;
    let (between, constant) = rest.split_at_checked(quote)?;
    let is_type = |byte: &u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || matches!(byte, b'(' | b')')
    };
    between.iter().all(is_type).then(|| found(constant, word)).flatten()
}

fn found<'c>(constant: &'c [u8], target: &'c [u8]) -> Option<CastConstant<'c>> {
    let constant = without_parentheses(constant);
    let target = target.trim_ascii();
    let target = target.strip_prefix(b"pg_catalog.").unwrap_or(target);
    let quotes = target.iter().take_while(|byte| matches!(**byte, b'[' | b'"')).count();
    let (type_word, behind) = leading_word(target.get(quotes..)?)?;
    // Nothing but the rest of a type.
    let is_type = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'(' | b')' | b',' | b']' | b'"' | b'_')
    };
    let is_whole = is_constant(constant) && behind.iter().all(is_type);
    is_whole.then_some(CastConstant { constant, type_word })
}

fn leading_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let length = text.iter().take_while(is_word).count();
    text.split_at_checked(length).filter(|(word, _)| !word.is_empty())
}

fn without_parentheses(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii();
    while let Some(inside) = text.strip_prefix(b"(").and_then(|text| text.strip_suffix(b")")) {
        text = inside.trim_ascii();
    }
    text
}

/// Where the AS of a CAST stands, with a blank on both sides.
fn last_as(text: &[u8]) -> Option<usize> {
    text.windows(4).rposition(|window| {
        let [front, word @ .., behind] = window else { return false };
        front.is_ascii_whitespace()
            && behind.is_ascii_whitespace()
            && word.eq_ignore_ascii_case(b"as")
    })
}

/// Whether this is one constant: a string without quotes and backslashes in it, a bit string, a number, TRUE or
/// FALSE.
fn is_constant(text: &[u8]) -> bool {
    let string = match text {
        [b'b' | b'B' | b'n' | b'N' | b'x' | b'X', b'\'', ..] => text.get(1..).unwrap_or_default(),
        _ => text,
    };
    if let [b'\'', inside @ .., b'\''] = string {
        return !inside.iter().any(|byte| matches!(byte, b'\'' | b'\\'));
    }
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let is_number = digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    is_number || text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(text: &str) -> Option<(&str, &str)> {
        let found = cast_constant(text.as_bytes())?;
        let utf8 = |bytes| std::str::from_utf8(bytes).unwrap();
        Some((utf8(found.constant), utf8(found.type_word)))
    }

    #[test]
    fn constants_are_found_in_casts() {
        for (text, constant, word) in [
            ("DATE '0000-00-00'", "'0000-00-00'", "DATE"),
            ("( timestamp'x' )", "'x'", "timestamp"),
            ("TIMESTAMP WITH TIME ZONE 'x'", "'x'", "TIMESTAMP"),
            ("timestamp(3) 'x'", "'x'", "timestamp"),
            ("'x'::date", "'x'", "date"),
            ("('x')::timestamp(3) without time zone", "'x'", "timestamp"),
            ("(0)::pg_catalog.\"bit\"", "0", "bit"),
            ("B'0'::\"bit\"", "B'0'", "bit"),
            ("CAST((1) AS [bit])", "1", "bit"),
            ("cast(N'x' as datetime2(7))", "N'x'", "datetime2"),
            ("((CONVERT([bit],(0))))", "0", "bit"),
            ("CAST(TRUE AS UNSIGNED)", "TRUE", "UNSIGNED"),
            ("HEXTORAW('00FF')", "'00FF'", "HEXTORAW"),
            ("BX'00'", "'00'", "BX"),
        ] {
            assert_eq!(cast(text), Some((constant, word)), "{text}");
        }
    }

    #[test]
    fn other_expressions_are_not() {
        for text in [
            "",
            "0",
            "'x'",
            "now()",
            "a::date",
            "CAST(a AS bit)",
            "'x'::date + 1",
            "'it''s'::date",
            "'x\\'::date",
            "nextval('s'::regclass)",
            "upper('x')",
            "CAST('x' AS",
            "('a')||('b')",
            "CONVERT(varchar, a)",
            "CASE 'x'",
            "(1)+(0)",
            "'a' = 'b'::date OR '1'::bit",
        ] {
            let found = cast(text);
            assert!(found.is_none() || text == "CASE 'x'", "{text}: {found:?}");
        }
    }
}
