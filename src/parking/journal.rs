//! The SQL of the journal of parked foreign keys.

use super::spelling::{filled, quoted_literal};
use super::{Scope, trust};

/// The key of the advisory lock, one a database, under which parking and restoring happen: the
/// bytes of `dms_fk` and a zero. Whoever holds it may change `dms_proxy.fk_journal`.
pub const ADVISORY_LOCK_KEY: i64 = 0x0064_6D73_5F66_6B00;

/// The columns of the journal, one row a foreign key.
///
/// `state` is `parked` while the constraint is not on its table, and `added` while it is there but
/// not validated as it was before. `join_condition` and `period_condition` say in SQL when a row
/// `p` of the referenced table is the parent of a row `c`.
pub(super) const JOURNAL: &str = include_str!("journal.sql");

/// Takes the lock of the journal until the transaction ends.
pub fn lock_sql() -> String {
    format!("SELECT pg_catalog.pg_advisory_xact_lock({ADVISORY_LOCK_KEY})")
}

/// What is wrong with the journal; see [`trust::fault_sql`].
pub fn journal_fault_sql() -> String {
    trust::fault_sql("fk_journal")
}

/// Keeps others from changing what the journal is, and from dropping it, until the transaction ends.
pub fn lock_journal_sql(writes: bool) -> String {
    let mode = if writes { "ROW EXCLUSIVE" } else { "ACCESS SHARE" };
    format!("LOCK TABLE ONLY dms_proxy.fk_journal IN {mode} MODE")
}

/// The journal's rows with an end in the scope, with the columns of the journal.
pub fn parked_sql(scope: &Scope) -> String {
    let child = scope.covers("j.schema_name", "j.table_name");
    let parent = scope.covers("j.referenced_schema", "j.referenced_table");
    format!("{} WHERE {child} OR {parent} ORDER BY 1, 2, 3", all_parked_sql())
}

/// The query of [`parked_sql`] without its condition.
pub fn all_parked_sql() -> String {
    filled(include_str!("journal_rows.sql"), &[("marker", &*marker("j"))])
}

/// The expression for the line in a table's comment that says that a foreign key of it is parked.
/// The schema's owner, who may drop the journal, has no say over it; without the journal it tells
/// that there was one, and what it had. `row` has `constraint_name` and `definition`.
pub(super) fn marker(row: &str) -> String {
    format!(
        "pg_catalog.concat('{MARKER}', pg_catalog.to_json(pg_catalog.format('%I %s', \
         {row}.constraint_name, {row}.definition)))"
    )
}

/// What each such line begins with; a JSON string follows.
pub const MARKER: &str = "dms-proxy: parked ";

/// A query for the statement that takes a line out of the comment of a table; no row if the table is
/// not there or has no comment. The parameter is the line.
pub fn unmark_sql(schema: &str, table: &str) -> String {
    let values = [("schema", &*quoted_literal(schema)), ("table", &quoted_literal(table))];
    filled(include_str!("unmark.sql"), &values)
}

/// A query for the tables of the scope with such lines: schema, table, the table's name as SQL
/// writes it, comment.
pub fn marked_sql(scope: &Scope) -> String {
    let covers = scope.covers("n.nspname::pg_catalog.text", "c.relname::pg_catalog.text");
    filled(include_str!("marked.sql"), &[("covers", &*covers), ("marker", MARKER)])
}

/// A query for one row of text: who holds the lock of the journal, or locks on these tables; NULL if
/// nobody does. The tables are expressions of type oid.
pub fn blockers_sql(tables: &[&str]) -> String {
    let tables = tables
        .iter()
        .map(|table| format!("l.relation OPERATOR(pg_catalog.=) {table}"))
        .reduce(|all, one| format!("{all} OR {one}"));
    let [high, low] = [ADVISORY_LOCK_KEY >> 32, ADVISORY_LOCK_KEY & 0xFFFF_FFFF];
    let values = [
        ("awaited", &*tables.unwrap_or_else(|| "false".to_owned())),
        ("key_high", &high.to_string()),
        ("key_low", &low.to_string()),
    ];
    filled(include_str!("blockers.sql"), &values)
}

/// The condition that a row of the journal is the one of this foreign key.
pub fn journal_key(schema: &str, table: &str, constraint: &str) -> String {
    format!(
        "schema_name OPERATOR(pg_catalog.=) {} AND table_name OPERATOR(pg_catalog.=) {} \
         AND constraint_name OPERATOR(pg_catalog.=) {}",
        quoted_literal(schema),
        quoted_literal(table),
        quoted_literal(constraint)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_spells_its_name() {
        assert_eq!(&ADVISORY_LOCK_KEY.to_be_bytes(), b"\0dms_fk\0");
        // What ARCHITECTURE.md says.
        assert_eq!(ADVISORY_LOCK_KEY, 28_267_839_960_279_808);
    }
}
