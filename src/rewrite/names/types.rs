//! What the mapping of types does to a text that is renamed. Reads; changes nothing.

use std::collections::VecDeque;

use super::RenamedText;
use crate::rewrite::Change;
use crate::rewrite::completions::{JsonColumns, json_columns};
use crate::rewrite::type_changes::type_changes;

impl RenamedText<'_> {
    /// What the mapping of types did, under the target's names, and the columns of JSON that it made text, under
    /// the client's.
    pub(super) fn type_changes(&self) -> (Vec<Change>, VecDeque<JsonColumns>) {
        let (script, edits) = (self.script, &self.script.edits);
        let defined = script.definitions(self.sql, edits);
        let json = json_columns(script, edits, &defined, self.rules);
        let mut changes = type_changes((script, self.sql), edits, &defined, self.rules);
        for Change { place, .. } in &mut changes {
            for name in [&mut place.schema, &mut place.table, &mut place.column] {
                if let Some((_, target)) =
                    self.noted.pairs.iter().find(|(source, _)| source == name)
                {
                    name.clone_from(target);
                }
            }
        }
        (changes, json)
    }
}
