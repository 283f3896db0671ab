//! Micro benches of the pure parts.

#![allow(clippy::indexing_slicing)]

mod micro_statement;

fn main() {
    divan::main();
}
