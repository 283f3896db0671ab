//! One value of a parameter that goes straight into a column: what the column wants of it. Knows no
//! messages.

use std::sync::Arc;

use memchr::memchr;

use super::syntax::{check_json, check_timestamp};
use crate::encoding::Encoding;
use crate::value::binary_text::{binary_to_text, boolean_as_number, fit_binary, uuid_bytes};
use crate::value::column::assignment::{is_number, is_string};
use crate::value::column::type_oid::{
    self, BOOL, BYTEA, JSON, JSONB, TIMESTAMP, TIMESTAMPTZ, UUID,
};
use crate::value::column::{Column, ValueKind};
use crate::value::epoch;
use crate::value::judge::{ColumnJudge, ValueRefusal, ValueVerdict};
use crate::value::policy::NumbersAsDates;
use crate::value::rule::{Findings, ValueRule};

/// A parameter that goes straight into a column.
#[derive(Clone, Debug)]
pub struct BindParameter {
    /// The OID of the type that the client declared; 0 for none.
    pub declared_oid: u32,
    /// Whether the target was left to infer the type although the client declared one. Then values
    /// in binary format are not what the target takes them for, and travel as text.
    pub is_inferred: bool,
    /// What numbers mean, where the column has dates.
    pub numbers: NumbersAsDates,
    /// The column, shared by all parameters that go into it.
    pub column: Arc<Column>,
    /// What judges its values; none where nothing is asked of values.
    pub judge: Option<Arc<ColumnJudge>>,
}

/// A value as it goes to the target.
#[derive(Debug)]
pub(super) struct NewValue {
    pub(super) is_text: bool,
    /// `None` for NULL.
    pub(super) value: Option<Vec<u8>>,
}

/// What a column makes of a value.
#[derive(Debug)]
pub(super) struct Fit {
    /// `None` where it can stay as it is.
    pub(super) new: Option<NewValue>,
    /// Whether a judge has seen it, and with it any U+0000.
    pub(super) is_judged: bool,
}

impl BindParameter {
    /// Whether a value in this format can be wanted otherwise. Most come as text, of which only judges
    /// and types that were left to the target want more.
    #[inline]
    pub(super) fn may_change(&self, is_text: bool) -> bool {
        !is_text || self.is_inferred || self.judge.is_some() || self.may_be_word()
    }

    /// Whether a value in text format may be `true` or `false` although the server infers a `smallint`.
    #[inline]
    fn may_be_word(&self) -> bool {
        self.declared_oid == 0 && self.column.takes_words()
    }

    /// The value that the column wants.
    ///
    /// # Errors
    /// A policy refuses the value.
    pub(super) fn fit(
        &self,
        is_text: bool,
        value: &[u8],
        encoding: Encoding,
        findings: &mut Findings,
    ) -> Result<Fit, ValueRefusal> {
        let (rule, converted) = match self.is_number_of_date() {
            true => (ValueRule::NumberToDate, Some(self.date(is_text, value)?)),
            false => (ValueRule::TypeConverted, self.convert(is_text, value, encoding)?),
        };
        if converted.is_some() {
            findings.note(rule, 1);
        }
        let text = |text| NewValue { is_text: true, value: Some(text) };
        let Some(judge) = &self.judge else {
            if converted.is_none()
                && self.declared_oid == 0
                && !is_text
                && let Some(fitted) = fit_binary(&self.column, value)
            {
                findings.note(ValueRule::TypeConverted, 1);
                let new = NewValue { is_text, value: Some(fitted) };
                return Ok(Fit { new: Some(new), is_judged: false });
            }
            return Ok(Fit { new: converted.map(text), is_judged: false });
        };
        let is_character = type_oid::kind_of(self.declared_oid) == ValueKind::Character;
        let is_of_column = self.declared_oid == 0 || self.declared_oid == self.column.type_oid;
        let verdict = match &converted {
            Some(text) => judge.judge_text(text, findings),
            None if is_text || is_character => judge.judge_text(value, findings),
            None if is_of_column => judge.judge_binary(value, findings),
            None if judge.mask().is_some() => {
                let Some(text) = binary_to_text(self.declared_oid, value) else {
                    return Err(unmasked());
                };
                return match judge.judge_text(&text, findings) {
                    ValueVerdict::Refuse(refusal) => Err(refusal),
                    ValueVerdict::Null => {
                        Ok(Fit { new: Some(NewValue { is_text, value: None }), is_judged: true })
                    }
                    ValueVerdict::Replace(text) => {
                        let new = NewValue { is_text: true, value: Some(text) };
                        Ok(Fit { new: Some(new), is_judged: true })
                    }
                    ValueVerdict::Keep => Ok(Fit { new: None, is_judged: true }),
                };
            }
            None => return Ok(Fit { new: None, is_judged: false }),
        };
        let is_text = is_text || converted.is_some();
        let new = match verdict {
            ValueVerdict::Keep => converted.map(text),
            ValueVerdict::Replace(value) => Some(NewValue { is_text, value: Some(value) }),
            ValueVerdict::Null => Some(NewValue { is_text, value: None }),
            ValueVerdict::Refuse(refusal) => return Err(refusal),
        };
        Ok(Fit { new, is_judged: true })
    }

