//! The fields of COPY text and of CSV: where one ends, what it holds, how another value is written in
//! its place. Knows no rows.

mod csv;
mod csv_quotes;
mod text;

pub(super) use csv::{CsvFields, Forced};
pub(super) use csv_quotes::{CsvByte, CsvQuotes};
pub(super) use text::TextFields;

use crate::encoding::Encoding;

/// The line that ends the data of COPY text, and of CSV up to PostgreSQL 17.
pub(super) const END_OF_DATA: &[u8] = br"\.";

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// This value.
    Value(&'a [u8]),
    /// NULL, a default, or something that the server refuses.
    None,
    /// Bytes of two encodings.
    OfTwoEncodings,
}

/// How six ASCII characters of a value, of which the first is a backslash, can be spelled in its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldSpelling {
    /// They cannot be there.
    None,
    /// The six characters stand there one behind the other.
    AsIs,
    /// In any way that the format knows.
    Any,
}

/// The fields of a line format.
///
/// The reader of ends is fed the stream in pieces; the rest of this is about whole fields as they
/// stand in the stream, while the reader stands at their end.
pub(super) trait FieldFormat {
    /// Whether `\.` ends the data only where it is the whole line.
    const LINE_ENDS_DATA: bool;

    /// The offset of the byte that ends the field: a delimiter, a line break, or the second one of
    /// `\.`; `None` where the field goes on behind `bytes`.
    fn end(&mut self, bytes: &[u8]) -> Option<usize>;

    /// Whether the field was ended by `\.` in it, of which the backslash came before.
    fn is_end_of_data(&self) -> bool;

    /// Whether the last byte seen is a backslash that `\.` may begin with.
    fn ends_in_backslash(&self) -> bool;

    /// Whether a part of the field stands in quotes.
    fn is_quoted(&self) -> bool;

    /// Whether the reader stops at the byte 0x00, too, which does not end the field.
    fn stops_at_nul(&self) -> bool;

    /// Whether a space in the place of the byte 0x00 that was come to last would mean itself.
    fn takes_space(&self) -> bool;

    /// How the escape `\u0000` of JSON can be spelled in the field.
    fn json_escapes(&self) -> FieldSpelling;

    /// The next byte begins another field.
    fn restart(&mut self);

    /// Line breaks in the field so far that the server counts.
    fn lines(&self) -> u64;

    /// The byte that the server counts as a line break inside fields.
    fn count_lines_by(&mut self, line_break: u8);

    /// What a field holds, with room for its value.
    fn content<'a>(&self, field: &'a [u8], column: usize, value: &'a mut Vec<u8>) -> Content<'a>;

    /// Writes another value for the field; false where there is no way to write it.
    fn write(&self, value: &[u8], column: usize, written: &mut Vec<u8>) -> bool;

    /// Writes NULL for the field; false where there is no way to write it.
    fn write_null(&self, column: usize, written: &mut Vec<u8>) -> bool;
}

/// The bytes at which a reader stops.
#[derive(Clone, Debug)]
pub(super) struct Stops([bool; 256]);

impl Stops {
    /// Stops at these bytes, and at the longer characters of an encoding that needs steps.
    pub(super) fn new(bytes: &[u8], encoding: Encoding) -> Stops {
        let mut stops = [false; 256];
        for (byte, stop) in (0..=u8::MAX).zip(&mut stops) {
            *stop = bytes.contains(&byte) || byte >= 0x80 && encoding.has_ascii_trail();
        }
        Stops(stops)
    }

    /// Stops at this byte, too.
    pub(super) fn add(&mut self, byte: u8) {
        if let Some(stop) = self.0.get_mut(usize::from(byte)) {
            *stop = true;
        }
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|stop| *stop)
    }

    /// The offset of the first stop from `from` on.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let found = bytes.get(from..)?.iter().position(|&byte| self.contains(byte))?;
        Some(from + found)
    }
}

/// The characters of a text as far as their bytes must stay together; single bytes where no byte of
/// a longer character is ASCII.
pub(super) fn characters(text: &[u8], encoding: Encoding) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let length = if encoding.has_ascii_trail() { encoding.character_length(rest) } else { 1 };
        let (character, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(character)
    })
}
