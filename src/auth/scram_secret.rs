//! What is stored of a password for SCRAM, and what proves the password against it.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq as _;

/// The length of SHA-256, and so of every key here.
pub(super) const KEY_BYTES: usize = 32;

/// A key.
pub(super) type ScramKey = [u8; KEY_BYTES];

/// What a client proves to know; it is enough to log in wherever the secret is the same.
#[derive(Clone)]
pub struct ClientKey(pub(super) ScramKey);

/// What PostgreSQL stores of a password: enough to check it, not enough to log in with it.
#[derive(Clone)]
pub struct ScramSecret {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: ScramKey,
    pub(super) server_key: ScramKey,
}

impl ScramSecret {
    /// Reads `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, as in `pg_authid.rolpassword`.
    pub fn parse(text: &str) -> Option<ScramSecret> {
        let rest = text.strip_prefix("SCRAM-SHA-256$")?;
        let (head, keys) = rest.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let key = |text| ScramKey::try_from(STANDARD.decode(text).ok()?).ok();
        Some(ScramSecret {
            iterations: iterations.parse().ok()?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    /// The secret of a password. `iterations` is at least 1.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> ScramSecret {
        let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let keys = Keys::derive(password, salt, iterations);
        ScramSecret {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&keys.client_key),
            server_key: keys.server_key,
        }
    }

    /// A secret that no password has.
    pub fn nobodys(salt: &[u8], iterations: u32) -> ScramSecret {
        ScramSecret {
            iterations: NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN),
            salt: salt.to_vec(),
            stored_key: [0; KEY_BYTES],
            server_key: [0; KEY_BYTES],
        }
    }

    /// Whether this key is the one that the secret was made from. Takes the same time for every
    /// key.
    pub fn is_of(&self, client_key: &ClientKey) -> bool {
        sha256(&client_key.0).ct_eq(&self.stored_key).into()
    }
}

/// The keys that come of a password.
pub(super) struct Keys {
    pub(super) client_key: ScramKey,
    pub(super) server_key: ScramKey,
}

impl Keys {
    pub(super) fn derive(password: &str, salt: &[u8], iterations: NonZeroU32) -> Keys {
        // As the server does, a password that cannot be prepared is taken as it stands.
        let prepared = stringprep::saslprep(password);
        let prepared = prepared.as_deref().unwrap_or(password);
        let mut salted = [0; KEY_BYTES];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, salt, prepared.as_bytes(), &mut salted);
        Keys {
            client_key: hmac_sha256(&salted, b"Client Key"),
            server_key: hmac_sha256(&salted, b"Server Key"),
        }
    }
}

pub(super) fn hmac_sha256(key: &ScramKey, message: &[u8]) -> ScramKey {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    first_bytes(tag.as_ref())
}

pub(super) fn sha256(bytes: &[u8]) -> ScramKey {
    first_bytes(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(super) fn xor(one: &ScramKey, other: &ScramKey) -> ScramKey {
    let mut result = *one;
    result.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
    result
}

/// Both algorithms give exactly `KEY_BYTES` bytes.
fn first_bytes(bytes: &[u8]) -> ScramKey {
    let mut key = [0; KEY_BYTES];
    key.iter_mut().zip(bytes).for_each(|(key, byte)| *key = *byte);
    key
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(secret)")
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret(secret)")
    }
}
