//! Logins that the proxy checks: SCRAM with the client, before anything reaches the target.

use std::io;
use std::time::Duration;

use super::client::Client;
use super::{OwnLogins, send};
use crate::auth::{
    self, Credential, Mechanism, ProofVerdict, SCRAM, SCRAM_PLUS, ScramError, ServerExchange,
};
use crate::repeats::Repeats;
use crate::stream::Stream;
use crate::target::Target;
use crate::wire::{self, OwnError, StartupParameters, tag};

/// The longest SASL message of a client, in bytes.
///
/// Source: PostgreSQL, `PG_MAX_SASL_MESSAGE_LENGTH` in `src/backend/libpq/auth-sasl.h`.
const SASL_BYTES_MAX: usize = 1024;

/// How long a wrong password is thought about, so that guessing takes time.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// Checks that the client is the user that it wants to be; gives what to log in to the target with.
/// The inner error is for the client. An unknown user gets the same steps as a wrong
/// password.
///
/// # Errors
/// The client has gone.
pub(super) async fn prove(
    client: &mut Client,
    (own, refused): (&OwnLogins, &Repeats),
    target: &Target,
    wanted: &StartupParameters,
) -> io::Result<Result<Credential, OwnError>> {
    let user = &wanted.user;
    let (failed, reason) = match converse(client, own, target, wanted).await? {
        Ok(Some(credential)) => return Ok(Ok(credential)),
        Ok(None) => {
            client.silence().during(tokio::time::sleep(FAILURE_DELAY)).await;
            let message = format!("password authentication failed for user \"{user}\"");
            (OwnError::new("28P01", message), "wrong password, or no such user".to_owned())
        }
        Err(error) => {
            let reason = error.message.clone();
            (error, reason)
        }
    };
    let (user, sqlstate) = (wire::logged(user), failed.sqlstate);
    if let Some(repeated) = super::due(refused, client, &user) {
        let client = client.address();
        tracing::warn!(
            event = "login_refused",
            by = "proxy",
            %client,
            %user,
            database = %wire::logged(&wanted.database),
            sqlstate,
            repeated,
            "login refused: {reason}"
        );
    }
    Ok(Err(failed))
}

/// The exchange; `None` where the client does not know the password.
async fn converse(
    client: &mut Client,
    own: &OwnLogins,
    target: &Target,
    wanted: &StartupParameters,
) -> io::Result<Result<Option<Credential>, OwnError>> {
    let end_point = client.end_point().map(<[u8]>::to_vec);
    let plus = end_point.as_ref().map_or(String::new(), |_| format!("{SCRAM_PLUS}\0"));
    let mechanisms = format!("{plus}{SCRAM}\0\0");
    request(client.stream()?, wire::AUTHENTICATION_SASL, mechanisms.as_bytes()).await?;
    let first = match sasl_message(client).await? {
        Ok(message) => message,
        Err(error) => return Ok(Err(error)),
    };
    let Some((mechanism, first)) = initial_response(&first) else {
        return Ok(Err(refusal(ScramError::Malformed("initial response"))));
    };
    let known = match own.find(target, client.stream()?, wanted).await? {
        Ok(known) => known,
        Err(error) => return Ok(Err(error)),
    };
    let begun = auth::nonce().and_then(|nonce| {
        let secret = known.secret.clone();
        ServerExchange::begin(first, mechanism, end_point.as_deref(), secret, &nonce)
    });
    let (exchange, challenge) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(refusal(error))),
    };
    request(client.stream()?, wire::AUTHENTICATION_SASL_CONTINUE, challenge.as_bytes()).await?;
    let last = match sasl_message(client).await? {
        Ok(message) => message,
        Err(error) => return Ok(Err(error)),
    };
    let (answer, client_key) = match exchange.finish(&last) {
        Ok(ProofVerdict::Proven { answer, client_key }) => (answer, client_key),
        Ok(ProofVerdict::NotProven) => return Ok(Ok(None)),
        Err(error) => return Ok(Err(refusal(error))),
    };
    let Some(credential) = known.credential(client_key) else { return Ok(Ok(None)) };
    request(client.stream()?, wire::AUTHENTICATION_SASL_FINAL, answer.as_bytes()).await?;
    Ok(Ok(Some(credential)))
}

async fn request(stream: &mut Stream, code: u32, data: &[u8]) -> io::Result<()> {
    send(stream, &wire::with_body(tag::AUTHENTICATION, &[&code.to_be_bytes(), data])).await
}

/// What the client says next, if that is a message of SASL.
async fn sasl_message(client: &mut Client) -> io::Result<Result<Vec<u8>, OwnError>> {
    let frame = client.frame(SASL_BYTES_MAX).await?;
    if frame.tag == tag::PASSWORD {
        return Ok(Ok(frame.body().to_vec()));
    }
    Ok(Err(OwnError::new("08P01", "expected a SASL response")))
}

/// The mechanism and the message in the body of a SASLInitialResponse.
fn initial_response(body: &[u8]) -> Option<(Mechanism, &[u8])> {
    let (name, rest) = wire::cstring(body)?;
    let (length, message) = rest.split_first_chunk::<4>()?;
    let mechanism = match std::str::from_utf8(name).ok()? {
        SCRAM => Mechanism::Plain,
        SCRAM_PLUS => Mechanism::Plus,
        _ => return None,
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (length == message.len()).then_some((mechanism, message))
}

fn refusal(error: ScramError) -> OwnError {
    let code = match error {
        ScramError::ChannelBinding(_) => "28000",
        _ => "08P01",
    };
    OwnError::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initial_response_says_how_long_it_is() {
        let body = |name: &str, length: u32| {
            [name.as_bytes(), b"\0", &length.to_be_bytes(), b"n,,"].concat()
        };
        let found = initial_response(&body(SCRAM, 3)).map(|(_, message)| message.to_vec());
        assert_eq!(found.as_deref(), Some(&b"n,,"[..]));
        assert_eq!(initial_response(&body(SCRAM_PLUS, 3)).unwrap().0, Mechanism::Plus);
        for (name, length) in [(SCRAM, 2), (SCRAM, 4), (SCRAM, u32::MAX), ("SCRAM-SHA-1", 3)] {
            assert_eq!(initial_response(&body(name, length)), None);
        }
        let whole = body(SCRAM, 3);
        for end in 0..whole.len() {
            assert_eq!(initial_response(&whole[..end]), None);
        }
    }
}
