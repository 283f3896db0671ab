//! COPY binary: fields found by their lengths, mended by the kind of their column. Knows no frames.

use std::sync::Arc;

use crate::encoding::Encoding;
use crate::value::column::ValueKind;
use crate::value::nul::{NulMender, NulRule};
use crate::wire::CutNumber;

/// What every stream starts with.
///
/// Source: PostgreSQL manual, COPY, "Binary Format".
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Flags that change how the rest is read: the server refuses those that it does not know. Bit 16,
/// which announced OIDs up to PostgreSQL 11, is one of them.
pub(super) const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

/// Minus one as a count of fields: the end of the stream.
pub(super) const TRAILER: u32 = 0xFFFF;

/// Minus one as the length of a field that is NULL.
pub(super) const NULL: u32 = u32::MAX;

/// The parts of a stream, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BinarySection {
    Signature {
        seen: usize,
    },
    Flags,
    ExtensionLength,
    Extension {
        left: usize,
    },
    FieldCount,
    Length {
        column: usize,
    },
    Field {
        column: usize,
        left: usize,
    },
    /// Behind the trailer, or behind something that the server will refuse.
    Rest,
}

/// Scans COPY binary. From the first thing on that cannot be right (a signature, flag, length, or a
/// count of fields that is not the count of kinds) nothing is touched.
#[derive(Debug)]
pub(super) struct BinaryScanner {
    kinds: Arc<[ValueKind]>,
    part: BinarySection,
    number: CutNumber,
    mender: NulMender,
}

impl BinaryScanner {
    pub(super) fn new(kinds: Arc<[ValueKind]>, encoding: Encoding) -> BinaryScanner {
        BinaryScanner {
            kinds,
            part: BinarySection::Signature { seen: 0 },
            number: CutNumber::default(),
            mender: NulMender::new(encoding),
        }
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let (mut next, mut replaced) = (from, 0);
        while next < to {
            next += match self.part {
                BinarySection::Field { column, left } => {
                    let there = left.min(to - next);
                    let rule = self.rule(column);
                    replaced += self.mender.scan(rule, buffer, next, next + there);
                    if there == left {
                        self.mender.restart(rule);
                    }
                    self.part = match left - there {
                        0 => self.after_field(column),
                        left => BinarySection::Field { column, left },
                    };
                    there
                }
                BinarySection::Rest => return replaced,
                _ => self.take_frame(buffer.get(next..to).unwrap_or_default()),
            };
        }
        replaced
    }

    #[inline]
    fn rule(&self, column: usize) -> NulRule {
        self.kinds.get(column).map_or(NulRule::Keep, |kind| NulRule::of(*kind, false))
    }

    /// Takes what stands around the fields; gives the number of bytes, never zero.
    #[inline]
    fn take_frame(&mut self, rest: &[u8]) -> usize {
        match self.part {
            BinarySection::Length { column } => {
                self.take_number::<4>(rest, |scanner, length| scanner.after_length(column, length))
            }
            BinarySection::FieldCount => {
                self.take_number::<2>(rest, |scanner, count| match count {
                    TRAILER => BinarySection::Rest,
                    0 if scanner.kinds.is_empty() => BinarySection::FieldCount,
                    count if count as usize == scanner.kinds.len() => {
                        BinarySection::Length { column: 0 }
                    }
                    _ => BinarySection::Rest,
                })
            }
            BinarySection::Signature { seen } => self.take_signature(rest, seen),
            BinarySection::Flags => {
                self.take_number::<4>(rest, |_, flags| match flags & CRITICAL_FLAGS {
                    0 => BinarySection::ExtensionLength,
                    _ => BinarySection::Rest,
                })
            }
            BinarySection::ExtensionLength => {
                self.take_number::<4>(rest, |_, length| match length {
                    0 => BinarySection::FieldCount,
                    length if length.cast_signed() < 0 => BinarySection::Rest,
                    length => BinarySection::Extension { left: length as usize },
                })
            }
            BinarySection::Extension { left } => {
                let there = left.min(rest.len());
                self.part = match left - there {
                    0 => BinarySection::FieldCount,
                    left => BinarySection::Extension { left },
                };
                there
            }
            BinarySection::Field { .. } | BinarySection::Rest => rest.len(),
        }
    }

    fn take_signature(&mut self, rest: &[u8], seen: usize) -> usize {
        let expected = SIGNATURE.get(seen..).unwrap_or_default();
        let there = expected.len().min(rest.len());
        self.part = match rest.get(..there) == expected.get(..there) {
            false => BinarySection::Rest,
            true if there == expected.len() => BinarySection::Flags,
            true => BinarySection::Signature { seen: seen + there },
        };
        there
    }

    #[inline]
    fn take_number<const BYTES: usize>(
        &mut self,
        rest: &[u8],
        then: impl FnOnce(&mut BinaryScanner, u32) -> BinarySection,
    ) -> usize {
        let (taken, number) = self.number.take::<BYTES>(rest);
        if let Some(number) = number {
            self.part = then(self, number);
        }
        taken
    }

    #[inline]
    fn after_length(&self, column: usize, length: u32) -> BinarySection {
        match length {
            0 | NULL => self.after_field(column),
            length if length.cast_signed() < 0 => BinarySection::Rest,
            length => BinarySection::Field { column, left: length as usize },
        }
    }

    #[inline]
    fn after_field(&self, column: usize) -> BinarySection {
        match column + 1 < self.kinds.len() {
            true => BinarySection::Length { column: column + 1 },
            false => BinarySection::FieldCount,
        }
    }

    pub(super) fn held_from(&self) -> Option<usize> {
        self.mender.held_from()
    }

    pub(super) fn release(&mut self) {
        self.mender.release();
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        self.mender.rebase(sent);
    }
}
