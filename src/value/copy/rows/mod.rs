//! The rows of a COPY stream taken apart into fields, each of them judged by the policies of its
//! column or left out, and put together again. Knows no SQL and no frames.

mod binary;
mod columns;
mod lines;
mod piece;

use binary::BinaryRows;
use columns::Columns;
use lines::RowLines;
use piece::StreamPiece;

use super::fields::{CsvFields, TextFields};
use super::options::{CopyFormat, CopyOptions};
use crate::encoding::Encoding;
use crate::value::judge::{ColumnJudge, ValueRefusal};
use crate::value::rule::ValueRule;

/// What becomes of one column of the stream.
#[derive(Clone, Debug)]
pub enum CopyColumn {
    /// Its values are judged; NULL never is.
    Judged(ColumnJudge),
    /// Its values stay as they are.
    Kept,
    /// The target's statement does not list it: its fields are taken out of the rows.
    LeftOut,
}

/// What a rule did in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFinding {
    /// The index of the column among those of the stream.
    pub column: usize,
    /// The rule.
    pub rule: ValueRule,
    /// How often.
    pub count: u64,
    /// Where first, as PostgreSQL counts in `COPY t, line N`: lines of text and CSV from 1, the
    /// header among them, up to the end of the field; tuples of a binary stream from 1.
    pub row: u64,
    /// The value, where samples are asked for.
    pub sample: Option<String>,
}

/// A row that cannot go to the target. The COPY has to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRefusal {
    /// Its number, as in [`CopyFinding::row`].
    pub row: u64,
    /// The index of the column, where it is one column's fault.
    pub column: Option<usize>,
    /// Why.
    pub refusal: ValueRefusal,
}

/// Rewrites the row stream of a COPY that arrives in pieces.
///
/// What nothing is done to leaves as it came, byte for byte. From the first thing on that only an
/// error of the server can follow (a line break of another style, a length below zero), and behind
/// the end of data, nothing is touched. In CSV a line of only `\.` counts as the end of data, as it
/// does up to PostgreSQL 17. Where columns are left out, a row with too few fields is refused, since
/// the server might take what is left for a whole one.
///
/// A field passes unjudged where it is NULL or the marker of a default, where it is longer than the
/// limit, where it stands behind the last column, and where escapes of COPY text spell bytes beyond
/// ASCII although the stream is not UTF-8: these are bytes of the server's encoding. A verdict that
/// the format has no way to write leaves the field as it came, for the server to refuse: an empty
/// string in text whose NULL string is empty, the NULL string in a column of FORCE_NULL.
#[derive(Debug)]
pub struct CopyRows {
    columns: Columns,
    format: Rows,
}

#[derive(Debug)]
enum Rows {
    Text(Box<RowLines<TextFields>>),
    Csv(Box<RowLines<CsvFields>>),
    Binary(BinaryRows),
    /// Behind a refusal nothing follows.
    Refused,
}

impl CopyRows {
    /// Rows of a COPY with these options and columns. They are read, judged and written in the encoding
    /// that the COPY names, or else in the client's. At most `field_bytes_max` bytes of a field
    /// are held, as they stand in the stream.
    pub fn new(
        options: &CopyOptions,
        client_encoding: Encoding,
        columns: Vec<CopyColumn>,
        field_bytes_max: usize,
    ) -> CopyRows {
        let encoding = options.encoding.unwrap_or(client_encoding);
        let in_encoding = |column| match column {
            CopyColumn::Judged(judge) => CopyColumn::Judged(judge.in_encoding(encoding)),
            CopyColumn::Kept | CopyColumn::LeftOut => column,
        };
        let columns = columns.into_iter().map(in_encoding).collect();
        let columns = Columns::new(columns, field_bytes_max);
        let format = match options.format {
            CopyFormat::Text => {
                Rows::Text(Box::new(RowLines::new(TextFields::new(options, encoding), options)))
            }
            CopyFormat::Csv => {
                let fields = CsvFields::new(options, encoding, columns.forced(options));
                Rows::Csv(Box::new(RowLines::new(fields, options)))
            }
            CopyFormat::Binary => Rows::Binary(BinaryRows::default()),
        };
        CopyRows { columns, format }
    }

    /// Takes the next bytes of the stream, cut anywhere, and appends to `rows` what is complete.
    ///
    /// # Errors
    /// A row that is refused. What was appended goes up to it or into it; nothing more will be.
    pub fn rewrite(&mut self, stream: &[u8], rows: &mut Vec<u8>) -> Result<(), RowRefusal> {
        let (columns, mut piece) = (&mut self.columns, StreamPiece::new(stream, rows));
        let result = match &mut self.format {
            Rows::Text(lines) => lines.rewrite(&mut piece, columns),
            Rows::Csv(lines) => lines.rewrite(&mut piece, columns),
            Rows::Binary(tuples) => tuples.rewrite(&mut piece, columns),
            Rows::Refused => Ok(()),
        };
        self.settle(result)
    }

    /// The stream has ended (CopyDone): appends what is still held.
    ///
    /// # Errors
    /// The last row is refused.
    pub fn finish(&mut self, rows: &mut Vec<u8>) -> Result<(), RowRefusal> {
        let result = match &mut self.format {
            Rows::Text(lines) => lines.finish(rows, &mut self.columns),
            Rows::Csv(lines) => lines.finish(rows, &mut self.columns),
            Rows::Binary(tuples) => {
                tuples.finish(rows);
                Ok(())
            }
            Rows::Refused => Ok(()),
        };
        self.settle(result)
    }

    fn settle(&mut self, result: Result<(), RowRefusal>) -> Result<(), RowRefusal> {
        if result.is_err() {
            self.format = Rows::Refused;
        }
        result
    }

    /// What the rules did since the last call, column by column.
    pub fn take_findings(&mut self) -> Vec<CopyFinding> {
        self.columns.take_findings()
    }

    /// Fields of judged columns so far that were longer than the limit, and passed unjudged.
    pub fn too_long(&self) -> u64 {
        self.columns.too_long
    }

    /// Fields of judged columns so far that passed unjudged because their escapes spell bytes of
    /// another encoding than that of the stream.
    pub fn of_two_encodings(&self) -> u64 {
        self.columns.of_two_encodings
    }
}
