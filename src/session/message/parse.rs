//! Parse: what a prepared statement means when it is executed, beside what becomes of its text. Decides; may
//! not send anything.

use std::sync::Arc;

use super::subjects;
use super::text::{SentText, Text, changes, note, refuse};
use crate::catalog::Catalog;
use crate::rewrite::{Change, PositionMap, Reached, Rewrite};
use crate::session::ask::parking::Parking;
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::decision::Decision;
use crate::session::plan::{NotedParameters, Plan, PlanReach, SaidSettings, Undo, Wish};
use crate::session::prepared::{Prepared, with_json};
use crate::session::replies::{Adjust, Expected, Request, Treatment};
use crate::session::report::Report;
use crate::statement::{Effects, Word};
use crate::wire::{self, OwnError, tag};

/// A Parse of this text goes to the target; what is done to it is noted.
pub(in crate::session) fn send(
    text: &mut Text,
    body: &[u8],
    rewrite: Rewrite,
    (prepared, report): (&mut Prepared, &mut Report),
    (parking, settling): (&Parking, &Settling),
    catalog: &Catalog,
    context: &Context,
) -> Decision {
    let effects = lasting_effects(text, settling, catalog, parking, context);
    let rewrite = (rewrite, text.take_reached());
    let body = text.body(body);
    let SentText { frame, expected, changes, not_judged } =
        parse(text, body, rewrite, effects, prepared, catalog, context);
    note(text, body, (changes, catalog.unread() + not_judged), report, context);
    Decision::send(Some(expected), frame)
}

/// A Parse of this text, which reaches so far; `effects` are those that matter.
fn parse(
    text: &Text,
    body: &[u8],
    (mut rewrite, reached): (Rewrite, Reached),
    effects: Effects,
    prepared: &mut Prepared,
    catalog: &Catalog,
    context: &Context,
) -> SentText {
    let (name, types) = text.name_and_types(body);
    prepared.note_parse(name);
    // A Bind that is not remembered cannot be fitted to types that the target infers.
    let bytes = rewrite.parameters.as_ref().map_or(0, |parameters| parameters.bytes());
    let has_room = prepared.has_room(bytes);
    let is_masked = rewrite.parameters.as_ref().is_some_and(|parameters| parameters.are_masked());
    let own_behind = text.name_parameters().and_then(|names| names.client_count());
    if own_behind.is_some_and(|count| wire::parameter_oids(types).len() > count) {
        let error = OwnError::new("0A000", "the statement declares more parameters than it has");
        return refused(text, body, error);
    }
    if (is_masked || own_behind.is_some()) && !has_room {
        let error = OwnError::new("54000", "what parameters hold cannot be remembered")
            .with_hint("Close prepared statements that are not needed.");
        return refused(text, body, error);
    }
    let not_judged = u64::from(!has_room && rewrite.parameters.is_some());
    rewrite.parameters = rewrite.parameters.filter(|_| has_room);
    let positions = text.positions(body, &rewrite, context);
    let (mut undo, mut subjects) = (None, None);
    // A statement that has the name keeps it where the Parse is sure to fail.
    if rewrite.refused.is_none() {
        let told = rewrite.parameters.as_ref().and_then(|parameters| parameters.told());
        let types = told.as_deref().unwrap_or(types);
        note_declared_types(name, types, &rewrite.facts.json, prepared, catalog);
        prepared.note_written(name, rewrite.facts.place.take());
        let words = context.follows_own_words().then(|| text.words(body));
        let word = words.into_iter().flatten().next().flatten().map(Box::new);
        let is_told = subjects::is_told(context);
        subjects = is_told.then(|| subjects::subjects(text, body, catalog, context)).flatten();
        let is_nothing = reached.is_nothing();
        let kept = (&mut rewrite, reached);
        let plan = plan_of_parse(text, kept, &positions, effects, word, context);
        let plan = match (plan, subjects.clone()) {
            (None, None) => None,
            (plan, subjects) => Some(Plan { subjects, ..plan.unwrap_or_default() }),
        };
        let is_told = plan.as_ref().is_some_and(|plan| plan.reach.is_some()) && has_room;
        if !is_told && !is_nothing {
            prepared.note_unrecorded();
        }
        undo = prepared.prepare(name, plan.filter(|_| has_room));
    }
    let sent = send_parse(text, body, &mut rewrite, positions, undo);
    SentText { not_judged, expected: sent.expected.about(subjects), ..sent }
}

/// A Parse that is refused when all is known of its text.
fn refused(text: &Text, body: &[u8], error: OwnError) -> SentText {
    let (frame, expected) = refuse(text, body, error);
    SentText { frame: Some(frame), expected, changes: Vec::new(), not_judged: 0 }
}

/// The effects of a prepared statement for which its execution is looked at.
fn lasting_effects(
    text: &Text,
    settling: &Settling,
    catalog: &Catalog,
    parking: &Parking,
    context: &Context,
) -> Effects {
    let role = settling.role();
    let ends_changes = settling.is_unsettled()
        || catalog.has_changed()
        || parking.is_in_transaction()
        || role.may_be_undone()
        || role.has_run_at_origin() && role.is_replica();
    let loads = settling.parks(context);
    let effects = text.effects() | Effects::LOADS.when(text.empties(context));
    effects
        .without(Effects::ENDS_TRANSACTION.when(text.is_unnamed() && !ends_changes))
        .without(Effects::LOADS.when(!loads))
}

