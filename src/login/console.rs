//! Logins to the console: by a file of its own, as `auth` says, or by the target, whose session is closed at once.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::frames::whole_frames;
use super::{
    Client, Login, LoginRefusal, OwnLogins, STARTUP, Startup, greeted, passthrough, prove,
};
use crate::auth::{Salts, Users};
use crate::config::Limits;
use crate::wire::{self, OwnError, StartupPacket, StartupParameters, tag};

/// The users of `admin.users_file`.
pub(super) fn users(file: PathBuf) -> io::Result<OwnLogins> {
    let users = Users::new(file, Salts::of_process()?)?;
    Ok(OwnLogins { users, look_up: None, target_users: Default::default(), target_user: None })
}

impl Login {
    /// Checks who a client of the console is, within `limits.startup_timeout`. The inner error is for the
    /// client. `database` is the one of the target by whose login it may be checked.
    ///
    /// # Errors
    /// A peer has gone.
    pub async fn check_console(
        &self,
        client: &mut Client,
        wanted: &StartupParameters,
        database: &str,
        limits: &Limits,
    ) -> io::Result<Result<(), LoginRefusal>> {
        let of_console = self.console.as_ref().filter(|console| console.users.names(&wanted.user));
        let checked = async {
            match of_console.or(self.own.as_ref()) {
                Some(own) => {
                    let proven =
                        prove::prove(client, (own, &self.refused), &self.target, wanted).await?;
                    Ok(proven.map(drop).map_err(LoginRefusal::from))
                }
                None => self.check_by_target(client, wanted, database).await,
            }
        };
        let timeout = Duration::from_secs(limits.startup_timeout);
        tokio::time::timeout(timeout, checked)
            .await
            .unwrap_or_else(|_| Ok(Err(super::late("no login within limits.startup_timeout"))))
    }

    async fn check_by_target(
        &self,
        client: &mut Client,
        wanted: &StartupParameters,
        database: &str,
    ) -> io::Result<Result<(), LoginRefusal>> {
        let packet = wire::with_user(STARTUP, &wanted.user, database);
        let mut opened = match passthrough::open(&self.target, &packet).await {
            Ok(opened) => opened,
            Err(error) => {
                let refusal = self
                    .unreachable(&error)
                    .with_hint("admin.users_file names users whom the proxy checks itself.");
                return Ok(Err(refusal.into()));
            }
        };
        if let Err(error) = passthrough::pass_log_in(client, &mut opened).await? {
            return Ok(Err(error.into()));
        }
        let parameters = match wire::startup_packet(&packet) {
            StartupPacket::Session(parameters) => Some(parameters),
            _ => None,
        };
        let startup = Startup { packet, parameters };
        let opened = match greeted(opened, client, &startup, &self.refused).await {
            Ok(opened) => opened,
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(match has_session(&opened.said) {
            true => Ok(()),
            false => {
                let message = "the target asks for a login that the console does not know";
                Err(OwnError::new("28000", message).into())
            }
        })
    }
}

/// Whether a target has said that the login is right, and gone on to a session.
fn has_session(said: &[u8]) -> bool {
    let is_right =
        wire::authentication(said).map(|(code, _)| code) == Some(wire::AUTHENTICATION_OK);
    let is_key = |tag| matches!(tag, tag::BACKEND_KEY_DATA | tag::READY_FOR_QUERY);
    is_right && whole_frames(said, super::GREETING_BYTES_MAX).any(|(tag, _)| is_key(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_of_the_targets_proves_a_login() {
        let right = wire::with_body(tag::AUTHENTICATION, &[&[0; 4]]);
        let asks = wire::with_body(tag::AUTHENTICATION, &[&[0, 0, 0, 7]]);
        let key = wire::with_body(tag::BACKEND_KEY_DATA, &[&[0; 8]]);
        let error = wire::with_body(tag::ERROR_RESPONSE, &[b"SFATAL\0\0"]);
        assert!(has_session(&[right.clone(), key.clone()].concat()));
        let (asked, failed) = ([asks, key.clone()].concat(), [right.clone(), error].concat());
        for said in [&[][..], &right, &key, &asked, &failed] {
            assert!(!has_session(said), "{said:?}");
        }
    }
}
