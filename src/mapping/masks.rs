//! Columns whose values are masked on their way, by rules of the configuration. Pure functions of names; knows no values.

use super::NamePattern;

/// What becomes of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Every digit becomes this ASCII character.
    Digits(u8),
    /// Every digit becomes a random one.
    Randomize,
    /// The value becomes its SHA-256, as 64 hexadecimal digits in upper case.
    Hash,
}

/// A rule by which values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMask {
    /// The schemas it is about.
    pub schema: NamePattern,
    /// The tables it is about.
    pub table: NamePattern,
    /// The columns whose values it masks.
    pub column: NamePattern,
    /// What becomes of them.
    pub mask: Mask,
    /// Where it was written, for messages.
    pub origin: String,
}

impl Mask {
    /// What it does in a few words.
    pub fn described(self) -> String {
        match self {
            Mask::Digits(character) => format!("digits become {}", char::from(character)),
            Mask::Randomize => "digits become random ones".to_owned(),
            Mask::Hash => "values become their SHA-256".to_owned(),
        }
    }
}
