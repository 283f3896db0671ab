//! `[limits]`: bounds on everything that a peer can make grow.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Clients at a time.
    pub clients: NonZeroUsize,
    /// Seconds for a client's first packet, and again for a login that the proxy takes part in.
    pub startup_timeout: u64,
    /// Bytes of a startup packet.
    pub startup_packet_bytes: u32,
    /// Bytes of a statement that is read for types.
    pub statement_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Messages of one client that wait for an answer.
    pub pipeline_messages: NonZeroUsize,
    /// Seconds that sessions have to end after SIGTERM or SIGINT.
    pub drain_timeout: u64,
    /// Threads that relay; 0 takes half as many as there are cores.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            clients: NonZeroUsize::MIN.saturating_add(999),
            startup_timeout: 60,
            startup_packet_bytes: 10_000,
            statement_bytes: 16 * 1024 * 1024,
            message_bytes: 0x3FFF_FFFF,
            pipeline_messages: NonZeroUsize::MIN.saturating_add(65_535),
            drain_timeout: 30,
            threads: 0,
        }
    }
}
