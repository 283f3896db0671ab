//! SCRAM as the one who is logged in to. Pure: messages in, messages out.
//!
//! Source: RFC 5802 and RFC 7677; PostgreSQL, `src/backend/libpq/auth-scram.c`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scram_secret::{ClientKey, ScramKey, ScramSecret, hmac_sha256, xor};
use super::{END_POINT_FLAG, ScramError, attribute, check_nonce, text};

/// Which mechanism the client has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256
    Plain,
    /// SCRAM-SHA-256-PLUS
    Plus,
}

/// A login that waits for the client's proof.
#[derive(Debug)]
pub struct ServerExchange {
    secret: ScramSecret,
    /// The client's first message without its gs2 header, and our answer.
    messages: String,
    nonce: String,
    /// What the client has to repeat of its header and its connection, in base64.
    binding: String,
}

/// What came of it.
#[derive(Debug)]
pub enum ProofVerdict {
    /// The client knows the password.
    Proven {
        /// What proves to the client that we know it, too.
        answer: String,
        /// What the client knows.
        client_key: ClientKey,
    },
    /// It does not.
    NotProven,
}

impl ServerExchange {
    /// Takes the client's first message; gives the exchange and the challenge. `end_point` is there
    /// where channel binding was offered.
    ///
    /// # Errors
    /// The message is not one, or does not fit the mechanism.
    pub fn begin(
        client_first: &[u8],
        mechanism: Mechanism,
        end_point: Option<&[u8]>,
        secret: ScramSecret,
        nonce: &str,
    ) -> Result<(ServerExchange, String), ScramError> {
        let message = text(client_first)?;
        let (flag, rest) = message.split_once(',').ok_or(ScramError::Malformed("header"))?;
        let bound = match (flag, mechanism, end_point) {
            ("n", Mechanism::Plain, _) | ("y", Mechanism::Plain, None) => &[][..],
            (END_POINT_FLAG, Mechanism::Plus, Some(end_point)) => end_point,
            ("y", Mechanism::Plain, Some(_)) => {
                return Err(ScramError::ChannelBinding("the client was not shown the offer"));
            }
            _ => return Err(ScramError::Malformed("channel binding flag")),
        };
        // In between stands whom to act for, which PostgreSQL does not have.
        let bare = rest.strip_prefix(',').ok_or(ScramError::Malformed("authorization identity"))?;
        // The user is the startup packet's.
        let (_, rest) = attribute(bare, "n")?;
        let (client_nonce, _) = attribute(rest.ok_or(ScramError::Malformed("nonce"))?, "r")?;
        check_nonce(client_nonce)?;
        let nonce = format!("{client_nonce}{nonce}");
        let (salt, iterations) = (STANDARD.encode(&secret.salt), secret.iterations);
        let challenge = format!("r={nonce},s={salt},i={iterations}");
        let header = format!("{flag},,");
        let exchange = ServerExchange {
            secret,
            messages: format!("{bare},{challenge}"),
            nonce,
            binding: STANDARD.encode([header.as_bytes(), bound].concat()),
        };
        Ok((exchange, challenge))
    }

    /// Takes the client's last message. What a proof is compared with takes the same time for every
    /// proof.
    ///
    /// # Errors
    /// The message is not one, or the client is at the end of another connection.
    pub fn finish(self, client_final: &[u8]) -> Result<ProofVerdict, ScramError> {
        let message = text(client_final)?;
        let malformed = ScramError::Malformed("proof");
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(malformed)?;
        let proof = STANDARD.decode(proof).map_err(|_| malformed)?;
        let proof = ScramKey::try_from(proof).map_err(|_| malformed)?;
        let (binding, rest) = attribute(without_proof, "c")?;
        let (nonce, _) = attribute(rest.ok_or(ScramError::Malformed("nonce"))?, "r")?;
        if binding != self.binding {
            return Err(ScramError::ChannelBinding("the client sees another connection"));
        }
        if nonce != self.nonce {
            return Err(ScramError::Malformed("nonce"));
        }
        let signed = format!("{},{without_proof}", self.messages);
        let signature = hmac_sha256(&self.secret.stored_key, signed.as_bytes());
        let client_key = ClientKey(xor(&proof, &signature));
        if !self.secret.is_of(&client_key) {
            return Ok(ProofVerdict::NotProven);
        }
        let signature = hmac_sha256(&self.secret.server_key, signed.as_bytes());
        Ok(ProofVerdict::Proven { answer: format!("v={}", STANDARD.encode(signature)), client_key })
    }
}
