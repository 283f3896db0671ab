//! A list of what has to be known, each subject once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::names;
use crate::catalog::{Freshness, Name, Need, Subject};

/// The list, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Needs {
    list: Vec<Need>,
    indexes: HashMap<Subject, usize>,
    /// The relation that was noted last, as the text names it: the next value goes into it as well, as a rule.
    last: Option<Name>,
}

impl Needs {
    /// Whether this relation was noted last, in which case it need not be noted again.
    pub(super) fn has_last(&self, name: &Name) -> bool {
        self.last.as_ref() == Some(name)
    }

    /// A relation, as the text names it.
    pub(super) fn relation(&mut self, name: &Name, freshness: Freshness) {
        if freshness == Freshness::MayBeOld && self.has_last(name) {
            return;
        }
        self.last = Some(name.clone());
        self.note(Subject::Relation(names::target_of(name).into_owned()), freshness);
    }

    /// A prepared statement.
    pub(super) fn prepared(&mut self, name: &[u8]) {
        self.note(Subject::Prepared(name.to_vec()), Freshness::MayBeOld);
    }

    fn note(&mut self, subject: Subject, freshness: Freshness) {
        match self.indexes.entry(subject.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(self.list.len());
                self.list.push(Need { subject, freshness });
            }
            Entry::Occupied(index) => {
                let need = self.list.get_mut(*index.get());
                if let (Some(need), Freshness::Exact) = (need, freshness) {
                    need.freshness = freshness;
                }
            }
        }
    }

    pub(super) fn into_list(self) -> Vec<Need> {
        self.list
    }

    /// The relations, by the target's names.
    pub(super) fn into_relations(self) -> Vec<Name> {
        let relation = |need: Need| match need.subject {
            Subject::Relation(name) => Some(name),
            Subject::Prepared(_) => None,
        };
        self.list.into_iter().filter_map(relation).collect()
    }
}
