//! Logins of the proxy's own at the target, for a client that has proven who it is.

use std::io;

use super::frames::{FRAME_BYTES_MAX, LoginFrame, read_frame};
use super::{Opened, passthrough, send};
use crate::auth::{
    self, ChannelBinding, ClientBegun, Credential, SCRAM, SCRAM_PLUS, ScramError, md5_response,
};
use crate::stream::Stream;
use crate::target::{AuthMethod, BindingDemand, LoginDemands, Target};
use crate::tls;
use crate::wire::{self, OwnError, tag};

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
    log_in_on(opened, target.demands(), client, user, credential).await
}

/// Logs in to a target that has got the startup packet. What the target says to the login,
/// AuthenticationOk or an error, is left in [`Opened::said`] for the client; notices and the like
/// that come before it are passed on, if there is a client. Nothing is sent that `demands` forbid, and
/// a login that is not as they say is an error. The inner error is the proxy's own, for the client.
///
/// # Errors
/// A peer has gone.
pub async fn log_in_on(
    mut opened: Opened,
    demands: &LoginDemands,
    mut client: Option<&mut Stream>,
    user: &str,
    credential: &Credential,
) -> io::Result<Result<Opened, OwnError>> {
    let mut shown = Shown::default();
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
            tag::ERROR_RESPONSE => {
                tracing::warn!(event = "own_login_refused", user = %wire::logged(user), "the target refused the proxy's login");
                opened.said = frame.bytes;
                return Ok(Ok(opened));
            }
            _ => return Ok(Err(broken())),
        }
        let Some((code, data)) = wire::authentication(&frame.bytes) else {
            return Ok(Err(broken()));
        };
        if code == wire::AUTHENTICATION_OK {
            opened.said = frame.bytes;
            return Ok(shown.check(demands).map(|()| opened));
        }
        let request = LoginRequest { code, data, user, credential, demands };
        match request.answer(&mut opened.target, &mut shown).await? {
            Ok(None) => {}
            Ok(Some(refused)) => {
                opened.said = refused;
                return Ok(Ok(opened));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// What was shown to the target so far.
#[derive(Default)]
struct Shown {
    method: Option<AuthMethod>,
    is_bound: bool,
}

impl Shown {
    /// Whether a login that the target has let in is one that is demanded.
    fn check(&self, demands: &LoginDemands) -> Result<(), OwnError> {
        let method = self.method.unwrap_or(AuthMethod::None);
        demands
            .check(method)
            .map_err(|value| forbidden(value, "lets the login in without asking"))?;
        if demands.binding == BindingDemand::Require && !self.is_bound {
            return Err(unbound("lets the login in without it"));
        }
        Ok(())
    }
}

/// One Authentication message, and what there is to answer it with.
struct LoginRequest<'a> {
    code: u32,
    data: &'a [u8],
    user: &'a str,
    credential: &'a Credential,
    demands: &'a LoginDemands,
}

impl LoginRequest<'_> {
    /// Does what is asked for. Gives the target's frame where it refuses.
    async fn answer(
        &self,
        target: &mut Stream,
        shown: &mut Shown,
    ) -> io::Result<Result<Option<Vec<u8>>, OwnError>> {
        let (method, asked) = match self.code {
            wire::AUTHENTICATION_CLEARTEXT_PASSWORD => {
                (AuthMethod::Password, "asks for a password in the clear")
            }
            wire::AUTHENTICATION_MD5_PASSWORD => {
                (AuthMethod::Md5, "asks for a password hashed by MD5")
            }
            wire::AUTHENTICATION_SASL => (AuthMethod::ScramSha256, "asks for SASL"),
            code => {
                return Ok(Err(cannot_log_in(format!(
                    "the target asks for authentication method {code}, which the proxy cannot do"
                ))));
            }
        };
        if let Err(value) = self.demands.check(method) {
            return Ok(Err(forbidden(value, asked)));
        }
        let must_bind = self.demands.binding == BindingDemand::Require;
        if must_bind && method != AuthMethod::ScramSha256 {
            return Ok(Err(unbound(asked)));
        }
        let response = match (method, self.credential) {
            (AuthMethod::ScramSha256, Credential::None) => return Ok(Err(no_password())),
            (AuthMethod::ScramSha256, _) => return self.scram(target, shown).await,
            (AuthMethod::Password, Credential::Password(password)) => password.clone(),
            (AuthMethod::Md5, Credential::Password(password)) => {
                match <[u8; 4]>::try_from(self.data) {
                    Ok(salt) => md5_response(self.user, password, salt),
                    Err(_) => return Ok(Err(broken())),
                }
            }
            _ => return Ok(Err(no_password())),
        };
        shown.method = Some(method);
        send(target, &wire::with_body(tag::PASSWORD, &[response.as_bytes(), b"\0"])).await?;
        Ok(Ok(None))
    }

    /// SCRAM-SHA-256, bound to the TLS connection where there is one and `channel_binding` does not
    /// forbid it.
    async fn scram(
        &self,
        target: &mut Stream,
        shown: &mut Shown,
    ) -> io::Result<Result<Option<Vec<u8>>, OwnError>> {
        let (mechanism, binding) = match self.mechanism(target) {
            Ok(chosen) => chosen,
            Err(error) => return Ok(Err(error)),
        };
        let is_bound = mechanism == SCRAM_PLUS;
        let nonce = match auth::nonce() {
            Ok(nonce) => nonce,
            Err(error) => return Ok(Err(scram_failed(error))),
        };
        let (begun, first) = ClientBegun::new(self.credential.clone(), binding, &nonce);
        let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
        let body = [mechanism.as_bytes(), b"\0", &length, first.as_bytes()];
        send(target, &wire::with_body(tag::PASSWORD, &body)).await?;
        let challenge = read_frame(target, FRAME_BYTES_MAX).await?;
        let Some((wire::AUTHENTICATION_SASL_CONTINUE, data)) =
            wire::authentication(&challenge.bytes)
        else {
            return Ok(refused(challenge));
        };
        let (finished, last) = match begun.answer(data) {
            Ok(answered) => answered,
            Err(error) => return Ok(Err(scram_failed(error))),
        };
        send(target, &wire::with_body(tag::PASSWORD, &[last.as_bytes()])).await?;
        let verdict = read_frame(target, FRAME_BYTES_MAX).await?;
        let Some((wire::AUTHENTICATION_SASL_FINAL, data)) = wire::authentication(&verdict.bytes)
        else {
            return Ok(refused(verdict));
        };
        *shown = Shown { method: Some(AuthMethod::ScramSha256), is_bound };
        Ok(finished.verify(data).map(|()| None).map_err(scram_failed))
    }

    /// The mechanism among those offered, and what binds it.
    fn mechanism(&self, target: &Stream) -> Result<(&'static str, ChannelBinding), OwnError> {
        let offers =
            |name: &str| self.data.split(|&byte| byte == 0).any(|one| one == name.as_bytes());
        let end_point = target.peer_certificate().and_then(tls::end_point_hash);
        let chosen = match (end_point, self.demands.binding) {
            (Some(hash), BindingDemand::Prefer | BindingDemand::Require) if offers(SCRAM_PLUS) => {
                (SCRAM_PLUS, ChannelBinding::EndPoint(hash))
            }
            (Some(_), BindingDemand::Require) => return Err(unbound("does not offer it")),
            (None, BindingDemand::Require) => return Err(unbound("is reached without TLS")),
            (Some(_), BindingDemand::Prefer) => (SCRAM, ChannelBinding::NotOffered),
            (None, _) | (_, BindingDemand::Disable) => (SCRAM, ChannelBinding::None),
        };
        match offers(chosen.0) {
            true => Ok(chosen),
            false => {
                Err(cannot_log_in("the target offers no SASL mechanism that the proxy can do"))
            }
        }
    }
}

/// What a target says in place of the next SASL message: an error is passed on, but a target that
/// goes on without proving that it knows the password is not let through.
fn refused(frame: LoginFrame) -> Result<Option<Vec<u8>>, OwnError> {
    match frame.tag {
        tag::AUTHENTICATION => Err(broken()),
        _ => Ok(Some(frame.bytes)),
    }
}

fn broken() -> OwnError {
    cannot_log_in("the target sent a broken request to log in")
}

/// The target does what `require_auth` with this value forbids.
fn forbidden(value: &str, what: &str) -> OwnError {
    cannot_log_in(format!("the target {what}, which require_auth={value} of its URL forbids"))
}

/// The target does not bind the login.
fn unbound(what: &str) -> OwnError {
    cannot_log_in(format!(
        "channel_binding=require of the target's URL: channel binding is required, and the target \
         {what}"
    ))
}

fn cannot_log_in(message: impl Into<String>) -> OwnError {
    let error = OwnError::new("28000", message);
    tracing::warn!(event = "own_login_refused", "{}", error.message);
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
