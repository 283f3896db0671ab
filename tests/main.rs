//! Every integration test, in one binary.
//!
//! Clippy sees tests only inside `#[test]`, not in what they share; and a test exports nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, unreachable_pub)]

mod admin;
mod catalog;
#[allow(dead_code, unused_imports, reason = "empty where no client is there")]
mod clients;
mod close_out;
mod command_line;
#[allow(dead_code, reason = "some of it only the command uses")]
mod differential;
mod embedded;
mod faults;
mod fuzz_corpus;
mod harness;
#[cfg(debug_assertions)]
mod linear;
mod protocol;
#[allow(
    dead_code,
    unused_imports,
    reason = "which parts are used depends on the clients that are there"
)]
mod real_input;
#[cfg(client = "regression-suite")]
mod regression_suite;
mod rewrite;
mod security;
mod service;
mod session;
mod shell_blocks;
mod statement;
mod stored_values;
#[allow(
    dead_code,
    unused_imports,
    reason = "which parts are used depends on the clients that are there"
)]
mod support;
mod tidy;
mod value;
