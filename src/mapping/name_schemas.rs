//! Which schemas of the source rules about names speak of. Pure functions of names.

use super::{NamePattern, NameRules};

impl NameRules {
    /// The source's schemas that may stand behind a schema of the target: those that rules name, or else one
    /// that is called like it but for its case.
    pub fn sources_of(&self, target: &str) -> Vec<String> {
        let written = self.schemas.iter().chain(&self.tables).chain(&self.columns);
        let written = written.map(|rule| &rule.schema);
        let written = written.chain(self.additions.iter().map(|addition| &addition.schema));
        let written = written.chain(self.removals.iter().map(|removal| &removal.schema));
        let written = written.chain(self.masks.iter().map(|mask| &mask.schema));
        let literal = written.filter_map(NamePattern::literal);
        let leads = |source: &String| {
            self.schema(source) == target || self.target_schema.as_deref() == Some(target)
        };
        let mut sources: Vec<String> = Vec::new();
        for source in literal.filter(leads) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        if sources.is_empty() {
            let cases = [target.to_uppercase(), target.to_lowercase(), target.to_owned()];
            sources.extend(cases.into_iter().find(leads));
        }
        sources
    }

    /// The one schema of the source that rules name without wildcards, if it is one.
    pub fn only_schema(&self) -> Option<String> {
        let selected = self.selections.iter().filter(|selection| !selection.excludes);
        let selected = selected.map(|selection| &selection.schema);
        let rules = self.schemas.iter().chain(&self.tables).chain(&self.columns);
        let rules = rules.map(|rule| &rule.schema);
        let added = self.additions.iter().map(|addition| &addition.schema);
        let removed = self.removals.iter().map(|removal| &removal.schema);
        let masked = self.masks.iter().map(|mask| &mask.schema);
        let others = added.chain(removed).chain(masked);
        let mut literal = selected.chain(rules).chain(others).map(NamePattern::literal);
        let first = literal.next()??;
        literal.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// Whether what a table and its columns are called does not depend on the schema they are in.
    pub fn ignores_schemas(&self) -> bool {
        self.selections.iter().all(|selection| selection.schema.matches_all())
            && self.tables.iter().chain(&self.columns).all(|rule| rule.schema.matches_all())
            && self.additions.iter().all(|addition| addition.schema.matches_all())
            && self.removals.iter().all(|removal| removal.schema.matches_all())
            && self.masks.iter().all(|mask| mask.schema.matches_all())
    }
}
