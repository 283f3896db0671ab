//! Bind: its values are mended in place while they arrive, or, where columns or policies ask for more, fitted
//! to their columns as a whole. Decides; may not know what else is under way.

use std::sync::Arc;

use crate::ledger::Place;
use crate::rewrite::{Change, Parameters};
use crate::session::context::Context;
use crate::session::prepared::Statement;
use crate::value::{
    BindScanner, NulPolicy, ValueKind, ValueRule, first_bind_nul, rewrite_bind, without_bind_nuls,
};
use crate::wire::{self, ErrorAbout, HEAD_BYTES, Head, OwnError, tag};

/// Frames up to this size are judged when they are there as a whole; longer ones while they arrive.
pub(in crate::session) const WHOLE_BYTES_MAX: usize = 32 * 1024;

/// What becomes of a Bind.
#[derive(Debug)]
pub(in crate::session) enum BindVerdict {
    /// More of it has to arrive, or what is in front of it has to go first.
    Later,
    /// It passes while it arrives, unread.
    Unread,
    /// It passes; so many U+0000 were mended where they stand.
    InPlace { nuls: u64, not_judged: bool },
    /// It passes, and the scanner mends it while it arrives.
    Arriving { scanner: Box<BindScanner>, not_judged: bool },
    /// Another body takes its place, or none.
    Fitted { body: Option<Vec<u8>>, nuls: u64, removed: u64, changes: Vec<Change> },
    /// What its parameters hold has to be known first.
    AsksForKinds,
    /// A rule changes its values, and what is known of the relation may be old.
    AsksAgain,
    /// A value is refused.
    Refused(Box<OwnError>),
}

/// Decides over a Bind of which `body` is there.
///
/// # Errors
/// It is too long to be given the types that the target was told: the session ends.
pub(in crate::session) fn judge(
    head: Head,
    body: &mut [u8],
    first: bool,
    statement: &Statement,
    is_exact: bool,
    context: &Context,
) -> Result<BindVerdict, OwnError> {
    let policy = &context.policy;
    let parameters = statement.parameters.as_deref();
    let retyped = parameters.filter(|parameters| parameters.is_retyped());
    // What the target was told of a statement holds for it when rewriting is off again.
    if !context.settings.rewrite && retyped.is_none() {
        return Ok(BindVerdict::Unread);
    }
    let is_whole = body.len() == head.body_bytes();
    let is_judged = parameters.is_some() || policy.values.nul != NulPolicy::Space;
    if is_judged && head.frame_bytes <= policy.statement_bytes_max {
        if !is_whole || !first {
            return Ok(BindVerdict::Later);
        }
        return Ok(fit(body, statement, is_exact, context));
    }
    if retyped.is_some_and(|parameters| parameters.need_rewriting(body)) {
        return Err(too_long());
    }
    if !context.settings.rewrite {
        return Ok(BindVerdict::Unread);
    }
    Ok(mend(head, body, first, statement.kinds.as_ref(), is_judged, context))
}

/// Values that stay where they are; `not_judged` says that they should have been judged and are too long
/// for it.
fn mend(
    head: Head,
    body: &mut [u8],
    first: bool,
    kinds: Option<&Arc<[ValueKind]>>,
    not_judged: bool,
    context: &Context,
) -> BindVerdict {
    let is_whole = body.len() == head.body_bytes();
    let encoding = context.lexing.encoding;
    let mut scanner = match kinds {
        Some(kinds) => BindScanner::with_kinds(head.body_bytes(), encoding, kinds),
        None if is_whole => BindScanner::asking_for_kinds(head.body_bytes(), encoding),
        // On its way it cannot stop to ask.
        None => BindScanner::new(head.body_bytes()),
    };
    // The kinds of a long one are wanted at once, unless its names are too long to be seen.
    let mut asks = kinds.is_none() && !is_whole;
    let mut nuls = 0;
    if is_whole {
        scanner.scan(body);
        asks = scanner.needs_kinds();
        nuls = scanner.take_replaced();
    }
    if asks && wire::bind_names(body).is_some() {
        return if first { BindVerdict::AsksForKinds } else { BindVerdict::Later };
    }
    match is_whole {
        true => BindVerdict::InPlace { nuls, not_judged },
        false => BindVerdict::Arriving { scanner: Box::new(scanner), not_judged },
    }
}

