//! A judge of values of which nothing but the kind is known: U+0000 is removed or refused. Knows no
//! columns.

use super::characters::{has_nul, mend_nuls, replace_half_surrogates, replace_halves_of_elements};
use super::{ValueRefusal, ValueVerdict};
use crate::encoding::Encoding;
use crate::value::column::ValueKind;
use crate::value::nul::NulRule;
use crate::value::policy::NulPolicy;

/// A value of this kind with U+FFFD for each escape of half a surrogate pair, and the number of them; `None` where there
/// is none.
pub(in crate::value) fn without_halves(
    value: &[u8],
    kind: ValueKind,
    is_text: bool,
) -> Option<(Vec<u8>, u64)> {
    match (kind, is_text) {
        (ValueKind::JsonArray, false) => replace_halves_of_elements(value),
        (ValueKind::Json | ValueKind::JsonArray, _) => replace_half_surrogates(value, kind),
        _ => None,
    }
}

/// Judges values by their kind.
#[derive(Clone, Copy, Debug)]
pub(in crate::value) struct KindJudge {
    /// A space is put in place by [`NulMender`](crate::value::nul::NulMender) instead.
    pub(in crate::value) nul: NulPolicy,
    pub(in crate::value) encoding: Encoding,
}

impl KindJudge {
    /// Judges a value; adds to `removed` the number of U+0000 that are gone from it.
    pub(in crate::value) fn judge(
        self,
        value: &[u8],
        kind: ValueKind,
        is_text: bool,
        removed: &mut u64,
    ) -> ValueVerdict {
        let kind = match NulRule::of(kind, is_text) {
            NulRule::Nul => ValueKind::Character,
            NulRule::Json => ValueKind::Json,
            // Without a NUL an element would be shorter, and the lengths around it others.
            NulRule::Keep | NulRule::Array | NulRule::JsonArray | NulRule::JsonArrayText => {
                return ValueVerdict::Keep;
            }
        };
        if self.nul == NulPolicy::Reject {
            return match has_nul(value, kind, self.encoding) {
                true => ValueVerdict::Refuse(ValueRefusal::of_nul()),
                false => ValueVerdict::Keep,
            };
        }
        match mend_nuls(value, kind, self.encoding, None) {
            Some((shorter, count)) => {
                *removed += count;
                ValueVerdict::Replace(shorter)
            }
            None => ValueVerdict::Keep,
        }
    }
}
