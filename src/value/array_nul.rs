//! Arrays of characters in binary format, walked while they arrive: NULs in their elements become
//! spaces in place. Knows no frames.

use super::cut_number::CutNumber;
use super::nul::nul_to_space;

/// The longest chain of dimensions that the server takes.
///
/// Source: PostgreSQL, `MAXDIM` in `src/include/utils/array.h`.
const DIMENSIONS_MAX: u32 = 6;

/// Mends one array value after the other.
///
/// Source: PostgreSQL, `array_recv` in `src/backend/utils/adt/arrayfuncs.c`: the number of
/// dimensions, flags, the OID of the elements' type, two numbers a dimension, then the elements, each
/// behind its length.
#[derive(Debug, Default)]
pub(super) struct ArrayNul {
    part: Part,
    number: CutNumber,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Dimensions,
    /// Numbers of the head that are still to come, which say nothing here.
    Head {
        left: u32,
    },
    Length,
    Element {
        left: usize,
    },
    /// Behind something that the server will refuse.
    Rest,
}

impl ArrayNul {
    /// A new value begins.
    pub(super) fn restart(&mut self) {
        *self = ArrayNul::default();
    }

    /// Mends the next bytes of the value; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, value: &mut [u8]) -> u64 {
        let (mut rest, mut replaced) = (value, 0);
        while !rest.is_empty() && self.part != Part::Rest {
            let taken = match self.part {
                Part::Element { left } => {
                    let there = left.min(rest.len());
                    replaced += nul_to_space(rest.get_mut(..there).unwrap_or_default());
                    self.part = match left - there {
                        0 => Part::Length,
                        left => Part::Element { left },
                    };
                    there
                }
                part => {
                    let (taken, number) = self.number.take::<4>(rest);
                    if let Some(number) = number {
                        self.part = behind(part, number);
                    }
                    taken
                }
            };
            let Some((_, behind)) = rest.split_at_mut_checked(taken) else { break };
            rest = behind;
        }
        replaced
    }
}

/// What follows a number.
fn behind(part: Part, number: u32) -> Part {
    /// Minus one, as the length of an element that is NULL.
    const NULL: u32 = u32::MAX;
    match part {
        // Flags and the type are in every head.
        Part::Dimensions if number <= DIMENSIONS_MAX => Part::Head { left: 2 + 2 * number },
        Part::Head { left: 1 } => Part::Length,
        Part::Head { left } => Part::Head { left: left - 1 },
        Part::Length if matches!(number, 0 | NULL) => Part::Length,
        Part::Length if number.cast_signed() > 0 => Part::Element { left: number as usize },
        _ => Part::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(elements: &[Option<&[u8]>]) -> Vec<u8> {
        let mut value = Vec::new();
        let count = u32::try_from(elements.len()).unwrap();
        for number in [1, 1, 25, count, 1] {
            value.extend(u32::to_be_bytes(number));
        }
        for element in elements {
            match element {
                Some(element) => {
                    value.extend(u32::try_from(element.len()).unwrap().to_be_bytes());
                    value.extend_from_slice(element);
                }
                None => value.extend([0xFF; 4]),
            }
        }
        value
    }

    #[test]
    fn elements_are_mended_however_the_value_is_cut() {
        let elements: [Option<&[u8]>; 5] =
            [Some(b"a\0b"), None, Some(b""), Some(b"\0"), Some(b"c")];
        let expected = array(&[Some(b"a b"), None, Some(b""), Some(b" "), Some(b"c")]);
        for cut in 1..=array(&elements).len() {
            let mut value = array(&elements);
            let mut scanner = ArrayNul::default();
            let replaced: u64 = value.chunks_mut(cut).map(|chunk| scanner.scan(chunk)).sum();
            assert_eq!((replaced, &value), (2, &expected), "{cut}");
        }
    }

    #[test]
    fn what_cannot_be_an_array_stays() {
        for value in [&[0; 3][..], &[0, 0, 0, 7, 0, 0, 0, 0], &[0xFF; 40]] {
            let mut mended = value.to_vec();
            assert_eq!(ArrayNul::default().scan(&mut mended), 0);
            assert_eq!(mended, value);
        }
    }
}
