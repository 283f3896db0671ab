//! Statements by which a load writes down what it sets aside, in the order in which they go. Sends nothing.

use std::collections::VecDeque;

use super::facts::LoadFacts;
use crate::ledger::exceptions::exceptions_sql;
use crate::ledger::rejects::{RejectedFrom, RejectedRow, write_sql};
use crate::wire;

/// Statements that wait.
#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    waiting: VecDeque<Vec<u8>>,
    /// The client has asked for no NOTICE.
    is_silent: bool,
}

impl OwnWrites {
    /// The next one.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.waiting.pop_front()
    }

    /// One is done; the row has `client_min_messages`.
    pub(super) fn on_done(&mut self, row: &[u8]) {
        let columns = wire::data_row_text(row).unwrap_or_default();
        self.is_silent = matches!(columns.first(), Some(Some(b"warning" | b"error")));
    }

    /// Whether the client is told of rows that are set aside.
    pub(super) fn are_told(&self) -> bool {
        !self.is_silent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Another one, if there is one.
    pub(super) fn extend(&mut self, sql: Option<Vec<u8>>) {
        self.waiting.extend(sql);
    }

    /// Those that write rows down.
    pub(super) fn push_rows(
        &mut self,
        from: &RejectedFrom,
        rows: &[RejectedRow],
        facts: &LoadFacts,
    ) {
        if rows.is_empty() {
            return;
        }
        self.waiting.push_back(write_sql(from, rows, facts.encoding));
        if let Some(schema) = &facts.policy.errors.control_schema {
            self.waiting.push_back(exceptions_sql(schema, from, rows, facts.encoding));
        }
    }
}
