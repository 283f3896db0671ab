//! From an accepted socket to a session: TLS with the client, its first packet, the way to the
//! target. The only reader of frames outside a session, one at a time.

mod client;
mod frames;
mod passthrough;

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

pub use client::{Accepted, Asked, Client};

use crate::config::Config;
use crate::stream::Stream;
use crate::target::Target;
use crate::tls::ClientTls;
use crate::wire::OwnError;

/// How clients come in and where they go.
#[derive(Debug)]
pub struct Login {
    tls: Option<ClientTls>,
    target: Target,
    startup_timeout: Duration,
    startup_packet_bytes: u32,
}

/// A target that has got the client's startup packet.
#[derive(Debug)]
pub struct Opened {
    /// The stream.
    pub target: Stream,
    /// What it has said already and the client has not seen: whole frames.
    pub said: Vec<u8>,
}

impl Login {
    /// As `[listen]`, `[target]` and `[limits]` say.
    ///
    /// # Errors
    /// A file that the configuration names cannot be used.
    pub fn new(config: &Config, target: Target) -> io::Result<Login> {
        let tls = config.listen.tls().map(ClientTls::new).transpose()?;
        Ok(Login {
            tls,
            target,
            startup_timeout: Duration::from_secs(config.limits.startup_timeout),
            startup_packet_bytes: config.limits.startup_packet_bytes,
        })
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What the client wants, within `limits.startup_timeout`.
    ///
    /// # Errors
    /// The client has gone, or its TLS has failed.
    pub async fn greet(&self, client: &mut Client) -> io::Result<Asked> {
        let asked = client.ask(self.tls.as_ref(), self.startup_packet_bytes);
        tokio::time::timeout(self.startup_timeout, asked).await.unwrap_or_else(|_| {
            let message = "no startup packet within limits.startup_timeout";
            Ok(Asked::Refused(OwnError::new("08P01", message)))
        })
    }

    /// Opens the target for a client that has sent this startup packet. The inner error is for the
    /// client.
    ///
    /// # Errors
    /// A peer has gone.
    pub async fn open(
        &self,
        client: &mut Client,
        packet: &[u8],
    ) -> io::Result<Result<Opened, OwnError>> {
        let mut opened = match passthrough::open(&self.target, packet).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(self.unreachable_target(&error))),
        };
        let guarded = passthrough::guard_channel_binding(client.stream()?, &mut opened).await?;
        Ok(guarded.map(|()| opened))
    }

    fn unreachable_target(&self, error: &io::Error) -> OwnError {
        let address = self.target.address();
        tracing::warn!(target = %address, %error, "the target cannot be reached");
        OwnError::new("08001", format!("the target at {address} cannot be reached: {error}"))
            .with_hint("Check target.url of the proxy and that the server is running.")
    }
}

/// Writes all of it, through the buffers of TLS.
async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
