//! The SQL of the journal of parked foreign keys.

use super::Scope;
use super::spelling::quoted_literal;

/// The key of the advisory lock, one a database, under which parking and restoring happen: the
/// bytes of `dms_fk` and a zero. Whoever holds it may change `dms_proxy.fk_journal`.
pub const ADVISORY_LOCK_KEY: i64 = 0x0064_6D73_5F66_6B00;

/// The columns of the journal, one row a foreign key.
///
/// `state` is `parked` while the constraint is not on its table, and `added` while it is there but
/// not validated as it was before. `join_condition` and `period_condition` say in SQL when a row
/// `p` of the referenced table is the parent of a row `c`.
pub(super) const JOURNAL: &str = include_str!("journal.sql");

/// Whether the journal `j` (a row of pg_class) is a plain table of somebody whose word the current
/// role can take: what is written in it becomes SQL that this role runs.
pub(super) const JOURNAL_IS_TRUSTED: &str = "(j.relkind = 'r' AND (
    j.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    OR (SELECT rolsuper FROM pg_roles WHERE oid = j.relowner)
    OR (NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND pg_has_role(current_user, j.relowner, 'USAGE'))))";

/// Where the journal is in the catalogs.
pub(super) const JOURNAL_RELATION: &str = "pg_class j
    JOIN pg_namespace jn ON jn.oid = j.relnamespace
    WHERE jn.nspname = 'dms_proxy' AND j.relname = 'fk_journal'";

/// Takes the lock of the journal until the transaction ends.
pub fn lock_sql() -> String {
    format!("SELECT pg_catalog.pg_advisory_xact_lock({ADVISORY_LOCK_KEY})")
}

/// Whether there is a journal, whether it can be trusted, and whose it is; no row without one.
pub fn journal_sql() -> String {
    format!(
        "SELECT {JOURNAL_IS_TRUSTED} AS trusted, pg_get_userbyid(j.relowner)::text AS owner
         FROM {JOURNAL_RELATION}"
    )
}

/// The journal's rows with an end in the scope, with the columns of the journal.
pub fn parked_sql(scope: &Scope) -> String {
    let child = scope.covers("j.schema_name", "j.table_name");
    let parent = scope.covers("j.referenced_schema", "j.referenced_table");
    format!("{} WHERE {child} OR {parent} ORDER BY 1, 2, 3", all_parked_sql())
}

/// The query of [`parked_sql`] without its condition.
pub fn all_parked_sql() -> &'static str {
    include_str!("journal_rows.sql")
}

/// The condition that a row of the journal is the one of this foreign key.
pub fn journal_key(schema: &str, table: &str, constraint: &str) -> String {
    format!(
        "schema_name = {} AND table_name = {} AND constraint_name = {}",
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
