//! The fields of COPY text. Knows no rows.
//!
//! Source: PostgreSQL, `CopyReadLineText` and `CopyReadAttributesText` in `copyfromparse.c`.

use memchr::memchr;

use super::{Content, END_OF_DATA, FieldFormat, FieldSpelling, Stops, characters};
use crate::encoding::{CharacterSteps, Encoding};
use crate::escape::backslash::{BackslashEscapes, Now};
use crate::value::copy::options::CopyOptions;

/// Where the reader stands in an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Outside,
    Backslash,
    /// So many hexadecimal digits may follow; the delimiter can be one.
    Hexadecimal(u8),
}

/// Reads and writes fields of COPY text.
#[derive(Debug)]
pub(in crate::value::copy) struct TextFields {
    delimiter: u8,
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    stops: Stops,
    escape: Escape,
    has_escape: bool,
    /// One of them has digits.
    has_number: bool,
    is_end_of_data: bool,
}

impl TextFields {
    pub(in crate::value::copy) fn new(options: &CopyOptions, encoding: Encoding) -> TextFields {
        TextFields {
            delimiter: options.delimiter,
            null: options.null.clone(),
            default: options.default.clone(),
            encoding,
            characters: CharacterSteps::needed(encoding),
            stops: Stops::new(&[options.delimiter, b'\\', b'\n', b'\r'], encoding),
            escape: Escape::Outside,
            has_escape: false,
            has_number: false,
            is_end_of_data: false,
        }
    }

    /// Whether a field is written like NULL or like a default.
    fn is_marker(&self, field: &[u8]) -> bool {
        field == self.null || self.default.as_deref() == Some(field)
    }

    /// The offset behind the character at `at`, as far as it lies in `bytes`.
    fn behind_character(&mut self, bytes: &[u8], at: usize) -> usize {
        let length = match &mut self.characters {
            Some(characters) => characters.step(bytes.get(at..).unwrap_or_default()),
            None => 1,
        };
        at + length
    }

    /// Passes what comes next of the open escape; `None` where the bytes end first.
    #[inline]
    fn end_escape(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let &byte = bytes.get(at)?;
        match std::mem::replace(&mut self.escape, Escape::Outside) {
            Escape::Backslash => {
                self.has_number |= matches!(byte, b'0'..=b'7' | b'x');
                match byte {
                    b'.' => self.is_end_of_data = true,
                    b'x' => self.escape = Escape::Hexadecimal(2),
                    _ => return Some(self.behind_character(bytes, at)),
                }
                Some(at + usize::from(byte == b'x'))
            }
            Escape::Hexadecimal(left) if byte.is_ascii_hexdigit() => {
                if left > 1 {
                    self.escape = Escape::Hexadecimal(left - 1);
                }
                Some(at + 1)
            }
            Escape::Outside | Escape::Hexadecimal(_) => Some(at),
        }
    }

    /// Resolves the escapes of a field; gives whether one of them spells a byte beyond ASCII.
    fn unescape(&self, field: &[u8], value: &mut Vec<u8>) -> bool {
        let (mut rest, mut has_high) = (field, false);
        let mut escapes = BackslashEscapes::of_copy_text();
        while let Some(&byte) = rest.first() {
            if byte != b'\\' {
                let (plain, behind) = rest.split_at(self.plain_length(rest));
                value.extend_from_slice(plain);
                rest = behind;
                continue;
            }
            escapes.feed(byte);
            rest = rest.get(1..).unwrap_or_default();
            let escaped = loop {
                // A backslash before a longer character, or at the end of the stream, stands for
                // nothing.
                let Some((&next, behind)) = rest.split_first().filter(|(n, _)| escapes.takes(**n))
                else {
                    break escapes.end();
                };
                rest = behind;
                if let Now::Escaped(escaped) = escapes.feed(next).1 {
                    break Some(escaped);
                }
            };
            has_high |= escaped.is_some_and(|escaped| escaped >= 0x80);
            value.extend(escaped);
        }
        has_high
    }

    /// The bytes up to the next backslash, or up to the next character that needs a step, or the
    /// bytes of this one.
    fn plain_length(&self, bytes: &[u8]) -> usize {
        let found = match (self.encoding.has_ascii_trail(), bytes.first()) {
            (true, Some(0x80..)) => return self.encoding.character_length(bytes),
            (true, _) => bytes.iter().position(|byte| matches!(byte, b'\\' | 0x80..)),
            (false, _) => memchr(b'\\', bytes),
        };
        found.unwrap_or(bytes.len())
    }

