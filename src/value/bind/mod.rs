//! The values of Bind and FunctionCall: mended in place, or put together anew. Knows no SQL and no
//! sockets.

mod fit;
mod fitted;
mod function_call;
mod in_place;
mod nul_policy;
mod parameter;

pub use fit::{BindFinding, BindFindings, BindRefusal, BindRules, FittedBind, fit};
pub use fitted::{needs_rewriting, rewrite_bind};
pub use function_call::{called_function, mend_function_call};
pub use in_place::BindScanner;
pub use nul_policy::{ParameterNul, first_bind_nul, without_bind_nuls};
pub use parameter::BindParameter;
