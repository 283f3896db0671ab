//! Arrays of characters in binary format, which hold lengths between their elements: only the elements
//! are mended. Knows no frames.

use super::cut_number::CutNumber;
use super::nul::nul_to_space;

/// The most dimensions of an array.
///
/// Source: PostgreSQL, `MAXDIM` in `src/include/c.h`.
const DIMENSIONS_MAX: u32 = 6;

/// Bytes of the length and the lower bound of one dimension.
const DIMENSION_BYTES: usize = 8;

/// Minus one as the length of an element that is NULL.
const NULL: u32 = u32::MAX;

/// The parts of an array, in the order in which they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Dimensions,
    /// Flags, the OID of the elements' type, and the dimensions, which need not be known.
    Skipped {
        left: usize,
    },
    Length,
    Element {
        left: usize,
    },
    /// Behind something that the server will refuse.
    Rest,
}

/// Mends one array that comes in pieces. From the first thing on that cannot be right nothing is
/// touched.
///
/// Source: PostgreSQL, `array_recv` in `src/backend/utils/adt/arrayfuncs.c`.
#[derive(Debug, Default)]
pub(super) struct ArrayScanner {
    part: Part,
    number: CutNumber,
}

impl ArrayScanner {
    /// The next byte is the first of another array.
    #[inline]
    pub(super) fn restart(&mut self) {
        *self = ArrayScanner::default();
    }

    /// Mends the next bytes of the array in place; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, bytes: &mut [u8]) -> u64 {
        let (mut rest, mut replaced) = (bytes, 0);
        while !rest.is_empty() {
            let there = rest.len();
            let taken = match self.part {
                Part::Dimensions | Part::Length => self.take_number(rest),
                Part::Skipped { left } if left > there => {
                    self.part = Part::Skipped { left: left - there };
                    there
                }
                Part::Skipped { left } => {
                    self.part = Part::Length;
                    left
                }
                Part::Element { left } => {
                    let taken = left.min(there);
                    replaced += rest.get_mut(..taken).map_or(0, nul_to_space);
                    self.part = ArrayScanner::element(left - taken);
                    taken
                }
                Part::Rest => there,
            };
            rest = rest.get_mut(taken..).unwrap_or_default();
        }
        replaced
    }

    /// Takes what there is of a count or a length; gives the number of bytes, never zero.
    fn take_number(&mut self, rest: &[u8]) -> usize {
        let (taken, number) = self.number.take::<4>(rest);
        self.part = match (self.part, number) {
            (part, None) => part,
            (Part::Dimensions, Some(count @ 0..=DIMENSIONS_MAX)) => {
                Part::Skipped { left: 8 + DIMENSION_BYTES * count as usize }
            }
            (Part::Length, Some(NULL)) => Part::Length,
            (Part::Length, Some(length)) if length.cast_signed() >= 0 => {
                ArrayScanner::element(length as usize)
            }
            _ => Part::Rest,
        };
        taken
    }

    /// An element that has so many bytes left; one without any has ended.
    fn element(left: usize) -> Part {
        if left == 0 { Part::Length } else { Part::Element { left } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(dimensions: u8, elements: &[Option<&[u8]>]) -> Vec<u8> {
        let mut array = vec![0, 0, 0, dimensions, 0, 0, 0, 1, 0, 0, 0, 25];
        array.extend(vec![0; DIMENSION_BYTES * usize::from(dimensions)]);
        for element in elements {
            let length = element.map_or(-1, |element| i32::try_from(element.len()).unwrap());
            array.extend(length.to_be_bytes());
            array.extend_from_slice(element.unwrap_or_default());
        }
        array
    }

    /// Mends in pieces of every length, which all have to give the same.
    fn mended(array: &[u8]) -> (Vec<u8>, u64) {
        let mut scanner = ArrayScanner::default();
        let mut whole = array.to_vec();
        let replaced = scanner.scan(&mut whole);
        for piece_bytes in 1..array.len() {
            scanner.restart();
            let mut cut = array.to_vec();
            let count: u64 = cut.chunks_mut(piece_bytes).map(|piece| scanner.scan(piece)).sum();
            assert_eq!((&cut, count), (&whole, replaced), "{piece_bytes}");
        }
        (whole, replaced)
    }

    #[test]
    fn elements_are_mended_and_what_is_between_them_is_not() {
        for dimensions in 0..=6 {
            let before =
                [Some(&b"a\0b"[..]), None, Some(b""), Some(b"\0"), Some(b"c"), Some(b"\0\0")];
            let after = [Some(&b"a b"[..]), None, Some(b""), Some(b" "), Some(b"c"), Some(b"  ")];
            assert_eq!(mended(&array(dimensions, &before)), (array(dimensions, &after), 4));
        }
        assert_eq!(mended(&array(0, &[])), (array(0, &[]), 0));
    }

    #[test]
    fn nothing_is_touched_behind_what_cannot_be_right() {
        let negative =
            [array(1, &[Some(b"\0")]), vec![0xFF, 0xFF, 0xFF, 0xFE], vec![0; 9]].concat();
        let clean = [array(1, &[Some(b" ")]), vec![0xFF, 0xFF, 0xFF, 0xFE], vec![0; 9]].concat();
        assert_eq!(mended(&negative), (clean, 1));
        let seven = array(7, &[Some(b"\0")]);
        assert_eq!(mended(&seven), (seven, 0));
    }
}
