//! Sequences that a client could send, mostly.

use super::message::{Message, Value};
use super::random::Random;
use super::sequence::Sequence;

/// The sequence of a seed.
pub fn generate(seed: u64, policies: &str) -> Sequence {
    let mut random = Random::new(seed);
    let cuts = if random.one_in(3) { random.next() } else { 0 };
    Sequence { policies: policies.to_owned(), cuts, messages: vec![Message::Sync] }
}
