//! The bodies of Bind and FunctionCall, read part by part, whole or while they arrive: names, format
//! codes, values. Changes nothing, and does not know what values mean.

use memchr::memchr;

use super::cut_number::CutNumber;
use super::message::cstring;

/// Minus one, as the length of a parameter that is NULL.
///
/// Source: PostgreSQL manual, "Message Formats", Bind and FunctionCall.
const NULL: u32 = u32::MAX;

/// The body of a Bind, as far as it is there, cut behind its names.
#[derive(Debug)]
pub struct BindBody<'a> {
    /// The portal that is made.
    pub portal: &'a [u8],
    /// The prepared statement that it is made from; empty for the unnamed one.
    pub statement: &'a [u8],
    /// Both names with their zero bytes, as they stand.
    pub names: &'a [u8],
    /// Behind the names: the format codes of the parameters, their values, the result formats.
    pub values: &'a mut [u8],
}

impl BindBody<'_> {
    /// Cuts a body; `None` where the end of the names is not there.
    pub fn cut(body: &mut [u8]) -> Option<BindBody<'_>> {
        let portal_bytes = zero_at(body)?;
        let statement_from = portal_bytes + 1;
        let statement_bytes = zero_at(body.get(statement_from..)?)?;
        let (names, values) = body.split_at_mut_checked(statement_from + statement_bytes + 1)?;
        let names = &*names;
        let portal = names.get(..portal_bytes)?;
        let statement = names.get(statement_from..)?.get(..statement_bytes)?;
        Some(BindBody { portal, statement, names, values })
    }

    /// The number of values that the Bind announces.
    pub fn value_count(&self) -> Option<u16> {
        let (formats, rest) = self.values.split_first_chunk::<2>()?;
        let rest = rest.get(2 * usize::from(u16::from_be_bytes(*formats))..)?;
        rest.first_chunk::<2>().map(|count| u16::from_be_bytes(*count))
    }
}

/// Where the first zero byte is. Most names are so short that a search is not worth its start.
#[inline]
fn zero_at(bytes: &[u8]) -> Option<usize> {
    const SHORT_BYTES: usize = 8;
    match bytes.iter().take(SHORT_BYTES).position(|byte| *byte == 0) {
        None => Some(SHORT_BYTES + memchr(0, bytes.get(SHORT_BYTES..)?)?),
        found => found,
    }
}

/// The prepared statement that a Bind names, of whose body the front is there.
pub fn bound_statement(body: &[u8]) -> Option<&[u8]> {
    let (_, rest) = cstring(body)?;
    cstring(rest).map(|(statement, _)| statement)
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

    #[inline]
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

    #[inline]
    fn is_text(&self, index: usize) -> bool {
        if self.first == 0 && self.more.is_empty() {
            return true;
        }
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

/// Where the next byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodySection {
    PortalName,
    StatementName,
    Function,
    FormatCount,
    Formats,
    ParameterCount,
    Length,
    Value {
        left: usize,
    },
    /// Behind the last value: the result formats.
    End,
    /// Behind something that cannot be right.
    Malformed,
}

/// What the reader has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A value, or a piece of one.
    Value(ValuePiece),
    /// A parameter that is NULL.
    Null,
    /// The bytes at hand end in front of what comes next.
    Cut,
    /// All values have been read.
    End,
    /// A count or a length that cannot be right: the server will refuse the message.
    Malformed,
}

/// As much of a value as the bytes at hand have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuePiece {
    /// The index of its parameter, from 0.
    pub index: usize,
    /// Whether it is in text format.
    pub is_text: bool,
    /// Where it starts in the bytes at hand.
    pub from: usize,
    /// Where it ends there.
    pub to: usize,
    /// Whether the value ends with it.
    pub is_last: bool,
}

/// Reads a body from parameter to parameter; it may come in pieces, cut anywhere.
///
/// Source: PostgreSQL manual, "Message Formats", Bind and FunctionCall.
#[derive(Debug)]
pub struct ParameterReader {
    section: BodySection,
    /// Bytes of the body that have not been passed.
    body_left: usize,
    /// A count, code or length that is cut.
    number: CutNumber,
    formats: Formats,
    /// The index of the next format code, then that of the parameter at hand.
    index: usize,
    parameters: usize,
}

