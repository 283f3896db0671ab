//! What is asked of the mapping about a type, and what it answers.

use super::RuleId;

/// The modifiers behind a DMS type name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifiers<'a> {
    /// There are none.
    Absent,
    /// There is a list in parentheses.
    List {
        /// The number, where the list is just one decimal number (too large ones saturate).
        number: Option<u64>,
        /// The list as written, parentheses included.
        text: &'a [u8],
    },
}

/// Where a type stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it defines something that is kept: a column, a domain, a function argument.
    Definition,
    /// Where it converts a value in passing.
    Cast,
}

/// Why a type is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE of the error.
    pub sqlstate: &'static str,
    /// What is wrong: type and allowed range.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// What is to be done with a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is written.
    Keep,
    /// Name and modifiers give way to this text.
    Replace {
        /// The PostgreSQL type.
        text: String,
        /// The row that says so.
        rule: RuleId,
    },
    /// It cannot be mapped.
    Refuse(Refusal),
}
