//! What acts when rows of a table are written, and what the replica role would silence of it. Asks the
//! catalogs, changes nothing.

use super::report::{NotActed, RewriteLine};
use super::{CloseOutError, Connection, RELATION, SCHEMA, Scope};
use crate::parking::spelling::filled;

/// The rule under which sessions count rows that were written while triggers and rules did not act.
const NOT_ACTED_RULE: &str = "silenced-by-role";

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

/// What did not act on the tables that were loaded under the replica role, from what the sessions wrote down.
pub(super) async fn not_acted(
    target: &Connection,
    scope: &Scope,
    rewrites: &[RewriteLine],
) -> Result<Vec<NotActed>, CloseOutError> {
    if rewrites.iter().all(|line| line.rule != NOT_ACTED_RULE) {
        return Ok(Vec::new());
    }
    let acts = acts(target, scope).await?;
    let rows = |acts: &Acts| {
        let lines = rewrites.iter().filter(|line| {
            line.rule == NOT_ACTED_RULE && line.schema == acts.schema && line.table == acts.name
        });
        lines.map(|line| line.count).sum::<i64>()
    };
    let lines = acts.into_iter().map(|acts| {
        let rows = rows(&acts);
        NotActed { table: acts.table_sql, source: None, acts: acts.others, rows }
    });
    Ok(lines.filter(|line| line.rows > 0).collect())
}
