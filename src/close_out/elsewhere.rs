//! Tables whose rows are not on this server: foreign tables, and those of Citus. Asks the catalogs, changes
//! nothing.

use std::fmt;

use serde::Serialize;

use super::{CloseOutError, Connection, RELATION, SCHEMA, Scope};

/// The bits of a value of a sequence below those of the group of the node that has given it.
///
/// Source: Citus, `AlterSequenceMinMax` in `src/backend/distributed/metadata/metadata_sync.c`.
const NODE_VALUE_BITS: u32 = 48;

/// A foreign table.
#[derive(Clone, Debug, Serialize)]
pub struct ForeignTable {
    /// Its name, qualified and quoted.
    pub table: String,
    /// The server that has its rows, quoted.
    pub server: String,
    /// The table that it is a partition or a child of, qualified and quoted.
    pub part_of: Option<String>,
}

impl fmt::Display for ForeignTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForeignTable { table, server, part_of } = self;
        match part_of {
            Some(parent) => write!(f, "{table}, part of {parent}, on server {server}"),
            None => write!(f, "{table} on server {server}"),
        }
    }
}

/// The foreign tables of the scope, and those that are parts of its tables.
pub(super) async fn foreign_tables(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<ForeignTable>, CloseOutError> {
    let covers_parent = scope.covers("pn.nspname::pg_catalog.text", "p.relname::pg_catalog.text");
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
            pg_catalog.format('%I', s.srvname),
            CASE WHEN p.oid IS NOT NULL THEN pg_catalog.format('%I.%I', pn.nspname, p.relname) END
        FROM pg_catalog.pg_foreign_table f
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.ftrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        JOIN pg_catalog.pg_foreign_server s ON s.oid OPERATOR(pg_catalog.=) f.ftserver
        LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) c.oid
            AND i.inhseqno OPERATOR(pg_catalog.=) 1
        LEFT JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) i.inhparent
        LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid OPERATOR(pg_catalog.=) p.relnamespace
        WHERE ({}) OR (p.oid IS NOT NULL AND ({covers_parent}))
        ORDER BY n.nspname, c.relname",
        scope.covers(SCHEMA, RELATION)
    );
    let rows = target.client().query(&sql, &[]).await?;
    let table = |row: &tokio_postgres::Row| {
        Ok(ForeignTable {
            table: row.try_get(0)?,
            server: row.try_get(1)?,
            part_of: row.try_get(2)?,
        })
    };
    rows.iter().map(table).collect()
}

/// A node of Citus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CitusNode {
    /// Its group; 0 is the coordinator's.
    pub(super) group: i32,
}

impl CitusNode {
    /// The values that the node's sequences give, the first one left out: other nodes give others.
    pub(super) fn values(self) -> (i128, i128) {
        let group = i128::from(self.group);
        (group << NODE_VALUE_BITS, (group + 1) << NODE_VALUE_BITS)
    }
}

/// The node of Citus that the session is on; none without Citus.
pub(super) async fn node(target: &Connection) -> Result<Option<CitusNode>, CloseOutError> {
    if !target.is_citus() {
        return Ok(None);
    }
    let is_there = "SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'
            AND c.relname OPERATOR(pg_catalog.=) 'pg_dist_local_group'";
    let client = target.client();
    if client.query_opt(is_there, &[]).await?.is_none() {
        return Ok(Some(CitusNode { group: 0 }));
    }
    let sql = "SELECT g.groupid::pg_catalog.int4 FROM pg_catalog.pg_dist_local_group g LIMIT 1";
    let row = client.query_opt(sql, &[]).await?;
    let group = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
    Ok(Some(CitusNode { group }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gives_values_in_its_own_range() {
        assert_eq!(CitusNode { group: 0 }.values(), (0, 281_474_976_710_656));
        assert_eq!(CitusNode { group: 2 }.values().0, 562_949_953_421_312);
    }
}
