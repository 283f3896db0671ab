//! The `dms-proxy` program.

fn main() {}
