//! Micro benches of the pure parts.

fn main() {
    divan::main();
}
