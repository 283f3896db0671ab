//! Rows of a statement that were set aside and are not yet written down, by how they are kept. Sends nothing.

use super::change_text::{ChangeText, KeptFormat, KeptRow};
use super::facts::LoadFacts;
use super::rejected::{RefusedRow, Rejected};
use super::writes::OwnWrites;
use crate::policy::ErrorAction;
use crate::value::CopyOptions;

/// Rows that wait to be written down.
#[derive(Debug)]
pub(super) struct RejectedChanges(Vec<(KeptFormat, Rejected)>);

impl RejectedChanges {
    pub(super) fn new(facts: &LoadFacts, operation: &str) -> RejectedChanges {
        let rejected = |format: KeptFormat| {
            let options = CopyOptions::new(format.lines());
            let errors = &facts.policy.errors;
            (format, Rejected::new(errors, &options, facts.encoding, operation.as_bytes()))
        };
        RejectedChanges(KeptFormat::ALL.into_iter().map(rejected).collect())
    }

    /// Notes a row, by its place in the statement.
    pub(super) fn push(
        &mut self,
        kept: KeptRow,
        row: usize,
        action: ErrorAction,
        failure: Vec<u8>,
    ) {
        let line = u64::try_from(row).unwrap_or(u64::MAX).saturating_add(1);
        let (row, length) = (&*kept.bytes, kept.bytes.len());
        let statement = Some(kept.statement.as_deref().unwrap_or(row));
        let refused = RefusedRow { row, statement, length, line, action, failure };
        if let Some((_, rejected)) = self.0.iter_mut().find(|(format, _)| *format == kept.format) {
            rejected.push(refused);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(_, rejected)| rejected.count()).sum()
    }

    /// Whether they have to be written before more is sent.
    pub(super) fn is_full(&self) -> bool {
        self.0.iter().any(|(_, rejected)| rejected.is_full())
    }

    /// What writes them down.
    pub(super) fn write(&mut self, text: &ChangeText, facts: &LoadFacts, writes: &mut OwnWrites) {
        for (format, rejected) in &mut self.0 {
            let from = text.rejected_from(*format, facts);
            writes.push_rows(&from, &rejected.take(), facts);
        }
    }

    /// The error of the first row.
    pub(super) fn take_first_error(&mut self) -> Vec<u8> {
        let errors = self.0.iter_mut().map(|(_, rejected)| rejected.take_first_error());
        errors.into_iter().find(|error| !error.is_empty()).unwrap_or_default()
    }
}
