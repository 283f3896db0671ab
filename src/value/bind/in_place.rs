//! The body of a Bind message, walked while it arrives: NULs in parameter values become spaces in
//! place. Knows no SQL and no sockets, and of parameter types only their kinds.

use std::sync::Arc;

use memchr::memchr;

use crate::encoding::Encoding;
use crate::escape::json::{JsonNul, JsonText};
use crate::value::column::ValueKind;
use crate::value::nul::{ArrayScanner, nul_to_space};
use crate::wire::CutNumber;

/// Mends the body of one Bind message that arrives in pieces.
///
/// | Parameter | in text format | in binary format |
/// | --- | --- | --- |
/// | character | the byte 0x00 | the byte 0x00 |
/// | JSON | the byte 0x00, `\u0000` | the byte 0x00, `\u0000` |
/// | array of characters | the byte 0x00 | the byte 0x00 in its elements |
/// | array of JSON | the byte 0x00 | the byte 0x00 and `\u0000` in its elements |
/// | other, or of no known kind | the byte 0x00 | untouched: it may be data |
///
/// From the first count or length on that cannot be right, nothing is touched: the server will
/// refuse the message.
///
/// Source: PostgreSQL manual, "Message Formats", Bind.
#[derive(Debug)]
pub struct BindScanner {
    part: Part,
    /// Bytes of the body that have not been scanned.
    body_left: usize,
    /// A count, code or length that is cut.
    number: CutNumber,
    formats: Formats,
    kinds: Kinds,
    json: JsonText,
    array: ArrayScanner,
    needs_kinds: bool,
    replaced: u64,
}

/// What is known of the parameters.
#[derive(Debug)]
enum Kinds {
    /// As much as the caller could tell; a parameter beyond these is [`ValueKind::Other`].
    Known(Arc<[ValueKind]>),
    /// Nothing yet: the caller can find out if it turns out to matter.
    Askable,
}