/// Values that are taken apart, of a Bind that is there as a whole.
fn fit(
    body: &mut [u8],
    statement: &Statement,
    is_exact: bool,
    context: &Context,
) -> BindVerdict {
    let refused = |error| BindVerdict::Refused(Box::new(error));
    let (mut fitted, mut changes) = (None, Vec::new());
    if let Some(parameters) = &statement.parameters {
        match rewrite_bind(body, parameters.list()) {
            Ok((_, found)) if !is_exact && Parameters::wants_exact(&found) => {
                return BindVerdict::AsksAgain;
            }
            Ok((body, found)) => (fitted, changes) = (body, parameters.changes(found)),
            Err(_) if !is_exact => return BindVerdict::AsksAgain,
            Err(found) => return refused(parameters.refusal(&found)),
        }
    }
    let values = fitted.as_deref_mut().unwrap_or(body);
    let mended = match mend_fitted(values, statement, context) {
        Mended::Asks => return BindVerdict::AsksForKinds,
        Mended::Refused(error) => return refused(error),
        mended => mended,
    };
    let (shorter, nuls, removed) = match mended {
        Mended::Removed(shorter, count) => (Some(shorter), 0, count),
        Mended::InPlace(count) => (None, count, 0),
        Mended::Asks | Mended::Refused(_) => (None, 0, 0),
    };
    if removed > 0 {
        let rule = ValueRule::NulRemoved;
        changes.push(Change::of_parameters(statement.place.clone(), rule, removed));
    }
    BindVerdict::Fitted { body: shorter.or(fitted), nuls, removed, changes }
}

/// Does to U+0000 in the values what is configured.
fn mend_fitted(body: &mut [u8], statement: &Statement, context: &Context) -> Mended {
    if !context.settings.rewrite {
        return Mended::InPlace(0);
    }
    let encoding = context.lexing.encoding;
    let nul = context.policy.values.nul;
    if nul == NulPolicy::Space {
        let mut scanner = match &statement.kinds {
            Some(kinds) => BindScanner::with_kinds(body.len(), encoding, kinds),
            None => BindScanner::asking_for_kinds(body.len(), encoding),
        };
        scanner.scan(body);
        return match scanner.needs_kinds() {
            true => Mended::Asks,
            false => Mended::InPlace(scanner.take_replaced()),
        };
    }
    let kinds: Arc<[ValueKind]> = match &statement.kinds {
        Some(kinds) => Arc::clone(kinds),
        None => {
            let mut scanner = BindScanner::asking_for_kinds(body.len(), encoding);
            scanner.scan(&mut body.to_vec());
            if scanner.needs_kinds() {
                return Mended::Asks;
            }
            Arc::default()
        }
    };
    if nul == NulPolicy::Remove {
        return match without_bind_nuls(body, encoding, &kinds) {
            Some((shorter, count)) => Mended::Removed(shorter, count),
            None => Mended::InPlace(0),
        };
    }
    match first_bind_nul(body, encoding, &kinds) {
        None => Mended::InPlace(0),
        Some(found) => Mended::Refused(nul_refusal(found.parameter, &statement.place)),
    }
}

/// What became of U+0000 in the values.
enum Mended {
    /// The kinds of the parameters have to be known first.
    Asks,
    /// They stay where they are, so many U+0000 replaced.
    InPlace(u64),
    /// The body without so many U+0000.
    Removed(Vec<u8>, u64),
    /// One of them is refused.
    Refused(OwnError),
}

fn nul_refusal(number: usize, place: &Place) -> OwnError {
    let mut error = OwnError::new("22021", format!("parameter ${number} holds U+0000"))
        .with_hint("Set values.nul to \"space\" or \"remove\" to load it.");
    if !place.table.is_empty() {
        error.detail = Some(format!("The statement writes to \"{}\".", place.table));
        let (schema, table) = (Some(place.schema.clone()), Some(place.table.clone()));
        error.about = Some(Box::new(ErrorAbout { schema, table, ..ErrorAbout::default() }));
    }
    error
}

/// The Bind that goes to the target in place of one that is refused, and can only fail: its values are
/// missing. The server finds that out where it reads them, behind what it has to say to the statement and
/// to the state of the transaction.
pub(in crate::session) fn failing(body: &[u8]) -> Vec<u8> {
    let statement = wire::bind_names(body).map(|names| names.statement).unwrap_or_default();
    let count = wire::bind_value_count(body).unwrap_or_default().to_be_bytes();
    wire::with_body(tag::BIND, &[b"\0", statement, b"\0\0\0", &count])
}

/// The target would store other values than the client has sent.
fn too_long() -> OwnError {
    OwnError::new("54000", "values in binary format that need another type are too long")
        .with_hint("Raise limits.statement_bytes, or send them as text.")
}

/// The body of the frame at the front, as far as it is there: all of a frame of up to
/// [`WHOLE_BYTES_MAX`], and that much of a longer one; `None` before.
pub(in crate::session) fn body_there(head: Head, rest: &mut [u8]) -> Option<&mut [u8]> {
    let there = rest.len().min(head.frame_bytes);
    if there < head.frame_bytes.min(WHOLE_BYTES_MAX) {
        return None;
    }
    Some(rest.get_mut(HEAD_BYTES..there).unwrap_or_default())
}
