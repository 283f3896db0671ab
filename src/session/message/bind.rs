//! Bind: its values are mended in place while they arrive, or, where it is there as a whole, fitted to their
//! columns. Decides; may not know what else is under way.

use std::rc::Rc;
use std::sync::Arc;

use super::bind_names;
use super::bind_refusals::{failing, names_too_long, refusal, too_long};
use super::question::ask_exactly;
use crate::catalog::Catalog;
use crate::ledger::{NOT_JUDGED, Place, Road};
use crate::rewrite::{self, Change, Parameters};
use crate::session::ask::{Delivery, Question};
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame, Passing};
use crate::session::plan::Statement;
use crate::session::prepared::{KnownStatement, Prepared};
use crate::session::replies::{Adjust, Expected, Failing, Request, Treatment};
use crate::session::report::Report;
use crate::session::step::{ArrivingBind, Mend};
use crate::value::{BindFindings, BindRules, BindScanner, FittedBind, NulPolicy, ValueRule, fit};
use crate::wire::{self, BindBody, HEAD_BYTES, Head, OwnError, tag};

/// Frames up to this size are judged when they are there as a whole; longer ones while they arrive.
pub(in crate::session) const WHOLE_BYTES_MAX: usize = 32 * 1024;

/// What becomes of the values of a Bind.
#[derive(Debug)]
enum BindVerdict {
    /// More of it has to arrive, or what is in front of it has to go first.
    Later,
    /// It passes while it arrives, unread.
    Unread,
    /// It passes, and the scanner mends it while it arrives. `not_judged` says that its values should
    /// have been judged and are too long for it.
    Arriving { scanner: Box<BindScanner>, not_judged: bool },
    /// It was there as a whole and passes, or `body` in its place.
    Fitted { body: Option<Vec<u8>>, spaces: u64, changes: Vec<Change>, not_judged: bool },
    /// What its parameters hold has to be known first. So many U+0000 are spaces already.
    AsksForKinds { spaces: u64 },
    /// A rule changes its values, and what is known of the relation may be old. So many U+0000 are
    /// spaces already.
    AsksAgain { spaces: u64 },
    /// A value is refused.
    Refused(Box<OwnError>),
}

/// A Bind, as far as it is there; `is_owed` says that the target has not answered all that has gone.
///
/// # Errors
/// It is too long to be given the types that the target was told, or to be read: the session ends.
pub(in crate::session) fn bind(
    frame: Frame<'_>,
    prepared: &mut Prepared,
    catalog: &mut Catalog,
    report: &mut Report,
    is_owed: bool,
    context: &Context,
) -> Result<Decision, Box<OwnError>> {
    let Frame { head, rest, first } = frame;
    let Some(body) = body_there(head, rest) else { return Ok(Decision::Later) };
    if !first && may_change(prepared, context) {
        // Another may go in its place, or something be asked in front of it.
        return Ok(Decision::Later);
    }
    let body_bytes = body.len();
    let Some(cut) = BindBody::cut(body) else {
        return unnamed(head, body_bytes, prepared, report, context);
    };
    let is_whole = body_bytes == head.body_bytes();
    let mut given = Vec::new();
    if head.frame_bytes <= context.policy.statement_bytes_max {
        let known = prepared.known(cut.statement);
        let plan = known.and_then(|known| known.plan.as_deref());
        if let Some(names) = bind_names::parameters(plan, context) {
            if !is_whole {
                return Ok(Decision::Later);
            }
            given = match bind_names::given(&cut, names, catalog, is_owed, context) {
                Ok(given) => given,
                Err(question) => return Ok(Decision::ask(question, true)),
            };
        }
        if is_whole && given.is_empty() && stays(&cut, known, catalog, context) {
            let plan = known.and_then(|known| known.plan.as_ref()).map(Rc::clone);
            let positions = plan.as_ref().and_then(|plan| plan.positions.as_ref());
            let decision = match positions {
                None => Decision::pass_answered(Request::Bind),
                Some(positions) => {
                    let treatment = Adjust::positions(&Some(Arc::clone(positions)));
                    Decision::pass_owing(Expected::with(Request::Bind, treatment))
                }
            };
            prepared.put_portal(cut.portal, plan);
            return Ok(decision);
        }
    }
    let statement = Statement { given, ..statement_of(cut.statement, prepared, catalog, context) };
    let is_exact = match &statement.parameters {
        Some(parameters) => catalog.is_exact(&parameters.name),
        None => true,
    };
    let mut verdict = judge(head, cut, body_bytes, &statement, is_exact, context)?;
    if let BindVerdict::AsksAgain { spaces } = verdict {
        note_nuls(&statement, spaces, report, context);
        if let Some(parameters) = &statement.parameters
            && let Some(question) =
                ask_exactly(parameters.name.clone(), catalog, context.now(is_owed))
        {
            return Ok(Decision::ask(question, true));
        }
        // It cannot be asked: the transaction has failed, or the answer has come and says nothing. What
        // is known has to do.
        let Some(cut) = BindBody::cut(body) else { return Ok(Decision::Later) };
        verdict = judge(head, cut, body_bytes, &statement, true, context)?;
    }
    Ok(match verdict {
        BindVerdict::Later => Decision::Later,
        BindVerdict::AsksForKinds { spaces } => {
            note_nuls(&statement, spaces, report, context);
            let name = wire::bound_statement(body).unwrap_or_default();
            Decision::ask_by(Question::Parameters(name.into()), Delivery::Describe)
        }
        BindVerdict::Refused(error) => {
            let expected = Expected::failing(Request::Bind, *error, Failing::Statement);
            Decision::send(Some(expected), Some(failing(body)))
        }
        verdict => go(expected(body, prepared), statement, verdict, report, context),
    })
}

