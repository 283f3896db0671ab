//! The subcommands that need no server, as functions over readers and writers; no argument parsing.

mod rewrite;
mod types;

pub use rewrite::{Input, RewriteFormat, RewriteOptions, rewrite};
pub use types::{TypesFormat, types};
