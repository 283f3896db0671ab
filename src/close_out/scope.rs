//! Whether the target has what a scope names. Reads the catalogs, changes nothing.

use super::{CloseOutError, Connection, Scope};
use crate::parking::spelling::{quoted_identifier, quoted_literal};

/// The name of the schema `n`, as text.
pub(super) const SCHEMA: &str = "n.nspname::pg_catalog.text";

/// The name of the relation `c`, as text.
pub(super) const RELATION: &str = "c.relname::pg_catalog.text";

/// The condition that the relation `c` is a table, which has rows and no code.
pub(super) const IS_TABLE: &str =
    "c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.\"char\"[])";

/// The condition that the table `c` is loaded: neither a temporary one nor one of an extension.
pub(super) const IS_OWN_TABLE: &str = "c.relkind OPERATOR(pg_catalog.=) \
    ANY ('{r,p}'::pg_catalog.\"char\"[]) AND c.relpersistence OPERATOR(pg_catalog.<>) 't' \
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e \
        WHERE e.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND e.objid OPERATOR(pg_catalog.=) c.oid AND e.deptype OPERATOR(pg_catalog.=) 'e')";

/// The condition that the table `c` is not a partition.
pub(super) const IS_WHOLE: &str = "COALESCE(pg_catalog.row_to_json(c) \
    OPERATOR(pg_catalog.->>) 'relispartition', '') OPERATOR(pg_catalog.<>) 'true'";

/// Whether the target has all that is named: a slip of the pen must not come out as clean. A
/// table may also be known from the journal alone.
///
/// # Errors
/// A sentence that names what is not there, or the look-up failed.
pub async fn scope_exists(scope: &Scope, target: &Connection) -> Result<(), CloseOutError> {
    for schema in &scope.schemas {
        let sql = format!(
            "SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) {}",
            quoted_literal(schema)
        );
        if target.client().query_opt(&sql, &[]).await?.is_none() {
            let name = quoted_identifier(schema);
            return Err(CloseOutError::Refused(format!("there is no schema {name}")));
        }
    }
    for name in &scope.tables {
        let one = Scope { schemas: scope.schemas.clone(), tables: vec![name.clone()] };
        let sql = format!(
            "SELECT 1 FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
             WHERE {IS_TABLE} AND {} LIMIT 1",
            one.covers(SCHEMA, RELATION)
        );
        if target.client().query_opt(&sql, &[]).await?.is_none() {
            let schema = name.schema.as_deref().map(quoted_identifier);
            let schema = schema.map(|schema| schema + ".").unwrap_or_default();
            let table = quoted_identifier(&name.table);
            let text = format!("there is no table {schema}{table} in the chosen schemas");
            return Err(CloseOutError::Refused(text));
        }
    }
    Ok(())
}
