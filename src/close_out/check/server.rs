//! The server and the database as a whole. Asks, changes nothing.

use super::super::CloseOutError;
use super::{Checked, Item};

/// The first version that AWS DMS loads into, and the proxy with it.
const OLDEST: i32 = 90_400;

pub(super) async fn items(checked: &Checked<'_>) -> Result<Vec<Item>, CloseOutError> {
    let sql = "SELECT pg_catalog.current_setting('server_version'),
        pg_catalog.current_setting('server_encoding'), pg_catalog.pg_is_in_recovery(),
        pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on'";
    let row = checked.target.client().query_one(sql, &[]).await?;
    let (version, encoding): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let mut items = Vec::new();
    let found = format!("PostgreSQL {version}");
    items.push(if checked.target.version() >= OLDEST {
        Item::ok("server version", found)
    } else {
        Item::missing(
            "server version",
            format!("{found}: load into a server of 9.4 or later"),
            Vec::new(),
        )
    });
    items.push(if encoding == "UTF8" {
        Item::ok("encoding", encoding)
    } else {
        let database = &checked.database;
        Item::missing(
            "encoding",
            format!("{encoding} cannot hold every character: a database in UTF8 is needed"),
            vec![
                format!(
                    "CREATE DATABASE {database}_utf8 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' \
                 TEMPLATE template0"
                )
                .replace("\"_utf8", "_utf8\""),
            ],
        )
    });
    items.push(writable(checked, row.try_get(2)?, row.try_get(3)?));
    if checked.target.is_pooled() {
        let found = "there is one, which has to leave each client its session of the server until it \
                     goes, as target.pooler says";
        items.push(Item::advice("pooler", found, Vec::new()));
    }
    Ok(items)
}

fn writable(checked: &Checked<'_>, standby: bool, read_only: bool) -> Item {
    match (standby, read_only) {
        (true, _) => {
            Item::missing("writable", "the server is a standby: load into its primary", Vec::new())
        }
        (false, true) => Item::missing(
            "writable",
            "sessions start read-only",
            vec![
                format!("ALTER ROLE {} RESET default_transaction_read_only", checked.user),
                format!("ALTER DATABASE {} RESET default_transaction_read_only", checked.database),
            ],
        ),
        (false, false) => Item::ok("writable", "sessions can write"),
    }
}
