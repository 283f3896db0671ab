//! What is known of the target: relations, parameters of prepared statements, functions and types. All of
//! it is asked in the client's own session just before it is needed, because only that session sees its
//! uncommitted tables, its search_path and its rights. Knows no frames and asks nothing itself.

mod calls;
mod column_orders;
mod defined;
mod known;
mod need;
mod questions;
mod relation;
mod rows;
mod seen_names;
mod silenced;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::value::ValueKind;
use crate::value::assignment::FIRST_USER_OID;
use crate::value::type_oid::kind_of;
use crate::wire::{Answer, TransactionStatus};

use calls::Calls;
pub use column_orders::{OrderChange, OrderedTable};
use known::{AskedSubjects, Known, Relations, Transaction};
pub use need::{Edition, Freshness, Moment, Name, Need, Sent, Subject};
use questions::SubjectAnswer;
pub use questions::{Answers, CatalogQuestion};
pub use relation::{Relation, RelationColumn};
use seen_names::SessionNames;
pub use seen_names::{NamePair, SeenNames};
pub use silenced::{Act, ActKind, KeyName, Silenced};

/// Relations remembered at most in one session; then all but those of the text at hand are forgotten.
const RELATIONS_MAX: usize = 1_000;

/// Subjects that are asked about for one text. The statements about those beyond them pass unread.
const SUBJECTS_MAX: usize = 1_000;

/// Functions remembered at most.
const FUNCTIONS_MAX: usize = 1_000;

/// Types remembered at most.
const USER_TYPES_MAX: usize = 10_000;

/// What is known.
#[derive(Debug, Default)]
pub struct Catalog {
    relations: Relations,
    names: SessionNames,
    /// The parameters of prepared statements, as the columns of relations without a name, for the text at hand:
    /// the next one may find another statement under the name.
    prepared: HashMap<Vec<u8>, Arc<Relation>>,
    /// The types of the arguments of all routines of a name, for the text at hand.
    routines: HashMap<Name, Vec<Vec<u32>>>,
    functions: HashMap<u32, Arc<[ValueKind]>>,
    /// What is under a type that a user has made. An OID is never given to another type while a session
    /// knows it by a statement of its own.
    user_types: HashMap<u32, u32>,
    transaction: Transaction,
    calls: Calls,
    /// Which questions the target answers.
    answers: Answers,
    /// Counts the texts.
    text: u64,
    asked: AskedSubjects,
    /// When the last question was asked.
    asked_at: Moment,
}

impl Catalog {
    /// One question for all that is missing, if anything is. Nothing is asked twice for one text, so
    /// this ends after a few answers whatever they say.
    pub fn missing(&mut self, needs: Vec<Need>, now: Moment) -> Option<CatalogQuestion> {
        if self.relations.len() > RELATIONS_MAX {
            let text = self.text;
            self.relations.retain(|known| known.text == text);
        }
        // A transaction that has failed answers nothing, and what waits is refused as well.
        let can_ask = now.status != TransactionStatus::Aborted && self.answers != Answers::Nothing;
        if needs.is_empty() || !can_ask {
            return None;
        }
        let (mut missing, mut unread) = (Vec::new(), 0);
        let mut seen = HashSet::new();
        for Need { subject, freshness } in needs {
            if self.is_known(&subject, freshness, now) || !seen.insert(subject.clone()) {
                continue;
            }
            if self.asked.count + missing.len() >= SUBJECTS_MAX {
                unread += 1;
            } else {
                missing.push(subject);
            }
        }
        self.asked.unread = self.asked.unread.max(unread);
        if missing.is_empty() {
            return None;
        }
        self.asked.count += missing.len();
        self.asked_at = now;
        CatalogQuestion::about(missing, self.answers)
    }

    fn is_known(&self, subject: &Subject, freshness: Freshness, now: Moment) -> bool {
        match subject {
            Subject::Prepared(name) => self.prepared.contains_key(name),
            Subject::Routine(name) => self.routines.contains_key(name),
            Subject::SearchPath => self.names.search_path.is_some(),
            Subject::Relation(name) => {
                let known = self.relations.get(name);
                known.is_some_and(|known| self.serves(known, freshness, now))
            }
        }
    }

    fn serves(&self, known: &Known, freshness: Freshness, now: Moment) -> bool {
        let is_asked = known.text == self.text || self.is_locked(known);
        is_asked || freshness == Freshness::MayBeOld && !known.is_old(now)
    }

    fn is_locked(&self, known: &Known) -> bool {
        known.locked_in == Some(self.transaction.number)
    }

