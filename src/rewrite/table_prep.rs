//! DROP, TRUNCATE and CREATE of the tool become what `table_prep.mode` says. Parks nothing.

use super::change::{By, Change, place_of};
use super::{Needs, ReplacementReason, Rules};
use crate::catalog::Freshness;
use crate::encoding::Encoding;
use crate::ledger::Road;
use crate::parking::spelling::{filled, name_constant};
use crate::policy::TablePrep;
use crate::statement::script::Script;
use crate::statement::{Replacement, TableReference, TableStatement, TableStatementKind};
use crate::wire::OwnError;

/// The control tables of AWS DMS begin with this; nothing is done to statements about them.
const CONTROL_TABLES: &[u8] = b"awsdms_";

/// The rule under which a CREATE is counted.
const CREATE_RULE: &str = "create-if-not-exists";

/// Statements of one text that are turned into others at most: each becomes some thousand bytes.
const STATEMENTS_MAX: usize = 10_000;

/// The block that takes the place of a DROP or TRUNCATE.
///
/// Temporary tables, control tables, what is no table and what is not there get the statement as it was
/// written, so that errors and notices about them are the server's. All others are ours: they are left
/// as they are, or emptied.
///
/// `entry` and `member` are two columns of one list: which table of the statement, and the relations that
/// are emptied with it, its partitions and other children. Those to which no foreign key of another
/// relation refers are truncated, all at once; the others follow by DELETE, in one statement, so that
/// foreign keys among them are looked at when all of them are empty. Under the replica role nothing is
/// changed in tables that refer to them; without it the server refuses where rows refer to them, and we
/// where it would change those.
///
/// A name is looked up by a constant, since `to_regclass` takes `cstring` before PostgreSQL 9.6. Operators,
/// functions and types are qualified: the block runs in the client's session, where another role may have
/// planted its own in the search_path.
const BODY: &str = include_str!("table_prep.sql");

/// Whether a message of the target is one of the block's own.
pub fn is_of_table_prep(message: &str) -> bool {
    const OWN: &[&str] = &[
        "is left as it is (table_prep.mode",
        "is emptied by DELETE",
        "cannot be emptied: foreign keys",
    ];
    message.starts_with("table ") && OWN.iter().any(|own| message.contains(own))
}

/// The tables of a text that are dropped or truncated, control tables left out.
pub fn dropped(script: &Script) -> impl Iterator<Item = &TableReference> {
    let dropping = script
        .table_statements()
        .filter(|found| !matches!(found.kind, TableStatementKind::Create { .. }));
    dropping.flat_map(|found| &found.tables).filter(|table| !is_control_table(table))
}

/// The relations whose foreign keys are parked before they go.
pub(super) fn needs(script: &Script, rules: &Rules<'_>, needs: &mut Needs) {
    if rules.settings.table_prep == TablePrep::DropAndCreate {
        for table in dropped(script) {
            needs.relation(&table.name, Freshness::MayBeOld);
        }
    }
}

/// The error for a text of more statements than can be turned into others.
pub(super) fn refusal(script: &Script, rules: &Rules<'_>) -> Option<OwnError> {
    let is_too_long =
        rules.may_prepare_tables(script) && script.table_statements().count() > STATEMENTS_MAX;
    is_too_long.then(|| {
        let message = format!("more than {STATEMENTS_MAX} statements prepare tables in one text");
        OwnError::new("54000", message).with_hint("Send them in several texts.")
    })
}

