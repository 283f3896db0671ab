//! What the session changed, brought to the target's own table when the client takes its leave:
//! counts, times and samples of places, in the client's session, because no other login is known.

use super::Session;
use super::client_frames::Judged;
use super::own_statement::{OwnFailure, OwnStatement};
use super::{CopyIn, Step};
use crate::encoding::Encoding;
use crate::ledger::Entries;

/// The key of the lock under which the table is made; any number will do that others do not use.
const LOCK: i64 = 0x646D_735F_7078; // "dms_px"

/// What a session is writing to the table.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// What this session changed.
    own: Entries,
    /// What sessions before it could not write.
    inherited: Entries,
}

impl Session {
    /// The client takes its leave: what was changed is written first, where the target can take it.
    pub(super) fn before_terminate(&mut self, first: bool) -> Option<Judged> {
        let is_idle = self.transaction_status == b'I'
            && self.replies.len() == 0
            && matches!(self.copy_in, CopyIn::None)
            && !self.in_pipeline;
        if self.terminated || !is_idle || !self.policy.writes_ledger {
            return None;
        }
        let ledger = &self.policy.common.ledger;
        let inherited = ledger.take_unwritten(&self.startup.database);
        if inherited.is_empty() && self.entries.is_empty() {
            return None;
        }
        if !first {
            ledger.put_back(&self.startup.database, &inherited);
            return Some(Judged::Later);
        }
        // From here on nobody waits for the client any more.
        self.terminated = true;
        let own = std::mem::take(&mut self.entries);
        let mut all = own.clone();
        all.merge(&inherited);
        self.writing = Writing { own, inherited };
        let insert = insert_sql(&all, self.lexing.encoding);
        let frames = self.ask(OwnStatement::WriteLedger { insert, creates: false }, false);
        Some(Judged::Done(Step::Replace(0, frames)))
    }

    /// The target has answered; gives what is to be tried next.
    pub(super) fn on_ledger_written(
        &mut self,
        insert: &str,
        created: bool,
        failure: Option<&OwnFailure>,
    ) -> Option<OwnStatement> {
        let missing = |failure: &OwnFailure| matches!(&*failure.sqlstate, "3F000" | "42P01");
        if !created && failure.is_some_and(missing) {
            return Some(OwnStatement::WriteLedger { insert: insert.to_owned(), creates: true });
        }
        let Writing { own, inherited } = std::mem::take(&mut self.writing);
        let (ledger, database) = (&self.policy.common.ledger, &self.startup.database);
        ledger.add(database, &own, failure.is_none());
        if let Some(failure) = failure {
            ledger.put_back(database, &inherited);
            tracing::warn!(
                database,
                sqlstate = failure.sqlstate,
                "what was changed could not be written to dms_proxy.rewrites: {}; GRANT CREATE ON \
                 DATABASE to the user that loads, or set values.ledger = \"off\"",
                failure.message
            );
        }
        None
    }

    /// The session has ended, in whatever way: what it could not write is kept for the next one.
    pub fn leave_ledger(&mut self) {
        let Writing { own, inherited } = std::mem::take(&mut self.writing);
        self.entries.merge(&own);
        let (ledger, database) = (&self.policy.common.ledger, &self.startup.database);
        ledger.put_back(database, &inherited);
        ledger.add(database, &self.entries, false);
        self.entries = Entries::default();
    }
}

/// The statements that make the table; every user may add to it, whoever made it.
pub(super) fn create_sql() -> String {
    format!(
        "SELECT pg_catalog.pg_advisory_xact_lock({LOCK}); \
         CREATE SCHEMA IF NOT EXISTS dms_proxy; \
         CREATE TABLE IF NOT EXISTS dms_proxy.rewrites (schema_name text NOT NULL, \
         table_name text NOT NULL, column_name text NOT NULL, rule text NOT NULL, \
         count bigint NOT NULL, first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, \
         samples text[] NOT NULL, PRIMARY KEY (schema_name, table_name, column_name, rule)); \
         GRANT USAGE ON SCHEMA dms_proxy TO PUBLIC; \
         GRANT SELECT, INSERT, UPDATE ON dms_proxy.rewrites TO PUBLIC; "
    )
}

/// The statement that adds the entries to what the table holds.
fn insert_sql(entries: &Entries, encoding: Encoding) -> String {
    let speaks = encoding == Encoding::Utf8;
    let plain = |c: char| if c.is_control() || !(speaks || c.is_ascii()) { '?' } else { c };
    let spell = |text: &str| text.chars().map(plain).collect::<String>();
    let quoted =
        |text: &str| format!("E'{}'", spell(text).replace('\\', "\\\\").replace('\'', "''"));
    // One INSERT cannot add to the same row twice.
    let rows: Vec<String> = entries
        .spelled(spell)
        .iter()
        .map(|(place, entry)| {
            let samples: Vec<String> = entry.samples.iter().map(|text| quoted(text)).collect();
            format!(
                "({}, {}, {}, {}, {}, pg_catalog.to_timestamp({}), pg_catalog.to_timestamp({}), \
                 ARRAY[{}]::text[])",
                quoted(&place.schema),
                quoted(&place.table),
                quoted(&place.column),
                quoted(&place.rule),
                entry.count,
                entry.first_seconds,
                entry.last_seconds,
                samples.join(", ")
            )
        })
        .collect();
    format!(
        "INSERT INTO dms_proxy.rewrites AS r (schema_name, table_name, column_name, rule, count, \
         first_seen, last_seen, samples) VALUES {} \
         ON CONFLICT (schema_name, table_name, column_name, rule) DO UPDATE SET \
         count = r.count + excluded.count, \
         first_seen = least(r.first_seen, excluded.first_seen), \
         last_seen = greatest(r.last_seen, excluded.last_seen), \
         samples = (r.samples || excluded.samples)[1:5]",
        rows.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Place;

    #[test]
    fn names_cannot_leave_their_quotes() {
        let mut entries = Entries::default();
        let table = "o'brien\\ä".to_owned();
        entries.note(&Place { table, ..Place::default() }, 2, 60, || Some("row 1".into()));
        let sql = insert_sql(&entries, Encoding::Utf8);
        assert!(sql.contains(r"E'o''brien\\ä'"), "{sql}");
        assert!(sql.contains("ARRAY[E'row 1']::text[]"), "{sql}");
        let other = "o'brien\\ö".to_owned();
        entries.note(&Place { table: other, ..Place::default() }, 3, 60, || Some("row 9".into()));
        let sql = insert_sql(&entries, Encoding::SingleByte);
        assert!(sql.contains(r"E'o''brien\\?', E'', E'', 5, "), "{sql}");
        assert_eq!(sql.matches("brien").count(), 1, "{sql}");
    }
}
