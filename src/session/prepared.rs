//! Which prepared statements and portals the proxy has to act on when they are executed. Plain ones are not
//! remembered, so that nothing grows with the client's use of names. Knows names, plans and kinds; may not
//! read message bodies.

use std::collections::HashMap;
use std::sync::Arc;

use super::budget::{Budget, Share};
use crate::catalog::Name;
use crate::ledger::Place;
use crate::policy::Settings;
use crate::rewrite::{CopyStream, Parameters, PositionMap};
use crate::statement::{Effects, Word};
use crate::value::ValueKind;

/// What executing a prepared statement means to the proxy.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The text was changed: positions in errors are moved back.
    pub(super) positions: Option<Arc<PositionMap>>,
    /// The COPY stream that it asks for.
    pub(super) copies: Vec<CopyStream>,
    /// The columns that its parameters go into.
    pub(super) parameters: Option<Arc<Parameters>>,
    /// The numbers of parameters that hold JSON, whatever their type is.
    pub(super) json: Box<[u16]>,
    /// The command tag that the client is to see.
    pub(super) tag: Option<&'static str>,
    /// What it may change, as far as that matters.
    pub(super) effects: Effects,
    /// The relations that it writes to.
    pub(super) writes: Arc<[Name]>,
    /// The settings behind it, where it states one plainly.
    pub(super) stated: Option<Settings>,
    /// What it says about settings, on a target that does not tell them.
    pub(super) word: Option<Box<Word>>,
    /// What it takes of the session's bytes, once it is remembered.
    pub(super) share: Option<Share>,
}

impl Plan {
    /// What it takes in memory, in bytes; relations apart, which the catalog holds.
    pub(super) fn bytes(&self) -> usize {
        let copies = self.copies.iter().map(|copy| {
            size_of_val(copy) + size_of_val(&*copy.kinds) + size_of_val(copy.fields.as_slice())
        });
        let writes = self.writes.iter().flatten().map(|part| size_of_val(part) + part.len());
        size_of_val(self)
            + self.positions.as_ref().map_or(0, |positions| positions.bytes())
            + self.parameters.as_ref().map_or(0, |parameters| parameters.bytes())
            + size_of_val(&*self.json)
            + copies.sum::<usize>()
            + writes.sum::<usize>()
    }
}

/// What is known of the statement of a Bind.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement {
    /// The columns that its parameters go into.
    pub(super) parameters: Option<Arc<Parameters>>,
    /// What its parameters hold.
    pub(super) kinds: Option<Arc<[ValueKind]>>,
    /// What it writes to, for the ledger.
    pub(super) place: Place,
}

/// A name and what it stood for before a Parse.
#[derive(Debug)]
pub(super) struct Undo {
    name: Box<[u8]>,
    previous: Option<Arc<Plan>>,
    /// The number of the Parse among those of the unnamed statement.
    unnamed: u64,
}

/// What parameters hold.
#[derive(Debug)]
struct KnownKinds {
    kinds: Arc<[ValueKind]>,
    _share: Share,
}

/// The names, as the target knows them.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What all of it takes.
    budget: Budget,
    statements: HashMap<Box<[u8]>, Arc<Plan>>,
    portals: HashMap<Box<[u8]>, Arc<Plan>>,
    /// What parameters hold, of statements that were asked for it.
    kinds: HashMap<Box<[u8]>, KnownKinds>,
    /// What the Parses since the last Sync declare. Should one of them fail, what follows it up to
    /// the Sync is skipped; behind the Sync the name may still be another statement's.
    declared: HashMap<Box<[u8]>, KnownKinds>,
    /// What statements with parameters write to, for the ledger.
    written: HashMap<Box<[u8]>, Place>,
    /// The Parses that can be undone, counted.
    parses: u64,
    /// The last of them of each name since the last Sync.
    parsed: HashMap<Box<[u8]>, u64>,
    /// The same of those in front of it: what such a name stands for is not known until the Parse of
    /// this number is answered.
    unsure: HashMap<Box<[u8]>, u64>,
    unnamed: Unnamed,
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

/// Statements whose parameters are remembered at most; then all of them are asked for anew.
const KINDS_MAX: usize = 10_000;

