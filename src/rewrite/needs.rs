//! A list of what has to be known, each subject once.

use std::collections::HashMap;

use super::names;
use crate::catalog::{Freshness, Name, Need, Subject};

/// Up to here a list is looked through; subjects behind it are found by their hash.
const SEARCHED_MAX: usize = 8;

/// The list, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Needs {
    list: Vec<Need>,
    /// The indexes of the subjects from [`SEARCHED_MAX`] on.
    indexes: Option<HashMap<Subject, usize>>,
    /// The index of the relation that was noted last: the next value goes into it as well, as a rule.
    last: usize,
}

impl Needs {
    /// A relation, as the text names it.
    pub(super) fn relation(&mut self, name: &Name, freshness: Freshness) {
        let name = names::target_of(name);
        let is_it =
            |need: &Need| matches!(&need.subject, Subject::Relation(known) if *known == *name);
        let is_last = self.list.get(self.last).is_some_and(is_it);
        let searched = || self.list.iter().take(SEARCHED_MAX).position(is_it);
        match if is_last { Some(self.last) } else { searched() } {
            Some(index) => self.refresh(index, freshness),
            None => self.note(Subject::Relation(name.into_owned()), freshness),
        }
    }

    /// A prepared statement.
    pub(super) fn prepared(&mut self, name: &[u8]) {
        let is_it =
            |need: &Need| matches!(&need.subject, Subject::Prepared(known) if known == name);
        if !self.list.iter().take(SEARCHED_MAX).any(is_it) {
            self.note(Subject::Prepared(name.to_vec()), Freshness::MayBeOld);
        }
    }

    /// The routines of a name, as the text has it.
    pub(super) fn routine(&mut self, name: &Name) {
        let name = names::target_of(name).into_owned();
        let is_it =
            |need: &Need| matches!(&need.subject, Subject::Routine(known) if *known == name);
        if !self.list.iter().take(SEARCHED_MAX).any(is_it) {
            self.note(Subject::Routine(name), Freshness::MayBeOld);
        }
    }

    /// A subject that is not among the first ones.
    fn note(&mut self, subject: Subject, freshness: Freshness) {
        let end = self.list.len();
        let index = match end < SEARCHED_MAX {
            true => end,
            false => {
                let indexes = self.indexes.get_or_insert_default();
                *indexes.entry(subject.clone()).or_insert(end)
            }
        };
        if index == end {
            self.list.push(Need { subject, freshness });
        }
        self.refresh(index, freshness);
    }

    fn refresh(&mut self, index: usize, freshness: Freshness) {
        self.last = index;
        if let (Some(need), Freshness::Exact) = (self.list.get_mut(index), freshness) {
            need.freshness = freshness;
        }
    }

    pub(super) fn into_list(self) -> Vec<Need> {
        self.list
    }

    /// The relations, by the target's names.
    pub(super) fn into_relations(self) -> Vec<Name> {
        let relation = |need: Need| match need.subject {
            Subject::Relation(name) => Some(name),
            Subject::Prepared(_) | Subject::Routine(_) | Subject::SearchPath => None,
        };
        // Collected as it stands, the list would be moved to shrink.
        let mut relations = Vec::with_capacity(self.list.len());
        relations.extend(self.list.into_iter().filter_map(relation));
        relations
    }
}
