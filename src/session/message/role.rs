//! Which role a message wants in force, and the foreign keys that are parked where the role would silence more
//! than them: see the table in `ask::role`. Decides; may not send anything.

use std::sync::Arc;

use super::basis::Basis;
use crate::catalog::{
    Catalog, CatalogQuestion, Freshness, KeyName, Moment, Need, Relation, Subject,
};
use crate::ledger::Place;
use crate::parking::park_keys_softly_sql;
use crate::policy::ForeignKeys;
use crate::rewrite::Reached;
use crate::session::ask::Question;
use crate::session::ask::parking::{KeptTable, Parking, Tried};
use crate::session::ask::settle::Role;
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::pipeline::Pipeline;
use crate::session::plan::Plan;
use crate::session::replies::Replies;
use crate::session::report::Report;
use crate::statement::Effects;
use crate::wire::OwnError;

/// What has to be known of the target before it is known which role a message wants.
pub(in crate::session) fn needs(
    reached: &Reached,
    catalog: &Catalog,
    now: Moment,
    context: &Context,
) -> Vec<Need> {
    if !context.settings.looks_at_silenced() {
        return Vec::new();
    }
    let unknown = reached.relations().filter(|name| !catalog.is_at_hand(name, now));
    let subjects = unknown.map(|name| Subject::Relation(name.clone()));
    subjects.map(|subject| Need { subject, freshness: Freshness::MayBeOld }).collect()
}

/// What has to be asked, set or parked before a message that reaches so far; its needs are known as far as
/// they can be.
pub(in crate::session) fn due(
    reached: &Reached,
    effects: Effects,
    catalog: &Catalog,
    basis: Basis<'_>,
) -> Option<Question> {
    let Basis { context, settling, .. } = basis;
    // A text that sets the role by itself runs under what it says.
    if !context.settings.switches_role() || effects.sets_role() {
        return None;
    }
    match verdict(reached, effects, catalog, settling) {
        Ok(verdict) => due_by(verdict, basis),
        Err(question) => Some(Question::Catalog(question)),
    }
}

/// What has to be set or parked before a message that wants this.
fn due_by(verdict: Verdict<'_>, basis: Basis<'_>) -> Option<Question> {
    let Basis { context, parking, settling, tried, .. } = basis;
    let role = settling.role();
    if let Some(settle) = role.due(verdict.role, context) {
        return Some(Question::Settle(settle));
    }
    if verdict.role != Some(Role::Origin)
        || !role.is_ours()
        || tried.has(Tried::KEYS)
        || context.is_aborted()
    {
        return None;
    }
    let tables: Vec<&Arc<Relation>> = verdict
        .keyed
        .into_iter()
        // Where the role is refused, keys that it alone would have silenced stay on, as the client was told.
        .filter(|(_, silenced)| *silenced == Silences::More || !role.is_refused())
        .map(|(relation, _)| relation)
        .filter(|relation| !parking.leaves_on(relation))
        .collect();
    if tables.is_empty() {
        return None;
    }
    let mut keys: Vec<KeyName> =
        tables.iter().flat_map(|relation| relation.silenced().keys.clone()).collect();
    keys.dedup();
    let sql = park_keys_softly_sql(
        keys.iter().map(|key| [&*key.schema, &*key.table, &*key.name]),
        context.policy.lock_timeout_seconds,
    );
    Some(Question::ParkKeys { sql, tables: tables.into_iter().map(KeptTable::of).collect() })
}

/// Whether a message has to wait: what is in force is known when the end of a transaction is answered.
pub(in crate::session) fn waits(
    replies: &Replies,
    pipeline: &Pipeline,
    settling: &Settling,
    context: &Context,
) -> bool {
    let is_ending = || context.is_aborted() && !pipeline.is_open() || settling.role().awaits_end();
    context.settings.switches_role() && !replies.is_empty() && is_ending()
}

/// Whether a text undoes a transaction and then does what has to run under origin, while the replica role may
/// be in force behind the rollback: nothing of ours can come between.
pub(in crate::session) fn is_behind_a_rollback(
    reached: &Reached,
    effects: Effects,
    catalog: &Catalog,
    basis: Basis<'_>,
) -> bool {
    let Basis { context, settling, .. } = basis;
    let role = settling.role();
    let can_be = context.settings.switches_role()
        && effects.ends_transaction()
        && reached.text.goes_on_behind_end
        && match context.is_aborted() {
            true => reached.text.begins_with_end,
            false => role.may_be_undone(),
        }
        && !role.is_origin_outside()
        && role.is_ours()
        && !role.is_refused();
    can_be
        && match verdict(reached, effects, catalog, settling) {
            Ok(verdict) => verdict.role == Some(Role::Origin),
            Err(_) => true,
        }
}

/// The error for such a text.
pub(in crate::session) fn behind_a_rollback() -> OwnError {
    let message = "what follows the end of the transaction in this text could be silenced";
    OwnError::new("0A000", message).with_hint("Send the end of the transaction by itself.")
}

