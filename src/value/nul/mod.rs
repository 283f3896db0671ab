//! The plain rule for a raw NUL: the byte 0x00 becomes a space, in place. Knows no fields.

mod binary_array;
mod json_array_text;
mod mender;
mod parse;
mod query;

pub(super) use binary_array::ArrayScanner;
pub(super) use json_array_text::JsonArrayText;
pub(super) use mender::{NulMender, NulRule};
pub use parse::{mend_parse, text_with_nuls};
pub use query::QueryScanner;

use memchr::memchr;

/// The bytes that are mended in one go once a NUL was found, so that many NULs in a row do not cost
/// one search each. Few enough for a `u8` to count them.
const BLOCK_BYTES: usize = 128;

/// Replaces every byte 0x00 by a space; gives the number of them.
pub(super) fn nul_to_space(bytes: &mut [u8]) -> u64 {
    let mut replaced = 0;
    let mut rest = bytes;
    while let Some(found) = memchr(0, rest) {
        let (_, dirty) = rest.split_at_mut(found);
        let (block, clean) = dirty.split_at_mut(BLOCK_BYTES.min(dirty.len()));
        replaced += u64::from(block.iter().map(|&byte| u8::from(byte == 0)).sum::<u8>());
        for byte in block {
            *byte = if *byte == 0 { b' ' } else { *byte };
        }
        rest = clean;
    }
    replaced
}
