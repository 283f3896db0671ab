//! CommandComplete: what a statement that is complete did is counted, and what depends on it is told. Changes
//! nothing in the answer.

use super::ask::parking::Parking;
use super::ask::settling::Settling;
use super::context::Context;
use super::expected::Expected;
use super::replies::{Replies, Request};
use super::report::Report;
use super::telling;
use crate::ledger::SILENCED;
use crate::wire::{self, tag};

/// Event: a statement of the message at the front is complete; its CommandComplete has this body. `copied_out`
/// says that it is a COPY whose rows went to the client.
pub(super) fn on_complete(
    body: &[u8],
    copied_out: bool,
    (replies, report): (&mut Replies, &mut Report),
    (parking, settling): (&mut Parking, &mut Settling),
    context: &Context,
) {
    // The tag of COPY TO counts rows read; they were not loaded.
    if !copied_out {
        report.counts.rows += wire::command_rows(body);
        telling::completed(context.watched, body, replies.subject());
    }
    if context.watched.is_counted() {
        let tag = if copied_out { b"COPY" } else { body };
        context.watched.on_command(tag, replies.subject());
        replies.next_subject();
    }
    if replies.front().is_some_and(|front| !front.is_plain()) {
        let silenced = replies.front().and_then(Expected::silenced);
        if let Some(place) = silenced.filter(|_| !copied_out).cloned() {
            report.note(place, SILENCED, wire::command_rows(body), context.seconds());
        }
        report.note_prepared(replies.take_prepares(Request::Execute), context);
    }
    if body.starts_with(b"ROLLBACK") {
        parking.on_rollback();
        settling.role_mut().on_rollback();
    }
    if context.follows_own_words() {
        let tag = wire::cstring(body).map_or(body, |(tag, _)| tag);
        settling.on_complete(replies.take_word(), tag);
    }
    replies.on_completion(tag::COMMAND_COMPLETE);
}
