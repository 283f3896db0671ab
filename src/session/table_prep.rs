//! What happens to tables and foreign keys before a load: DROP, TRUNCATE and CREATE of the tool are
//! turned into what `table_prep.mode` says, foreign keys are parked when rows are about to come.

use super::Session;
use super::own_statement::{OwnFailure, OwnStatement};
use super::policy::{ForeignKeys, LoadPhase, OnDenied, TablePrep};
use super::relations::Name;
use super::value_rules::Planned;
use crate::close_out::sql::{park_sql, quoted_literal};
use crate::close_out::{Scope, TableName};
use crate::ledger::Place;
use crate::statement::{Script, TableReference, TableStatement, TableStatementKind};
use crate::wire::{self, OwnError};

/// The control tables of AWS DMS begin with this; nothing is done to statements about them.
const CONTROL_TABLES: &[u8] = b"awsdms_";

/// Where the session stands with the parking of foreign keys.
#[derive(Debug, Default)]
pub(super) struct Parking {
    /// The role was refused, and the configuration says to park instead.
    pub(super) instead_of_role: bool,
    /// All foreign keys are parked, or cannot be.
    done: bool,
    /// They were parked in a transaction of the client's, whose end may undo it.
    in_transaction: bool,
    /// Those of the tables of the text that waits are parked, or cannot be.
    done_for_text: bool,
}

