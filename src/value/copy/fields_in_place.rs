//! COPY text and CSV where mending could make a field NULL or split it: fields are told apart, byte
//! by byte, and what cannot be mended safely is left for the server to refuse. Knows no frames.

use super::options::{CopyFormat, CopyOptions};
use crate::encoding::CharacterSteps;
use crate::escape::nul::{OpenEscape, Verdict};

/// A byte of the current field that is to change once the field is known not to become NULL by it.
#[derive(Clone, Copy, Debug)]
struct Patch {
    /// Offset in the buffer.
    at: usize,
    /// Offset in the field.
    index: usize,
    byte: u8,
    /// Whether this is the first byte that its NUL changes: a NUL is counted once.
    is_first: bool,
}

/// Where a CSV stream stands, as far as quoting goes.
#[derive(Clone, Copy, Debug, Default)]
struct Quoting {
    in_quotes: bool,
    /// The byte before was an escape inside quotes.
    escaped: bool,
    /// The field has a quoted part, so it is not the NULL string.
    field_has_quotes: bool,
}

/// Scans COPY text or CSV field by field. Holds what it may still have to leave alone: at most the
/// bytes of one field, and those only up to the length of the NULL string.
#[derive(Debug)]
pub(super) struct FieldScanner {
    format: CopyFormat,
    delimiter: u8,
    quote: u8,
    escape_byte: u8,
    null: Vec<u8>,
    characters: Option<CharacterSteps>,
    escape: Option<OpenEscape>,
    quoting: Quoting,
    /// The current field as it came, up to the length of the NULL string.
    field: Vec<u8>,
    field_length: usize,
    patches: Vec<Patch>,
    replaced: u64,
}

impl FieldScanner {
    pub(super) fn new(options: &CopyOptions, characters: Option<CharacterSteps>) -> FieldScanner {
        FieldScanner {
            format: options.format,
            delimiter: options.delimiter,
            quote: options.quote,
            escape_byte: options.escape,
            null: options.null.clone(),
            characters,
            escape: None,
            quoting: Quoting::default(),
            field: Vec::new(),
            field_length: 0,
            patches: Vec::new(),
            replaced: 0,
        }
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let mut next = from;
        if let (Some(characters), Some(chunk)) = (&mut self.characters, buffer.get(from..to)) {
            let trail = characters.resume(chunk);
            self.take_character(buffer, next, trail);
            next += trail;
        }
        while next < to {
            let Some(&byte) = buffer.get(next) else { break };
            if self.escape.is_some() && self.feed_escape(buffer, byte, next) {
                next += 1;
                continue;
            }
            let rest = buffer.get(next..to).unwrap_or_default();
            let length = match &mut self.characters {
                Some(characters) if byte >= 0x80 => characters.step(rest),
                _ => 1,
            };
            if byte >= 0x80 {
                self.quoting.escaped = false;
                self.take_character(buffer, next, length);
            } else if self.format == CopyFormat::Csv {
                self.take_csv(buffer, byte, next);
            } else {
                self.take_text(buffer, byte, next);
            }
            next += length;
        }
        std::mem::take(&mut self.replaced)
    }

    /// One ASCII byte of COPY text outside an escape.
    fn take_text(&mut self, buffer: &mut [u8], byte: u8, at: usize) {
        match byte {
            b'\n' | b'\r' => self.end_field(buffer),
            _ if byte == self.delimiter => self.end_field(buffer),
            // Taken with the byte that follows: where the stream ends in a backslash, the server does
            // not count it when it compares the field to the NULL string.
            b'\\' => self.escape = Some(OpenEscape::default()),
            0 => {
                self.take(buffer, byte);
                if self.delimiter != b' ' {
                    self.patch_nul(buffer, at);
                }
            }
            _ => self.take(buffer, byte),
        }
    }

    /// One ASCII byte of CSV.
    fn take_csv(&mut self, buffer: &mut [u8], byte: u8, at: usize) {
        let mends_raw = self.quote != b' '
            && if self.quoting.in_quotes { self.escape_byte } else { self.delimiter } != b' ';
        if self.quoting.in_quotes {
            let is_escape = byte == self.escape_byte && self.escape_byte != self.quote;
            match std::mem::take(&mut self.quoting.escaped) {
                true if is_escape || byte == self.quote => {}
                _ if is_escape => self.quoting.escaped = true,
                _ => self.quoting.in_quotes = byte != self.quote,
            }
            self.take(buffer, byte);
        } else if byte == self.quote {
            self.quoting.in_quotes = true;
            self.quoting.field_has_quotes = true;
            self.take(buffer, byte);
        } else if matches!(byte, b'\n' | b'\r') || byte == self.delimiter {
            self.end_field(buffer);
        } else {
            self.take(buffer, byte);
        }
        if byte == 0 && mends_raw {
            self.patch_nul(buffer, at);
        }
    }

