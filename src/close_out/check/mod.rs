//! What a load needs of the target, looked at beforehand: each item with what was found and the SQL
//! that mends it. Changes nothing.

mod connections;
mod distribution;
mod keys;
mod ledger;
mod modes;
mod rights;
mod server;

use serde::Serialize;

use super::{CloseOutError, Connection, Scope, SourceNames, scope_exists, source_names};
pub use modes::TableModes;

/// What was found on a target.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// The role that a load would log in as.
    pub user: String,
    /// The database.
    pub database: String,
    /// What kind of server it is: that decides how rights are given.
    pub flavour: Flavour,
    /// Every item, in the order in which they matter.
    pub items: Vec<Item>,
    /// What each `fk.mode` does to each table.
    pub tables: Vec<TableModes>,
    /// Whether a load can start: no item is missing.
    pub ready: bool,
}

/// One thing that a load needs.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// Its name, always the same.
    pub name: &'static str,
    /// How it stands.
    pub status: Standing,
    /// What was found, a sentence.
    pub found: String,
    /// Statements that mend it; none where nothing has to be.
    pub mend: Vec<String>,
}

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// As a load needs it.
    Ok,
    /// A load would fail.
    Missing,
    /// A load would run, and a person should know.
    Advice,
}

/// Whose PostgreSQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// PostgreSQL as it comes.
    Plain,
    /// Amazon RDS or Aurora.
    Rds,
    /// Google Cloud SQL.
    CloudSql,
    /// Azure Database for PostgreSQL.
    Azure,
    /// Neon.
    Neon,
    /// Google AlloyDB.
    #[serde(rename = "alloydb")]
    AlloyDb,
}

impl Item {
    fn ok(name: &'static str, found: impl Into<String>) -> Item {
        Item { name, status: Standing::Ok, found: found.into(), mend: Vec::new() }
    }

    fn missing(name: &'static str, found: impl Into<String>, mend: Vec<String>) -> Item {
        Item { name, status: Standing::Missing, found: found.into(), mend }
    }

    fn advice(name: &'static str, found: impl Into<String>, mend: Vec<String>) -> Item {
        Item { name, status: Standing::Advice, found: found.into(), mend }
    }
}

/// What the items are asked with.
struct Checked<'a> {
    target: &'a Connection,
    scope: &'a Scope,
    flavour: Flavour,
    /// What tables are called at the source.
    sources: SourceNames,
    /// The current role, quoted.
    user: String,
    /// The database, quoted.
    database: String,
}

/// Looks at everything that a load into the scope needs.
///
/// # Errors
/// The target cannot be asked at all, or has not what the scope names.
pub async fn check(target: &Connection, scope: &Scope) -> Result<CheckReport, CloseOutError> {
    scope_exists(scope, target).await?;
    let sql = "SELECT current_user::pg_catalog.text, pg_catalog.format('%I', current_user),
        pg_catalog.current_database()::pg_catalog.text,
        pg_catalog.format('%I', pg_catalog.current_database()),
        (SELECT pg_catalog.min(CASE
            WHEN r.rolname OPERATOR(pg_catalog.=) 'rds_superuser' THEN 1
            WHEN r.rolname OPERATOR(pg_catalog.=) 'cloudsqlsuperuser' THEN 2
            WHEN r.rolname OPERATOR(pg_catalog.=) 'azure_pg_admin' THEN 3
            WHEN r.rolname OPERATOR(pg_catalog.=) 'neon_superuser' THEN 4
            WHEN r.rolname OPERATOR(pg_catalog.=) 'alloydbsuperuser' THEN 5 END)
            FROM pg_catalog.pg_roles r)";
    let row = target.client().query_one(sql, &[]).await?;
    let flavour = match row.try_get::<_, Option<i32>>(4)? {
        Some(1) => Flavour::Rds,
        Some(2) => Flavour::CloudSql,
        Some(3) => Flavour::Azure,
        Some(4) => Flavour::Neon,
        Some(5) => Flavour::AlloyDb,
        _ => Flavour::Plain,
    };
    let sources = source_names(target).await;
    let (user, database) = (row.try_get(1)?, row.try_get(3)?);
    let checked = Checked { target, scope, flavour, sources, user, database };
    let mut items = server::items(&checked).await?;
    items.extend(rights::items(&checked).await?);
    let role_can_be_set =
        items.iter().any(|item| item.name == rights::ROLE && item.status == Standing::Ok);
    items.extend(keys::items(&checked).await?);
    items.push(distribution::item(&checked).await?);
    let tables = modes::modes(&checked, role_can_be_set).await?;
    items.push(ledger::item(&checked).await?);
    items.push(connections::item(&checked).await?);
    let ready = items.iter().all(|item| item.status != Standing::Missing);
    let (user, database) = (row.try_get(0)?, row.try_get(2)?);
    Ok(CheckReport { user, database, flavour, items, tables, ready })
}

/// How many names a sentence lists.
const NAMES_MAX: usize = 10;

/// A few of these names, and how many more there are.
fn listed(names: &[String]) -> String {
    let mut text: String = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// `1 table`, `2 tables`.
fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
