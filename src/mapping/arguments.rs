//! The modifiers of a source type as a statement spells them, and what the rows of a dialect make of
//! them. Knows no tokens.

/// What stands in the parentheses of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArgumentForm {
    /// There are no parentheses.
    #[default]
    Absent,
    /// One or two numbers, the first perhaps `*`, with or without a unit: `(30 CHAR)`, `(*,2)`.
    Numbers,
    /// `MAX`.
    Max,
    /// String constants: the members of an ENUM or a SET.
    Members,
    /// Something else.
    Other,
}

/// The modifiers of a source type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What they are.
    pub written: ArgumentForm,
    /// The first number, `None` for `*`; of members, the characters of the longest.
    pub first: Option<i64>,
    /// The second number; of members, the characters of all of them and the commas between.
    pub second: Option<i64>,
}

impl Arguments {
    /// Whether nothing is said: no parentheses, or `(*)`.
    pub(super) fn is_silent(&self) -> bool {
        let silent = matches!(self.written, ArgumentForm::Absent | ArgumentForm::Numbers);
        silent && self.first.is_none() && self.second.is_none()
    }
}
