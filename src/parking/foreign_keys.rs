//! The SQL that asks for foreign keys, adds them and validates them.

use super::Scope;
use super::spelling::{filled, qualified, quoted_identifier, quoted_literal};

/// A query for the foreign keys of the catalogs, with the columns of the journal and the object
/// ids. Constraints that partitions have from their parent, and those of extensions and of
/// temporary tables, are nobody's to park. `condition` is in terms of its column names, of `t` and
/// `f` (the two tables in pg_class) and of `n` and `fn` (their schemas). The search_path must be
/// `pg_catalog`.
///
/// Source of the join: `RI_Initial_Check` in PostgreSQL's ri_triggers.c, which takes the operators
/// of the constraint, casts to their types, and takes the collation of the referenced column.
pub fn foreign_keys_sql(condition: &str) -> String {
    filled(include_str!("foreign_keys.sql"), &[("condition", condition)])
}

/// The condition that one end of a foreign key is in the scope, in terms of
/// [`foreign_keys_sql`].
pub fn touches(scope: &Scope) -> String {
    let child = scope.covers("n.nspname::pg_catalog.text", "t.relname::pg_catalog.text");
    let parent = scope.covers("fn.nspname::pg_catalog.text", "f.relname::pg_catalog.text");
    format!("{child} OR {parent}")
}

/// Adds a foreign key to its table, in the words of the journal.
pub fn add_sql(schema: &str, table: &str, constraint: &str, definition: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
}

/// Puts the comment of a foreign key back.
pub fn comment_sql(schema: &str, table: &str, constraint: &str, comment: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("COMMENT ON CONSTRAINT {constraint} ON {table} IS {}", quoted_literal(comment))
}

/// Has the target look at every row of a foreign key that is not valid.
pub fn validate_sql(schema: &str, table: &str, constraint: &str) -> String {
    let (table, constraint) = (qualified(schema, table), quoted_identifier(constraint));
    format!("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
}
