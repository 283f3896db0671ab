//! The figures of all threads, added up since the start, with rates and the states of tables.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::counted_words::CommandKind;
use super::histogram::Histogram;
use super::history::{GoneSince, History};
use super::report::{OTHER, OwnKind, ThreadReport};
use super::session_entry::{ErrorEntry, SessionDelta};
use super::session_view::SessionView;
use super::table::TableKey;
use super::table_totals::{MICROS, RATE_SECONDS, Table};
use crate::ledger::{Entry, Place};

/// Errors that are kept.
const ERRORS_MAX: usize = 200;

/// Places of changes that are kept; more are counted under their rule alone.
const PLACES_MAX: usize = 10_000;

/// What happened in a database since the start.
#[derive(Clone, Debug, Default)]
pub struct DatabaseTotals {
    /// Bytes from and to clients.
    pub bytes: [u64; 2],
    /// Commands by kind.
    pub commands: [u64; CommandKind::NAMES.len()],
    /// Transactions that were committed, and rolled back.
    pub transactions: [u64; 2],
    /// Errors by class and origin.
    pub errors: BTreeMap<(String, &'static str), u64>,
    /// How sessions ended.
    pub ended: BTreeMap<&'static str, u64>,
    /// Sessions that began, and what they waited for the target, in microseconds.
    pub begun: (u64, u64),
    /// Parses and Binds.
    pub prepared: [u64; 2],
    /// The time of transactions, in microseconds.
    pub transaction_micros: u64,
    /// The target's time.
    pub statements: Histogram,
    /// Rows that are not committed.
    pub uncommitted: u64,
}

/// The figures of all threads.
#[derive(Debug, Default)]
pub struct Collected {
    /// Tables.
    pub tables: BTreeMap<TableKey, Table>,
    /// Databases.
    pub databases: BTreeMap<String, DatabaseTotals>,
    /// Sessions, by number.
    pub sessions: Vec<SessionView>,
    /// The last errors, the oldest first.
    pub errors: VecDeque<ErrorEntry>,
    /// What rules changed, by database.
    pub rewrites: BTreeMap<(String, Place), Entry>,
    /// What the proxy added, by direction.
    pub added: [Histogram; 2],
    /// The time of questions of its own.
    pub own: [Histogram; OwnKind::NAMES.len()],
    /// What passed unread or was refused: definitions that were not understood, unknown types, what is too
    /// long, what is refused, and roles that may not silence foreign keys.
    pub passed: [u64; 5],
    /// Counts the collections, from the moment in milliseconds at which this one began, so that those of
    /// another process are told apart.
    pub step: u64,
    /// When it was last collected, in microseconds since 1970.
    pub now: u64,
    /// Tables that are kept apart.
    tables_max: usize,
    second: u64,
    /// The schemas that tables of a name have, by database.
    schemas: HashMap<(String, String), Vec<String>>,
    history: History,
    /// Tables have got a schema whose changes may have none.
    has_new_schemas: bool,
}

impl Collected {
    /// The target has been asked how many rows the tables of a database have: schema, table and estimate.
    pub fn set_estimates(&mut self, database: &str, estimates: &[(String, String, u64)]) {
        let of_database = self.tables.iter_mut().filter(|(key, _)| key.database == database);
        of_database.for_each(|(_, table)| table.estimated_rows = None);
        for (schema, name, rows) in estimates {
            let (database, schema, table) = (database.to_owned(), schema.clone(), name.clone());
            if let Some(table) = self.tables.get_mut(&TableKey { database, schema, table }) {
                table.estimated_rows = Some(*rows);
            }
        }
    }

    /// Nothing yet, of this many tables at most.
    pub fn new(tables_max: usize, now: u64) -> Collected {
        Collected { tables_max, step: now / 1000, ..Collected::default() }
    }

    /// What has gone since a collection; `None` where that is too long ago, or was in another process.
    pub fn gone_since(&self, step: u64) -> Option<GoneSince> {
        let mut gone = self.history.since(step)?;
        gone.tables.retain(|key| !self.tables.contains_key(key));
        Some(gone)
    }

