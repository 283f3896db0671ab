//! What the policies make of one value of a column; knows no SQL, no frames and no formats of rows.
//!
//! A value goes through the rules in this order, each of which sees what the one before has left:
//! mask, type (binary format only), UTF-8, U+0000, CharacterReplacements, length, limit of large objects,
//! dates, and last the guard against silent loss, which changes nothing. The elements of arrays are
//! not looked into: a value of an array type is judged as any other of a type that is not known.

mod bad_date;
mod character_rules;
mod characters;
mod date_array;
mod digits;
mod duplicate_keys;
mod judged_value;
mod kind_judge;
mod length;
mod loss;
mod masked;
mod timestamp;

use std::borrow::Cow;

use memchr::memchr;

use super::binary_text::{binary_to_text, boolean_as_number, fit_binary_from, own_bytes};
use super::column::{Column, ValueKind, type_oid};
use super::epoch;
use super::nul::{ArrayScanner, JsonArrayText};
use super::policy::{
    BadDates, InvalidUtf8, NulPolicy, NumbersAsDates, SilentLoss, TooLong, ValuePolicies,
};
use super::rule::{Findings, ValueRule};
use crate::encoding::Encoding;
use crate::escape::json::JsonText;
use crate::mapping::masks::Mask;
use judged_value::JudgedValue;
pub(super) use kind_judge::{KindJudge, without_halves};
pub use timestamp::is_too_precise;
pub(in crate::value) use timestamp::{TimestampFault, timestamp_fault};

/// What is to become of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueVerdict {
    /// It stays as it is.
    Keep,
    /// This takes its place, in the same format.
    Replace(Vec<u8>),
    /// NULL takes its place.
    Null,
    /// It is refused, and with it the row.
    Refuse(ValueRefusal),
}

/// Why a value is refused; the caller adds table, column and row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRefusal {
    /// The SQLSTATE.
    pub sqlstate: &'static str,
    /// What is wrong, without the value itself.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ValueRefusal {
    pub(super) fn of_nul() -> ValueRefusal {
        ValueRefusal {
            sqlstate: "22021",
            message: "U+0000 cannot be stored".to_owned(),
            hint: "values.nul = \"space\" or \"remove\" mends it.".to_owned(),
        }
    }
}

/// Judges the values of one column by the policies.
#[derive(Clone, Debug)]
pub struct ColumnJudge {
    policies: ValuePolicies,
    bad_dates: BadDates,
    numbers: NumbersAsDates,
    /// What its values become before anything else.
    mask: Option<Mask>,
    column: Column,
    encoding: Encoding,
    /// Whether any rule but that of a raw NUL can apply to values in text format.
    looks_at_text: bool,
    /// Whether any rule can apply to values in binary format.
    looks_at_binary: bool,
    /// The bytes of values in binary format to which none can, where that goes by their number.
    own_bytes: Option<usize>,
}

impl ColumnJudge {
    /// A judge of the values of `column`, which come in `encoding`. `bad_dates` is what the
    /// policies say for this column.
    pub fn new(
        policies: &ValuePolicies,
        bad_dates: &BadDates,
        column: &Column,
        encoding: Encoding,
    ) -> ColumnJudge {
        let judge = ColumnJudge {
            policies: policies.clone(),
            bad_dates: bad_dates.clone(),
            numbers: NumbersAsDates::Reject,
            mask: None,
            column: column.clone(),
            encoding,
            looks_at_text: false,
            looks_at_binary: false,
            own_bytes: own_bytes(column),
        };
        judge.in_encoding(encoding)
    }

    /// The same judge for values without a type of their own, as in rows of COPY, where a number is what
    /// `numbers` says.
    pub fn reading_numbers(mut self, numbers: NumbersAsDates) -> ColumnJudge {
        self.numbers = numbers;
        let encoding = self.encoding;
        self.in_encoding(encoding)
    }

    /// The same judge for values that come in another encoding, as in a COPY that names its own.
    pub fn in_encoding(mut self, encoding: Encoding) -> ColumnJudge {
        self.encoding = encoding;
        let is_masked = self.mask.is_some();
        self.looks_at_text = is_masked || self.can_apply_to_text();
        self.looks_at_binary = is_masked || self.can_apply_to_binary();
        self.own_bytes = own_bytes(&self.column).filter(|_| !is_masked);
        self
    }

    /// The column.
    pub fn column(&self) -> &Column {
        &self.column
    }

    /// Whether every value stays as it is, in either format, but for a byte 0x00 in text format:
    /// a row without that byte need not be taken apart for this column.
    pub fn is_idle(&self) -> bool {
        self.is_idle_in_text() && self.is_idle_in_binary()
    }

