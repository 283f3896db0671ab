//! What the configuration asks of row values beyond a space for U+0000; all of it off by default.

use std::num::NonZeroUsize;

use super::replacements::CharacterReplacements;

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
    /// Bytes that are not UTF-8 although the client says so.
    pub invalid_utf8: InvalidUtf8,
    /// Values that PostgreSQL would change without an error.
    pub silent_loss: SilentLoss,
    /// Whether values in which something was found are shown.
    pub samples: bool,
}

/// What becomes of a NUL in a character or JSON value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TooLong {
    /// The server refuses them (22001).
    #[default]
    Reject,
    /// They are cut to the characters that the column takes.
    Truncate,
}

/// Zero dates (`0000-00-00`) and dates that do not exist (`2006-00-13`, `2023-02-30`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BadDates {
    /// The server refuses them (22008).
    #[default]
    Reject,
    /// They become NULL, where the column takes it.
    Null,
    /// They become this date or timestamp, such as `-infinity` or `1970-01-01`.
    Sentinel(String),
}

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}
