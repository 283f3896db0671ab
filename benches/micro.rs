//! Micro benches of the pure parts.

mod micro_value;

fn main() {
    divan::main();
}
