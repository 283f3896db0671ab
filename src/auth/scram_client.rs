//! SCRAM as the one who logs in, with a password or with the key that a client has shown to know.
//! Pure: messages in, messages out.
//!
//! Source: RFC 5802 and RFC 7677; PostgreSQL, `src/interfaces/libpq/fe-auth-scram.c`.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::scram_secret::{ClientKey, Keys, ScramKey, hmac_sha256, sha256, xor};
use super::users::Credential;
use super::{END_POINT_FLAG, ScramError, attribute, check_nonce, text};

/// The work that a target may ask for: a third of a second here. PostgreSQL's default is 4096.
const ITERATIONS_MAX: u32 = 1_000_000;

/// Whether the login is tied to the TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// There is no TLS, or no way to tie to it.
    None,
    /// It could be, but the target does not offer it.
    NotOffered,
    /// It is, to the certificate that hashes to this.
    EndPoint(Vec<u8>),
}

impl ChannelBinding {
    fn header(&self) -> String {
        let flag = match self {
            ChannelBinding::None => "n",
            ChannelBinding::NotOffered => "y",
            ChannelBinding::EndPoint(_) => END_POINT_FLAG,
        };
        format!("{flag},,")
    }

    fn data(&self) -> &[u8] {
        match self {
            ChannelBinding::EndPoint(data) => data,
            ChannelBinding::None | ChannelBinding::NotOffered => &[],
        }
    }
}

/// A login that waits for the target's challenge.
#[derive(Debug)]
pub struct ClientBegun {
    credential: Credential,
    binding: ChannelBinding,
    nonce: String,
}

/// A login that waits for the target's own proof.
#[derive(Debug)]
pub struct ClientFinished {
    server_signature: ScramKey,
}

impl ClientBegun {
    /// The login and its first message.
    pub fn new(
        credential: Credential,
        binding: ChannelBinding,
        nonce: &str,
    ) -> (ClientBegun, String) {
        let message = format!("{}n=,r={nonce}", binding.header());
        (ClientBegun { credential, binding, nonce: nonce.to_owned() }, message)
    }

    /// Answers the challenge.
    ///
    /// # Errors
    /// The challenge is not one, or the credential does not do for it.
    pub fn answer(self, server_first: &[u8]) -> Result<(ClientFinished, String), ScramError> {
        let challenge = text(server_first)?;
        let (nonce, rest) = attribute(challenge, "r")?;
        let (salt, rest) = attribute(rest.ok_or(ScramError::Malformed("salt"))?, "s")?;
        let (iterations, _) = attribute(rest.ok_or(ScramError::Malformed("iterations"))?, "i")?;
        check_nonce(nonce)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Malformed("nonce"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| ScramError::Malformed("salt"))?;
        let iterations: NonZeroU32 =
            iterations.parse().map_err(|_| ScramError::Malformed("iterations"))?;
        let keys = keys(&self.credential, &salt, iterations)?;
        let bound = [self.binding.header().as_bytes(), self.binding.data()].concat();
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(bound));
        let signed = format!("n=,r={},{challenge},{without_proof}", self.nonce);
        let signature = hmac_sha256(&sha256(&keys.client_key), signed.as_bytes());
        let proof = STANDARD.encode(xor(&keys.client_key, &signature));
        let server_signature = hmac_sha256(&keys.server_key, signed.as_bytes());
        Ok((ClientFinished { server_signature }, format!("{without_proof},p={proof}")))
    }
}

fn keys(credential: &Credential, salt: &[u8], iterations: NonZeroU32) -> Result<Keys, ScramError> {
    match credential {
        Credential::Password(password) => {
            if iterations.get() > ITERATIONS_MAX {
                return Err(ScramError::TooManyIterations(iterations.get()));
            }
            Ok(Keys::derive(password, salt, iterations))
        }
        Credential::Key(ClientKey(client_key), secret) => {
            if secret.salt != salt || secret.iterations != iterations {
                return Err(ScramError::OtherSecret);
            }
            Ok(Keys { client_key: *client_key, server_key: secret.server_key })
        }
        Credential::None => Err(ScramError::OtherSecret),
    }
}

impl ClientFinished {
    /// Whether the target knows the secret, too.
    ///
    /// # Errors
    /// It does not, or says something else.
    pub fn verify(self, server_final: &[u8]) -> Result<(), ScramError> {
        let (signature, _) = attribute(text(server_final)?, "v")?;
        let signature = STANDARD.decode(signature).map_err(|_| ScramError::NotTheTarget)?;
        let same: bool = signature.ct_eq(&self.server_signature).into();
        if same { Ok(()) } else { Err(ScramError::NotTheTarget) }
    }
}
