//! Whether a target asks for a password at all, tried by a login that ends at its first answer.

use std::io;

use tokio::io::AsyncWriteExt as _;

use super::{STARTUP, passthrough, send};
use crate::target::Target;
use crate::wire::{self, tag};

/// Whether the target answers this user's login with AuthenticationOk before it has seen a password.
/// A role that is not there tells as much: the server looks for it afterwards.
///
/// # Errors
/// The target cannot be reached.
pub async fn lets_in_without_password(
    target: &Target,
    user: &str,
    database: &str,
) -> io::Result<bool> {
    let packet = wire::with_user(STARTUP, user, database);
    let mut opened = passthrough::open(target, &packet).await?;
    let code = wire::authentication(&opened.said).map(|(code, _)| code);
    // It has said all that was asked, so how it ends does not matter.
    let _ = send(&mut opened.target, &wire::with_body(tag::TERMINATE, &[])).await;
    let _ = opened.target.shutdown().await;
    Ok(code == Some(wire::AUTHENTICATION_OK))
}
