//! Every integration test, in one binary.

// Helpers of tests are no `#[test]` functions, so clippy does not see that they are tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod statement_properties;
mod statement_scripts;
