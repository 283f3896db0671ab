//! What comes first for Bind, Execute and FunctionCall, so that they run under the role that they want. Decides;
//! may not send anything.

use super::basis::Basis;
use super::{bind, execute, role};
use crate::catalog::Catalog;
use crate::session::ask::Delivery;
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame};
use crate::session::pipeline::Pipeline;
use crate::session::prepared::Prepared;
use crate::session::replies::Replies;
use crate::wire::tag;

/// Whether a message with this tag may want another role than the one in force.
#[inline]
pub(in crate::session) fn concerns(frame_tag: u8, prepared: &Prepared, context: &Context) -> bool {
    let may = match frame_tag {
        // A statement that is not remembered reads, and no more.
        tag::BIND | tag::EXECUTE => prepared.is_known() || prepared.has_unrecorded(),
        tag::FUNCTION_CALL => true,
        _ => false,
    };
    may && context.settings.switches_role()
}

/// What has to be asked, set or parked before a Bind, an Execute or a FunctionCall, so that it runs under the
/// role that it wants; `None` where nothing has to be. For messages that [`concerns`] says it of.
pub(in crate::session) fn first(
    frame: &Frame<'_>,
    prepared: &Prepared,
    catalog: &mut Catalog,
    (replies, pipeline): (&Replies, &Pipeline),
    basis: Basis<'_>,
) -> Option<Decision> {
    let Basis { context, settling, .. } = basis;
    let frame_tag = frame.head.tag;
    let is_unsure = frame_tag == tag::FUNCTION_CALL
        && !pipeline.is_certain(!replies.is_empty())
        && role::of_unknown(settling, context).is_some();
    if is_unsure || role::waits(replies, pipeline, settling, context) {
        return Some(Decision::Flush);
    }
    let plan = match frame_tag {
        tag::BIND => bind::statement_there(frame).map(|name| prepared.statement(name)),
        tag::EXECUTE => execute::portal_there(frame).map(|name| prepared.portal(name)),
        _ => Some(None),
    };
    let Some(plan) = plan else { return Some(Decision::Later) };
    let question = match plan {
        Some(plan) => role::of_plan(plan, catalog, basis),
        None if frame_tag == tag::FUNCTION_CALL || prepared.has_unrecorded() => {
            role::of_unknown(settling, context)
        }
        None => None,
    };
    question.map(|question| match frame_tag {
        // By messages with a name: the client's unnamed statement has to survive.
        tag::FUNCTION_CALL if !pipeline.is_open() => Decision::ask_by(question, Delivery::Group),
        _ => Decision::ask(question, true),
    })
}
