//! The gate in front of the client's messages: which frame the target skips, which one waits, and what of
//! ours comes first. Decides; may not send anything.

use super::ask::parking::Tried;
use super::ask::settling::Settling;
use super::ask::{Asking, CANCELLED, Delivery, Question};
use super::client_side::{ClientSide, Drops};
use super::context::Context;
use super::decision::{Decision, Frame, Passing};
use super::message::{bind, execute};
use super::prepared::Prepared;
use super::protocol::Protocol;
use super::replies::{Expected, Failing, Replies, Request};
use crate::wire::{self, FAILING_SQL, OwnError, tag};

/// Whether nothing stands in front of a message, whichever it is: what [`skipped`] and [`held`] look at in
/// turn, in one look, as it is for nearly all.
#[inline]
pub(super) fn is_clear(
    client: &ClientSide,
    replies: &Replies,
    asking: &Asking,
    settling: &Settling,
    prepared: &Prepared,
    context: &Context,
) -> bool {
    client.drops == Drops::None
        && !client.copy_in.is_open()
        && !client.pipeline.is_ending()
        && !asking.has_failure()
        && !settling.waits()
        && !prepared.may_have_unsure()
        && replies.is_clear(context.policy.replies_max)
}

/// Whether nothing stands in front of a CopyData.
#[inline]
pub(super) fn is_clear_for_rows(client: &ClientSide, replies: &Replies, asking: &Asking) -> bool {
    client.copy_in.goes_in_place()
        && client.drops == Drops::None
        && !replies.is_skipping()
        && !asking.has_failure()
}

/// What becomes of a frame that the target skips, as it does behind an error in a pipeline; `None` for one
/// that it does not skip.
pub(super) fn skipped(
    frame: &Frame<'_>,
    client: &mut ClientSide,
    replies: &Replies,
    asking: &mut Asking,
) -> Option<Decision> {
    let frame_tag = frame.head.tag;
    let is_sync = frame_tag == tag::SYNC;
    match client.drops {
        Drops::None => {}
        Drops::ToSync if is_sync || frame_tag == tag::TERMINATE => {
            client.drops = Drops::None;
            return None;
        }
        _ if !frame.first => return Some(Decision::Later),
        drops => {
            let to_sync = drops == Drops::ToSync;
            client.drops = if to_sync { drops } else { Drops::None };
            return Some(Decision::outgoing(None, Passing::Dropped(Vec::new())));
        }
    }
    if !replies.is_skipping() || is_sync {
        return None;
    }
    client.text = None;
    if frame_tag == tag::QUERY && asking.is_swept() {
        if !frame.first {
            return Some(Decision::Later);
        }
        // It met the error of our question. The target would skip it and what comes after it; a
        // Sync gives the ReadyForQuery that its own failure would have given.
        client.pipeline.end();
        asking.forget_swept();
        let sync = Passing::Dropped(wire::with_body(tag::SYNC, &[]));
        return Some(Decision::outgoing(Some(Expected::new(Request::Sync)), sync));
    }
    asking.forget_swept();
    client.is_terminated |= frame_tag == tag::TERMINATE;
    Some(Decision::pass())
}