impl ParameterReader {
    /// A reader of a Bind whose body has `body_bytes`.
    pub fn of_bind(body_bytes: usize) -> ParameterReader {
        ParameterReader::at(BodySection::PortalName, body_bytes)
    }

    /// A reader of [`BindBody::values`], so many bytes.
    pub fn of_bind_values(bytes: usize) -> ParameterReader {
        ParameterReader::at(BodySection::FormatCount, bytes)
    }

    /// A reader of a FunctionCall whose body has `body_bytes`.
    pub fn of_function_call(body_bytes: usize) -> ParameterReader {
        ParameterReader::at(BodySection::Function, body_bytes)
    }

    fn at(section: BodySection, body_left: usize) -> ParameterReader {
        let (number, formats) = (CutNumber::default(), Formats::default());
        ParameterReader { section, body_left, number, formats, index: 0, parameters: 0 }
    }

    /// Goes on at `bytes[*at..]`, past everything in front of the next value. A value is given again,
    /// from `at` on, until [`ParameterReader::pass`] has passed all of it.
    #[inline]
    pub fn next(&mut self, bytes: &[u8], at: &mut usize) -> Parameter {
        // By far the most frequent: a length that is not cut.
        if self.section == BodySection::Length
            && self.number.is_whole()
            && let Some(rest) = bytes.get(*at..)
            && let Some((length, behind)) = rest.split_first_chunk::<4>()
        {
            self.consume(4, at);
            return self.after_length(u32::from_be_bytes(*length), behind, *at);
        }
        match self.section {
            BodySection::End => Parameter::End,
            _ => self.next_part(bytes, at),
        }
    }

    /// The same, from part to part.
    fn next_part(&mut self, bytes: &[u8], at: &mut usize) -> Parameter {
        loop {
            let rest = bytes.get(*at..).unwrap_or_default();
            match self.section {
                BodySection::Length => {
                    let (taken, length) = self.number.take::<4>(rest);
                    self.consume(taken, at);
                    let Some(length) = length else { return Parameter::Cut };
                    let behind = bytes.get(*at..).unwrap_or_default();
                    return self.after_length(length, behind, *at);
                }
                BodySection::Value { left } => return self.value(left, rest, *at),
                BodySection::End => return Parameter::End,
                BodySection::Malformed => return Parameter::Malformed,
                _ if rest.is_empty() => return Parameter::Cut,
                _ => {
                    let taken = match self.take_whole_front(rest) {
                        Some(taken) => taken,
                        None => self.take_front(rest),
                    };
                    self.consume(taken, at);
                }
            }
        }
    }

    /// What follows the length of a parameter: `rest`, which lies at `at`.
    #[inline]
    fn after_length(&mut self, length: u32, rest: &[u8], at: usize) -> Parameter {
        if length == NULL {
            self.end_value();
            return Parameter::Null;
        }
        let left = length as usize;
        // Any other negative length is larger than a body can be.
        if left > self.body_left {
            self.section = BodySection::Malformed;
            return Parameter::Malformed;
        }
        self.section = BodySection::Value { left };
        self.value(left, rest, at)
    }

    /// As much of a value as `rest` has, which lies at `at`.
    #[inline]
    fn value(&self, left: usize, rest: &[u8], at: usize) -> Parameter {
        let there = left.min(rest.len());
        if there == 0 && left > 0 {
            return Parameter::Cut;
        }
        Parameter::Value(ValuePiece {
            index: self.index,
            is_text: self.formats.is_text(self.index),
            from: at,
            to: at + there,
            is_last: there == left,
        })
    }

    /// Whether the format of a parameter is text; `None` before all format codes have been read.
    pub fn is_text(&self, index: usize) -> Option<bool> {
        let is_known = matches!(
            self.section,
            BodySection::Length
                | BodySection::Value { .. }
                | BodySection::End
                | BodySection::Malformed
        );
        is_known.then(|| self.formats.is_text(index))
    }

