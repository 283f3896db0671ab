//! What is said of a role that is of no use, and of a target that serves others by the same session. Decides
//! nothing.

use crate::wire::OwnError;

/// The error where a pooler stands in front of the target.
pub(super) fn pooled(key: i32, process: i32) -> OwnError {
    let message =
        "the target is behind a pooler: what the proxy sets would reach its other clients";
    OwnError {
        detail: Some(format!("The login's key names process {key}, the server says {process}.")),
        ..OwnError::new("0A000", message)
    }
    .with_hint(
        "Connect the proxy to the server itself. Where each client keeps its session of the server \
         (pgbouncer's pool_mode = session), set target.pooler = \"session\".",
    )
}

/// The WARNING where the role is of no use: shards are tables of other sessions, on other servers.
pub(super) fn role_on_citus() -> OwnError {
    let message =
        "foreign keys stay on: session_replication_role does not reach the shards of Citus";
    OwnError::new("0A000", message).with_hint(
        "Set fk.mode = \"park\", or fk.on_denied = \"park\", and load as the owner of the tables.",
    )
}