/// Whether the frame has to wait, or something of ours comes first; `None` where it is judged by its tag.
pub(super) fn held(
    frame: &mut Frame<'_>,
    client: &mut ClientSide,
    replies: &Replies,
    asking: &mut Asking,
    settling: &mut Settling,
    prepared: &mut Prepared,
    context: &mut Context,
) -> Option<Decision> {
    if asking.has_failure()
        && let Some(decision) = fail_cancelled(frame, client, !replies.is_empty(), asking, prepared)
    {
        return Some(decision);
    }
    let is_open = client.copy_in.is_open();
    match frame.head.tag {
        // A COPY takes these, and ignores a Flush and a Sync among its rows.
        tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL | tag::FLUSH => return None,
        tag::SYNC if is_open => return None,
        tag::TERMINATE if is_open || replies.may_start_copy() => return None,
        _ => {}
    }
    if replies.len() >= context.policy.replies_max {
        return Some(Decision::Flush);
    }
    if frame.head.tag == tag::SYNC {
        return None;
    }
    let probe = Question::Probe(frame.head.tag);
    if replies.doubt().is_some() {
        return Some(Decision::ask_by(probe, Delivery::Probe));
    }
    if is_open {
        let is_certain =
            client.copy_in.protocol() == Protocol::Extended && !replies.has_early_syncs();
        // It fails there, or the COPY has failed before and the target skips it: it is not read.
        return Some(match is_certain {
            true => Decision::pass(),
            false => Decision::ask_by(probe, Delivery::Probe),
        });
    }
    if replies.may_start_copy() || replies.has_early_syncs() {
        return Some(Decision::Flush);
    }
    if client.pipeline.is_ending() {
        // No COPY has come of it.
        client.pipeline.end();
    }
    if frame.head.tag == tag::TERMINATE {
        return None;
    }
    settle_later(frame.first, !replies.is_empty(), settling, context)
        .or_else(|| waits_for_parse(frame, replies.parses_answered(), prepared))
}

/// Settling that had to wait comes before any other message, once all that is on its way is answered.
fn settle_later(
    first: bool,
    is_owed: bool,
    settling: &mut Settling,
    context: &mut Context,
) -> Option<Decision> {
    if !settling.waits() {
        return None;
    }
    if is_owed {
        return Some(Decision::Flush);
    }
    if !first {
        return Some(Decision::Later);
    }
    let settle = match settling.on_stated(context) {
        Some(settle) => settle,
        None => {
            let effects = settling.take_later()?;
            settling.begin_answered(effects, context)?
        }
    };
    Some(Decision::ask(Question::Settle(settle), true))
}

/// Where a question was cancelled for the message that comes now, that fails with it: in its place the
/// target gets a message that can only fail, and nothing else of it is looked at.
fn fail_cancelled(
    frame: &Frame<'_>,
    client: &mut ClientSide,
    is_owed: bool,
    asking: &mut Asking,
    prepared: &mut Prepared,
) -> Option<Decision> {
    let frame_tag = frame.head.tag;
    let (request, failing) = match frame_tag {
        tag::QUERY => (Request::Query, wire::query(FAILING_SQL)),
        // It calls nothing, for which the server looks nowhere.
        tag::FUNCTION_CALL => (Request::FunctionCall, wire::with_body(frame_tag, &[])),
        // There is no portal of our name while nothing is asked. The client's names stay as they are.
        tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE => {
            (Request::Execute, wire::execute(asking.name()))
        }
        tag::FLUSH | tag::TERMINATE => return None,
        _ => {
            asking.take_failure();
            return None;
        }
    };
    if !frame.first {
        return Some(Decision::Later);
    }
    let message = asking.take_failure()?;
    client.text = None;
    client.tried = Tried::default();
    if request == Request::Query {
        prepared.close_unnamed();
    }
    if request == Request::Execute {
        client.pipeline.note_stage(tag::EXECUTE);
    } else {
        client.pipeline.note_query(is_owed);
    }
    let error = OwnError::new(CANCELLED, message);
    let expected = Expected::failing(request, error, Failing::Script);
    Some(Decision::outgoing(Some(expected), Passing::Dropped(failing)))
}

