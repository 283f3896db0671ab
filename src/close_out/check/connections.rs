//! Whether there is room for the connections of a load. Asks, changes nothing.

use super::super::CloseOutError;
use super::{Checked, Flavour, Item};

/// AWS DMS loads eight tables at a time, with a connection for control and one for rows each.
const COMFORTABLE: i64 = 16;

/// Below this a load that asks for one more connection may fail.
const LEAST: i64 = 2;

pub(super) async fn item(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "connections";
    let sql = "SELECT current_setting('max_connections')::bigint,
        (SELECT coalesce(sum(setting::bigint), 0)::bigint FROM pg_settings
            WHERE name = 'superuser_reserved_connections' AND NOT r.rolsuper
            OR name = 'reserved_connections' AND NOT r.rolsuper),
        (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database),
        d.datconnlimit::bigint,
        (SELECT numbackends::bigint FROM pg_stat_database WHERE datid = d.oid),
        r.rolconnlimit::bigint,
        (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid), r.rolsuper
        FROM pg_database d, pg_roles r
        WHERE d.datname = current_database() AND r.rolname = current_user";
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
        Flavour::Rds | Flavour::CloudSql | Flavour::Azure => {
            vec![format!("-- set max_connections to {more} in the settings of the service")]
        }
    }
}
