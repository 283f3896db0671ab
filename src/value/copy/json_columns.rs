//! The escape `\u0000` in the JSON columns of COPY text and CSV. Knows no frames, and no NUL bytes.

use std::sync::Arc;

use super::options::{CopyFormat, CopyOptions};
use crate::encoding::CharacterSteps;
use crate::escape::backslash::{BackslashEscapes, Now};
use crate::escape::json::{JsonEscape, THIRD_DIGIT};
use crate::value::column::ValueKind;

/// How a field is written.
#[derive(Debug)]
enum Writing {
    /// COPY text.
    Text(BackslashEscapes),
    Csv {
        quote: u8,
        escape: u8,
        in_quotes: bool,
        /// The byte before was the escape, inside quotes.
        escaped: bool,
    },
}

/// Mends `\u0000` to `\u0020` in JSON columns, whichever way the row format spells each of these
/// characters: COPY text doubles the backslash, CSV with `ESCAPE '\'` may.
///
/// Runs next to the scanner for NUL bytes, which changes other bytes than this one does, and
/// none that has a meaning here.
#[derive(Debug)]
pub(super) struct JsonColumns {
    kinds: Arc<[ValueKind]>,
    column: usize,
    is_json: bool,
    writing: Writing,
    delimiter: u8,
    characters: Option<CharacterSteps>,
    /// The ASCII bytes at which something starts or ends while no escape is open.
    marks: Box<[bool; 256]>,
    json: JsonEscape,
    /// The offset of the byte that was taken last.
    last: usize,
    replaced: u64,
}

impl JsonColumns {
    /// The scanner for the JSON columns of a stream; `None` where it has none, and where a changed
    /// digit could make a field NULL or not NULL, or is no digit to this COPY.
    pub(super) fn needed(
        options: &CopyOptions,
        characters: Option<CharacterSteps>,
        kinds: Arc<[ValueKind]>,
    ) -> Option<JsonColumns> {
        let null = &options.null;
        let may_be_null = null.len() >= br"\u0000".len()
            && null.contains(&b'\\')
            && null.iter().any(|byte| matches!(byte, b'0' | b'2'));
        let csv = options.format == CopyFormat::Csv;
        let is_digit = |byte: u8| matches!(byte, b'0' | THIRD_DIGIT);
        let digit_has_meaning = is_digit(options.delimiter)
            || csv && (is_digit(options.quote) || is_digit(options.escape));
        if may_be_null || digit_has_meaning || !kinds.contains(&ValueKind::Json) {
            return None;
        }
        let mut marks = Box::new([false; 256]);
        let (quote, escape) = (options.quote, options.escape);
        let quotes = if csv { [quote, escape] } else { [b'\\'; 2] };
        for byte in [b'\n', b'\r', b'\\', options.delimiter].into_iter().chain(quotes) {
            if let Some(mark) = marks.get_mut(usize::from(byte)) {
                *mark = true;
            }
        }
        if let (true, Some(longer)) = (characters.is_some(), marks.get_mut(0x80..)) {
            longer.fill(true);
        }
        Some(JsonColumns {
            is_json: kinds.first() == Some(&ValueKind::Json),
            kinds,
            column: 0,
            writing: match csv {
                true => Writing::Csv { quote, escape, in_quotes: false, escaped: false },
                false => Writing::Text(BackslashEscapes::of_copy_text()),
            },
            delimiter: options.delimiter,
            characters,
            marks,
            json: JsonEscape::default(),
            last: 0,
            replaced: 0,
        })
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let mut next = from;
        if let (Some(characters), Some(chunk)) = (&mut self.characters, buffer.get(from..to)) {
            next += characters.resume(chunk);
        }
        while next < to {
            let rest = buffer.get(next..to).unwrap_or_default();
            if self.is_between() {
                let plain = rest.iter().position(|&byte| self.is_mark(byte));
                let Some(plain) = plain else { break };
                next += plain;
            }
            let rest = buffer.get(next..to).unwrap_or_default();
            let Some(&byte) = rest.first() else { break };
            let length = match &mut self.characters {
                Some(characters) if byte >= 0x80 => characters.step(rest),
                _ => 1,
            };
            self.take(buffer, byte, next);
            next += length;
        }
        std::mem::take(&mut self.replaced)
    }

    #[inline]
    fn is_mark(&self, byte: u8) -> bool {
        self.marks.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Whether a byte that is no mark changes nothing.
    #[inline]
    fn is_between(&self) -> bool {
        self.json.is_idle()
            && match &self.writing {
                Writing::Text(escapes) => escapes.is_outside(),
                Writing::Csv { escaped, .. } => !escaped,
            }
    }

    fn take(&mut self, buffer: &mut [u8], byte: u8, at: usize) {
        match &mut self.writing {
            Writing::Text(escapes) => {
                let (ended, now) = escapes.feed(byte);
                if let Some(character) = ended {
                    self.step(buffer, character, self.last);
                }
                match now {
                    Now::Part => {}
                    Now::Escaped(character) => self.step(buffer, character, at),
                    Now::Plain(byte) => self.take_plain(buffer, byte, at),
                }
            }
            Writing::Csv { .. } => self.take_csv(buffer, byte, at),
        }
        self.last = at;
    }

    fn take_csv(&mut self, buffer: &mut [u8], byte: u8, at: usize) {
        let Writing::Csv { quote, escape, in_quotes, escaped } = &mut self.writing else { return };
        if !*in_quotes {
            match byte == *quote {
                true => *in_quotes = true,
                false => self.take_plain(buffer, byte, at),
            }
            return;
        }
        if std::mem::take(escaped) {
            if byte == *quote || byte == *escape {
                return self.step(buffer, byte, at);
            }
            // The escape stood for itself; or, where it is the quote, ended the quotes.
            if quote == escape {
                *in_quotes = false;
                return self.take_plain(buffer, byte, at);
            }
            let escape = *escape;
            self.step(buffer, escape, self.last);
            return self.take_csv(buffer, byte, at);
        }
        if byte == *escape {
            *escaped = true;
        } else if byte == *quote {
            *in_quotes = false;
        } else {
            self.step(buffer, byte, at);
        }
    }

    /// A byte outside escapes and quotes.
    fn take_plain(&mut self, buffer: &mut [u8], byte: u8, at: usize) {
        let ends_row = matches!(byte, b'\n' | b'\r');
        if !ends_row && byte != self.delimiter {
            return self.step(buffer, byte, at);
        }
        self.column = if ends_row { 0 } else { self.column + 1 };
        self.is_json = self.kinds.get(self.column) == Some(&ValueKind::Json);
        self.json = JsonEscape::default();
    }

    /// A character of the value, whose last byte lies at `at`.
    fn step(&mut self, buffer: &mut [u8], character: u8, at: usize) {
        if !self.is_json {
            return;
        }
        if let Some(digit) = self.json.step(character, at).and_then(|at| buffer.get_mut(at)) {
            *digit = THIRD_DIGIT;
            self.replaced += 1;
        }
    }

    /// Offset of the first byte that may still change: the third digit, if it is that.
    pub(super) fn held_from(&self) -> Option<usize> {
        let may_end_here = match &self.writing {
            Writing::Text(escapes) => self.json.awaits_third_digit() && escapes.has_digits(),
            Writing::Csv { .. } => false,
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
