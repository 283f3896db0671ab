//! The target: the PostgreSQL server that the proxy loads into.

pub mod embedded;
mod server_binaries;
mod server_directory;
