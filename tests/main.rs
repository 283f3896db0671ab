//! Every integration test, in one binary.

mod statement_properties;
mod statement_scripts;
