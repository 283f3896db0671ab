//! Plays random sequences, or those of a file, for as long as wanted:
//! `cargo test --test differential -- run --help`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, unreachable_pub)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cli;
#[path = "mod.rs"]
#[allow(dead_code, unused_imports, reason = "its tests are in the other binary")]
mod differential;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "one of many")]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args().skip(1))
}
