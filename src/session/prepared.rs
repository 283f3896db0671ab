//! Which prepared statements and portals the proxy has to act on when they are executed. Plain ones are not
//! remembered, so that nothing grows with the client's use of names. Knows names, plans and kinds; may not
//! read message bodies.

use std::rc::Rc;
use std::sync::Arc;

use super::budget::Budget;
pub(super) use super::plan::KnownStatement;
use super::plan::{KindsSource, KnownKinds, Plan, Statement, Undo, UndoableParse};
use super::portals::{Portals, key};
use super::statements_by_name::StatementsByName;
use crate::ledger::Place;
use crate::value::ValueKind;

/// The names, as the target knows them.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// What all of it takes.
    budget: Budget,
    statements: StatementsByName,
    portals: Portals,
    counts: KnownCounts,
    /// The statements of which Parses since the last Sync declare kinds, and those that were asked for them.
    declared: Vec<Box<[u8]>>,
    asked: Vec<Box<[u8]>>,
    /// The Parses that can be undone, counted: all, those in front of the last Sync, and those answered.
    parses: u64,
    synced_parses: u64,
    answered_parses: u64,
    /// The Syncs.
    syncs: u64,
    unnamed: Unnamed,
    /// There are statements without a plan that may write or run anything.
    has_unrecorded: bool,
}

/// Of how many statements something is known.
#[derive(Debug, Default)]
struct KnownCounts {
    plans: usize,
    kinds: usize,
    places: usize,
    /// Names beyond so many are looked through for those of which nothing is known.
    names_max: usize,
}

/// The client's unnamed statement.
#[derive(Debug, Default)]
struct Unnamed {
    /// How often it has become another one.
    changes: u64,
    /// The client may have one.
    may_exist: bool,
}

/// Prepared statements that need attention, remembered at most in one session.
const PLANS_MAX: usize = 10_000;

/// Statements whose parameters, or whose relations, are remembered at most; then all of them are forgotten.
const KINDS_MAX: usize = 10_000;

/// Names beyond which those of which nothing is known are looked for.
const NAMES_MAX: usize = 4 * PLANS_MAX;

