//! The counters of this thread, and the handle by which a session counts.

use std::cell::RefCell;
use std::sync::Arc;

use super::clock::Clock;
use super::counted_words::{CommandKind, ErrorOrigin, SessionState, SettingNames};
use super::report::{OwnKind, ThreadReport, note_bytes, note_copy, note_error, settle, touched};
use super::session_entry::{CommandEnd, CopyFigures, CountedSession, ErrorEntry, SessionEntry};
use super::session_map::SessionMap;
use super::session_view::SessionView;
use super::table::{CountedStatement, TableKey};

thread_local! {
    static LOCAL: RefCell<ThreadCounters> = RefCell::default();
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// From the client to the target.
    ToTarget,
    /// From the target to the client.
    ToClient,
}

/// The counters of one thread.
#[derive(Debug, Default)]
struct ThreadCounters {
    sessions: SessionMap,
    report: ThreadReport,
    clock: Clock,
    /// Microseconds since 1970.
    now: u64,
    /// By direction, which session read bytes that are on their way, and when.
    read_at: [(u64, u64); 2],
}

/// A session by its number in the log. One that is counted is so on the thread that relays it; elsewhere, and
/// where nobody counts, nothing comes of what is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    number: u64,
    is_counted: bool,
}

/// A session begins on this thread.
pub fn begin(facts: CountedSession, shown: SettingNames) -> Watched {
    LOCAL.with_borrow_mut(|local| {
        let now = local.tick();
        let id = facts.id;
        let facts = CountedSession { connected_at: now, ..facts };
        let begun = local.report.begun.entry(facts.database.clone()).or_default();
        begun.0 += facts.waited_micros;
        begun.1 += 1;
        let state = match (facts.is_replication, facts.is_relay) {
            (true, _) => SessionState::Replication,
            (_, true) => SessionState::Relay,
            _ => SessionState::Starting,
        };
        let facts = Arc::new(facts);
        let entry =
            SessionEntry { facts, shown, state, state_since: now, ..SessionEntry::default() };
        local.sessions.insert(id, entry);
        Watched { number: id, is_counted: true }
    })
}

/// What was counted since the last time.
pub fn answer() -> ThreadReport {
    LOCAL.with_borrow_mut(ThreadCounters::take)
}

/// Puts back what nobody took.
pub fn put_back(report: ThreadReport) {
    LOCAL.with_borrow_mut(|local| local.report.merge(report));
}

impl Watched {
    /// A session with this number that is not counted; 0 where it has none.
    pub fn uncounted(number: u64) -> Watched {
        Watched { number, is_counted: false }
    }

    /// The number by which the log names the session; 0 where there is none.
    pub fn number(self) -> u64 {
        self.number
    }

    /// Whether the session is counted.
    #[inline]
    pub fn is_counted(self) -> bool {
        self.is_counted
    }

    /// Acts on the counters of this thread, where the session is counted.
    #[inline]
    fn locally(self, act: impl FnOnce(&mut ThreadCounters)) {
        if self.is_counted {
            LOCAL.with_borrow_mut(act);
        }
    }

    /// Acts on what is counted of the session, where it is.
    #[inline]
    pub(super) fn with(self, act: impl FnOnce(&mut SessionEntry, &mut ThreadReport, u64)) {
        self.locally(|local| {
            let ThreadCounters { sessions, report, now, .. } = local;
            if let Some(entry) = sessions.get_mut(&self.number) {
                act(entry, report, *now);
            }
        });
    }

    /// Bytes were read from the peer at the start of a direction.
    #[inline]
    pub fn read(self, direction: Added, bytes: u64) {
        self.locally(|local| {
            let now = local.tick();
            if let Some(read_at) = local.read_at.get_mut(direction as usize) {
                *read_at = (self.number, now);
            }
            let Some(entry) = local.sessions.get_mut(&self.number) else { return };
            match direction {
                Added::ToTarget => {
                    entry.totals.bytes_received += bytes;
                    entry.delta.received += bytes;
                }
                Added::ToClient => {
                    entry.totals.bytes_sent += bytes;
                    entry.delta.sent += bytes;
                }
            }
        });
    }

    /// What was read in a direction is written; `left` waits for its turn.
    #[inline]
    pub fn written(self, direction: Added, left: &[u8]) {
        if !left.is_empty() {
            return;
        }
        self.locally(|local| {
            let read_at = local.read_at.get_mut(direction as usize).map(std::mem::take);
            // Of another session there may be the beginning of a message, of which nothing is written yet.
            let own = read_at.filter(|(number, at)| *number == self.number && *at > 0);
            if let Some((_, read_at)) = own {
                let took = local.tick().saturating_sub(read_at);
                if let Some(histogram) = local.report.added.get_mut(direction as usize) {
                    histogram.add(took);
                }
            }
        });
    }

