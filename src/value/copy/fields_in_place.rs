//! COPY text and CSV field by field, mended where they lie by a rule a column: where mending could
//! make a field NULL or split it, and in columns of JSON. Knows no frames.

use std::sync::Arc;

use super::fields::{CsvFields, FieldFormat, TextFields};
use super::json_field::JsonField;
use super::null_guard::NullGuard;
use super::options::CopyOptions;
use crate::encoding::{CharacterSteps, Encoding};
use crate::value::column::ValueKind;

/// Mends what a stream says of U+0000 in its fields.
#[derive(Debug)]
pub(super) struct FieldsInPlace<F> {
    fields: F,
    /// Mends the byte 0x00 and its escapes; `None` where that is done elsewhere.
    guard: Option<NullGuard>,
    /// Mends `\u0000` in the columns that are JSON; `None` where there are none.
    json: Option<JsonField>,
    kinds: Arc<[ValueKind]>,
    column: usize,
    is_json: bool,
    /// A part of the field has been given to `json`.
    json_has_begun: bool,
    /// Nothing that follows is looked at.
    is_over: bool,
}

impl FieldsInPlace<TextFields> {
    /// Fields of COPY text; `guards` where raw NULs and their escapes are not mended elsewhere.
    pub(super) fn of_text(
        options: &CopyOptions,
        encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
        guards: bool,
    ) -> Option<FieldsInPlace<TextFields>> {
        let guard = guards.then(|| {
            let characters = CharacterSteps::needed(encoding);
            NullGuard::of_text(&options.null, options.delimiter != b' ', characters)
        });
        let fields = || TextFields::new(options, encoding);
        FieldsInPlace::new(fields, guard, options, encoding, kinds)
    }
}

impl FieldsInPlace<CsvFields> {
    /// Fields of CSV; `guards` where raw NULs are not mended elsewhere.
    pub(super) fn of_csv(
        options: &CopyOptions,
        encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
        guards: bool,
    ) -> Option<FieldsInPlace<CsvFields>> {
        let guard = guards.then(|| NullGuard::of_csv(&options.null));
        let fields = || {
            let fields = CsvFields::new(options, encoding, Vec::new());
            let has_meaning = [options.delimiter, options.quote, options.escape].contains(&b' ');
            if guards && has_meaning { fields.stopping_at_nul() } else { fields }
        };
        FieldsInPlace::new(fields, guard, options, encoding, kinds)
    }
}

impl<F: FieldFormat> FieldsInPlace<F> {
    fn new(
        fields: impl FnOnce() -> F,
        guard: Option<NullGuard>,
        options: &CopyOptions,
        encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
    ) -> Option<FieldsInPlace<F>> {
        let has_json = kinds.contains(&ValueKind::Json);
        let json = JsonField::possible(options, encoding).filter(|_| has_json);
        (guard.is_some() || json.is_some()).then(|| FieldsInPlace {
            fields: fields(),
            guard,
            is_json: json.is_some() && kinds.first() == Some(&ValueKind::Json),
            json,
            kinds: Arc::clone(kinds),
            column: 0,
            json_has_begun: false,
            is_over: false,
        })
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let (mut next, mut replaced) = (from, 0);
        while next < to && !self.is_over {
            let end = self.fields.end(buffer.get(next..to).unwrap_or_default());
            let Some(length) = end else {
                return replaced + self.take(buffer, next, to);
            };
            let at = next + length;
            let byte = buffer.get(at).copied().unwrap_or_default();
            next = at + 1;
            if byte == 0 && self.fields.stops_at_nul() {
                replaced += self.take(buffer, next - 1 - length, at);
                replaced += self.take_nul(buffer, at);
                continue;
            }
            replaced += self.end_field(buffer, at - length, at);
            self.is_over = self.fields.is_end_of_data();
            self.column = if matches!(byte, b'\n' | b'\r') { 0 } else { self.column + 1 };
            self.is_json =
                self.json.is_some() && self.kinds.get(self.column) == Some(&ValueKind::Json);
            self.fields.restart();
        }
        replaced
    }

    /// A part of the field that does not end with it.
    fn take(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let mut replaced = 0;
        if let Some(guard) = &mut self.guard {
            replaced += guard.take(buffer, from, to, self.fields.ends_in_backslash());
        }
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            self.json_has_begun = true;
            replaced += json.scan(buffer, from, to);
        }
        replaced
    }

    /// A byte 0x00 at which the reader has stopped.
    fn take_nul(&mut self, buffer: &mut [u8], at: usize) -> u64 {
        let mut replaced = 0;
        if let Some(guard) = &mut self.guard {
            replaced += match self.fields.takes_space() {
                true => guard.take(buffer, at, at + 1, false),
                false => guard.take_fixed(buffer, at),
            };
        }
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            self.json_has_begun = true;
            replaced += json.scan(buffer, at, at + 1);
        }
        replaced
    }

    /// The field ends with `buffer[from..to]`.
    #[inline]
    fn end_field(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let mut replaced = 0;
        if let Some(guard) = &mut self.guard {
            replaced += guard.take(buffer, from, to, false);
            replaced += guard.end(buffer, self.fields.is_quoted());
        }
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            replaced += match std::mem::take(&mut self.json_has_begun) {
                true => json.scan(buffer, from, to) + json.end(buffer),
                false => json.mend(buffer, from, to, self.fields.json_escapes()),
            };
        }
        replaced
    }

    /// The stream has ended; gives the number of NULs replaced with that.
    pub(super) fn finish(&mut self, buffer: &mut [u8]) -> u64 {
        if std::mem::replace(&mut self.is_over, true) {
            return 0;
        }
        if self.fields.ends_in_backslash() {
            self.guard.iter_mut().for_each(NullGuard::forget_last);
        }
        self.end_field(buffer, 0, 0)
    }

    /// Offset of the first byte that may still change.
    pub(super) fn held_from(&self) -> Option<usize> {
        let guard = self.guard.as_ref().and_then(NullGuard::held_from);
        let json = self.json.as_ref().and_then(JsonField::held_from);
        guard.into_iter().chain(json).min()
    }

    pub(super) fn release(&mut self) {
        self.guard.iter_mut().for_each(NullGuard::release);
        self.json.iter_mut().for_each(JsonField::release);
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        self.guard.iter_mut().for_each(|guard| guard.rebase(sent));
        self.json.iter_mut().for_each(|json| json.rebase(sent));
    }
}
