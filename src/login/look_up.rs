//! Users that `auth.users_file` does not name: the target is asked for them, in a session of the
//! proxy's own that lasts for one question. Of SQL it knows that question and the settings it needs.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::frames::{FRAME_BYTES_MAX, LoginFrame, read_frame};
use super::{STARTUP, send, target_login, unreachable_target};
use crate::auth::{User, Users};
use crate::config::Auth;
use crate::repeats::Repeats;
use crate::stream::Stream;
use crate::target::Target;
use crate::wire::{self, OwnError, StartupParameters, tag};

/// Questions at a time, so that people who cannot log in do not take all connections of the target
/// from those who can.
const AT_ONCE_MAX: usize = 8;

/// How users are looked up.
#[derive(Debug)]
pub(super) struct UserLookUp {
    user: String,
    sql: String,
    /// `None`: the one that the client wants.
    database: Option<String>,
    at_once: Semaphore,
    /// Times when the target could not be reached.
    unreachable: Repeats,
}

impl UserLookUp {
    /// As `[auth]` says; `None` where it does not ask for it.
    pub(super) fn new(auth: &Auth) -> Option<UserLookUp> {
        Some(UserLookUp {
            user: auth.query_user.clone()?,
            sql: auth.query.clone(),
            database: auth.query_database.clone(),
            at_once: Semaphore::new(AT_ONCE_MAX),
            unreachable: Repeats::default(),
        })
    }

    /// Finds the user that a client wants to be, while that client waits for its challenge; ends
    /// when the client does. The inner error is for the client.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) async fn find(
        &self,
        target: &Target,
        users: &Users,
        client: &mut Stream,
        wanted: &StartupParameters,
    ) -> io::Result<Result<User, OwnError>> {
        let (mut byte, mut running) = ([0], Vec::new());
        let outcome = tokio::select! {
            outcome = self.ask_target(target, users, wanted, &mut running) => Ok(outcome),
            // A client has nothing to say before the challenge.
            read = client.read(&mut byte) => Err(read),
        };
        if !running.is_empty() {
            let packet = wire::cancel_request(&running);
            if let Err(error) = target.cancel(&packet, target.connect_timeout()).await {
                tracing::warn!(event = "cancel_failed", %error, "an auth.query that nobody waits for was not cancelled");
            }
        }
        Ok(match outcome {
            Ok(Ok(Ok(secret))) => Ok(users.looked_up(&wanted.user, secret)),
            Ok(Ok(Err(reason))) => {
                tracing::error!(
                    event = "auth_query_failed",
                    query_user = self.user,
                    "auth.query failed: {reason}"
                );
                let message = "the proxy cannot look up who may log in";
                let hint = "Its auth.query or auth.query_user is at fault; its log says why.";
                Err(OwnError::new("58000", message).with_hint(hint))
            }
            Ok(Err(error)) => Err(unreachable_target(target, &error, &self.unreachable)),
            Err(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(Ok(_)) => {
                Err(OwnError::new("08P01", "unexpected message before the SASL challenge"))
            }
            Err(Err(gone)) => return Err(gone),
        })
    }

    /// What the target has stored; the inner error is for the log. Where it does not come to an end,
    /// `running` has the key of the session that it leaves.
    async fn ask_target(
        &self,
        target: &Target,
        users: &Users,
        wanted: &StartupParameters,
        running: &mut Vec<u8>,
    ) -> io::Result<Result<Option<String>, String>> {
        let _one_of_a_few = self.at_once.acquire().await.map_err(io::Error::other)?;
        let conversation = self.converse(target, users, wanted, running);
        tokio::time::timeout(target.connect_timeout(), conversation).await.unwrap_or_else(|_| {
            let reason = "auth.query has no answer within target.connect_timeout";
            Err(io::Error::new(io::ErrorKind::TimedOut, reason))
        })
    }

    async fn converse(
        &self,
        target: &Target,
        users: &Users,
        wanted: &StartupParameters,
        running: &mut Vec<u8>,
    ) -> io::Result<Result<Option<String>, String>> {
        let database = self.database.as_ref().unwrap_or(&wanted.database);
        let packet = wire::with_user(STARTUP, &self.user, database);
        let credential = users.credential_of(&self.user);
        let opened = target_login::log_in(target, None, &packet, &self.user, &credential).await?;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(OwnError { message, hint, .. }) => {
                return Ok(Err(format!("{message}. {}", hint.unwrap_or_default())));
            }
        };
        if opened.said.first() == Some(&tag::ERROR_RESPONSE) {
            return Ok(Err(described(opened.said.get(wire::HEAD_BYTES..).unwrap_or_default())));
        }
        let timeout = target.connect_timeout();
        let answer = ask(&mut opened.target, &self.sql, &wanted.user, timeout, running).await;
        running.clear();
        let answer = answer?;
        // It has said all that was asked, so how it ends does not matter.
        let _ = send(&mut opened.target, &wire::with_body(tag::TERMINATE, &[])).await;
        let _ = opened.target.shutdown().await;
        Ok(answer)
    }
}