/// A message behind a Sync that names a statement whose Parse is not yet answered waits: should the
/// Parse have failed, the name is still another statement's.
fn waits_for_parse(
    frame: &mut Frame<'_>,
    answered: u64,
    prepared: &mut Prepared,
) -> Option<Decision> {
    if !prepared.has_unsure(answered) {
        return None;
    }
    let Some(body) = bind::body_there(frame.head, frame.rest) else { return Some(Decision::Later) };
    let name = execute::statement_named(frame.head.tag, body)?;
    prepared.is_unsure(name, answered).then_some(Decision::Wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;
    use crate::statement::Effects;
    use crate::wire::Head;

    /// All that the gate looks at.
    struct Gate {
        client: ClientSide,
        replies: Replies,
        asking: Asking,
        settling: Settling,
        prepared: Prepared,
        context: Context,
    }

    impl Gate {
        fn new(toml: &str) -> Gate {
            Gate {
                client: ClientSide::default(),
                replies: Replies::default(),
                asking: Asking::new("ours".into()),
                settling: Settling::default(),
                prepared: Prepared::new(1000),
                context: context(toml),
            }
        }

        fn is_clear(&self) -> bool {
            let Gate { client, replies, asking, settling, prepared, context } = self;
            is_clear(client, replies, asking, settling, prepared, context)
        }

        /// What becomes of a message; that a clear gate holds none is checked on the way.
        fn decide(&mut self, frame_tag: u8, first: bool) -> Option<Decision> {
            let is_clear = self.is_clear();
            let decision = self.decided(frame_tag, first);
            assert!(!is_clear || decision.is_none(), "{frame_tag}");
            decision
        }

        fn decided(&mut self, frame_tag: u8, first: bool) -> Option<Decision> {
            let mut rest = wire::with_body(frame_tag, &[b"\0"]);
            let head = Head { tag: frame_tag, frame_bytes: rest.len() };
            let mut frame = Frame { head, rest: &mut rest, first };
            let Gate { client, replies, asking, settling, prepared, context } = self;
            skipped(&frame, client, replies, asking)
                .or_else(|| held(&mut frame, client, replies, asking, settling, prepared, context))
        }
    }

    #[test]
    fn nothing_stands_in_front_of_a_plain_message() {
        let mut gate = Gate::new("");
        assert!(gate.is_clear());
        for frame_tag in *b"QPBEDCSHXF" {
            assert!(gate.decide(frame_tag, true).is_none(), "{frame_tag}");
        }
    }

    #[test]
    fn answers_that_are_owed_are_bounded() {
        let mut gate = Gate::new("[limits]\npipeline_messages = 1");
        gate.replies.push(Expected::new(Request::Query));
        assert!(matches!(gate.decide(b'Q', true), Some(Decision::Flush)));
        assert!(gate.decide(b'H', true).is_none());
    }

    fn is_dropped(decision: &Option<Decision>) -> bool {
        let Some(Decision::Send(outgoing)) = decision else { return false };
        outgoing.expected.is_none() && matches!(outgoing.passing, Passing::Dropped(_))
    }

    #[test]
    fn messages_are_dropped_up_to_a_sync() {
        let mut gate = Gate::new("");
        gate.client.drops = Drops::ToSync;
        assert!(matches!(gate.decide(b'P', false), Some(Decision::Later)));
        let dropped = gate.decide(b'P', true);
        assert!(is_dropped(&dropped));
        assert!(gate.decide(b'S', true).is_none());
        assert_eq!(gate.client.drops, Drops::None);
    }

    #[test]
    fn what_the_target_skips_is_not_looked_at() {
        let mut gate = Gate::new("");
        gate.replies.push(Expected::new(Request::Parse));
        gate.replies.on_error();
        assert!(matches!(gate.decide(b'Q', false), Some(Decision::Pass(None))));
        assert!(gate.decide(b'S', false).is_none());
    }

    #[test]
    fn settling_that_waits_comes_first() {
        let mut gate = Gate::new("");
        gate.settling.note_for_later(Effects::TOUCHES_SETTINGS);
        gate.replies.push(Expected::new(Request::Query));
        assert!(matches!(gate.decide(b'Q', true), Some(Decision::Flush)));
        gate.replies.on_ready();
        assert!(matches!(gate.decide(b'Q', false), Some(Decision::Later)));
        assert!(matches!(gate.decide(b'Q', true), Some(Decision::Ask(..))));
        assert!(gate.decide(b'Q', true).is_none());
    }
}
