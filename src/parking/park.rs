//! The SQL that parks: rows to the journal, constraints dropped.

use super::journal::{ADVISORY_LOCK_KEY, JOURNAL, blockers_sql, journal_fault_sql, marker};
use super::spelling::{dollar_quoted, filled, quoted_literal};
use super::{Scope, foreign_keys_sql, touches, trust};

/// One statement that parks every foreign key with an end in the scope: its row goes to the
/// journal, then it is dropped, all or nothing. Run again it does nothing, and where there is
/// nothing to park it takes no lock. Needs the owner of the tables that have the constraints, and
/// for the first one CREATE on the database.
///
/// It waits for the lock of the journal and for transactions that use the tables, for each
/// `lock_timeout_seconds` at most; 0 is no limit. Errors: 55P03 with the sessions that hold the lock, 42501
/// where a right is missing or the journal is not to be trusted, 2BP01 where something depends on a
/// constraint, 55000 where somebody has disabled triggers of one.
pub fn park_sql(scope: &Scope, lock_timeout_seconds: u32) -> String {
    park_where(&touches(scope), lock_timeout_seconds)
}

/// The same with its failure, whatever it is but a cancelled statement, caught and told by a WARNING
/// whose DETAIL is [`CAUGHT`]: the transaction around it goes on, and so does a pipeline.
pub fn park_softly_sql(scope: &Scope, lock_timeout_seconds: u32) -> String {
    park_softly_where(&touches(scope), lock_timeout_seconds)
}

/// The same for these foreign keys, each by schema, table and name.
pub fn park_keys_softly_sql<'k>(
    keys: impl Iterator<Item = [&'k str; 3]>,
    lock_timeout_seconds: u32,
) -> String {
    let keys: Vec<String> = keys.map(|key| format!("({})", is_key(key))).collect();
    park_softly_where(&keys.join(" OR "), lock_timeout_seconds)
}

fn park_softly_where(condition: &str, lock_timeout_seconds: u32) -> String {
    let park = park_block(condition, lock_timeout_seconds);
    let values = [("park", park.trim()), ("caught", CAUGHT)];
    format!("DO {}", dollar_quoted(&filled(include_str!("park_softly.sql"), &values)))
}

/// What the DETAIL of the WARNING of [`park_softly_sql`] says.
pub const CAUGHT: &str = "Foreign keys were not parked.";

/// The same for one foreign key.
pub fn park_one_sql(
    schema: &str,
    table: &str,
    constraint: &str,
    lock_timeout_seconds: u32,
) -> String {
    park_where(&is_key([schema, table, constraint]), lock_timeout_seconds)
}

/// The condition that a foreign key is this one, in terms of [`foreign_keys_sql`].
fn is_key(names: [&str; 3]) -> String {
    let [schema, table, constraint] = names.map(quoted_literal);
    format!(
        "n.nspname OPERATOR(pg_catalog.=) {schema} AND t.relname OPERATOR(pg_catalog.=) {table} \
         AND c.conname OPERATOR(pg_catalog.=) {constraint}"
    )
}

fn park_where(condition: &str, lock_timeout_seconds: u32) -> String {
    format!("DO {}", dollar_quoted(&park_block(condition, lock_timeout_seconds)))
}

/// The block of PL/pgSQL that parks.
fn park_block(condition: &str, lock_timeout_seconds: u32) -> String {
    let values = [
        ("keys", &*foreign_keys_sql(condition)),
        ("advisory_lock_key", &ADVISORY_LOCK_KEY.to_string()),
        ("schema_owner_is_trusted", &trust::is_trusted("n.nspowner")),
        ("journal_fault", &journal_fault_sql()),
        ("journal", JOURNAL.trim()),
        ("marker", &marker("fk")),
        ("blockers", &blockers_sql(&["awaited"])),
        ("lock_timeout", &format!("{lock_timeout_seconds}s")),
    ];
    filled(include_str!("park.sql"), &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_cannot_end_the_block() {
        let scope = Scope::parse(&["\"x$dms_proxy$y\"".into()], &[]).unwrap();
        assert!(park_sql(&scope, 10).starts_with("DO $dms_proxy1$"));
    }
}
