//! The values of Bind and FunctionCall: mended in place, or fitted to their columns. Knows no SQL and no
//! sockets, and reads bodies by `wire::bind_body`.

mod fit;
mod function_call;
mod in_place;
mod parameter;
mod stays;
mod syntax;

pub use fit::{
    BindFinding, BindFindings, BindRefusal, BindRules, FittedBind, GivenValue, fit, needs_rewriting,
};
pub use function_call::{MendedCall, called_function, mend_function_call};
pub use in_place::BindScanner;
pub use parameter::BindParameter;
