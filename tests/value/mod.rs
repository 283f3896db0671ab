//! Row values: every NUL is mended, nothing else changes, however the bytes are cut.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod bind;
mod bind_kinds;
mod copy_binary;
mod copy_json;
mod copy_nul;
mod copy_rows;
mod copy_stream;
mod copy_traps;
mod json_model;
mod judge;
