//! Where sessions of this role would write what they changed. Asks, changes nothing.

use super::super::CloseOutError;
use super::{Checked, Item};
use crate::parking::spelling::filled;
use crate::parking::trust;

pub(super) async fn item(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "schema dms_proxy";
    let client = checked.target.client();
    let user = &checked.user;
    let init = vec![format!("-- as an administrator: dms-proxy init-target --role {user}")];
    let values = [
        ("schema_owner_is_trusted", &*trust::is_trusted("n.nspowner")),
        ("function_owner_is_trusted", &trust::is_trusted("p.proowner")),
    ];
    let sql = filled(include_str!("ledger.sql"), &values);
    let Some(row) = client.query_opt(&sql, &[]).await? else {
        let sql =
            "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')";
        return Ok(if client.query_one(sql, &[]).await?.try_get(0)? {
            Item::ok(NAME, "the first session makes it, and then it is this role's")
        } else {
            Item::advice(NAME, "there is none, so what is changed is only in the log", init)
        });
    };
    let (owner, is_trusted, has_function, may_call): (String, bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    if !is_trusted {
        let found = format!(
            "it belongs to role {owner}, whose code could run: nothing is written to it or read \
             from it"
        );
        return Ok(Item::advice(NAME, found, init));
    }
    if has_function && !may_call {
        let mend = vec![
            format!("GRANT USAGE, CREATE ON SCHEMA dms_proxy TO {user}"),
            format!("GRANT EXECUTE ON FUNCTION dms_proxy.note_rewrites(pg_catalog.json) TO {user}"),
        ];
        let found = "this role may not add to dms_proxy.rewrites, so what is changed is only in the \
                     log";
        return Ok(Item::advice(NAME, found, mend));
    }
    let fault: Option<String> = match client.query_opt(&trust::fault_sql("rewrites"), &[]).await? {
        Some(row) => row.try_get(0)?,
        None => None,
    };
    Ok(match fault {
        None if has_function => {
            Item::ok(NAME, "this role adds to dms_proxy.rewrites by a function")
        }
        None => Item::ok(NAME, "this role may write to it"),
        Some(fault) => Item::advice(NAME, format!("nothing is written to it: {fault}"), init),
    })
}
