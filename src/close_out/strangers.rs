//! Whose code would run if rows of tables were read or written: a command that looks is not to run code of
//! roles that could not do what the command's role can. Asks the catalogs only.
//!
//! Reading rows runs functions of casts, of operators, and, while the server plans, what is constant
//! in expressions of indexes, constraints and statistics. The system's own are trusted, and so are
//! those of roles that are ([`trust::is_trusted`]).

use super::{CloseOutError, Connection, ForeignKey, KeyState};
use crate::parking::spelling::{filled, quoted_literal};
use crate::parking::trust;

/// What stands for operators where a query takes none but the system's.
const NO_OPERATORS: &str = "SELECT NULL::pg_catalog.oid WHERE false";

/// Locks tables against changes of what they are, until the transaction ends; in the order in which
/// parking locks them, so that the two do not wait for each other.
pub(super) async fn lock_tables(target: &Connection, tables: &[&str]) -> Result<(), CloseOutError> {
    let tables: Vec<String> = tables.iter().map(|table| relation(table)).collect();
    let sql = format!(
        "SELECT pg_catalog.format('LOCK TABLE %s%I.%I IN ACCESS SHARE MODE',
            CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'p' THEN '' ELSE 'ONLY ' END,
            n.nspname, c.relname)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.oid[]) ORDER BY c.oid",
        tables.join(", ")
    );
    for row in target.client().query(&sql, &[]).await? {
        target.client().batch_execute(row.try_get(0)?).await?;
    }
    Ok(())
}

/// Refuses to read tables, by their qualified names as SQL writes them, if that runs code of others.
/// To be asked inside the transaction that reads, with locks on the tables.
///
/// # Errors
/// A sentence that names these roles; or a table is not there.
pub(super) async fn refuse_code_of_others(
    target: &Connection,
    tables: &[&str],
) -> Result<(), CloseOutError> {
    refuse(target, tables, NO_OPERATORS, Access::Reads).await
}

/// Refuses to bring rows into a table if that runs code of others: triggers, rules, defaults, policies and
/// CHECKs besides. To be asked inside the transaction that writes, with a lock that keeps triggers away.
///
/// # Errors
/// As [`refuse_code_of_others`].
pub(super) async fn refuse_to_write_by_code_of_others(
    target: &Connection,
    table: &str,
) -> Result<(), CloseOutError> {
    refuse(target, &[table], NO_OPERATORS, Access::Writes).await
}

/// Refuses the same for the two tables of a foreign key and its operators.
///
/// # Errors
/// As [`refuse_code_of_others`].
pub(super) async fn refuse_code_of_others_in(
    target: &Connection,
    key: &ForeignKey,
) -> Result<(), CloseOutError> {
    if key.state == KeyState::Parked {
        // The catalogs no longer say which operators these are, the text does.
        let others = key.join_condition.matches("OPERATOR(").count();
        if others != key.join_condition.matches("OPERATOR(pg_catalog.").count() {
            return Err(CloseOutError::Refused(format!(
                "not looked at: it compares by operators that are not the system's: {}",
                key.join_condition
            )));
        }
        return refuse(target, &[&key.table_sql, &key.referenced_sql], NO_OPERATORS, Access::Reads)
            .await;
    }
    let operators = format!(
        "SELECT pg_catalog.unnest(k.conpfeqop) FROM pg_catalog.pg_constraint k
        WHERE k.conrelid OPERATOR(pg_catalog.=) {} AND k.conname OPERATOR(pg_catalog.=) {}",
        relation(&key.table_sql),
        quoted_literal(&key.name)
    );
    refuse(target, &[&key.table_sql, &key.referenced_sql], &operators, Access::Reads).await
}

/// The object id of a table.
fn relation(table_sql: &str) -> String {
    format!("{}::pg_catalog.regclass::pg_catalog.oid", quoted_literal(table_sql))
}

/// What is done with rows.
#[derive(Clone, Copy)]
enum Access {
    Reads,
    Writes,
}

impl Access {
    fn writes(self) -> &'static str {
        match self {
            Access::Reads => "false",
            Access::Writes => "true",
        }
    }

    fn not_done(self) -> &'static str {
        match self {
            Access::Reads => "not looked at",
            Access::Writes => "not loaded",
        }
    }
}

async fn refuse(
    target: &Connection,
    tables: &[&str],
    operators: &str,
    access: Access,
) -> Result<(), CloseOutError> {
    let tables: Vec<String> = tables.iter().map(|table| relation(table)).collect();
    let values = [
        ("tables", &*tables.join(", ")),
        ("operators", operators),
        ("writes", access.writes()),
        ("first_user_oid", &trust::FIRST_USER_OID.to_string()),
        ("is_trusted", &trust::is_trusted("o.id")),
    ];
    let sql = filled(include_str!("strangers.sql"), &values);
    let strangers: Option<String> = target.client().query_one(&sql, &[]).await?.try_get(0)?;
    match strangers {
        None => Ok(()),
        Some(roles) => Err(CloseOutError::Refused(format!(
            "{}: code of role {roles} would run; log in as {roles}",
            access.not_done()
        ))),
    }
}
