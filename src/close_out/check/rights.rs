//! What the role may do: in the database, its schemas and its tables, and to foreign keys. Tries
//! one setting in a transaction that is rolled back; changes nothing.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;

use super::super::{CloseOutError, IS_OWN_TABLE, RELATION, SCHEMA};
use super::{Checked, Flavour, Item, counted, listed};
use crate::parking::{foreign_keys_sql, touches};

/// The first version with GRANT SET ON PARAMETER.
const GRANT_ON_PARAMETER: i32 = 150_000;

/// Above so many tables of a schema one GRANT for the whole schema is shorter.
const GRANTS_MAX: usize = 10;

pub(super) async fn items(checked: &Checked<'_>) -> Result<Vec<Item>, CloseOutError> {
    let owns_schemas = owns_schemas(checked).await?;
    Ok(vec![
        database(checked, owns_schemas).await?,
        schemas(checked).await?,
        tables(checked).await?,
        ownership(checked).await?,
        replica_role(checked).await?,
    ])
}

async fn owns_schemas(checked: &Checked<'_>) -> Result<bool, CloseOutError> {
    let sql = format!(
        "SELECT COALESCE(pg_catalog.bool_and(pg_catalog.pg_has_role(n.nspowner, 'USAGE')), false)
         FROM pg_catalog.pg_namespace n WHERE {}",
        checked.scope.covers_schema(SCHEMA)
    );
    Ok(checked.target.client().query_one(&sql, &[]).await?.try_get(0)?)
}

async fn database(checked: &Checked<'_>, owns_schemas: bool) -> Result<Item, CloseOutError> {
    const NAME: &str = "database rights";
    let sql = "SELECT
        pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CONNECT'),
        pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')";
    let row = checked.target.client().query_one(sql, &[]).await?;
    let lacking: Vec<&str> = [(0, "CONNECT"), (1, "CREATE")]
        .into_iter()
        .filter_map(|(column, right)| match row.try_get(column) {
            Ok(true) => None,
            _ => Some(right),
        })
        .collect();
    if lacking.is_empty() {
        return Ok(Item::ok(NAME, "CONNECT and CREATE"));
    }
    let rights = lacking.join(", ");
    let mend = vec![format!("GRANT {rights} ON DATABASE {} TO {}", checked.database, checked.user)];
    Ok(if owns_schemas && lacking == ["CREATE"] {
        Item::advice(
            NAME,
            "no CREATE: schemas cannot be made, nor the journal for parking foreign keys",
            mend,
        )
    } else {
        Item::missing(NAME, format!("no {rights}"), mend)
    })
}

async fn schemas(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "schema rights";
    let sql = format!(
        "SELECT pg_catalog.format('%I', n.nspname), pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
            pg_catalog.has_schema_privilege(n.oid, 'CREATE')
         FROM pg_catalog.pg_namespace n WHERE {} ORDER BY n.nspname",
        checked.scope.covers_schema(SCHEMA)
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    let (mut found, mut mend) = (Vec::new(), Vec::new());
    for row in &rows {
        let schema: String = row.try_get(0)?;
        let rights: Vec<&str> = match (row.try_get(1)?, row.try_get(2)?) {
            (true, true) => continue,
            (true, false) => vec!["CREATE"],
            (false, true) => vec!["USAGE"],
            (false, false) => vec!["USAGE", "CREATE"],
        };
        found.push(format!("no {} on {schema}", rights.join(" and ")));
        let rights = rights.join(", ");
        mend.push(format!("GRANT {rights} ON SCHEMA {schema} TO {}", checked.user));
    }
    Ok(if found.is_empty() {
        Item::ok(NAME, format!("USAGE and CREATE on {}", counted(rows.len(), "schema")))
    } else {
        Item::missing(NAME, listed(&found), mend)
    })
}

/// A condition for the tables that a load may write, in terms of `c` and `n`.
fn is_table(checked: &Checked<'_>) -> String {
    format!("{IS_OWN_TABLE} AND {}", checked.scope.covers(SCHEMA, RELATION))
}

async fn tables(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "table rights";
    let sql = format!(
        "SELECT pg_catalog.format('%I', n.nspname), pg_catalog.format('%I', c.relname),
            (SELECT pg_catalog.array_agg(r) FROM pg_catalog.unnest(
                '{{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}}'::pg_catalog.text[]) r
                WHERE NOT pg_catalog.has_table_privilege(c.oid, r))
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE {} ORDER BY n.nspname, c.relname",
        is_table(checked)
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    let mut lacking: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
    let mut found = Vec::new();
    for row in &rows {
        let Some(rights) = row.try_get::<_, Option<Vec<String>>>(2)? else { continue };
        let (schema, table): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        found.push(format!("no {} on {schema}.{table}", rights.join(", ")));
        lacking.entry(schema).or_default().push((table, rights));
    }
    if found.is_empty() {
        let count = counted(rows.len(), "table");
        return Ok(Item::ok(NAME, format!("SELECT, INSERT, UPDATE, DELETE, TRUNCATE on {count}")));
    }
    let user = &checked.user;
    let mut mend = Vec::new();
    for (schema, tables) in lacking {
        if tables.len() > GRANTS_MAX {
            mend.push(format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {schema} \
                 TO {user}"
            ));
            continue;
        }
        for (table, rights) in tables {
            mend.push(format!("GRANT {} ON {schema}.{table} TO {user}", rights.join(", ")));
        }
    }
    Ok(Item::missing(NAME, listed(&found), mend))
}

async fn ownership(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "ownership";
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
            pg_catalog.format('%I', pg_catalog.pg_get_userbyid(c.relowner)),
            pg_catalog.pg_has_role(c.relowner, 'USAGE')
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE {} ORDER BY n.nspname, c.relname",
        is_table(checked)
    );
    let rows = checked.target.client().query(&sql, &[]).await?;
    let (mut tables, mut owners) = (Vec::new(), Vec::new());
    for row in &rows {
        if !row.try_get::<_, bool>(2)? {
            tables.push(row.try_get(0)?);
            owners.push(row.try_get::<_, String>(1)?);
        }
    }
    owners.sort();
    owners.dedup();
    let mend = owners.iter().map(|owner| format!("GRANT {owner} TO {}", checked.user)).collect();
    Ok(if tables.is_empty() {
        Item::ok(NAME, format!("of {}", counted(rows.len(), "table")))
    } else {
        let found = format!(
            "not the owner of {}: they cannot be dropped, altered or analyzed, and their foreign \
             keys not parked",
            listed(&tables)
        );
        Item::advice(NAME, found, mend)
    })
}

