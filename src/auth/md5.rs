//! The login by MD5, which old targets still ask for.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// What a PasswordMessage answers to AuthenticationMD5Password with this salt.
///
/// Source: PostgreSQL manual, "Message Flow", AuthenticationMD5Password.
pub fn md5_response(user: &str, password: &str, salt: [u8; 4]) -> String {
    let inner = hex(&[password.as_bytes(), user.as_bytes()]);
    format!("md5{}", hex(&[inner.as_bytes(), &salt]))
}

fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    let mut digits = String::new();
    for byte in hash.finalize() {
        // Writing to a string has no way to fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_of_the_hash_and_the_salt() {
        let response = super::md5_response("md5_user", "password", [0x2a, 0x3d, 0x8f, 0xe0]);
        assert_eq!(response, "md562af4dd09bbb41884907a838a3233294");
    }
}
