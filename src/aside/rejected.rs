//! The rows of a load that were set aside and are not yet written down. Knows what is kept of them; sends
//! nothing.

use std::ops::Range;

use super::fields::raw_fields;
use super::refusal;
use crate::encoding::Encoding;
use crate::ledger::rejects::{KeptKey, RejectState, RejectedRow};
use crate::policy::{ErrorAction, ErrorRules, Keep};
use crate::value::{CopyFormat, CopyOptions};
use crate::wire;

/// Rows, and their bytes, at which they are written to the target.
const WRITTEN_ROWS: usize = 1000;
const WRITTEN_BYTES: usize = 256 * 1024;

/// Bytes that are kept of a row that is longer than a batch.
pub(super) const CUT_ROW_BYTES: usize = 1024;

/// Rows that wait to be written down.
#[derive(Debug)]
pub(super) struct Rejected {
    keep: Keep,
    options: CopyOptions,
    encoding: Encoding,
    /// The longest row that is kept as a whole.
    row_bytes_max: usize,
    rows: Vec<RejectedRow>,
    bytes: usize,
    count: u64,
    /// The statement that they were sent by, where AWS DMS's own table has it.
    statement: Option<String>,
    /// The first error, for the case that they cannot be written.
    first_error: Option<Vec<u8>>,
}

/// A row that is refused.
#[derive(Debug)]
pub(super) struct RefusedRow<'a> {
    /// Its bytes, or the first of them.
    pub(super) row: &'a [u8],
    /// A statement for it alone.
    pub(super) statement: Option<&'a [u8]>,
    /// How many bytes there are.
    pub(super) length: usize,
    /// The line of the stream.
    pub(super) line: u64,
    pub(super) action: ErrorAction,
    /// The ErrorResponse.
    pub(super) failure: Vec<u8>,
}

/// How the fields of a key are put together, where a key is what is kept.
pub(super) fn kept_key(keep: Keep, options: &CopyOptions) -> Option<KeptKey> {
    (keep == Keep::Key).then_some(match options.format {
        CopyFormat::Binary => KeptKey::Tuple,
        CopyFormat::Text | CopyFormat::Csv => KeptKey::Line(options.delimiter),
    })
}

impl Rejected {
    /// Rows that were sent by this statement.
    pub(super) fn new(
        errors: &ErrorRules,
        options: &CopyOptions,
        encoding: Encoding,
        sql: &[u8],
    ) -> Rejected {
        Rejected {
            statement: errors.control_schema.is_some().then(|| wire::printable(sql)),
            keep: errors.keep,
            options: options.clone(),
            encoding,
            row_bytes_max: errors.batch_bytes,
            rows: Vec::new(),
            bytes: 0,
            count: 0,
            first_error: None,
        }
    }

    /// Notes a row.
    pub(super) fn push(&mut self, refusal: RefusedRow<'_>) {
        let RefusedRow { row, statement, length, line, action, failure } = refusal;
        let is_cut = length > self.row_bytes_max;
        let kept = if is_cut { CUT_ROW_BYTES } else { row.len() };
        let row = row.get(..kept).unwrap_or(row);
        let is_binary = self.options.format == CopyFormat::Binary;
        let row = if is_binary { row } else { refusal::without_break(row) };
        let mut rejected = refusal::rejected(&failure, self.keep == Keep::Row);
        rejected.line = Some(line);
        rejected.state = match action {
            ErrorAction::IgnoreRecord => RejectState::Ignored,
            _ if is_cut || self.keep == Keep::Key => RejectState::Cut,
            _ => RejectState::Open,
        };
        if is_cut {
            let detail = rejected.detail.take().unwrap_or_default();
            let kept = row.len();
            let kept = match self.keep {
                Keep::Row => format!("; its first {kept} are kept"),
                Keep::Key | Keep::Nothing => String::new(),
            };
            let cut = format!("{detail} The row has {length} bytes{kept}.");
            rejected.detail = Some(cut.trim().to_owned());
        }
        if let Some(sql) = &self.statement {
            rejected.statement = Some(match (self.keep, statement) {
                (Keep::Row, Some(statement)) => wire::printable(statement),
                (Keep::Row, None) => format!("{sql} {}", wire::printable(row)),
                _ => sql.clone(),
            });
        }
        if self.keep == Keep::Row {
            rejected.row = Some(row.to_vec());
        }
        if self.keep == Keep::Key && !is_cut {
            let fields = raw_fields(row, &self.options, self.encoding).unwrap_or_default();
            let field = |span: Range<usize>| row.get(span).unwrap_or_default().to_vec();
            rejected.fields = Some(fields.into_iter().map(field).collect());
        }
        self.bytes += row.len() + rejected.message.len();
        self.count += 1;
        self.first_error.get_or_insert(failure);
        self.rows.push(rejected);
    }

    /// How many rows of the load were set aside so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether they have to be written before more is sent.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= WRITTEN_ROWS || self.bytes >= WRITTEN_BYTES
    }

    /// Those that wait.
    pub(super) fn take(&mut self) -> Vec<RejectedRow> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }

    /// The error of the first row.
    pub(super) fn take_first_error(&mut self) -> Vec<u8> {
        self.first_error.take().unwrap_or_default()
    }
}
