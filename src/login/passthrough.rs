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

/// A target that has got the startup packet and has begun to answer. Where `sslmode` knows a second
/// way, the first answer decides whether it is gone.
///
/// # Errors
/// As [`Target::connect`]; a target that takes connections and does not answer within
/// `connect_timeout` cannot be reached.
pub(super) async fn open(target: &Target, packet: &[u8]) -> io::Result<Opened> {
    let mut stream = target.connect().await?;
    send(&mut stream, packet).await?;
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

/// Channel binding ties a login to the TLS connection it comes by, and here there are two. A client
/// without TLS is not shown that the target offers it: libpq takes that for a forgery. A client
/// that binds to its own leg, or says that it could have, would be refused by the target with a
/// riddle; better said at once. One that does not bind passes.
///
/// # Errors
/// A peer has gone.
pub(super) async fn guard_channel_binding(
    client: &mut Stream,
    opened: &mut Opened,
) -> io::Result<Result<(), OwnError>> {
    if !opened.target.is_tls() {
        return Ok(Ok(()));
    }
    let mut said = std::mem::take(&mut opened.said);
    loop {
        if said.is_empty() {
            said = read_frame(&mut opened.target, FRAME_BYTES_MAX).await?.bytes;
        }
        if let Some(without_plus) = without_plus(&said) {
            if !client.is_tls() {
                said = without_plus;
            }
            break;
        }
        if !matches!(said.first(), Some(&tag::NEGOTIATE_PROTOCOL_VERSION | &tag::NOTICE_RESPONSE)) {
            opened.said = said;
            return Ok(Ok(()));
        }
        send(client, &said).await?;
        said.clear();
    }
    send(client, &said).await?;
    let answer = read_frame(client, FRAME_BYTES_MAX).await?;
    if answer.tag == tag::PASSWORD && may_bind(answer.body()) {
        opened.target.shutdown().await?;
        return Ok(Err(cannot_bind(client)));
    }
    send(&mut opened.target, &answer.bytes).await?;
    Ok(Ok(()))
}

/// A copy of an AuthenticationSASL that lists the mechanism, without it; `None` for any other
/// frame.
fn without_plus(frame: &[u8]) -> Option<Vec<u8>> {
    let (_, list) =
        wire::authentication(frame).filter(|(code, _)| *code == wire::AUTHENTICATION_SASL)?;
    let names = list.split_inclusive(|&byte| byte == 0);
    let others: Vec<&[u8]> = names.filter(|name| name.strip_suffix(b"\0") != Some(PLUS)).collect();
    let others = others.concat();
    let code = wire::AUTHENTICATION_SASL.to_be_bytes();
    (others.len() < list.len()).then(|| wire::with_body(tag::AUTHENTICATION, &[&code, &others]))
}

/// Whether a SASLInitialResponse binds, or says that the client would if the target did (RFC 5802,
/// flag `y`): the target knows that it does.
fn may_bind(body: &[u8]) -> bool {
    let Some((mechanism, rest)) = wire::cstring(body) else { return false };
    mechanism == PLUS || rest.get(4..).is_some_and(|first| first.starts_with(b"y"))
}

fn cannot_bind(client: &Stream) -> OwnError {
    let message = match client.is_tls() {
        true => "channel binding cannot pass through a proxy with TLS on both legs",
        false => "a client that can bind its login to TLS came without it to a target with TLS",
    };
    OwnError::new("28000", message).with_hint(
        "Set auth.mode = \"terminate\" on the proxy, or do without TLS on one leg \
         (sslmode=disable in target.url, or in a client that binds), or channel_binding=disable in \
         the client.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_bind_or_could_are_known() {
        assert!(may_bind(b"SCRAM-SHA-256-PLUS\0\0\0\0\x03p=t"));
        assert!(may_bind(b"SCRAM-SHA-256\0\0\0\0\x03y,,"));
        assert!(!may_bind(b"SCRAM-SHA-256\0\0\0\0\x03n,,"));
        assert!(!may_bind(b"SCRAM-SHA-256\0\0\0"));
        assert!(!may_bind(b"SCRAM-SHA-256"));
    }

    #[test]
    fn only_the_list_with_the_mechanism_changes() {
        let with = b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let without = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
        assert_eq!(without_plus(with).as_deref(), Some(&without[..]));
        assert_eq!(without_plus(without), None);
        assert_eq!(without_plus(b"R\0\0\0\x08\0\0\0\0"), None);
        assert_eq!(without_plus(b"R\0\0\0\x04"), None);
    }
}
