//! Row values in the formats in which they travel (Bind parameters, COPY text and CSV), mended in
//! place; knows no SQL, no frames, no sockets.

mod copy_options;

pub use copy_options::{CopyFormat, CopyOptions};
