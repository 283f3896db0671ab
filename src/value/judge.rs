//! What the policies make of one value of a column; knows no SQL, no frames and no formats of rows.

use super::column::Column;
use super::nul_policy::NulPolicy;
use super::policies::{BadDates, ValuePolicies};
use super::rule::{Findings, ValueRule};
use super::type_oid;
use crate::encoding::Encoding;

/// What is to become of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// This takes its place, in the same format.
    Replace(Vec<u8>),
    /// NULL takes its place.
    Null,
    /// It is refused, and with it the row.
    Refuse(Refusal),
}

/// Why a value is refused; the caller adds table, column and row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE.
    pub sqlstate: &'static str,
    /// What is wrong, without the value itself.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Judges the values of one column by the policies.
#[derive(Clone, Debug)]
pub struct ColumnJudge {
    policies: ValuePolicies,
    bad_dates: BadDates,
    column: Column,
    encoding: Encoding,
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
        ColumnJudge {
            policies: policies.clone(),
            bad_dates: bad_dates.clone(),
            column: column.clone(),
            encoding,
        }
    }

    /// The column.
    pub fn column(&self) -> &Column {
        &self.column
    }

    /// Judges a value in text format, as the input function of its type reads it: without the
    /// escapes and quotes of COPY or of a constant.
    pub fn judge_text(&mut self, value: &[u8], findings: &mut Findings) -> Verdict {
        let nuls = memchr::memchr_iter(0, value).count();
        if nuls == 0 {
            return Verdict::Keep;
        }
        let count = u64::try_from(nuls).unwrap_or(u64::MAX);
        match self.policies.nul {
            NulPolicy::Reject => Verdict::Refuse(Refusal {
                sqlstate: "22021",
                message: "U+0000 cannot be stored".to_owned(),
                hint: "values.nul = \"space\" or \"remove\" mends it.".to_owned(),
            }),
            NulPolicy::Remove => {
                findings.note(ValueRule::NulRemoved, count);
                Verdict::Replace(value.iter().copied().filter(|byte| *byte != 0).collect())
            }
            NulPolicy::Space => {
                findings.note(ValueRule::NulToSpace, count);
                let mended = value.iter().map(|&byte| if byte == 0 { b' ' } else { byte });
                Verdict::Replace(mended.collect())
            }
        }
    }

    /// Judges a value in the binary format of the column's type.
    pub fn judge_binary(&mut self, value: &[u8], findings: &mut Findings) -> Verdict {
        match type_oid::kind_of(self.column.type_oid) {
            super::ValueKind::Other => Verdict::Keep,
            _ => self.judge_text(value, findings),
        }
    }
}
