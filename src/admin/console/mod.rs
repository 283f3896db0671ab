//! The SQL console: what is typed, who may type it, and what comes back.

mod commands;
mod conversation;
mod own;
mod pgbouncer;
mod server;
mod verbs;

pub use commands::ConsoleRole;
pub use conversation::converse;
