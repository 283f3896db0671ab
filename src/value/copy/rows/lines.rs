//! The lines of COPY text and CSV: which field is which column's, and where a line ends. Knows no
//! escapes and no quotes.

use super::RowRefusal;
use super::columns::{Columns, FieldPlace, NewField, Passage};
use super::piece::StreamPiece;
use crate::value::copy::fields::{Content, END_OF_DATA, FieldFormat};
use crate::value::copy::options::CopyOptions;

/// How the lines of the stream end; the first one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineBreak {
    Unknown,
    Newline,
    Return,
    ReturnNewline,
}

/// What became of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SettledField {
    Kept,
    Written,
    LeftOut,
}

/// Takes the lines of a stream apart.
#[derive(Debug)]
pub(super) struct RowLines<F> {
    fields: F,
    /// Its index in the line.
    column: usize,
    /// The number of the line.
    row: u64,
    header_lines: u64,
    line_break: LineBreak,
    /// The line ended in a return, behind which a newline may belong to it.
    at_return: bool,
    /// Nothing that follows is looked at.
    is_over: bool,
    /// A part of the field, not only a backslash, has come with an earlier piece.
    has_begun: bool,
    /// The field is longer than may be held.
    is_too_long: bool,
    /// What is held of the field: all that came, or a backslash alone.
    held: Vec<u8>,
    value: Vec<u8>,
    written: Vec<u8>,
}

impl<F: FieldFormat> RowLines<F> {
    pub(super) fn new(fields: F, options: &CopyOptions) -> RowLines<F> {
        RowLines {
            fields,
            column: 0,
            row: 1,
            header_lines: options.header_lines,
            line_break: LineBreak::Unknown,
            at_return: false,
            is_over: false,
            has_begun: false,
            is_too_long: false,
            held: Vec::new(),
            value: Vec::new(),
            written: Vec::new(),
        }
    }

    pub(super) fn rewrite(
        &mut self,
        piece: &mut StreamPiece<'_>,
        columns: &mut Columns,
    ) -> Result<(), RowRefusal> {
        let mut start = 0;
        while let (false, Some(&byte)) = (self.is_over, piece.stream.get(start)) {
            if std::mem::take(&mut self.at_return) {
                start += self.behind_return(byte);
                continue;
            }
            let Some(length) = self.fields.end(piece.rest(start)) else {
                self.suspend(piece, start, columns);
                return Ok(());
            };
            start = self.end_field(piece, start, start + length, columns)?;
        }
        piece.keep_rest();
        Ok(())
    }

    /// The first byte behind a return; gives how many bytes belong to the line break.
    fn behind_return(&mut self, byte: u8) -> usize {
        let is_newline = byte == b'\n';
        match (self.line_break, is_newline) {
            (LineBreak::Unknown, true) => self.set_line_break(LineBreak::ReturnNewline),
            (LineBreak::Unknown, false) => self.set_line_break(LineBreak::Return),
            (_, is_newline) => self.is_over = !is_newline,
        }
        usize::from(is_newline)
    }

    fn set_line_break(&mut self, line_break: LineBreak) {
        self.line_break = line_break;
        let is_newline = line_break == LineBreak::Newline;
        self.fields.count_lines_by(if is_newline { b'\n' } else { b'\r' });
    }

    fn is_header(&self) -> bool {
        self.header_lines > 0
    }

    /// Whether the field must be there as a whole: to be judged, or because it may be `\.`.
    #[inline]
    fn is_held(&self, columns: &Columns) -> bool {
        let is_judged = columns.passage(self.column) == Passage::Judged && !self.is_header();
        let may_lead = F::LINE_ENDS_DATA && self.column <= columns.first_written();
        !self.is_too_long && (is_judged || may_lead)
    }

    /// The piece has ended in a field that began, as far as it is not held, at `start`.
    fn suspend(&mut self, piece: &mut StreamPiece<'_>, start: usize, columns: &mut Columns) {
        let (end, passage) = (piece.stream.len(), columns.passage(self.column));
        let backslash = usize::from(self.fields.ends_in_backslash());
        self.has_begun |= piece.rest(start).len() > backslash;
        if self.is_held(columns) {
            piece.leave_out(start, end);
            self.held.extend_from_slice(piece.rest(start));
            let length = self.held.len().saturating_sub(backslash);
            if length <= columns.field_bytes_max {
                return;
            }
            self.is_too_long = true;
            if columns.is_masked(self.column) {
                // Nothing of it may pass; the row is refused at its end.
            } else if passage != Passage::LeftOut {
                self.count_too_long(columns);
                piece.rows.extend_from_slice(self.held.get(..length).unwrap_or_default());
            }
            self.held.clear();
        } else if passage == Passage::LeftOut || columns.is_masked(self.column) {
            piece.leave_out(start, end);
            self.held.clear();
        } else {
            self.release(piece, start);
            piece.leave_out(end - backslash, end);
        }
        // Whether it stays is known only with the byte behind it.
        self.held.extend_from_slice(b"\\".get(..backslash).unwrap_or_default());
    }

