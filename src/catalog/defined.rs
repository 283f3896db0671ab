//! What the catalog is told without a question to the target: by texts, by tests and in dry runs. Asks nothing.

use std::sync::Arc;

use super::{Answers, Catalog, Known, Name, OrderChange, OrderedTable, Relation, SeenNames};

impl Catalog {
    /// What the client's texts call relations and their columns.
    pub fn seen_names(&self) -> &Arc<SeenNames> {
        &self.names.seen
    }

    /// Takes these for all that they call so.
    pub fn note_seen_names(&mut self, names: Arc<SeenNames>) {
        self.names.seen = names;
    }

    /// Notes what another text calls them.
    pub fn add_seen_names(&mut self, names: &SeenNames) {
        if !names.is_empty() {
            Arc::make_mut(&mut self.names.seen).join(names);
        }
    }

    /// The columns with which a text has created a table, in order, if that is certain.
    pub fn column_order(&self, table: &OrderedTable) -> Option<&[String]> {
        self.names.orders.of(table)
    }

    /// A text says which columns a table has, or changes that. To be called before it is sent.
    pub fn note_column_order(&mut self, change: OrderChange) {
        self.names.orders.note(change);
    }

    /// The schemas in which names without one are looked up, in order, as far as they were asked for.
    pub fn search_path(&self) -> Option<&[String]> {
        self.names.search_path.as_deref()
    }

    /// A catalog that stays as it is, for dry runs.
    pub fn without_target() -> Catalog {
        Catalog { answers: Answers::Nothing, ..Catalog::default() }
    }

    /// Whether no target answers.
    pub fn is_without_target(&self) -> bool {
        self.answers == Answers::Nothing
    }

    /// Makes them known without a question.
    pub fn define_search_path(&mut self, schemas: Vec<String>) {
        self.names.search_path = Some(schemas);
    }

    /// Makes a table known without a question: a dry run has no target to ask.
    pub fn define(&mut self, name: Name, relation: Relation) {
        let relation = Arc::new(relation);
        let (seconds, definitions) = (self.asked_at.seconds, self.asked_at.definitions);
        let known = Known {
            relation,
            seconds,
            definitions,
            text: self.text,
            locked_in: None,
            has_failed: false,
        };
        self.relations.insert(name, known);
    }
}
