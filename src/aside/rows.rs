//! Where one row of a COPY stream ends and the next one begins, as the server sees it: text, CSV and binary,
//! cut anywhere. Reads no values.
//!
//! Source: PostgreSQL, `CopyReadLineText` in `src/backend/commands/copyfromparse.c`; the manual, COPY,
//! "Binary Format".

use crate::encoding::Encoding;
use crate::value::{CopyFormat, CopyOptions};

/// What stands in front of the first tuple of a binary stream, without its extension: signature, flags
/// and the length of the extension.
const BINARY_HEAD_BYTES: usize = 19;

/// The bytes of a binary stream behind its last tuple.
pub(super) const BINARY_TRAILER: &[u8] = b"\xFF\xFF";

/// From this version on a line of `\.` is data in CSV.
const MARKER_IS_DATA: u32 = 18;

/// How the lines of the stream end; the first one decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StreamBreak {
    #[default]
    Unknown,
    Newline,
    Return,
    ReturnNewline,
}

/// A row that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutRow {
    /// What it is.
    pub(super) kind: RowKind,
    /// Bytes up to its end, its line break among them.
    pub(super) end: usize,
    /// Lines that it has beyond its first one.
    pub(super) more_lines: u32,
}

/// What stands between two cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// What comes before the rows.
    Head,
    /// A row.
    Row,
    /// A row with a line break of another kind than the stream has, which the server refuses. In front of
    /// a batch it would be read as two rows.
    ForeignBreak,
    /// The marker of the end: what comes behind it is not read.
    End,
}

/// Finds the ends of rows.
#[derive(Debug)]
pub(super) struct RowCutter {
    format: CopyFormat,
    quote: u8,
    /// The escape inside quotes where it is not the quote.
    escape: Option<u8>,
    encoding: Encoding,
    /// A CSV line of `\.` ends the data.
    marker_ends_csv: bool,
    line_break: StreamBreak,
    head_lines: u64,
    line: LineState,
    binary: BinaryState,
}

/// How far a line is read.
#[derive(Debug, Default)]
struct LineState {
    in_quotes: bool,
    behind_escape: bool,
    has_foreign_break: bool,
    more_lines: u32,
}

/// How far a binary stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BinaryState {
    Head,
    Tuple,
    Field {
        left: u16,
    },
    /// In a field of which bytes are missing.
    InField {
        missing: usize,
        left: u16,
    },
    /// The framing is broken, or over.
    Rest,
}

impl RowCutter {
    /// A cutter for a stream with these options, to a server of this major version.
    pub(super) fn new(options: &CopyOptions, encoding: Encoding, server_major: u32) -> RowCutter {
        RowCutter {
            format: options.format,
            quote: options.quote,
            escape: (options.escape != options.quote).then_some(options.escape),
            encoding: options.encoding.unwrap_or(encoding),
            marker_ends_csv: server_major < MARKER_IS_DATA,
            line_break: StreamBreak::Unknown,
            head_lines: options.header_lines,
            line: LineState::default(),
            binary: BinaryState::Head,
        }
    }

    /// The end of the row that begins at 0, of which `seen` bytes were looked at before. If it is not
    /// there yet, how many bytes are looked at now. `is_over` says that nothing follows.
    pub(super) fn end(
        &mut self,
        bytes: &[u8],
        seen: usize,
        is_over: bool,
    ) -> Result<CutRow, usize> {
        match self.format {
            CopyFormat::Binary => self.binary_end(bytes, seen),
            CopyFormat::Text => self.line_end(bytes, seen, is_over, Self::text_step),
            CopyFormat::Csv => self.line_end(bytes, seen, is_over, Self::csv_step),
        }
    }

    /// The row that is left without an end when the stream is over.
    pub(super) fn rest(&mut self, end: usize) -> CutRow {
        let LineState { has_foreign_break, more_lines, .. } = std::mem::take(&mut self.line);
        let kind = if self.head_lines > 0 {
            RowKind::Head
        } else if has_foreign_break {
            RowKind::ForeignBreak
        } else {
            RowKind::Row
        };
        CutRow { kind, end, more_lines }
    }

