//! What the target said when it was last looked at: foreign keys, and estimates of rows.

use serde_json::{Value, json};

use super::found_keys::{KeptLook, TargetFound};
use super::operator::{Operator, lock, now_micros};
use super::time::rfc3339;

impl Operator {
    /// The databases that sessions are or were in.
    pub fn databases(&self) -> std::collections::BTreeSet<String> {
        self.collected().databases.keys().cloned().collect()
    }

    /// A database was looked at by this role.
    pub fn note_found(&self, database: &str, by: &str, found: TargetFound) {
        self.collected().set_estimates(database, &found.estimates);
        let (at, by) = (now_micros(), by.to_owned());
        let kept = KeptLook { at, by, foreign_keys: found.foreign_keys, commands: found.commands };
        lock(&self.found).insert(database.to_owned(), kept);
    }
}

fn moment(micros: u64) -> Option<String> {
    (micros > 0).then(|| rfc3339(micros))
}

/// `/api/foreign-keys`
pub(super) fn foreign_keys(operator: &Operator) -> Value {
    let found = lock(&operator.found);
    if found.is_empty() {
        return json!({ "looked_at": Value::Null, "by": Value::Null, "foreign_keys": [], "closing": [],
            "hint": "a user in target.url, with its password in PGPASSWORD or the password file, \
                lets the proxy look; dms-proxy fk status says it now" });
    }
    let keys = found.iter().flat_map(|(database, look)| {
        look.foreign_keys.iter().map(move |key| {
            let parked_by = (!key.parked_by.is_empty()).then_some(&key.parked_by);
            json!({ "database": database, "schema": key.schema, "table": key.table,
                "constraint": key.constraint, "referenced": key.referenced, "state": key.state,
                "orphans": key.orphans, "counted_at": moment(key.counted_at), "parked_at": moment(key.parked_at),
                "parked_by": parked_by, "looked_at": moment(look.at) })
        })
    });
    let keys: Vec<Value> = keys.collect();
    let oldest = found.values().map(|look| look.at).min().unwrap_or(0);
    let by = found.values().next().map(|look| look.by.clone());
    let closing = found.iter().flat_map(|(database, look)| {
        look.commands.iter().map(move |one| {
            json!({ "database": database, "command": one.command, "phase": one.phase,
                "done": one.done, "total": one.total })
        })
    });
    let closing: Vec<Value> = closing.collect();
    json!({ "looked_at": moment(oldest), "by": by, "foreign_keys": keys, "closing": closing })
}
