//! Texts and names as the statements of the ledger spell them. Pure text.

use crate::encoding::Encoding;
use crate::parking::spelling::name_constant;

/// A text without control characters and, with a client encoding other than UTF-8, without characters beyond ASCII.
pub(super) fn plain(text: &str, encoding: Encoding) -> String {
    let speaks = encoding == Encoding::Utf8;
    let plain = |c: char| if c.is_control() || !(speaks || c.is_ascii()) { '?' } else { c };
    text.chars().map(plain).collect()
}

/// A name as a text constant; without the quotes that [`name_constant`] puts around its parts.
pub(super) fn name_list_item(name: &[u8], encoding: Encoding) -> Vec<u8> {
    let quoted = name_constant(&[name.to_vec()], encoding);
    let inner = quoted.strip_prefix(b"E'\"").and_then(|rest| rest.strip_suffix(b"\"'"));
    let inner = replaced(inner.unwrap_or_default(), b"\"\"", b"\"");
    [b"E'", &inner[..], b"'::pg_catalog.text"].concat()
}

/// The text with each of these replaced.
pub(super) fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for found in memchr::memmem::find_iter(text, from) {
        out.extend_from_slice(text.get(at..found).unwrap_or_default());
        out.extend_from_slice(to);
        at = found + from.len();
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}
