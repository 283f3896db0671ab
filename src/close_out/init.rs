//! Making schema `dms_proxy` on the target, as an administrator.

use super::journal::roll_back_on_error;
use super::{CloseOutError, Connection};

/// Runs the statements of [`crate::ledger::target::init_sql`], which are one transaction.
///
/// # Errors
/// A right is missing, or something of the schema belongs to a role that is not trusted; nothing was
/// changed then.
pub async fn init_target(target: &Connection, sql: &str) -> Result<(), CloseOutError> {
    let done = target.client().batch_execute(sql).await;
    roll_back_on_error(target, done.map_err(CloseOutError::from)).await
}
