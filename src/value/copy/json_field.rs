//! The escape `\u0000` of JSON in the fields of COPY text and CSV, however these spell its characters.
//! Knows no ends of fields.

use memchr::memmem::Finder;
use memchr::{memchr, memchr3};

use super::fields::{CsvByte, CsvQuotes, FieldSpelling};
use super::options::{CopyFormat, CopyOptions};
use crate::encoding::{CharacterSteps, Encoding};
use crate::escape::backslash::{BackslashEscapes, Now};
use crate::escape::json::{JsonEscape, THIRD_DIGIT};

/// How a field is written.
#[derive(Clone, Copy, Debug)]
enum FieldWriting {
    Text(BackslashEscapes),
    Csv(CsvQuotes),
}

/// Mends `\u0000` to `\u0020` in one field after the other: COPY text doubles the backslash, CSV with
/// `ESCAPE '\'` may.
#[derive(Debug)]
pub(super) struct JsonField {
    writing: FieldWriting,
    encoding: Encoding,
    characters: Option<CharacterSteps>,
    /// The bytes of CSV that are looked at while nothing is open.
    marks: [u8; 3],
    as_is: Finder<'static>,
    json: JsonEscape,
    /// The offset of the byte that was taken last.
    last: usize,
}

impl JsonField {
    /// The reader for a COPY; `None` where a changed digit could make a field NULL or not NULL, or is
    /// no digit to this COPY.
    pub(super) fn possible(options: &CopyOptions, encoding: Encoding) -> Option<JsonField> {
        let null = &options.null;
        let may_be_null = null.len() >= br"\u0000".len()
            && null.contains(&b'\\')
            && null.iter().any(|byte| matches!(byte, b'0' | b'2'));
        let (quote, escape) = (options.quote, options.escape);
        let csv = options.format == CopyFormat::Csv;
        let is_digit = |byte: u8| matches!(byte, b'0' | THIRD_DIGIT);
        let digit_has_meaning =
            is_digit(options.delimiter) || csv && (is_digit(quote) || is_digit(escape));
        (!may_be_null && !digit_has_meaning).then(|| JsonField {
            writing: match csv {
                true => FieldWriting::Csv(CsvQuotes::new(quote, escape)),
                false => FieldWriting::Text(BackslashEscapes::of_copy_text()),
            },
            encoding,
            characters: CharacterSteps::needed(encoding),
            marks: [quote, escape, b'\\'],
            as_is: Finder::new(br"\u0000"),
            json: JsonEscape::default(),
            last: 0,
        })
    }

    /// Mends `buffer[from..to]`, a whole field; gives the number of NULs replaced.
    #[inline]
    pub(super) fn mend(
        &mut self,
        buffer: &mut [u8],
        from: usize,
        to: usize,
        spelling: FieldSpelling,
    ) -> u64 {
        let Some(field) = buffer.get_mut(from..to) else { return 0 };
        match spelling {
            FieldSpelling::None => 0,
            FieldSpelling::AsIs if self.characters.is_none() => self.mend_as_is(field),
            _ if memchr(b'\\', field).is_none() => 0,
            _ => self.scan(buffer, from, to) + self.end(buffer),
        }
    }

    /// The same where each backslash of the value is two in the field, and all other characters that
    /// matter stand for themselves.
    fn mend_as_is(&self, field: &mut [u8]) -> u64 {
        let (mut next, mut replaced) = (0, 0);
        while let Some(found) = self.as_is.find(field.get(next..).unwrap_or_default()) {
            let digits = next + found + br"\u".len();
            let Some((front, behind)) = field.split_at_mut_checked(digits) else { break };
            // The last of an odd number is the backslash of `\u`, which stands for `u`.
            let run = front.iter().rev().skip(1).take_while(|&&byte| byte == b'\\').count();
            let is_escape = run / 2 % 2 == 1;
            if let Some(digit) = behind.get_mut(2).filter(|_| is_escape) {
                *digit = THIRD_DIGIT;
                replaced += 1;
            }
            next = digits;
        }
        replaced
    }

