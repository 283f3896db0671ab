//! The fields of CSV as COPY reads it. Knows no rows.
//!
//! Source: PostgreSQL, `CopyReadLineText` and `CopyReadAttributesCSV` in `copyfromparse.c`.

use memchr::memchr2;

use super::csv_quotes::{CsvByte, CsvQuotes};
use super::{Content, END_OF_DATA, FieldFormat, FieldSpelling, Stops, characters};
use crate::encoding::{CharacterSteps, Encoding};
use crate::value::copy::options::CopyOptions;

/// The options FORCE_NULL and FORCE_NOT_NULL as they hold for a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::value::copy) struct Forced {
    pub(in crate::value::copy) null: bool,
    pub(in crate::value::copy) not_null: bool,
}

/// Reads and writes fields of CSV.
#[derive(Debug)]
pub(in crate::value::copy) struct CsvFields {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    forced: Vec<Forced>,
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    outside: Stops,
    inside: Stops,
    stops_at_nul: bool,
    quotes: CsvQuotes,
    has_quotes: bool,
    lines: u64,
    line_break: u8,
}

impl CsvFields {
    pub(in crate::value::copy) fn new(
        options: &CopyOptions,
        encoding: Encoding,
        forced: Vec<Forced>,
    ) -> CsvFields {
        let (delimiter, quote, escape) = (options.delimiter, options.quote, options.escape);
        CsvFields {
            delimiter,
            quote,
            escape,
            null: options.null.clone(),
            default: options.default.clone(),
            forced,
            encoding,
            characters: CharacterSteps::needed(encoding),
            outside: Stops::new(&[delimiter, quote, b'\n', b'\r'], encoding),
            inside: Stops::new(&[quote, escape, b'\n', b'\r'], encoding),
            stops_at_nul: false,
            quotes: CsvQuotes::new(quote, escape),
            has_quotes: false,
            lines: 0,
            // Until the first line has ended, the server counts no other.
            line_break: b'\r',
        }
    }

    fn forced(&self, column: usize) -> Forced {
        self.forced.get(column).copied().unwrap_or_default()
    }

    /// Fields whose reader stops at each byte 0x00, too.
    pub(in crate::value::copy) fn stopping_at_nul(self) -> CsvFields {
        let stops = |mut stops: Stops| {
            stops.add(0);
            stops
        };
        let (outside, inside) = (stops(self.outside), stops(self.inside));
        CsvFields { outside, inside, stops_at_nul: true, ..self }
    }

    /// The value of a field with quotes.
    fn unquote(&self, field: &[u8], value: &mut Vec<u8>) {
        let (mut rest, mut quotes) = (field, CsvQuotes::new(self.quote, self.escape));
        while let Some((&byte, behind)) = rest.split_first() {
            let is_plain = !quotes.is_open() || byte >= 0x80;
            let length = if is_plain { self.plain_length(rest) } else { 0 };
            if length > 0 {
                value.extend(quotes.settle());
                let (plain, behind_plain) = rest.split_at(length);
                value.extend_from_slice(plain);
                rest = behind_plain;
                continue;
            }
            let (before, now) = quotes.feed(byte);
            value.extend(before);
            if let CsvByte::Inside(byte) | CsvByte::Outside(byte) = now {
                value.push(byte);
            }
            rest = behind;
        }
    }

    /// The bytes up to the next quote or escape, or up to the next character that needs a step, or
    /// the bytes of this one.
    fn plain_length(&self, bytes: &[u8]) -> usize {
        let has_meaning = |byte: &u8| *byte == self.quote || *byte == self.escape || *byte >= 0x80;
        let found = match (self.encoding.has_ascii_trail(), bytes.first()) {
            (true, Some(0x80..)) => return self.encoding.character_length(bytes),
            (true, _) => bytes.iter().position(has_meaning),
            (false, _) => memchr2(self.quote, self.escape, bytes),
        };
        found.unwrap_or(bytes.len())
    }

    fn write_quoted(&self, value: &[u8], written: &mut Vec<u8>) {
        written.push(self.quote);
        for character in characters(value, self.encoding) {
            if character == [self.quote] || character == [self.escape] {
                written.push(self.escape);
            }
            written.extend_from_slice(character);
        }
        written.push(self.quote);
    }

    /// Whether a value without quotes would be read as something else.
    fn needs_quotes(&self, value: &[u8]) -> bool {
        let has_meaning = |byte: &u8| {
            matches!(byte, b'\n' | b'\r') || *byte == self.delimiter || *byte == self.quote
        };
        let is_marker = value == self.null || self.default.as_deref() == Some(value);
        value.is_empty() || is_marker || value == END_OF_DATA || value.iter().any(has_meaning)
    }
}

impl FieldFormat for CsvFields {
    const LINE_ENDS_DATA: bool = true;

