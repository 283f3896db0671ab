//! The client's rows on their way into batches. Owns what has come and was not sent; knows no frames and no
//! errors.

use std::collections::VecDeque;

use super::batch::{Batch, ROWS_MAX};
use super::rejected::CUT_ROW_BYTES;
use super::rows::{CutRow, RowCutter, RowKind};
use crate::encoding::Encoding;
use crate::value::{CopyFormat, CopyOptions};

/// The client's rows as they come.
#[derive(Debug)]
pub(super) struct Incoming {
    format: CopyFormat,
    batch_bytes: usize,
    cutter: RowCutter,
    /// What comes before the rows, in front of every batch.
    pub(super) head: Vec<u8>,
    /// Its lines.
    pub(super) head_lines: u64,
    /// Whole rows; the last one of these is being filled.
    batches: VecDeque<Batch>,
    /// The bytes of a row whose end is not there, and how many of them were looked at.
    tail: Vec<u8>,
    seen: usize,
    /// The row at the end is longer than a batch.
    long: Option<LongRow>,
    /// The row at the very end has no end of its own.
    ends_broken: bool,
    /// Nothing behind the marker of the end counts.
    is_over: bool,
    /// The client sends no more.
    has_ended: bool,
}

/// A row that is longer than a batch goes on as it comes.
#[derive(Debug, Default)]
pub(super) struct LongRow {
    pub(super) first_bytes: Vec<u8>,
    pub(super) bytes: usize,
    pub(super) line: u64,
    pub(super) has_foreign_break: bool,
    is_begun: bool,
    is_ended: bool,
}

/// A part of a long row.
#[derive(Debug, Default)]
pub(super) struct LongPiece {
    pub(super) bytes: Vec<u8>,
    /// A line break of another kind than the stream has is in it, the first one.
    pub(super) has_foreign_break: bool,
    pub(super) is_ended: bool,
}

/// Rows that have come and were not sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnsentRows<'a> {
    /// What comes before them.
    pub(super) head: &'a [u8],
    pub(super) rows: &'a [u8],
    /// The rows of their batch.
    pub(super) count: usize,
}

/// What was found in rows that came.
#[derive(Debug, Default)]
pub(super) struct FoundRows {
    /// Rows that the server refuses, and could take for two in front of others, with their lines.
    pub(super) foreign: Vec<(Vec<u8>, u64)>,
    /// There are bytes behind the end of a binary stream.
    pub(super) has_garbage: bool,
}

impl Incoming {
    /// The rows of a COPY with these options, in batches of this size.
    pub(super) fn new(
        options: &CopyOptions,
        encoding: Encoding,
        server_major: u32,
        batch_bytes: usize,
    ) -> Incoming {
        Incoming {
            format: options.format,
            batch_bytes,
            cutter: RowCutter::new(options, encoding, server_major),
            head: Vec::new(),
            head_lines: 0,
            batches: VecDeque::from([Batch::new(1)]),
            tail: Vec::new(),
            seen: 0,
            long: None,
            ends_broken: false,
            is_over: false,
            has_ended: false,
        }
    }

