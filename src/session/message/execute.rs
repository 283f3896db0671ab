//! Execute, Describe and Close: small messages that name a statement or a portal. Reads their bodies, and
//! says what their answers have to become.

use std::sync::Arc;

use crate::session::prepared::Plan;
use crate::session::replies::{Adjust, CopyStart, Expected, Request, Treatment};
use crate::wire::{self, HEAD_BYTES, Head, tag};

/// The longest Describe, Execute or Close that the server takes.
///
/// Source: PostgreSQL, `PQ_SMALL_MESSAGE_LIMIT` in `src/include/libpq/libpq.h`.
const SMALL_BYTES_MAX: usize = 10_000;

/// The body of a message that holds little more than a name, once it is there as a whole. One that is longer
/// than the server takes has an empty body here, and ends the session there.
pub(in crate::session) fn small_body(head: Head, rest: &[u8]) -> Option<&[u8]> {
    if head.frame_bytes > SMALL_BYTES_MAX {
        return Some(&[]);
    }
    rest.get(HEAD_BYTES..head.frame_bytes)
}

/// The body of Describe and of Close: `S` or `P`, and a name.
pub(in crate::session) fn kind_and_name(body: &[u8]) -> Option<(u8, &[u8])> {
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
    if let Some(tag) = plan.tag {
        let mut adjust = match treatment {
            Treatment::Adjust(adjust) => adjust,
            _ => Box::default(),
        };
        adjust.tags = [(0, tag)].into();
        treatment = Treatment::Adjust(adjust);
    }
    let expected = Expected::with(Request::Execute, treatment);
    let sets_lexing = plan.effects.changes_lexing();
    let expected = Expected { sets_lexing, ..expected };
    expected.starting(CopyStart::Streams(plan.copies.iter().cloned().collect()))
}

/// What the target owes for a Describe of a statement with this plan.
pub(in crate::session) fn expected_of_describe(plan: &Plan) -> Expected {
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
