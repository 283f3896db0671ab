//! Sequences of messages, directly and through the proxy: the replies and the tables have to be the
//! same. `cases` are sequences that once were not; others are made at random.

mod arena;
pub mod cli;
mod generate;
mod message;
mod minimise;
mod play;
mod random;
mod report;
mod runner;
mod sequence;
mod server;
#[cfg(test)]
mod tests;
