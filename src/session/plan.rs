//! What the proxy knows of a prepared statement, as far as it has to act on that. Plain data.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::ask::settle::Role;
use super::budget::Share;
use crate::catalog::{Edition, Name};
use crate::ledger::Place;
use crate::policy::Settings;
use crate::rewrite::{
    Change, Completions, CopyStream, NameParameters, Parameters, PositionMap, Reached,
};
use crate::statement::{Effects, Word};
use crate::statistics::CountedStatement;
use crate::value::{GivenValue, ValueKind};

/// What executing a prepared statement means to the proxy.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The text was changed: positions in errors are moved back.
    pub(super) positions: Option<Arc<PositionMap>>,
    /// The COPY stream that it asks for.
    pub(super) copies: Vec<CopyStream>,
    /// The columns that its parameters go into.
    pub(super) parameters: Option<Arc<Parameters>>,
    /// What is known of its parameters beside that.
    pub(super) noted: NotedParameters,
    /// What it is about, where that is counted.
    pub(super) subjects: Option<Arc<[CountedStatement]>>,
    /// What the client gets when it is complete.
    pub(super) completions: Completions,
    /// What it may change, as far as that matters.
    pub(super) effects: Effects,
    /// The relations that it writes to.
    pub(super) writes: Arc<[Name]>,
    /// How far it reaches, where the role may matter for it.
    pub(super) reach: Option<Box<PlanReach>>,
    /// The tables that it prepares, counted when the target has done it.
    pub(super) prepares: Vec<Change>,
    /// What it says about settings.
    pub(super) said: SaidSettings,
    /// What it takes of the session's bytes, once it is remembered.
    pub(super) share: Option<Share>,
}

/// What the text of a statement says of its parameters.
#[derive(Debug, Default)]
pub(super) struct NotedParameters {
    /// Those that hold names.
    pub(super) names: Option<Box<NameParameters>>,
    /// The numbers of those that hold JSON, whatever their type is.
    pub(super) json: Box<[u16]>,
}

/// How far a statement reaches.
#[derive(Debug)]
pub(super) struct PlanReach {
    /// What it writes and runs.
    pub(super) reached: Reached,
    /// The role that it wants.
    pub(super) wish: Wish,
}

/// The role that a statement wants, as it was found when it was last asked for. It is the same as long as what
/// is known of relations is, so that executing the statement again and again does not look at them anew.
#[derive(Debug, Default)]
pub(super) struct Wish(Cell<Option<(Edition, Option<Role>)>>);

impl Wish {
    /// The role, where it was found by this edition; `None` in it for any role.
    #[inline]
    pub(super) fn at(&self, edition: Edition) -> Option<Option<Role>> {
        self.0.get().and_then(|(of, role)| (of == edition).then_some(role))
    }

    pub(super) fn note(&self, edition: Edition, role: Option<Role>) {
        self.0.set(Some((edition, role)));
    }
}

/// What a statement says about settings.
#[derive(Debug, Default)]
pub(super) struct SaidSettings {
    /// The settings behind it, where it states one plainly.
    pub(super) stated: Option<Settings>,
    /// What it says, on a target that does not tell them.
    pub(super) word: Option<Box<Word>>,
}

impl Plan {
    /// What it writes and runs.
    pub(super) fn reached(&self) -> &Reached {
        self.reach.as_ref().map_or_else(|| Reached::nothing(), |reach| &reach.reached)
    }

    /// Whether replies have the names of the client's text.
    pub(super) fn renames_replies(&self) -> bool {
        self.positions.as_ref().is_some_and(|map| map.reply_names().is_some())
    }

    /// Whether a rule changes values of its Binds, whatever these are.
    pub(super) fn changes_binds(&self) -> bool {
        let changes = |parameters: &Parameters| parameters.are_masked() || parameters.is_retyped();
        self.parameters.as_deref().is_some_and(changes) || self.noted.names.is_some()
    }

    /// What it takes in memory, in bytes; relations apart, which the catalog holds.
    pub(super) fn bytes(&self) -> usize {
        let copies = self.copies.iter().map(|copy| {
            size_of_val(copy) + size_of_val(&*copy.kinds) + size_of_val(copy.fields.as_slice())
        });
        let writes = self.writes.iter().flatten().map(|part| size_of_val(part) + part.len());
        size_of_val(self)
            + self.positions.as_ref().map_or(0, |positions| positions.bytes())
            + self.parameters.as_ref().map_or(0, |parameters| parameters.bytes())
            + self.noted.names.as_ref().map_or(0, |names| names.bytes())
            + size_of_val(&*self.noted.json)
            + self.reach.as_ref().map_or(0, |reach| size_of_val(&**reach) + reach.reached.bytes())
            + size_of_val(self.prepares.as_slice())
            + self.completions.bytes()
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
    /// Values that take the place of those of the Bind at hand.
    pub(super) given: Vec<GivenValue>,
}

/// What is known of the statement that a name stands for. Nothing that is empty is remembered.
#[derive(Debug, Default)]
pub(super) struct KnownStatement {
    /// What executing it means, where it is not a plain one.
    pub(super) plan: Option<Rc<Plan>>,
    /// What its parameters hold, where it was asked for that or a Parse declares it.
    pub(super) kinds: Option<KnownKinds>,
    /// What it writes to, where it has parameters, for the ledger.
    pub(super) place: Option<Place>,
    /// The last Parse of the name that can be undone.
    pub(super) parse: Option<UndoableParse>,
}

/// What parameters hold.
#[derive(Debug)]
pub(super) struct KnownKinds {
    pub(super) kinds: Arc<[ValueKind]>,
    pub(super) source: KindsSource,
    pub(super) _share: Share,
}

/// How it was found out what parameters hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KindsSource {
    /// A Parse since the last Sync declares it. Should that fail, what follows it up to the Sync is skipped;
    /// behind the Sync the name may still be another statement's.
    Declared,
    /// The target was asked.
    Asked,
}

/// A Parse, by its number, and the number of Syncs in front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct UndoableParse {
    pub(super) number: u64,
    pub(super) syncs: u64,
}

impl KnownStatement {
    /// What the parameters hold.
    pub(super) fn kinds(&self) -> Option<&[ValueKind]> {
        self.kinds.as_ref().map(|known| &*known.kinds)
    }

    /// Whether nothing is known; `answered` of the Parses that can be undone are answered.
    pub(super) fn is_empty(&self, answered: u64) -> bool {
        self.plan.is_none()
            && self.kinds.is_none()
            && self.place.is_none()
            && self.parse.is_none_or(|parse| parse.number <= answered)
    }
}

/// A name and what it stood for before a Parse.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) name: Box<[u8]>,
    pub(super) previous: Option<Rc<Plan>>,
    /// The number of the Parse among those of the unnamed statement.
    pub(super) unnamed: u64,
}
