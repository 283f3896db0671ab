//! The framing of COPY binary: what stands in front of the tuples, tuples by their counts of fields,
//! fields by their lengths. Reads no values and changes nothing.

use crate::wire::CutNumber;

/// What every stream starts with.
///
/// Source: PostgreSQL manual, COPY, "Binary Format".
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Flags that change how the rest is read: the server refuses those that it does not know. Bit 16,
/// which announced OIDs up to PostgreSQL 11, is one of them.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

/// Minus one as a count of fields: the end of the stream.
pub(super) const TRAILER: u32 = 0xFFFF;

/// Minus one as the length of a field that is NULL.
pub(super) const NULL: u32 = u32::MAX;

/// The parts of a stream, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinarySection {
    Signature {
        seen: usize,
    },
    Flags,
    ExtensionLength,
    Extension {
        left: usize,
    },
    /// The number of fields of the next tuple.
    FieldCount,
    /// The length of the next field.
    Length,
    /// The bytes of a field.
    Field {
        left: usize,
    },
    /// Behind the trailer, or behind something that the server will refuse: a signature, a flag, a
    /// length, or a count of fields that is not the count of columns.
    Rest,
}

/// Where a stream stands.
#[derive(Debug)]
pub(super) struct BinaryFraming {
    section: BinarySection,
    /// A number in front of the tuples that is cut.
    number: CutNumber,
    columns: usize,
    column: usize,
}

impl BinaryFraming {
    /// The framing of a stream of so many columns.
    pub(super) fn new(columns: usize) -> BinaryFraming {
        let section = BinarySection::Signature { seen: 0 };
        BinaryFraming { section, number: CutNumber::default(), columns, column: 0 }
    }

    /// Where the next byte lies.
    #[inline]
    pub(super) fn section(&self) -> BinarySection {
        self.section
    }

    /// The column of the next field, or of the one at hand.
    #[inline]
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Takes of `rest` what belongs to one part in front of the tuples; gives the number of bytes.
    pub(super) fn take_front(&mut self, rest: &[u8]) -> usize {
        match self.section {
            BinarySection::Signature { seen } => self.take_signature(rest, seen),
            BinarySection::Flags => self.take_number(rest, |flags| match flags & CRITICAL_FLAGS {
                0 => BinarySection::ExtensionLength,
                _ => BinarySection::Rest,
            }),
            BinarySection::ExtensionLength => self.take_number(rest, |length| match length {
                0 => BinarySection::FieldCount,
                length if length.cast_signed() < 0 => BinarySection::Rest,
                length => BinarySection::Extension { left: length as usize },
            }),
            BinarySection::Extension { left } => {
                let there = left.min(rest.len());
                self.section = match left - there {
                    0 => BinarySection::FieldCount,
                    left => BinarySection::Extension { left },
                };
                there
            }
            _ => 0,
        }
    }

    fn take_signature(&mut self, rest: &[u8], seen: usize) -> usize {
        let expected = SIGNATURE.get(seen..).unwrap_or_default();
        let there = expected.len().min(rest.len());
        self.section = match rest.get(..there) == expected.get(..there) {
            false => BinarySection::Rest,
            true if there == expected.len() => BinarySection::Flags,
            true => BinarySection::Signature { seen: seen + there },
        };
        there
    }

    fn take_number(&mut self, rest: &[u8], then: impl FnOnce(u32) -> BinarySection) -> usize {
        let (taken, number) = self.number.take::<4>(rest);
        if let Some(number) = number {
            self.section = then(number);
        }
        taken
    }

    /// The number of fields of a tuple has been read; gives whether it is that of the columns.
    #[inline]
    pub(super) fn begin_tuple(&mut self, count: u32) -> bool {
        let is_right = count as usize == self.columns && count != TRAILER;
        self.column = 0;
        self.section = match is_right {
            true if self.columns > 0 => BinarySection::Length,
            true => BinarySection::FieldCount,
            false => BinarySection::Rest,
        };
        is_right
    }

    /// The length of a field has been read.
    #[inline]
    pub(super) fn begin_field(&mut self, length: u32) {
        match length {
            0 | NULL => self.end_field(),
            length if length.cast_signed() < 0 => self.section = BinarySection::Rest,
            length => self.section = BinarySection::Field { left: length as usize },
        }
    }

    /// So many bytes of the field, which has as many left, have been read.
    #[inline]
    pub(super) fn pass(&mut self, bytes: usize) {
        if let BinarySection::Field { left } = self.section {
            match left.saturating_sub(bytes) {
                0 => self.end_field(),
                left => self.section = BinarySection::Field { left },
            }
        }
    }

    /// The field has been read.
    #[inline]
    pub(super) fn end_field(&mut self) {
        self.column += 1;
        self.section = match self.column < self.columns {
            true => BinarySection::Length,
            false => BinarySection::FieldCount,
        };
    }

    /// Nothing that follows is looked at.
    pub(super) fn end(&mut self) {
        self.section = BinarySection::Rest;
    }
}
