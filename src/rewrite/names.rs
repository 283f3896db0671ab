//! Which relation of the target a name in a text stands for: the text has the source's names, the catalog
//! the target's. Today they are the same.

use std::borrow::Cow;

use crate::catalog::Name;

/// The target's name for a relation that the text calls `name`.
pub(super) fn target_of(name: &Name) -> Cow<'_, Name> {
    Cow::Borrowed(name)
}
