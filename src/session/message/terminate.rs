//! Terminate: what was changed is written first, where the target can take it. Decides; may not send anything.

use crate::catalog::Catalog;
use crate::session::ask::{Delivery, Question};
use crate::session::client_side::ClientSide;
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame};
use crate::session::report::Report;
use crate::wire::TransactionStatus;

/// The client ends the session by a Terminate; `is_owed` says that the target has not answered all that has gone.
pub(in crate::session) fn end(
    frame: &Frame<'_>,
    client: &mut ClientSide,
    report: &mut Report,
    catalog: &Catalog,
    is_owed: bool,
    context: &Context,
) -> Decision {
    let is_idle = context.status == TransactionStatus::Idle
        && !is_owed
        && !client.copy_in.is_open()
        && !client.pipeline.is_open();
    if !client.is_terminated && is_idle && context.policy.writes_ledger {
        if !frame.first {
            return Decision::Later;
        }
        let (ledger, database) = (&context.common.ledger, &context.startup.database);
        let seen = catalog.seen_names();
        if let Some(entries) = report.begin_writing(seen, (ledger, database)) {
            // From here on the client waits for nothing.
            client.is_terminated = true;
            let sql = context.ledger_sql(&entries);
            return Decision::ask_by(Question::Ledger(sql), Delivery::Query);
        }
    }
    client.is_terminated = true;
    Decision::pass()
}
