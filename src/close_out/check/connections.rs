//! Whether there is room for the connections of a load. Asks, changes nothing.

use super::super::CloseOutError;
use super::{Checked, Flavour, Item};

/// AWS DMS loads eight tables at a time, with a connection for control and one for rows each.
const COMFORTABLE: i64 = 16;

/// Below this a load that asks for one more connection may fail.
const LEAST: i64 = 2;

pub(super) async fn item(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "connections";
    let sql = "SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int8,
        (SELECT COALESCE(pg_catalog.sum(s.setting::pg_catalog.int8), 0)::pg_catalog.int8
            FROM pg_catalog.pg_settings s WHERE NOT r.rolsuper
            AND (s.name OPERATOR(pg_catalog.=) 'superuser_reserved_connections'
                OR s.name OPERATOR(pg_catalog.=) 'reserved_connections')),
        (SELECT COALESCE(pg_catalog.sum(b.numbackends), 0)::pg_catalog.int8
            FROM pg_catalog.pg_stat_database b),
        d.datconnlimit::pg_catalog.int8,
        (SELECT b.numbackends::pg_catalog.int8 FROM pg_catalog.pg_stat_database b
            WHERE b.datid OPERATOR(pg_catalog.=) d.oid),
        r.rolconnlimit::pg_catalog.int8,
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
            WHERE a.usesysid OPERATOR(pg_catalog.=) r.oid), r.rolsuper
        FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
            AND r.rolname OPERATOR(pg_catalog.=) current_user";
    let row = checked.target.client().query_one(sql, &[]).await?;
    let number = |column: usize| row.try_get::<_, i64>(column);
    let (max, reserved, used) = (number(0)?, number(1)?, number(2)?);
    let bound = |limit: i64, used: i64| (limit >= 0).then_some(limit - used);
    let superuser: bool = row.try_get(7)?;
    let (user, database) = (&checked.user, &checked.database);
    let mut rooms = vec![(max - reserved - used, more_connections(checked, max))];
    if !superuser {
        rooms
            .extend(bound(number(3)?, number(4)?).map(|room| {
                (room, vec![format!("ALTER DATABASE {database} CONNECTION LIMIT -1")])
            }));
        rooms.extend(
            bound(number(5)?, number(6)?)
                .map(|room| (room, vec![format!("ALTER ROLE {user} CONNECTION LIMIT -1")])),
        );
    }
    let least = rooms.into_iter().min_by_key(|(room, _)| *room);
    let (room, mend) = least.unwrap_or_default();
    let found =
        format!("room for {room} more (max_connections {max}, {reserved} reserved, {used} in use)");
    Ok(if room < LEAST {
        Item::missing(NAME, found, mend)
    } else if room < COMFORTABLE {
        Item::advice(NAME, found, mend)
    } else {
        Item::ok(NAME, found)
    })
}

fn more_connections(checked: &Checked<'_>, max: i64) -> Vec<String> {
    let more = max + COMFORTABLE;
    match checked.flavour {
        Flavour::Plain => vec![format!("ALTER SYSTEM SET max_connections = {more}")],
        // A setting of the service, not of SQL.
        Flavour::Rds | Flavour::CloudSql | Flavour::Azure | Flavour::Neon | Flavour::AlloyDb => {
            vec![format!("-- set max_connections to {more} in the settings of the service")]
        }
    }
}