    /// So many bytes of the value at `at` have been read.
    #[inline]
    pub fn pass(&mut self, bytes: usize, at: &mut usize) {
        if let BodySection::Value { left } = self.section {
            self.consume(bytes, at);
            match left.saturating_sub(bytes) {
                0 => self.end_value(),
                left => self.section = BodySection::Value { left },
            }
        }
    }

    #[inline]
    fn consume(&mut self, bytes: usize, at: &mut usize) {
        self.body_left = self.body_left.saturating_sub(bytes);
        *at += bytes;
    }

    #[inline]
    fn end_value(&mut self) {
        self.index += 1;
        self.section =
            if self.index < self.parameters { BodySection::Length } else { BodySection::End };
    }

    /// Takes the format codes and the number of parameters where all of them lie in `rest`; gives the
    /// number of bytes.
    fn take_whole_front(&mut self, rest: &[u8]) -> Option<usize> {
        if self.section != BodySection::FormatCount || !self.number.is_whole() {
            return None;
        }
        let (formats, behind) = rest.split_first_chunk::<2>()?;
        let formats = usize::from(u16::from_be_bytes(*formats));
        let (codes, behind) = behind.split_at_checked(2 * formats)?;
        let parameters = behind.first_chunk::<2>()?;
        self.formats.count = formats;
        let (codes, _) = codes.as_chunks::<2>();
        for (index, code) in codes.iter().enumerate() {
            self.formats.set(index, u32::from(u16::from_be_bytes(*code)));
        }
        self.section = self.behind_count(usize::from(u16::from_be_bytes(*parameters)));
        Some(2 + 2 * formats + 2)
    }

    /// What follows the number of parameters.
    fn behind_count(&mut self, parameters: usize) -> BodySection {
        (self.index, self.parameters) = (0, parameters);
        match parameters {
            parameters if !self.formats.fit(parameters) => BodySection::Malformed,
            0 => BodySection::End,
            _ => BodySection::Length,
        }
    }

    /// Takes as much as `rest`, which is not empty, has of one part in front of the values; gives the
    /// number of bytes.
    fn take_front(&mut self, rest: &[u8]) -> usize {
        match self.section {
            BodySection::PortalName => self.take_name(rest, BodySection::StatementName),
            BodySection::StatementName => self.take_name(rest, BodySection::FormatCount),
            BodySection::Function => self.take_number::<4>(rest, |_, _| BodySection::FormatCount),
            BodySection::FormatCount => self.take_number::<2>(rest, |reader, count| {
                reader.formats.count = count as usize;
                if count == 0 { BodySection::ParameterCount } else { BodySection::Formats }
            }),
            BodySection::Formats => self.take_number::<2>(rest, |reader, code| {
                reader.formats.set(reader.index, code);
                reader.index += 1;
                match reader.index < reader.formats.count {
                    true => BodySection::Formats,
                    false => BodySection::ParameterCount,
                }
            }),
            BodySection::ParameterCount => {
                self.take_number::<2>(rest, |reader, count| reader.behind_count(count as usize))
            }
            BodySection::Length
            | BodySection::Value { .. }
            | BodySection::End
            | BodySection::Malformed => 0,
        }
    }

    fn take_name(&mut self, rest: &[u8], then: BodySection) -> usize {
        match memchr(0, rest) {
            Some(length) => {
                self.section = then;
                length + 1
            }
            None => rest.len(),
        }
    }

