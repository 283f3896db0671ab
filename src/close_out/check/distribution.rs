//! Where the rows lie: on this server, on the shards of Citus, behind foreign tables. Asks, changes
//! nothing.

use super::super::{CloseOutError, foreign_tables, node};
use super::{Checked, Item, listed};

pub(super) async fn item(checked: &Checked<'_>) -> Result<Item, CloseOutError> {
    const NAME: &str = "distribution";
    let mut found = Vec::new();
    if let Some(node) = node(checked.target).await? {
        let place = match node.group {
            0 => "Citus, the coordinator".to_owned(),
            group => format!(
                "Citus, the worker of group {group}, which gives values of sequences in a range of \
                 its own and takes no definitions: load through the coordinator"
            ),
        };
        found.push(format!(
            "{place}; session_replication_role does not reach shards and is not set: set fk.mode or \
             fk.on_denied to \"park\""
        ));
    }
    let foreign = foreign_tables(checked.target, checked.scope).await?;
    if !foreign.is_empty() {
        let names: Vec<String> = foreign.iter().map(ToString::to_string).collect();
        found.push(format!(
            "foreign tables, whose foreign keys, triggers and sequences are out of reach: run check \
             and finish on their servers as well: {}",
            listed(&names)
        ));
    }
    Ok(if found.is_empty() {
        Item::ok(NAME, "one server has all tables")
    } else {
        Item::advice(NAME, found.join("; "), Vec::new())
    })
}
