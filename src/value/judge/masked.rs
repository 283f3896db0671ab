//! Values that are masked before any other rule sees them, so that no sample shows what they were.

use super::{ColumnJudge, ValueRefusal, ValueVerdict};
use crate::mapping::masks::Mask;
use crate::value::binary_text::fit_binary_from;
use crate::value::mask::{Unmasked, masked_binary, masked_text};
use crate::value::rule::{Findings, ValueRule};

impl ColumnJudge {
    /// The same judge for a column whose values are masked.
    pub fn masking(mut self, mask: Option<Mask>) -> ColumnJudge {
        self.mask = mask;
        let encoding = self.encoding;
        self.in_encoding(encoding)
    }

    /// What becomes of values beside what the policies say.
    pub fn mask(&self) -> Option<Mask> {
        self.mask
    }

    pub(super) fn judge_masked_text(
        &self,
        mask: Mask,
        value: &[u8],
        findings: &mut Findings,
    ) -> ValueVerdict {
        let masked = masked_text(mask, self.column.type_oid, value, self.encoding);
        self.judge_masked(masked, value, findings, Self::judge_unmasked_text)
    }

    pub(super) fn judge_masked_binary(
        &self,
        mask: Mask,
        value: &[u8],
        findings: &mut Findings,
    ) -> ValueVerdict {
        let fitted = fit_binary_from(&self.column, value, self.encoding);
        let own = fitted.as_deref().unwrap_or(value);
        let masked = masked_binary(mask, self.column.type_oid, own, self.encoding);
        // One without digits may still be of another type.
        self.judge_masked(masked, value, findings, Self::judge_unmasked_binary)
    }

    fn judge_masked(
        &self,
        masked: Result<Option<Vec<u8>>, Unmasked>,
        value: &[u8],
        findings: &mut Findings,
        judge: impl Fn(&Self, &[u8], &mut Findings) -> ValueVerdict,
    ) -> ValueVerdict {
        match masked {
            Ok(None) => judge(self, value, findings),
            Ok(Some(masked)) => {
                let verdict = judge(self, &masked, findings);
                if !matches!(verdict, ValueVerdict::Refuse(_)) {
                    findings.note(ValueRule::Masked, 1);
                }
                match verdict {
                    ValueVerdict::Keep => ValueVerdict::Replace(masked),
                    verdict => verdict,
                }
            }
            Err(reason) => ValueVerdict::Refuse(ValueRefusal {
                sqlstate: "0A000",
                message: format!("the value cannot be masked: {reason}"),
                hint: "A data-masking rule of the table mappings is about the column.".to_owned(),
            }),
        }
    }
}
