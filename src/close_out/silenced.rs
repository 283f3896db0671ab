//! What keeps foreign keys and triggers silent behind a load: disabled triggers, settings. Asks the
//! catalogs, changes nothing.

use super::report::Finding;
use super::{CloseOutError, Connection, RELATION, SCHEMA, Scope};
use crate::parking::spelling::quoted_identifier;

/// Disabled triggers: those of foreign keys, which do not act then, and those of users.
pub(super) async fn disabled_triggers(
    target: &Connection,
    scope: &Scope,
) -> Result<(Vec<Finding>, Vec<Finding>), CloseOutError> {
    let sql = format!(
        "SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname),
            k.conname::pg_catalog.text,
            CASE WHEN k.oid IS NULL THEN pg_catalog.format('%I', g.tgname) END
        FROM pg_catalog.pg_trigger g
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) g.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        LEFT JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) g.tgconstraint
            AND k.contype OPERATOR(pg_catalog.=) 'f'
        WHERE g.tgenabled OPERATOR(pg_catalog.=) 'D' AND {} ORDER BY 1, 2, 3",
        scope.covers(SCHEMA, RELATION)
    );
    let (mut of_keys, mut of_users) = (Vec::new(), Vec::new());
    for row in target.client().query(&sql, &[]).await? {
        let table: String = row.try_get(0)?;
        match (row.try_get::<_, Option<String>>(1)?, row.try_get::<_, Option<String>>(2)?) {
            (Some(key), _) => of_keys.push(Finding {
                found: format!(
                    "triggers of foreign key {} on {table} are disabled",
                    quoted_identifier(&key)
                ),
                mend: format!("ALTER TABLE {table} ENABLE TRIGGER ALL"),
            }),
            (None, name) => {
                let name = name.unwrap_or_default();
                of_users.push(Finding {
                    found: format!("trigger {name} on {table} is disabled"),
                    mend: format!("ALTER TABLE {table} ENABLE TRIGGER {name}"),
                });
            }
        }
    }
    Ok((of_keys, of_users))
}

/// Settings under which a new session in this database is born with its foreign keys silenced.
pub(super) async fn silencing_settings(target: &Connection) -> Result<Vec<Finding>, CloseOutError> {
    let sql = "SELECT
            CASE WHEN s.setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                    AND s.setdatabase OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                THEN pg_catalog.format('ROLE %I IN DATABASE %I',
                    pg_catalog.pg_get_userbyid(s.setrole), d.datname)
                WHEN s.setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                THEN pg_catalog.format('ROLE %I', pg_catalog.pg_get_userbyid(s.setrole))
                WHEN s.setdatabase OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                THEN pg_catalog.format('DATABASE %I', d.datname)
                ELSE 'ROLE ALL' END
        FROM pg_catalog.pg_db_role_setting s
        LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
        WHERE (s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            OR d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
        AND EXISTS (SELECT 1 FROM pg_catalog.unnest(s.setconfig) AS c
            WHERE pg_catalog.lower(c) OPERATOR(pg_catalog.=) 'session_replication_role=replica')
        ORDER BY 1";
    let mut findings = Vec::new();
    for row in target.client().query(sql, &[]).await? {
        let owner: String = row.try_get(0)?;
        findings.push(Finding {
            found: format!("{owner} starts its sessions with session_replication_role = replica"),
            mend: format!("ALTER {owner} RESET session_replication_role"),
        });
    }
    let sql = "SELECT s.setting, s.source FROM pg_catalog.pg_settings s
        WHERE s.name OPERATOR(pg_catalog.=) 'session_replication_role'";
    let row = target.client().query_one(sql, &[]).await?;
    let (setting, source): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    if setting == "replica" && findings.is_empty() {
        findings.push(Finding {
            found: format!("sessions start with session_replication_role = replica ({source})"),
            mend: "ALTER SYSTEM RESET session_replication_role; SELECT pg_reload_conf()".into(),
        });
    }
    Ok(findings)
}
