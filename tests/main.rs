//! Every integration test, in one binary.
//!
//! Clippy sees tests only inside `#[test]`, not in what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod embedded;
mod statement_properties;
mod statement_scripts;
mod value;
