//! NULs taken out of COPY text and CSV, into a new buffer, since rows get shorter. Knows no SQL and
//! no frames.

use super::backslash_escape::{BackslashEscapes, Now};
use super::copy_character::CharacterSteps;
use super::copy_options::{CopyFormat, CopyOptions};
use crate::encoding::Encoding;

/// The line that ends the rows of COPY text, and of CSV up to PostgreSQL 17.
const END_OF_DATA: &[u8] = br"\.";

/// Removes NULs from the row stream of a COPY that arrives in pieces: the byte 0x00, and in text
/// the escapes that stand for it. Fields without a NUL stay byte for byte.
///
/// A field is held until its end is there. A field keeps its NULs, and the server refuses it, where
/// without them it would be the NULL string or the end of data, where they keep quotes or escapes
/// of CSV apart, and where it is longer than the limit. `\u0000` in JSON is none of this.
#[derive(Debug)]
pub struct CopyNulRemover {
    csv: bool,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    escapes: BackslashEscapes,
    in_quotes: bool,
    escaped: bool,
    /// The field so far; empty behind the limit.
    field: Vec<u8>,
    has_nul: bool,
    field_bytes_max: usize,
    is_too_long: bool,
    is_first: bool,
    removed: u64,
}

impl CopyNulRemover {
    /// A remover for the stream of a COPY with these options, text or CSV, that holds at most so
    /// many bytes of a field; `None` for binary.
    pub fn new(
        options: &CopyOptions,
        client_encoding: Encoding,
        field_bytes_max: usize,
    ) -> Option<CopyNulRemover> {
        let encoding = options.encoding.unwrap_or(client_encoding);
        (options.format != CopyFormat::Binary).then(|| CopyNulRemover {
            csv: options.format == CopyFormat::Csv,
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            null: options.null.clone(),
            encoding,
            characters: CharacterSteps::needed(encoding),
            escapes: BackslashEscapes::of_copy_text(),
            in_quotes: false,
            escaped: false,
            field: Vec::new(),
            has_nul: false,
            field_bytes_max,
            is_too_long: false,
            is_first: true,
            removed: 0,
        })
    }

    /// Takes the next bytes of the stream, and appends to `rows` what is complete.
    pub fn rewrite(&mut self, stream: &[u8], rows: &mut Vec<u8>) {
        let mut next = 0;
        if let Some(characters) = &mut self.characters {
            next = characters.resume(stream);
            self.hold(stream.get(..next).unwrap_or_default(), rows);
        }
        while let Some(&byte) = stream.get(next) {
            let length = match &mut self.characters {
                Some(characters) if byte >= 0x80 => {
                    characters.step(stream.get(next..).unwrap_or_default())
                }
                _ => 1,
            };
            let is_end = if self.csv { self.csv_ends_at(byte) } else { self.text_ends_at(byte) };
            if is_end {
                self.end_field(rows, false);
                self.is_first = byte != self.delimiter;
                rows.push(byte);
            } else {
                self.hold(stream.get(next..next + length).unwrap_or_default(), rows);
            }
            next += length;
        }
    }

    /// Appends what is held: the stream has ended (CopyDone).
    pub fn finish(&mut self, rows: &mut Vec<u8>) {
        self.end_field(rows, true);
        self.is_first = true;
    }

    /// NULs removed since the last call.
    pub fn take_removed(&mut self) -> u64 {
        std::mem::take(&mut self.removed)
    }

    fn text_ends_at(&mut self, byte: u8) -> bool {
        let (ended, now) = self.escapes.feed(byte);
        self.has_nul |= ended == Some(0) || matches!(now, Now::Escaped(0) | Now::Plain(0));
        matches!(now, Now::Plain(byte) if self.ends_field(byte))
    }

    fn ends_field(&self, byte: u8) -> bool {
        matches!(byte, b'\n' | b'\r') || byte == self.delimiter
    }

    fn csv_ends_at(&mut self, byte: u8) -> bool {
        self.has_nul |= byte == 0;
        if !self.in_quotes {
            self.in_quotes = byte == self.quote;
            return !self.in_quotes && self.ends_field(byte);
        }
        let is_escape = byte == self.escape && self.escape != self.quote;
        match std::mem::take(&mut self.escaped) {
            true if is_escape || byte == self.quote => {}
            _ if is_escape => self.escaped = true,
            _ => self.in_quotes = byte != self.quote,
        }
        false
    }

