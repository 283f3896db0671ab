//! Readings of texts, with memory that they lend each other. Decides nothing.

use std::cell::RefCell;

use crate::rewrite::Rules;
use crate::statement::AliasTypes;
use crate::statement::script::{Scratch, Script};

/// Places of one text that are named.
const SPOTS_MAX: usize = 10;

thread_local! {
    /// Memory for tokens, lent to one text after the other: an idle session holds none.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The reading of a text behind those that have made these types.
pub(super) fn read(sql: &[u8], rules: &Rules<'_>, aliases: &AliasTypes) -> Script {
    let read = |scratch: &RefCell<Scratch>| {
        let (mapping, mut scratch) = (&rules.policy.mapping, scratch.borrow_mut());
        Script::read_behind(sql, rules.lexing, mapping, aliases, &mut scratch)
    };
    SCRATCH.with(read)
}

/// A reading that is no longer needed.
pub(super) fn give_back(script: Script) {
    SCRATCH.with(|scratch| script.give_back(&mut scratch.borrow_mut()));
}

/// Where the reading met something odd: line and column, from 1.
pub(super) fn odd_spots(script: &Script, sql: &[u8]) -> Vec<(usize, usize)> {
    let line_and_column = |offset: &usize| {
        let before = sql.get(..*offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let encoding = script.lexing.encoding;
        let column = encoding.count_characters(before.get(start..).unwrap_or_default()) + 1;
        (line, column)
    };
    script.odd_spots.iter().take(SPOTS_MAX).map(line_and_column).collect()
}
