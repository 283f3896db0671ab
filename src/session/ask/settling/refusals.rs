//! What is said of a role that is of no use. Decides nothing.

use crate::wire::OwnError;

/// The WARNING where the role is of no use: shards are tables of other sessions, on other servers.
pub(super) fn role_on_citus() -> OwnError {
    let message =
        "foreign keys stay on: session_replication_role does not reach the shards of Citus";
    OwnError::new("0A000", message).with_hint(
        "Set fk.mode = \"park\", or fk.on_denied = \"park\", and load as the owner of the tables.",
    )
}