    /// Whether every value in text format that holds no byte 0x00 stays as it is.
    pub fn is_idle_in_text(&self) -> bool {
        !self.looks_at_text
    }

    /// Whether every value of this length in bytes in binary format stays as it is.
    #[inline]
    pub fn is_idle_in_binary_of(&self, bytes: usize) -> bool {
        !self.looks_at_binary || self.own_bytes == Some(bytes)
    }

    /// Whether every value in binary format stays as it is.
    pub fn is_idle_in_binary(&self) -> bool {
        !self.looks_at_binary
    }

    /// Judges a value in text format, as the input function of its type reads it: without the
    /// escapes and quotes of COPY or of a constant. Of a value that is refused nothing is noted.
    pub fn judge_text(&self, value: &[u8], findings: &mut Findings) -> ValueVerdict {
        match self.mask {
            Some(mask) => self.judge_masked_text(mask, value, findings),
            None => self.judge_unmasked_text(value, findings),
        }
    }

    fn judge_unmasked_text(&self, value: &[u8], findings: &mut Findings) -> ValueVerdict {
        if !self.looks_at_text && memchr(0, value).is_none() {
            return ValueVerdict::Keep;
        }
        let mut judged = JudgedValue::new(value);
        let outcome = match self.column.kind() {
            kind if kind.is_characters() => self.judge_characters(&mut judged),
            _ => self.judge_other_text(&mut judged),
        };
        judged.verdict(outcome, self.policies.samples, findings)
    }

    /// Judges a value in the binary format of the column's type, or in that of another one (see
    /// [`fit_binary`](super::fit_binary)). Dates are not looked at: in binary format there are none
    /// that do not exist. Of a value that is refused nothing is noted.
    pub fn judge_binary(&self, value: &[u8], findings: &mut Findings) -> ValueVerdict {
        match self.mask {
            Some(mask) => self.judge_masked_binary(mask, value, findings),
            None => self.judge_unmasked_binary(value, findings),
        }
    }

    fn judge_unmasked_binary(&self, value: &[u8], findings: &mut Findings) -> ValueVerdict {
        if !self.looks_at_binary {
            return ValueVerdict::Keep;
        }
        let mut judged = JudgedValue::new(value);
        if let Some(fitted) = fit_binary_from(&self.column, value, self.encoding) {
            judged.change(ValueRule::TypeConverted, 1, fitted);
        }
        if let Some(date) = epoch::binary(self.numbers, self.column.type_oid, value) {
            judged.change(ValueRule::NumberToDate, 1, date);
        }
        let outcome = match (self.column.type_oid, &*judged.value) {
            (type_oid::JSONB, [1, ..]) => self.judge_jsonb(&mut judged),
            (type_oid::JSONB, _) => Ok(()),
            _ if self.column.kind().is_characters() => self.judge_characters(&mut judged),
            _ => self.judge_other_binary(&mut judged),
        };
        judged.verdict(outcome, self.policies.samples, findings)
    }

    fn can_apply_to_text(&self) -> bool {
        let mends_utf8 =
            self.encoding == Encoding::Utf8 && self.policies.invalid_utf8 != InvalidUtf8::Reject;
        let cuts_lobs = self.policies.lob_bytes_max.is_some() && length::is_unbounded(&self.column);
        match (self.column.kind(), self.column.type_oid) {
            (ValueKind::Json | ValueKind::JsonArray, _) => true,
            (ValueKind::Character, _) => {
                mends_utf8
                    || cuts_lobs
                    || self.guards_loss()
                    || !self.policies.replacements.is_empty()
                    || (self.policies.too_long == TooLong::Truncate
                        && length::characters_max(&self.column).is_some())
            }
            (_, type_oid::BYTEA) => cuts_lobs,
            (_, type_oid::INT2 | type_oid::INT8) => true,
            _ => {
                let elements = date_array::applies(&self.column, &self.bad_dates);
                let dates = self.guards_dates() || elements;
                mends_utf8 || dates || self.guards_digits() || self.reads_numbers()
            }
        }
    }

    fn can_apply_to_binary(&self) -> bool {
        let cuts_lobs = self.policies.lob_bytes_max.is_some() && length::is_unbounded(&self.column);
        self.column.kind() != ValueKind::Other
            || self.column.takes_other_binary()
            || cuts_lobs
            || self.guards_digits()
            || self.reads_numbers()
    }

    fn reads_numbers(&self) -> bool {
        epoch::applies(self.numbers, self.column.type_oid)
    }