    /// Whether no more rows are taken for now.
    pub(super) fn is_full(&self) -> bool {
        let held: usize = self.batches.iter().map(|batch| batch.bytes.len()).sum();
        self.has_ended
            || self.long.as_ref().is_some_and(|long| !long.is_begun || long.is_ended)
            || held >= self.batch_bytes
            || self.batches.back().is_some_and(|batch| batch.len() >= ROWS_MAX)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The client sends no more.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The line up to which the stream has come; none while the server reads what comes before binary rows.
    pub(super) fn line_now(&self) -> Option<u64> {
        let is_in_head = self.format == CopyFormat::Binary && self.head.is_empty();
        (!is_in_head).then(|| self.next_line() + self.cutter.more_lines())
    }

    /// What has come of a row whose end is not there, unless it goes on as it comes.
    pub(super) fn tail(&self) -> Option<&[u8]> {
        self.long.is_none().then_some(&*self.tail)
    }

    /// The line that comes next.
    fn next_line(&self) -> u64 {
        self.batches.back().map_or(1, Batch::next_line)
    }

    /// Takes more bytes of the stream, and cuts rows off.
    pub(super) fn take(&mut self, bytes: &[u8]) -> FoundRows {
        let mut found = FoundRows::default();
        if self.is_over {
            found.has_garbage = self.format == CopyFormat::Binary && !bytes.is_empty();
            return found;
        }
        let mut held = std::mem::take(&mut self.tail);
        held.extend_from_slice(bytes);
        let mut at = 0;
        while !self.is_over {
            let rest = held.get(at..).unwrap_or_default();
            let cut = match self.cutter.end(rest, self.seen, self.has_ended) {
                Ok(cut) => cut,
                Err(_) if self.has_ended && !rest.is_empty() => {
                    self.ends_broken = true;
                    self.cutter.rest(rest.len())
                }
                Err(seen) => {
                    self.seen = seen;
                    break;
                }
            };
            self.seen = 0;
            let end = cut.end.min(rest.len());
            self.push(cut, rest.get(..end).unwrap_or_default(), &mut found);
            at += end;
        }
        held.drain(..at);
        if self.is_over {
            found.has_garbage = self.format == CopyFormat::Binary && !held.is_empty();
        } else {
            self.tail = held;
            if self.tail.len() > self.batch_bytes {
                self.long = Some(LongRow { line: self.next_line(), ..LongRow::default() });
            }
        }
        found
    }

    fn push(&mut self, cut: CutRow, row: &[u8], found: &mut FoundRows) {
        match cut.kind {
            RowKind::Head => {
                self.head.extend_from_slice(row);
                if self.format != CopyFormat::Binary {
                    self.head_lines += 1 + u64::from(cut.more_lines);
                    self.batches = VecDeque::from([Batch::new(self.head_lines + 1)]);
                }
            }
            RowKind::End => self.is_over = true,
            RowKind::Row => {
                let is_full = self.batches.back().is_none_or(|batch| {
                    let bytes = batch.bytes.len() + row.len();
                    batch.len() >= ROWS_MAX || !batch.is_empty() && bytes > self.batch_bytes
                });
                if is_full {
                    self.batches.push_back(Batch::new(self.next_line()));
                }
                if let Some(batch) = self.batches.back_mut() {
                    batch.push(row, cut.more_lines);
                }
            }
            RowKind::ForeignBreak => {
                let line = self.next_line() + u64::from(cut.more_lines);
                if self.batches.back().is_some_and(Batch::is_empty) {
                    self.batches.pop_back();
                }
                self.batches.push_back(Batch::new(line + 1));
                found.foreign.push((row.to_vec(), line));
            }
        }
    }

    /// The next batch, if it is whole.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        self.has_whole_batch().then(|| self.take_front())
    }

    /// Whether nothing comes to the next batch any more, in which there are rows.
    pub(super) fn has_whole_batch(&mut self) -> bool {
        let ends = self.has_ended || self.long.is_some() || self.is_over;
        self.front().is_some() && (ends || self.batches.len() > 1 || self.is_full())
    }

    /// The next batch, as far as it has come, if there are rows in it.
    pub(super) fn front(&mut self) -> Option<&Batch> {
        while self.batches.len() > 1 && self.batches.front().is_some_and(Batch::is_empty) {
            self.batches.pop_front();
        }
        self.batches.front().filter(|batch| !batch.is_empty())
    }

