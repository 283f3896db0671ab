//! Digits of numbers and seconds that a column does not keep, and what is noted of such a loss.

use super::judged_value::JudgedValue;
use super::{ColumnJudge, ValueRefusal, ValueVerdict, loss};
use crate::value::column::type_oid;
use crate::value::policy::SilentLoss;
use crate::value::rule::ValueRule;

impl ColumnJudge {
    /// Digits of numbers and seconds beyond those that the column keeps.
    pub(super) fn judge_digits(
        &self,
        text: &[u8],
        judged: &mut JudgedValue<'_>,
    ) -> Result<(), ValueVerdict> {
        if !self.guards_loss() {
            return Ok(());
        }
        if let Some(kept) = loss::second_digits(&self.column) {
            let is_interval = self.column.type_oid == type_oid::INTERVAL;
            if loss::loses_second_digits(text, kept, is_interval) {
                return self.note_loss(judged, ValueRule::LossOfSecondDigits, 1);
            }
        }
        if let Some(scale) = loss::numeric_scale(&self.column)
            && loss::loses_numeric_digits(text, scale)
        {
            return self.note_loss(judged, ValueRule::LossOfNumericDigits, 1);
        }
        Ok(())
    }

    /// Notes a loss, or refuses the value for it.
    pub(super) fn note_loss(
        &self,
        judged: &mut JudgedValue<'_>,
        rule: ValueRule,
        count: u64,
    ) -> Result<(), ValueVerdict> {
        if count == 0 {
            return Ok(());
        }
        if self.policies.silent_loss != SilentLoss::Reject {
            judged.noted.note(rule, count);
            return Ok(());
        }
        let message = match rule {
            ValueRule::LossOfSecondDigits => {
                let kept = loss::second_digits(&self.column).unwrap_or_default();
                format!("digits of a second beyond the first {kept} would be rounded away")
            }
            ValueRule::LossOfNumericDigits => {
                let scale = loss::numeric_scale(&self.column).unwrap_or_default();
                format!("digits beyond the scale of {scale} would be rounded away")
            }
            ValueRule::LossOfBlanks => "blanks at the end would be lost".to_owned(),
            _ => format!("{count} keys that stand twice in an object would lose their values"),
        };
        let hint = "values.silent_loss = \"warn\" or \"allow\" lets the server change it.";
        Err(ValueVerdict::Refuse(ValueRefusal {
            sqlstate: "22000",
            message,
            hint: hint.to_owned(),
        }))
    }
}