    /// The text of a value whose type the target infers, where it has to be another one.
    ///
    /// # Errors
    /// It is not a value of the declared type, and the column would take it all the same.
    fn convert(
        &self,
        is_text: bool,
        value: &[u8],
        encoding: Encoding,
    ) -> Result<Option<Vec<u8>>, ValueRefusal> {
        let is_string = self.is_inferred && is_string(self.declared_oid);
        if (is_string && is_number(self.column.type_oid) || is_text && self.may_be_word())
            && let Some(number) = boolean_as_number(value)
        {
            return Ok(Some(number.to_vec()));
        }
        if !self.is_inferred {
            return Ok(None);
        }
        if self.declared_oid == UUID && self.column.type_oid == BYTEA {
            return bytes_of_uuid(is_text, value).map(Some);
        }
        match self.check() {
            Some(Check::Json) => {
                // Without its version byte it is JSON as well.
                let text = if is_text { value } else { value.strip_prefix(&[1]).unwrap_or(value) };
                check_json(text, encoding)?;
                return Ok((!is_text).then(|| text.to_vec()));
            }
            Some(Check::Timestamp) => return self.wide_timestamp(is_text, value),
            None => {}
        }
        let text = if !is_text {
            let Some(text) = binary_to_text(self.declared_oid, value) else { return Ok(None) };
            Some(text)
        } else {
            None
        };
        let Some([yes, no]) = self.boolean_words() else { return Ok(text) };
        Ok(match text.as_deref().unwrap_or(value) {
            word if is_word(word, &["t", "true", "y", "yes", "on", "1"]) => Some(yes.into()),
            word if is_word(word, &["f", "false", "n", "no", "off", "0"]) => Some(no.into()),
            _ => text,
        })
    }

    /// How the column spells true and false, where it does not read all words for them and the parameter is
    /// declared as a boolean.
    fn boolean_words(&self) -> Option<[&'static str; 2]> {
        match self.column.type_oid {
            _ if self.declared_oid != BOOL => None,
            JSON | JSONB => Some(["true", "false"]),
            // It has become one since the target was told.
            _ if self.column.kind() == ValueKind::Character => Some(["true", "false"]),
            oid if is_number(oid) => Some(["1", "0"]),
            _ => None,
        }
    }

    /// Whether a column of another type would store another value than the server makes of what was sent.
    pub fn is_spelled_for_column(&self) -> bool {
        let is_number = is_number(self.column.type_oid);
        self.reads_text()
            || self.may_be_word()
            || self.is_inferred && is_number && is_string(self.declared_oid)
    }

    /// Whether the column would store another value where one in text format goes as it is. What is only
    /// checked may be too long for that.
    pub(super) fn reads_text(&self) -> bool {
        let is_respelled = self.boolean_words().is_some();
        let is_uuid = self.declared_oid == UUID && self.column.type_oid == BYTEA;
        self.is_inferred && (is_respelled || is_uuid || self.is_number_as_date())
    }

    /// What a value has to be that the column would take whatever it is.
    fn check(&self) -> Option<Check> {
        if self.column.kind() != ValueKind::Character {
            return None;
        }
        match self.declared_oid {
            JSONB => Some(Check::Json),
            TIMESTAMP | TIMESTAMPTZ => Some(Check::Timestamp),
            _ => None,
        }
    }

