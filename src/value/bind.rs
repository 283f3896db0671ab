//! The body of a Bind message, walked while it arrives: NULs in text-format parameter values become
//! spaces in place. Knows no SQL, no parameter types and no sockets.

use memchr::memchr;

use super::nul::nul_to_space;

/// Mends the body of one Bind message that arrives in pieces.
///
/// Values in text format are mended; values in any other format are left alone, since without the
/// parameter's type a NUL in them may be data. From the first count or length on that cannot be
/// right, nothing is touched: the server will refuse the message.
///
/// Source: PostgreSQL manual, "Message Formats", Bind.
#[derive(Debug)]
pub struct BindScanner {
    part: Part,
    /// Bytes of the body that have not been scanned.
    body_left: usize,
    /// The bytes of a count, code or length that is cut.
    number: u32,
    number_bytes: usize,
    formats: Formats,
    replaced: u64,
}

/// The parts of the body, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    PortalName,
    StatementName,
    FormatCount,
    Format {
        index: usize,
    },
    ParameterCount,
    Length {
        index: usize,
        count: usize,
    },
    Value {
        index: usize,
        count: usize,
        left: usize,
    },
    /// The result formats, or what follows something that cannot be right.
    Rest,
}

/// The format codes of the parameters. A set bit stands for a value that is not text.
#[derive(Debug, Default)]
struct Formats {
    /// The number of codes: 0 means text for all, 1 means that the first code is for all.
    count: usize,
    first: u64,
    /// The codes behind the first 64: at most 65,535 bits in all.
    more: Vec<u64>,
}

impl Formats {
    const TEXT: u32 = 0;

    fn set(&mut self, index: usize, code: u32) {
        if code == Formats::TEXT {
            return;
        }
        let bit = 1 << (index % 64);
        match index / 64 {
            0 => self.first |= bit,
            word => {
                if self.more.len() < word {
                    self.more.resize(word, 0);
                }
                if let Some(word) = self.more.get_mut(word - 1) {
                    *word |= bit;
                }
            }
        }
    }

    fn is_text(&self, index: usize) -> bool {
        let index = if self.count == 1 { 0 } else { index };
        let word = match index / 64 {
            0 => self.first,
            word => self.more.get(word - 1).copied().unwrap_or_default(),
        };
        word >> (index % 64) & 1 == 0
    }

    /// Whether the server accepts that many codes for that many parameters.
    fn fit(&self, parameters: usize) -> bool {
        self.count <= 1 || self.count == parameters
    }
}

impl BindScanner {
    /// A scanner for a body of `body_length` bytes.
    pub fn new(body_length: usize) -> BindScanner {
        BindScanner {
            part: Part::PortalName,
            body_left: body_length,
            number: 0,
            number_bytes: 0,
            formats: Formats::default(),
            replaced: 0,
        }
    }

    /// Mends the next bytes of the body in place.
    pub fn scan(&mut self, chunk: &mut [u8]) {
        let mut rest = chunk;
        while !rest.is_empty() && self.part != Part::Rest {
            let taken = self.take(rest);
            let Some((_, behind)) = rest.split_at_mut_checked(taken) else { return };
            rest = behind;
        }
    }

    /// NULs replaced since the last call.
    pub fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }

    /// Takes as much of one part as `rest` holds; gives the number of bytes. Never zero: a part that
    /// needs no bytes is passed over when the part before it ends.
    fn take(&mut self, rest: &mut [u8]) -> usize {
        match self.part {
            Part::PortalName => self.take_name(rest, Part::StatementName),
            Part::StatementName => self.take_name(rest, Part::FormatCount),
            Part::FormatCount => self.take_number::<2>(rest, |scanner, count| {
                scanner.formats.count = count as usize;
                if count == 0 { Part::ParameterCount } else { Part::Format { index: 0 } }
            }),
            Part::Format { index } => self.take_number::<2>(rest, |scanner, code| {
                scanner.formats.set(index, code);
                match index + 1 < scanner.formats.count {
                    true => Part::Format { index: index + 1 },
                    false => Part::ParameterCount,
                }
            }),
            Part::ParameterCount => self.take_number::<2>(rest, |scanner, count| {
                let count = count as usize;
                match count > 0 && scanner.formats.fit(count) {
                    true => Part::Length { index: 0, count },
                    false => Part::Rest,
                }
            }),
            Part::Length { index, count } => self.take_number::<4>(rest, |scanner, length| {
                scanner.after_length(index, count, length)
            }),
            Part::Value { index, count, left } => self.take_value(rest, index, count, left),
            Part::Rest => rest.len(),
        }
    }

    /// Counts bytes as scanned.
    fn consume(&mut self, bytes: usize) -> usize {
        self.body_left = self.body_left.saturating_sub(bytes);
        bytes
    }

    fn take_name(&mut self, rest: &[u8], then: Part) -> usize {
        match memchr(0, rest) {
            Some(length) => {
                self.part = then;
                self.consume(length + 1)
            }
            None => self.consume(rest.len()),
        }
    }

    /// Takes a big-endian number of `BYTES` bytes; `then` says what follows it.
    fn take_number<const BYTES: usize>(
        &mut self,
        rest: &[u8],
        then: impl FnOnce(&mut BindScanner, u32) -> Part,
    ) -> usize {
        let append = |number, bytes: &[u8]| {
            bytes.iter().fold(number, |number, &byte| number << 8 | u32::from(byte))
        };
        if let (0, Some(whole)) = (self.number_bytes, rest.first_chunk::<BYTES>()) {
            let taken = self.consume(BYTES);
            self.part = then(self, append(0, whole));
            return taken;
        }
        let missing = BYTES.saturating_sub(self.number_bytes);
        let there = rest.get(..missing.min(rest.len())).unwrap_or_default();
        self.number = append(self.number, there);
        self.number_bytes += there.len();
        let taken = self.consume(there.len());
        if self.number_bytes == BYTES {
            self.number_bytes = 0;
            let number = std::mem::take(&mut self.number);
            self.part = then(self, number);
        }
        taken
    }

    /// What follows the length of the parameter at `index`.
    fn after_length(&self, index: usize, count: usize, length: u32) -> Part {
        /// Minus one, as the length of a parameter that is NULL.
        const NULL: u32 = u32::MAX;
        match length {
            0 | NULL => BindScanner::after_value(index, count),
            // Any other negative length is larger than a body can be.
            _ if length as usize > self.body_left => Part::Rest,
            _ => Part::Value { index, count, left: length as usize },
        }
    }

    fn after_value(index: usize, count: usize) -> Part {
        match index + 1 < count {
            true => Part::Length { index: index + 1, count },
            false => Part::Rest,
        }
    }

    fn take_value(&mut self, rest: &mut [u8], index: usize, count: usize, left: usize) -> usize {
        let there = left.min(rest.len());
        if let (true, Some(value)) = (self.formats.is_text(index), rest.get_mut(..there)) {
            self.replaced += nul_to_space(value);
        }
        self.part = match left - there {
            0 => BindScanner::after_value(index, count),
            left => Part::Value { index, count, left },
        };
        self.consume(there)
    }
}
