//! What is said of a role that the target refuses. Decides nothing.

use crate::parking::spelling::quoted_identifier;
use crate::session::ask::CANCELLED;
use crate::wire::{Failure, OwnError};

/// Whether a failure says nothing about what was asked: it was cancelled, or the transaction had failed.
pub(super) fn is_passing(failure: &Failure) -> bool {
    matches!(failure.sqlstate.as_str(), CANCELLED | "25P02")
}

/// The WARNING for a refused role: foreign keys stay on, so nothing can go wrong silently.
pub(super) fn role_refused(user: &str, server_major: u32, failure: &Failure) -> OwnError {
    let quoted = quoted_identifier(user);
    let hint = if server_major >= 15 {
        format!(
            "As a superuser run: GRANT SET ON PARAMETER session_replication_role TO {quoted}; \
             on a managed service give the role its administrator role (rds_superuser) instead."
        )
    } else {
        "Before PostgreSQL 15 only a superuser may set it; on Amazon RDS grant rds_superuser, or set \
         session_replication_role in the parameter group."
            .to_owned()
    };
    OwnError {
        detail: Some(format!("The target said: {}.", failure.message)),
        ..OwnError::new("42501", "foreign keys stay on: session_replication_role could not be set")
    }
    .with_hint(hint)
}

/// The WARNING where the role is of no use: shards are tables of other sessions, on other servers.
pub(super) fn role_on_citus() -> OwnError {
    let message =
        "foreign keys stay on: session_replication_role does not reach the shards of Citus";
    OwnError::new("0A000", message).with_hint(
        "Set fk.mode = \"park\", or fk.on_denied = \"park\", and load as the owner of the tables.",
    )
}
