//! A value on its way through the rules. Knows no rule.

use std::borrow::Cow;

use super::ValueVerdict;
use crate::value::rule::{Findings, ValueRule};

/// A value on its way through the rules, and what they have done.
pub(super) struct JudgedValue<'v> {
    original: &'v [u8],
    pub(super) value: Cow<'v, [u8]>,
    pub(super) noted: Findings,
}

impl<'v> JudgedValue<'v> {
    pub(super) fn new(value: &'v [u8]) -> JudgedValue<'v> {
        JudgedValue { original: value, value: Cow::Borrowed(value), noted: Findings::default() }
    }

    pub(super) fn change(&mut self, rule: ValueRule, count: u64, value: Vec<u8>) {
        self.noted.note(rule, count);
        self.value = Cow::Owned(value);
    }

    /// What becomes of the value, `Err` where a rule has decided alone.
    pub(super) fn verdict(
        mut self,
        outcome: Result<(), ValueVerdict>,
        samples: bool,
        findings: &mut Findings,
    ) -> ValueVerdict {
        let verdict = match (outcome, self.value) {
            (Err(ValueVerdict::Refuse(refusal)), _) => return ValueVerdict::Refuse(refusal),
            (Err(verdict), _) => verdict,
            (Ok(()), Cow::Owned(value)) => ValueVerdict::Replace(value),
            (Ok(()), Cow::Borrowed(_)) => ValueVerdict::Keep,
        };
        if samples && !self.noted.is_empty() {
            findings.show(self.original);
        }
        for (rule, count) in self.noted.take() {
            findings.note(rule, count);
        }
        verdict
    }
}
