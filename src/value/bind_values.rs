//! A Bind message taken apart at its values and put together again, with the types and the values that
//! the columns want. For whole messages; knows no SQL and no sockets.

use std::sync::Arc;

use memchr::memchr;

use super::assignment::is_number;
use super::binary_text::binary_to_text;
use super::column::Column;
use super::judge::{ColumnJudge, Refusal, Verdict};
use super::kind::ValueKind;
use super::rule::{Findings, ValueRule};
use super::type_oid::{self, BOOL, TIMESTAMP, VARCHAR};

/// A parameter that goes straight into a column.
#[derive(Clone, Debug)]
pub struct BindParameter {
    /// The OID of the type that the client declared; 0 for none.
    pub declared_oid: u32,
    /// Whether the target was left to infer the type although the client declared one. Then values
    /// in binary format are not what the target takes them for, and travel as text.
    pub is_inferred: bool,
    /// The column, shared by all parameters that go into it.
    pub column: Arc<Column>,
    /// Who judges its values; none where nothing is asked of values.
    pub judge: Option<Arc<ColumnJudge>>,
}

/// What was found in the values of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindFinding {
    /// Its index, from 0.
    pub index: usize,
    /// The rule.
    pub rule: ValueRule,
    /// How often.
    pub count: u64,
    /// The value, where samples are asked for.
    pub sample: Option<String>,
}

/// A Bind with a value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRefusal {
    /// The index of the parameter, from 0.
    pub index: usize,
    /// Why.
    pub refusal: Refusal,
}

/// The body of a Bind with the values that its columns want, `None` where it can stay as it is, and
/// what was found. `parameters` has one entry for each of the first parameters, `None` for one that
/// goes into no column; the others stay.
///
/// # Errors
/// A value is refused by a policy.
pub fn rewrite_bind(
    body: &[u8],
    parameters: &[Option<BindParameter>],
) -> Result<(Option<Vec<u8>>, Vec<BindFinding>), BindRefusal> {
    // Most values come as text, of which only judges and types that were left to the target want more.
    let may_change = |parameter: &BindParameter, is_text: bool| {
        !is_text || parameter.is_inferred || parameter.judge.is_some()
    };
    if !any_parameter(body, parameters, may_change) {
        return Ok((None, Vec::new()));
    }
    let Some(values) = BindValues::read(body) else { return Ok((None, Vec::new())) };
    let mut found = Vec::new();
    let mut changed = Vec::new();
    for (index, is_text, value) in values.iter() {
        let (Some(Some(parameter)), Some(value)) = (parameters.get(index), value) else { continue };
        let mut findings = Findings::default();
        let fitted = fit(parameter, is_text, value, &mut findings)
            .map_err(|refusal| BindRefusal { index, refusal })?;
        if !findings.is_empty() {
            let sample = findings.take_sample();
            found.extend(findings.take().into_iter().map(|(rule, count)| BindFinding {
                index,
                rule,
                count,
                sample: sample.clone(),
            }));
        }
        changed.extend(fitted.map(|fitted| (index, fitted)));
    }
    let body = (!changed.is_empty()).then(|| values.with(&changed));
    Ok((body, found))
}

/// Whether a Bind, of which `front` is there, may hold values in binary format that the target would
/// take for values of another type.
pub fn needs_rewriting(front: &[u8], parameters: &[Option<BindParameter>]) -> bool {
    any_parameter(front, parameters, |parameter, is_text| parameter.is_inferred && !is_text)
}

/// Whether anything holds for a parameter and its format (text or not), as far as `front` goes; true
/// where it does not reach to the formats.
fn any_parameter(
    front: &[u8],
    parameters: &[Option<BindParameter>],
    holds: impl Fn(&BindParameter, bool) -> bool,
) -> bool {
    let behind_name = |bytes: &[u8]| memchr(0, bytes).map_or(bytes.len(), |at| at + 1);
    let rest = front.get(behind_name(front)..).unwrap_or_default();
    let rest = rest.get(behind_name(rest)..).unwrap_or_default();
    let Some((count, formats)) = count(rest) else { return true };
    let is_text = |index: usize| match count {
        0 => true,
        1 => formats.starts_with(&[0, 0]),
        _ => formats.get(2 * index..).is_some_and(|format| format.starts_with(&[0, 0])),
    };
    let mut parameters = parameters.iter().enumerate();
    parameters.any(|(index, parameter)| {
        parameter.as_ref().is_some_and(|parameter| holds(parameter, is_text(index)))
    })
}

/// A value as it goes to the target.
struct Fitted {
    is_text: bool,
    /// `None` where only the format changes, `Some(None)` for NULL.
    value: Option<Option<Vec<u8>>>,
}

/// The value that the parameter's column wants; `None` where it can stay as it is.
fn fit(
    parameter: &BindParameter,
    is_text: bool,
    value: &[u8],
    findings: &mut Findings,
) -> Result<Option<Fitted>, Refusal> {
    let converted = convert(parameter, is_text, value);
    if converted.is_some() {
        findings.note(ValueRule::TypeConverted, 1);
    }
    let Some(judge) = &parameter.judge else {
        let keeps_type = parameter.declared_oid == 0 && !is_text;
        if converted.is_none()
            && keeps_type
            && let Some(fitted) = super::binary_text::fit_binary(&parameter.column, value)
        {
            findings.note(ValueRule::TypeConverted, 1);
            return Ok(Some(Fitted { is_text, value: Some(Some(fitted)) }));
        }
        return Ok(converted.map(|text| Fitted { is_text: true, value: Some(Some(text)) }));
    };
    let is_character = type_oid::kind_of(parameter.declared_oid) == ValueKind::Character;
    let verdict = match &converted {
        Some(text) => judge.judge_text(text, findings),
        None if is_text || is_character => judge.judge_text(value, findings),
        None if matches!(parameter.declared_oid, 0) => judge.judge_binary(value, findings),
        None if parameter.declared_oid == parameter.column.type_oid => {
            judge.judge_binary(value, findings)
        }
        None => Verdict::Keep,
    };
    let is_text = is_text || converted.is_some();
    Ok(match verdict {
        Verdict::Keep => converted.map(|text| Fitted { is_text, value: Some(Some(text)) }),
        Verdict::Replace(value) => Some(Fitted { is_text, value: Some(Some(value)) }),
        Verdict::Null => Some(Fitted { is_text, value: Some(None) }),
        Verdict::Refuse(refusal) => return Err(refusal),
    })
}

