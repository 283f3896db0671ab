//! What is known of the relations that a text names: by the catalog, or from the text itself where it
//! creates them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Rules, names};
use crate::catalog::{Catalog, Name, Relation};
use crate::policy::TablePrep;
use crate::statement::Edit;
use crate::statement::script::Script;

/// The relations, by the names that the text has for them.
pub(super) struct TextRelations<'k> {
    catalog: &'k Catalog,
    /// The tables that the text creates, as the target gets them. They hold for the length of the text.
    created: HashMap<Name, Arc<Relation>>,
}

impl<'k> TextRelations<'k> {
    pub(super) fn new(
        script: &Script,
        sql: &[u8],
        edits: &[Edit],
        catalog: &'k Catalog,
        rules: &Rules<'_>,
    ) -> TextRelations<'k> {
        let mut known = TextRelations { catalog, created: HashMap::new() };
        let Script { effects, statements, .. } = script;
        let may_write = effects.loads() && effects.changes_relations() && statements.len() > 1;
        if !may_write || !rules.settings.rewrite {
            return known;
        }
        // Else what is there may stay, whatever the text says.
        let creates = rules.settings.table_prep == TablePrep::PassThrough;
        for table in script.new_tables(sql, edits) {
            let target = catalog.relation(&names::target_of(&table.name));
            let is_missing = target.is_some_and(|relation| relation.is_missing());
            if is_missing || creates && !table.may_be_there {
                let relation = Arc::new(Relation::from_text(&table));
                known.created.insert(table.name, relation);
            }
        }
        known
    }

    pub(super) fn relation(&self, name: &Name) -> Option<Arc<Relation>> {
        let created = self.created.get(name);
        created.or_else(|| self.catalog.relation(&names::target_of(name))).cloned()
    }

    /// Whether nothing is known of any relation.
    pub(super) fn is_empty(&self) -> bool {
        self.created.is_empty() && self.catalog.is_empty()
    }

    pub(super) fn is_exact(&self, name: &Name) -> bool {
        self.created.contains_key(name) || self.catalog.is_exact(&names::target_of(name))
    }

    pub(super) fn catalog(&self) -> &'k Catalog {
        self.catalog
    }
}
