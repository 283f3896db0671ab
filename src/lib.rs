//! A PostgreSQL wire-protocol proxy that makes any migration tool load into PostgreSQL the way
//! AWS DMS would.

pub mod cli;
pub mod encoding;
pub mod mapping;
pub mod statement;
pub mod value;
