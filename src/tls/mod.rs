//! TLS on both legs: what libpq's settings mean, certificates and who is trusted. Shakes hands on
//! sockets, and knows no messages of PostgreSQL.

mod certificate;
mod client_leg;
mod client_verifier;
mod pem;
mod target_leg;
mod target_verifier;
mod trusted;

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub use certificate::{common_name, end_point_hash};
pub use client_leg::{ClientSslMode, ClientTls, ClientTlsSettings};
pub use target_leg::{Authorities, SslMode, TargetTls, TargetTlsSettings};

/// The name of the protocol in ALPN, which direct TLS requires.
///
/// Source: PostgreSQL manual, "SSL Session Encryption".
const ALPN: &[u8] = b"postgresql";

/// The first byte of a TLS handshake: a client that speaks first is one of direct TLS.
pub const HANDSHAKE_BYTE: u8 = 0x16;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