    /// The lines of the row that has not ended, beyond its first one.
    pub(super) fn more_lines(&self) -> u64 {
        u64::from(self.line.more_lines)
    }

    /// Whether the row that has not ended has a line break of another kind than the stream has.
    pub(super) fn take_foreign_break(&mut self) -> bool {
        std::mem::take(&mut self.line.has_foreign_break)
    }

    /// Reads characters of a line from `seen` on. `step` gives how many bytes to go on, 0 where the line ends
    /// at this byte, and nothing where more bytes have to be there.
    fn line_end(
        &mut self,
        bytes: &[u8],
        seen: usize,
        is_over: bool,
        step: fn(&mut Self, &[u8], bool) -> Option<usize>,
    ) -> Result<CutRow, usize> {
        let mut at = seen;
        loop {
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
                return Err(at);
            };
            match step(self, rest, is_over) {
                None => return Err(at),
                Some(0) => break,
                Some(count) => at += count,
            }
        }
        let is_pair = self.line_break == StreamBreak::ReturnNewline;
        let end = at + 1 + usize::from(is_pair);
        let content = bytes.get(..at).unwrap_or_default();
        let mut row = self.rest(end);
        match row.kind {
            RowKind::Head => self.head_lines -= 1,
            _ if content == b"\\." && self.marker_ends() => row.kind = RowKind::End,
            _ => {}
        }
        Ok(row)
    }

    fn marker_ends(&self) -> bool {
        self.format == CopyFormat::Text || self.marker_ends_csv
    }

    fn text_step(&mut self, rest: &[u8], is_over: bool) -> Option<usize> {
        match rest {
            [b'\\'] if !is_over => None,
            // The character behind it is a part of the row, a line break too.
            [b'\\', behind @ ..] => {
                let length = self.encoding.character_length(behind);
                let is_whole = is_over || length < behind.len() || behind.first() < Some(&0x80);
                is_whole.then_some(1 + if behind.is_empty() { 0 } else { length })
            }
            _ => self.break_or_character(rest, is_over),
        }
    }

    fn csv_step(&mut self, rest: &[u8], is_over: bool) -> Option<usize> {
        let byte = *rest.first()?;
        let line = &mut self.line;
        let escape = self.escape.unwrap_or_default();
        if line.in_quotes && self.escape == Some(byte) {
            line.behind_escape = !line.behind_escape;
        }
        if byte == self.quote && !line.behind_escape {
            line.in_quotes = !line.in_quotes;
        }
        if byte != escape {
            line.behind_escape = false;
        }
        if line.in_quotes {
            let counts = if self.line_break == StreamBreak::Newline { b'\n' } else { b'\r' };
            line.more_lines += u32::from(byte == counts);
            return self.character(rest, is_over);
        }
        self.break_or_character(rest, is_over)
    }

    /// A line break that ends the row, or another character.
    fn break_or_character(&mut self, rest: &[u8], is_over: bool) -> Option<usize> {
        use StreamBreak::{Newline, Return, ReturnNewline, Unknown};
        match (rest, self.line_break) {
            ([b'\n', ..], Unknown | Newline) => self.line_break = Newline,
            ([b'\r'], Unknown | ReturnNewline) if !is_over => return None,
            ([b'\r', b'\n', ..], Unknown | ReturnNewline) => self.line_break = ReturnNewline,
            ([b'\r', ..], Unknown | Return) => self.line_break = Return,
            ([b'\n' | b'\r', ..], _) => {
                self.line.has_foreign_break = true;
                return Some(1);
            }
            _ => return self.character(rest, is_over),
        }
        Some(0)
    }

    /// Steps over a character, and over plain ones behind it.
    fn character(&self, rest: &[u8], is_over: bool) -> Option<usize> {
        if rest.first().copied() == self.escape {
            return Some(1);
        }
        if self.encoding.has_ascii_trail() {
            let length = self.encoding.character_length(rest);
            let is_whole = is_over || length < rest.len() || rest.first() < Some(&0x80);
            return is_whole.then_some(length);
        }
        let behind = rest.get(1..).unwrap_or_default();
        let special = |byte: &u8| {
            matches!(byte, b'\n' | b'\r' | b'\\')
                || *byte == self.quote
                || Some(*byte) == self.escape
        };
        let next = match self.format {
            CopyFormat::Text => memchr::memchr3(b'\n', b'\r', b'\\', behind),
            _ => behind.iter().position(special),
        };
        Some(1 + next.unwrap_or(behind.len()))
    }

    fn binary_end(&mut self, bytes: &[u8], seen: usize) -> Result<CutRow, usize> {
        let row = |kind, end| Ok(CutRow { kind, end, more_lines: 0 });
        let number = |at: usize| {
            let (number, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
            Some(i32::from_be_bytes(*number))
        };
        let mut at = seen;
        loop {
            match self.binary {
                BinaryState::Rest => return Err(bytes.len()),
                BinaryState::Head => {
                    let Some(extension) = number(BINARY_HEAD_BYTES - 4) else { return Err(0) };
                    self.binary = BinaryState::Tuple;
                    let Ok(extension) = usize::try_from(extension) else {
                        return row(RowKind::Head, BINARY_HEAD_BYTES);
                    };
                    let end = BINARY_HEAD_BYTES.saturating_add(extension);
                    if end > bytes.len() {
                        self.binary = BinaryState::Head;
                        return Err(0);
                    }
                    return row(RowKind::Head, end);
                }
                BinaryState::Tuple => {
                    let Some(count) =
                        bytes.get(at..).and_then(|rest| rest.split_first_chunk::<2>())
                    else {
                        return Err(at);
                    };
                    match i16::from_be_bytes(*count.0) {
                        -1 => {
                            self.binary = BinaryState::Rest;
                            return row(RowKind::End, at + 2);
                        }
                        count => match u16::try_from(count) {
                            Ok(left) => self.binary = BinaryState::Field { left },
                            Err(_) => self.binary = BinaryState::Rest,
                        },
                    }
                    at += 2;
                }
                BinaryState::InField { missing, left } => {
                    let there = missing.min(bytes.len().saturating_sub(at));
                    at += there;
                    if there < missing {
                        self.binary = BinaryState::InField { missing: missing - there, left };
                        return Err(at);
                    }
                    self.binary = BinaryState::Field { left };
                }
                BinaryState::Field { left: 0 } => {
                    self.binary = BinaryState::Tuple;
                    return row(RowKind::Row, at);
                }
                BinaryState::Field { left } => {
                    let Some(length) = number(at) else { return Err(at) };
                    let bytes_of = match (length, usize::try_from(length)) {
                        (-1, _) => 0,
                        (_, Ok(length)) => length,
                        _ => {
                            self.binary = BinaryState::Rest;
                            continue;
                        }
                    };
                    let end = at.saturating_add(4).saturating_add(bytes_of);
                    self.binary = BinaryState::InField { missing: end - at - 4, left: left - 1 };
                    at += 4;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a stream that comes in pieces, with what they are and the lines beyond the first.
    fn rows(options: &CopyOptions, stream: &[u8], piece: usize) -> Vec<(RowKind, Vec<u8>, u32)> {
        let encoding = options.encoding.unwrap_or_default();
        let mut cutter = RowCutter::new(options, encoding, 15);
        let (mut held, mut seen, mut found) = (Vec::new(), 0, Vec::new());
        let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
        for (number, piece) in pieces.iter().enumerate() {
            held.extend_from_slice(piece);
            loop {
                match cutter.end(&held, seen, number + 1 == pieces.len()) {
                    Ok(row) => {
                        found.push((row.kind, held.drain(..row.end).collect(), row.more_lines));
                        seen = 0;
                    }
                    Err(now) => {
                        seen = now;
                        break;
                    }
                }
            }
        }
        if !held.is_empty() {
            let row = cutter.rest(held.len());
            found.push((row.kind, held, row.more_lines));
        }
        found
    }

    fn cut(options: &CopyOptions, stream: &[u8]) -> Vec<(RowKind, String, u32)> {
        let whole = rows(options, stream, stream.len().max(1));
        for piece in 1..6 {
            assert_eq!(rows(options, stream, piece), whole, "{piece}");
        }
        let shown = |bytes: Vec<u8>| bytes.escape_ascii().to_string();
        whole.into_iter().map(|(kind, row, lines)| (kind, shown(row), lines)).collect()
    }

    fn plain(options: &CopyOptions, stream: &[u8]) -> Vec<String> {
        cut(options, stream).into_iter().map(|(_, row, _)| row).collect()
    }

    #[test]
    fn text_ends_at_line_breaks_that_are_not_escaped() {
        let text = CopyOptions::new(CopyFormat::Text);
        assert_eq!(plain(&text, b"a\tb\nc\\\nd\ne"), [r"a\tb\n", r"c\\\nd\n", "e"]);
        assert_eq!(plain(&text, b"a\r\nb\r\n"), [r"a\r\n", r"b\r\n"]);
        assert_eq!(plain(&text, b"a\rb\r"), [r"a\r", r"b\r"]);
        let found = cut(&text, b"a\nb\rc\nd\n");
        assert_eq!(found[1], (RowKind::ForeignBreak, r"b\rc\n".into(), 0));
        let found = cut(&text, b"a\n\\.\nrest");
        assert_eq!(found[1].0, RowKind::End);
    }

    #[test]
    fn a_trail_byte_is_not_a_backslash() {
        let mut text = CopyOptions::new(CopyFormat::Text);
        text.encoding = Some(Encoding::ShiftJis);
        // U+8868 is 0x95 0x5C.
        assert_eq!(plain(&text, b"\x95\\\nb\n"), [r"\x95\\\n", r"b\n"]);
    }

    #[test]
    fn csv_ends_outside_of_quotes_and_counts_lines_inside() {
        let mut csv = CopyOptions::new(CopyFormat::Csv);
        let found = cut(&csv, b"a,b\n\"x\ny\"\"z\n\",2\n3,4\n");
        let expected = [
            (RowKind::Row, r"a,b\n".to_owned(), 0),
            (RowKind::Row, r#"\"x\ny\"\"z\n\",2\n"#.to_owned(), 2),
            (RowKind::Row, r"3,4\n".to_owned(), 0),
        ];
        assert_eq!(found, expected);
        csv.escape = b'\\';
        assert_eq!(plain(&csv, b"\"a\\\"\nb\"\nc\n").len(), 2);
        csv.header_lines = 1;
        assert_eq!(cut(&csv, b"h\n1\n")[0].0, RowKind::Head);
    }

    #[test]
    fn binary_ends_with_the_last_field() {
        let binary = CopyOptions::new(CopyFormat::Binary);
        let head = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\x02xx";
        let tuple = b"\0\x02\0\0\0\x01a\xFF\xFF\xFF\xFF";
        let stream = [&head[..], tuple, b"\0\0", tuple, BINARY_TRAILER].concat();
        let found = rows(&binary, &stream, 7);
        let kinds: Vec<_> = found.iter().map(|(kind, row, _)| (*kind, row.len())).collect();
        use RowKind::{End, Head, Row};
        assert_eq!(kinds, [(Head, 21), (Row, 11), (Row, 2), (Row, 11), (End, 2)]);
        let broken = [&head[..], tuple, b"\0\x01\xFF\xFF\xFF\x00more"].concat();
        assert_eq!(rows(&binary, &broken, 5).len(), 3, "the rest is one row");
    }
}