    /// Whether [`Catalog::missing`] would not ask about a relation of which the answer may be old, so that
    /// it need not be among the needs.
    pub fn is_at_hand(&self, name: &Name, now: Moment) -> bool {
        // Else the next question forgets relations first.
        let stays = self.relations.len() <= RELATIONS_MAX;
        let known = self.relations.get(name).filter(|_| stays);
        known.is_some_and(|known| self.serves(known, Freshness::MayBeOld, now))
    }

    /// The edition of what is known of relations.
    pub fn edition(&self, now: Moment) -> Edition {
        let Moment { seconds, definitions, .. } = now;
        Edition { changes: self.relations.changes(), seconds, definitions }
    }

    /// Whether what is known of a relation is young enough for any text that takes an old answer, and so
    /// for all of this edition.
    pub fn is_young(&self, name: &Name, now: Moment) -> bool {
        self.relations.get(name).is_some_and(|known| !known.is_old(now))
    }

    /// Which questions the target answers is known.
    pub fn set_answers(&mut self, answers: Answers) {
        self.answers = answers;
    }

    /// Whether it is known what the replica role silences on relations.
    pub fn tells_silenced(&self) -> bool {
        self.answers == Answers::All
    }

    /// How many subjects that the text at hand needs will not be asked about: the statements about them
    /// pass unread.
    pub fn unread(&self) -> u64 {
        self.asked.unread
    }

    /// A question is answered. Where the answer is an error, what was known before serves the text at hand,
    /// and the next one asks again.
    pub fn on_answer(&mut self, question: &CatalogQuestion, answer: &Answer) {
        match question {
            CatalogQuestion::Relations(subjects) | CatalogQuestion::Columns(subjects) => {
                self.on_relations(subjects, answer);
            }
            CatalogQuestion::Arguments(function) => {
                if self.functions.len() >= FUNCTIONS_MAX {
                    self.functions.clear();
                }
                self.functions.insert(*function, questions::arguments(answer).into());
            }
            CatalogQuestion::UserTypes(oids) => {
                if self.user_types.len() >= USER_TYPES_MAX {
                    self.user_types.clear();
                }
                // A type that the target does not tell of is not asked about again either.
                self.user_types.extend(oids.iter().map(|oid| (*oid, *oid)));
                self.user_types.extend(questions::user_types(answer));
            }
            CatalogQuestion::Calls(names) => self.calls.on_answer(names, answer),
        }
    }

    fn on_relations(&mut self, subjects: &[Subject], answer: &Answer) {
        let Moment { seconds, definitions, status, is_owed } = self.asked_at;
        let in_transaction = status == TransactionStatus::Open && !is_owed;
        let has_failed = answer.failure.is_some();
        let written = std::mem::take(&mut self.transaction.written);
        let is_written: HashSet<&Name> = match in_transaction && !has_failed {
            true => written.iter().flat_map(|names| names.iter()).collect(),
            false => HashSet::new(),
        };
        for (subject, said) in subjects.iter().zip(questions::said(subjects, answer)) {
            match (subject, said) {
                // An error says nothing new. What was known before serves the text at hand.
                (Subject::Relation(name), _)
                    if has_failed && self.relations.get(name).is_some() =>
                {
                    if let Some(known) = self.relations.get_mut(name) {
                        (known.text, known.has_failed) = (self.text, true);
                    }
                }
                (Subject::Relation(name), SubjectAnswer::Relation(relation)) => {
                    let known = Known {
                        locked_in: (!relation.is_missing() && is_written.contains(name))
                            .then_some(self.transaction.number),
                        relation: self.shared(name, relation),
                        seconds,
                        definitions,
                        text: self.text,
                        has_failed,
                    };
                    self.relations.insert(name.clone(), known);
                }
                (Subject::Prepared(name), SubjectAnswer::Prepared(parameters)) => {
                    self.prepared.insert(name.clone(), Arc::new(parameters));
                }
                (Subject::Routine(name), SubjectAnswer::Routines(types)) => {
                    self.routines.insert(name.clone(), types);
                }
                (Subject::SearchPath, SubjectAnswer::SearchPath(schemas)) => {
                    self.names.search_path = Some(schemas);
                }
                _ => {}
            }
        }
        self.transaction.written = written;
    }

    /// The relation as it is known already, if it has not changed. A holder of it sees by the address that
    /// it is the same.
    fn shared(&self, name: &Name, relation: Relation) -> Arc<Relation> {
        let known = self.relations.get(name).filter(|known| *known.relation == relation);
        known.map_or_else(|| Arc::new(relation), |known| Arc::clone(&known.relation))
    }

    /// What is known of a relation.
    pub fn relation(&self, name: &Name) -> Option<&Arc<Relation>> {
        Some(&self.relations.get(name)?.relation)
    }

