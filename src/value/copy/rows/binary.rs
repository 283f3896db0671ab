//! The tuples of COPY binary: fields found by their lengths. Knows no values.

use super::RowRefusal;
use super::columns::{Columns, FieldPlace, NewField, Passage};
use super::piece::StreamPiece;
use crate::value::copy::binary::{CRITICAL_FLAGS, NULL, SIGNATURE, TRAILER};
use crate::wire::CutNumber;

/// Bytes of the length in front of a field.
const LENGTH_BYTES: usize = 4;

/// Bytes of the number of fields in front of a tuple.
const COUNT_BYTES: usize = 2;

/// The parts of a stream, in the order in which they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TupleSection {
    #[default]
    Signature,
    Flags,
    ExtensionLength,
    FieldCount,
    /// The length of the next field.
    Length,
    /// A field that is held, with its length, until so many bytes are there.
    Held {
        bytes: usize,
    },
    /// Bytes that are not looked at: they stay or are left out.
    Passing {
        left: usize,
        stays: bool,
        then: Next,
    },
    /// Behind the trailer, or behind something that the server will refuse.
    Rest,
}

/// What follows bytes that are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    FieldCount,
    Field,
}

/// Takes the tuples of a stream apart.
#[derive(Debug, Default)]
pub(super) struct BinaryRows {
    part: TupleSection,
    /// Bytes of the signature that have come.
    seen: usize,
    number: CutNumber,
    column: usize,
    row: u64,
    /// The beginning of a number or of a field that is not complete.
    held: Vec<u8>,
}

impl BinaryRows {
    pub(super) fn rewrite(
        &mut self,
        piece: &mut StreamPiece<'_>,
        columns: &mut Columns,
    ) -> Result<(), RowRefusal> {
        let mut at = 0;
        while at < piece.stream.len() {
            if self.part == TupleSection::Rest {
                break;
            }
            at += self.take(piece, at, columns).inspect_err(|_| piece.keep_to(at))?;
        }
        piece.keep_rest();
        Ok(())
    }

    /// Takes some of the bytes at `at`; gives how many, never none.
    #[inline]
    fn take(
        &mut self,
        piece: &mut StreamPiece<'_>,
        at: usize,
        columns: &mut Columns,
    ) -> Result<usize, RowRefusal> {
        match self.part {
            TupleSection::Signature => Ok(self.take_signature(piece.rest(at))),
            TupleSection::Flags | TupleSection::ExtensionLength => {
                Ok(self.take_number(piece.rest(at)))
            }
            TupleSection::FieldCount => self.take_count(piece, at, columns),
            TupleSection::Length => self.take_length(piece, at, columns),
            TupleSection::Held { bytes } => self.take_field(piece, at, bytes, columns),
            TupleSection::Passing { left, stays, then } => {
                Ok(self.pass(piece, at, (left, stays, then), columns))
            }
            TupleSection::Rest => Ok(piece.rest(at).len()),
        }
    }

    /// The stream has ended in the middle of something: the server will say so.
    pub(super) fn finish(&mut self, rows: &mut Vec<u8>) {
        rows.append(&mut self.held);
        self.part = TupleSection::Rest;
    }

    fn take_signature(&mut self, rest: &[u8]) -> usize {
        let expected = SIGNATURE.get(self.seen..).unwrap_or_default();
        let there = expected.len().min(rest.len());
        self.seen += there;
        if rest.get(..there) != expected.get(..there) {
            self.part = TupleSection::Rest;
        } else if there == expected.len() {
            self.part = TupleSection::Flags;
        }
        there
    }

    /// Takes the numbers in front of the tuples, which stay whatever they are.
    fn take_number(&mut self, rest: &[u8]) -> usize {
        let (taken, number) = self.number.take::<LENGTH_BYTES>(rest);
        let Some(number) = number else { return taken };
        self.part = match self.part {
            TupleSection::Flags if number & CRITICAL_FLAGS == 0 => TupleSection::ExtensionLength,
            TupleSection::ExtensionLength if number == 0 => TupleSection::FieldCount,
            TupleSection::ExtensionLength if number.cast_signed() > 0 => {
                TupleSection::Passing { left: number as usize, stays: true, then: Next::FieldCount }
            }
            _ => TupleSection::Rest,
        };
        taken
    }

    /// Takes as many bytes at `at` as are missing of `bytes` with those that are held; gives how many
    /// that was, and whether all are there. They are held unless all of them lie in this piece.
    #[inline]
    fn gather(&mut self, piece: &mut StreamPiece<'_>, at: usize, bytes: usize) -> (usize, bool) {
        let missing = bytes.saturating_sub(self.held.len());
        let end = piece.stream.len().min(at + missing);
        let there = piece.bytes(at, end);
        if there.len() < bytes {
            piece.leave_out(at, end);
            self.held.extend_from_slice(there);
        }
        (there.len(), there.len() == missing)
    }

