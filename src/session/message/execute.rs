//! Execute, Describe, Close and Sync: small messages, most of which name a statement or a portal. Decides, and
//! says what their answers have to become.

use std::rc::Rc;
use std::sync::Arc;

use super::question::park_all;
use crate::session::ask::parking::{Parking, Tried};
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame};
use crate::session::pipeline::Pipeline;
use crate::session::plan::Plan;
use crate::session::prepared::Prepared;
use crate::session::replies::{Adjust, CopyStart, Expected, Replies, Request, Treatment};
use crate::wire::{self, HEAD_BYTES, Head, TransactionStatus, tag};

/// The longest Describe, Execute or Close that the server takes.
///
/// Source: PostgreSQL, `PQ_SMALL_MESSAGE_LIMIT` in `src/include/libpq/libpq.h`.
const SMALL_BYTES_MAX: usize = 10_000;

/// What the target owes for a message behind a clear gate that is an Execute or a Sync of which nothing has to
/// be known, as nearly all are; it passes. `None` for any other message.
#[inline]
pub(in crate::session) fn plain(
    frame_tag: u8,
    pipeline: &mut Pipeline,
    replies: &Replies,
    prepared: &mut Prepared,
    settling: &Settling,
) -> Option<Request> {
    match frame_tag {
        tag::EXECUTE if !prepared.is_known() && !prepared.has_unrecorded() => {
            Some(Request::Execute)
        }
        tag::SYNC if !settling.has_due() => {
            pipeline.end();
            prepared.on_sync(replies.parses_answered());
            Some(Request::Sync)
        }
        _ => None,
    }
}

/// An Execute.
pub(in crate::session) fn execute(
    frame: &Frame<'_>,
    prepared: &Prepared,
    (parking, settling): (&Parking, &Settling),
    tried: Tried,
    context: &Context,
) -> Decision {
    let plain = || Decision::pass_answered(Request::Execute);
    if !prepared.is_known() {
        return plain();
    }
    let Some(body) = small_body(frame.head, frame.rest) else { return Decision::Later };
    let name = wire::cstring(body).map(|(name, _)| name);
    let Some(plan) = name.and_then(|name| prepared.portal(name)) else { return plain() };
    // Since the Parse a rollback may have brought foreign keys back.
    let loads = plan.effects.loads() && settling.parks(context);
    if parking.is_due(loads, tried, context) {
        return Decision::ask(park_all(&context.policy), true);
    }
    Decision::Execute(Rc::clone(plan))
}

/// The portal that an Execute names, once all of it is there.
pub(in crate::session) fn portal_there<'f>(frame: &'f Frame<'_>) -> Option<&'f [u8]> {
    let body = small_body(frame.head, frame.rest)?;
    Some(wire::cstring(body).map_or(&[][..], |(name, _)| name))
}

/// A Describe.
pub(in crate::session) fn describe(frame: &Frame<'_>, prepared: &Prepared) -> Decision {
    if prepared.is_known() {
        let Some(body) = small_body(frame.head, frame.rest) else { return Decision::Later };
        let plan = match kind_and_name(body) {
            Some((b'S', name)) => prepared.statement(name),
            Some((b'P', name)) => prepared.portal(name).filter(|plan| plan.renames_replies()),
            _ => None,
        };
        if let Some(plan) = plan {
            return Decision::pass_owing(expected_of_describe(plan));
        }
    }
    Decision::pass_answered(Request::Describe)
}

/// A Close.
pub(in crate::session) fn close(frame: &Frame<'_>, prepared: &mut Prepared) -> Decision {
    if prepared.is_known() {
        let Some(body) = small_body(frame.head, frame.rest) else { return Decision::Later };
        if let Some((kind, name)) = kind_and_name(body) {
            prepared.close(kind, name);
        }
    }
    Decision::pass_answered(Request::Close)
}

