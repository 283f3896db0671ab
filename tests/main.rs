//! Every integration test, in one binary.

mod value;
//!
//! Clippy sees tests only inside `#[test]`, not in what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod embedded;