/// What becomes of the statements that prepare tables.
#[derive(Debug, Default)]
pub(super) struct PreparedTables {
    pub(super) replaced: Vec<(Replacement, ReplacementReason)>,
    pub(super) tags: Vec<(usize, &'static str)>,
    pub(super) changes: Vec<Change>,
}

pub(super) fn plan(script: &Script, rules: &Rules<'_>) -> PreparedTables {
    let mut prepared = PreparedTables::default();
    let mut settings = rules.settings;
    let mut set = script.settings().peekable();
    for statement in script.table_statements() {
        // What the text itself has set in front of the statement is in force there.
        while let Some(setting) = set.next_if(|set| set.span.start < statement.span.start) {
            if let Some(value) = &setting.value {
                // A value that means nothing has been refused.
                let _ = settings.set(&setting.name, value);
            }
        }
        let mode = settings.table_prep;
        if mode.changes_statements() && !statement.tables.iter().all(is_control_table) {
            prepared.plan_statement(statement, mode, rules.lexing.encoding);
        }
    }
    prepared
}

impl PreparedTables {
    fn plan_statement(&mut self, statement: &TableStatement, mode: TablePrep, encoding: Encoding) {
        let empties = mode == TablePrep::TruncateBeforeLoad;
        let (rule, tag) = match statement.kind {
            TableStatementKind::Create { if_not_exists_at: None } => return,
            TableStatementKind::Create { if_not_exists_at: Some(at) } => {
                let text = b"IF NOT EXISTS ".to_vec();
                let reason = ReplacementReason::Rule(CREATE_RULE);
                self.replaced.push((Replacement { span: at..at, text }, reason));
                (CREATE_RULE, None)
            }
            // The tool itself asks for what is never done unasked.
            TableStatementKind::Truncate { cascade: true, .. } if empties => return,
            TableStatementKind::Drop { .. } if empties => ("drop-emptied", Some("DROP TABLE")),
            TableStatementKind::Drop { .. } => ("drop-not-done", Some("DROP TABLE")),
            TableStatementKind::Truncate { .. } if empties => {
                ("truncate-emptied", Some("TRUNCATE TABLE"))
            }
            TableStatementKind::Truncate { .. } => ("truncate-not-done", Some("TRUNCATE TABLE")),
        };
        if let Some(tag) = tag {
            let text = statement_sql(statement, mode, encoding);
            let replacement = Replacement { span: statement.span.clone(), text };
            self.replaced.push((replacement, ReplacementReason::Rule(rule)));
            self.tags.push((statement.number, tag));
        }
        self.changes.reserve(statement.tables.len());
        for table in &statement.tables {
            let mut change = Change::anywhere(rule, By::TablePrep, 1).by(Road::Ddl);
            let place = place_of(&table.name);
            (change.place.schema, change.place.table) = (place.schema, place.table);
            self.changes.push(change);
        }
    }
}

pub(super) fn is_control_table(table: &TableReference) -> bool {
    table.name.last().is_some_and(|name| name.starts_with(CONTROL_TABLES))
}

/// One statement that does in the place of a DROP or TRUNCATE what the mode says.
fn statement_sql(statement: &TableStatement, mode: TablePrep, encoding: Encoding) -> Vec<u8> {
    let (verb, behind, restart) = match statement.kind {
        TableStatementKind::Drop { if_exists, cascade } => {
            let verb = if if_exists { "DROP TABLE IF EXISTS" } else { "DROP TABLE" };
            (verb, if cascade { " CASCADE" } else { "" }, false)
        }
        TableStatementKind::Truncate { restart_identity, cascade } => {
            let behind = match (restart_identity, cascade) {
                (true, true) => " RESTART IDENTITY CASCADE",
                (true, false) => " RESTART IDENTITY",
                (false, true) => " CASCADE",
                (false, false) => "",
            };
            ("TRUNCATE", behind, restart_identity)
        }
        TableStatementKind::Create { .. } => return Vec::new(),
    };
    let truth = |truth| if truth { "true" } else { "false" };
    let names: Vec<Vec<u8>> =
        statement.tables.iter().map(|table| name_constant(&table.name, encoding)).collect();
    let alone: Vec<&str> = statement.tables.iter().map(|table| truth(table.only)).collect();
    let alone = alone.join(", ");
    let body = filled(
        BODY,
        &[
            ("verb", verb),
            ("behind", behind),
            ("restart", truth(restart)),
            ("empties", truth(mode == TablePrep::TruncateBeforeLoad)),
            ("mode", mode.name()),
            ("alone", &alone),
        ],
    );
    // The names stay in the client's encoding, which the rest of the text does not depend on.
    let (before, after) = body.split_once("{names}").unwrap_or((&body, ""));
    [b"DO $$", before.as_bytes(), &names.join(&b", "[..]), after.as_bytes(), b"$$"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_block_are_known() {
        let raised = BODY.matches("RAISE ").count();
        let messages = BODY.split("RAISE ").skip(1).filter_map(|raise| raise.split('\'').nth(1));
        assert!(messages.clone().all(is_of_table_prep), "{BODY}");
        assert_eq!((messages.count(), raised), (3, 3));
    }

    #[test]
    fn nothing_in_the_block_finds_an_operator_by_the_search_path() {
        let mut bare = BODY.replace("ERRCODE =", "").replace("HINT =", "").replace(":=", "");
        for operator in ["=", "<>", ">=", ">"] {
            bare = bare.replace(&format!("OPERATOR(pg_catalog.{operator})"), "");
        }
        // What is left of them stands in what is raised.
        bare = bare.replace("table_prep.mode = {mode}", "");
        assert!(!bare.contains(['=', '<', '>', '+', '|', '~', '@']), "{bare}");
        for word in [" IN (", "NULLIF", "BETWEEN"] {
            assert!(!bare.contains(word), "{word}");
        }
        assert_eq!(bare.matches("CASE").count(), bare.matches("CASE WHEN").count());
    }
}