/// Asks a target that has said AuthenticationOk for what it has stored of the user `name`; `None`
/// where that is nothing. The target is told to give up after `timeout`. While it is busy,
/// `running` has its BackendKeyData. The inner error says what is wrong with the target or with
/// `sql`, and shows no secret.
///
/// # Errors
/// The target has gone.
pub async fn ask(
    target: &mut Stream,
    sql: &str,
    name: &str,
    timeout: Duration,
    running: &mut Vec<u8>,
) -> io::Result<Result<Option<String>, String>> {
    // The owner of a database sets the path of all who come to it, and what is found along that
    // path would run with the rights of this session.
    let settings = format!(
        "SET search_path = pg_catalog, pg_temp; SET statement_timeout = {}",
        timeout.as_millis().min(i32::MAX.unsigned_abs().into())
    );
    let mut answer = LookUpAnswer::default();
    for question in [Vec::new(), wire::query(&settings), wire::question(sql, name, 2)] {
        answer = LookUpAnswer::default();
        send(target, &question).await?;
        loop {
            let frame = read_frame(target, FRAME_BYTES_MAX).await?;
            match frame.tag {
                tag::READY_FOR_QUERY => break,
                tag::BACKEND_KEY_DATA => *running = frame.body().to_vec(),
                _ => {}
            }
            if let Err(reason) = answer.take(&frame) {
                return Ok(Err(reason));
            }
        }
    }
    Ok(answer.secret_of(name))
}

/// What has come of an answer.
#[derive(Default)]
struct LookUpAnswer {
    columns: usize,
    rows: usize,
    /// The first row, as bytes.
    row: Vec<Option<Vec<u8>>>,
}

impl LookUpAnswer {
    /// Takes what the target says, as far as it matters. The error is for the log.
    fn take(&mut self, frame: &LoginFrame) -> Result<(), String> {
        match frame.tag {
            tag::ROW_DESCRIPTION => {
                let columns = frame.body().first_chunk().copied().unwrap_or_default();
                self.columns = usize::from(u16::from_be_bytes(columns));
            }
            tag::DATA_ROW => {
                let row = wire::data_row_text(frame.body()).ok_or("a broken row")?;
                if self.rows == 0 {
                    self.row = row.into_iter().map(|value| value.map(<[u8]>::to_vec)).collect();
                }
                self.rows = self.rows.saturating_add(1);
            }
            tag::ERROR_RESPONSE => return Err(described(frame.body())),
            0 => return Err("the target sent what is no message, or too long a one".into()),
            _ => {}
        }
        Ok(())
    }

    /// The password or secret of `name`, if it is there. What is wrong with one user alone is logged
    /// and means that there is none: a client may not see the difference.
    fn secret_of(self, name: &str) -> Result<Option<String>, String> {
        if self.columns != 2 {
            return Err(format!("it gives {} columns, not user and password", self.columns));
        }
        if self.rows > 1 {
            return Err("it gives more than one row".into());
        }
        match <[_; 2]>::try_from(self.row) {
            Err(row) if row.is_empty() => Ok(None),
            Err(row) => Err(format!("a row of {} columns", row.len())),
            Ok([_, None]) => Ok(None),
            Ok([Some(found), Some(secret)]) if found == name.as_bytes() => {
                let secret = String::from_utf8(secret).inspect_err(|_| {
                    tracing::warn!(event = "user_unusable", user = %wire::logged(name), "auth.query: a password that is not UTF-8");
                });
                Ok(secret.ok())
            }
            Ok(_) => {
                tracing::warn!(event = "user_unusable", user = %wire::logged(name), "auth.query: the row is another user's");
                Ok(None)
            }
        }
    }
}

/// SQLSTATE and message of an error.
fn described(error: &[u8]) -> String {
    let field = |code| wire::printable(wire::error_field(error, code).unwrap_or_default());
    format!("the target says {} {}", field(b'C'), field(b'M'))
}
