//! Logins that the target checks: the startup packet and the client's answers go to it, frame by
//! frame, until the target is content. Keeps nothing of a password.

use std::io;

use tokio::io::AsyncWriteExt as _;

use super::frames::{FRAME_BYTES_MAX, LoginFrame, read_frame};
use super::{Client, Opened, send};
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

/// Passes a login between the client and the target until the target says AuthenticationOk, which
/// is left in [`Opened::said`], or something that is not about a password: an error, or a method that
/// takes other messages. A session passes on what follows.
///
/// Channel binding ties a login to the TLS connection it comes by, and here there are two. A client
/// without TLS is not shown that the target offers it: libpq takes that for a forgery. A client
/// that binds to its own leg, or says that it could have, would be refused by the target, whose error
/// would not say why; ours does. One that does not bind passes. The inner error is for the client.
///
/// # Errors
/// A peer has gone.
pub(super) async fn pass_log_in(
    client: &mut Client,
    opened: &mut Opened,
) -> io::Result<Result<(), OwnError>> {
    let mut said = std::mem::take(&mut opened.said);
    loop {
        if said.is_empty() {
            said = read_frame(&mut opened.target, FRAME_BYTES_MAX).await?.bytes;
        }
        let step = LogInStep::of(&said);
        if step == LogInStep::Over {
            opened.said = said;
            return Ok(Ok(()));
        }
        let plus = without_plus(&said).filter(|_| opened.target.is_tls());
        let hides_plus = !client.stream()?.is_tls();
        send(client.stream()?, plus.as_ref().filter(|_| hides_plus).unwrap_or(&said)).await?;
        said.clear();
        if step == LogInStep::Passes {
            continue;
        }
        let answer = client.frame(FRAME_BYTES_MAX).await?;
        if answer.tag == 0 {
            let error = OwnError::new("08P01", "invalid message in the login");
            return Ok(Err(error));
        }
        if plus.is_some() && answer.tag == tag::PASSWORD && may_bind(answer.body()) {
            opened.target.shutdown().await?;
            return Ok(Err(cannot_bind(client.stream()?)));
        }
        send(&mut opened.target, &answer.bytes).await?;
    }
}

/// What comes after a frame of the target in a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogInStep {
    /// More frames of the target.
    Passes,
    /// A frame of the client.
    IsAnswered,
    /// The login is over, or goes on in a way that is not one frame after the other.
    Over,
}

impl LogInStep {
    /// Source: PostgreSQL manual, "Start-up".
    fn of(frame: &[u8]) -> LogInStep {
        match frame.first() {
            Some(&tag::NEGOTIATE_PROTOCOL_VERSION | &tag::NOTICE_RESPONSE) => {
                return LogInStep::Passes;
            }
            Some(&tag::AUTHENTICATION) => {}
            _ => return LogInStep::Over,
        }
        match wire::authentication(frame) {
            Some((wire::AUTHENTICATION_SASL_FINAL, _)) => LogInStep::Passes,
            Some((
                wire::AUTHENTICATION_CLEARTEXT_PASSWORD
                | wire::AUTHENTICATION_MD5_PASSWORD
                | wire::AUTHENTICATION_SASL
                | wire::AUTHENTICATION_SASL_CONTINUE,
                _,
            )) => LogInStep::IsAnswered,
            _ => LogInStep::Over,
        }
    }
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
    fn a_log_in_is_passed_on_as_long_as_it_is_one_frame_after_the_other() {
        let request = |code: u8| [b"R\0\0\0\x08\0\0\0".as_slice(), &[code]].concat();
        for code in [3, 5, 10, 11] {
            assert_eq!(LogInStep::of(&request(code)), LogInStep::IsAnswered, "{code}");
        }
        assert_eq!(LogInStep::of(&request(12)), LogInStep::Passes);
        for code in [0, 2, 7, 8, 9, 13] {
            assert_eq!(LogInStep::of(&request(code)), LogInStep::Over, "{code}");
        }
        assert_eq!(LogInStep::of(b"N\0\0\0\x05\0"), LogInStep::Passes);
        for frame in [&b"E\0\0\0\x05\0"[..], b"Z\0\0\0\x05I", b"R\0\0\0\x04", b"\0\0\0\0\0", b""] {
            assert_eq!(LogInStep::of(frame), LogInStep::Over);
        }
    }

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
