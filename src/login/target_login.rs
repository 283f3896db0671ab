//! Log-ins of the proxy's own at the target, for a client that has proven who it is.

use std::io;

use super::frames::{FRAME_BYTES_MAX, LoginFrame, read_frame};
use super::{Opened, passthrough, send};
use crate::auth::{
    self, ChannelBinding, ClientBegun, Credential, SCRAM, SCRAM_PLUS, ScramError, md5_response,
};
use crate::stream::Stream;
use crate::target::Target;
use crate::tls;
use crate::wire::{self, OwnError, tag};

/// Codes of Authentication messages.
///
/// Source: PostgreSQL manual, "Message Formats".
const OK: u32 = 0;
const CLEARTEXT_PASSWORD: u32 = 3;
const MD5_PASSWORD: u32 = 5;

/// Opens the target with this startup packet and logs in as `user`; see [`log_in_on`].
///
/// # Errors
/// A peer has gone.
pub(super) async fn log_in(
    target: &Target,
    client: Option<&mut Stream>,
    packet: &[u8],
    user: &str,
    credential: &Credential,
) -> io::Result<Result<Opened, OwnError>> {
    let opened = passthrough::open(target, packet).await?;
    log_in_on(opened, client, user, credential).await
}

/// Logs in to a target that has got the startup packet. What the target says to the log-in,
/// AuthenticationOk or an error, is left in [`Opened::said`] for the client; notices and the like
/// that come before it are passed on, if there is a client. The inner error is the proxy's own, for
/// the client.
///
/// # Errors
/// A peer has gone.
pub async fn log_in_on(
    mut opened: Opened,
    mut client: Option<&mut Stream>,
    user: &str,
    credential: &Credential,
) -> io::Result<Result<Opened, OwnError>> {
    loop {
        let frame = match std::mem::take(&mut opened.said) {
            said if said.is_empty() => read_frame(&mut opened.target, FRAME_BYTES_MAX).await?,
            said => LoginFrame { tag: said.first().copied().unwrap_or(0), bytes: said },
        };
        match frame.tag {
            tag::NEGOTIATE_PROTOCOL_VERSION | tag::NOTICE_RESPONSE => {
                if let Some(client) = client.as_deref_mut() {
                    send(client, &frame.bytes).await?;
                }
                continue;
            }
            tag::AUTHENTICATION => {}
            _ => {
                tracing::warn!(user, "the target refused the proxy's log-in");
                opened.said = frame.bytes;
                return Ok(Ok(opened));
            }
        }
        let Some((code, data)) = wire::authentication(&frame.bytes) else {
            return Ok(Err(cannot_log_in("the target sent a broken request to log in")));
        };
        if code == OK {
            opened.said = frame.bytes;
            return Ok(Ok(opened));
        }
        match answer(&mut opened.target, code, data, user, credential).await? {
            Ok(None) => {}
            Ok(Some(refused)) => {
                opened.said = refused;
                return Ok(Ok(opened));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Does what one Authentication message asks for. Gives the target's frame where it refuses.
async fn answer(
    target: &mut Stream,
    code: u32,
    data: &[u8],
    user: &str,
    credential: &Credential,
) -> io::Result<Result<Option<Vec<u8>>, OwnError>> {
    let response = match (code, credential) {
        (wire::AUTHENTICATION_SASL, Credential::None) => {
            return Ok(Err(no_password()));
        }
        (wire::AUTHENTICATION_SASL, credential) => return scram(target, data, credential).await,
        (CLEARTEXT_PASSWORD, Credential::Password(password)) => password.clone(),
        (MD5_PASSWORD, Credential::Password(password)) => match <[u8; 4]>::try_from(data) {
            Ok(salt) => md5_response(user, password, salt),
            Err(_) => return Ok(Err(cannot_log_in("the target sent a broken request to log in"))),
        },
        (CLEARTEXT_PASSWORD | MD5_PASSWORD, _) => return Ok(Err(no_password())),
        (code, _) => {
            let message = format!(
                "the target asks for authentication method {code}, which the proxy cannot do"
            );
            return Ok(Err(cannot_log_in(message)));
        }
    };
    send(target, &wire::with_body(tag::PASSWORD, &[response.as_bytes(), b"\0"])).await?;
    Ok(Ok(None))
}

/// SCRAM-SHA-256, bound to the TLS connection where there is one.
async fn scram(
    target: &mut Stream,
    mechanisms: &[u8],
    credential: &Credential,
) -> io::Result<Result<Option<Vec<u8>>, OwnError>> {
    let offers = |name: &str| mechanisms.split(|&byte| byte == 0).any(|one| one == name.as_bytes());
    let end_point = target.peer_certificate().and_then(tls::end_point_hash);
    let (mechanism, binding) = match end_point {
        Some(hash) if offers(SCRAM_PLUS) => (SCRAM_PLUS, ChannelBinding::EndPoint(hash)),
        Some(_) => (SCRAM, ChannelBinding::NotOffered),
        None => (SCRAM, ChannelBinding::None),
    };
    if !offers(mechanism) {
        return Ok(Err(cannot_log_in("the target offers no SASL mechanism that the proxy can do")));
    }
    let nonce = match auth::nonce() {
        Ok(nonce) => nonce,
        Err(error) => return Ok(Err(scram_failed(error))),
    };
    let (begun, first) = ClientBegun::new(credential.clone(), binding, &nonce);
    let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
    let body = [mechanism.as_bytes(), b"\0", &length, first.as_bytes()];
    send(target, &wire::with_body(tag::PASSWORD, &body)).await?;
    let challenge = read_frame(target, FRAME_BYTES_MAX).await?;
    let Some((wire::AUTHENTICATION_SASL_CONTINUE, data)) = wire::authentication(&challenge.bytes)
    else {
        return Ok(Ok(Some(challenge.bytes)));
    };
    let (finished, last) = match begun.answer(data) {
        Ok(answered) => answered,
        Err(error) => return Ok(Err(scram_failed(error))),
    };
    send(target, &wire::with_body(tag::PASSWORD, &[last.as_bytes()])).await?;
    let verdict = read_frame(target, FRAME_BYTES_MAX).await?;
    let Some((wire::AUTHENTICATION_SASL_FINAL, data)) = wire::authentication(&verdict.bytes) else {
        return Ok(Ok(Some(verdict.bytes)));
    };
    Ok(finished.verify(data).map(|()| None).map_err(scram_failed))
}

fn cannot_log_in(message: impl Into<String>) -> OwnError {
    let error = OwnError::new("28000", message);
    tracing::warn!("{}", error.message);
    error
}

fn no_password() -> OwnError {
    cannot_log_in("the target asks for a password that the proxy does not have").with_hint(
        "A SCRAM secret, in auth.users_file or from auth.query, serves targets that ask for SCRAM \
         and store the same secret; for others write the password into auth.users_file.",
    )
}

fn scram_failed(error: ScramError) -> OwnError {
    let failed = cannot_log_in(format!("the proxy cannot log in to the target: {error}"));
    match error {
        ScramError::OtherSecret => failed.with_hint(
            "Copy the secret from pg_authid.rolpassword of the target to auth.users_file, or write \
             the password there. Where auth.query finds users, it has to ask the same server, and \
             not for passwords that have expired.",
        ),
        _ => failed,
    }
}
