//! What a COPY asks for, and what the client is told at its end. Data; sends nothing.

use super::facts::LoadFacts;
use super::refusal;
use super::rejected::kept_key;
use super::rows::BINARY_TRAILER;
use crate::ledger::rejects::RejectedFrom;
use crate::value::{CopyFormat, CopyOptions};
use crate::wire::{self, OwnError, TransactionStatus, tag};

/// What the client asks for.
#[derive(Debug)]
pub(super) struct CopyRequest {
    /// The statement.
    pub(super) sql: Vec<u8>,
    /// The parts of the table's name.
    pub(super) relation: Vec<Vec<u8>>,
    /// The columns that it lists.
    pub(super) columns: Vec<Vec<u8>>,
    pub(super) options: CopyOptions,
    /// It came by the extended protocol: there is no ReadyForQuery at its end.
    pub(super) is_extended: bool,
}

impl CopyRequest {
    /// The table's name, in the client's encoding.
    pub(super) fn table(&self) -> &[u8] {
        self.relation.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// The table's name.
    pub(super) fn table_name(&self) -> String {
        wire::printable(self.table())
    }

    /// The server's error for a row with a line break of another kind than the stream has.
    pub(super) fn foreign_break(&self, row: &[u8], line: u64) -> OwnError {
        let is_csv = self.options.format == CopyFormat::Csv;
        refusal::foreign_break(row, is_csv, &self.table_name(), line)
    }

    /// What the rows that are set aside have in common.
    pub(super) fn rejected_from(&self, facts: &LoadFacts) -> RejectedFrom {
        RejectedFrom {
            run: facts.run.clone(),
            session: facts.session.clone(),
            relation: self.relation.clone(),
            operation: "COPY",
            columns: self.columns.clone(),
            format: refusal::format_name(&self.options),
            options: refusal::format_options(&self.options),
            key: kept_key(facts.policy.errors.keep, &self.options),
        }
    }

    /// The bytes behind the rows of an attempt, and CopyDone. `is_cut` says that the marker of the end would
    /// make whole what is not.
    pub(super) fn end_of_rows(&self, is_cut: bool) -> Vec<u8> {
        let mut frames = Vec::new();
        if self.options.format == CopyFormat::Binary && !is_cut {
            frames = wire::with_body(tag::COPY_DATA, &[BINARY_TRAILER]);
        }
        frames.extend(wire::with_body(tag::COPY_DONE, &[]));
        frames
    }

    /// What the target says when it takes rows, as far as it is known without it.
    pub(super) fn copy_in_response(&self) -> Vec<u8> {
        let format = u8::from(self.options.format == CopyFormat::Binary);
        let count = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        let mut body = vec![format];
        body.extend(count.to_be_bytes());
        body.extend((0..count).flat_map(|_| [0, format]));
        wire::with_body(tag::COPY_IN_RESPONSE, &[&body])
    }

    /// The ReadyForQuery at the end; nothing by the extended protocol.
    pub(super) fn ready(&self, status: TransactionStatus) -> Vec<u8> {
        match self.is_extended {
            true => Vec::new(),
            false => wire::with_body(tag::READY_FOR_QUERY, &[&[status.byte()]]),
        }
    }
}
