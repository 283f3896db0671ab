//! A PostgreSQL wire-protocol proxy that makes any migration tool load into PostgreSQL the way
//! AWS DMS would.

pub mod cli;
pub mod close_out;
pub mod config;
pub mod connection;
pub mod dms;
pub mod encoding;
pub mod ledger;
pub mod listener;
pub mod mapping;
pub mod session;
pub mod statement;
pub mod target;
pub mod telemetry;
pub mod value;
pub mod wire;