    fn hold(&mut self, bytes: &[u8], rows: &mut Vec<u8>) {
        if self.is_too_long {
            return rows.extend_from_slice(bytes);
        }
        self.field.extend_from_slice(bytes);
        if self.field.len() > self.field_bytes_max {
            rows.append(&mut self.field);
            self.is_too_long = true;
        }
    }

    fn end_field(&mut self, rows: &mut Vec<u8>, is_last: bool) {
        let escapes = std::mem::replace(&mut self.escapes, BackslashEscapes::of_copy_text());
        // The stream may end in an escape.
        let ends_in_nul = !self.csv && escapes.has_digits();
        let shorter = match (self.has_nul || ends_in_nul) && !self.is_too_long {
            false => None,
            true if self.csv => self.csv_without_nuls(),
            true => self.text_without_nuls(),
        };
        // Without a line break behind it, an empty row is none.
        let is_row = |(field, _): &(Vec<u8>, u64)| !(is_last && self.is_first && field.is_empty());
        match shorter.filter(is_row) {
            Some((field, removed)) => {
                rows.extend_from_slice(&field);
                self.removed += removed;
            }
            None => rows.extend_from_slice(&self.field),
        }
        self.field.clear();
        (self.has_nul, self.is_too_long, self.in_quotes, self.escaped) =
            (false, false, false, false);
    }

    fn text_without_nuls(&self) -> Option<(Vec<u8>, u64)> {
        let mut kept = Kept::default();
        let mut escapes = BackslashEscapes::of_copy_text();
        let (mut start, mut next) = (0, 0);
        while let Some(&byte) = self.field.get(next) {
            let length = match byte {
                0x80.. if self.characters.is_some() => {
                    self.encoding.character_length(self.field.get(next..)?)
                }
                _ => 1,
            };
            let (ended, now) = escapes.feed(byte);
            if let Some(character) = ended {
                kept.take(character, self.field.get(start..next)?, true);
                start = next;
            }
            next += length;
            if let Now::Escaped(character) | Now::Plain(character) = now {
                kept.take(character, self.field.get(start..next)?, false);
                start = next;
            }
        }
        let mut tail = self.field.get(start..)?;
        if let Some(character) = escapes.feed(b'\n').0 {
            kept.take(character, std::mem::take(&mut tail), true);
        }
        // A backslash that ends the stream does not count for the server.
        let stays = self.field == self.null || kept.bytes == self.null;
        let stays = stays || kept.bytes == END_OF_DATA;
        kept.bytes.extend_from_slice(tail);
        (kept.removed > 0 && !stays).then_some((kept.bytes, kept.removed))
    }

    fn csv_without_nuls(&self) -> Option<(Vec<u8>, u64)> {
        let kept: Vec<u8> = self.field.iter().copied().filter(|byte| *byte != 0).collect();
        let removed = u64::try_from(self.field.len() - kept.len()).unwrap_or(u64::MAX);
        let has_meaning = |byte: &u8| *byte == self.quote || *byte == self.escape;
        let mut pieces = self.field.split(|byte| *byte == 0).enumerate();
        let keeps_apart = pieces.try_fold(false, |open, (index, piece)| match piece {
            [] => Some(open),
            // The quote that opens the field.
            [quote] if index == 0 && *quote == self.quote => Some(false),
            [first, ..] if open && has_meaning(first) => None,
            [.., last] => Some(has_meaning(last)),
        });
        keeps_apart?;
        if self.field.contains(&self.quote) {
            return Some((kept, removed));
        }
        match self.field == self.null || kept == self.null || kept == END_OF_DATA {
            // Quotes make the empty string of what would be NULL.
            true if kept.is_empty() => Some((vec![self.quote; 2], removed)),
            true => None,
            false => Some((kept, removed)),
        }
    }
}

/// What is left of a field of COPY text.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    removed: u64,
    /// The last character kept is an escape that a digit would make longer.
    is_open: bool,
}

impl Kept {
    /// Takes a character and the bytes it is written with; `is_open` where it is an escape that
    /// could have had more digits.
    fn take(&mut self, character: u8, written: &[u8], is_open: bool) {
        match (character, written) {
            (0, _) => self.removed += 1,
            (_, [digit]) if self.is_open && digit.is_ascii_hexdigit() => {
                self.bytes.extend_from_slice(format!("\\{digit:03o}").as_bytes());
                self.is_open = false;
            }
            _ => {
                self.bytes.extend_from_slice(written);
                self.is_open = is_open;
            }
        }
    }
}
