//! What the configuration asks of row values beyond a space for U+0000; all of it off by default.

use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

use super::replacements::CharacterReplacements;
use crate::encoding::Encoding;

/// What becomes of values that PostgreSQL would refuse or change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValuePolicies {
    /// U+0000.
    pub nul: NulPolicy,
    /// Characters that are replaced by others.
    pub replacements: CharacterReplacements,
    /// Values longer than their column.
    pub too_long: TooLong,
    /// The most bytes that a value of an unbounded column (`text`, `bytea`, `json`, `xml`,
    /// `varchar` without a length) may have before it is cut, as in the limited LOB mode of AWS DMS.
    pub lob_bytes_max: Option<NonZeroUsize>,
    /// Zero dates and dates that do not exist.
    pub bad_dates: BadDates,
    /// What numbers mean that go into dates and times.
    pub numbers_as_dates: NumbersAsDates,
    /// Bytes that are not UTF-8 although the client says so.
    pub invalid_utf8: InvalidUtf8,
    /// Values that PostgreSQL would change without an error.
    pub silent_loss: SilentLoss,
    /// Whether values in which something was found are shown.
    pub samples: bool,
}

/// What becomes of a NUL in a character or JSON value.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum NulPolicy {
    /// A space takes its place, as with AWS DMS.
    #[default]
    Space,
    /// It goes, and the value is one character shorter.
    Remove,
    /// The value is refused (22021).
    Reject,
}

/// Values longer than their column.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TooLong {
    /// The server refuses them (22001).
    #[default]
    Reject,
    /// They are cut to the characters that the column takes.
    Truncate,
}

/// Zero dates (`0000-00-00`) and dates that do not exist (`2006-00-13`, `2023-02-30`).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum BadDates {
    /// The server refuses them (22008).
    #[default]
    Reject,
    /// They become NULL, where the column takes it.
    Null,
    /// They become this date or timestamp, such as `-infinity` or `1970-01-01`.
    Sentinel(String),
}

/// What numbers mean that go into columns of type `date`, `time`, `timestamp` or `timestamptz`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum NumbersAsDates {
    /// Nothing: the server refuses them (42804).
    #[default]
    Reject,
    /// Seconds since 1970-01-01 UTC.
    EpochSeconds,
    /// Milliseconds since 1970-01-01 UTC.
    EpochMillis,
    /// Days since 1970-01-01.
    EpochDays,
}

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidUtf8 {
    /// The server refuses them (22021).
    #[default]
    Reject,
    /// Each broken sequence becomes U+FFFD.
    Replace,
    /// The value is read as Windows-1252.
    Cp1252,
}

/// Values that PostgreSQL would change without an error.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SilentLoss {
    /// They are not looked for, which costs nothing.
    #[default]
    Off,
    /// They are counted.
    Allow,
    /// They are counted, and the client gets a WARNING.
    Warn,
    /// They are refused (22000), but for those whose length alone is suspicious.
    Reject,
}

impl ValuePolicies {
    /// Whether mending U+0000 in place is all there is to do, so that values need not be taken
    /// apart.
    pub fn is_only_spaces(&self) -> bool {
        *self == ValuePolicies::default()
    }

    /// Whether escapes for half of a surrogate pair are mended in JSON of this encoding.
    pub fn mends_halves(&self, encoding: Encoding) -> bool {
        self.invalid_utf8 == InvalidUtf8::Replace && encoding == Encoding::Utf8
    }
}

/// Reads an enum by the name that its variants have in configurations.
macro_rules! from_name {
    ($($policy:ty),*) => {$(
        impl FromStr for $policy {
            type Err = Error;

            fn from_str(name: &str) -> Result<$policy, Error> {
                <$policy>::deserialize(name.into_deserializer())
            }
        }
    )*};
}

from_name!(NulPolicy, TooLong, NumbersAsDates, InvalidUtf8, SilentLoss);

impl FromStr for BadDates {
    type Err = String;

    fn from_str(text: &str) -> Result<BadDates, String> {
        let date_like = |text: &str| {
            let plain = text.bytes().all(|byte| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b' ' | b'.' | b'+')
            });
            (plain && text.len() >= 8) || matches!(text, "infinity" | "-infinity" | "epoch")
        };
        match text {
            "reject" => Ok(BadDates::Reject),
            "null" => Ok(BadDates::Null),
            sentinel if date_like(sentinel) => Ok(BadDates::Sentinel(text.to_owned())),
            _ => Err(format!(
                "{text:?} is not one of `reject`, `null` or a date such as \"1970-01-01\" or \
                 \"-infinity\""
            )),
        }
    }
}

impl TryFrom<String> for BadDates {
    type Error = String;

    fn try_from(text: String) -> Result<BadDates, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_by_their_names_in_configurations() {
        assert_eq!("remove".parse(), Ok(NulPolicy::Remove));
        assert_eq!("truncate".parse(), Ok(TooLong::Truncate));
        assert_eq!("cp1252".parse(), Ok(InvalidUtf8::Cp1252));
        assert_eq!("warn".parse(), Ok(SilentLoss::Warn));
        assert!("Warn".parse::<SilentLoss>().unwrap_err().to_string().contains("`warn`"));
        for (text, expected) in [
            ("reject", Some(BadDates::Reject)),
            ("null", Some(BadDates::Null)),
            ("1970-01-01", Some(BadDates::Sentinel("1970-01-01".into()))),
            ("-infinity", Some(BadDates::Sentinel("-infinity".into()))),
            ("1970", None),
            ("'; DROP", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
