//! Row values in the formats in which they travel (Bind parameters, COPY text, CSV and binary): mended
//! in place, or taken apart and judged where a policy asks for it; knows no SQL, no sockets.

pub mod assignment;
pub(crate) mod backslash_escape;
mod binary_array;
mod binary_text;
mod bind;
mod bind_values;
mod calendar;
mod column;
mod copy_binary;
mod copy_character;
pub(crate) mod copy_escape;
mod copy_fields;
mod copy_json;
mod copy_nul;
mod copy_options;
mod copy_rows;
mod copy_text;
mod cut_number;
mod function_call;
pub(crate) mod json_escape;
mod judge;
mod kind;
mod nul;
mod nul_policy;
mod parse_nul;
mod policies;
mod query_nul;
mod rule;
pub mod type_oid;

pub use binary_text::{binary_to_text, fit_binary};
pub use bind::BindScanner;
pub use bind_values::{BindFinding, BindParameter, BindRefusal, needs_rewriting, rewrite_bind};
pub use column::Column;
pub use copy_nul::CopyScanner;
pub use copy_options::{CopyFormat, CopyOptions, ForcedColumns};
pub use copy_rows::{CopyColumn, CopyFinding, CopyRows, RowRefusal};
pub use function_call::{called_function, mend_function_call};
pub use judge::{ColumnJudge, Refusal, Verdict};
pub use kind::ValueKind;
pub use nul_policy::{
    CharacterReplacements, NulPolicy, ParameterNul, first_bind_nul, without_bind_nuls,
};
pub use parse_nul::{mend_parse, text_with_nuls};
pub use policies::{BadDates, InvalidUtf8, SilentLoss, TooLong, ValuePolicies};
pub use query_nul::QueryScanner;
pub use rule::{Findings, ValueRule};
