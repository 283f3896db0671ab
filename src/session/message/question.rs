//! What is asked or done before a message, beside what its text needs. Decides; may not send anything.

use crate::catalog::{Catalog, Freshness, Moment, Need, Subject};
use crate::parking::{Scope, TableName, park_softly_sql};
use crate::policy::{Policy, TablePrep};
use crate::rewrite::{self, Rules};
use crate::session::ask::Question;
use crate::session::ask::parking::Tried;
use crate::statement::script::Script;

/// The question for one relation about which nothing may be old.
pub(in crate::session) fn ask_exactly(
    name: Vec<Vec<u8>>,
    catalog: &mut Catalog,
    now: Moment,
) -> Option<Question> {
    let need = Need { subject: Subject::Relation(name), freshness: Freshness::Exact };
    ask(vec![need], catalog, now)
}

/// The question for all of this that is missing, if anything is.
pub(super) fn ask(needs: Vec<Need>, catalog: &mut Catalog, now: Moment) -> Option<Question> {
    catalog.missing(needs, now).map(Question::Catalog)
}

/// The question that parks all foreign keys.
pub(in crate::session) fn park_all(policy: &Policy) -> Question {
    let sql = park_softly_sql(&Scope::default(), policy.lock_timeout_seconds);
    Question::Park { sql, all: true }
}

/// The question that parks the foreign keys of the tables that the text drops.
pub(super) fn park_tables(
    script: &Script,
    catalog: &Catalog,
    tried: Tried,
    rules: &Rules<'_>,
) -> Option<Question> {
    let can_be = !tried.has(Tried::TABLES);
    let can_be = can_be && rules.settings.table_prep == TablePrep::DropAndCreate;
    let dropped = rewrite::dropped(script).filter(|_| can_be);
    let relations = dropped.filter_map(|table| catalog.relation(&table.name).cloned());
    let tables: Vec<TableName> = relations
        .filter(|relation| !relation.is_missing())
        .map(|relation| TableName {
            schema: Some(relation.schema.clone()),
            table: relation.table.clone(),
        })
        .collect();
    let scope = Scope { schemas: Vec::new(), tables };
    let sql = || park_softly_sql(&scope, rules.policy.lock_timeout_seconds);
    (!scope.tables.is_empty()).then(|| Question::Park { sql: sql(), all: false })
}
