//! The tuples of COPY binary: fields found by their lengths. Knows no values.

use super::RowRefusal;
use super::columns::{Columns, FieldPlace, NewField, Passage};
use super::piece::StreamPiece;
use crate::value::copy::binary_framing::{BinaryFraming, BinarySection, NULL, TRAILER};

/// Bytes of the length in front of a field.
const LENGTH_BYTES: usize = 4;

/// Bytes of the number of fields in front of a tuple.
const COUNT_BYTES: usize = 2;

/// Takes the tuples of a stream apart.
#[derive(Debug)]
pub(super) struct BinaryRows {
    framing: BinaryFraming,
    row: u64,
    /// The beginning of a number, or of a field with its length, that is not complete.
    held: Vec<u8>,
    /// The bytes of the field that is held, with its length.
    holding: Option<usize>,
    /// The field at hand stays as it is, or else is left out.
    stays: bool,
}

impl BinaryRows {
    pub(super) fn new(columns: usize) -> BinaryRows {
        BinaryRows {
            framing: BinaryFraming::new(columns),
            row: 0,
            held: Vec::new(),
            holding: None,
            stays: true,
        }
    }

    pub(super) fn rewrite(
        &mut self,
        piece: &mut StreamPiece<'_>,
        columns: &mut Columns,
    ) -> Result<(), RowRefusal> {
        let mut at = 0;
        while at < piece.stream.len() {
            if self.framing.section() == BinarySection::Rest {
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
        if let Some(bytes) = self.holding {
            return self.take_field(piece, at, bytes, columns);
        }
        match self.framing.section() {
            BinarySection::FieldCount => self.take_count(piece, at, columns),
            BinarySection::Length => self.take_length(piece, at, columns),
            BinarySection::Field { left } => {
                let there = left.min(piece.rest(at).len());
                if !self.stays {
                    piece.leave_out(at, at + there);
                }
                self.framing.pass(there);
                Ok(there)
            }
            // What stands in front of the tuples stays.
            _ => Ok(self.framing.take_front(piece.rest(at))),
        }
    }

    /// The stream has ended in the middle of something: the server will say so.
    pub(super) fn finish(&mut self, rows: &mut Vec<u8>) {
        rows.append(&mut self.held);
        self.holding = None;
        self.framing.end();
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
        let fields = count as usize;
        let is_right = self.framing.begin_tuple(count);
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
        let left = length as usize;
        let passage = columns.passage_of(self.framing.column(), left);
        if length.cast_signed() >= 0 && passage == Passage::Judged {
            if left <= columns.field_bytes_max {
                let before = if held.is_empty() { 0 } else { there };
                self.held = held;
                let bytes = LENGTH_BYTES + left;
                return Ok(before + self.take_field(piece, at + before, bytes, columns)?);
            }
            if columns.is_masked(self.framing.column()) {
                let place = FieldPlace { row: self.row, column: self.framing.column() };
                return Err(columns.too_long_to_mask(place));
            }
            columns.too_long += 1;
        }
        self.stays = passage != Passage::LeftOut;
        self.framing.begin_field(length);
        match self.stays || self.framing.section() == BinarySection::Rest {
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
        self.holding = (!is_whole).then_some(bytes);
        if !is_whole {
            return Ok(there);
        }
        let (end, held) = (at + there, std::mem::take(&mut self.held));
        let field = if held.is_empty() { piece.bytes(at, end) } else { &held };
        let value = field.get(LENGTH_BYTES..).unwrap_or_default();
        let place = FieldPlace { column: self.framing.column(), row: self.row };
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
        self.framing.end_field();
        Ok(there)
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
