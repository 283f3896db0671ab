//! What a session has changed, for its log line, the ledger and the client: counts, entries, notices. Is
//! told what happened; may not decide anything.

use crate::catalog::SeenNames;
use crate::ledger::{Entries, Entry, Ledger, NOT_JUDGED, Place, Road};
use crate::rewrite::{By, CODE_RULE, Change, DEPENDENT_RULE, NAMES_RULE, REMOVED_RULE};
use crate::session::context::Context;
use crate::session::counts::Counts;
use crate::statistics::Watched;
use crate::value::{CopyFinding, NUL_RULE, SilentLoss};
use crate::wire::{self, Failure, OwnError};

/// Bytes of notices that wait for the client at most.
const NOTICE_BYTES_MAX: usize = 16 * 1024;

/// Places in definitions that are named in the log of a session at most.
const SPOTS_NAMED_MAX: usize = 20;

/// What of a text passes because it is not understood.
#[derive(Debug, Default)]
pub(super) struct PassedUnread {
    /// Definitions.
    pub(super) statements: usize,
    /// Types.
    pub(super) types: usize,
    /// Texts of which nothing was read: none or this one.
    pub(super) too_long: u64,
    /// Lines and columns at which definitions could not be read, from 1.
    pub(super) spots: Vec<(usize, usize)>,
}

/// What a session has changed.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) counts: Counts,
    /// What the ledger gets to know of this session.
    entries: Entries,
    /// What is on its way to the target's table.
    writing: Option<Writing>,
    /// Notices that wait for the client's next ReadyForQuery.
    notices: Vec<u8>,
    /// Places in definitions that could not be read.
    spots_named: usize,
    /// The session among those that are counted.
    pub(super) watched: Watched,
}

/// What a session is writing to the target's table.
#[derive(Debug)]
struct Writing {
    /// What this session changed.
    own: Entries,
    /// What sessions before it could not write.
    inherited: Entries,
}

impl Report {
    /// Takes note of what a rule did in one place. The sample says where to look.
    pub(super) fn note(&mut self, place: Place, rule: &str, count: u64, seconds: u64) {
        let sample = self.statement_now();
        self.note_sample(place, rule, count, seconds, sample);
    }

    /// Where to look for what happens now. A session that is not counted has no number.
    fn statement_now(&self) -> String {
        let statement = self.counts.statements;
        match self.watched.number() {
            0 => format!("statement {statement}"),
            session => format!("session {session}, statement {statement}"),
        }
    }

    /// The same with a sample of its own.
    pub(super) fn note_sample(
        &mut self,
        place: Place,
        rule: &str,
        count: u64,
        seconds: u64,
        sample: String,
    ) {
        if count > 0 {
            let place = Place { rule: rule.to_owned(), ..place };
            if self.watched.is_counted() {
                let (first_seconds, last_seconds) = (seconds, seconds);
                let samples = vec![sample.clone()];
                let sources = Vec::new();
                let entry = Entry { count, first_seconds, last_seconds, samples, sources };
                self.watched.on_rewrite(&place, &entry);
            }
            self.entries.note(&place, count, seconds, || Some(sample));
        }
    }

    /// U+0000 was mended in what came by a road.
    pub(super) fn note_nuls(&mut self, place: Place, road: Road, count: u64, seconds: u64) {
        self.counts.count_rule(NUL_RULE, count);
        self.note(Place { road, ..place }, NUL_RULE, count, seconds);
    }

    /// Rules have changed a text, or the values of a message.
    pub(super) fn note_changes(
        &mut self,
        changes: Vec<Change>,
        silent_loss: SilentLoss,
        seconds: u64,
    ) {
        for Change { place, by, count, sample } in changes {
            match by {
                By::Type(rule) => {
                    self.counts.count_type(rule, count);
                    ddl_changed(&place, sample.as_deref());
                    let rule = place.rule.clone();
                    let sample = sample.unwrap_or_else(|| self.statement_now());
                    self.note_sample(place, &rule, count, seconds, sample);
                    continue;
                }
                By::Nul => self.counts.count_rule(NUL_RULE, count),
                By::Value(rule) => {
                    self.counts.count_value(rule, count);
                    if rule.is_silent_loss() && silent_loss == SilentLoss::Warn {
                        self.warn_of_loss(&place, rule.name(), count);
                    }
                }
                By::TablePrep => {}
                By::Names => self.counts.count_rule(NAMES_RULE, count),
                By::CodeWithNames => {
                    self.counts.count_rule(CODE_RULE, count);
                    let what = "string constants with code hold names that rules rename; code is \
                                not changed";
                    self.tell(count, what, "Write the code with the names of the target.");
                }
                By::ColumnRemoved => self.counts.count_rule(REMOVED_RULE, count),
                By::DroppedWithColumn => {
                    self.counts.count_rule(DEPENDENT_RULE, count);
                    let what = "constraints, indexes or comments name columns that rules remove, \
                                and are left out with them";
                    self.tell(count, what, "See the rules remove-column and include-column.");
                }
            }
            let mut at = self.statement_now();
            if let Some(value) = sample {
                at = format!("{at}: {value}");
            }
            let rule = place.rule.clone();
            self.note_sample(place, &rule, count, seconds, at);
        }
    }