/// Where a Parse declares every type, and all of them are known, nothing has to be asked up to the next
/// Sync.
fn note_declared_types(
    statement: &[u8],
    types: &[u8],
    json: &[u16],
    prepared: &mut Prepared,
    catalog: &Catalog,
) {
    let oids = wire::parameter_oids(types);
    let is_known = |oid: &u32| *oid != 0 && !catalog.lacks_type(*oid);
    let all_known = !oids.is_empty() && oids.iter().all(is_known);
    let kinds = || oids.iter().map(|oid| catalog.kind_of(*oid));
    let kinds = all_known.then(|| match json {
        [] => kinds().collect(),
        json => with_json(kinds().collect(), json).into(),
    });
    prepared.note_declared(statement, kinds);
}

/// A Parse on its way; `positions` are those of the rewritten text. `undo` puts the known statements back
/// should the target refuse it.
fn send_parse(
    text: &Text,
    body: &[u8],
    rewrite: &mut Rewrite,
    positions: Option<Arc<PositionMap>>,
    undo: Option<Undo>,
) -> SentText {
    let (name, types) = text.name_and_types(body);
    let sql = text.text(body);
    let applied = rewrite.apply(sql);
    let told = rewrite.parameters.as_ref().and_then(|parameters| parameters.told());
    let changes_frame = applied.is_some() || told.is_some() || text.shorter.is_some();
    let frame = changes_frame.then(|| {
        let sql = applied.as_deref().unwrap_or(sql);
        let types = told.as_deref().unwrap_or(types);
        wire::with_body(tag::PARSE, &[name, b"\0", sql, b"\0", types])
    });
    let treatment = match positions {
        None => Treatment::Pass,
        Some(positions) => Treatment::Adjust(Box::new(Adjust {
            positions: Some(positions),
            refused: rewrite.refused.take(),
            ..Adjust::default()
        })),
    };
    let expected = Expected::with(Request::Parse, treatment).undone_by(undo);
    SentText { frame, expected, changes: changes(text, rewrite), not_judged: 0 }
}

/// What executing a statement means that a Parse makes; `None` where it means nothing. `effects` are those
/// that matter.
fn plan_of_parse(
    text: &Text,
    (rewrite, reached): (&mut Rewrite, Reached),
    positions: &Option<Arc<PositionMap>>,
    effects: Effects,
    word: Option<Box<Word>>,
    context: &Context,
) -> Option<Plan> {
    let looks = context.settings.looks_at_silenced() && !reached.is_nothing();
    let reach = looks.then(|| Box::new(PlanReach { reached, wish: Wish::default() }));
    let (prepares, changes) = Change::split_prepared(std::mem::take(&mut rewrite.changes));
    rewrite.changes = changes;
    let names = text.name_parameters();
    let matters = positions.is_some()
        || names.is_some()
        || word.is_some()
        || reach.is_some()
        || !rewrite.copies.is_empty()
        || !effects.is_empty()
        || rewrite.parameters.is_some()
        || !rewrite.facts.json.is_empty();
    matters.then(|| Plan {
        positions: positions.clone(),
        copies: std::mem::take(&mut rewrite.copies),
        parameters: rewrite.parameters.clone(),
        noted: NotedParameters { names, json: std::mem::take(&mut rewrite.facts.json).into() },
        completions: std::mem::take(&mut rewrite.completions),
        subjects: None,
        effects,
        writes: std::mem::take(&mut rewrite.writes).into(),
        reach,
        prepares,
        said: SaidSettings { stated: text.stated(context), word },
        share: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Moment, Relation, RelationColumn};
    use crate::session::context::tests::context;
    use crate::session::message::basis::Basis;
    use crate::session::message::text::{Judged, judge};
    use crate::statement::AliasTypes;
    use crate::value::Column;

    #[test]
    fn many_parameters_of_many_statements_are_bounded() {
        const STATEMENTS: usize = 200;
        const PARAMETERS: usize = 5000;
        let context = context("");
        let (mut report, parking) = (Report::default(), Parking::default());
        let settling = Settling::default();
        let mut catalog = Catalog::default();
        let column = Column { name: "a".into(), type_oid: 16, ..Column::default() };
        let column = RelationColumn {
            name: b"a".to_vec(),
            column: column.into(),
            ..RelationColumn::default()
        };
        let relation = Relation::new("public".into(), "t".into(), vec![column]);
        catalog.define(vec![b"t".to_vec()], relation);
        let rows: Vec<String> = (1..=PARAMETERS).map(|number| format!("(${number})")).collect();
        let sql = format!("INSERT INTO t VALUES {}", rows.join(","));
        let bytes_max = 1024 * 1024;
        let mut prepared = Prepared::new(bytes_max);
        let mut not_judged = 0;
        for number in 0..STATEMENTS {
            let mut body = format!("s{number}\0{sql}\0\0\0").into_bytes();
            let (mut waiting, mut none) = (None, AliasTypes::default());
            let text =
                Text::take(&mut waiting, &mut none, tag::PARSE, &mut body, &mut report, &context);
            let text = text.unwrap();
            let now = Moment::default();
            let tried = Default::default();
            let settling = &settling;
            let basis = Basis { context: &context, parking: &parking, settling, tried, now };
            let Judged::Send(rewrite) = judge(&text, &body, &mut catalog, basis) else { panic!() };
            assert!(rewrite.parameters.is_some());
            let none = Effects::default();
            let sent = parse(
                &text,
                &body,
                (*rewrite, text.reached().clone()),
                none,
                &mut prepared,
                &catalog,
                &context,
            );
            not_judged += sent.not_judged;
        }
        assert!(not_judged > 0 && not_judged < 200, "{not_judged}");
        assert!(prepared.of(b"s0").parameters.is_some());
        assert!(prepared.of(b"s199").parameters.is_none());
    }
}
