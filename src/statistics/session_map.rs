//! Sessions by their number, found without a hash of it: each event of a session looks its entry up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::session_entry::SessionEntry;

/// The sessions of one thread.
pub(super) type SessionMap = HashMap<u64, SessionEntry, BuildHasherDefault<NumberHasher>>;

/// Numbers of sessions are the proxy's own and follow each other: spread as they are over all bits.
#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio, by which neighbours come to lie far from each other.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