impl Prepared {
    /// Nothing is known yet; plans and kinds may take `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Prepared {
        let counts = KnownCounts { names_max: NAMES_MAX, ..KnownCounts::default() };
        Prepared { budget: Budget::new(bytes_max), counts, ..Prepared::default() }
    }

    /// A Parse goes to the target whose statement may write or run something, and has no plan that says so.
    pub(super) fn note_unrecorded(&mut self) {
        self.has_unrecorded = true;
    }

    /// Whether a statement without a plan may write or run anything.
    pub(super) fn has_unrecorded(&self) -> bool {
        self.has_unrecorded
    }

    /// Whether anything is known of a statement or portal: if not, names need not be looked at.
    #[inline]
    pub(super) fn is_known(&self) -> bool {
        self.counts.plans > 0 || self.counts.kinds > 0 || !self.portals.is_empty()
    }

    /// Whether a rule changes the values of a Bind of any statement, whatever these are.
    pub(super) fn changes_any_bind(&self) -> bool {
        self.statements.any(|known| known.plan.as_deref().is_some_and(Plan::changes_binds))
    }

    /// Whether one more statement can be remembered, of whose parameters that much is known.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.counts.plans < PLANS_MAX && self.budget.has_room(bytes)
    }

    /// What is known of the statement of this name.
    #[inline]
    pub(super) fn known(&self, statement: &[u8]) -> Option<&KnownStatement> {
        self.statements.get(statement)
    }

    /// What is known of a name, to be added to.
    fn entry(&mut self, statement: &[u8]) -> &mut KnownStatement {
        if self.statements.len() >= self.counts.names_max {
            let answered = self.answered_parses;
            self.statements.retain(|known| !known.is_empty(answered));
            self.counts.names_max = NAMES_MAX.max(2 * self.statements.len());
        }
        self.statements.entry(statement)
    }

    fn drop_empty(&mut self, statement: &[u8]) {
        let answered = self.answered_parses;
        if self.known(statement).is_some_and(|known| known.is_empty(answered)) {
            self.statements.remove(statement);
        }
    }

    /// Puts a plan, or none, in the place of that of a statement, which it gives.
    fn put_plan(&mut self, statement: &[u8], plan: Option<Rc<Plan>>) -> Option<Rc<Plan>> {
        let is_some = plan.is_some();
        let previous = match self.statements.get_mut(statement) {
            Some(known) => std::mem::replace(&mut known.plan, plan),
            None if is_some => std::mem::replace(&mut self.entry(statement).plan, plan),
            None => None,
        };
        self.counts.plans += usize::from(is_some);
        self.counts.plans -= usize::from(previous.is_some());
        previous
    }

    /// A Parse goes to the target; with `None` the statement is a plain one. Hands back how to undo
    /// it, where it changed anything.
    pub(super) fn prepare(&mut self, name: &[u8], plan: Option<Plan>) -> Option<Undo> {
        if name.is_empty() {
            self.unnamed.changes += 1;
            if let Some(known) = self.statements.get_mut(name) {
                known.parse = None;
            }
        }
        let is_plain = plan.is_none();
        let plan = plan.map(|mut plan| {
            plan.share = Some(self.budget.take(plan.bytes()));
            Rc::new(plan)
        });
        let previous = self.put_plan(name, plan);
        if is_plain && previous.is_none() {
            return None;
        }
        self.parses += 1;
        let parse = UndoableParse { number: self.parses, syncs: self.syncs };
        self.entry(name).parse = Some(parse);
        Some(Undo { name: key(name).into(), previous, unnamed: self.unnamed.changes })
    }

    /// Whether a name may be one of those of which [`Prepared::has_unsure`] says that there are any.
    #[inline]
    pub(super) fn may_have_unsure(&self) -> bool {
        self.synced_parses > self.answered_parses
    }

    /// Whether there may be names of which [`Prepared::is_unsure`] says so; `answered` is
    /// how many of the Parses that can be undone are answered.
    pub(super) fn has_unsure(&mut self, answered: u64) -> bool {
        self.answered_parses = answered;
        self.may_have_unsure()
    }

    /// Whether the name's Parse lies behind a Sync and is not yet answered. Where it fails, the name
    /// stays another statement's.
    pub(super) fn is_unsure(&self, name: &[u8], answered: u64) -> bool {
        let parse = self.known(name).and_then(|known| known.parse);
        parse.is_some_and(|parse| parse.syncs < self.syncs && parse.number > answered)
    }

    /// A Parse of a statement goes to the target that writes to `place`, or to nothing.
    pub(super) fn note_written(&mut self, statement: &[u8], place: Option<Place>) {
        if self.counts.places >= KINDS_MAX {
            self.statements.values_mut().for_each(|known| known.place = None);
            self.counts.places = 0;
        }
        let is_some = place.is_some();
        let previous = match place {
            Some(place) => self.entry(statement).place.replace(place),
            None => self.statements.get_mut(statement).and_then(|known| known.place.take()),
        };
        self.counts.places += usize::from(is_some);
        self.counts.places -= usize::from(previous.is_some());
        if previous.is_some() && !is_some {
            self.drop_empty(statement);
        }
    }

    /// What is known of the statement that a Bind names.
    pub(super) fn of(&self, statement: &[u8]) -> Statement {
        let Some(known) = self.known(statement) else { return Statement::default() };
        Statement {
            parameters: known.plan.as_ref().and_then(|plan| plan.parameters.clone()),
            kinds: known.kinds.as_ref().map(|known| Arc::clone(&known.kinds)),
            place: known.place.clone().unwrap_or_default(),
            given: Vec::new(),
        }
    }

    /// A Parse of this statement goes to the target: what it declares is known up to the next Sync, as far as
    /// all of its types are.
    pub(super) fn note_declared(&mut self, statement: &[u8], kinds: Option<Arc<[ValueKind]>>) {
        self.forget_kinds(statement);
        if let Some(kinds) = kinds
            && self.declared.len() < KINDS_MAX
            && self.budget.has_room(size_of_val(&*kinds))
        {
            note_name(&mut self.declared, statement);
            self.put_kinds(statement, kinds, KindsSource::Declared);
        }
    }

    /// Remembers what the parameters of a statement hold.
    pub(super) fn set_kinds(&mut self, statement: &[u8], kinds: Arc<[ValueKind]>) {
        let plan = self.known(statement).and_then(|known| known.plan.as_ref());
        let kinds = match plan {
            Some(plan) if !plan.noted.json.is_empty() => {
                with_json(kinds.to_vec(), &plan.noted.json).into()
            }
            _ => kinds,
        };
        if self.asked.len() >= KINDS_MAX || !self.budget.has_room(size_of_val(&*kinds)) {
            let asked = std::mem::take(&mut self.asked);
            self.forget_kinds_of(asked, KindsSource::Asked);
        }
        note_name(&mut self.asked, statement);
        self.put_kinds(statement, kinds, KindsSource::Asked);
    }

    fn put_kinds(&mut self, statement: &[u8], kinds: Arc<[ValueKind]>, source: KindsSource) {
        let _share = self.budget.take(size_of_val(&*kinds));
        let kinds = KnownKinds { kinds, source, _share };
        let previous = self.entry(statement).kinds.replace(kinds);
        self.counts.kinds += usize::from(previous.is_none());
    }

    /// A Sync goes to the target; `answered` of the Parses that can be undone are answered.
    #[inline]
    pub(super) fn on_sync(&mut self, answered: u64) {
        self.syncs += 1;
        self.synced_parses = self.parses;
        self.answered_parses = answered;
        if !self.declared.is_empty() {
            let declared = std::mem::take(&mut self.declared);
            self.forget_kinds_of(declared, KindsSource::Declared);
        }
    }

    /// What the parameters of these statements hold is not known any more, where it was found out this way.
    fn forget_kinds_of(&mut self, statements: Vec<Box<[u8]>>, source: KindsSource) {
        for statement in statements {
            let kinds = self.known(&statement).and_then(|known| known.kinds.as_ref());
            if kinds.is_some_and(|kinds| kinds.source == source) {
                self.forget_kinds(&statement);
            }
        }
    }

    /// The name may stand for another statement from now on.
    pub(super) fn forget_kinds(&mut self, statement: &[u8]) {
        if self.counts.kinds == 0 {
            return;
        }
        let known = self.statements.get_mut(statement);
        if known.and_then(|known| known.kinds.take()).is_some() {
            self.counts.kinds -= 1;
            self.drop_empty(statement);
        }
    }

    /// Any name may stand for another statement from now on: a Parse may have failed on a name that
    /// was taken, or SQL may have prepared one.
    pub(super) fn forget_all_kinds(&mut self) {
        let (declared, asked) =
            (std::mem::take(&mut self.declared), std::mem::take(&mut self.asked));
        self.forget_kinds_of(declared, KindsSource::Declared);
        self.forget_kinds_of(asked, KindsSource::Asked);
    }

    /// The target refused the Parse, or never looked at it.
    pub(super) fn undo(&mut self, undo: Undo) {
        if undo.name.is_empty() {
            if undo.unnamed != self.unnamed.changes {
                // It is another one since.
                return;
            }
            self.unnamed.changes -= 1;
        }
        self.note_written(&undo.name, None);
        self.put_plan(&undo.name, undo.previous);
        self.drop_empty(&undo.name);
    }

    /// A Bind goes to the target; hands back the plan of its statement.
    pub(super) fn bind(&mut self, portal: &[u8], statement: &[u8]) -> Option<&Rc<Plan>> {
        let plan = self.statements.get(statement).and_then(|known| known.plan.as_ref());
        self.portals.put(portal, plan.map(Rc::clone));
        plan
    }

    /// A Bind of a statement with this plan goes to the target.
    #[inline]
    pub(super) fn put_portal(&mut self, portal: &[u8], plan: Option<Rc<Plan>>) {
        self.portals.put(portal, plan);
    }

    /// The plan of the statement, for a Describe.
    pub(super) fn statement(&self, name: &[u8]) -> Option<&Rc<Plan>> {
        self.known(name)?.plan.as_ref()
    }

    /// The plan of the portal's statement.
    #[inline]
    pub(super) fn portal(&self, name: &[u8]) -> Option<&Rc<Plan>> {
        self.portals.get(name)
    }

    /// A Close goes to the target: `kind` is `S` or `P`.
    pub(super) fn close(&mut self, kind: u8, name: &[u8]) {
        if kind != b'S' {
            self.portals.put(name, None);
            return;
        }
        self.forget_kinds(name);
        self.put_plan(name, None);
        if let Some(known) = self.statements.get_mut(name) {
            known.parse = None;
        }
        self.drop_empty(name);
    }

    /// A Parse of this name goes to the target.
    pub(super) fn note_parse(&mut self, name: &[u8]) {
        self.unnamed.may_exist |= name.is_empty();
    }

    /// Whether the client may have an unnamed statement, which a simple query destroys.
    pub(super) fn has_unnamed(&self) -> bool {
        self.unnamed.may_exist
    }

    /// A Query goes to the target: the unnamed statement and the unnamed portal are gone, and any name may
    /// stand for another statement, because SQL can prepare one.
    pub(super) fn on_query(&mut self) {
        self.close_unnamed();
        self.forget_all_kinds();
    }

    /// A simple query destroys the unnamed statement and the unnamed portal.
    pub(super) fn close_unnamed(&mut self) {
        self.unnamed.may_exist = false;
        self.unnamed.changes += 1;
        if self.counts.plans > 0 {
            self.put_plan(b"", None);
            self.drop_empty(b"");
        }
        self.portals.put(b"", None);
    }

    /// No transaction is open any more, so no portal is either.
    #[inline]
    pub(super) fn close_portals(&mut self) {
        self.portals.close_all();
    }
}

/// What parameters hold, where those of these numbers hold JSON, whatever their type is.
pub(super) fn with_json(mut kinds: Vec<ValueKind>, json: &[u16]) -> Vec<ValueKind> {
    for number in json {
        if let Some(kind) = kinds.get_mut(usize::from(*number).wrapping_sub(1)) {
            let is_array = matches!(kind, ValueKind::CharacterArray | ValueKind::JsonArray);
            *kind = if is_array { ValueKind::JsonArray } else { ValueKind::Json };
        }
    }
    kinds
}

/// Adds a name to a list, unless it was added last.
fn note_name(names: &mut Vec<Box<[u8]>>, name: &[u8]) {
    if names.last().is_none_or(|last| **last != *key(name)) {
        names.push(key(name).into());
    }
}

#[cfg(test)]
mod tests;
