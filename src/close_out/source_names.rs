//! What tables of the target are called at the source, as far as sessions of the proxy have noted it in the ledger on the
//! target. Reads it, if it can be trusted; guesses nothing.

use std::collections::HashMap;

use super::journal::roll_back_on_error;
use super::own_table::{begin, texts};
use super::{CloseOutError, Connection};
use crate::parking::spelling::qualified;

/// Names of the source by names of the target.
#[derive(Clone, Debug, Default)]
pub struct SourceNames {
    by_table: HashMap<String, Vec<String>>,
}

impl SourceNames {
    /// What a table is called at the source, by its name on the target as the server quotes it.
    pub fn of(&self, table_sql: &str) -> Option<String> {
        self.by_table.get(table_sql).map(|sources| sources.join(", "))
    }

    /// The same by its name and that of its schema.
    pub fn of_table(&self, schema: &str, table: &str) -> Option<String> {
        self.of(&qualified(schema, table))
    }

    /// The name of a table on the target, with that at the source beside it.
    pub fn beside(&self, table_sql: &str) -> String {
        beside(table_sql, self.of(table_sql).as_deref())
    }

    fn note(&mut self, table: String, sources: Vec<String>) {
        let known = self.by_table.entry(table).or_default();
        for source in sources {
            if !known.contains(&source) {
                known.push(source);
            }
        }
    }
}

/// The name of a table on the target, with that at the source beside it, where there is one.
pub fn beside(table: &str, source: Option<&str>) -> String {
    source.map_or_else(|| table.to_owned(), |source| format!("{table} ({source})"))
}

/// What sessions have noted; nothing where that is not for the role to read, or cannot be trusted.
pub async fn source_names(target: &Connection) -> SourceNames {
    let found = async {
        let found = read(target).await?;
        target.client().batch_execute("COMMIT").await?;
        Ok(found)
    };
    roll_back_on_error(target, found.await).await.unwrap_or_default()
}

async fn read(target: &Connection) -> Result<SourceNames, CloseOutError> {
    let mut names = SourceNames::default();
    if !begin(target, "rewrites", "ACCESS SHARE").await? {
        return Ok(names);
    }
    // A table of an older version has no such column.
    let sql = "SELECT r.schema_name, r.table_name, pg_catalog.format('%I.%I', r.schema_name, r.table_name), s.sources
        FROM ONLY dms_proxy.rewrites r CROSS JOIN LATERAL (SELECT
            pg_catalog.row_to_json(r) OPERATOR(pg_catalog.->>) 'sources') s (sources)
        WHERE r.column_name OPERATOR(pg_catalog.=) '' AND r.schema_name OPERATOR(pg_catalog.<>) ''
            AND r.table_name OPERATOR(pg_catalog.<>) '' AND s.sources OPERATOR(pg_catalog.<>) '[]'
        ORDER BY r.first_seen";
    for row in target.client().query(sql, &[]).await? {
        let sources = texts(row.try_get(3)?);
        let (schema, table): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        names.note(qualified(&schema, &table), sources.clone());
        names.note(row.try_get(2)?, sources);
    }
    Ok(names)
}