    /// Takes the number of fields of a tuple.
    #[inline]
    fn take_count(
        &mut self,
        piece: &mut StreamPiece<'_>,
        at: usize,
        columns: &Columns,
    ) -> Result<usize, RowRefusal> {
        let (there, is_whole) = self.gather(piece, at, COUNT_BYTES);
        if !is_whole {
            return Ok(there);
        }
        let (end, held) = (at + there, std::mem::take(&mut self.held));
        let bytes = if held.is_empty() { piece.bytes(at, end) } else { &held };
        let count = number(bytes);
        self.row += 1;
        self.column = 0;
        let fields = count as usize;
        let is_right = fields == columns.count();
        self.part = match is_right {
            true if fields > 0 => TupleSection::Length,
            true => TupleSection::FieldCount,
            false => TupleSection::Rest,
        };
        if is_right && columns.left_out() > 0 {
            let written = u16::try_from(fields - columns.left_out()).unwrap_or_default();
            piece.replace(at, end, &written.to_be_bytes());
            return Ok(there);
        }
        // Without the columns that are left out, the server might take it for the right number.
        if !is_right && count != TRAILER && columns.left_out() > 0 {
            return Err(columns.wrong_count(self.row, fields));
        }
        stay(&held, piece, end);
        Ok(there)
    }

    /// Takes the length of a field, and the field where it is to be held.
    #[inline]
    fn take_length(
        &mut self,
        piece: &mut StreamPiece<'_>,
        at: usize,
        columns: &mut Columns,
    ) -> Result<usize, RowRefusal> {
        let (there, is_whole) = self.gather(piece, at, LENGTH_BYTES);
        if !is_whole {
            return Ok(there);
        }
        let (end, held) = (at + there, std::mem::take(&mut self.held));
        let length = number(if held.is_empty() { piece.bytes(at, end) } else { &held });
        let (passage, left) = (columns.passage(self.column), length as usize);
        let is_value = length.cast_signed() >= 0;
        if is_value && passage == Passage::Judged {
            if left <= columns.field_bytes_max {
                let before = if held.is_empty() { 0 } else { there };
                self.held = held;
                let bytes = LENGTH_BYTES + left;
                return Ok(before + self.take_field(piece, at + before, bytes, columns)?);
            }
            columns.too_long += 1;
        }
        let stays = passage != Passage::LeftOut;
        match length {
            NULL | 0 => self.part = self.next_field(columns),
            _ if is_value => self.part = TupleSection::Passing { left, stays, then: Next::Field },
            _ => self.part = TupleSection::Rest,
        }
        match stays || self.part == TupleSection::Rest {
            true => stay(&held, piece, end),
            false => piece.leave_out(at, end),
        }
        Ok(there)
    }

    /// Takes a field with its length, so many bytes, and has it judged once it is whole.
    #[inline]
    fn take_field(
        &mut self,
        piece: &mut StreamPiece<'_>,
        at: usize,
        bytes: usize,
        columns: &mut Columns,
    ) -> Result<usize, RowRefusal> {
        let (there, is_whole) = self.gather(piece, at, bytes);
        if !is_whole {
            self.part = TupleSection::Held { bytes };
            return Ok(there);
        }
        let (end, held) = (at + there, std::mem::take(&mut self.held));
        let field = if held.is_empty() { piece.bytes(at, end) } else { &held };
        let value = field.get(LENGTH_BYTES..).unwrap_or_default();
        let place = FieldPlace { column: self.column, row: self.row };
        match columns.judge_binary(place, value)? {
            None => stay(&held, piece, end),
            Some(NewField::Null) => piece.replace(at, end, &NULL.to_be_bytes()),
            Some(NewField::Value(value)) => {
                let length = u32::try_from(value.len()).unwrap_or(NULL);
                piece.replace(at, end, &length.to_be_bytes());
                piece.rows.extend_from_slice(&value);
            }
        }
        columns.note(place);
        self.part = self.next_field(columns);
        Ok(there)
    }

    fn next_field(&mut self, columns: &Columns) -> TupleSection {
        self.column += 1;
        match self.column < columns.count() {
            true => TupleSection::Length,
            false => TupleSection::FieldCount,
        }
    }

    /// Passes some of the bytes that are not looked at.
    fn pass(
        &mut self,
        piece: &mut StreamPiece<'_>,
        at: usize,
        (left, stays, then): (usize, bool, Next),
        columns: &Columns,
    ) -> usize {
        let there = left.min(piece.rest(at).len());
        if !stays {
            piece.leave_out(at, at + there);
        }
        self.part = match (left - there, then) {
            (0, Next::FieldCount) => TupleSection::FieldCount,
            (0, Next::Field) => self.next_field(columns),
            (left, then) => TupleSection::Passing { left, stays, then },
        };
        there
    }
}

/// A number in network byte order, at most four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// What is held stays; it ends at `end`. Where nothing is held, it lies in the piece and stays.
fn stay(held: &[u8], piece: &mut StreamPiece<'_>, end: usize) {
    if !held.is_empty() {
        piece.replace(end, end, held);
    }
}