/// Whether values of any Bind may change.
fn may_change(prepared: &Prepared, context: &Context) -> bool {
    let nul = context.policy.values.nul;
    prepared.is_known() || nul != NulPolicy::Space || context.mends_halves()
}

/// Whether one look at its values says that a Bind, which is there as a whole, goes as it is.
fn stays(
    bind: &BindBody<'_>,
    known: Option<&KnownStatement>,
    catalog: &Catalog,
    context: &Context,
) -> bool {
    let plan = known.and_then(|known| known.plan.as_ref());
    let parameters = plan.and_then(|plan| plan.parameters.as_deref());
    let is_latest = |parameters: &Parameters| {
        let known = catalog.relation(&parameters.name);
        known.is_none_or(|relation| Arc::ptr_eq(relation, &parameters.relation))
    };
    let rules = BindRules {
        parameters: parameters.map_or(&[], Parameters::list),
        given: &[],
        kinds: known.and_then(KnownStatement::kinds),
        nul: Some(context.policy.values.nul),
        mends_halves: context.mends_halves(),
        encoding: context.lexing.encoding,
    };
    context.settings.rewrite && parameters.is_none_or(is_latest) && rules.all_stay(bind.values)
}

/// A Bind goes to the target, as it is or changed.
fn go(
    expected: Expected,
    statement: Statement,
    verdict: BindVerdict,
    report: &mut Report,
    context: &Context,
) -> Decision {
    match verdict {
        BindVerdict::Arriving { scanner, not_judged } => {
            note_not_judged(&statement, not_judged, report, context);
            let arriving = ArrivingBind { scanner: *scanner, place: statement.place };
            let mend = Mend::Bind(Box::new(arriving));
            Decision::outgoing(Some(expected), Passing::Arriving(mend))
        }
        BindVerdict::Fitted { body, spaces, changes, not_judged } => {
            note_not_judged(&statement, not_judged, report, context);
            note_nuls(&statement, spaces, report, context);
            if !changes.is_empty() {
                let silent_loss = context.policy.values.silent_loss;
                report.note_changes(changes, silent_loss, context.seconds());
            }
            let instead = body.map(|body| wire::with_body(tag::BIND, &[&body]));
            Decision::send(Some(expected), instead)
        }
        _ => Decision::pass_owing(expected),
    }
}