    /// The target has prepared tables.
    pub(super) fn note_prepared(&mut self, changes: Vec<Change>, context: &Context) {
        if !changes.is_empty() {
            let (silent_loss, seconds) = context.loss_and_seconds();
            self.note_changes(changes, silent_loss, seconds);
        }
    }

    /// A text goes to the target: what passes in it because it is not understood, how many relations are
    /// `unread`, and what was changed.
    pub(super) fn note_text(
        &mut self,
        not_understood: PassedUnread,
        unread: u64,
        changes: Vec<Change>,
        silent_loss: SilentLoss,
        seconds: u64,
    ) {
        let counts = &mut self.counts;
        let PassedUnread { statements, types, too_long, spots } = not_understood;
        counts.not_understood += u64::try_from(statements).unwrap_or(u64::MAX);
        counts.unknown_types += u64::try_from(types).unwrap_or(u64::MAX);
        counts.too_long += too_long + unread;
        for (line, column) in spots {
            self.spots_named += 1;
            if self.spots_named <= SPOTS_NAMED_MAX {
                let statement = self.counts.statements;
                tracing::warn!(
                    event = "definition_not_understood",
                    statement,
                    line,
                    column,
                    "a definition was not understood from here on; what could be read of it is \
                     rewritten, the rest passes as it is"
                );
            }
        }
        self.note_changes(changes, silent_loss, seconds);
    }

    /// Rows of a COPY were taken apart: fields that passed unjudged, and what the rules found.
    pub(super) fn note_rows(
        &mut self,
        (place, not_judged): (Place, u64),
        findings: Vec<(Place, CopyFinding)>,
        silent_loss: SilentLoss,
        seconds: u64,
    ) {
        self.counts.too_long += not_judged;
        let road = Road::Copy;
        self.note(Place { road, ..place }, NOT_JUDGED, not_judged, seconds);
        for (place, found) in findings {
            let place = Place { road, ..place };
            self.counts.count_value(found.rule, found.count);
            if found.rule.is_silent_loss() && silent_loss == SilentLoss::Warn {
                self.warn_of_loss(&place, found.rule.name(), found.count);
            }
            let mut sample = format!("{}, row {}", self.statement_now(), found.row);
            if let Some(value) = &found.sample {
                sample = format!("{sample}: {value}");
            }
            self.note_sample(place, found.rule.name(), found.count, seconds, sample);
        }
    }

    /// The client gets a WARNING in front of its next ReadyForQuery.
    pub(super) fn warn_of_loss(&mut self, place: &Place, rule: &str, count: u64) {
        let Place { schema, table, column, .. } = place;
        let message = format!(
            "{count} values of \"{schema}\".\"{table}\".\"{column}\" do not arrive as they were \
             sent: {rule}"
        );
        let warning = OwnError::new("01000", message)
            .with_hint("values.silent_loss = \"reject\" refuses them.");
        self.warn(&warning);
    }

    /// The client gets this WARNING in front of its next ReadyForQuery.
    pub(super) fn warn(&mut self, warning: &OwnError) {
        if self.notices.len() < NOTICE_BYTES_MAX {
            self.notices.extend(wire::notice_response(warning));
        }
    }

    /// Tells the client of something that it may not expect, once a statement.
    fn tell(&mut self, count: u64, what: &str, hint: &str) {
        let notice = OwnError::new("00000", format!("{count} {what}")).with_hint(hint);
        if self.notices.len() < NOTICE_BYTES_MAX {
            self.notices.extend(wire::notice_of_success(&notice));
        }
    }

