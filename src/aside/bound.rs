//! The values of a Bind, one by one. Knows neither statements nor types.

use std::ops::Range;

use crate::wire::{Parameter, ParameterReader};

/// The values of a Bind.
#[derive(Debug, Default)]
pub(super) struct BoundValues {
    body: Vec<u8>,
    values: Vec<BoundValue>,
}

#[derive(Clone, Debug)]
struct BoundValue {
    is_text: bool,
    /// `None` for NULL.
    span: Option<Range<usize>>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueBytes<'a> {
    Null,
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

impl BoundValues {
    /// Reads the body of a Bind; `None` where it is malformed.
    pub(super) fn read(body: &[u8]) -> Option<BoundValues> {
        let mut reader = ParameterReader::of_bind(body.len());
        let (mut at, mut values) = (0, Vec::new());
        loop {
            match reader.next(body, &mut at) {
                Parameter::Value(piece) => {
                    let span = Some(piece.from..piece.to);
                    values.push(BoundValue { is_text: piece.is_text, span });
                    reader.pass(piece.to - piece.from, &mut at);
                }
                Parameter::Null => values.push(BoundValue { is_text: true, span: None }),
                Parameter::End => break,
                Parameter::Cut | Parameter::Malformed => return None,
            }
        }
        Some(BoundValues { body: body.to_vec(), values })
    }

    /// The value of a parameter, which counts from 1.
    pub(super) fn get(&self, parameter: u16) -> Option<ValueBytes<'_>> {
        let value = self.values.get(usize::from(parameter).checked_sub(1)?)?;
        let Some(span) = value.span.clone() else { return Some(ValueBytes::Null) };
        let bytes = self.body.get(span)?;
        Some(if value.is_text { ValueBytes::Text(bytes) } else { ValueBytes::Binary(bytes) })
    }

    /// What stands behind the names of a Bind that has these of them alone.
    pub(super) fn selected(&self, parameters: &[u16]) -> Vec<u8> {
        let count = u16::try_from(parameters.len()).unwrap_or(u16::MAX).to_be_bytes();
        let (mut formats, mut values) = (count.to_vec(), count.to_vec());
        for parameter in parameters {
            let value = self.get(*parameter).unwrap_or(ValueBytes::Null);
            let (format, bytes) = match value {
                ValueBytes::Null => (0u16, None),
                ValueBytes::Text(bytes) => (0, Some(bytes)),
                ValueBytes::Binary(bytes) => (1, Some(bytes)),
            };
            formats.extend(format.to_be_bytes());
            let length = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            values.extend(length.to_be_bytes());
            values.extend_from_slice(bytes.unwrap_or_default());
        }
        // The results: none, so any format.
        [formats, values, vec![0, 0]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_bind() {
        let body = b"p\0s\0\0\x02\0\0\0\x01\0\x03\0\0\0\x01a\0\0\0\x02bc\xFF\xFF\xFF\xFF\0\0";
        assert!(BoundValues::read(body).is_none(), "two formats for three values");
        let body = b"p\0s\0\0\x03\0\0\0\x01\0\0\0\x03\0\0\0\x01a\0\0\0\x02bc\xFF\xFF\xFF\xFF\0\0";
        let values = BoundValues::read(body).unwrap();
        let all: Vec<_> = (0..5).map(|number| values.get(number)).collect();
        use ValueBytes::{Binary, Null, Text};
        assert_eq!(all, [None, Some(Text(b"a")), Some(Binary(b"bc")), Some(Null), None]);
        let two = [&b"p\0s\0"[..], &values.selected(&[3, 2])].concat();
        let two = BoundValues::read(&two).unwrap();
        assert_eq!((two.get(1), two.get(2)), (Some(Null), Some(Binary(b"bc"))));
    }
}
