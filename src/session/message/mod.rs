//! One message of the client a file: what becomes of it, decided from what is known. Functions over the parts
//! that they name; none of them sends anything.

pub(super) mod basis;
pub(super) mod bind;
mod bind_names;
mod bind_refusals;
pub(super) mod copy_in;
pub(super) mod execute;
pub(super) mod function_call;
pub(super) mod long_text;
mod naming;
pub(super) mod parse;
pub(super) mod query;
mod question;
mod reading;
pub(super) mod role;
pub(super) mod role_first;
pub(super) mod subjects;
pub(super) mod terminate;
pub(super) mod text;
pub(super) mod turn;
