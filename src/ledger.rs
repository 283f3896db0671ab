//! What was changed, by relation, column and rule: counts, times and samples, in memory, and the SQL
//! that brings it to the target. Knows no sessions and no values.

pub mod exceptions;
mod place;
pub mod rejects;
pub mod results;
mod spelled;
pub mod suspended;
pub mod target;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The samples that an entry keeps.
const SAMPLES_MAX: usize = 5;

/// The entries that are kept; what is found beyond them is counted under its rule alone.
const ENTRIES_MAX: usize = 10_000;

/// The databases that are kept apart; what happens in further ones is counted under an empty name.
const DATABASES_MAX: usize = 1_000;

/// The rule under which values are counted that were too long to be judged, or came in a way that
/// does not say what they are: they passed as they were.
pub const NOT_JUDGED: &str = "not-judged";

/// The rule under which rows are counted that were written while the replica role kept triggers, rules or
/// deferrable keys of their table from acting.
pub const SILENCED: &str = "silenced-by-role";

/// The characters that the name of a run has at most.
pub const RUN_NAME_MAX: usize = 63;

/// The way by which what was changed came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Road {
    /// The rule is about no single one.
    #[default]
    Any,
    /// A definition.
    Ddl,
    /// The text of another statement.
    Query,
    /// A constant in a text.
    Constant,
    /// A parameter.
    Parameter,
    /// A row of COPY.
    Copy,
}

impl Road {
    /// Its name; empty where the rule is about no single one.
    pub fn name(self) -> &'static str {
        match self {
            Road::Any => "",
            Road::Ddl => "ddl",
            Road::Query => "query",
            Road::Constant => "constant",
            Road::Parameter => "parameter",
            Road::Copy => "copy",
        }
    }
}

/// What an entry counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The run that it belongs to; empty for that of the session which writes it down.
    pub run: String,
    /// The schema; empty where it is not known.
    pub schema: String,
    /// The table; empty where it is not known.
    pub table: String,
    /// The column; empty where it is not known, or where the rule is about the whole statement.
    pub column: String,
    /// The name of the rule.
    pub rule: String,
    /// The way by which what was changed came.
    pub road: Road,
}

/// How often a rule changed something in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Times.
    pub count: u64,
    /// When it was first, in seconds since 1970.
    pub first_seconds: u64,
    /// When it was last, in seconds since 1970.
    pub last_seconds: u64,
    /// Where to look: rows of a COPY, statements of a session. Values only if they were asked for.
    pub samples: Vec<String>,
    /// What texts of clients called the place, where that is another name than the target's.
    pub sources: Vec<String>,
}

impl Entry {
    /// What stood there and what stands there now, where the entry is about a type.
    pub fn types(&self) -> (Option<&str>, Option<&str>) {
        let types = self.samples.iter().find_map(|sample| sample.split_once(" -> "));
        types.map_or((None, None), |(before, after)| (Some(before), Some(after)))
    }

    /// Adds what happened in the same place.
    pub fn add(&mut self, other: &Entry) {
        self.first_seconds = match self.count {
            0 => other.first_seconds,
            _ => self.first_seconds.min(other.first_seconds),
        };
        self.last_seconds = self.last_seconds.max(other.last_seconds);
        self.count += other.count;
        let free = SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(other.samples.iter().take(free).cloned());
        self.name_sources(other.sources.iter().cloned());
    }

    fn name_sources(&mut self, sources: impl IntoIterator<Item = String>) {
        for source in sources {
            if self.sources.len() < SAMPLES_MAX && !self.sources.contains(&source) {
                self.sources.push(source);
            }
        }
    }
}

/// Entries by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    by_place: BTreeMap<Place, Entry>,
}

impl Entries {
    /// Adds what happened in a place; `sample` is only made where there is room for it.
    pub fn note(
        &mut self,
        place: &Place,
        count: u64,
        seconds: u64,
        sample: impl FnOnce() -> Option<String>,
    ) {
        let (first_seconds, last_seconds) = (seconds, seconds);
        let mut entry = Entry { count, first_seconds, last_seconds, ..Entry::default() };
        let so_far = self.by_place.get(place).map_or(0, |entry| entry.samples.len());
        if so_far < SAMPLES_MAX {
            entry.samples.extend(sample());
        }
        self.add(place, &entry);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Entries) {
        for (place, entry) in &other.by_place {
            self.add(place, entry);
        }
    }

    /// Notes what texts called each place.
    pub fn name_sources(&mut self, sources: impl Fn(&Place) -> Vec<String>) {
        for (place, entry) in &mut self.by_place {
            entry.name_sources(sources(place));
        }
    }

    /// All of them in places whose names went through `spell`; those that become one add up.
    pub fn spelled(&self, spell: impl Fn(&str) -> String) -> Entries {
        let mut spelled = Entries::default();
        for (place, entry) in &self.by_place {
            let place = Place {
                run: spell(&place.run),
                schema: spell(&place.schema),
                table: spell(&place.table),
                column: spell(&place.column),
                rule: spell(&place.rule),
                road: place.road,
            };
            spelled.add(&place, entry);
        }
        spelled
    }

    /// All of them, as entries of a run where they are of none yet.
    fn of_run(&self, run: &str) -> Entries {
        let mut all = Entries::default();
        for (place, entry) in &self.by_place {
            let run = if place.run.is_empty() { run.to_owned() } else { place.run.clone() };
            all.add(&Place { run, ..place.clone() }, entry);
        }
        all
    }