/// The name of the item about the role.
pub(super) const ROLE: &str = "replica role";

/// Tries the setting that silences foreign keys, and takes it back.
async fn replica_role(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = ROLE;
    let client = checked.target.client();
    client.batch_execute("BEGIN").await?;
    let tried = client.batch_execute("SET LOCAL session_replication_role = 'replica'").await;
    client.batch_execute("ROLLBACK").await?;
    let refused = match tried {
        Ok(()) => return Ok(Item::ok(NAME, "session_replication_role can be set")),
        Err(error) => error,
    };
    if refused.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let found = format!("the target knows no session_replication_role: {refused}");
        return Ok(Item::advice(NAME, found, Vec::new()));
    }
    let keys = foreign_keys_sql(&touches(checked.scope));
    let keys = format!(
        "SELECT pg_catalog.count(*),
            COALESCE(pg_catalog.bool_and(pg_catalog.pg_has_role(r.relowner, 'USAGE')), true)
        FROM ({keys}) k
        JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) k.conrelid"
    );
    let row = client.query_one(&keys, &[]).await?;
    let (count, owns): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let mut found = "session_replication_role cannot be set".to_owned();
    if count == 0 {
        found.push_str("; there are no foreign keys that it would silence");
        return Ok(Item::advice(NAME, found, grants(checked)));
    }
    found.push_str(&format!(", and {count} foreign keys stay on"));
    if owns {
        found.push_str("; as their owner this role can park them: dms-proxy fk park");
    }
    Ok(Item::missing(NAME, found, grants(checked)))
}

/// What gives the right to set the role, run by whoever may give it.
///
/// Sources: PostgreSQL manual, GRANT; Amazon RDS user guide, "Understanding the rds_superuser
/// role"; Google Cloud SQL and Azure let roles with REPLICATION set it.
fn grants(checked: &Checked<'_>) -> Vec<String> {
    let user = &checked.user;
    match checked.flavour {
        Flavour::Plain if checked.target.version() >= GRANT_ON_PARAMETER => {
            vec![format!("GRANT SET ON PARAMETER session_replication_role TO {user}")]
        }
        Flavour::Plain => vec![format!("ALTER ROLE {user} SUPERUSER")],
        Flavour::Rds => vec![format!("GRANT rds_superuser TO {user}")],
        // Nobody can give it there: foreign keys are parked.
        Flavour::Neon | Flavour::AlloyDb => Vec::new(),
        Flavour::CloudSql => vec![format!("ALTER ROLE {user} REPLICATION")],
        Flavour::Azure => vec![
            format!("GRANT azure_pg_admin TO {user}"),
            format!("ALTER ROLE {user} REPLICATION"),
        ],
    }
}
