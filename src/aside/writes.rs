//! Statements by which a load writes down what it sets aside, in the order in which they go. Sends nothing.

use std::collections::VecDeque;

use super::facts::LoadFacts;
use crate::ledger::exceptions::exceptions_sql;
use crate::ledger::rejects::{RejectedFrom, RejectedRow, write_sql};

/// Statements that wait.
#[derive(Debug, Default)]
pub(super) struct OwnWrites(VecDeque<Vec<u8>>);

impl OwnWrites {
    /// The next one.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Another one, if there is one.
    pub(super) fn extend(&mut self, sql: Option<Vec<u8>>) {
        self.0.extend(sql);
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
        self.0.push_back(write_sql(from, rows, facts.encoding));
        if let Some(schema) = &facts.policy.errors.control_schema {
            self.0.push_back(exceptions_sql(schema, from, rows, facts.encoding));
        }
    }
}