    #[inline]
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = match &mut self.characters {
            Some(characters) => characters.resume(bytes),
            None => 0,
        };
        loop {
            // The byte behind an escape is looked at, whatever it is.
            let is_outside = !self.quotes.is_open() && !self.quotes.is_inside();
            if !self.quotes.is_open() {
                let stops = if is_outside { &self.outside } else { &self.inside };
                at = stops.find(bytes, at)?;
            }
            let &byte = bytes.get(at)?;
            if is_outside && byte < 0x80 && byte != self.quote {
                return Some(at);
            }
            if let (0x80.., Some(characters)) = (byte, &mut self.characters) {
                self.quotes.settle();
                at += characters.step(bytes.get(at..)?);
                continue;
            }
            match self.quotes.feed(byte).1 {
                CsvByte::Mark => self.has_quotes = true,
                CsvByte::Inside(byte) => {
                    self.lines += u64::from(byte == self.line_break);
                    if byte == 0 && self.stops_at_nul {
                        return Some(at);
                    }
                }
                CsvByte::Outside(byte) if self.outside.contains(byte) => return Some(at),
                CsvByte::Outside(_) => {}
            }
            at += 1;
        }
    }

    fn is_end_of_data(&self) -> bool {
        false
    }

    fn ends_in_backslash(&self) -> bool {
        false
    }

    fn is_quoted(&self) -> bool {
        self.has_quotes
    }

    fn stops_at_nul(&self) -> bool {
        self.stops_at_nul
    }

    fn takes_space(&self) -> bool {
        let with_meaning = if self.quotes.is_inside() { self.escape } else { self.delimiter };
        self.quote != b' ' && with_meaning != b' '
    }

    fn json_escapes(&self) -> FieldSpelling {
        FieldSpelling::Any
    }

    #[inline]
    fn restart(&mut self) {
        self.quotes.restart();
        self.has_quotes = false;
        self.lines = 0;
    }

    #[inline]
    fn lines(&self) -> u64 {
        self.lines
    }

    fn count_lines_by(&mut self, line_break: u8) {
        self.line_break = line_break;
    }

    #[inline]
    fn content<'a>(&self, field: &'a [u8], column: usize, value: &'a mut Vec<u8>) -> Content<'a> {
        if !self.has_quotes {
            let is_marker = field == self.null || self.default.as_deref() == Some(field);
            return if is_marker { Content::None } else { Content::Value(field) };
        }
        // The server refuses a stream that ends inside quotes.
        if self.quotes.is_inside() {
            return Content::None;
        }
        let value = match field {
            // By far the most frequent ones: quotes around and nothing in between.
            [first, inner @ .., last]
                if *first == self.quote
                    && *last == self.quote
                    && memchr2(self.quote, self.escape, inner).is_none() =>
            {
                inner
            }
            _ => {
                value.clear();
                self.unquote(field, value);
                value
            }
        };
        match self.forced(column).null && value == self.null {
            true => Content::None,
            false => Content::Value(value),
        }
    }

    fn write(&self, value: &[u8], column: usize, written: &mut Vec<u8>) -> bool {
        written.clear();
        let forced = self.forced(column);
        if forced.null && value == self.null {
            // Quotes make NULL of it; without them it is data only by the other option.
            written.extend_from_slice(value);
            return forced.not_null && value != END_OF_DATA;
        }
        if self.has_quotes || self.needs_quotes(value) {
            self.write_quoted(value, written);
        } else {
            written.extend_from_slice(value);
        }
        true
    }

    fn write_null(&self, column: usize, written: &mut Vec<u8>) -> bool {
        written.clear();
        let forced = self.forced(column);
        if forced.not_null {
            self.write_quoted(&self.null, written);
            return forced.null;
        }
        written.extend_from_slice(&self.null);
        self.null != END_OF_DATA
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::copy::options::CopyFormat;

    #[test]
    fn null_is_written_as_the_column_takes_it() {
        let options =
            |null: &[u8]| CopyOptions { null: null.to_vec(), ..CopyOptions::new(CopyFormat::Csv) };
        for (null, forced, expected) in [
            (&b""[..], (false, false), Some(&b""[..])),
            (b"attNULL", (false, false), Some(b"attNULL")),
            (b"attNULL", (true, false), Some(b"attNULL")),
            (b"attNULL", (true, true), Some(b"\"attNULL\"")),
            (b"attNULL", (false, true), None),
            // Alone in its line it would end the data.
            (br"\.", (false, false), None),
        ] {
            let forced = vec![Forced { null: forced.0, not_null: forced.1 }];
            let fields = CsvFields::new(&options(null), Encoding::Utf8, forced);
            let mut written = Vec::new();
            let is_written = fields.write_null(0, &mut written);
            assert_eq!(is_written.then_some(&*written), expected);
        }
    }
}