    /// Whether what is known of a relation is [`Freshness::Exact`].
    pub fn is_exact(&self, name: &Name) -> bool {
        let known = self.relations.get(name);
        known.is_some_and(|known| {
            known.text == self.text && !known.has_failed || self.is_locked(known)
        })
    }

    /// Whether nothing is known of any relation or prepared statement.
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty() && self.prepared.is_empty()
    }

    /// The parameters of a prepared statement, as the columns of a relation without a name.
    pub fn prepared(&self, name: &[u8]) -> Option<&Arc<Relation>> {
        self.prepared.get(name)
    }

    /// The types of the arguments of all routines of a name.
    pub fn routine(&self, name: &Name) -> Option<&Vec<Vec<u32>>> {
        self.routines.get(name)
    }

    /// What the arguments of a function hold.
    pub fn function(&self, oid: u32) -> Option<&Arc<[ValueKind]>> {
        self.functions.get(&oid)
    }

    /// Whether a type has to be asked about before it is known what its values hold.
    pub fn lacks_type(&self, oid: u32) -> bool {
        oid >= FIRST_USER_OID && !self.user_types.contains_key(&oid)
    }

    /// What the values of a type hold, as far as it is known.
    pub fn kind_of(&self, oid: u32) -> ValueKind {
        kind_of(self.user_types.get(&oid).copied().unwrap_or(oid))
    }

    /// What the values of these types hold, as far as it is known.
    pub fn kinds_of(&self, oids: &[u32]) -> Arc<[ValueKind]> {
        oids.iter().map(|oid| self.kind_of(*oid)).collect()
    }

    /// The question about those of these types that users have made and that are not known.
    pub fn unknown_types(&self, oids: &[u32]) -> Option<CatalogQuestion> {
        let unknown: Vec<u32> = oids.iter().copied().filter(|oid| self.lacks_type(*oid)).collect();
        (!unknown.is_empty()).then_some(CatalogQuestion::UserTypes(unknown))
    }

    /// Whether one of these functions may write; a question where that is not known.
    ///
    /// # Errors
    /// It has to be asked first.
    pub fn may_write(&self, calls: &[Vec<u8>]) -> Result<bool, CatalogQuestion> {
        self.calls.may_write(calls)
    }

    /// Whether a definition has changed in the transaction under way.
    pub fn has_changed(&self) -> bool {
        self.transaction.changed
    }

    /// Nothing is known of a relation any more, or of any.
    pub fn forget(&mut self, name: Option<&Name>) {
        match name {
            Some(name) => {
                self.relations.remove(name);
            }
            None => self.relations.clear(),
        }
    }

    /// Foreign keys were parked, in a transaction of the client's or not.
    pub fn on_parked(&mut self) {
        self.transaction.changed = true;
        self.relations.clear();
    }

    /// A text goes to the target, or an Execute of one that does something. To be called for every text,
    /// because an answer is exact for one.
    pub fn on_sent(&mut self, sent: Sent<'_>) {
        self.next_text();
        if sent.changes_relations || sent.ends_transaction && self.transaction.changed {
            self.transaction.changed = true;
            self.relations.clear();
            self.calls.clear();
        }
        if sent.ends_transaction {
            self.unlock();
        } else if let Some(writes) = sent.writes.filter(|writes| !writes.is_empty()) {
            // The same statement is executed again and again, as a rule.
            if self.transaction.written.last().is_none_or(|last| !Arc::ptr_eq(last, writes)) {
                if self.transaction.written_count > RELATIONS_MAX {
                    self.unlock();
                }
                self.transaction.written_count += writes.len();
                self.transaction.written.push(Arc::clone(writes));
            }
        }
    }

    /// ReadyForQuery; gives whether definitions have changed that other sessions see now.
    pub fn on_ready(&mut self, status: TransactionStatus) -> bool {
        if status != TransactionStatus::Idle {
            return false;
        }
        self.unlock();
        if self.transaction.changed {
            self.relations.clear();
            self.calls.clear();
        }
        std::mem::take(&mut self.transaction.changed)
    }

    /// ErrorResponse. It may undo definitions of the transaction under way; it changes nothing else.
    pub fn on_error(&mut self) {
        self.next_text();
        self.names.orders.clear();
        self.unlock();
        if self.transaction.changed {
            self.relations.clear();
        }
    }

    fn next_text(&mut self) {
        self.text += 1;
        self.asked = AskedSubjects::default();
        self.prepared.clear();
        self.routines.clear();
        self.names.search_path = None;
    }

    /// Locks of the transaction under way may be gone.
    fn unlock(&mut self) {
        if !self.transaction.written.is_empty() {
            self.transaction.written.clear();
            self.transaction.written_count = 0;
            self.transaction.number += 1;
        }
    }
}

#[cfg(test)]
mod tests;