    /// The text of a timestamp that keeps all digits of its second.
    fn wide_timestamp(&self, is_text: bool, value: &[u8]) -> Result<Option<Vec<u8>>, ValueRefusal> {
        if is_text {
            check_timestamp(value)?;
            let has_zone = self.declared_oid == TIMESTAMP;
            return Ok(if has_zone { without_zone(value) } else { None });
        }
        let refusal = |sqlstate, message: &str| ValueRefusal {
            sqlstate,
            message: message.to_owned(),
            hint: "The parameter is declared as a timestamp.".to_owned(),
        };
        let text = binary_to_text(self.declared_oid, value);
        text.map(Some).ok_or_else(|| match value.len() {
            0..8 => refusal("08P01", "insufficient data left in message"),
            8 => refusal("22008", "timestamp out of range"),
            _ => refusal("22P03", "incorrect binary data format"),
        })
    }

    /// Whether a number is declared that the configuration makes a date of.
    fn is_number_of_date(&self) -> bool {
        self.is_inferred && self.is_number_as_date()
    }

    /// Whether the configuration says what a number means that is declared here.
    pub fn is_number_as_date(&self) -> bool {
        is_number(self.declared_oid) && epoch::applies(self.numbers, self.column.type_oid)
    }

    /// The text of the date that a number stands for. A number that stands for none must not reach the
    /// target, which would read its digits as those of a date.
    fn date(&self, is_text: bool, value: &[u8]) -> Result<Vec<u8>, ValueRefusal> {
        let number = if is_text { None } else { binary_to_text(self.declared_oid, value) };
        let number = number.as_deref().or(is_text.then_some(value));
        let date =
            number.and_then(|number| epoch::text(self.numbers, self.column.type_oid, number));
        date.ok_or_else(|| ValueRefusal {
            sqlstate: "22008",
            message: "the number is not a date that the column can hold".to_owned(),
            hint: "values.numbers_as_dates says what numbers mean.".to_owned(),
        })
    }
}

/// The refusal of a value in binary format of another type than the column's, in which nothing can be masked.
fn unmasked() -> ValueRefusal {
    ValueRefusal {
        sqlstate: "0A000",
        message: "a value of the declared type cannot be masked".to_owned(),
        hint: "Declare the parameter to be of the column's type, or send it as text.".to_owned(),
    }
}

/// Whether a value is one of these words in any case, blanks around it apart, as for `boolin`.
fn is_word(value: &[u8], words: &[&str]) -> bool {
    let value = value.trim_ascii();
    words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// What a value is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Json,
    Timestamp,
}

/// The sixteen bytes of a UUID as the text of a `bytea`.
fn bytes_of_uuid(is_text: bool, value: &[u8]) -> Result<Vec<u8>, ValueRefusal> {
    let bytes = if is_text { uuid_bytes(value) } else { value.try_into().ok() };
    let text = bytes.and_then(|bytes| binary_to_text(BYTEA, &bytes));
    text.ok_or_else(|| ValueRefusal {
        sqlstate: if is_text { "22P02" } else { "22P03" },
        message: "invalid input syntax for type uuid".to_owned(),
        hint: "The parameter is declared as uuid: a bytea column takes its 16 bytes.".to_owned(),
    })
}

/// A timestamp without the offset from UTC that pgjdbc writes behind every one: the server passes over
/// it where a `timestamp` stands, and a text would keep it. `None` where there is no offset.
fn without_zone(text: &[u8]) -> Option<Vec<u8>> {
    let time = memchr(b':', text)?;
    let is_sign = |byte: &u8| matches!(byte, b'+' | b'-');
    let start = time + text.get(time..)?.iter().position(is_sign)?;
    let (front, offset) = text.split_at_checked(start)?;
    let is_offset = |(at, byte): (usize, &u8)| at == 0 || byte.is_ascii_digit() || *byte == b':';
    let length = offset.iter().enumerate().take_while(|&byte| is_offset(byte)).count();
    Some([front, offset.get(length..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_no_offset() {
        let without =
            |text: &str| without_zone(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        for (text, expected) in [
            ("2024-02-29 23:59:59.123456+00", Some("2024-02-29 23:59:59.123456")),
            ("2024-02-29 23:59:59-05:30:15", Some("2024-02-29 23:59:59")),
            ("0044-03-15 12:00:00+01 BC", Some("0044-03-15 12:00:00 BC")),
            ("2024-02-29 23:59:59.123456789", None),
            ("2024-02-29", None),
            ("-infinity", None),
            ("", None),
            ("12:", None),
        ] {
            assert_eq!(without(text).as_deref(), expected, "{text}");
        }
    }
}
