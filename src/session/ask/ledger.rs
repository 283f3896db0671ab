//! What was changed, written to `dms_proxy.rewrites` on the target when the client sends Terminate: in
//! the client's session, because no other login is known. Knows SQL texts; may not know when they are sent.

use crate::encoding::Encoding;
use crate::ledger::Entries;
use crate::wire::Failure;

/// The key of the lock under which the table is made; any number will do that others do not use.
const LOCK: i64 = 0x646D_735F_7078; // "dms_px"

/// Adds to the target's table of what was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct LedgerWrite {
    /// The INSERT.
    pub(in crate::session) insert: String,
    /// Whether the table is made first.
    pub(in crate::session) creates: bool,
}

impl LedgerWrite {
    /// The statement that writes these entries.
    pub(in crate::session) fn of(entries: &Entries, encoding: Encoding) -> LedgerWrite {
        LedgerWrite { insert: insert_sql(entries, encoding), creates: false }
    }

    /// The SQL text.
    pub(super) fn sql(&self) -> String {
        match self.creates {
            true => create_sql() + &self.insert,
            false => self.insert.clone(),
        }
    }

    /// What is tried next after this failure: the table may be missing.
    pub(in crate::session) fn next(&self, failure: &Failure) -> Option<LedgerWrite> {
        let is_missing = matches!(&*failure.sqlstate, "3F000" | "42P01");
        let creates = is_missing && !self.creates;
        creates.then(|| LedgerWrite { insert: self.insert.clone(), creates })
    }
}

/// What the log says where nothing could be written.
pub(in crate::session) fn warn(database: &str, failure: &Failure) {
    tracing::warn!(
        database,
        sqlstate = failure.sqlstate,
        "what was changed could not be written to dms_proxy.rewrites: {}; GRANT CREATE ON DATABASE \
         to the user that loads, or set values.ledger = \"off\"",
        failure.message
    );
}

/// The statements that make the table; every user may add to it, whoever made it.
fn create_sql() -> String {
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
pub(in crate::session) fn insert_sql(entries: &Entries, encoding: Encoding) -> String {
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