    /// Mends `buffer[from..to]`, the next bytes of the field, and what is held; gives the number of
    /// NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let (mut next, mut replaced) = (from, 0);
        if let (Some(characters), Some(piece)) = (&mut self.characters, buffer.get(from..to)) {
            next += characters.resume(piece);
        }
        while let Some(rest) = buffer.get(next..to) {
            let skipped = if self.is_between() { self.find_mark(rest) } else { Some(0) };
            let Some(skipped) = skipped else { break };
            let Some((&byte, _)) = rest.get(skipped..).and_then(<[u8]>::split_first) else { break };
            next += skipped;
            let length = match &mut self.characters {
                Some(characters) if byte >= 0x80 => {
                    characters.step(rest.get(skipped..).unwrap_or_default())
                }
                _ => 1,
            };
            replaced += self.take(buffer, byte, next);
            next += length;
        }
        replaced
    }

    /// Whether a byte that is no mark changes nothing.
    #[inline]
    fn is_between(&self) -> bool {
        self.json.is_idle()
            && match &self.writing {
                FieldWriting::Text(escapes) => escapes.is_outside(),
                FieldWriting::Csv(quotes) => !quotes.is_open(),
            }
    }

    #[inline]
    fn find_mark(&self, bytes: &[u8]) -> Option<usize> {
        let [quote, escape, backslash] = self.marks;
        match (&self.writing, &self.characters) {
            (FieldWriting::Text(_), None) => memchr(backslash, bytes),
            (FieldWriting::Csv(_), None) => memchr3(quote, escape, backslash, bytes),
            (writing, Some(_)) => {
                let is_csv = matches!(writing, FieldWriting::Csv(_));
                let is_quote = |byte: u8| is_csv && (byte == quote || byte == escape);
                bytes.iter().position(|&byte| byte >= 0x80 || byte == backslash || is_quote(byte))
            }
        }
    }

    fn take(&mut self, buffer: &mut [u8], byte: u8, at: usize) -> u64 {
        let (before, now) = match &mut self.writing {
            FieldWriting::Text(escapes) => {
                let (before, now) = escapes.feed(byte);
                let now = match now {
                    Now::Part => None,
                    Now::Escaped(character) | Now::Plain(character) => Some(character),
                };
                (before, now)
            }
            FieldWriting::Csv(quotes) => {
                let (before, now) = quotes.feed(byte);
                let now = match now {
                    CsvByte::Mark => None,
                    CsvByte::Inside(character) | CsvByte::Outside(character) => Some(character),
                };
                (before, now)
            }
        };
        let before = before.map_or(0, |character| self.step(buffer, character, self.last));
        let now = now.map_or(0, |character| self.step(buffer, character, at));
        self.last = at;
        before + now
    }

    /// A character of the value, whose last byte lies at `at`.
    fn step(&mut self, buffer: &mut [u8], character: u8, at: usize) -> u64 {
        match self.json.step(character, at).and_then(|at| buffer.get_mut(at)) {
            Some(digit) => {
                *digit = THIRD_DIGIT;
                1
            }
            None => 0,
        }
    }

    /// The field has ended; gives the number of NULs replaced with that.
    pub(super) fn end(&mut self, buffer: &mut [u8]) -> u64 {
        let ended = match &mut self.writing {
            FieldWriting::Text(escapes) => escapes.end(),
            FieldWriting::Csv(quotes) => {
                quotes.restart();
                None
            }
        };
        let replaced = ended.map_or(0, |character| self.step(buffer, character, self.last));
        self.json = JsonEscape::default();
        if self.characters.is_some() {
            self.characters = CharacterSteps::needed(self.encoding);
        }
        replaced
    }

    /// Offset of the first byte that may still change: the third digit, if it is that.
    pub(super) fn held_from(&self) -> Option<usize> {
        let may_end_here = match &self.writing {
            FieldWriting::Text(escapes) => self.json.awaits_third_digit() && escapes.has_digits(),
            FieldWriting::Csv(_) => false,
        };
        self.json.held_from().or(may_end_here.then_some(self.last))
    }

    pub(super) fn release(&mut self) {
        self.json.release();
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        if self.held_from().is_some_and(|at| at < sent) {
            self.json.release();
        }
        self.json.rebase(sent);
        self.last = self.last.saturating_sub(sent);
    }
}