/// Portals remembered at most: those of transactions that have ended go only when nothing is on its way.
const PORTALS_MAX: usize = 10_000;

impl Prepared {
    /// Nothing is known yet; plans and kinds may take `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Prepared {
        Prepared {
            budget: Budget::new(bytes_max),
            statements: HashMap::new(),
            portals: HashMap::new(),
            kinds: HashMap::new(),
            declared: HashMap::new(),
            written: HashMap::new(),
            parses: 0,
            parsed: HashMap::new(),
            unsure: HashMap::new(),
            unnamed: Unnamed::default(),
        }
    }

    /// Whether anything is known of a statement or portal: if not, names need not be looked at.
    pub(super) fn is_known(&self) -> bool {
        !self.statements.is_empty()
            || !self.portals.is_empty()
            || !self.kinds.is_empty()
            || !self.declared.is_empty()
    }

    /// Whether one more statement can be remembered, of whose parameters that much is known.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.statements.len() < PLANS_MAX && self.budget.has_room(bytes)
    }

    /// A Parse goes to the target; with `None` the statement is a plain one. Hands back how to undo
    /// it, where it changed anything.
    pub(super) fn prepare(&mut self, name: &[u8], plan: Option<Plan>) -> Option<Undo> {
        if name.is_empty() {
            self.unnamed.changes += 1;
            self.unsure.remove(name);
        }
        let previous = match plan {
            Some(mut plan) => {
                plan.share = Some(self.budget.take(plan.bytes()));
                self.statements.insert(key(name).into(), Arc::new(plan))
            }
            None if self.statements.is_empty() => return None,
            None => Some(self.statements.remove(key(name))?),
        };
        self.parses += 1;
        self.parsed.insert(key(name).into(), self.parses);
        Some(Undo { name: key(name).into(), previous, unnamed: self.unnamed.changes })
    }

    /// Whether there may be names of which [`Prepared::is_unsure`] says so; `answered` is
    /// how many of the Parses that can be undone are answered.
    pub(super) fn has_unsure(&mut self, answered: u64) -> bool {
        if !self.unsure.is_empty() && answered >= self.parses {
            self.unsure.clear();
        }
        !self.unsure.is_empty()
    }

    /// Parses of the statement `name` go to the target: what it declares is known, as far as all of its
    /// types are.
    pub(super) fn note_declared(&mut self, name: &[u8], kinds: Option<Arc<[ValueKind]>>) {
        match kinds {
            Some(kinds) => self.declare_kinds(name, kinds),
            None => self.forget_kinds(name),
        }
    }

    /// Whether the name's Parse lies behind a Sync and is not yet answered. Where it fails, the name
    /// stays another statement's.
    pub(super) fn is_unsure(&self, name: &[u8], answered: u64) -> bool {
        self.unsure.get(key(name)).is_some_and(|parse| *parse > answered)
    }

    /// A Parse of a statement goes to the target that writes to `place`, or to nothing.
    pub(super) fn note_written(&mut self, statement: &[u8], place: Option<Place>) {
        if self.written.len() >= KINDS_MAX {
            self.written.clear();
        }
        match place {
            Some(place) => {
                self.written.insert(key(statement).into(), place);
            }
            None if self.written.is_empty() => {}
            None => {
                self.written.remove(key(statement));
            }
        }
    }

    /// What is known of the statement that a Bind names.
    pub(super) fn of(&self, statement: &[u8]) -> Statement {
        if !self.is_known() && self.written.is_empty() {
            return Statement::default();
        }
        let statement = key(statement);
        let plan = self.statements.get(statement);
        Statement {
            parameters: plan.and_then(|plan| plan.parameters.clone()),
            kinds: (self.declared.get(statement).or_else(|| self.kinds.get(statement)))
                .map(|known| Arc::clone(&known.kinds)),
            place: self.written.get(statement).cloned().unwrap_or_default(),
        }
    }

    /// Remembers, up to the next Sync, what a Parse declares its parameters to hold.
    pub(super) fn declare_kinds(&mut self, statement: &[u8], kinds: Arc<[ValueKind]>) {
        self.kinds.remove(key(statement));
        if self.declared.len() < KINDS_MAX && self.budget.has_room(size_of_val(&*kinds)) {
            let known = self.known(kinds);
            self.declared.insert(key(statement).into(), known);
        }
    }

    /// A Sync goes to the target; so many of the Parses that can be undone are answered.
    pub(super) fn on_sync(&mut self, answered: u64) {
        self.declared.clear();
        if self.parsed.is_empty() {
            return;
        }
        // Never while most of them are on their way, so that it costs each of them little.
        let on_their_way = usize::try_from(self.parses - answered.min(self.parses));
        let kept_max = on_their_way.unwrap_or(usize::MAX).saturating_mul(2);
        if self.unsure.len() >= kept_max.saturating_add(KINDS_MAX) {
            self.unsure.retain(|_, parse| *parse > answered);
        }
        self.unsure.extend(self.parsed.drain());
    }

    /// Remembers what the parameters of a statement hold.
    pub(super) fn set_kinds(&mut self, statement: &[u8], kinds: Arc<[ValueKind]>) {
        let plan = self.statements.get(key(statement));
        let kinds = match plan {
            Some(plan) if !plan.json.is_empty() => with_json(kinds.to_vec(), &plan.json).into(),
            _ => kinds,
        };
        if self.kinds.len() >= KINDS_MAX || !self.budget.has_room(size_of_val(&*kinds)) {
            self.kinds.clear();
        }
        let known = self.known(kinds);
        self.kinds.insert(key(statement).into(), known);
    }

    fn known(&self, kinds: Arc<[ValueKind]>) -> KnownKinds {
        let _share = self.budget.take(size_of_val(&*kinds));
        KnownKinds { kinds, _share }
    }

    /// The name may stand for another statement from now on.
    pub(super) fn forget_kinds(&mut self, statement: &[u8]) {
        if !self.kinds.is_empty() || !self.declared.is_empty() {
            self.kinds.remove(key(statement));
            self.declared.remove(key(statement));
        }
    }

    /// Any name may stand for another statement from now on: a Parse may have failed on a name that
    /// was taken, or SQL may have prepared one.
    pub(super) fn forget_all_kinds(&mut self) {
        self.kinds.clear();
        self.declared.clear();
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
        self.written.remove(&undo.name);
        match undo.previous {
            Some(plan) => self.statements.insert(undo.name, plan),
            None => self.statements.remove(&undo.name),
        };
    }

    /// A Bind goes to the target; hands back the plan of its statement.
    pub(super) fn bind(&mut self, portal: &[u8], statement: &[u8]) -> Option<&Arc<Plan>> {
        match self.statements.get(key(statement)) {
            Some(plan) => {
                if self.portals.len() >= PORTALS_MAX {
                    self.portals.clear();
                }
                self.portals.insert(key(portal).into(), Arc::clone(plan));
                Some(plan)
            }
            None => {
                self.portals.remove(key(portal));
                None
            }
        }
    }

    /// The plan of the statement, for a Describe.
    pub(super) fn statement(&self, name: &[u8]) -> Option<&Arc<Plan>> {
        self.statements.get(key(name))
    }

    /// The plan of the portal's statement.
    pub(super) fn portal(&self, name: &[u8]) -> Option<&Arc<Plan>> {
        self.portals.get(key(name))
    }

    /// A Close goes to the target: `kind` is `S` or `P`.
    pub(super) fn close(&mut self, kind: u8, name: &[u8]) {
        match kind {
            b'S' => {
                self.forget_kinds(name);
                self.parsed.remove(key(name));
                self.unsure.remove(key(name));
                self.statements.remove(key(name))
            }
            _ => self.portals.remove(key(name)),
        };
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
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
    }

    /// No transaction is open any more, so no portal is either.
    pub(super) fn close_portals(&mut self) {
        self.portals.clear();
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

/// The part of a name that the target compares. It truncates longer ones silently.
///
/// Source: PostgreSQL, `NAMEDATALEN` in `src/include/pg_config_manual.h`.
fn key(name: &[u8]) -> &[u8] {
    const NAME_BYTES_MAX: usize = 63;
    name.get(..NAME_BYTES_MAX).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Option<Plan> {
        Some(Plan { effects: Effects::TOUCHES_SETTINGS, ..Plan::default() })
    }

    #[test]
    fn plans_take_bytes_until_nothing_holds_them() {
        let bytes = plan().unwrap().bytes();
        let mut names = Prepared::new(2 * bytes);
        let first = names.prepare(b"", plan()).unwrap();
        assert!(names.bind(b"portal", b"").is_some());
        let second = names.prepare(b"", plan()).unwrap();
        assert!(!names.has_room(1), "the portal still holds the first plan");
        names.close_portals();
        assert!(!names.has_room(1), "and so does what would put it back");
        drop((first, second));
        assert!(names.has_room(bytes) && !names.has_room(bytes + 1));
        names.close(b'S', b"");
        assert!(names.has_room(2 * bytes));
    }

    #[test]
    fn kinds_beyond_the_bytes_replace_those_that_are_known() {
        let kinds = || vec![ValueKind::Character; 60].into();
        let mut names = Prepared::new(60 * size_of::<ValueKind>());
        names.set_kinds(b"a", kinds());
        names.set_kinds(b"b", kinds());
        assert!(names.of(b"a").kinds.is_none() && names.of(b"b").kinds.is_some());
        names.note_declared(b"c", Some(kinds()));
        assert!(names.of(b"c").kinds.is_none());
    }

    #[test]
    fn a_name_used_again_for_a_plain_statement_is_forgotten() {
        let mut names = Prepared::new(1_000_000);
        names.prepare(b"s", plan());
        assert!(names.bind(b"", b"s").is_some());
        names.prepare(b"s", None);
        assert!(names.bind(b"", b"s").is_none());
        assert!(!names.is_known());
    }

    #[test]
    fn a_refused_parse_leaves_what_was_there() {
        let mut names = Prepared::new(1_000_000);
        names.prepare(b"s", plan());
        let undo = names.prepare(b"s", None).unwrap();
        assert!(names.statement(b"s").is_none());
        names.undo(undo);
        assert!(names.statement(b"s").is_some());
        let undo = names.prepare(b"new", plan()).unwrap();
        names.undo(undo);
        assert!(names.statement(b"new").is_none());
    }

    #[test]
    fn behind_a_sync_a_name_is_unsure_until_its_parse_is_answered() {
        let mut names = Prepared::new(1_000_000);
        names.prepare(b"s", plan());
        assert!(!names.is_unsure(b"s", 0), "what follows is skipped with it");
        names.on_sync(0);
        assert!(names.has_unsure(0) && names.is_unsure(b"s", 0) && !names.is_unsure(b"t", 0));
        names.prepare(b"t", plan());
        assert!(!names.is_unsure(b"s", 1) && names.has_unsure(1));
        assert!(!names.has_unsure(2));
    }

    #[test]
    fn undoing_leaves_a_later_unnamed_statement() {
        let mut names = Prepared::new(1_000_000);
        let first = names.prepare(b"", plan()).unwrap();
        let second = names.prepare(b"", plan()).unwrap();
        names.undo(first);
        assert!(names.statement(b"").is_some());
        names.undo(second);
        names.close_unnamed();
        let third = names.prepare(b"", plan()).unwrap();
        names.close_unnamed();
        names.undo(third);
        assert!(names.statement(b"").is_none());
    }

    #[test]
    fn plain_statements_cost_nothing() {
        let mut names = Prepared::new(1_000_000);
        assert!(names.prepare(b"plain", None).is_none());
        assert!(!names.is_known());
    }

    #[test]
    fn a_simple_query_ends_the_unnamed_ones_only() {
        let mut names = Prepared::new(1_000_000);
        names.prepare(b"", plan());
        names.prepare(b"s", plan());
        names.bind(b"p", b"s");
        names.close_unnamed();
        assert_eq!(names.statements.len(), 1);
        assert!(names.portal(b"p").is_some());
        names.close_portals();
        assert!(names.portal(b"p").is_none());
    }

    #[test]
    fn long_names_are_told_apart_as_the_target_does() {
        let mut names = Prepared::new(1_000_000);
        names.prepare(&[b'a'; 1_000_000], plan());
        assert!(names.bind(b"", &[b'a'; 63]).is_some());
        assert!(names.bind(b"", &[b'a'; 62]).is_none());
        names.close(b'S', &[b'a'; 64]);
        assert_eq!(names.statements.len(), 0);
    }
}
