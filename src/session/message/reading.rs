//! Readings of texts, with memory that they lend each other. Decides nothing.

use std::cell::RefCell;

use crate::rewrite::Rules;
use crate::statement::script::{Scratch, Script};

thread_local! {
    /// Memory for tokens, lent to one text after the other: an idle session holds none.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The reading of a text.
pub(super) fn read(sql: &[u8], rules: &Rules<'_>) -> Script {
    let read = |scratch: &RefCell<Scratch>| {
        Script::read(sql, rules.lexing, &rules.policy.mapping, &mut scratch.borrow_mut())
    };
    SCRATCH.with(read)
}

/// A reading that is no longer needed.
pub(super) fn give_back(script: Script) {
    SCRATCH.with(|scratch| script.give_back(&mut scratch.borrow_mut()));
}
