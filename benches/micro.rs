//! Micro benches of the pure parts.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod micro_names;
mod micro_session;
mod micro_statement;
mod micro_value;

fn main() {
    divan::main();
}
