//! Row values: every NUL is mended, nothing else changes, however the bytes are cut.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod bind;
mod copy_nul;
mod copy_stream;
mod copy_traps;