    /// What is held stays as it came; the rest of its field begins at `start`.
    fn release(&mut self, piece: &mut StreamPiece<'_>, start: usize) {
        if !self.held.is_empty() {
            piece.replace(start, start, &self.held);
            self.held.clear();
        }
    }

    fn count_too_long(&self, columns: &mut Columns) {
        if columns.passage(self.column) == Passage::Judged && !self.is_header() {
            columns.too_long += 1;
        }
    }

    /// The field ends at `at`; gives where the next one begins.
    #[inline]
    fn end_field(
        &mut self,
        piece: &mut StreamPiece<'_>,
        start: usize,
        at: usize,
        columns: &mut Columns,
    ) -> Result<usize, RowRefusal> {
        if self.fields.is_end_of_data() {
            self.end_data(piece, start, at, columns)?;
            return Ok(at);
        }
        let line_break = piece.stream.get(at).filter(|byte| matches!(byte, b'\n' | b'\r'));
        if line_break.is_some() && self.is_end_line(piece.bytes(start, at)) {
            self.is_over = true;
            self.release(piece, start);
            return Ok(at);
        }
        self.settle(piece, start, at, columns)?;
        self.row += self.fields.lines();
        match line_break {
            None => self.next_column(piece, at, columns),
            Some(byte) => {
                self.next_line(*byte, columns).inspect_err(|_| piece.keep_to(at))?;
            }
        }
        Ok(at + 1)
    }

    /// Whether this rest of the field makes it the line that ends the data.
    #[inline]
    fn is_end_line(&self, rest: &[u8]) -> bool {
        F::LINE_ENDS_DATA
            && self.column == 0
            && self.held.len() + rest.len() == END_OF_DATA.len()
            && self.held.iter().chain(rest).eq(END_OF_DATA)
            && !self.is_too_long
    }

    /// `\.` in the line: what stands before it is a field, nothing behind it is.
    #[cold]
    fn end_data(
        &mut self,
        piece: &mut StreamPiece<'_>,
        start: usize,
        at: usize,
        columns: &mut Columns,
    ) -> Result<(), RowRefusal> {
        // The backslash lies in this piece, or is the last byte held.
        let end = at.saturating_sub(1).max(start);
        let backslash = if at == start { self.held.pop() } else { None };
        let is_row = self.has_begun || self.column > 0 || end > start;
        if is_row {
            self.settle(piece, start, end, columns)?;
            self.check_count(columns).inspect_err(|_| piece.keep_to(end))?;
        }
        if backslash.is_some() {
            piece.replace(at, at, b"\\");
        }
        self.is_over = true;
        Ok(())
    }

    #[inline]
    fn next_column(&mut self, piece: &mut StreamPiece<'_>, at: usize, columns: &Columns) {
        self.column += 1;
        let is_left_out = columns.passage(self.column) == Passage::LeftOut;
        if is_left_out || self.column <= columns.first_written() {
            piece.leave_out(at, at + 1);
        }
        self.restart();
    }

    #[inline]
    fn next_line(&mut self, byte: u8, columns: &Columns) -> Result<(), RowRefusal> {
        match (self.line_break, byte) {
            (LineBreak::Newline, b'\n') | (LineBreak::Return, b'\r') => {}
            (LineBreak::Unknown, b'\n') => self.set_line_break(LineBreak::Newline),
            (LineBreak::Unknown | LineBreak::ReturnNewline, b'\r') => self.at_return = true,
            _ => {
                self.is_over = true;
                return Ok(());
            }
        }
        self.check_count(columns)?;
        self.row += 1;
        self.column = 0;
        self.header_lines = self.header_lines.saturating_sub(1);
        self.restart();
        Ok(())
    }

    #[inline]
    fn restart(&mut self) {
        self.fields.restart();
        self.has_begun = false;
        self.is_too_long = false;
    }

