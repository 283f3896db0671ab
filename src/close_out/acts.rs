//! What acts when rows of a table are written, and what the replica role would silence of it. Asks the
//! catalogs, changes nothing.

use super::{CloseOutError, Connection, RELATION, SCHEMA, Scope};
use crate::parking::spelling::filled;

/// A table or view, and what acts on it and on what is under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acts {
    pub(super) schema: String,
    pub(super) name: String,
    /// Its name, qualified and quoted where that is needed.
    pub(super) table_sql: String,
    /// Its foreign keys, at either end.
    pub(super) keys: Vec<String>,
    /// Deferrable keys and exclusion constraints, triggers and rules.
    pub(super) others: Vec<String>,
    /// Whether the role may park all of the foreign keys.
    pub(super) may_park: bool,
    pub(super) is_view: bool,
}

impl Acts {
    /// Whether the replica role would silence more than foreign keys when rows are written.
    pub(super) fn is_more_than_keys(&self) -> bool {
        self.is_view || self.others.iter().any(|act| !act.starts_with("TRUNCATE trigger"))
    }
}

/// What acts on the tables and views of the scope.
pub(super) async fn acts(target: &Connection, scope: &Scope) -> Result<Vec<Acts>, CloseOutError> {
    let condition = format!(
        "c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p,f,v}}'::pg_catalog.\"char\"[]) \
         AND c.relpersistence OPERATOR(pg_catalog.<>) 't' AND {}",
        scope.covers(SCHEMA, RELATION)
    );
    let sql = filled(include_str!("acts.sql"), &[("condition", &*condition)]);
    let rows = target.client().query(&sql, &[]).await?;
    let acts = rows.iter().map(|row| {
        Ok(Acts {
            schema: row.try_get(0)?,
            name: row.try_get(1)?,
            table_sql: row.try_get(2)?,
            keys: row.try_get(3)?,
            others: row.try_get(4)?,
            may_park: row.try_get(5)?,
            is_view: row.try_get(6)?,
        })
    });
    acts.collect()
}