    /// The rows of the next batch behind the first ones, how many there are then, and what comes before all rows.
    pub(super) fn unsent(&mut self, sent: usize) -> Option<UnsentRows<'_>> {
        let count = self.front().map(Batch::len).filter(|count| *count > sent)?;
        let rows = self.batches.front()?.slice(&(sent..count));
        let head = if sent == 0 { &*self.head } else { &[] };
        Some(UnsentRows { head, rows, count })
    }

    /// Takes the next batch, whole or not.
    pub(super) fn take_front(&mut self) -> Batch {
        let batch = self.batches.pop_front().unwrap_or_default();
        if self.batches.is_empty() {
            self.batches.push_back(Batch::new(batch.next_line()));
        }
        batch
    }

    /// Whether nothing is left behind the batch that was given last.
    pub(super) fn is_at_the_end(&self) -> bool {
        self.has_ended && self.long.is_none() && self.batches.iter().all(Batch::is_empty)
    }

    /// Whether the marker of the end would make whole what the client has cut short, in an attempt that goes
    /// to the end of the stream if `is_last`; or what comes before the rows is missing, of which the server
    /// tells.
    pub(super) fn is_cut(&self, is_last: bool) -> bool {
        is_last && self.ends_broken || self.head.is_empty()
    }

    /// Whether a long row waits to go on.
    pub(super) fn has_long_row(&self) -> bool {
        self.long.as_ref().is_some_and(|long| !long.is_begun)
    }

    /// Whether what comes is a part of a long row that goes on.
    pub(super) fn is_in_long_row(&self) -> bool {
        self.long.as_ref().is_some_and(|long| long.is_begun && !long.is_ended)
    }

    /// More of a long row that goes on.
    pub(super) fn long_piece(&mut self, bytes: &[u8]) -> LongPiece {
        let mut piece = std::mem::take(&mut self.tail);
        piece.extend_from_slice(bytes);
        let cut = match self.cutter.end(&piece, self.seen, self.has_ended) {
            Err(_) if self.has_ended => {
                self.ends_broken = true;
                Ok(self.cutter.rest(piece.len()))
            }
            cut => cut,
        };
        let (count, is_ended, is_foreign) = match cut {
            Ok(cut) => (cut.end.min(piece.len()), true, cut.kind == RowKind::ForeignBreak),
            // What decides over the next byte stays.
            Err(seen) => (seen, false, self.cutter.take_foreign_break()),
        };
        self.seen = 0;
        self.tail = piece.split_off(count);
        let Some(long) = &mut self.long else { return LongPiece::default() };
        let room = CUT_ROW_BYTES.saturating_sub(long.first_bytes.len()).min(piece.len());
        long.first_bytes.extend_from_slice(piece.get(..room).unwrap_or_default());
        long.bytes += piece.len();
        (long.is_begun, long.is_ended) = (true, is_ended);
        let has_foreign_break = is_foreign && !long.has_foreign_break;
        long.has_foreign_break |= is_foreign;
        LongPiece { bytes: piece, has_foreign_break, is_ended }
    }

    /// The long row, once all of it has come.
    pub(super) fn take_long_row(&mut self) -> Option<LongRow> {
        let long = self.long.take_if(|long| long.is_ended)?;
        self.batches = VecDeque::from([Batch::new(long.line + 1)]);
        Some(long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a stream that comes in pieces, those longer than a batch by their length alone.
    fn rows(format: CopyFormat, stream: &[u8], piece: usize) -> Vec<String> {
        let options = CopyOptions::new(format);
        let mut incoming = Incoming::new(&options, Encoding::Utf8, 15, 50);
        let mut found = Vec::new();
        let mut settle = |incoming: &mut Incoming| {
            loop {
                while let Some(batch) = incoming.next_batch() {
                    let row = |at: usize| batch.slice(&(at..at + 1)).escape_ascii().to_string();
                    found.extend(
                        (0..batch.len()).map(|at| format!("{} {}", batch.line(at), row(at))),
                    );
                }
                if incoming.has_long_row() {
                    incoming.long_piece(&[]);
                }
                let Some(long) = incoming.take_long_row() else { return };
                found.push(format!("{} long {}", long.line, long.bytes));
                incoming.take(&[]);
            }
        };
        for piece in stream.chunks(piece) {
            match incoming.is_in_long_row() {
                true => drop(incoming.long_piece(piece)),
                false => drop(incoming.take(piece)),
            }
            settle(&mut incoming);
        }
        incoming.end();
        match incoming.is_in_long_row() {
            true => drop(incoming.long_piece(&[])),
            false => drop(incoming.take(&[])),
        }
        settle(&mut incoming);
        assert!(incoming.is_at_the_end());
        found
    }

    #[test]
    fn long_rows_go_on_as_they_come() {
        let long = "x".repeat(500);
        let text = format!("a\n{long}\nb\n{long}\n{long}");
        let tuple = |value: &str| {
            let length = i32::try_from(value.len()).unwrap().to_be_bytes();
            [&[0, 1][..], &length, value.as_bytes()].concat()
        };
        let head = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        let tuples = [head, tuple("a"), tuple(&long), tuple("b"), tuple(&long), tuple(&long)];
        let binary = [&tuples.concat()[..], b"\xFF\xFF"].concat();
        for piece in [1, 7, 40] {
            let found = rows(CopyFormat::Text, text.as_bytes(), piece);
            let expected = ["1 a\\n", "2 long 501", "3 b\\n", "4 long 501", "5 long 500"];
            assert_eq!(found, expected, "{piece}");
            let found = rows(CopyFormat::Binary, &binary, piece);
            let short =
                |line: u8, value: &str| format!("{line} \\x00\\x01\\x00\\x00\\x00\\x01{value}");
            let expected = [
                short(1, "a"),
                "2 long 506".to_owned(),
                short(3, "b"),
                "4 long 506".to_owned(),
                "5 long 506".to_owned(),
            ];
            assert_eq!(found, expected, "{piece}");
        }
    }
}