    /// Adds what the threads have counted.
    pub fn add(&mut self, reports: Vec<ThreadReport>, now: u64) {
        self.step += 1;
        self.now = now;
        self.history.on_step(self.step, now);
        let before = std::mem::take(&mut self.sessions);
        let mut uncommitted: BTreeMap<TableKey, u64> = BTreeMap::new();
        for report in reports {
            self.sessions.extend(report.sessions);
            for (key, delta) in report.tables {
                self.table(&key).add(delta, now);
            }
            for (key, count) in report.uncommitted {
                *uncommitted.entry((*key).clone()).or_default() += count;
            }
            for (database, delta) in report.databases {
                for (count, more) in self.passed.iter_mut().zip(delta.passed) {
                    *count += more;
                }
                self.databases.entry(database).or_default().add(&delta);
            }
            for ((database, how), count) in report.ended {
                *self.databases.entry(database).or_default().ended.entry(how).or_default() += count;
            }
            for (database, (micros, count)) in report.begun {
                let begun = &mut self.databases.entry(database).or_default().begun;
                *begun = (begun.0 + count, begun.1 + micros);
            }
            self.errors.extend(report.errors);
            for (key, entry) in report.rewrites {
                self.add_rewrite(key, &entry);
            }
            for (mine, other) in self.added.iter_mut().zip(&report.added) {
                mine.merge(other);
            }
            for (mine, other) in self.own.iter_mut().zip(&report.own) {
                mine.merge(other);
            }
        }
        self.sessions.sort_by_key(|session| session.facts.id);
        self.note_ended(before);
        let surplus = self.errors.len().saturating_sub(ERRORS_MAX);
        self.errors.drain(..surplus);
        self.place_rewrites();
        self.note_writers(uncommitted);
        self.note_rates();
        self.note_states();
    }

    /// The figures of a table. A name without a schema is the only table of this name that is known, if there
    /// is one: the target has not been asked for it.
    fn table(&mut self, key: &TableKey) -> &mut Table {
        let now = self.now;
        let name = (key.database.clone(), key.table.clone());
        let schemas = self.schemas.entry(name).or_default();
        let mut key = key.clone();
        if let ("", [only]) = (key.schema.as_str(), schemas.as_slice()) {
            key.schema.clone_from(only);
        }
        if !key.schema.is_empty() && !schemas.contains(&key.schema) {
            schemas.push(key.schema.clone());
            let nameless = TableKey { schema: String::new(), ..key.clone() };
            let is_only = schemas.len() == 1;
            self.has_new_schemas |= is_only;
            if let Some(table) = is_only.then(|| self.tables.remove(&nameless)).flatten() {
                self.tables.insert(key.clone(), table);
                self.history.on_table_gone(self.step, nameless);
            }
        }
        let key = &key;
        let is_room = self.tables.len() < self.tables_max || self.tables.contains_key(key);
        let key = match is_room {
            true => key.clone(),
            false => {
                let table = OTHER.to_owned();
                TableKey { schema: String::new(), table, database: String::new() }
            }
        };
        self.tables.entry(key).or_insert_with(|| Table::new(now))
    }

    /// What was changed in a definition goes to the table that it made.
    fn place_rewrites(&mut self) {
        if std::mem::take(&mut self.has_new_schemas) {
            let nameless = |(_, place): &(String, Place), _: &mut Entry| {
                place.schema.is_empty() && !place.table.is_empty()
            };
            let moved: Vec<_> = self.rewrites.extract_if(.., nameless).collect();
            moved.into_iter().for_each(|(key, entry)| self.add_rewrite(key, &entry));
        }
    }

    fn add_rewrite(&mut self, key: (String, Place), entry: &Entry) {
        let mut key = key;
        let name = (key.0.clone(), key.1.table.clone());
        if let ("", Some([only])) = (&*key.1.schema, self.schemas.get(&name).map(Vec::as_slice)) {
            key.1.schema.clone_from(only);
        }
        if self.rewrites.len() >= PLACES_MAX && !self.rewrites.contains_key(&key) {
            key.1 = Place { rule: key.1.rule, ..Place::default() };
        }
        self.rewrites.entry(key).or_default().add(entry);
    }