    /// Feeds a byte to the open escape; gives whether the byte belonged to it.
    fn feed_escape(&mut self, buffer: &mut [u8], byte: u8, at: usize) -> bool {
        let Some(escape) = &mut self.escape else { return false };
        let is_first = escape.is_lone_backslash();
        let fed = escape.feed(byte, at);
        if is_first {
            self.take(buffer, b'\\');
        }
        if fed.belongs {
            self.take(buffer, byte);
        }
        if fed.verdict != Verdict::Open {
            self.settle_escape(buffer, fed.verdict);
        }
        fed.belongs
    }

    /// Ends the open escape as judged.
    fn settle_escape(&mut self, buffer: &mut [u8], verdict: Verdict) {
        let Some(escape) = self.escape.take() else { return };
        let Verdict::Mend(with) = verdict else { return };
        let first = self.field_length.saturating_sub(with.len());
        for (number, (index, at, byte)) in escape.patches(with).enumerate() {
            self.patch(buffer, Patch { at, index: first + index, byte, is_first: number == 0 });
        }
    }

    fn take_character(&mut self, buffer: &mut [u8], at: usize, length: usize) {
        for offset in at..at + length {
            if let Some(&byte) = buffer.get(offset) {
                self.take(buffer, byte);
            }
        }
    }

    /// Takes a byte into the current field. A field longer than the NULL string cannot be it.
    fn take(&mut self, buffer: &mut [u8], byte: u8) {
        self.field_length += 1;
        if self.field_length <= self.null.len() {
            self.field.push(byte);
        } else if !self.patches.is_empty() {
            self.apply_patches(buffer);
        }
    }

    /// Makes the NUL that was taken last a space.
    fn patch_nul(&mut self, buffer: &mut [u8], at: usize) {
        let index = self.field_length.saturating_sub(1);
        self.patch(buffer, Patch { at, index, byte: b' ', is_first: true });
    }

    fn patch(&mut self, buffer: &mut [u8], patch: Patch) {
        self.patches.push(patch);
        if self.field_length > self.null.len() {
            self.apply_patches(buffer);
        }
    }

    fn apply_patches(&mut self, buffer: &mut [u8]) {
        for patch in self.patches.drain(..) {
            if let Some(slot) = buffer.get_mut(patch.at) {
                *slot = patch.byte;
                self.replaced += u64::from(patch.is_first);
            }
        }
    }

    fn end_field(&mut self, buffer: &mut [u8]) {
        if self.is_null_before_or_after() {
            self.patches.clear();
        }
        self.apply_patches(buffer);
        self.field.clear();
        self.field_length = 0;
        self.quoting = Quoting::default();
    }

    /// Whether the field is the NULL string as it came, or would be once it is mended.
    fn is_null_before_or_after(&mut self) -> bool {
        if self.patches.is_empty()
            || self.field_length != self.null.len()
            || self.quoting.field_has_quotes
        {
            return false;
        }
        if self.field == self.null {
            return true;
        }
        for patch in &self.patches {
            if let Some(slot) = self.field.get_mut(patch.index) {
                *slot = patch.byte;
            }
        }
        self.field == self.null
    }

    pub(super) fn finish(&mut self, buffer: &mut [u8]) -> u64 {
        if let Some(escape) = self.escape {
            self.settle_escape(buffer, escape.last());
        }
        self.end_field(buffer);
        std::mem::take(&mut self.replaced)
    }

    pub(super) fn held_from(&self) -> Option<usize> {
        let patch = self.patches.first().map(|patch| patch.at);
        patch.or_else(|| self.escape.as_ref().and_then(OpenEscape::held_from))
    }

    pub(super) fn release(&mut self) {
        self.patches.clear();
        self.escape.iter_mut().for_each(OpenEscape::release);
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        if self.patches.first().is_some_and(|patch| patch.at < sent) {
            self.patches.clear();
        }
        for patch in &mut self.patches {
            patch.at -= sent;
        }
        self.escape.iter_mut().for_each(|escape| escape.rebase(sent));
    }
}
