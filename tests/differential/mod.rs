//! Sequences of messages, directly and through the proxy: the replies and the tables have to be the
//! same. `cases` are sequences that once were not; others are made at random.

pub mod arena;
pub mod by_design;
pub mod generate;
pub mod message;
pub mod minimise;
pub mod play;
pub mod random;
pub mod report;
pub mod runner;
pub mod sequence;
pub mod server;
#[cfg(test)]
mod tests;
