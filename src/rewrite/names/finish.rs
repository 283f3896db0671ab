//! What is left to say of a text whose names are replaced: the types in it, counts, and the text that comes out.

use std::collections::HashMap;
use std::sync::Arc;

use super::{NameParameters, Naming, NotedHere, Renamed, RenamedText};
use crate::ledger::Place;
use crate::rewrite::change::NAMES_RULE;
use crate::rewrite::completions::Completions;
use crate::rewrite::{Change, ReplacementReason};
use crate::statement::{Replacement, replace};

impl RenamedText<'_> {
    pub(super) fn finish(mut self) -> Naming {
        let has_values = self.noted.parameters.is_some() || !self.noted.masked.is_empty();
        if self.replaced.is_empty() && self.noted.bodies == 0 && !has_values {
            return Naming::Untouched;
        }
        let (type_changes, json) = self.type_changes();
        let mut replaced: Vec<(Replacement, ReplacementReason)> = self
            .replaced
            .into_iter()
            .map(|replacement| (replacement, ReplacementReason::Rule(NAMES_RULE)))
            .collect();
        let mut changes = self.removed.take_changes();
        if self.removed.dependents > 0 {
            changes.push(Change::of_dependents(self.removed.dependents));
        }
        changes.extend(renamed_changes(&self.noted.renamed, replaced.len()));
        if self.noted.bodies > 0 {
            changes.push(Change::of_code(self.noted.bodies));
        }
        changes.extend(type_changes);
        let types = self.script.edits.iter();
        replaced.extend(
            types.map(|edit| (Replacement::from(edit), ReplacementReason::Type(edit.rule))),
        );
        replaced.sort_by_key(|(replacement, _)| (replacement.span.start, replacement.span.end));
        replaced.dedup_by(|(later, _), (first, _)| later.span.start < first.span.end);
        let (replacements, reasons): (Vec<_>, Vec<_>) = replaced.into_iter().unzip();
        let sql = replace(self.sql, &replacements);
        let NotedHere { pairs, tables_by_source, replies, parameters, masked, .. } = self.noted;
        let wants_names = self.names.replies_with_source();
        let count = parameters.as_ref().and_then(NameParameters::client_count);
        let (names, seen) = match wants_names {
            true => (Some(Arc::new(replies.finish(self.catalog.seen_names(), count))), None),
            false => (None, Some(replies.into_seen())),
        };
        let fields = self.removed.take_fields(self.script);
        let tags = self.removed.tags.into();
        let completions = Completions { tags, json };
        Naming::Renamed(Box::new(Renamed {
            sql,
            replacements,
            reasons,
            changes,
            tables_by_source,
            pairs,
            fields,
            completions,
            names,
            seen,
            parameters,
            masked,
        }))
    }
}

/// Changes of names, one a relation, and one for what is of no relation or not known to be; `all` is how many there are.
fn renamed_changes(renamed: &HashMap<String, Vec<(String, u64)>>, all: usize) -> Vec<Change> {
    let by_table = renamed.iter().flat_map(|(table, schemas)| {
        schemas.iter().map(move |(schema, count)| (schema.clone(), table.clone(), *count))
    });
    let mut changes: Vec<Change> = by_table
        .map(|(schema, table, count)| {
            Change::of_names(Place { schema, table, ..Place::default() }, count)
        })
        .collect();
    let placed: u64 = changes.iter().map(|change| change.count).sum();
    let rest = u64::try_from(all).unwrap_or(u64::MAX).saturating_sub(placed);
    if rest > 0 {
        changes.push(Change::of_names(Place::default(), rest));
    }
    changes
}
