//! A PostgreSQL wire-protocol proxy that makes any migration tool load into PostgreSQL the way
//! AWS DMS would.

pub mod admin;
pub mod aside;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod close_out;
pub mod colour;
pub mod config;
pub mod connection;
pub mod dms;
pub mod encoding;
mod escape;
pub mod files;
pub mod keyword;
pub mod ledger;
pub mod listener;
pub mod login;
pub mod mapping;
pub mod parking;
pub mod policy;
pub mod repeats;
pub mod rewrite;
pub mod script;
pub mod session;
pub mod statement;
pub mod statistics;
pub mod stream;
pub mod target;
pub mod telemetry;
pub mod tls;
pub mod value;
pub mod wire;
