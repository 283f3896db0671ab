//! What the options of a COPY statement say about its row stream, as plain data.

use crate::encoding::Encoding;

/// The row format of a COPY stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// PostgreSQL's own text format, with backslash escapes.
    Text,
    /// Comma-separated values.
    Csv,
    /// Binary fields behind a signature.
    Binary,
}

/// The options of `COPY ... FROM STDIN` that decide where a value starts and ends.
///
/// Source: PostgreSQL manual, COPY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// The row format.
    pub format: CopyFormat,
    /// The byte between two fields: a tab in text, a comma in CSV unless said otherwise.
    pub delimiter: u8,
    /// The byte around a CSV field.
    pub quote: u8,
    /// The byte before a quote inside a quoted CSV field; the quote itself unless said otherwise.
    pub escape: u8,
    /// The unquoted text that stands for NULL: `\N` in text, empty in CSV unless said otherwise.
    pub null: Vec<u8>,
    /// The encoding of the stream where the statement names one; the client's otherwise.
    pub encoding: Option<Encoding>,
}

impl CopyOptions {
    /// The options of a COPY that names only its format.
    pub fn new(format: CopyFormat) -> CopyOptions {
        let csv = format == CopyFormat::Csv;
        CopyOptions {
            format,
            delimiter: if csv { b',' } else { b'\t' },
            quote: b'"',
            escape: b'"',
            null: if csv { Vec::new() } else { b"\\N".to_vec() },
            encoding: None,
        }
    }
}