    fn note_ended(&mut self, before: Vec<SessionView>) {
        let is_here = |id: &u64| self.sessions.binary_search_by_key(id, |one| one.facts.id).is_ok();
        let ids = before.iter().map(|session| session.facts.id);
        for id in ids.filter(|id| !is_here(id)) {
            self.history.on_session_gone(self.step, id);
        }
    }

    fn note_writers(&mut self, uncommitted: BTreeMap<TableKey, u64>) {
        for table in self.tables.values_mut() {
            (table.uncommitted, table.sessions, table.is_written) = (0, 0, false);
        }
        for database in self.databases.values_mut() {
            database.uncommitted = 0;
        }
        for (key, count) in uncommitted {
            self.databases.entry(key.database.clone()).or_default().uncommitted += count;
            self.table(&key).uncommitted += count;
        }
        for session in std::mem::take(&mut self.sessions) {
            for key in &session.writes {
                let writes_now = session.writes_now(key);
                let cdc = usize::from(session.shown.phase == "cdc");
                let table = self.table(key);
                table.sessions += 1;
                table.is_written |= writes_now;
                table.counted.phase = cdc;
            }
            self.sessions.push(session);
        }
    }

    /// Closes the seconds that have gone by.
    fn note_rates(&mut self) {
        let second = self.now / MICROS;
        let gone = second.saturating_sub(self.second);
        if self.second == 0 || gone == 0 {
            if self.second == 0 {
                self.second = second;
            }
            return;
        }
        self.second = second;
        let idle = usize::try_from(gone - 1).unwrap_or(RATE_SECONDS).min(RATE_SECONDS);
        for table in self.tables.values_mut() {
            let rows = (table.counted.all_rows(), table.counted.bytes.iter().sum());
            let fresh = (rows.0 - table.last_rows.0, rows.1 - table.last_rows.1);
            table.last_rows = rows;
            table.seconds.extend(std::iter::repeat_n((0, 0), idle));
            table.seconds.push_back(fresh);
            let surplus = table.seconds.len().saturating_sub(RATE_SECONDS);
            table.seconds.drain(..surplus);
        }
    }

    fn note_states(&mut self) {
        let (now, step) = (self.now, self.step);
        for table in self.tables.values_mut() {
            let state = table.state(now);
            let is_fresh = table.counted.last_activity + 6 * MICROS > now;
            if state != table.seen_state || is_fresh || table.changed == 0 {
                table.seen_state = state;
                table.changed = step;
            }
        }
    }

    /// Begins all figures of tables, or of one, anew.
    pub fn reset(&mut self, table: Option<&str>) {
        let is_meant = |key: &TableKey| {
            let names = |name| key.table == name || format!("{}.{}", key.schema, key.table) == name;
            table.is_none_or(names)
        };
        let next = self.step + 1;
        for (key, _) in self.tables.extract_if(.., |key, _| is_meant(key)) {
            self.history.on_table_gone(next, key);
        }
        if table.is_none() {
            self.schemas.clear();
        }
    }
}

impl DatabaseTotals {
    fn add(&mut self, delta: &SessionDelta) {
        let [received, sent] = &mut self.bytes;
        *received += delta.received;
        *sent += delta.sent;
        for (count, more) in self.commands.iter_mut().zip(delta.commands) {
            *count += more;
        }
        for (count, more) in self.transactions.iter_mut().zip(delta.transactions) {
            *count += more;
        }
        for ((class, origin), more) in &delta.errors {
            *self.errors.entry((class.clone(), origin.name())).or_default() += more;
        }
        let [parses, binds] = &mut self.prepared;
        *parses += delta.parses;
        *binds += delta.binds;
        self.transaction_micros += delta.transaction_micros;
        self.statements.merge(&delta.statements);
    }
}
