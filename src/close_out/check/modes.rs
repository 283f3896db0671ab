//! What each `fk.mode` does to each table that is loaded. Asks, changes nothing.

use serde::Serialize;

use super::super::CloseOutError;
use super::super::acts::{Acts, acts};
use super::{Checked, listed};

/// What each mode does to a table or view.
#[derive(Clone, Debug, Serialize)]
pub struct TableModes {
    /// Its name, qualified and quoted where that is needed.
    pub table: String,
    /// Its name at the source, where that is known and another one.
    pub source: Option<String>,
    /// Its foreign keys, at either end.
    pub foreign_keys: Vec<String>,
    /// What the replica role silences besides.
    pub silenced: Vec<String>,
    /// Under `auto`.
    pub auto: String,
    /// Under `replica-role`.
    pub replica_role: String,
    /// Under `park`.
    pub park: String,
    /// Under `off`.
    pub off: String,
}

/// All tables and views of the scope.
pub(super) async fn modes(
    checked: &Checked<'_>,
    role_can_be_set: bool,
) -> Result<Vec<TableModes>, CloseOutError> {
    let acts = acts(checked.target, checked.scope).await?;
    let named = |acts: &Acts| TableModes {
        source: checked.sources.of(&acts.table_sql),
        ..of_table(acts, role_can_be_set)
    };
    Ok(acts.iter().map(named).collect())
}

fn silenced(acts: &Acts) -> Vec<String> {
    let view = acts.is_view.then(|| "view".to_owned());
    view.into_iter().chain(acts.others.iter().cloned()).collect()
}

fn of_table(acts: &Acts, role_can_be_set: bool) -> TableModes {
    let (has_keys, is_more) = (!acts.keys.is_empty(), acts.is_more_than_keys());
    let parked = if acts.may_park { "foreign keys parked" } else { "foreign keys stay on" };
    let plain = "as without the proxy";
    let auto = match (has_keys, is_more) {
        (false, _) => plain.to_owned(),
        (true, false) if role_can_be_set => "foreign keys silenced".to_owned(),
        (true, false) => "foreign keys stay on".to_owned(),
        (true, true) => format!("{parked}; all else acts"),
    };
    let others = silenced(acts);
    let all: Vec<String> = acts.keys.iter().chain(&others).cloned().collect();
    let replica_role = match (all.is_empty(), role_can_be_set) {
        (true, _) => plain.to_owned(),
        (false, false) => "foreign keys stay on; all else acts".to_owned(),
        (false, true) => format!("silences {}", listed(&all)),
    };
    let park = if has_keys { parked } else { plain };
    let off = if has_keys { "foreign keys stay on" } else { plain };
    TableModes {
        table: acts.table_sql.clone(),
        source: None,
        foreign_keys: acts.keys.clone(),
        silenced: others,
        auto,
        replica_role,
        park: park.to_owned(),
        off: off.to_owned(),
    }
}
