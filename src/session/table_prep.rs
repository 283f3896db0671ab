//! What happens to tables and foreign keys before a load: DROP, TRUNCATE and CREATE of the tool are
//! turned into what `table_prep.mode` says, foreign keys are parked when rows are about to come.

use super::Session;
use super::own_statement::{OwnFailure, OwnStatement};
use super::policy::{ForeignKeys, LoadPhase, OnDenied, TablePrep};
use super::relations::Name;
use super::value_rules::Planned;
use crate::encoding::Encoding;
use crate::ledger::Place;
use crate::parking::spelling::{filled, name_constant};
use crate::parking::{Scope, TableName, park_softly_sql};
use crate::statement::{Script, TableReference, TableStatement, TableStatementKind};
use crate::wire::{self, OwnError};

/// The control tables of AWS DMS begin with this; nothing is done to statements about them.
const CONTROL_TABLES: &[u8] = b"awsdms_";

/// Failures that may be gone the next time: a deadlock, a lock or a statement that took too long or
/// was cancelled, a conflict of transactions. The next load tries again.
const TRANSIENT: [&str; 4] = ["40P01", "55P03", CANCELLED, "40001"];

/// The SQLSTATE of a statement that its client or a time limit has cancelled.
pub(super) const CANCELLED: &str = "57014";

/// Where the session stands with the parking of foreign keys.
#[derive(Debug, Default)]
pub(super) struct Parking {
    /// The role was refused, and the configuration says to park instead.
    pub(super) instead_of_role: bool,
    /// All foreign keys are parked, or cannot be.
    done: bool,
    /// They cannot be, which the client knows; it is not tried again.
    refused: bool,
    /// They were parked in a transaction of the client's that may be undone.
    in_transaction: bool,
    /// It was tried for the text or the execution that waits.
    tried: bool,
    /// Those of the tables of the text that waits are parked, or cannot be.
    done_for_text: bool,
}

impl Parking {
    /// What was done in the transaction under way may be undone: it is done again when rows come,
    /// which costs little where it was not.
    pub(super) fn on_possible_undo(&mut self) {
        if self.in_transaction {
            self.done = false;
        }
    }

    /// A transaction has ended.
    pub(super) fn on_transaction_end(&mut self) {
        self.in_transaction = false;
    }

    /// Whether the end of a transaction, or of a part of one, matters.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }
}

impl Session {
    /// The relations that have to be known before tables can be prepared.
    pub(super) fn prepared_relations(&self, script: &Script) -> Vec<Name> {
        if self.settings.table_prep != TablePrep::DropAndCreate {
            return Vec::new();
        }
        dropped(script).map(|table| table.name.clone()).collect()
    }

    /// The statement that has to run before the text goes, if there is one. Its relations are known.
    pub(super) fn parking_due(&mut self, script: &Script) -> Option<OwnStatement> {
        if self.transaction_status == b'E' {
            return None;
        }
        if self.settings.table_prep == TablePrep::DropAndCreate && !self.parking.done_for_text {
            let relations = dropped(script).filter_map(|table| self.relations.get(&table.name));
            let tables: Vec<TableName> = relations
                .filter(|relation| !relation.columns.is_empty())
                .map(|relation| TableName {
                    schema: Some(relation.schema.clone()),
                    table: relation.table.clone(),
                })
                .collect();
            if !tables.is_empty() {
                let scope = Scope { schemas: Vec::new(), tables };
                return Some(park(&scope, false, self.policy.lock_timeout_seconds));
            }
        }
        self.parking_of_all_due(script.loads)
    }

    /// Whether this session parks foreign keys before it loads; not whether it has done so.
    pub(super) fn parks(&self) -> bool {
        match self.settings.foreign_keys {
            ForeignKeys::Park => true,
            ForeignKeys::ReplicaRole => self.parking.instead_of_role,
            ForeignKeys::Off => false,
        }
    }

    /// The statement that has to run before something is executed that `loads` rows, if there is
    /// one. Once it is answered the next call says that there is none, whatever the answer was.
    pub(super) fn parking_of_all_due(&mut self, loads: bool) -> Option<OwnStatement> {
        let due = loads
            && self.parks()
            && self.settings.phase == LoadPhase::FullLoad
            && self.transaction_status != b'E'
            && !self.parking.done
            && !self.parking.refused
            && !self.parking.tried;
        if !due {
            self.parking.tried &= !loads;
            return None;
        }
        Some(park(&Scope::default(), true, self.policy.lock_timeout_seconds))
    }

    /// Whether the transaction, aborted as far as is known, may have been ended by what the target
    /// has yet to answer: only then it is known whether anything can be parked. In a pipeline the
    /// target may keep its answers for itself, so there nobody waits.
    pub(super) fn parking_awaits_status(&self) -> bool {
        self.transaction_status == b'E'
            && !self.in_pipeline
            && self.replies.len() > 0
            && self.parks()
            && !self.parking.done
            && !self.parking.refused
    }

    /// The text has gone.
    pub(super) fn forget_parking_of_text(&mut self) {
        self.parking.done_for_text = false;
        self.parking.tried = false;
    }

