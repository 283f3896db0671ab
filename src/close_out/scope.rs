//! Whether the target has what a scope names. Reads the catalogs, changes nothing.

use super::{CloseOutError, Connection, Scope};
use crate::parking::spelling::{quoted_identifier, quoted_literal};

/// Whether the target has all that is named: a slip of the pen must not come out as clean. A
/// table may also be known from the journal alone.
///
/// # Errors
/// A sentence that names what is not there, or the look-up failed.
pub async fn scope_exists(scope: &Scope, target: &Connection) -> Result<(), CloseOutError> {
    for schema in &scope.schemas {
        let sql = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", quoted_literal(schema));
        if target.client().query_opt(&sql, &[]).await?.is_none() {
            let name = quoted_identifier(schema);
            return Err(CloseOutError::Refused(format!("there is no schema {name}")));
        }
    }
    for name in &scope.tables {
        let one = Scope { schemas: scope.schemas.clone(), tables: vec![name.clone()] };
        let sql = format!(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND {} LIMIT 1",
            one.covers("n.nspname::text", "c.relname::text")
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
