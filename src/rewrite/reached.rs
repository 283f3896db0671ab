//! How far a text reaches once the rules have acted on it: statements that empty tables by `table_prep` write to
//! them. Finds, changes nothing.

use super::{Rules, names, table_prep};
use crate::catalog::Name;
use crate::policy::TablePrep;
use crate::statement::script::Script;
use crate::statement::{Reach, TableStatement, TableStatementKind, WRITES_MAX};

/// How far a text reaches on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// What it writes and runs.
    pub text: Reach,
    /// The tables that are emptied in the place of what the text says.
    pub empties: Vec<Name>,
}

impl Reached {
    /// The reach of a text that writes and runs nothing.
    pub fn nothing() -> &'static Reached {
        static NOTHING: Reached = Reached { text: Reach::NOTHING, empties: Vec::new() };
        &NOTHING
    }

    /// The reach of a text that was not read.
    pub fn unknown() -> Reached {
        Reached { text: Reach::unknown(), empties: Vec::new() }
    }

    /// Whether it writes and runs nothing that the role could matter for.
    pub fn is_nothing(&self) -> bool {
        self.text.is_nothing() && self.empties.is_empty()
    }

    /// What it takes in memory beyond itself, in bytes.
    pub fn bytes(&self) -> usize {
        let names = self.empties.iter().flatten();
        self.text.bytes() + names.map(|part| size_of_val(part) + part.len()).sum::<usize>()
    }

    /// The relations that it writes to.
    pub fn relations(&self) -> impl Iterator<Item = &Name> {
        self.text.writes.iter().chain(&self.empties)
    }
}

/// How far the text reaches under these rules.
pub fn reached(script: &Script, sql: &[u8], rules: &Rules<'_>) -> Reached {
    if !rules.settings.looks_at_silenced() {
        return Reached::unknown();
    }
    let mut reached = Reached { text: script.reach(sql), empties: Vec::new() };
    for statement in script.table_statements() {
        if !empties(statement, rules) {
            reached.text.runs_more = true;
            continue;
        }
        let room = WRITES_MAX.saturating_sub(reached.empties.len());
        let names = statement.tables.iter().map(|table| names::target_of(&table.name).into_owned());
        reached.empties.extend(names.take(room));
        reached.text.runs_more |= statement.tables.len() > room;
    }
    reached
}

/// Whether the text has statements in whose place tables are emptied.
pub fn empties_tables(script: &Script, rules: &Rules<'_>) -> bool {
    script.table_statements().any(|statement| empties(statement, rules))
}

/// Whether tables are emptied in the place of this statement.
fn empties(statement: &TableStatement, rules: &Rules<'_>) -> bool {
    let is_emptying = match statement.kind {
        TableStatementKind::Create { .. } => false,
        // The tool itself asks for what is never done unasked.
        TableStatementKind::Truncate { cascade, .. } => !cascade,
        TableStatementKind::Drop { .. } => true,
    };
    is_emptying
        && rules.settings.table_prep == TablePrep::TruncateBeforeLoad
        && !statement.tables.iter().any(table_prep::is_control_table)
}
