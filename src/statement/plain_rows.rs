//! Rows of plain constants, as a script of INSERTs has them by the thousand: passed byte by byte
//! where every token in them is one that no statement looks into. Finds a comma, and no more.

use memchr::memchr;

/// What a byte outside of quotes is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// A blank, or a byte of a number.
    Passed,
    Open,
    Close,
    Comma,
    Quote,
    /// A sign, or a comment if another one follows.
    Minus,
    /// The first letter of one of [`WORDS`].
    Word,
    /// Whatever else.
    Other,
}

const BYTES: [Byte; 256] = bytes();

const fn bytes() -> [Byte; 256] {
    let mut bytes = [Byte::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
        {
            bytes[byte] = match byte as u8 {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | b'0'..=b'9' | b'.' => Byte::Passed,
                b'(' => Byte::Open,
                b')' => Byte::Close,
                b',' => Byte::Comma,
                b'\'' => Byte::Quote,
                b'-' => Byte::Minus,
                b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'd' | b'D' => Byte::Word,
                _ => Byte::Other,
            };
        }
        byte += 1;
    }
    bytes
}

/// Words that are whole values.
const WORDS: [&[u8]; 4] = [b"null", b"true", b"false", b"default"];

/// The last comma that is reached from `start`, the offset of a comma at `depth` parentheses, over
/// nothing but parentheses, numbers without exponents, quoted texts without escapes and the words
/// NULL, TRUE, FALSE and DEFAULT as whole values; with the depth at which it stands. `start` itself
/// if there is no other.
///
/// For texts in which a backslash is an ordinary character and a quote is always one: standard
/// conforming strings, and no client encoding with ASCII trail bytes.
pub(super) fn last_comma(sql: &[u8], start: usize, depth: usize) -> (usize, usize) {
    let mut last = (start, depth);
    let (mut position, mut depth) = (start + 1, depth);
    while let Some(&byte) = sql.get(position) {
        match BYTES.get(usize::from(byte)).copied().unwrap_or(Byte::Other) {
            Byte::Passed => {}
            Byte::Comma => last = (position, depth),
            Byte::Open => depth += 1,
            Byte::Close if depth > 0 => depth -= 1,
            Byte::Quote => match memchr(b'\'', sql.get(position + 1..).unwrap_or_default()) {
                Some(length) => position += length + 1,
                None => return last,
            },
            Byte::Minus if sql.get(position + 1) != Some(&b'-') => {}
            Byte::Word => match word_length(sql.get(position..).unwrap_or_default()) {
                Some(length) => position += length - 1,
                None => return last,
            },
            Byte::Close | Byte::Minus | Byte::Other => return last,
        }
        position += 1;
    }
    last
}

/// The length of the word in front if it is a whole value.
fn word_length(rest: &[u8]) -> Option<usize> {
    let stands = |word: &&[u8]| {
        matches!(rest.get(word.len()), Some(b',' | b')'))
            && rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    WORDS.into_iter().find(stands).map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statement::Lexing;
    use crate::statement::lexer::{Lexer, TokenKind};

    #[test]
    fn rows_of_constants_are_passed_up_to_what_may_matter() {
        fn reach(sql: &str) -> (&str, usize) {
            let (at, depth) = last_comma(sql.as_bytes(), sql.find(',').unwrap(), 1);
            (&sql[at..], depth)
        }
        assert_eq!(reach("1, 'a''b', -2.5), (3, NULL, tRUE), (4, 'x'"), (", 'x'", 1));
        assert_eq!(reach("1, 2), (3, 'a'::char)"), (", 'a'::char)", 1));
        assert_eq!(reach("1, 2), (3, E'a', 4)"), (", E'a', 4)", 1));
        assert_eq!(reach("1, 2), (3, now(), 4)"), (", now(), 4)", 1));
        assert_eq!(reach("1, 2), (3) -- , 4\n"), (", (3) -- , 4\n", 0));
        assert_eq!(reach("1, 2)), (3, 4)"), (", 2)), (3, 4)", 1));
        assert_eq!(reach("1, nulls, 2"), (", nulls, 2", 1));
        assert_eq!(reach("1, null 'x', 2"), (", null 'x', 2", 1));
        assert_eq!(reach("1, 'a, 2"), (", 'a, 2", 1));
        assert_eq!(reach("1, 2, "), (", ", 1));
    }

    proptest! {
        /// What is passed is cut into the tokens of the lexer, all of them of no interest.
        #[test]
        fn nothing_but_plain_tokens_is_passed(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    ",", "(", ")", "1", "2.5", "-", "+", " ", "\n", "'a'", "''", "'", "null", "true",
                    "default", "e", "::", "a", "--", "/*", "*/", ";", "\"", "$$", "'x' ", ".", "E'",
                    "), (", ", ",
                ]),
                0..40,
            ),
            depth in 0_usize..3,
        ) {
            let sql = format!(",{}", pieces.concat());
            let (until, reached) = last_comma(sql.as_bytes(), 0, depth);
            let mut counted = depth;
            let mut lexer = Lexer::new(sql.as_bytes(), Lexing::default());
            let mut token = lexer.token();
            while token.start < until {
                match token.kind {
                    TokenKind::Open => counted += 1,
                    TokenKind::Close => counted = counted.checked_sub(1).unwrap(),
                    TokenKind::Word => {
                        let word = lexer.bytes(token).to_ascii_lowercase();
                        prop_assert!(WORDS.contains(&word.as_slice()), "{sql:?}");
                    }
                    TokenKind::Operator => prop_assert_eq!(lexer.bytes(token), b"-"),
                    TokenKind::Other => prop_assert_eq!(lexer.bytes(token), b".."),
                    kind => prop_assert!(matches!(
                        kind,
                        TokenKind::Comma | TokenKind::Number | TokenKind::Text | TokenKind::Dot
                    ), "{kind:?} in {sql:?}"),
                }
                token = lexer.token();
            }
            prop_assert_eq!((token.kind, token.start), (TokenKind::Comma, until), "{:?}", sql);
            prop_assert_eq!(counted, reached);
        }
    }
}
