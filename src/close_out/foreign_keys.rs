//! The foreign keys of a scope, those on their tables and those in the journal alike. Reads the catalogs, changes
//! nothing.

use std::collections::BTreeSet;

use super::{CloseOutError, Connection, ForeignKey, Key, KeyState, Scope, parked};
use crate::parking::{foreign_keys_sql, touches};

/// Every foreign key with an end in the scope, in the order of its names: those on their tables,
/// and those that are parked.
///
/// # Errors
/// The target refused to say.
pub async fn foreign_keys(
    target: &Connection,
    scope: &Scope,
) -> Result<Vec<ForeignKey>, CloseOutError> {
    let mut keys = Vec::new();
    for row in target.client().query(&foreign_keys_sql(&touches(scope)), &[]).await? {
        // One that has just been dropped has none.
        let Some(definition) = row.try_get::<_, Option<&str>>("definition")? else { continue };
        let state = KeyState::on_table(definition, row.try_get("validated")?);
        keys.push(ForeignKey::from_row(&row, state)?);
    }
    let on_tables: BTreeSet<Key> = keys.iter().map(ForeignKey::key).collect();
    let parked = parked(target, scope).await?.into_iter();
    keys.extend(parked.map(|row| row.key).filter(|key| !on_tables.contains(&key.key())));
    keys.sort_by_cached_key(ForeignKey::key);
    Ok(keys)
}
