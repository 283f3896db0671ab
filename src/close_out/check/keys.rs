//! What acts on rows while they are loaded: foreign keys, triggers, columns that the server fills,
//! and what an earlier load has left parked. Asks, changes nothing.

use std::collections::HashMap;

use tokio_postgres::error::SqlState;

use super::super::graph::cycles;
use super::super::{CloseOutError, IS_TABLE, IS_WHOLE, RELATION, SCHEMA, lost, parked};
use super::{Checked, Item, counted, listed};
use crate::parking::{foreign_keys_sql, touches};

pub(super) async fn items(checked: &Checked<'_>) -> Result<Vec<Item>, CloseOutError> {
    Ok(vec![
        foreign_keys(checked).await?,
        triggers(checked).await?,
        identities(checked).await?,
        stored(checked).await?,
        journal(checked).await?,
    ])
}

/// The graph of the foreign keys. Only tables inside the scope can be in an order to load them.
async fn foreign_keys(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "foreign keys";
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', schema_name, table_name),
            pg_catalog.format('%I.%I', referenced_schema, referenced_table), {}, {}
         FROM ({}) k ORDER BY schema_name, table_name, constraint_name",
        checked.scope.covers("schema_name", "table_name"),
        checked.scope.covers("referenced_schema", "referenced_table"),
        foreign_keys_sql(&touches(checked.scope))
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let (mut names, mut edges): (Vec<String>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
    let (mut outside, mut own) = (Vec::new(), 0);
    for row in &rows {
        let (child, parent): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let [child, parent] = [child, parent].map(|name| checked.sources.beside(&name));
        if !row.try_get::<_, bool>(2)? {
            outside.push(format!("{child} refers to {parent}"));
        }
        own += usize::from(child == parent);
        let [child, parent] = [child, parent].map(|name| {
            *numbers.entry(name.clone()).or_insert_with(|| {
                names.push(name);
                edges.push(Vec::new());
                names.len() - 1
            })
        });
        if let Some(edges) = edges.get_mut(child) {
            edges.push(parent);
        }
    }
    let cycles: Vec<String> = cycles(&edges)
        .iter()
        .map(|cycle| {
            let mut tables: Vec<String> =
                cycle.iter().filter_map(|table| names.get(*table).cloned()).collect();
            tables.sort();
            format!("{{{}}}", listed(&tables))
        })
        .collect();
    let mut found = counted(rows.len(), "foreign key");
    if own > 0 {
        found.push_str(&format!(", {own} of a table to itself"));
    }
    if cycles.is_empty() && outside.is_empty() {
        return Ok(Item::ok(NAME, found + ", no cycles"));
    }
    if !cycles.is_empty() {
        let cycles = listed(&cycles);
        found.push_str(&format!("; tables in a cycle cannot be loaded in any order: {cycles}"));
    }
    if !outside.is_empty() {
        let outside = listed(&outside);
        found.push_str(&format!("; from outside, which blocks TRUNCATE and DROP: {outside}"));
    }
    Ok(Item::advice(NAME, found, Vec::new()))
}

/// Triggers that fire under the replica role as well.
async fn triggers(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "triggers";
    let sql = format!(
        "SELECT pg_catalog.format('%I on %I.%I', g.tgname, n.nspname, c.relname),
            g.tgenabled OPERATOR(pg_catalog.=) 'A',
            pg_catalog.format('ALTER TABLE %I.%I ENABLE TRIGGER %I', n.nspname, c.relname, g.tgname)
         FROM pg_catalog.pg_trigger g
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) g.tgrelid
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE (g.tgenabled OPERATOR(pg_catalog.=) 'A' OR g.tgenabled OPERATOR(pg_catalog.=) 'R')
            AND {} ORDER BY 1",
        checked.scope.covers(SCHEMA, RELATION)
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    let (mut found, mut mend) = (Vec::new(), Vec::new());
    for row in &rows {
        let state = if row.try_get(1)? { "ALWAYS" } else { "REPLICA" };
        found.push(format!("{} ({state})", row.try_get::<_, String>(0)?));
        mend.push(row.try_get(2)?);
    }
    Ok(if found.is_empty() {
        Item::ok(NAME, "none fires under the replica role")
    } else {
        let found = format!("these fire under the replica role: {}", listed(&found));
        Item::advice(NAME, found, mend)
    })
}

async fn columns(
    checked: &Checked<'_>,
    condition: &str,
) -> Result<Vec<(String, String)>, CloseOutError> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
            pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I', n.nspname, c.relname, a.attname)
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE {IS_TABLE} AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
         AND {IS_WHOLE} AND {condition} AND {}
         ORDER BY n.nspname, c.relname, a.attnum",
        checked.scope.covers(SCHEMA, RELATION)
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn identities(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "identity columns";
    let columns = columns(
        checked,
        "(pg_catalog.row_to_json(a) \
        OPERATOR(pg_catalog.->>) 'attidentity') OPERATOR(pg_catalog.=) 'a'",
    )
    .await?;
    if columns.is_empty() {
        return Ok(Item::ok(NAME, "none is GENERATED ALWAYS"));
    }
    let (names, alter): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let found = format!(
        "GENERATED ALWAYS, which takes rows by COPY but no INSERT with a value: {}",
        listed(&names)
    );
    let mend = alter.iter().map(|alter| format!("{alter} SET GENERATED BY DEFAULT")).collect();
    Ok(Item::advice(NAME, found, mend))
}

async fn stored(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "generated columns";
    let columns = columns(
        checked,
        "COALESCE(pg_catalog.row_to_json(a) \
        OPERATOR(pg_catalog.->>) 'attgenerated', '') OPERATOR(pg_catalog.<>) ''",
    )
    .await?;
    if columns.is_empty() {
        return Ok(Item::ok(NAME, "none"));
    }
    let names: Vec<_> = columns.into_iter().map(|(name, _)| name).collect();
    let found = format!("the server computes them, so a load must leave out {}", listed(&names));
    Ok(Item::advice(NAME, found, Vec::new()))
}

async fn journal(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "parked foreign keys";
    let rows = match parked(checked.target, checked.scope).await {
        Err(error @ CloseOutError::Refused(_)) => {
            return Ok(Item::advice(NAME, error.to_string(), Vec::new()));
        }
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            return Ok(Item::advice(NAME, format!("journal: {error}"), Vec::new()));
        }
        rows => rows?,
    };
    let lost = lost(checked.target, checked.scope).await?;
    if !lost.is_empty() {
        return Ok(Item::advice(NAME, listed(&lost), Vec::new()));
    }
    if rows.is_empty() {
        return Ok(Item::ok(NAME, "none"));
    }
    let names: Vec<_> = rows
        .iter()
        .map(|row| {
            format!("{} on {}", row.key.name_sql, checked.sources.beside(&row.key.table_sql))
        })
        .collect();
    let found = format!("{}; dms-proxy fk restore brings them back", listed(&names));
    Ok(Item::advice(NAME, found, Vec::new()))
}