    fn add(&mut self, place: &Place, entry: &Entry) {
        if self.by_place.len() >= ENTRIES_MAX && !self.by_place.contains_key(place) {
            let Place { run, rule, .. } = place;
            let rule = Place { run: run.clone(), rule: rule.clone(), ..Place::default() };
            self.by_place.entry(rule).or_default().add(entry);
            return;
        }
        self.by_place.entry(place.clone()).or_default().add(entry);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// All of them, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Entry)> {
        self.by_place.iter()
    }
}

/// What all sessions of the proxy changed, by database.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The run of sessions that name none: this process of the proxy.
    run: String,
    databases: Mutex<BTreeMap<String, Database>>,
    /// Writes that failed.
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Database {
    /// Since the proxy was started.
    all: Entries,
    /// What no session has written to the target yet.
    unwritten: Entries,
    /// It has been said that it cannot be written.
    warned: bool,
}

impl Ledger {
    /// A ledger of sessions that belong to this run where they name none.
    pub fn new(run: String) -> Ledger {
        Ledger { run, ..Ledger::default() }
    }

    /// The run of sessions that name none.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Adds what a session changed. `written` says that it is on the target already.
    pub fn add(&self, database: &str, entries: &Entries, written: bool) {
        if entries.is_empty() {
            return;
        }
        self.with(database, |database| {
            database.all.merge(entries);
            if !written {
                // A session of another run may write these entries.
                database.unwritten.merge(&entries.of_run(&self.run));
            }
        });
    }

    /// Takes what has not been written to the target, to write it.
    pub fn take_unwritten(&self, database: &str) -> Entries {
        let mut databases = self.lock();
        let known = databases.get_mut(database);
        known.map(|database| std::mem::take(&mut database.unwritten)).unwrap_or_default()
    }

    /// Puts back what could not be written.
    pub fn put_back(&self, database: &str, entries: &Entries) {
        if !entries.is_empty() {
            self.with(database, |database| database.unwritten.merge(entries));
        }
    }

    /// A session could not write to the target.
    pub fn note_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The entries that wait to be written to the target, and how many writes have failed.
    pub fn unwritten(&self) -> (usize, u64) {
        let waiting = self.lock().values().map(|database| database.unwritten.by_place.len()).sum();
        (waiting, self.failures.load(Ordering::Relaxed))
    }

    /// Whether this is the first time that entries of the database could not be written: a person
    /// has to hear of it once, not at the end of each session.
    pub fn warns(&self, database: &str) -> bool {
        self.with(database, |database| !std::mem::replace(&mut database.warned, true))
    }

    /// Everything that was changed since the start, by database.
    pub fn snapshot(&self) -> Vec<(String, Entries)> {
        let databases = self.lock();
        databases.iter().map(|(name, database)| (name.clone(), database.all.clone())).collect()
    }

    fn with<T>(&self, database: &str, act: impl FnOnce(&mut Database) -> T) -> T {
        let mut databases = self.lock();
        let is_room = databases.len() < DATABASES_MAX || databases.contains_key(database);
        let name = if is_room { database } else { "" };
        act(databases.entry(name.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Database>> {
        // What the lock protects is whole between any two steps, so a panic elsewhere is no reason
        // to lose it.
        self.databases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(rule: &str) -> Place {
        Place { table: "t".into(), rule: rule.into(), ..Place::default() }
    }

    #[test]
    fn counts_add_up_and_samples_are_few() {
        let mut entries = Entries::default();
        for row in 0..9 {
            entries.note(&place("a"), 2, 100 + row, || Some(format!("row {row}")));
        }
        let (_, entry) = entries.iter().next().unwrap();
        assert_eq!((entry.count, entry.first_seconds, entry.last_seconds), (18, 100, 108));
        assert_eq!(entry.samples, ["row 0", "row 1", "row 2", "row 3", "row 4"]);
    }

    #[test]
    fn what_was_not_written_is_kept_for_the_next_session() {
        let ledger = Ledger::new("r0".into());
        let mut entries = Entries::default();
        entries.note(&place("a"), 1, 5, || None);
        ledger.add("db", &entries, false);
        ledger.add("db", &entries, true);
        assert_eq!(ledger.take_unwritten("other"), Entries::default());
        assert_eq!(ledger.take_unwritten("db"), entries.of_run("r0"));
        assert!(ledger.take_unwritten("db").is_empty());
        assert_eq!((ledger.warns("db"), ledger.warns("db")), (true, false));
        let all = ledger.snapshot();
        assert_eq!(all.iter().find(|(name, _)| name == "db").unwrap().1.iter().count(), 1);
    }

    #[test]
    fn databases_without_entries_are_not_kept_and_those_with_are_few() {
        let ledger = Ledger::default();
        for number in 0..DATABASES_MAX * 2 {
            let name = number.to_string();
            assert!(ledger.take_unwritten(&name).is_empty());
            ledger.put_back(&name, &Entries::default());
            ledger.add(&name, &Entries::default(), false);
        }
        assert!(ledger.snapshot().is_empty());
        let mut entries = Entries::default();
        entries.note(&place("a"), 1, 5, || None);
        for number in 0..DATABASES_MAX * 2 {
            ledger.add(&number.to_string(), &entries, false);
        }
        assert_eq!(ledger.snapshot().len(), DATABASES_MAX + 1);
    }

    #[test]
    fn places_without_end_do_not_grow_it_without_end() {
        let mut entries = Entries::default();
        for number in 0..ENTRIES_MAX + 100 {
            entries.note(&Place { column: number.to_string(), ..place("a") }, 1, 0, || None);
        }
        assert_eq!(entries.iter().map(|(_, entry)| entry.count).sum::<u64>(), 10_100);
        assert_eq!(entries.iter().count(), ENTRIES_MAX + 1);
    }
}