    /// A peer takes nothing now: what the bytes take from here on is its time.
    #[inline]
    pub fn held_up(self, direction: Added) {
        self.locally(|local| {
            if let Some(read_at) = local.read_at.get_mut(direction as usize) {
                *read_at = (0, 0);
            }
        });
    }

    /// A statement goes to the target, with this many bytes of text or values.
    pub fn on_sent(self, subject: Option<&CountedStatement>, bytes: usize) {
        self.with(|entry, report, now| {
            entry.on_sent(subject, now);
            if let Some(table) = subject.and_then(|subject| subject.tables.first()) {
                let bound = std::mem::take(&mut entry.bound_bytes);
                let bytes = bound + u64::try_from(bytes).unwrap_or(0);
                note_bytes(report, table, entry.phase(), bytes, now);
            }
        });
    }

    /// A Parse goes to the target.
    pub fn on_parse(self) {
        self.with(|entry, _, _| entry.delta.parses += 1);
    }

    /// A Bind goes to the target, with this many bytes of values.
    pub fn on_bind(self, bytes: usize) {
        self.with(|entry, _, _| {
            entry.delta.binds += 1;
            entry.bound_bytes += u64::try_from(bytes).unwrap_or(0);
        });
    }

    /// What passed unread or was refused so far: definitions that were not understood, unknown types, what
    /// is too long, and what is refused.
    pub fn on_passed(self, so_far: [u64; 4]) {
        self.with(|entry, _, _| {
            let counts = entry.delta.passed.iter_mut().zip(entry.passed.iter_mut());
            for ((count, last), now) in counts.zip(so_far) {
                *count += now - *last;
                *last = now;
            }
        });
    }

    /// The role of the session may not silence foreign keys.
    pub fn on_not_silenced(self) {
        self.with(|entry, _, _| {
            if let Some(count) = entry.delta.passed.last_mut() {
                *count += 1;
            }
        });
    }

    /// The target has named the process of the session.
    pub fn set_target_pid(self, pid: u32) {
        self.with(|entry, _, _| Arc::make_mut(&mut entry.facts).target_pid = pid);
    }

    /// The target asks for the rows of a COPY.
    pub fn on_copy_in(self, subject: Option<&CountedStatement>) {
        self.with(|entry, _, now| {
            entry.statement_kind = CommandKind::Copy;
            entry.copy = CopyFigures { began: now, ..CopyFigures::default() };
            if let Some(table) = subject.and_then(|subject| subject.tables.first()) {
                entry.statement_table = Some(Arc::clone(table));
            }
            entry.enter(SessionState::CopyIn, now);
        });
    }

    /// The target gives the rows of a COPY.
    pub fn on_copy_out(self) {
        self.with(|entry, _, now| entry.enter(SessionState::CopyOut, now));
    }

    /// Rows of a COPY come from the client.
    pub fn on_copy_bytes(self, bytes: usize) {
        self.with(|entry, report, now| {
            let bytes = u64::try_from(bytes).unwrap_or(0);
            entry.totals.copy_bytes += bytes;
            entry.copy.bytes += bytes;
            entry.unnoted_bytes += bytes;
            let second = now / 1_000_000;
            if entry.noted_second != second {
                entry.noted_second = second;
                note_copy(entry, report, now);
            }
        });
    }

    /// Rows were set aside of the statement whose CommandComplete comes next.
    pub fn on_set_aside(self, count: u64) {
        self.with(|entry, _, _| entry.set_aside = count);
    }

    /// A command is complete; `body` is that of its CommandComplete.
    pub fn on_command(self, body: &[u8], subject: Option<&CountedStatement>) {
        let tag = std::str::from_utf8(body.strip_suffix(b"\0").unwrap_or(body)).unwrap_or_default();
        self.with(|entry, report, now| {
            let end = entry.on_command(tag, subject);
            if entry.unnoted_bytes > 0 {
                note_copy(entry, report, now);
            }
            if let Some(subject) = subject.filter(|_| end == CommandEnd::Written) {
                let phase = entry.phase();
                for table in &subject.tables {
                    let delta = touched(report, table, phase, now);
                    delta.has_failed = Some(false);
                }
            }
            settle(end, entry, report, now);
        });
    }

