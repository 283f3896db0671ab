//! Escapes that string constants and rows have in common: backslashes of `E'...'` and COPY text, and
//! those of JSON within them. Knows no statements and no rows.

pub(crate) mod backslash;
pub(crate) mod json;
pub(crate) mod nul;
pub(crate) mod surrogates;
