//! A PostgreSQL wire-protocol proxy that makes any migration tool load into PostgreSQL the way
//! AWS DMS would.

pub mod auth;
pub mod cli;
pub mod close_out;
pub mod config;
pub mod connection;
pub mod dms;
pub mod encoding;
pub mod files;
pub mod ledger;
pub mod listener;
pub mod login;
pub mod mapping;
pub mod policy;
pub mod session;
pub mod statement;
pub mod stream;
pub mod target;
pub mod telemetry;
pub mod tls;
pub mod value;
pub mod wire;