    /// The client is told an error with these fields: SQLSTATE, schema, table, column and constraint.
    pub fn on_error(
        self,
        origin: ErrorOrigin,
        fields: [&str; 5],
        subject: Option<&CountedStatement>,
    ) {
        let [sqlstate, schema, table, column, constraint] = fields;
        self.with(|entry, report, now| {
            entry.on_error(sqlstate, origin);
            entry.unnoted_bytes = 0;
            let facts = &entry.facts;
            let known = subject.and_then(|subject| subject.tables.first().cloned());
            let known = known.or_else(|| entry.statement_table.clone());
            let named = (!table.is_empty()).then(|| {
                let database = facts.database.clone();
                Arc::new(TableKey { database, schema: schema.into(), table: table.into() })
            });
            // What is written to fails, whatever table the error is about.
            if let Some(table) = &known {
                touched(report, table, entry.phase(), now).has_failed = Some(true);
            }
            let about = named.or(known);
            if let Some(table) = &about {
                let delta = touched(report, table, entry.phase(), now);
                delta.errors += 1;
                delta.last_sqlstate = Some(sqlstate.into());
            }
            let (schema, table) = about.map_or((String::new(), String::new()), |key| {
                (key.schema.clone(), key.table.clone())
            });
            let error = ErrorEntry {
                at: now,
                session: facts.id,
                user: facts.user.clone(),
                database: facts.database.clone(),
                sqlstate: sqlstate.into(),
                origin,
                names: [schema, table, column.into(), constraint.into()],
            };
            note_error(report, error);
        });
    }

    /// ReadyForQuery came, with these settings in force.
    pub fn on_ready(self, state: SessionState, shown: SettingNames) {
        self.with(|entry, report, now| {
            let end = entry.on_ready(state, now);
            settle(end, entry, report, now);
            entry.shown = shown;
        });
    }

    /// A question of the proxy's own is on its way.
    pub fn on_asked(self) {
        self.with(|entry, _, now| {
            entry.asked_at = now;
            if !entry.state.works() {
                entry.enter(SessionState::OwnQuestion, now);
            }
        });
    }

    /// It is answered, and the session is in this state if it is not at work.
    pub fn on_answered(self, kind: Option<OwnKind>, state: SessionState, shown: SettingNames) {
        self.with(|entry, report, now| {
            let asked_at = std::mem::take(&mut entry.asked_at);
            if asked_at > 0 {
                entry.totals.own_statements += 1;
                entry.totals.own_micros += now.saturating_sub(asked_at);
            }
            if let Some(histogram) = kind.and_then(|kind| report.own.get_mut(kind as usize))
                && asked_at > 0
            {
                histogram.add(now.saturating_sub(asked_at));
            }
            entry.shown = shown;
            if !entry.state.works() {
                entry.enter(state, now);
            }
        });
    }

    /// The session has ended in this way.
    pub fn end(self, how: &'static str) {
        self.locally(|local| {
            let now = local.tick();
            let Some(mut entry) = local.sessions.remove(&self.number) else { return };
            let report = &mut local.report;
            let undone = entry.pending.roll_back();
            settle(CommandEnd::RolledBack(undone), &mut entry, report, now);
            let database = entry.facts.database.clone();
            *report.ended.entry((database.clone(), how)).or_default() += 1;
            report.databases.entry(database).or_default().merge(&entry.delta);
        });
    }
}

impl ThreadCounters {
    fn tick(&mut self) -> u64 {
        self.now = self.clock.now();
        self.now
    }

    fn take(&mut self) -> ThreadReport {
        let now = self.tick();
        let mut report = std::mem::take(&mut self.report);
        for entry in self.sessions.values_mut() {
            if entry.unnoted_bytes > 0 {
                note_copy(entry, &mut report, now);
            }
            let delta = std::mem::take(&mut entry.delta);
            report.databases.entry(entry.facts.database.clone()).or_default().merge(&delta);
            for (table, count) in entry.pending.by_table() {
                *report.uncommitted.entry(Arc::clone(table)).or_default() += count;
            }
            report.sessions.push(SessionView::of(entry));
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions of a thread take turns: what one has read in part is not what another one writes.
    #[test]
    fn the_time_of_one_session_is_not_that_of_another() {
        let begun =
            |id| begin(CountedSession { id, ..CountedSession::default() }, SettingNames::default());
        let (one, other) = (begun(1), begun(2));
        let counted =
            || answer().added.get(Added::ToTarget as usize).map_or(0, |added| added.count);
        one.read(Added::ToTarget, 5);
        other.written(Added::ToTarget, b"");
        assert_eq!(counted(), 0);
        one.read(Added::ToTarget, 5);
        one.written(Added::ToTarget, b"more");
        one.written(Added::ToTarget, b"");
        assert_eq!(counted(), 1);
        one.written(Added::ToTarget, b"");
        assert_eq!(counted(), 0);
    }
}
