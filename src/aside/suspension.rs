//! Whether rows of a load's table are set aside whole, from which row on, and what is written down for other loads.
//! Sends nothing.

use std::sync::Arc;

use super::facts::LoadFacts;
use super::shared::SharedLoads;
use crate::ledger::rejects::RejectedFrom;
use crate::ledger::suspended::{SuspendedTables, suspend_sql, suspended_question};
use crate::wire::{self, OwnError, Severity};

/// Seconds for which it is taken for granted that no table is suspended.
const KNOWN_SECONDS: u64 = 5;

/// What a load knows of it.
#[derive(Debug)]
pub(super) struct Suspension {
    /// A policy may suspend tables.
    may_be: bool,
    shared: Arc<SharedLoads>,
    /// When the target was asked last.
    asked_at: Option<u64>,
    /// When no table was suspended, as far as loads that follow may take it for granted.
    none_at: Option<u64>,
    /// The table is suspended: the row of the batch or statement from which on, and the error of these rows.
    since: Option<(usize, Vec<u8>)>,
    /// The error that has suspended it, to be written down.
    unwritten: Option<String>,
}

impl Suspension {
    pub(super) fn new(facts: &LoadFacts) -> Suspension {
        Suspension {
            may_be: facts.policy.errors.may_suspend(),
            shared: Arc::clone(&facts.loads),
            asked_at: facts.none_suspended_at,
            none_at: facts.none_suspended_at,
            since: None,
            unwritten: None,
        }
    }

    /// Whether the target has to be asked before more rows go on.
    pub(super) fn is_due(&self) -> bool {
        let is_old = |at: u64| self.shared.seconds().saturating_sub(at) >= KNOWN_SECONDS;
        self.may_be && self.since.is_none() && self.asked_at.is_none_or(is_old)
    }

    /// The statements that ask; the last one has a row.
    pub(super) fn question(relation: &[Vec<u8>], facts: &LoadFacts) -> [Vec<u8>; 2] {
        suspended_question(relation, facts.encoding)
    }

    /// The target has answered with the body of this DataRow.
    pub(super) fn on_answer(&mut self, row: &[u8], table: &str) {
        let columns = wire::data_row_text(row).unwrap_or_default();
        let answer = columns.first().copied().flatten().unwrap_or_default();
        let answer = SuspendedTables::read(answer);
        self.asked_at = Some(self.shared.seconds());
        // Where there are some, each load asks: one may be taken up again, or a transaction is rolled back.
        self.none_at = self.asked_at.filter(|_| answer == SuspendedTables::None);
        if answer == SuspendedTables::This {
            self.since = Some((0, suspended_error(table)));
        }
    }

    /// An error suspends the table, from this row on. What is wrong with the table itself is the error of all rows.
    pub(super) fn begin(
        &mut self,
        row: usize,
        table: &str,
        sqlstate: &[u8],
        of_all: Option<&[u8]>,
    ) {
        let error = of_all.map_or_else(|| suspended_error(table), <[u8]>::to_vec);
        self.none_at = None;
        self.since = Some((row, error));
        self.unwritten = Some(wire::printable(sqlstate));
    }

    /// Another batch begins.
    pub(super) fn on_batch(&mut self) {
        if let Some((row, _)) = &mut self.since {
            *row = 0;
        }
    }

    pub(super) fn is_begun(&self) -> bool {
        self.since.is_some()
    }

    /// The error of a row, if it is set aside whole.
    pub(super) fn error(&self, row: usize) -> Option<&[u8]> {
        self.since.as_ref().filter(|(from, _)| *from <= row).map(|(_, error)| &**error)
    }

    pub(super) fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// The statement that writes it down, once.
    pub(super) fn take_sql(&mut self, from: &RejectedFrom, facts: &LoadFacts) -> Option<Vec<u8>> {
        let sqlstate = self.unwritten.take()?;
        let table = from.relation.last().map(|name| wire::printable(name)).unwrap_or_default();
        tracing::warn!(
            event = "table_suspended",
            table,
            sqlstate,
            "table suspended: its rows are set aside"
        );
        Some(suspend_sql(from, &sqlstate, facts.encoding))
    }

    /// When no table was suspended, as far as loads that follow may take it for granted.
    pub(super) fn none_at(&self) -> Option<u64> {
        self.none_at
    }
}

fn suspended_error(table: &str) -> Vec<u8> {
    let error = OwnError::new("55000", format!("table \"{table}\" is suspended"))
        .with_hint("dms-proxy rejects resume takes it up again.");
    wire::error_response(&error, Severity::Error)
}