    /// Takes a big-endian number of `BYTES` bytes; `then` says what follows it.
    fn take_number<const BYTES: usize>(
        &mut self,
        rest: &[u8],
        then: impl FnOnce(&mut ParameterReader, u32) -> BodySection,
    ) -> usize {
        let (taken, number) = self.number.take::<BYTES>(rest);
        if let Some(number) = number {
            self.section = then(self, number);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Read {
        Value(usize, bool, Vec<u8>),
        Null,
    }

    /// Reads a body in pieces; gives the parameters, and what ended them.
    fn read(
        body: &[u8],
        mut reader: ParameterReader,
        piece_bytes: usize,
    ) -> (Vec<Read>, Parameter) {
        let (mut parameters, mut goes_on) = (Vec::new(), false);
        for piece in body.chunks(piece_bytes) {
            let mut at = 0;
            loop {
                match reader.next(piece, &mut at) {
                    Parameter::Value(ValuePiece { index, is_text, from, to, is_last }) => {
                        // Half of what is there, to be given the rest again.
                        let taken = if to - from > 1 { (to - from) / 2 } else { to - from };
                        let bytes = &piece[from..from + taken];
                        match parameters.last_mut() {
                            Some(Read::Value(.., value)) if goes_on => value.extend(bytes),
                            _ => parameters.push(Read::Value(index, is_text, bytes.to_vec())),
                        }
                        goes_on = !is_last || from + taken < to;
                        reader.pass(taken, &mut at);
                    }
                    Parameter::Null => parameters.push(Read::Null),
                    Parameter::Cut => break,
                    end => return (parameters, end),
                }
            }
        }
        (parameters, Parameter::Cut)
    }

    const BODY: &[u8] =
        b"p\0st\0\0\x03\0\x01\0\0\0\x01\0\x03\0\0\0\x03abc\xFF\xFF\xFF\xFF\0\0\0\0\0\x01\0\0";

    #[test]
    fn parameters_are_read_however_they_are_cut() {
        let expected = || {
            let [first, last] = [(0, b"abc".to_vec()), (2, Vec::new())];
            vec![
                Read::Value(first.0, false, first.1),
                Read::Null,
                Read::Value(last.0, false, last.1),
            ]
        };
        for piece_bytes in 1..=BODY.len() {
            let bind = read(BODY, ParameterReader::of_bind(BODY.len()), piece_bytes);
            assert_eq!(bind, (expected(), Parameter::End), "{piece_bytes}");
            let values = &BODY[5..];
            let reader = ParameterReader::of_bind_values(values.len());
            assert_eq!(read(values, reader, piece_bytes).0, expected());
            let call = [&[0, 0, 4, 0xD2], values].concat();
            let reader = ParameterReader::of_function_call(call.len());
            assert_eq!(read(&call, reader, piece_bytes).0, expected());
        }
    }

    #[test]
    fn what_cannot_be_right_ends_the_reading() {
        for (values, count) in [
            (&b"\0\x02\0\0\0\0\0\x01\0\0\0\0"[..], 0),
            (b"\0\0\0\x02\0\0\0\x01x\0\0\0\x01", 1),
            (b"\0\0\0\x01\xFF\xFF\xFF\xFE\0\0", 0),
            (b"\0\x02\0\0\0\0\0\0", 0),
        ] {
            let reader = ParameterReader::of_bind_values(values.len());
            let (parameters, end) = read(values, reader, 1000);
            assert_eq!((parameters.len(), end), (count, Parameter::Malformed), "{values:?}");
        }
        let none = b"\0\0\0\0\0\0";
        let reader = ParameterReader::of_bind_values(none.len());
        assert_eq!(read(none, reader, 1), (Vec::new(), Parameter::End));
    }

    #[test]
    fn a_body_is_cut_behind_its_names() {
        let mut body = BODY.to_vec();
        let bind = BindBody::cut(&mut body).unwrap();
        assert_eq!((bind.portal, bind.statement, bind.names), (&b"p"[..], &b"st"[..], &BODY[..5]));
        assert_eq!((&*bind.values, bind.value_count()), (&BODY[5..], Some(3)));
        assert_eq!(bound_statement(BODY), Some(&b"st"[..]));
        for front in [&b""[..], b"p", b"p\0", b"p\0st"] {
            assert!(BindBody::cut(&mut front.to_vec()).is_none());
            assert_eq!(bound_statement(front), None);
        }
        let mut body = b"\0\0\0\x01\0".to_vec();
        assert_eq!(BindBody::cut(&mut body).unwrap().value_count(), None);
    }
}
