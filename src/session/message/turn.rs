//! What a text has to wait for before it is read, so that it is read as the server will read it. Decides; may not
//! send anything.

use super::role;
use crate::session::ask::Question;
use crate::session::ask::parking::Parking;
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame};
use crate::session::pipeline::Pipeline;
use crate::session::replies::{LexingState, Replies};
use crate::wire::TransactionStatus;

/// What has to come before the text of a frame is read; `None` where it can be.
pub(in crate::session) fn held(
    frame: &Frame<'_>,
    pipeline: &Pipeline,
    replies: &mut Replies,
    parking: &Parking,
    settling: &Settling,
    context: &Context,
) -> Option<Decision> {
    if !frame.first {
        return Some(Decision::Later);
    }
    // In a pipeline the target may not answer before a Sync, so nothing waits there.
    if !replies.is_empty()
        && !pipeline.is_open()
        && settling.parks(context)
        && parking.awaits_status(context)
    {
        return Some(Decision::Wait);
    }
    if role::waits(replies, pipeline, settling, context) {
        return Some(Decision::Flush);
    }
    // While a statement is on its way that may change how the server reads texts, the next text waits. In
    // a pipeline the target does not tell, and is asked.
    match replies.lexing() {
        LexingState::Known => None,
        LexingState::Changing => Some(Decision::Flush),
        LexingState::Unsure
            if pipeline.is_open() && context.status != TransactionStatus::Aborted =>
        {
            Some(Decision::ask(Question::Lexing, true))
        }
        LexingState::Unsure => {
            replies.note_lexing_known();
            None
        }
    }
}