    /// The line has ended. Without the columns that are left out the server may not see that it is
    /// too short.
    #[inline]
    fn check_count(&self, columns: &Columns) -> Result<(), RowRefusal> {
        let count = self.column + 1;
        if columns.left_out() > 0 && count < columns.count() && !self.is_header() {
            return Err(columns.wrong_count(self.row, count));
        }
        Ok(())
    }

    /// The field ends at `end`: what becomes of it is done.
    #[inline]
    fn settle(
        &mut self,
        piece: &mut StreamPiece<'_>,
        start: usize,
        end: usize,
        columns: &mut Columns,
    ) -> Result<SettledField, RowRefusal> {
        if columns.passage(self.column) == Passage::LeftOut {
            piece.leave_out(start, end);
            self.held.clear();
            return Ok(SettledField::LeftOut);
        }
        if self.is_too_long && columns.is_masked(self.column) {
            let place = FieldPlace { row: self.row, column: self.column };
            return Err(columns.too_long_to_mask(place));
        }
        if !self.is_held(columns) {
            self.release(piece, start);
            return Ok(SettledField::Kept);
        }
        let is_written = if self.held.is_empty() {
            let judged = self.judge(piece.bytes(start, end), columns);
            judged.inspect_err(|_| piece.keep_to(start))?
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(piece.bytes(start, end));
            let is_written = self.judge(&held, columns)?;
            if !is_written {
                piece.replace(start, end, &held);
            }
            held.clear();
            self.held = held;
            is_written
        };
        if is_written {
            piece.replace(start, end, &self.written);
        }
        Ok(if is_written { SettledField::Written } else { SettledField::Kept })
    }

    /// Judges a whole field; gives whether another takes its place, which is written then.
    #[inline]
    fn judge(&mut self, field: &[u8], columns: &mut Columns) -> Result<bool, RowRefusal> {
        let place = FieldPlace { column: self.column, row: self.row + self.fields.lines() };
        let mut is_written = false;
        if field.len() > columns.field_bytes_max {
            self.count_too_long(columns);
            return Ok(false);
        }
        if columns.passage(self.column) == Passage::Judged && !self.is_header() {
            let change = match self.fields.content(field, self.column, &mut self.value) {
                Content::Value(value) => columns.judge_text(place, value)?,
                Content::None => None,
                Content::OfTwoEncodings => {
                    columns.of_two_encodings += 1;
                    None
                }
            };
            if let Some(change) = change {
                is_written = self.write(&change);
                match is_written {
                    true => columns.note(place),
                    false => columns.forget(),
                }
            }
        }
        // In a line of its own that it did not have, `\.` would end the data.
        let leads = columns.left_out() > 0 && self.column == columns.first_written();
        if F::LINE_ENDS_DATA && leads && !is_written && field == END_OF_DATA {
            // A NULL string of these bytes has no other spelling.
            is_written = self.fields.content(field, self.column, &mut self.value) != Content::None
                && self.fields.write(field, self.column, &mut self.written);
            if !is_written {
                return Err(columns.unwritable(place));
            }
        }
        Ok(is_written)
    }

    fn write(&mut self, change: &NewField) -> bool {
        match change {
            NewField::Value(value) => self.fields.write(value, self.column, &mut self.written),
            NewField::Null => self.fields.write_null(self.column, &mut self.written),
        }
    }

    pub(super) fn finish(
        &mut self,
        rows: &mut Vec<u8>,
        columns: &mut Columns,
    ) -> Result<(), RowRefusal> {
        let is_row = self.has_begun || self.column > 0 || !self.held.is_empty();
        if std::mem::replace(&mut self.is_over, true) || !is_row {
            return Ok(());
        }
        let ends_in_backslash = self.fields.ends_in_backslash();
        let settled = self.settle(&mut StreamPiece::new(&[], rows), 0, 0, columns)?;
        self.check_count(columns)?;
        // Without a line break behind it, an empty line is none.
        let needs_break = match settled {
            SettledField::Kept => columns.left_out() > 0 && !ends_in_backslash,
            SettledField::Written => columns.left_out() > 0 || self.written.is_empty(),
            SettledField::LeftOut => true,
        };
        if needs_break {
            rows.extend_from_slice(match self.line_break {
                LineBreak::Unknown | LineBreak::Newline => b"\n",
                LineBreak::Return => b"\r",
                LineBreak::ReturnNewline => b"\r\n",
            });
        }
        Ok(())
    }
}
