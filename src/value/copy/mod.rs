//! The row stream of a COPY FROM STDIN: mended in place, by bytes or by fields, or taken apart and put
//! together again. Knows no SQL, and of frames only that headers lie between rows.

mod binary;
mod fields;
mod fields_in_place;
mod in_place;
mod json_field;
mod null_guard;
mod options;
mod rows;
mod text_bytes;

pub use in_place::CopyScanner;
pub use options::{CopyFormat, CopyOptions, ForcedColumns};
pub use rows::{CopyColumn, CopyFinding, CopyRows, RowRefusal};