impl Parking {
    /// A transaction has ended.
    pub(super) fn on_transaction_end(&mut self) {
        if std::mem::take(&mut self.in_transaction) {
            self.done = false;
        }
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
                return Some(self.park(&scope, false));
            }
        }
        let parks = self.settings.foreign_keys == ForeignKeys::Park || self.parking.instead_of_role;
        let due = parks && self.settings.phase == LoadPhase::FullLoad && script.loads;
        (due && !self.parking.done).then(|| self.park(&Scope::default(), true))
    }

    fn park(&self, scope: &Scope, all: bool) -> OwnStatement {
        // A failure must not take the client's transaction with it.
        let guarded = self.transaction_status == b'T' && !self.in_pipeline;
        OwnStatement::Park { sql: park_sql(scope), all, guarded }
    }

    /// The text has gone.
    pub(super) fn forget_parking_of_text(&mut self) {
        self.parking.done_for_text = false;
    }

    /// The target has answered; gives the notices for the client and what is to run next.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    pub(super) fn on_parked(
        &mut self,
        all: bool,
        guarded: bool,
        failure: Option<&OwnFailure>,
    ) -> Result<(Vec<u8>, Option<OwnStatement>), OwnError> {
        if all {
            self.parking.done = true;
            self.parking.in_transaction = self.transaction_status != b'I';
        } else {
            self.parking.done_for_text = true;
        }
        let Some(failure) = failure else { return Ok((Vec::new(), None)) };
        let warning = OwnError {
            detail: Some(format!("The target said: {} {}.", failure.sqlstate, failure.message)),
            ..OwnError::new("42501", "foreign keys stay where they are: they could not be parked")
        }
        .with_hint("Park them as their tables' owner: dms-proxy fk park.");
        if self.policy.on_denied == OnDenied::Fail {
            return Err(warning);
        }
        tracing::warn!(user = self.startup.user, detail = warning.detail, "{}", warning.message);
        let undo = guarded.then_some(OwnStatement::UndoPark);
        Ok((wire::notice_response(&warning), undo))
    }

    /// Turns the statements that prepare tables into what the mode says.
    pub(super) fn plan_table_statements(
        &mut self,
        sql: &[u8],
        script: &Script,
        planned: &mut Planned,
    ) {
        let mode = self.settings.table_prep;
        if !matches!(mode, TablePrep::DoNothing | TablePrep::TruncateBeforeLoad) {
            return;
        }
        for statement in &script.table_statements {
            if statement.tables.iter().all(is_control_table) {
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
                let encoded = statement_sql(sql, statement, mode);
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

/// One statement that does in the place of a DROP or TRUNCATE what the mode says. Temporary tables and
/// control tables are dropped or truncated as they were to be; errors about tables that are not there
/// are those of the server.
fn statement_sql(sql: &[u8], statement: &TableStatement, mode: TablePrep) -> Vec<u8> {
    let (verb, missing, if_exists, restart) = match statement.kind {
        TableStatementKind::Drop { if_exists, .. } => ("DROP TABLE", "table", if_exists, false),
        TableStatementKind::Truncate { restart_identity, .. } => {
            ("TRUNCATE", "relation", false, restart_identity)
        }
        TableStatementKind::Create { .. } => return Vec::new(),
    };
    let names: Vec<Vec<u8>> = statement
        .tables
        .iter()
        .map(|table| quoted_bytes(sql.get(table.span.clone()).unwrap_or_default()))
        .collect();
    let only: Vec<&str> =
        statement.tables.iter().map(|table| if table.only { "true" } else { "false" }).collect();
    let empties = mode == TablePrep::TruncateBeforeLoad;
    let body = BODY
        .replace("{verb}", &quoted_literal(verb))
        .replace("{missing}", missing)
        .replace("{if_exists}", if if_exists { "true" } else { "false" })
        .replace("{restart}", if restart { "true" } else { "false" })
        .replace("{empties}", if empties { "true" } else { "false" })
        .replace("{mode}", mode.name())
        .replace("{only}", &only.join(", "));
    // The names stay in the client's encoding, which the rest of the text does not depend on.
    let mut text = Vec::new();
    let (before, after) = body.split_once("{names}").unwrap_or((&body, ""));
    text.extend_from_slice(b"DO $dms_proxy$");
    text.extend_from_slice(before.as_bytes());
    text.extend(names.join(&b", "[..]));
    text.extend_from_slice(after.as_bytes());
    text.extend_from_slice(b"$dms_proxy$");
    text
}

/// A string constant for the spelling of a name, whatever `standard_conforming_strings` is.
fn quoted_bytes(name: &[u8]) -> Vec<u8> {
    let mut text = b"E'".to_vec();
    for &byte in name {
        if matches!(byte, b'\'' | b'\\') {
            text.push(byte);
        }
        text.push(byte);
    }
    text.push(b'\'');
    // A name cannot end the text around it.
    if text.windows(11).any(|window| window == b"$dms_proxy$") { b"E''".to_vec() } else { text }
}

/// A name is looked up by a constant, since `to_regclass` takes `cstring` before PostgreSQL 9.6.
/// Under the replica role nothing is changed in the tables that refer to one that is emptied by
/// DELETE; without it the server refuses where rows refer to it, and we where it would change them.
const BODY: &str = "
DECLARE
    written text[] := ARRAY[{names}]::text[];
    alone boolean[] := ARRAY[{only}];
    emptied oid[] := '{}';
    whole text := '';
    found regclass;
    referrers text;
    sequence regclass;
BEGIN
    FOR i IN 1 .. pg_catalog.array_length(written, 1) LOOP
        EXECUTE pg_catalog.format('SELECT pg_catalog.to_regclass(%L)', written[i]) INTO found;
        IF found IS NULL AND {if_exists} THEN
            RAISE NOTICE '{missing} \"%\" does not exist, skipping', written[i];
        ELSIF found IS NULL THEN
            RAISE EXCEPTION '{missing} \"%\" does not exist', written[i] USING ERRCODE = '42P01';
        ELSIF EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = found
            AND (c.relpersistence = 't' OR c.relname LIKE 'awsdms\\_%')) THEN
            EXECUTE pg_catalog.format('%s %s', {verb}, found);
        ELSIF {empties} THEN
            emptied := emptied || found::oid;
        ELSE
            RAISE NOTICE 'table \"%\" is left as it is (table_prep.mode = {mode})', written[i];
        END IF;
    END LOOP;
    FOR i IN 1 .. pg_catalog.array_length(written, 1) LOOP
        EXECUTE pg_catalog.format('SELECT pg_catalog.to_regclass(%L)', written[i]) INTO found;
        CONTINUE WHEN found IS NULL OR NOT found::oid = ANY (emptied);
        SELECT pg_catalog.string_agg(DISTINCT c.conrelid::regclass::text, ', ') INTO referrers
            FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.confrelid = found
            AND NOT c.conrelid = ANY (emptied);
        IF referrers IS NULL THEN
            whole := whole || CASE WHEN whole = '' THEN '' ELSE ', ' END
                || CASE WHEN alone[i] THEN 'ONLY ' ELSE '' END || found::text;
        ELSE
            IF pg_catalog.current_setting('session_replication_role') <> 'replica'
                AND EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c WHERE c.contype = 'f'
                AND c.confrelid = found AND NOT c.conrelid = ANY (emptied)
                AND c.confdeltype IN ('c', 'n', 'd')) THEN
                RAISE EXCEPTION 'table \"%\" cannot be emptied: foreign keys would change rows of %',
                    written[i], referrers USING ERRCODE = '0A000',
                    HINT = 'Park the foreign keys first (dms-proxy fk park), or load these tables too.';
            END IF;
            RAISE NOTICE 'table \"%\" is emptied by DELETE, because foreign keys of % refer to it',
                written[i], referrers;
            EXECUTE pg_catalog.format('DELETE FROM %s%s',
                CASE WHEN alone[i] THEN 'ONLY ' ELSE '' END, found);
            IF {restart} THEN
                FOR sequence IN SELECT d.objid::regclass FROM pg_catalog.pg_depend d
                    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                    WHERE d.refobjid = found AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
                LOOP
                    EXECUTE pg_catalog.format('ALTER SEQUENCE %s RESTART', sequence);
                END LOOP;
            END IF;
        END IF;
    END LOOP;
    IF whole <> '' THEN
        EXECUTE 'TRUNCATE ' || whole || CASE WHEN {restart} THEN ' RESTART IDENTITY' ELSE '' END;
    END IF;
END ";
