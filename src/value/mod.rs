//! Row values in the formats in which they travel (Bind parameters, COPY text and CSV), mended in
//! place; knows no SQL, no frames, no sockets.

mod bind;
mod copy_character;
mod copy_escape;
mod copy_fields;
mod copy_nul;
mod copy_options;
mod copy_text;
mod nul;
mod query_nul;

pub use bind::BindScanner;
pub use copy_nul::CopyScanner;
pub use copy_options::{CopyFormat, CopyOptions};
pub use query_nul::QueryScanner;
