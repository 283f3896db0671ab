//! Query and Parse that are too long to be held: only zero bytes are mended, while they arrive. Decides; may
//! not send anything.

use super::question::park_all;
use super::role;
use crate::rewrite;
use crate::session::ask::parking::{Parking, Tried};
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame, Passing};
use crate::session::prepared::Prepared;
use crate::session::replies::{CopyStart, Expected, Failing, Request};
use crate::session::step::Mend;
use crate::statement::Effects;
use crate::value::{NulPolicy, QueryScanner};
use crate::wire::{self, FAILING_SQL, HEAD_BYTES, OwnError, tag};

/// A Query of which nothing is read may do anything; but of settings it is not asked.
pub(in crate::session) const EFFECTS: Effects =
    Effects::CHANGES_RELATIONS.and(Effects::CHANGES_LEXING).and(Effects::CHANGES_USER);

/// A Query or Parse that is longer than a text that is read.
pub(in crate::session) fn long_text(
    frame: &Frame<'_>,
    prepared: &mut Prepared,
    parking: &Parking,
    settling: &Settling,
    tried: Tried,
    context: &Context,
) -> Decision {
    let head = frame.head;
    let is_query = head.tag == tag::QUERY;
    if let Some(question) = role::of_unknown(settling, context) {
        return Decision::ask(question, !is_query);
    }
    if rewrite::are_ruled(&context.rules()) {
        let error = OwnError::new("54000", "the statement is too long to be renamed")
            .with_hint("Send it in parts, or raise limits.statement_bytes.");
        let (request, instead) = match is_query {
            true => (Request::Query, wire::query(FAILING_SQL)),
            false => (Request::Parse, wire::parse("", FAILING_SQL)),
        };
        if is_query {
            prepared.on_query();
        }
        let expected = Expected::failing(request, error, Failing::Script);
        return Decision::outgoing(Some(expected), Passing::Dropped(instead));
    }
    // What is that long holds rows.
    if parking.is_due(settling.parks(context), tried, context) {
        return Decision::ask(park_all(&context.policy), !is_query);
    }
    if is_query {
        prepared.on_query();
        let expected = Expected::new(Request::Query).starting(CopyStart::Unread);
        let mends = context.settings.rewrite && context.policy.values.nul == NulPolicy::Space;
        let mend = match mends {
            true => Mend::Query(QueryScanner::new(head.body_bytes())),
            false => Mend::Nothing,
        };
        return Decision::outgoing(Some(expected), Passing::Arriving(mend));
    }
    // The name stands for another statement now. The target reads no more of it than this.
    const NAME_BYTES: usize = 64;
    let there = frame.rest.get(HEAD_BYTES..).unwrap_or_default();
    let name = match wire::cstring(there) {
        Some((name, _)) => name,
        None if there.len() < NAME_BYTES => return Decision::Later,
        None => there,
    };
    prepared.forget_kinds(name);
    prepared.note_unrecorded();
    prepared.note_written(name, None);
    let undo = prepared.prepare(name, None);
    let expected = Expected::new(Request::Parse).undone_by(undo);
    Decision::pass_owing(expected.starting(CopyStart::Unread))
}