/// What is done to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mend {
    Nothing,
    Nul,
    Json,
    Array,
    JsonArray,
    /// The kind is wanted first, if the value has anything whose meaning depends on it.
    Ask {
        is_text: bool,
    },
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
    /// A scanner for a body of `body_length` bytes whose parameters are of no known kind.
    pub fn new(body_length: usize) -> BindScanner {
        let kinds = Kinds::Known(Arc::default());
        BindScanner::with(body_length, kinds, Encoding::SingleByte)
    }

    /// A scanner where the kind of each parameter is known. Those that are missing count as
    /// [`ValueKind::Other`].
    pub fn with_kinds(
        body_length: usize,
        client_encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
    ) -> BindScanner {
        BindScanner::with(body_length, Kinds::Known(kinds.clone()), client_encoding)
    }

    /// A scanner that stops where the kind of a parameter decides what to do, so that kinds need
    /// only be looked up for a body that has a 0x00 in binary format or `\u0000` in any; see
    /// [`BindScanner::needs_kinds`].
    pub fn asking_for_kinds(body_length: usize, client_encoding: Encoding) -> BindScanner {
        BindScanner::with(body_length, Kinds::Askable, client_encoding)
    }

    fn with(body_length: usize, kinds: Kinds, client_encoding: Encoding) -> BindScanner {
        BindScanner {
            part: Part::PortalName,
            body_left: body_length,
            number: CutNumber::default(),
            formats: Formats::default(),
            kinds,
            json: JsonText::new(client_encoding),
            array: ArrayScanner::default(),
            needs_kinds: false,
            replaced: 0,
        }
    }

    /// Mends the next bytes of the body in place; gives how many of them are settled and may be
    /// sent. The others are to be given again, at the front of the next chunk: one byte at most,
    /// where a JSON escape is cut behind it, and whatever follows the place where
    /// [`BindScanner::needs_kinds`] stopped it. Without kinds, and with none that is JSON, all are
    /// settled.
    pub fn scan(&mut self, chunk: &mut [u8]) -> usize {
        let chunk_bytes = chunk.len();
        let mut rest = chunk;
        while !rest.is_empty() && self.part != Part::Rest {
            let taken = self.take(rest);
            if taken == 0 {
                return chunk_bytes - rest.len();
            }
            let Some((_, behind)) = rest.split_at_mut_checked(taken) else { break };
            rest = behind;
        }
        chunk_bytes
    }

    /// Whether the scanner has stopped in front of a byte whose meaning depends on the kind of its
    /// parameter. It goes on after [`BindScanner::set_kinds`].
    pub fn needs_kinds(&self) -> bool {
        self.needs_kinds
    }

    /// Answers with the kinds, or with none where they cannot be found out.
    pub fn set_kinds(&mut self, kinds: &Arc<[ValueKind]>) {
        self.kinds = Kinds::Known(kinds.clone());
        self.needs_kinds = false;
    }

    /// NULs replaced since the last call.
    pub fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }

    /// Takes as much of one part as `rest` holds; gives the number of bytes. Zero only where the
    /// scan cannot go on: a part that needs no bytes is passed over when the part before it ends.
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
        let (taken, number) = self.number.take::<BYTES>(rest);
        self.consume(taken);
        if let Some(number) = number {
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

    fn mend_of(&self, index: usize) -> Mend {
        let is_text = self.formats.is_text(index);
        let kinds = match &self.kinds {
            Kinds::Known(kinds) => kinds,
            Kinds::Askable => return Mend::Ask { is_text },
        };
        match kinds.get(index).copied().unwrap_or_default() {
            ValueKind::Json => Mend::Json,
            ValueKind::Character => Mend::Nul,
            _ if is_text => Mend::Nul,
            ValueKind::CharacterArray => Mend::Array,
            ValueKind::JsonArray => Mend::JsonArray,
            ValueKind::Other => Mend::Nothing,
        }
    }

    fn take_value(&mut self, rest: &mut [u8], index: usize, count: usize, left: usize) -> usize {
        let there = left.min(rest.len());
        let value = rest.get_mut(..there).unwrap_or_default();
        let settled = match self.mend_of(index) {
            Mend::Nothing => there,
            Mend::Nul => {
                self.replaced += nul_to_space(value);
                there
            }
            Mend::Json => {
                self.replaced += self.json.scan(value, 0, there);
                self.before_cut_escape(there, left)
            }
            Mend::Array => {
                self.replaced += self.array.scan(value);
                there
            }
            Mend::JsonArray => {
                self.replaced += self.array.scan_json(value, 0, there, &mut self.json);
                let settled = self.before_cut_escape(there, left);
                self.array.give_back(there - settled);
                settled
            }
            Mend::Ask { is_text } => self.ask(value, is_text, left),
        };
        self.part = match left - settled {
            0 => {
                self.json.restart();
                self.array.restart();
                BindScanner::after_value(index, count)
            }
            left => Part::Value { index, count, left },
        };
        self.consume(settled)
    }

    /// How much of the `there` bytes of a value is settled: not the digit of an escape that the
    /// next byte of the value decides over.
    fn before_cut_escape(&mut self, there: usize, left: usize) -> usize {
        match self.json.held_from() {
            Some(digit) if there < left => {
                self.json.before_third_digit();
                digit
            }
            _ => there,
        }
    }

    /// Goes through a value up to where its kind matters.
    fn ask(&mut self, value: &mut [u8], is_text: bool, left: usize) -> usize {
        let mut next = 0;
        while let Some((nul, behind)) = self.json.find(value, next, value.len()) {
            match nul {
                JsonNul::Raw(at) if is_text => {
                    if let Some(byte) = value.get_mut(at) {
                        *byte = b' ';
                        self.replaced += 1;
                    }
                }
                JsonNul::Raw(at) => {
                    self.needs_kinds = true;
                    return at;
                }
                JsonNul::Escaped(digit) => {
                    self.json.before_third_digit();
                    self.needs_kinds = true;
                    return digit;
                }
            }
            next = behind;
        }
        self.before_cut_escape(value.len(), left)
    }
}