/// What is known of the statement that a Bind names, by the latest of its relation.
fn statement_of(
    name: &[u8],
    prepared: &Prepared,
    catalog: &Catalog,
    context: &Context,
) -> Statement {
    let mut statement = prepared.of(name);
    if let Some(parameters) = &statement.parameters
        && let Some(relation) = catalog.relation(&parameters.name)
        && let Some(renewed) = parameters.renewed(relation, &context.rules())
    {
        statement.parameters = Some(Arc::new(renewed));
    }
    statement
}

/// What the target owes for a Bind with this body that goes to it.
fn expected(body: &mut [u8], prepared: &mut Prepared) -> Expected {
    let mut treatment = Treatment::Pass;
    if prepared.is_known()
        && let Some(cut) = BindBody::cut(body)
        && let Some(plan) = prepared.bind(cut.portal, cut.statement)
    {
        treatment = Adjust::positions(&plan.positions);
    }
    Expected::with(Request::Bind, treatment)
}

fn note_nuls(statement: &Statement, count: u64, report: &mut Report, context: &Context) {
    if count > 0 {
        report.note_nuls(statement.place.clone(), Road::Parameter, count, context.seconds());
    }
}

fn note_not_judged(
    statement: &Statement,
    not_judged: bool,
    report: &mut Report,
    context: &Context,
) {
    if not_judged {
        let place = match &statement.parameters {
            Some(parameters) => rewrite::place(&parameters.relation),
            None => statement.place.clone(),
        };
        report.counts.too_long += 1;
        report.note(Place { road: Road::Parameter, ..place }, NOT_JUDGED, 1, context.seconds());
    }
}

