//! Values in the rows of answers. Knows no question.

use crate::wire::{AnswerRow, printable};

/// A text; empty for NULL.
pub(super) fn text(value: &Option<Vec<u8>>) -> String {
    printable(value.as_deref().unwrap_or_default())
}

/// A number, if it is one.
pub(super) fn number<T: std::str::FromStr>(row: &AnswerRow, index: usize) -> Option<T> {
    std::str::from_utf8(row.get(index)?.as_deref()?).ok()?.parse().ok()
}
