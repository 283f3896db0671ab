//! U+0000 in the values of one column or parameter, mended where they lie by what the values hold; a
//! value may come in pieces. Knows no formats of rows.

use super::{ArrayScanner, JsonArrayText, nul_to_space};
use crate::encoding::Encoding;
use crate::escape::json::JsonText;
use crate::value::column::ValueKind;

/// What is mended in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::value) enum NulRule {
    /// Nothing: a byte 0x00 may be data.
    Keep,
    /// The byte 0x00.
    Nul,
    /// The byte 0x00 and `\u0000`.
    Json,
    /// The byte 0x00 in the elements of an array in binary format.
    Array,
    /// The same, and `\u0000`.
    JsonArray,
    /// The same in text format.
    JsonArrayText,
}

impl NulRule {
    /// What is mended in values of a kind, in text or in binary format.
    #[inline]
    pub(in crate::value) fn of(kind: ValueKind, is_text: bool) -> NulRule {
        match kind {
            ValueKind::Json => NulRule::Json,
            ValueKind::Character => NulRule::Nul,
            ValueKind::JsonArray if is_text => NulRule::JsonArrayText,
            _ if is_text => NulRule::Nul,
            ValueKind::CharacterArray => NulRule::Array,
            ValueKind::JsonArray => NulRule::JsonArray,
            ValueKind::Other => NulRule::Keep,
        }
    }
}

/// Mends one value after the other.
#[derive(Debug)]
pub(in crate::value) struct NulMender {
    json: JsonText,
    array: ArrayScanner,
    array_text: JsonArrayText,
}

impl NulMender {
    pub(in crate::value) fn new(encoding: Encoding) -> NulMender {
        let array_text = JsonArrayText::new(encoding);
        NulMender { json: JsonText::new(encoding), array: ArrayScanner::default(), array_text }
    }

    /// Mends `buffer[from..to]`, the next bytes of a value, and what is held; gives the number of NULs
    /// replaced.
    #[inline]
    pub(in crate::value) fn scan(
        &mut self,
        rule: NulRule,
        buffer: &mut [u8],
        from: usize,
        to: usize,
    ) -> u64 {
        match rule {
            NulRule::Keep => 0,
            NulRule::Nul => buffer.get_mut(from..to).map_or(0, nul_to_space),
            NulRule::Json => self.json.scan(buffer, from, to),
            NulRule::Array => buffer.get_mut(from..to).map_or(0, |bytes| self.array.scan(bytes)),
            NulRule::JsonArray => self.array.scan_json(buffer, from, to, &mut self.json),
            NulRule::JsonArrayText => self.array_text.scan(buffer, from, to),
        }
    }

    /// Mends a value that is there as a whole; gives the number of NULs replaced.
    pub(in crate::value) fn mend(&mut self, rule: NulRule, value: &mut [u8]) -> u64 {
        let to = value.len();
        let replaced = self.scan(rule, value, 0, to);
        self.restart(rule);
        replaced
    }

    /// The next byte is the first of another value; the last one was mended by this rule.
    #[inline]
    pub(in crate::value) fn restart(&mut self, rule: NulRule) {
        match rule {
            NulRule::Keep | NulRule::Nul => {}
            NulRule::Json => self.json.restart(),
            NulRule::Array => self.array.restart(),
            NulRule::JsonArray => {
                self.json.restart();
                self.array.restart();
            }
            NulRule::JsonArrayText => self.array_text.restart(),
        }
    }

    /// Offset of the one byte that must not be sent before the next one of its value is known.
    pub(in crate::value) fn held_from(&self) -> Option<usize> {
        self.json.held_from().or_else(|| self.array_text.held_from())
    }

    /// What is held goes as it stands.
    pub(in crate::value) fn release(&mut self) {
        self.json.release();
        self.array_text.release();
    }

    /// The first `sent` bytes of the buffer have gone.
    pub(in crate::value) fn rebase(&mut self, sent: usize) {
        self.json.rebase(sent);
        self.array_text.rebase(sent);
    }

    /// The byte that is held will be given once more, and with it `bytes` in all.
    pub(in crate::value) fn give_back(&mut self, bytes: usize) {
        self.json.before_third_digit();
        self.array.give_back(bytes);
    }
}
