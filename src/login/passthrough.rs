//! Logins that the target checks: the startup packet goes to it, and the session begins. Looks at
//! answers only where TLS on both legs or a second way to the target asks for it.

use std::io;

use tokio::io::AsyncWriteExt as _;

use super::frames::{FRAME_BYTES_MAX, LoginFrame, read_frame};
use super::{Opened, send};
use crate::stream::Stream;
use crate::target::Target;
use crate::wire::{self, OwnError, tag};

/// The mechanism that binds a login to the TLS connection it comes by.
const PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";

/// A target that has got the startup packet. Where `sslmode` knows a second way, the target's first
/// answer decides whether it is gone.
///
/// # Errors
/// As [`Target::connect`].
pub(super) async fn open(target: &Target, packet: &[u8]) -> io::Result<Opened> {
    let mut stream = target.connect().await?;
    send(&mut stream, packet).await?;
    if !target.has_another_way(&stream) {
        return Ok(Opened { target: stream, said: Vec::new() });
    }
    let first = read_frame(&mut stream, FRAME_BYTES_MAX);
    let first = tokio::time::timeout(target.connect_timeout(), first)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if refuses(&first)
        && let Some(mut other) = target.connect_otherwise(&stream).await?
    {
        send(&mut other, packet).await?;
        return Ok(Opened { target: other, said: Vec::new() });
    }
    Ok(Opened { target: stream, said: first.bytes })
}

/// Whether the target has no entry for this kind of connection in its `pg_hba.conf`.
fn refuses(frame: &LoginFrame) -> bool {
    frame.tag == tag::ERROR_RESPONSE && wire::error_field(frame.body(), b'C') == Some(b"28000")
}

/// Where both legs are TLS, a client that binds its login to its own leg is refused by the target,
/// which sees the other one. Better said at once. A client that does not bind passes.
///
/// # Errors
/// A peer has gone.
pub(super) async fn guard_channel_binding(
    client: &mut Stream,
    opened: &mut Opened,
) -> io::Result<Result<(), OwnError>> {
    if !client.is_tls() || !opened.target.is_tls() {
        return Ok(Ok(()));
    }
    let mut said = std::mem::take(&mut opened.said);
    loop {
        if said.is_empty() {
            said = read_frame(&mut opened.target, FRAME_BYTES_MAX).await?.bytes;
        }
        let offers = offers_plus(&said);
        if !offers && !matches!(said.first(), Some(b'v' | &tag::NOTICE_RESPONSE)) {
            opened.said = said;
            return Ok(Ok(()));
        }
        send(client, &said).await?;
        said.clear();
        if offers {
            break;
        }
    }
    let answer = read_frame(client, FRAME_BYTES_MAX).await?;
    let chosen = wire::cstring(answer.body()).map(|(mechanism, _)| mechanism);
    if answer.tag == tag::PASSWORD && chosen == Some(PLUS) {
        opened.target.shutdown().await?;
        return Ok(Err(cannot_bind()));
    }
    send(&mut opened.target, &answer.bytes).await?;
    Ok(Ok(()))
}

/// Whether this is AuthenticationSASL with the mechanism among those it lists.
fn offers_plus(frame: &[u8]) -> bool {
    let sasl = wire::authentication(frame).filter(|(code, _)| *code == wire::AUTHENTICATION_SASL);
    sasl.is_some_and(|(_, list)| list.split(|&byte| byte == 0).any(|name| name == PLUS))
}

fn cannot_bind() -> OwnError {
    OwnError::new("28000", "channel binding cannot pass through a proxy with TLS on both legs")
        .with_hint(
            "Set auth.mode = \"terminate\" on the proxy, or do without TLS on one leg \
             (sslmode=disable in target.url or in the client), or channel_binding=disable in the \
             client.",
        )
}
