//! Whether a value is what its declared type would have taken, where it goes into a text column as it is. Knows
//! no messages.

use crate::encoding::Encoding;
use crate::value::judge::{TimestampFault, ValueRefusal, timestamp_fault};

/// Refuses a JSON text that `jsonb` would not take: SQLSTATE 22P02. U+0000, as a byte or as an escape, is for
/// the rule about U+0000; characters are for the server.
pub(super) fn check_json(text: &[u8], encoding: Encoding) -> Result<(), ValueRefusal> {
    let reader = JsonReader { text, at: 0, encoding };
    if reader.ends_well() {
        return Ok(());
    }
    Err(ValueRefusal {
        sqlstate: "22P02",
        message: "invalid input syntax for type json".to_owned(),
        hint: "The parameter is declared as jsonb.".to_owned(),
    })
}

/// Refuses a text that is not a timestamp in the layout of ISO 8601 or of PostgreSQL's output, with any number
/// of digits of a second: SQLSTATE 22007, or 22008 for a date or a time that does not exist.
pub(super) fn check_timestamp(text: &[u8]) -> Result<(), ValueRefusal> {
    let (sqlstate, message) = match timestamp_fault(text) {
        None => return Ok(()),
        Some(TimestampFault::Syntax) => ("22007", "invalid input syntax for type timestamp"),
        Some(TimestampFault::Range) => ("22008", "date/time field value out of range"),
    };
    let hint = "The parameter is declared as a timestamp: YYYY-MM-DD HH:MM:SS is one.".to_owned();
    Err(ValueRefusal { sqlstate, message: message.to_owned(), hint })
}

/// What may follow at a point of a JSON text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    Value,
    /// A value, or the end of an array that has none.
    ValueOrEnd,
    /// A key, or the end of an object that has none.
    KeyOrEnd,
    Key,
    /// A comma, or the end of what is open.
    CommaOrEnd,
}

struct JsonReader<'v> {
    text: &'v [u8],
    at: usize,
    encoding: Encoding,
}

impl JsonReader<'_> {
    /// Whether the text is one JSON value.
    fn ends_well(mut self) -> bool {
        // What is open, by the byte that ends it.
        let mut open: Vec<u8> = Vec::new();
        let mut expects = Expects::Value;
        loop {
            self.skip_blanks();
            let Some(&byte) = self.text.get(self.at) else {
                return open.is_empty() && expects == Expects::CommaOrEnd;
            };
            let is_end = open.last() == Some(&byte);
            expects = match (expects, byte) {
                (Expects::CommaOrEnd | Expects::KeyOrEnd | Expects::ValueOrEnd, _) if is_end => {
                    open.pop();
                    self.at += 1;
                    Expects::CommaOrEnd
                }
                (Expects::CommaOrEnd, b',') => {
                    self.at += 1;
                    match open.last() {
                        Some(b'}') => Expects::Key,
                        Some(_) => Expects::Value,
                        None => return false,
                    }
                }
                (Expects::Key | Expects::KeyOrEnd, b'"') => {
                    if !self.string() || !self.colon() {
                        return false;
                    }
                    Expects::Value
                }
                (Expects::Value | Expects::ValueOrEnd, b'{') => {
                    open.push(b'}');
                    self.at += 1;
                    Expects::KeyOrEnd
                }
                (Expects::Value | Expects::ValueOrEnd, b'[') => {
                    open.push(b']');
                    self.at += 1;
                    Expects::ValueOrEnd
                }
                (Expects::Value | Expects::ValueOrEnd, _) if self.scalar(byte) => {
                    Expects::CommaOrEnd
                }
                _ => return false,
            };
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | 0) = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn colon(&mut self) -> bool {
        self.skip_blanks();
        self.eat(b":")
    }

    fn eat(&mut self, word: &[u8]) -> bool {
        let is_there = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    /// Passes a string, a number or a word that starts with `first`.
    fn scalar(&mut self, first: u8) -> bool {
        match first {
            b'"' => self.string(),
            b't' => self.eat(b"true"),
            b'f' => self.eat(b"false"),
            b'n' => self.eat(b"null"),
            _ => self.number(),
        }
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> bool {
        self.eat(b"-");
        let is_whole = self.eat(b"0") || self.digits();
        let is_fraction = !self.eat(b".") || self.digits();
        let has_exponent = self.eat(b"e") || self.eat(b"E");
        if has_exponent && !self.eat(b"-") {
            self.eat(b"+");
        }
        is_whole && is_fraction && (!has_exponent || self.digits())
    }

    fn string(&mut self) -> bool {
        self.at += 1;
        let mut is_half = false;
        while let Some(&byte) = self.text.get(self.at) {
            let was_half = std::mem::take(&mut is_half);
            match byte {
                b'\\' => match self.escape() {
                    Some(0xDC00..=0xDFFF) if was_half => {}
                    Some(0xD800..=0xDBFF) if !was_half => is_half = true,
                    Some(code) if !was_half && !(0xD800..=0xDFFF).contains(&code) => {}
                    _ => return false,
                },
                _ if was_half => return false,
                b'"' => {
                    self.at += 1;
                    return true;
                }
                1..=0x1F => return false,
                byte if byte.is_ascii() => self.at += 1,
                _ => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    self.at += self.encoding.character_length(rest).max(1);
                }
            }
        }
        false
    }

    /// Passes an escape; gives its code point, or 0 for one that is not a number.
    fn escape(&mut self) -> Option<u32> {
        let escaped = *self.text.get(self.at + 1)?;
        self.at += 2;
        match escaped {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(0),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits
                    .iter()
                    .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_what_is_not() {
        for text in [
            "{}",
            "[]",
            " 1 ",
            "-0.5e+10",
            "0",
            "\"\"",
            "null",
            "true",
            "[1, \"a\", {\"b\": []}]",
            "{\"a\":{\"b\":[null,false]},\"c\":1}",
            "\"\\ud83d\\ude00 \\u0000 \\n\"",
            "1e5",
            "\"ä\"",
        ] {
            assert_eq!(check_json(text.as_bytes(), Encoding::Utf8), Ok(()), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "{broken",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "nul",
            "nulll",
            "True",
            "'a'",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\ud83d\"",
            "1 2",
            "[1] ]",
            "]",
            "[}",
            "{]",
            "[1 2]",
            "\"a\" b",
            "1a",
        ] {
            assert!(check_json(text.as_bytes(), Encoding::Utf8).is_err(), "{text}");
        }
        // In a character of two bytes the second may look like a quote or a backslash.
        assert_eq!(check_json(b"\"\x95\\\"", Encoding::ShiftJis), Ok(()));
        assert!(check_json(&[b'['; 100_000], Encoding::Utf8).is_err());
    }
}