    /// The target has answered; gives a notice for the client.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    pub(super) fn on_parked(
        &mut self,
        all: bool,
        failure: Option<&OwnFailure>,
    ) -> Result<Vec<u8>, OwnError> {
        let transient = failure.is_some_and(|found| TRANSIENT.contains(&found.sqlstate.as_str()));
        if all {
            self.parking.tried = true;
            self.parking.done = !transient;
            self.parking.refused = failure.is_some() && !transient;
            // The status of a pipeline is not known: it may be a transaction of its own.
            self.parking.in_transaction = self.transaction_status != b'I' || self.in_pipeline;
        } else {
            self.parking.done_for_text = true;
        }
        let Some(failure) = failure else { return Ok(Vec::new()) };
        if failure.sqlstate == CANCELLED {
            // What waits fails with it.
            return Ok(Vec::new());
        }
        let warning = OwnError {
            detail: Some(format!("The target said: {} {}.", failure.sqlstate, failure.message)),
            ..OwnError::new("42501", "foreign keys stay where they are: they could not be parked")
        };
        let warning = warning.with_hint(match transient {
            true => "It is tried again with the next load.",
            false => "Park them as their tables' owner: dms-proxy fk park.",
        });
        if self.policy.on_denied == OnDenied::Fail && !transient {
            return Err(warning);
        }
        tracing::warn!(user = self.startup.user, detail = warning.detail, "{}", warning.message);
        Ok(wire::notice_response(&warning))
    }

    /// Turns the statements that prepare tables into what the mode says.
    pub(super) fn plan_table_statements(&mut self, script: &Script, planned: &mut Planned) {
        let mut settings = self.settings;
        let mut set = script.settings.iter().peekable();
        for statement in &script.table_statements {
            // What the text itself has set in front of the statement is in force there.
            while let Some(setting) = set.next_if(|set| set.span.start < statement.span.start) {
                if let Some(value) = &setting.value {
                    // A value that means nothing has been refused.
                    let _ = settings.set(&setting.name, value);
                }
            }
            let mode = settings.table_prep;
            let prepares = matches!(mode, TablePrep::DoNothing | TablePrep::TruncateBeforeLoad);
            if !prepares || statement.tables.iter().all(is_control_table) {
                continue;
            }
            let (rule, tag) = match statement.kind {
                TableStatementKind::Create { if_not_exists_at: None } => continue,
                TableStatementKind::Create { if_not_exists_at: Some(at) } => {
                    planned.replace(at..at, b"IF NOT EXISTS ");
                    ("create-if-not-exists", None)
                }
                // The tool itself asks for what is never done unasked.
                TableStatementKind::Truncate { cascade: true, .. }
                    if mode == TablePrep::TruncateBeforeLoad =>
                {
                    continue;
                }
                TableStatementKind::Drop { .. } => ("drop-not-done", Some("DROP TABLE")),
                TableStatementKind::Truncate { .. } => {
                    ("truncate-not-done", Some("TRUNCATE TABLE"))
                }
            };
            if let Some(tag) = tag {
                let encoded = statement_sql(statement, mode, self.lexing.encoding);
                planned.replace(statement.span.clone(), &encoded);
                planned.tags.push((statement.number, tag));
            }
            let rule = match (mode, rule) {
                (TablePrep::TruncateBeforeLoad, "drop-not-done") => "drop-emptied",
                (TablePrep::TruncateBeforeLoad, "truncate-not-done") => "truncate-emptied",
                (_, rule) => rule,
            };
            for table in &statement.tables {
                let mut parts = table.name.iter().rev().map(|part| wire::printable(part));
                let name = parts.next().unwrap_or_default();
                let schema = parts.next().unwrap_or_default();
                self.note_place(Place { schema, table: name, ..Place::default() }, rule, 1);
            }
        }
        planned.replacements.sort_by_key(|replacement| replacement.span.start);
    }
}

fn is_control_table(table: &TableReference) -> bool {
    table.name.last().is_some_and(|name| name.starts_with(CONTROL_TABLES))
}

/// The tables of a text that are dropped or truncated, control tables left out.
fn dropped(script: &Script) -> impl Iterator<Item = &TableReference> {
    let statements = script.table_statements.iter();
    let dropping =
        statements.filter(|found| !matches!(found.kind, TableStatementKind::Create { .. }));
    dropping.flat_map(|found| &found.tables).filter(|table| !is_control_table(table))
}

fn park(scope: &Scope, all: bool, lock_timeout_seconds: u32) -> OwnStatement {
    OwnStatement::Park { sql: park_softly_sql(scope, lock_timeout_seconds), all }
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
    let values = [
        ("verb", verb),
        ("behind", behind),
        ("restart", truth(restart)),
        ("empties", truth(mode == TablePrep::TruncateBeforeLoad)),
        ("mode", mode.name()),
        ("alone", &alone.join(", ")),
    ];
    let body = filled(BODY, &values);
    // The names stay in the client's encoding, which the rest of the text does not depend on.
    let (before, after) = body.split_once("{names}").unwrap_or((&body, ""));
    [b"DO $$", before.as_bytes(), &names.join(&b", "[..]), after.as_bytes(), b"$$"].concat()
}

/// Temporary tables, control tables, what is no table and what is not there get the statement as it
/// was written, so that errors and notices about them are the server's. All others are ours: they
/// are left as they are, or emptied.
///
/// `entry` and `member` are two columns of one list: which table of the statement, and the relations
/// that are emptied with it, its partitions and other children. Those to which no foreign key of
/// another relation refers are truncated, all at once; the others follow by DELETE, in one statement,
/// so that foreign keys among them are looked at when all of them are empty. Under the replica role
/// nothing is changed in tables that refer to them; without it the server refuses where rows refer
/// to them, and we where it would change those.
///
/// A name is looked up by a constant, since `to_regclass` takes `cstring` before PostgreSQL 9.6.
const BODY: &str = include_str!("table_prep.sql");
