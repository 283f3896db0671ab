//! The relations that a target has, with their columns. Asks the catalogs, changes nothing.

use super::{CloseOutError, Connection, RELATION, SCHEMA, Scope};

/// Schema, name and columns of tables, views and sequences that are neither temporary nor the server's own.
///
/// # Errors
/// The target refused to say.
pub async fn relations(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<(String, String, Vec<String>)>, CloseOutError> {
    let sql = format!(
        "SELECT {SCHEMA}, {RELATION}, ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0
                AND NOT a.attisdropped ORDER BY a.attnum)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p,v,m,f,S}}'::pg_catalog.\"char\"[])
            AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
            AND pg_catalog.left({SCHEMA}, 3) OPERATOR(pg_catalog.<>) 'pg_'
            AND {SCHEMA} OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'dms_proxy'])
            AND {} ORDER BY 1, 2",
        scope.covers(SCHEMA, RELATION)
    );
    let rows = target.client().query(&sql, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