/// The statement that a Bind names, once the front of it is there.
pub(in crate::session) fn statement_there<'f>(frame: &'f Frame<'_>) -> Option<&'f [u8]> {
    let there = frame.rest.len().min(frame.head.frame_bytes);
    if there < frame.head.frame_bytes.min(WHOLE_BYTES_MAX) {
        return None;
    }
    let body = frame.rest.get(HEAD_BYTES..there).unwrap_or_default();
    Some(wire::bound_statement(body).unwrap_or_default())
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

/// Decides over a Bind of which `body_bytes` are there. `is_exact` says that what is known of the relation
/// it writes to cannot be old.
///
/// # Errors
/// It is too long to be given the types that the target was told: the session ends.
fn judge(
    head: Head,
    mut bind: BindBody<'_>,
    body_bytes: usize,
    statement: &Statement,
    is_exact: bool,
    context: &Context,
) -> Result<BindVerdict, Box<OwnError>> {
    let policy = &context.policy;
    let parameters = statement.parameters.as_deref();
    let retyped = parameters.filter(|parameters| parameters.is_retyped());
    // What the target was told of a statement holds for it when rewriting is off again.
    let is_given = !statement.given.is_empty();
    if !context.settings.rewrite && retyped.is_none() && !is_given {
        return Ok(BindVerdict::Unread);
    }
    let is_whole = body_bytes == head.body_bytes();
    let is_judged = parameters.is_some()
        || is_given
        || policy.values.nul != NulPolicy::Space
        || context.mends_halves();
    if is_judged && head.frame_bytes <= policy.statement_bytes_max {
        return Ok(match is_whole {
            true => fitted(&mut bind, statement, is_exact, policy.values.nul, false, context),
            false => BindVerdict::Later,
        });
    }
    if parameters.is_some_and(Parameters::are_masked) {
        return Err(Box::new(
            OwnError::new("54000", "values that are masked are too long")
                .with_hint("Raise limits.statement_bytes."),
        ));
    }
    if retyped.is_some_and(|parameters| parameters.need_rewriting(&bind)) {
        return Err(Box::new(too_long()));
    }
    if !context.settings.rewrite {
        return Ok(BindVerdict::Unread);
    }
    if is_whole {
        let plain = Statement { parameters: None, ..statement.clone() };
        return Ok(fitted(&mut bind, &plain, true, NulPolicy::Space, is_judged, context));
    }
    Ok(match &statement.kinds {
        // On its way it cannot stop to ask.
        None => BindVerdict::AsksForKinds { spaces: 0 },
        Some(kinds) => {
            let encoding = context.lexing.encoding;
            let scanner = BindScanner::with_kinds(head.body_bytes(), encoding, kinds);
            BindVerdict::Arriving { scanner: Box::new(scanner), not_judged: is_judged }
        }
    })
}

/// A Bind whose names are longer than what is there of it, or have no end.
///
/// # Errors
/// It is too long to be waited for, and may be one whose values are changed: the session ends.
fn unnamed(
    head: Head,
    body_bytes: usize,
    prepared: &Prepared,
    report: &mut Report,
    context: &Context,
) -> Result<Decision, Box<OwnError>> {
    if body_bytes < head.body_bytes() && prepared.changes_any_bind() {
        let is_waited_for = head.frame_bytes <= context.policy.statement_bytes_max;
        let refused = || Err(Box::new(names_too_long()));
        return if is_waited_for { Ok(Decision::Later) } else { refused() };
    }
    let verdict = match context.settings.rewrite {
        true => {
            let scanner = Box::new(BindScanner::new(head.body_bytes()));
            BindVerdict::Arriving { scanner, not_judged: false }
        }
        false => BindVerdict::Unread,
    };
    let expected = Expected::new(Request::Bind);
    Ok(go(expected, Statement::default(), verdict, report, context))
}

fn fitted(
    bind: &mut BindBody<'_>,
    statement: &Statement,
    is_exact: bool,
    nul: NulPolicy,
    not_judged: bool,
    context: &Context,
) -> BindVerdict {
    let parameters = statement.parameters.as_deref();
    let rules = BindRules {
        parameters: parameters.map_or(&[], Parameters::list),
        given: &statement.given,
        kinds: statement.kinds.as_deref(),
        nul: context.settings.rewrite.then_some(nul),
        mends_halves: context.mends_halves(),
        encoding: context.lexing.encoding,
    };
    let (body, found) = match fit(bind, &rules) {
        FittedBind::AsksForKinds(spaces) => return BindVerdict::AsksForKinds { spaces },
        FittedBind::Refused(_) if !is_exact => return BindVerdict::AsksAgain { spaces: 0 },
        FittedBind::Refused(refused) => {
            return BindVerdict::Refused(Box::new(refusal(&refused, statement)));
        }
        FittedBind::InPlace(found) => (None, found),
        FittedBind::Body(body, found) => (Some(body), found),
    };
    let BindFindings { columns, spaces, removed, halves } = found;
    if !is_exact && parameters.is_some_and(|parameters| parameters.wants_exact(&columns)) {
        return BindVerdict::AsksAgain { spaces };
    }
    let mut changes = parameters.map_or_else(Vec::new, |parameters| parameters.changes(columns));
    changes.extend(Change::of_given_names(statement.given.len()));
    let by_rules = [(ValueRule::NulRemoved, removed), (ValueRule::InvalidUtf8Replaced, halves)];
    for (rule, count) in by_rules.into_iter().filter(|(_, count)| *count > 0) {
        changes.push(Change::of_parameters(statement.place.clone(), rule, count));
    }
    BindVerdict::Fitted { body, spaces, changes, not_judged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;

    /// What becomes of a Bind with U+0000 in its only value, of a statement of which nothing is known.
    fn decided(toml: &str, first: bool) -> Decision {
        let body = b"\0\0\0\0\0\x01\0\0\0\x01\0\0\0";
        let mut rest = wire::with_body(tag::BIND, &[body]);
        let head = wire::head(&rest, 1 << 20).unwrap().unwrap();
        let frame = Frame { head, rest: &mut rest, first };
        let (mut prepared, mut catalog) = (Prepared::new(1 << 20), Catalog::default());
        let mut report = Report::default();
        bind(frame, &mut prepared, &mut catalog, &mut report, false, &context(toml)).unwrap()
    }

    #[test]
    fn a_bind_that_may_be_replaced_waits_for_what_is_in_front() {
        let Decision::Send(outgoing) = decided("", false) else { panic!("it waits") };
        assert!(matches!(outgoing.passing, Passing::Whole));
        for nul in ["reject", "remove"] {
            let toml = format!("[values]\nnul = \"{nul}\"\n");
            assert!(matches!(decided(&toml, false), Decision::Later), "{nul}");
            assert!(!matches!(decided(&toml, true), Decision::Later), "{nul}");
        }
    }
}
