//! `[limits]`: bounds on everything that a peer can make grow.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sessions at a time.
    pub clients: NonZeroUsize,
    /// Clients at a time that have not logged in yet.
    pub connecting: NonZeroUsize,
    /// Those of them that come from one address before its own silent ones are closed.
    pub connecting_per_address: NonZeroUsize,
    /// Seconds for a client's first packet.
    pub connecting_timeout: u64,
    /// Seconds for a login.
    pub startup_timeout: u64,
    /// Bytes of a startup packet.
    pub startup_packet_bytes: u32,
    /// Bytes of a statement that is read for types.
    pub statement_bytes: usize,
    /// Bytes that one session remembers of its prepared statements.
    pub session_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Messages of one client that wait for an answer.
    pub pipeline_messages: NonZeroUsize,
    /// Seconds between "not ready" and "no more clients".
    pub drain_delay: u64,
    /// Seconds that sessions have to end after SIGTERM or SIGINT.
    pub drain_timeout: u64,
    /// Threads that relay; 0 takes half as many as there are cores.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            clients: NonZeroUsize::MIN.saturating_add(999),
            connecting: NonZeroUsize::MIN.saturating_add(999),
            connecting_per_address: NonZeroUsize::MIN.saturating_add(99),
            connecting_timeout: 15,
            startup_timeout: 60,
            startup_packet_bytes: 10_000,
            statement_bytes: 16 * 1024 * 1024,
            session_bytes: 16 * 1024 * 1024,
            message_bytes: 0x3FFF_FFFF,
            pipeline_messages: NonZeroUsize::MIN.saturating_add(65_535),
            drain_delay: 0,
            drain_timeout: 30,
            threads: 0,
        }
    }
}
