//! Arrays of characters or JSON in binary format, which hold lengths between their elements: only the
//! elements are mended. Knows no frames.

use super::nul_to_space;
use crate::escape::json::JsonText;
use crate::wire::CutNumber;

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
enum ArraySection {
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
pub(in crate::value) struct ArrayScanner {
    part: ArraySection,
    number: CutNumber,
}

impl ArrayScanner {
    /// The next byte is the first of another array.
    #[inline]
    pub(in crate::value) fn restart(&mut self) {
        *self = ArrayScanner::default();
    }

    /// Mends the next bytes of an array of characters in place; gives the number of NULs replaced.
    pub(in crate::value) fn scan(&mut self, bytes: &mut [u8]) -> u64 {
        let to = bytes.len();
        self.scan_with(bytes, 0, to, |buffer, from, to, _| {
            buffer.get_mut(from..to).map_or(0, nul_to_space)
        })
    }

    /// Mends the elements of an array that is there as a whole; gives the number of places.
    pub(in crate::value) fn scan_elements(
        &mut self,
        bytes: &mut [u8],
        mut mend: impl FnMut(&mut [u8]) -> u64,
    ) -> u64 {
        let to = bytes.len();
        self.scan_with(bytes, 0, to, |buffer, from, to, _| {
            buffer.get_mut(from..to).map_or(0, &mut mend)
        })
    }

    /// The same for `buffer[from..to]` of an array of JSON, whose elements `json` reads; it also holds
    /// the digit of an escape that is cut.
    pub(in crate::value) fn scan_json(
        &mut self,
        buffer: &mut [u8],
        from: usize,
        to: usize,
        json: &mut JsonText,
    ) -> u64 {
        self.scan_with(buffer, from, to, |buffer, from, to, ends| {
            let replaced = json.scan(buffer, from, to);
            if ends {
                json.restart();
            }
            replaced
        })
    }

    /// The last bytes, which are of an element, will be given once more.
    pub(in crate::value) fn give_back(&mut self, bytes: usize) {
        if let ArraySection::Element { left } = &mut self.part {
            *left += bytes;
        }
    }

    /// Calls `mend` with each piece of an element and whether it is its last one.
    fn scan_with(
        &mut self,
        buffer: &mut [u8],
        from: usize,
        to: usize,
        mut mend: impl FnMut(&mut [u8], usize, usize, bool) -> u64,
    ) -> u64 {
        let to = to.min(buffer.len());
        let (mut next, mut replaced) = (from, 0);
        while next < to {
            let there = to - next;
            next += match self.part {
                ArraySection::Dimensions | ArraySection::Length => {
                    self.take_number(buffer.get(next..to).unwrap_or_default())
                }
                ArraySection::Skipped { left } if left > there => {
                    self.part = ArraySection::Skipped { left: left - there };
                    there
                }
                ArraySection::Skipped { left } => {
                    self.part = ArraySection::Length;
                    left
                }
                ArraySection::Element { left } => {
                    let taken = left.min(there);
                    replaced += mend(buffer, next, next + taken, taken == left);
                    self.part = ArrayScanner::element(left - taken);
                    taken
                }
                ArraySection::Rest => there,
            };
        }
        replaced
    }

    /// Takes what there is of a count or a length; gives the number of bytes, never zero.
    fn take_number(&mut self, rest: &[u8]) -> usize {
        let (taken, number) = self.number.take::<4>(rest);
        self.part = match (self.part, number) {
            (part, None) => part,
            (ArraySection::Dimensions, Some(count @ 0..=DIMENSIONS_MAX)) => {
                ArraySection::Skipped { left: 8 + DIMENSION_BYTES * count as usize }
            }
            (ArraySection::Length, Some(NULL)) => ArraySection::Length,
            (ArraySection::Length, Some(length)) if length.cast_signed() >= 0 => {
                ArrayScanner::element(length as usize)
            }
            _ => ArraySection::Rest,
        };
        taken
    }

    /// An element that has so many bytes left; one without any has ended.
    fn element(left: usize) -> ArraySection {
        if left == 0 { ArraySection::Length } else { ArraySection::Element { left } }
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
    fn elements_of_json_are_mended_across_any_cut() {
        let before = [
            Some(&b"\x01\"\\u0000\""[..]),
            None,
            Some(b"\"\\u000"),
            Some(b"0\\u0000 \0"),
            Some(b"\"\\\\u0000\\\\\\u0000\""),
        ];
        let after = [
            Some(&b"\x01\"\\u0020\""[..]),
            None,
            Some(b"\"\\u000"),
            Some(b"0\\u0020  "),
            Some(b"\"\\\\u0000\\\\\\u0020\""),
        ];
        let (before, after) = (array(2, &before), array(2, &after));
        for cut in 0..=before.len() {
            let mut json = JsonText::new(crate::encoding::Encoding::Utf8);
            let (mut mended, mut scanner) = (before.clone(), ArrayScanner::default());
            let mut count = scanner.scan_json(&mut mended, 0, cut, &mut json);
            // Either the digit is held and mended where it lies, or it is given once more.
            let mut from = cut;
            if cut % 2 == 0
                && let Some(digit) = json.held_from()
            {
                json.before_third_digit();
                scanner.give_back(cut - digit);
                from = digit;
            }
            count += scanner.scan_json(&mut mended, from, before.len(), &mut json);
            assert_eq!((&mended, count), (&after, 4), "cut at {cut}");
        }
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
