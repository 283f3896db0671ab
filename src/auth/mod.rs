//! Logins of the proxy's own: who may come in, and both sides of SCRAM. Does no IO but reading the
//! users file and the key for salts; knows no frames.

mod md5;
mod salts;
mod scram_client;
mod scram_secret;
mod scram_server;
mod users;

pub use md5::md5_response;
pub use salts::Salts;
pub use scram_client::{ChannelBinding, ClientBegun, ClientFinished};
pub use scram_secret::{ClientKey, ScramSecret};
pub use scram_server::{Mechanism, ProofVerdict, ServerExchange};
pub use users::{Credential, User, Users};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// SCRAM-SHA-256, by its registered name.
pub const SCRAM: &str = "SCRAM-SHA-256";

/// The same with channel binding.
pub const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// The only type of channel binding that PostgreSQL has, as a gs2 flag.
const END_POINT_FLAG: &str = "p=tls-server-end-point";

/// Random bytes in a nonce, as many as the server takes.
///
/// Source: PostgreSQL, `SCRAM_RAW_NONCE_LEN` in `src/include/common/scram-common.h`.
const NONCE_BYTES: usize = 18;

/// Why a login cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// A message is not what the protocol says.
    #[error("malformed SCRAM message ({0})")]
    Malformed(&'static str),
    /// The connection at the peer's end is not the one at ours, or the peer was kept from asking.
    #[error("SCRAM channel binding check failed ({0})")]
    ChannelBinding(&'static str),
    /// The target asks for more work than a login is worth.
    #[error("the target asks for {0} SCRAM iterations, more than 1000000")]
    TooManyIterations(u32),
    /// The target does not know the secret either.
    #[error("the target could not prove that it knows the password")]
    NotTheTarget,
    /// The target's secret was made of the same password with another salt, or of another one.
    #[error("the target's SCRAM secret is not the one that the client was checked by")]
    OtherSecret,
    /// The operating system has no random numbers.
    #[error("no random numbers")]
    NoRandom,
}

/// A nonce that was never used before.
///
/// # Errors
/// The operating system has no random numbers.
pub fn nonce() -> Result<String, ScramError> {
    let mut bytes = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ScramError::NoRandom)?;
    Ok(STANDARD.encode(bytes))
}

/// The value of the attribute that `text` begins with, and what follows the comma behind it.
fn attribute<'a>(
    text: &'a str,
    name: &'static str,
) -> Result<(&'a str, Option<&'a str>), ScramError> {
    let rest = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    let rest = rest.ok_or(ScramError::Malformed(name))?;
    Ok(match rest.split_once(',') {
        Some((value, rest)) => (value, Some(rest)),
        None => (rest, None),
    })
}