    fn escape_value(&self, value: &[u8], written: &mut Vec<u8>) {
        for character in characters(value, self.encoding) {
            if let [byte] = *character {
                let letter = letter(byte).or((byte == self.delimiter).then_some(byte));
                written.extend(letter.is_some().then_some(b'\\'));
                written.push(letter.unwrap_or(byte));
            } else {
                written.extend_from_slice(character);
            }
        }
    }
}

/// What stands behind the backslash for a byte that must be escaped.
fn letter(byte: u8) -> Option<u8> {
    let letter = match byte {
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x0B => b'v',
        b'\\' => b'\\',
        _ => return None,
    };
    Some(letter)
}

impl FieldFormat for TextFields {
    const LINE_ENDS_DATA: bool = false;

    #[inline]
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = match &mut self.characters {
            Some(characters) => characters.resume(bytes),
            None => 0,
        };
        loop {
            while self.escape != Escape::Outside {
                at = self.end_escape(bytes, at)?;
            }
            if self.is_end_of_data {
                return Some(at);
            }
            at = self.stops.find(bytes, at)?;
            match bytes.get(at)? {
                b'\\' => {
                    self.escape = Escape::Backslash;
                    self.has_escape = true;
                    at += 1;
                }
                0x80.. if self.characters.is_some() => at = self.behind_character(bytes, at),
                _ => return Some(at),
            }
        }
    }

    fn is_end_of_data(&self) -> bool {
        self.is_end_of_data
    }

    fn ends_in_backslash(&self) -> bool {
        self.escape == Escape::Backslash
    }

    fn is_quoted(&self) -> bool {
        false
    }

    fn stops_at_nul(&self) -> bool {
        false
    }

    fn takes_space(&self) -> bool {
        self.delimiter != b' '
    }

    fn json_escapes(&self) -> FieldSpelling {
        match (self.has_escape, self.has_number) {
            (false, _) => FieldSpelling::None,
            (true, false) => FieldSpelling::AsIs,
            (true, true) => FieldSpelling::Any,
        }
    }

    #[inline]
    fn restart(&mut self) {
        self.escape = Escape::Outside;
        self.has_escape = false;
        self.has_number = false;
        self.is_end_of_data = false;
    }

    #[inline]
    fn lines(&self) -> u64 {
        0
    }

    fn count_lines_by(&mut self, _: u8) {}

    #[inline]
    fn content<'a>(&self, field: &'a [u8], _: usize, value: &'a mut Vec<u8>) -> Content<'a> {
        // A backslash that ends the stream does not count for the server.
        let field = match field.split_last() {
            Some((_, front)) if self.ends_in_backslash() => front,
            _ => field,
        };
        if self.is_marker(field) {
            return Content::None;
        }
        if !self.has_escape {
            return Content::Value(field);
        }
        value.clear();
        if self.unescape(field, value) && self.encoding != Encoding::Utf8 {
            return Content::OfTwoEncodings;
        }
        Content::Value(value)
    }

    fn write(&self, value: &[u8], _: usize, written: &mut Vec<u8>) -> bool {
        written.clear();
        self.escape_value(value, written);
        if !self.is_marker(written) {
            return true;
        }
        // The first character can be spelled in other ways; there are two markers at most.
        let Some(first) = characters(value, self.encoding).next() else { return false };
        let behind = value.get(first.len()..).unwrap_or_default();
        let spellings = match *first {
            [byte @ ..0x80] => [format!("\\{byte:03o}").into(), format!("\\x{byte:02x}").into()],
            _ => [[b"\\", first].concat(), [b"\\", first].concat()],
        };
        spellings.into_iter().any(|spelling| {
            *written = spelling;
            self.escape_value(behind, written);
            !self.is_marker(written)
        })
    }

    fn write_null(&self, _: usize, written: &mut Vec<u8>) -> bool {
        written.clear();
        written.extend_from_slice(&self.null);
        !self.null.windows(END_OF_DATA.len()).any(|bytes| bytes == END_OF_DATA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::copy::options::CopyFormat;

    #[test]
    fn null_is_written_unless_it_would_end_the_data() {
        for (null, expected) in [(&br"\N"[..], true), (b"", true), (br"a\.", false)] {
            let options = CopyOptions { null: null.to_vec(), ..CopyOptions::new(CopyFormat::Text) };
            let fields = TextFields::new(&options, Encoding::Utf8);
            let mut written = b"x".to_vec();
            assert_eq!(fields.write_null(0, &mut written), expected);
            assert_eq!(written, null);
        }
    }
}
