//! What rules changed in a session, and what it was counted to have done, for its lines in the log.

use std::sync::Arc;

use super::report::{note_rewrite, touched};
use super::session_entry::{CopyFigures, SessionTotals};
use super::table::TableKey;
use super::thread::Watched;
use crate::ledger::{Entry, Place};

impl Watched {
    /// A rule has changed something.
    pub fn on_rewrite(self, place: &Place, change: &Entry) {
        self.with(|entry, report, now| {
            entry.totals.rewrites += change.count;
            entry.copy.rewrites += change.count;
            let database = entry.facts.database.clone();
            if !place.table.is_empty() {
                let key = TableKey {
                    database: database.clone(),
                    schema: place.schema.clone(),
                    table: place.table.clone(),
                };
                touched(report, &Arc::new(key), entry.phase(), now).rewrites += change.count;
            }
            note_rewrite(report, (database, place.clone()), change);
        });
    }

    /// What was counted of the session so far, with what is lost if it ends now; `None` if it is not counted.
    pub fn totals(self) -> Option<SessionTotals> {
        let mut totals = None;
        self.with(|entry, _, _| {
            let lost: u64 = entry.pending.by_table().map(|(_, count)| count).sum();
            let rolled_back_rows = entry.totals.rolled_back_rows + lost;
            totals = Some(SessionTotals { rolled_back_rows, ..entry.totals });
        });
        totals
    }

    /// The COPY of the session that has just ended; `None` if it is not counted.
    pub fn copy(self) -> Option<CopyFigures> {
        let mut copy = None;
        self.with(|entry, _, now| {
            copy = Some(CopyFigures { micros: now.saturating_sub(entry.copy.began), ..entry.copy });
        });
        copy
    }
}
