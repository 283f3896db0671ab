//! Row values in the formats in which they travel (Bind parameters, COPY text, CSV and binary): mended
//! in place, or taken apart and judged where a policy asks for it; knows no SQL, no sockets.

mod binary_text;
mod bind;
mod calendar;
mod column;
mod copy;
mod epoch;
mod judge;
mod mask;
mod nul;
mod policy;
mod replacements;
mod rule;

pub use binary_text::{binary_to_text, fit_binary};
pub use bind::{
    BindFinding, BindFindings, BindParameter, BindRefusal, BindRules, BindScanner, FittedBind,
    GivenValue, MendedCall, called_function, fit, mend_function_call, needs_rewriting,
};
pub use column::{
    Cast, Column, UserType, ValueKind, assignment, cast_for_assignment, cast_for_comparison,
    type_oid,
};
pub use copy::{
    CopyColumn, CopyFinding, CopyFormat, CopyOptions, CopyRows, CopyScanner, ForcedColumns,
    RowRefusal,
};
pub use epoch::text as number_as_date;
pub use judge::{ColumnJudge, ValueRefusal, ValueVerdict, is_too_precise};
// The names by which sessions still know them.
pub use judge::{ValueRefusal as Refusal, ValueVerdict as Verdict};
pub use mask::can_mask;
pub use nul::{QueryScanner, mend_parse, text_with_nuls};
pub use policy::{
    BadDates, InvalidUtf8, NulPolicy, NumbersAsDates, SilentLoss, TooLong, ValuePolicies,
};
pub use replacements::CharacterReplacements;
pub use rule::NUL_RULE;
pub use rule::{Findings, ValueRule};
