//! `[values]`: what becomes of row values that PostgreSQL would refuse or change.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Deserialize;

use super::Switch;
use crate::mapping::NamePattern;
use crate::policy::ColumnNames;
use crate::value::{
    BadDates, CharacterReplacements, InvalidUtf8, NulPolicy, NumbersAsDates, SilentLoss, TooLong,
    ValuePolicies,
};

/// `[values]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Values {
    /// What becomes of U+0000.
    pub nul: NulPolicy,
    /// Values longer than their column.
    pub too_long: TooLong,
    /// The most bytes of a value in an unbounded column; 0 for no limit.
    pub lob_bytes: usize,
    /// Zero dates and dates that do not exist.
    pub bad_dates: BadDates,
    /// The same for single columns.
    pub bad_date_columns: BTreeMap<ColumnKey, BadDates>,
    /// What numbers mean that go into dates and times.
    pub numbers_as_dates: NumbersAsDates,
    /// The same for single columns.
    pub numbers_as_dates_columns: BTreeMap<ColumnKey, NumbersAsDates>,
    /// Bytes that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// What becomes of columns of type UINT8, whose values bigint cannot all hold.
    pub unsigned_overflow: Unsigned,
    /// Values for columns GENERATED ALWAYS AS IDENTITY.
    pub identity_always: Identity,
    /// Values for columns GENERATED ALWAYS AS (...) STORED.
    pub generated: Generated,
    /// Values that PostgreSQL changes without an error.
    pub silent_loss: SilentLoss,
    /// Characters and what takes their place.
    pub replacements: BTreeMap<CodePoint, Substitute>,
    /// Whether what was changed is written to `dms_proxy.rewrites` on the target.
    pub ledger: Switch,
    /// Whether it shows values, too.
    pub samples: bool,
}

impl Default for Values {
    fn default() -> Self {
        Values {
            nul: NulPolicy::default(),
            too_long: TooLong::default(),
            lob_bytes: 0,
            bad_dates: BadDates::default(),
            bad_date_columns: BTreeMap::new(),
            numbers_as_dates: NumbersAsDates::default(),
            numbers_as_dates_columns: BTreeMap::new(),
            invalid_utf8: InvalidUtf8::default(),
            unsigned_overflow: Unsigned::default(),
            identity_always: Identity::default(),
            generated: Generated::default(),
            silent_loss: SilentLoss::default(),
            replacements: BTreeMap::new(),
            ledger: Switch::On,
            samples: false,
        }
    }
}

/// `schema.table.column`, with `*` for any run of characters.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub struct ColumnKey(String);

impl TryFrom<String> for ColumnKey {
    type Error = String;

    fn try_from(text: String) -> Result<ColumnKey, String> {
        match text.split('.').count() {
            3 => Ok(ColumnKey(text)),
            _ => Err(format!("{text:?} is not schema.table.column")),
        }
    }
}

impl ColumnKey {
    fn names(&self) -> Option<ColumnNames> {
        let mut parts = self.0.split('.').map(NamePattern::glob);
        Some(ColumnNames { schema: parts.next()?, table: parts.next()?, column: parts.next()? })
    }
}

/// `values.unsigned_overflow`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Unsigned {
    /// UINT8 becomes BIGINT as with DMS, and the server refuses what is above its range.
    #[default]
    Reject,
    /// UINT8 becomes NUMERIC(20,0), which holds all of it.
    Numeric,
}

/// `values.identity_always`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// The server refuses them.
    #[default]
    Reject,
    /// INSERT gets `OVERRIDING SYSTEM VALUE`.
    Override,
}

/// `values.generated`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Generated {
    /// The server refuses them.
    #[default]
    Reject,
    /// They are left out.
    LeaveOut,
}

/// A code point, written `U+0041` or as the character itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub struct CodePoint(char);

impl TryFrom<String> for CodePoint {
    type Error = String;

    fn try_from(text: String) -> Result<CodePoint, String> {
        let code = text.strip_prefix("U+").or_else(|| text.strip_prefix("u+"));
        let found = match code {
            Some(digits) => u32::from_str_radix(digits, 16).ok().and_then(char::from_u32),
            None => {
                let mut characters = text.chars();
                characters.next().filter(|_| characters.next().is_none())
            }
        };
        found.map(CodePoint).ok_or_else(|| {
            format!("{text:?} is not a character; write \"U+0041\" or the character itself")
        })
    }
}

/// What takes the place of a character; the empty text for nothing.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Substitute(pub(super) Option<char>);

impl TryFrom<String> for Substitute {
    type Error = String;

    fn try_from(text: String) -> Result<Substitute, String> {
        if text.is_empty() {
            return Ok(Substitute(None));
        }
        CodePoint::try_from(text).map(|point| Substitute(Some(point.0)))
    }
}

impl From<char> for CodePoint {
    fn from(character: char) -> CodePoint {
        CodePoint(character)
    }
}

impl Values {
    /// What is asked of values.
    pub(super) fn policies(&self) -> ValuePolicies {
        let pairs = self.replacements.iter();
        let pairs = pairs.map(|(from, to)| (u32::from(from.0), to.0.map_or(0, u32::from)));
        ValuePolicies {
            nul: self.nul,
            // Every one of them is a character.
            replacements: CharacterReplacements::new(pairs).unwrap_or_default(),
            too_long: self.too_long,
            lob_bytes_max: NonZeroUsize::new(self.lob_bytes),
            bad_dates: self.bad_dates.clone(),
            numbers_as_dates: self.numbers_as_dates,
            invalid_utf8: self.invalid_utf8,
            silent_loss: self.silent_loss,
            samples: self.samples,
        }
    }

    /// What is asked of dates of single columns.
    pub(super) fn bad_date_columns(&self) -> Vec<(ColumnNames, BadDates)> {
        let columns = self.bad_date_columns.iter();
        columns.filter_map(|(key, dates)| Some((key.names()?, dates.clone()))).collect()
    }

    /// What numbers mean in single columns of dates.
    pub(super) fn number_columns(&self) -> Vec<(ColumnNames, NumbersAsDates)> {
        let columns = self.numbers_as_dates_columns.iter();
        columns.filter_map(|(key, numbers)| Some((key.names()?, *numbers))).collect()
    }
}
