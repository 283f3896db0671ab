//! What the statements of a text are about, for those who count. Reads; decides nothing.

use std::sync::Arc;

use tracing::Level;

use super::text::Text;
use crate::catalog::{Catalog, Name};
use crate::ledger::Place;
use crate::rewrite;
use crate::session::context::Context;
use crate::session::replies::Expected;
use crate::statement::StatementSubject;
use crate::statistics::{CommandKind, CountedAction, CountedStatement, TableKey};

/// Whether anybody is told what statements are about.
pub(super) fn is_told(context: &Context) -> bool {
    context.watched.is_counted() || tracing::enabled!(Level::DEBUG)
}

/// A Query of this text goes to the target, which owes `expected` for it.
pub(in crate::session) fn tell_query(
    expected: Expected,
    text: &Text,
    body: &[u8],
    catalog: &Catalog,
    context: &Context,
) -> Expected {
    if !is_told(context) {
        return expected;
    }
    let expected = expected.about(subjects(text, body, catalog, context));
    context.watched.on_sent(expected.subject(), body.len());
    expected
}

/// What the statements of a text are about, for those who count; `None` where that is nothing. Tables have the
/// names that the target has, as far as these are known.
pub(super) fn subjects(
    text: &Text,
    body: &[u8],
    catalog: &Catalog,
    context: &Context,
) -> Option<Arc<[CountedStatement]>> {
    let (script, sql) = (&text.script, text.text(body));
    let key = |name: &Name| {
        let database = context.startup.database.clone();
        let known = catalog.relation(name).filter(|relation| !relation.is_missing());
        let (schema, table) = match known {
            Some(relation) => (relation.schema.clone(), relation.table.clone()),
            None => {
                let Place { schema, table, .. } = rewrite::place_of(name);
                (schema, table)
            }
        };
        Arc::new(TableKey { database, schema, table })
    };
    let subject = |statement| {
        let kind = CommandKind::of_verb(script.verb(statement, sql));
        let (action, tables) = match script.subject(statement, sql) {
            StatementSubject::None => (CountedAction::None, Vec::new()),
            StatementSubject::Writes(name) => (CountedAction::Writes, vec![key(&name)]),
            StatementSubject::Defines(names) => {
                (CountedAction::Defines, names.iter().map(key).collect())
            }
            StatementSubject::Savepoint(name) => (CountedAction::Savepoint(name), Vec::new()),
            StatementSubject::Release(name) => (CountedAction::Release(name), Vec::new()),
            StatementSubject::RollbackTo(name) => (CountedAction::RollbackTo(name), Vec::new()),
        };
        CountedStatement { kind, action, tables }
    };
    let subjects: Arc<[CountedStatement]> = script.statements.iter().map(subject).collect();
    // A failed one has its kind in the log.
    let is_logged = tracing::enabled!(Level::DEBUG);
    let is_about = |subject: &CountedStatement| is_logged || subject.action != CountedAction::None;
    subjects.iter().any(is_about).then_some(subjects)
}
