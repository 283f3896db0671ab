//! What the options of a COPY statement say about its row stream, as plain data.

use crate::encoding::Encoding;

/// The bytes that PostgreSQL keeps of a name.
const NAME_BYTES_MAX: usize = 63;

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
    /// The unquoted text that stands for the default of its column, from PostgreSQL 16 on.
    pub default: Option<Vec<u8>>,
    /// The encoding of the stream where the statement names one; the client's otherwise.
    pub encoding: Option<Encoding>,
    /// The name of that encoding, as it is written.
    pub encoding_name: Option<String>,
    /// Lines in front of the rows that hold names, of which the server may check one: at most one
    /// before PostgreSQL 19.
    pub header_lines: u64,
    /// The CSV columns in which the NULL string is NULL also where it is quoted.
    pub force_null: ForcedColumns,
    /// The CSV columns in which the unquoted NULL string is data.
    pub force_not_null: ForcedColumns,
}

/// The columns to which an option applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForcedColumns {
    /// Those of these names, as PostgreSQL keeps them but for their length.
    Named(Vec<Vec<u8>>),
    /// All of them: `*`.
    All,
}

impl Default for ForcedColumns {
    fn default() -> ForcedColumns {
        ForcedColumns::Named(Vec::new())
    }
}

impl ForcedColumns {
    /// Whether the column `name` is one of them. A name that is too long to be kept as a whole is
    /// known by its start.
    pub fn contains(&self, name: &[u8]) -> bool {
        let is_same =
            |said: &Vec<u8>| said == name || said.len() > NAME_BYTES_MAX && said.starts_with(name);
        match self {
            ForcedColumns::All => true,
            ForcedColumns::Named(names) => names.iter().any(is_same),
        }
    }
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
            default: None,
            encoding: None,
            encoding_name: None,
            header_lines: 0,
            force_null: ForcedColumns::default(),
            force_not_null: ForcedColumns::default(),
        }
    }
}