/// A Sync; `is_copying` says that the target takes rows.
pub(in crate::session) fn sync(
    frame: &Frame<'_>,
    is_copying: bool,
    pipeline: &mut Pipeline,
    replies: &Replies,
    prepared: &mut Prepared,
    settling: &mut Settling,
    context: &Context,
) -> Decision {
    if is_copying {
        // The target ignores it, unless it has met an error before.
        return Decision::pass_answered(Request::EarlySync);
    }
    if replies.may_start_copy() {
        // Should it start, the target ignores this Sync: the one behind the rows settles.
        pipeline.note_uncertain_sync();
        return Decision::pass_answered(Request::Sync);
    }
    let syncs_are_unsure = replies.has_early_syncs() || replies.doubt().is_some();
    if !frame.first && settling.is_due_at_sync() && !syncs_are_unsure {
        return Decision::Later;
    }
    pipeline.end();
    prepared.on_sync(replies.parses_answered());
    if syncs_are_unsure {
        // Which of the Syncs the target answers is not known yet, so nothing can be asked behind this one.
        settling.postpone();
    }
    match settling.take_for_sync(context.status == TransactionStatus::Open) {
        Some(effects) => Decision::Settle(effects),
        None => Decision::pass_answered(Request::Sync),
    }
}

/// The body of a message that holds little more than a name, once it is there as a whole. One that is longer
/// than the server takes has an empty body here, and ends the session there.
fn small_body(head: Head, rest: &[u8]) -> Option<&[u8]> {
    if head.frame_bytes > SMALL_BYTES_MAX {
        return Some(&[]);
    }
    rest.get(HEAD_BYTES..head.frame_bytes)
}

/// The body of Describe and of Close: `S` or `P`, and a name.
fn kind_and_name(body: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, rest) = body.split_first()?;
    Some((kind, wire::cstring(rest)?.0))
}

/// The prepared statement that a message names, of whose body the front is there.
pub(in crate::session) fn statement_named(frame_tag: u8, body: &[u8]) -> Option<&[u8]> {
    match frame_tag {
        tag::PARSE => wire::cstring(body).map(|(name, _)| name).filter(|name| !name.is_empty()),
        tag::BIND => wire::bound_statement(body),
        tag::DESCRIBE | tag::CLOSE => {
            kind_and_name(body).filter(|(kind, _)| *kind == b'S').map(|(_, name)| name)
        }
        _ => None,
    }
}

/// What the target owes for an Execute of a statement with this plan.
pub(in crate::session) fn expected_of_execute(plan: &Plan) -> Expected {
    let mut treatment = Adjust::positions(&plan.positions);
    if !plan.completions.is_empty() {
        let mut adjust = match treatment {
            Treatment::Adjust(adjust) => adjust,
            _ => Box::default(),
        };
        adjust.completions = plan.completions.clone();
        treatment = Treatment::Adjust(adjust);
    }
    let expected = Expected::with(Request::Execute, treatment);
    let words = plan.said.word.iter().map(|word| Some((**word).clone())).collect();
    let expected = expected.saying(words);
    let expected = expected.preparing(plan.prepares.clone());
    let expected = expected.about(plan.subjects.clone());
    match plan.copies.as_slice() {
        [] => expected,
        copies => expected.starting(CopyStart::Streams(copies.iter().cloned().collect())),
    }
}

/// What the target owes for a Describe of a statement with this plan.
fn expected_of_describe(plan: &Plan) -> Expected {
    let described = plan.parameters.as_ref().map(Arc::clone);
    let treatment = match (Adjust::positions(&plan.positions), described) {
        (treatment, None) => treatment,
        (Treatment::Adjust(adjust), described) => {
            Treatment::Adjust(Box::new(Adjust { described, ..*adjust }))
        }
        (_, described) => Treatment::Adjust(Box::new(Adjust { described, ..Adjust::default() })),
    };
    Expected::with(Request::Describe, treatment)
}
