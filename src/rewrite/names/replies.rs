//! What is noted of a text for the names in its replies. Replaces nothing.

use std::sync::Arc;

use super::relations::{Path, Place};
use super::{Placed, Placing, RenamedText};
use crate::catalog::{NamePair, SeenNames};
use crate::rewrite::reply_names::{GivenName, ReplyNames};
use crate::statement::scope::{NameRole, OutputColumn};

/// The names of a text as they are noted.
#[derive(Debug, Default)]
pub(super) struct NotedNames {
    seen: SeenNames,
    columns: Vec<NamePair>,
    rows: Vec<(usize, Vec<GivenName>)>,
}

impl NotedNames {
    /// The names for the replies, with what the session has seen before.
    pub(super) fn finish(
        self,
        before: &Arc<SeenNames>,
        client_parameters: Option<usize>,
    ) -> ReplyNames {
        let NotedNames { seen, columns, rows } = self;
        let mut relations = Arc::clone(before);
        if !relations.holds(&seen) {
            Arc::make_mut(&mut relations).join(&seen);
        }
        ReplyNames { relations, tables: seen.tables(), columns, rows, client_parameters }
    }

    /// What the text calls names of the target, as far as the session has not seen it before.
    pub(super) fn into_seen(self) -> SeenNames {
        self.seen
    }
}

fn pair(source: &str, target: &str) -> NamePair {
    NamePair { target: target.to_owned(), source: source.to_owned() }
}

impl RenamedText<'_> {
    pub(super) fn notes_replies(&self) -> bool {
        self.names.replies_with_source()
    }

    /// Notes the relations of a statement, and what it gives.
    pub(super) fn note_seen(&mut self, at_hand: &Placing, number: usize) -> Placed<()> {
        for place in at_hand.places.iter().flatten().filter(|place| !place.is_system()) {
            self.note_relation(place, None);
        }
        for name in &at_hand.scopes.names {
            let (NameRole::ColumnOf(relation) | NameRole::NewColumnOf(relation)) = name.role else {
                continue;
            };
            let Some(Some(place)) = at_hand.places.get(relation as usize) else { continue };
            let source = self.part(name.tokens.start)?;
            self.note_relation(place, Some(&source));
        }
        if !self.notes_replies() {
            return Ok(());
        }
        let first = at_hand.scopes.queries.first().copied().flatten();
        let block = first.and_then(|first| at_hand.scopes.blocks.get(first as usize));
        let Some(block) = block else { return Ok(()) };
        let mut given = Vec::new();
        for output in &block.outputs {
            given.push(match output {
                OutputColumn::Label(token) => GivenName::Known(self.part(*token)?),
                OutputColumn::Column(name) => {
                    let Some(name) = at_hand.scopes.names.get(*name as usize) else { continue };
                    GivenName::Known(self.part(name.tokens.end.saturating_sub(1))?)
                }
                OutputColumn::Star(_) => GivenName::Star,
                OutputColumn::Unnamed => GivenName::Found,
            });
        }
        self.noted.replies.rows.push((number, given));
        Ok(())
    }

    pub(super) fn note_column(&mut self, source: &str, target: &str) {
        let column = pair(source, target);
        if self.notes_replies() && !self.noted.replies.columns.contains(&column) {
            self.noted.replies.columns.push(column);
        }
    }

    /// Notes a relation and a column of it. What the session knows already is noted for replies alone.
    fn note_relation(&mut self, place: &Place, column: Option<&str>) {
        let schemas =
            self.knows_schema(place).then_some((&*place.target_schema, &*place.source_schema));
        let table = (&*place.target_table, &*place.source_table);
        if !self.notes_replies() && self.catalog.seen_names().knows(schemas, table, column) {
            return;
        }
        let schemas = schemas.map(|(target, source)| pair(source, target));
        let column = column.map(|source| pair(source, &place.column(self.names, source)));
        self.noted.replies.seen.note(schemas, pair(table.1, table.0), column);
    }

    /// Whether it is certain in which schema a relation is.
    pub(super) fn knows_schema(&self, place: &Place) -> bool {
        place.is_qualified || self.path != Path::Any
    }
}