/// What has to be asked, set or parked before a Bind or an Execute of a statement with this plan.
pub(in crate::session) fn of_plan(
    plan: &Plan,
    catalog: &mut Catalog,
    basis: Basis<'_>,
) -> Option<Question> {
    let Basis { context, settling, now, .. } = basis;
    let edition = catalog.edition(now);
    let wish = plan.reach.as_ref().map(|reach| &reach.wish);
    if let Some(role) = wish.and_then(|wish| wish.at(edition)) {
        return settling.role().due(role, context).map(Question::Settle);
    }
    let reached = plan.reached();
    let needs = needs(reached, catalog, now, context);
    if !needs.is_empty()
        && let Some(question) = catalog.missing(needs, now)
    {
        return Some(Question::Catalog(question));
    }
    if !context.settings.switches_role() || plan.effects.sets_role() {
        return None;
    }
    let verdict = match verdict(reached, plan.effects, catalog, settling) {
        Ok(verdict) => verdict,
        Err(question) => return Some(Question::Catalog(question)),
    };
    // What depends on no more than the relations is kept: nothing that has run, and no keys to be parked.
    let is_lasting = !plan.effects.ends_transaction()
        && reached.text.calls.is_empty()
        && (verdict.keyed.is_empty() || verdict.role != Some(Role::Origin))
        && reached.relations().all(|name| catalog.is_young(name, now));
    if let Some(wish) = wish.filter(|_| is_lasting) {
        wish.note(edition, verdict.role);
    }
    due_by(verdict, basis)
}

/// What has to be set before something that is not looked into.
pub(in crate::session) fn of_unknown(settling: &Settling, context: &Context) -> Option<Question> {
    settling.role().due(Some(Role::Origin), context).map(Question::Settle)
}

/// What reaches so far goes to the target, and is the last of what it owes.
pub(in crate::session) fn note_sent(
    reached: &Reached,
    catalog: &Catalog,
    settling: &mut Settling,
    parking: &mut Parking,
    (replies, report): (&mut Replies, &mut Report),
    context: &Context,
) {
    if !context.settings.looks_at_silenced() {
        return;
    }
    let runs_functions = catalog.may_write(&reached.text.calls) == Ok(true);
    settling.role_mut().on_reached(reached, runs_functions, replies.counts().0);
    let is_whole = context.settings.foreign_keys == ForeignKeys::ReplicaRole;
    if !is_whole || !settling.role().is_replica() {
        return;
    }
    let mut places = Vec::new();
    for relation in reached.relations().filter_map(|name| catalog.relation(name)) {
        if let Some(warning) = parking.warning_of_silenced(relation) {
            report.warn(&warning);
        }
        if relation.silenced().is_more_than_keys() {
            let (schema, table) = (relation.schema.clone(), relation.table.clone());
            places.push(Place { schema, table, ..Place::default() });
        }
    }
    // Of a text that writes to several it is not known which rows are whose.
    match <[Place; 1]>::try_from(places) {
        Ok([place]) => replies.note_silenced(place),
        Err(places) if !places.is_empty() => replies.note_silenced(Place::default()),
        Err(_) => {}
    }
}

/// What a message wants.
struct Verdict<'c> {
    role: Option<Role>,
    /// Its relations with foreign keys, and what the role would silence on them.
    keyed: Vec<(&'c Arc<Relation>, Silences)>,
}

/// What the role silences on a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silences {
    /// Foreign keys alone.
    Keys,
    /// Triggers or rules as well.
    More,
}

/// # Errors
/// This has to be known first.
fn verdict<'c>(
    reached: &Reached,
    effects: Effects,
    catalog: &'c Catalog,
    settling: &Settling,
) -> Result<Verdict<'c>, CatalogQuestion> {
    let role = settling.role();
    let mut wants_origin =
        reached.text.runs_more || effects.ends_transaction() && role.has_run_at_origin();
    let mut keyed = Vec::new();
    for (index, name) in reached.relations().enumerate() {
        let Some(relation) = catalog.relation(name).filter(|relation| !relation.is_missing())
        else {
            wants_origin = true;
            continue;
        };
        let silenced = relation.silenced();
        let is_more = match index < reached.text.writes.len() {
            true => silenced.is_more_than_keys(),
            false => silenced.is_more_when_emptied(),
        };
        wants_origin |= is_more;
        if !silenced.keys.is_empty() {
            keyed.push((relation, if is_more { Silences::More } else { Silences::Keys }));
        }
    }
    // Under origin functions do as they would without the proxy.
    let is_idle = keyed.is_empty() && role.is_origin();
    if !wants_origin && !is_idle && !reached.text.calls.is_empty() {
        wants_origin = catalog.may_write(&reached.text.calls)?;
    }
    let role = match (wants_origin, keyed.is_empty()) {
        (true, _) => Some(Role::Origin),
        (false, false) => Some(Role::Replica),
        (false, true) => None,
    };
    Ok(Verdict { role, keyed })
}