    /// Whether notices wait for the client.
    pub(super) fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// The notices that wait, for the client.
    pub(super) fn take_notices(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.notices)
    }

    /// Whether something was changed that is not written.
    pub(super) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Notes what texts called the places of what was changed, as far as these are `seen`.
    fn name_sources(&mut self, seen: &SeenNames) {
        let sources = |place: &Place| seen.sources_of(&place.schema, &place.table, &place.column);
        if !seen.is_empty() {
            self.entries.name_sources(sources);
        }
    }

    /// What is written to the target's table now: the entries of this session and of those before it that
    /// could not write theirs. `None` if there are none.
    pub(super) fn begin_writing(
        &mut self,
        seen: &SeenNames,
        (ledger, database): (&Ledger, &str),
    ) -> Option<Entries> {
        self.name_sources(seen);
        let inherited = ledger.take_unwritten(database);
        if inherited.is_empty() && self.entries.is_empty() {
            return None;
        }
        let own = std::mem::take(&mut self.entries);
        let mut all = own.clone();
        all.merge(&inherited);
        self.writing = Some(Writing { own, inherited });
        Some(all)
    }

    /// The target has answered to what was written.
    pub(super) fn on_written(
        &mut self,
        failure: Option<&Failure>,
        ledger: &Ledger,
        database: &str,
    ) {
        self.end_writing(failure.is_none(), ledger, database);
        if failure.is_some() {
            ledger.note_failure();
        }
        if let Some(failure) = failure.filter(|_| ledger.warns(database)) {
            let database = wire::logged(database);
            tracing::warn!(
                event = "ledger_not_written",
                %database,
                sqlstate = failure.sqlstate,
                entries = ledger.unwritten().0,
                "what was changed could not be written to dms_proxy.rewrites: {}; an \
                 administrator makes a place for it by dms-proxy init-target, or set \
                 values.ledger = \"off\"",
                failure.logged()
            );
        }
    }

    fn end_writing(&mut self, written: bool, ledger: &Ledger, database: &str) {
        let Some(Writing { own, inherited }) = self.writing.take() else { return };
        ledger.add(database, &own, written);
        if !written {
            ledger.put_back(database, &inherited);
        }
    }

    /// The session has ended: what it could not write is kept for the next one.
    pub(super) fn keep_unwritten(&mut self, seen: &SeenNames, ledger: &Ledger, database: &str) {
        self.name_sources(seen);
        self.end_writing(false, ledger, database);
        ledger.add(database, &std::mem::take(&mut self.entries), false);
    }
}

/// A type in a definition is another one for the target.
fn ddl_changed(place: &Place, change: Option<&str>) {
    let types = change.and_then(|change| change.split_once(" -> "));
    tracing::debug!(
        event = "ddl_changed",
        table = %wire::logged(&place.table),
        column = %wire::logged(&place.column),
        rule = place.rule,
        before = types.map(|(before, _)| wire::logged(before).to_string()),
        after = types.map(|(_, after)| wire::logged(after).to_string()),
        "a type was replaced"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { table: "t".into(), ..Place::default() }
    }

    #[test]
    fn what_cannot_be_written_is_kept_for_the_next_session() {
        let ledger = Ledger::default();
        let mut first = Report::default();
        first.note_nuls(place(), Road::Parameter, 2, 10);
        assert_eq!(first.counts.values, [("nul", 2)]);
        assert!(first.begin_writing(&SeenNames::default(), (&ledger, "db")).is_some());
        first.keep_unwritten(&SeenNames::default(), &ledger, "db");
        let mut second = Report::default();
        let inherited = second.begin_writing(&SeenNames::default(), (&ledger, "db")).unwrap();
        assert_eq!(inherited.iter().map(|(_, entry)| entry.count).sum::<u64>(), 2);
        second.on_written(None, &ledger, "db");
        assert!(Report::default().begin_writing(&SeenNames::default(), (&ledger, "db")).is_none());
    }

    #[test]
    fn nothing_is_noted_of_nothing() {
        let mut report = Report::default();
        report.note_nuls(place(), Road::Copy, 0, 1);
        assert!(report.begin_writing(&SeenNames::default(), (&Ledger::default(), "db")).is_none());
    }

    #[test]
    fn warnings_are_bounded() {
        let mut report = Report::default();
        for _ in 0..1000 {
            report.warn_of_loss(&place(), "time-zone-dropped", 1);
        }
        let bytes = report.take_notices().len();
        assert!(bytes > NOTICE_BYTES_MAX && bytes < NOTICE_BYTES_MAX + 1000, "{bytes}");
        assert!(!report.has_notices());
    }
}