/// A nonce is printable, and something.
fn check_nonce(nonce: &str) -> Result<(), ScramError> {
    let fine = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(()) } else { Err(ScramError::Malformed("nonce")) }
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> ScramSecret {
        ScramSecret::derive("pencil", b"salt of ours", 4096)
    }

    /// Both sides in one room; gives what each of them says in the end.
    fn conversation(
        password: &str,
        binding: ChannelBinding,
        mechanism: Mechanism,
        end_point: Option<&[u8]>,
    ) -> Result<ProofVerdict, ScramError> {
        let credential = Credential::Password(password.into());
        let (client, first) = ClientBegun::new(credential, binding, &nonce()?);
        let (server, challenge) =
            ServerExchange::begin(first.as_bytes(), mechanism, end_point, secret(), &nonce()?)?;
        let (client, last) = client.answer(challenge.as_bytes())?;
        let verdict = server.finish(last.as_bytes())?;
        if let ProofVerdict::Proven { answer, .. } = &verdict {
            client.verify(answer.as_bytes())?;
        }
        Ok(verdict)
    }

    #[test]
    fn both_sides_agree_on_the_right_password_only() {
        let none = || ChannelBinding::None;
        let right = conversation("pencil", none(), Mechanism::Plain, None).unwrap();
        let ProofVerdict::Proven { client_key, .. } = right else { panic!("not proven") };
        assert!(secret().is_of(&client_key));
        let wrong = conversation("pen", none(), Mechanism::Plain, None);
        assert!(matches!(wrong, Ok(ProofVerdict::NotProven)));
    }

    #[test]
    fn a_channel_is_bound_to_the_connection() {
        let bound = |data: &[u8]| ChannelBinding::EndPoint(data.to_vec());
        let plus = Mechanism::Plus;
        let fine = conversation("pencil", bound(b"hash"), plus, Some(b"hash"));
        assert!(matches!(fine, Ok(ProofVerdict::Proven { .. })));
        let between = conversation("pencil", bound(b"other"), plus, Some(b"hash"));
        assert!(matches!(between, Err(ScramError::ChannelBinding(_))));
        // A client that could bind and was not offered to.
        let kept = conversation("pencil", ChannelBinding::NotOffered, Mechanism::Plain, None);
        assert!(matches!(kept, Ok(ProofVerdict::Proven { .. })));
        let hidden =
            conversation("pencil", ChannelBinding::NotOffered, Mechanism::Plain, Some(b"hash"));
        assert!(matches!(hidden, Err(ScramError::ChannelBinding(_))));
        // One that can but does not want to.
        let unbound = conversation("pencil", ChannelBinding::None, Mechanism::Plain, Some(b"hash"));
        assert!(matches!(unbound, Ok(ProofVerdict::Proven { .. })));
    }

    #[test]
    fn the_key_learnt_from_a_client_logs_in_where_the_secret_is_the_same() {
        let secret = secret();
        let right = conversation("pencil", ChannelBinding::None, Mechanism::Plain, None).unwrap();
        let ProofVerdict::Proven { client_key, .. } = right else { panic!("not proven") };
        let log_in = |target: ScramSecret| {
            let credential = Credential::Key(client_key.clone(), secret.clone());
            let (client, first) = ClientBegun::new(credential, ChannelBinding::None, "abc");
            let (server, challenge) =
                ServerExchange::begin(first.as_bytes(), Mechanism::Plain, None, target, "def")?;
            let (client, last) = client.answer(challenge.as_bytes())?;
            match server.finish(last.as_bytes())? {
                ProofVerdict::Proven { answer, .. } => client.verify(answer.as_bytes()),
                ProofVerdict::NotProven => Err(ScramError::NotTheTarget),
            }
        };
        assert_eq!(log_in(secret.clone()), Ok(()));
        let salted = ScramSecret::derive("pencil", b"another", 4096);
        assert_eq!(log_in(salted), Err(ScramError::OtherSecret));
    }

    /// Source: RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let secret = ScramSecret::derive("pencil", &salt, 4096);
        let (server, challenge) = ServerExchange::begin(
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            Mechanism::Plain,
            None,
            secret,
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        )
        .unwrap();
        assert_eq!(
            challenge,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let ProofVerdict::Proven { answer, .. } = server.finish(last).unwrap() else {
            panic!("not proven")
        };
        assert_eq!(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn messages_that_are_none_are_refused() {
        let begin = |message: &str| {
            let plain = Mechanism::Plain;
            ServerExchange::begin(message.as_bytes(), plain, None, secret(), "x").err()
        };
        assert_eq!(begin("n,,n=,r=abc"), None);
        assert_eq!(begin("y,,n=u,r=abc,x=ignored"), None);
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=u",
            "n,,n=u,r=",
            "n,,r=abc",
            "n,a=other,n=u,r=abc",
            "n,,m=must,n=u,r=abc",
            "z,,n=u,r=abc",
            "p=tls-unique,,n=u,r=abc",
            "p=tls-server-end-point,,n=u,r=abc",
            "n,,n=u,r=a b",
            "n,,n=u,r=a\u{e4}",
        ] {
            assert!(begin(message).is_some(), "{message}");
        }
        let plus =
            ServerExchange::begin(b"n,,n=u,r=abc", Mechanism::Plus, Some(b"hash"), secret(), "x");
        assert!(plus.is_err());
        let finish = |message: &str| {
            let (server, _) =
                ServerExchange::begin(b"n,,n=,r=abc", Mechanism::Plain, None, secret(), "def")
                    .unwrap();
            server.finish(message.as_bytes()).is_err()
        };
        for message in [
            "",
            "c=biws",
            "c=biws,r=abcdef",
            "c=biws,r=abcdef,p=",
            "c=biws,r=abcdef,p=!",
            "c=biws,r=other,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "c=eSws,r=abcdef,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "r=abcdef,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        ] {
            assert!(finish(message), "{message}");
        }
    }

    /// Text that looks like a message often enough.
    fn nearly() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 13] = [
            b"n,,n=,r=",
            b"p=tls-server-end-point,,",
            b"y,,",
            b",p=",
            b"c=biws,r=",
            b"abcdef",
            b",s=c2FsdA==,i=",
            b"4096",
            b"v=",
            b",",
            b"=",
            b"\xff\0",
            b"e=no",
        ];
        let piece = prop::sample::select(pieces.to_vec());
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_message_makes_either_side_panic(one in nearly(), two in nearly(), plus: bool) {
            let mechanism = if plus { Mechanism::Plus } else { Mechanism::Plain };
            // An iteration count of a few keeps the work small.
            let secret = ScramSecret::derive("p", b"salt", 1);
            let end_point = plus.then_some(&b"hash"[..]);
            let begun = ServerExchange::begin(&one, mechanism, end_point, secret, "def");
            if let Ok((server, _)) = begun {
                let proven = matches!(server.finish(&two), Ok(ProofVerdict::Proven { .. }));
                prop_assert!(!proven);
            }
            let credential = Credential::Password("p".into());
            let (client, _) = ClientBegun::new(credential, ChannelBinding::None, "abc");
            if let Ok((client, _)) = client.answer(&one) {
                prop_assert!(client.verify(&two).is_err());
            }
        }
    }
}