/// The text of a value whose type the target infers, where it has to be another one.
fn convert(parameter: &BindParameter, is_text: bool, value: &[u8]) -> Option<Vec<u8>> {
    if !parameter.is_inferred {
        return None;
    }
    let text = if !is_text {
        Some(binary_to_text(parameter.declared_oid, value)?)
    } else if parameter.declared_oid == TIMESTAMP && parameter.column.type_oid == VARCHAR {
        without_zone(value)
    } else {
        None
    };
    if parameter.declared_oid == BOOL && is_number(parameter.column.type_oid) {
        return match text.as_deref().unwrap_or(value) {
            b"t" | b"true" | b"1" => Some(b"1".to_vec()),
            b"f" | b"false" | b"0" => Some(b"0".to_vec()),
            _ => text,
        };
    }
    text
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

/// A Bind body, cut at its values.
pub(super) struct BindValues<'a> {
    /// The names of portal and statement.
    names: &'a [u8],
    /// Up to the first value.
    pub(super) front: &'a [u8],
    formats: &'a [[u8; 2]],
    /// The values with their lengths.
    values: Vec<Option<&'a [u8]>>,
    /// The result formats.
    pub(super) back: &'a [u8],
}

impl<'a> BindValues<'a> {
    /// The parts of `body`; `None` where the server will refuse it.
    pub(super) fn read(body: &'a [u8]) -> Option<BindValues<'a>> {
        let behind_name = |bytes: &'a [u8]| bytes.get(memchr(0, bytes)? + 1..);
        let rest = behind_name(behind_name(body)?)?;
        let names = body.get(..body.len() - rest.len())?;
        let (count, rest) = count(rest)?;
        let (formats, rest) = rest.split_at_checked(2 * count)?;
        let (formats, _) = formats.as_chunks();
        let (count, mut rest) = self::count(rest)?;
        if formats.len() > 1 && formats.len() != count {
            return None;
        }
        let front = body.get(..body.len() - rest.len())?;
        let mut values = Vec::with_capacity(count.min(rest.len() / 4));
        for _ in 0..count {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                values.push(None);
                rest = behind;
                continue;
            }
            let (value, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
            values.push(Some(value));
            rest = behind;
        }
        Some(BindValues { names, front, formats, values, back: rest })
    }

    /// The body with other values at some indexes, which ascend.
    fn with(&self, changed: &[(usize, Fitted)]) -> Vec<u8> {
        let mut changed = changed.iter().peekable();
        let mut formats = Vec::with_capacity(2 * self.values.len());
        let mut rows = Vec::new();
        for (index, is_text, value) in self.iter() {
            let fitted = changed.next_if(|(at, _)| *at == index).map(|(_, fitted)| fitted);
            let is_text = fitted.map_or(is_text, |fitted| fitted.is_text);
            formats.extend(u16::from(!is_text).to_be_bytes());
            let fitted = fitted.and_then(|fitted| fitted.value.as_ref());
            match fitted.map_or(value, |value| value.as_deref()) {
                Some(value) => {
                    let length = u32::try_from(value.len()).unwrap_or_default();
                    rows.extend(length.to_be_bytes());
                    rows.extend_from_slice(value);
                }
                None => rows.extend((-1i32).to_be_bytes()),
            }
        }
        let count = u16::try_from(self.values.len()).unwrap_or_default().to_be_bytes();
        [self.names, &count, &formats, &count, &rows, self.back].concat()
    }

    /// Index, whether the format is text, value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, bool, Option<&'a [u8]>)> {
        self.values.iter().enumerate().map(|(index, value)| {
            let format = match self.formats {
                [] => None,
                [format] => Some(format),
                formats => formats.get(index),
            };
            (index, format.is_none_or(|format| *format == [0, 0]), *value)
        })
    }
}

fn count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_be_bytes(*count)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_binary_values_of_inferred_types_need_rewriting() {
        let parameter = |is_inferred| {
            let column = Arc::new(Column::default());
            Some(BindParameter { declared_oid: type_oid::JSONB, is_inferred, column, judge: None })
        };
        let parameters = [parameter(false), parameter(true), None];
        for (formats, expected) in [
            (&[0, 0][..], false),
            (&[0, 1, 0, 0], false),
            (&[0, 1, 0, 1], true),
            (&[0, 3, 0, 1, 0, 0, 0, 1], false),
            (&[0, 3, 0, 0, 0, 1, 0, 0], true),
            // What is not there yet may be anything.
            (&[0, 3, 0, 0, 0], true),
            (&[0], true),
        ] {
            let front = [b"portal\0statement\0", formats].concat();
            assert_eq!(needs_rewriting(&front, &parameters), expected, "{formats:?}");
            assert!(!needs_rewriting(&front, &parameters[..1]) || formats.len() == 1);
        }
        assert!(needs_rewriting(b"portal", &parameters));
    }

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