    fn guards_loss(&self) -> bool {
        self.policies.silent_loss != SilentLoss::Off
    }

    fn guards_dates(&self) -> bool {
        date_array::has_dates(self.column.type_oid)
            && match self.bad_dates {
                BadDates::Reject => false,
                BadDates::Null => self.column.is_nullable,
                BadDates::Sentinel(_) => true,
            }
    }

    fn guards_digits(&self) -> bool {
        self.guards_loss()
            && (loss::second_digits(&self.column).is_some()
                || loss::numeric_scale(&self.column).is_some())
    }

    fn lob_bytes_max(&self) -> Option<usize> {
        let limit = self.policies.lob_bytes_max?.get();
        length::is_unbounded(&self.column).then_some(limit)
    }

    /// Numbers, dates, `bytea` and types that are not known, in text format.
    fn judge_other_text(&self, judged: &mut JudgedValue<'_>) -> Result<(), ValueVerdict> {
        self.mend_characters(judged)?;
        match self.column.type_oid {
            type_oid::BYTEA => {
                if let Some(limit) = self.lob_bytes_max()
                    && let Some(kept) =
                        length::first_bytea_bytes(&judged.value, limit, self.encoding)
                {
                    let kept = kept.to_vec();
                    judged.change(ValueRule::LobTruncated, 1, kept);
                }
                return Ok(());
            }
            type_oid::INT8 if loss::is_above_bigint(&judged.value) => {
                // The server refuses it with 22003; the count says that the column is too small.
                judged.noted.note(ValueRule::UnsignedOverflow, 1);
            }
            type_oid::INT2 => {
                if let Some(number) = boolean_as_number(&judged.value) {
                    judged.change(ValueRule::TypeConverted, 1, number.to_vec());
                }
            }
            _ => {}
        }
        if let Some(date) = epoch::text(self.numbers, self.column.type_oid, &judged.value) {
            judged.change(ValueRule::NumberToDate, 1, date);
        }
        if self.guards_dates() && bad_date::is_impossible(&judged.value) {
            match &self.bad_dates {
                BadDates::Reject => {}
                BadDates::Null => {
                    judged.noted.note(ValueRule::BadDateToNull, 1);
                    return Err(ValueVerdict::Null);
                }
                BadDates::Sentinel(date) => {
                    let date = date.clone().into_bytes();
                    judged.change(ValueRule::BadDateToSentinel, 1, date);
                    return Ok(());
                }
            }
        }
        if date_array::applies(&self.column, &self.bad_dates)
            && let Some((array, rule, count)) = date_array::mended(&judged.value, &self.bad_dates)
        {
            judged.change(rule, count, array);
        }
        let value = std::mem::take(&mut judged.value);
        let outcome = self.judge_digits(&value, judged);
        judged.value = value;
        outcome
    }

    /// The same in binary format.
    fn judge_other_binary(&self, judged: &mut JudgedValue<'_>) -> Result<(), ValueVerdict> {
        // Without a NUL an element would be shorter, and the lengths around it others.
        let kind = self.column.kind();
        let is_array = matches!(kind, ValueKind::CharacterArray | ValueKind::JsonArray);
        if kind == ValueKind::JsonArray
            && self.policies.mends_halves(self.encoding)
            && let Some((array, count)) = characters::replace_halves_of_elements(&judged.value)
        {
            judged.change(ValueRule::InvalidUtf8Replaced, count, array);
        }
        if is_array && self.policies.nul == NulPolicy::Space {
            let (mut array, length) = (judged.value.to_vec(), judged.value.len());
            let mut scanner = ArrayScanner::default();
            let replaced = match kind {
                ValueKind::JsonArray => {
                    let mut json = JsonText::new(self.encoding);
                    scanner.scan_json(&mut array, 0, length, &mut json)
                }
                _ => scanner.scan(&mut array),
            };
            if replaced > 0 {
                judged.change(ValueRule::NulToSpace, replaced, array);
            }
            return Ok(());
        }
        if self.column.type_oid == type_oid::BYTEA {
            if let Some(limit) = self.lob_bytes_max()
                && let Some(kept) = judged.value.get(..limit)
                && kept.len() < judged.value.len()
            {
                let kept = kept.to_vec();
                judged.change(ValueRule::LobTruncated, 1, kept);
            }
            return Ok(());
        }
        if !self.guards_digits() {
            return Ok(());
        }
        match binary_to_text(self.column.type_oid, &judged.value) {
            Some(text) => self.judge_digits(&text, judged),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
