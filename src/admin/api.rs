//! `/api`: the figures in JSON. Every answer says of which proxy it is, and since when it counts.

use std::collections::BTreeMap;

use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answers::{HttpQuestion, json_answer, with_type};
use super::body::AnswerBody;
use super::life::{LifePhase, ReloadOutcome};
use super::operator::{Operator, lock};
use super::time::rfc3339;
use super::{found, glob};
use crate::ledger::{Entry, Place};
use crate::mapping::json_table;
use crate::statistics::{Collected, ErrorEntry, Histogram, OwnKind, SessionView};
use crate::wire::condition_name;

/// The largest integer that every reader of JSON keeps exactly.
const EXACT_MAX: u64 = 1 << 53;

/// A number, as a text where readers of JSON would lose digits.
pub(super) fn number(value: u64) -> Value {
    if value > EXACT_MAX { Value::from(value.to_string()) } else { Value::from(value) }
}

/// A moment; null for never.
pub(super) fn moment(micros: u64) -> Value {
    if micros == 0 { Value::Null } else { Value::from(rfc3339(micros)) }
}

/// A text; null for an empty one.
fn optional(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

/// What every answer has, with what one has of its own.
pub(super) fn envelope(operator: &Operator, own: Value) -> Value {
    let mut all = Map::new();
    all.insert("schema_version".into(), Value::from(1));
    all.insert("at".into(), Value::from(rfc3339(super::operator::now_micros())));
    all.insert("instance".into(), Value::from(operator.instance()));
    all.insert("started_at".into(), Value::from(rfc3339(operator.started)));
    if let Value::Object(own) = own {
        all.extend(own);
    }
    Value::Object(all)
}

/// The answer to a path below `/api`; `None` where there is nothing.
pub(super) fn answer(asked: &HttpQuestion, operator: &Operator) -> Option<Response<AnswerBody>> {
    let path = asked.path.strip_prefix("/api")?.trim_start_matches('/');
    let value = match path {
        "" => index(),
        "overview" => overview(operator),
        "sessions" => sessions(operator),
        "rewrites" => rewrites(asked, operator),
        "errors" => {
            let collected = operator.collected();
            json!({ "errors": collected.errors.iter().rev().map(error).collect::<Vec<_>>() })
        }
        "foreign-keys" => found::foreign_keys(operator),
        "latency" => latency(operator),
        "config" => config(operator),
        "mapping" => mapping(operator),
        "version" => json!({
            "version": env!("CARGO_PKG_VERSION"),
            "commit": option_env!("DMS_PROXY_COMMIT"),
            "built_with": env!("DMS_PROXY_RUSTC"),
            "features": ["console", "http"],
        }),
        "openapi.json" => {
            let text = include_str!("openapi.json");
            return Some(with_type(StatusCode::OK, "application/json", text.into()));
        }
        _ => return None,
    };
    Some(json_answer(StatusCode::OK, &envelope(operator, value)))
}

fn index() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "links": [
            "/api/overview", "/api/tables", "/api/sessions", "/api/rewrites", "/api/errors",
            "/api/foreign-keys", "/api/latency", "/api/config", "/api/mapping", "/api/version",
            "/api/events", "/api/openapi.json", "/api/dms/table-statistics",
            "/api/dms/replication-task", "/metrics", "/healthz", "/readyz",
        ],
    })
}

/// The sums over all tables and sessions.
pub(super) fn totals(collected: &Collected) -> Value {
    let mut by_state: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut rows, mut bytes, mut rates) = (0, 0, (0, 0));
    let (mut rewrites, mut rolled_back, mut uncommitted) = (0, 0, 0);
    for table in collected.tables.values() {
        *by_state.entry(table.state(collected.now).name()).or_default() += 1;
        rows += table.counted.all_rows();
        bytes += table.counted.bytes.iter().sum::<u64>();
        let rate = table.rates();
        rates = (rates.0 + rate.0, rates.1 + rate.1);
        rolled_back += table.counted.rolled_back;
        uncommitted += table.uncommitted;
    }
    for entry in collected.rewrites.values() {
        rewrites += entry.count;
    }
    let errors: u64 = collected.databases.values().flat_map(|totals| totals.errors.values()).sum();
    let mut added = Histogram::default();
    collected.added.iter().for_each(|histogram| added.merge(histogram));
    json!({
        "tables": collected.tables.len(), "tables_by_state": by_state, "rows": number(rows),
        "rows_per_second": rates.0, "bytes": number(bytes), "bytes_per_second": rates.1,
        "rewrites": number(rewrites), "rolled_back_rows": number(rolled_back),
        "uncommitted_rows": number(uncommitted), "errors": number(errors),
        "sessions": collected.sessions.len(),
        "added_p50_seconds": added.quantile(0.5).map(as_seconds),
        "added_p99_seconds": added.quantile(0.99).map(as_seconds),
    })
}

fn as_seconds(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "bounds of buckets")]
    let micros = micros as f64;
    micros / 1e6
}

/// Where the proxy stands in its life, in a word.
pub(super) fn state(operator: &Operator) -> &'static str {
    let held = operator.life.held();
    match held.phase {
        LifePhase::Starting => "starting",
        LifePhase::Draining => "draining",
        LifePhase::Running if held.is_paused => "paused",
        LifePhase::Running => "running",
    }
}

/// The target, as it was last seen.
pub(super) fn target(operator: &Operator) -> Value {
    let health = operator.health();
    json!({
        "address": operator.target_name, "up": health.up, "since": moment(health.since),
        "version": optional(&health.version),
        "connect_ms": health.connect_ms, "last_error": optional(&health.last_error),
        "embedded_by_default": operator.embedded_by_default, "tls": operator.target_tls(),
    })
}

fn overview(operator: &Operator) -> Value {
    let (file, level) = operator.config_file_and_level();
    let reload = lock(&operator.reload).clone();
    let not_silenced = operator.collected().passed.last().copied().unwrap_or(0);
    let (unwritten, failures) = operator.common.ledger.unwritten();
    json!({
        "state": state(operator), "listens": *lock(&operator.listens),
        "totals": totals(&operator.collected()), "target": target(operator),
        "limits": { "clients": operator.clients_limit() },
        "config": {
            "file": file, "read_at": moment(reload.at), "last_reload_successful": reload.successful,
        },
        "warnings": operator.warnings, "log_level": level,
        "foreign_keys_not_silenced": not_silenced,
        "ledger": { "unwritten_entries": unwritten, "write_failures": failures },
    })
}

/// A session in the words of the list of sessions.
pub(super) fn session(session: &SessionView) -> Value {
    let (facts, totals, shown) = (&session.facts, &session.totals, &session.shown);
    let statement_table = session.statement_table.as_ref().map(|key| {
        if key.schema.is_empty() {
            key.table.clone()
        } else {
            format!("{}.{}", key.schema, key.table)
        }
    });
    json!({
        "id": facts.id, "user": facts.user, "database": facts.database,
        "application_name": facts.application_name, "client_addr": optional(&facts.client_addr),
        "client_port": facts.client_port, "tls": facts.tls, "state": session.state,
        "phase": shown.phase, "fk": shown.fk, "rewrite": shown.rewrite,
        "table_prep": shown.table_prep, "connected_at": moment(facts.connected_at),
        "state_since": moment(session.state_since),
        "transaction_since": moment(session.transaction_since),
        "statement": { "kind": session.statement_kind, "table": statement_table },
        "rows": number(totals.rows), "uncommitted_rows": number(session.uncommitted_rows),
        "bytes_received": number(totals.bytes_received), "bytes_sent": number(totals.bytes_sent),
        "copy_bytes": number(totals.copy_bytes), "statements": totals.statements,
        "transactions": totals.transactions, "rewrites": number(totals.rewrites),
        "errors": totals.errors, "last_sqlstate": optional(&session.last_sqlstate),
        "target_pid": facts.target_pid,
    })
}

fn sessions(operator: &Operator) -> Value {
    let collected = operator.collected();
    json!({ "sessions": collected.sessions.iter().map(session).collect::<Vec<_>>() })
}

/// Whether a name fits a pattern with `*`; without a pattern every name does.
pub(super) fn fits(pattern: Option<&str>, name: &str) -> bool {
    pattern.is_none_or(|pattern| glob::fits(pattern, name))
}

/// A change in the words of the list of changes.
pub(super) fn rewrite((database, place): &(String, Place), entry: &Entry) -> Value {
    let (before, after) = entry.types();
    json!({
        "database": database, "schema": place.schema, "table": place.table,
        "column": place.column, "rule": place.rule, "road": place.road.name(), "count": number(entry.count),
        "first_seen": moment(entry.first_seconds * 1_000_000),
        "last_seen": moment(entry.last_seconds * 1_000_000), "before": before, "after": after,
    })
}

fn rewrites(asked: &HttpQuestion, operator: &Operator) -> Value {
    let collected = operator.collected();
    let found = collected.rewrites.iter().filter(|((database, place), _)| {
        let whole = format!("{}.{}", place.schema, place.table);
        fits(asked.parameter("database"), database)
            && fits(asked.parameter("rule"), &place.rule)
            && (fits(asked.parameter("table"), &place.table)
                || fits(asked.parameter("table"), &whole))
    });
    let with_samples = |(key, entry): (&(String, Place), &Entry)| {
        let mut one = rewrite(key, entry);
        // Samples may be values, which are for those who have the token.
        let shows = asked.has_token && operator.shows_samples();
        if let Some(one) = one.as_object_mut().filter(|_| shows) {
            one.insert("samples".into(), json!(entry.samples));
        }
        one
    };
    json!({ "rewrites": found.map(with_samples).collect::<Vec<_>>() })
}

/// An error in the words of the list of errors.
pub(super) fn error(error: &ErrorEntry) -> Value {
    let [schema, table, column, constraint] = &error.names;
    json!({
        "at": moment(error.at), "session": error.session, "user": error.user,
        "database": error.database, "sqlstate": error.sqlstate,
        "condition": condition_name(&error.sqlstate), "origin": error.origin.name(),
        "schema": optional(schema), "table": optional(table), "column": optional(column),
        "constraint": optional(constraint),
    })
}

fn latency(operator: &Operator) -> Value {
    let collected = operator.collected();
    let buckets = |histogram: &Histogram| {
        let list: Vec<Value> = histogram
            .cumulative(0, u64::MAX)
            .map(|(bound, count)| json!({ "le": as_seconds(bound), "count": count }))
            .collect();
        json!({ "buckets": list, "count": histogram.count,
            "sum_seconds": as_seconds(histogram.sum_micros) })
    };
    let added = ["to_target", "to_client"].into_iter().zip(&collected.added);
    let own = OwnKind::NAMES.into_iter().zip(&collected.own);
    let list = |pairs: Vec<(&str, &Histogram)>| {
        pairs
            .into_iter()
            .map(|(name, histogram)| (name.to_owned(), buckets(histogram)))
            .collect::<Map<String, Value>>()
    };
    json!({ "added": list(added.collect()), "own_statements": list(own.collect()) })
}

fn config(operator: &Operator) -> Value {
    let rows: Vec<Value> = operator
        .config_rows()
        .into_iter()
        .map(|row| {
            json!({ "key": row.key, "value": row.value, "default": row.default,
                "source": row.source, "changeable": row.changeable })
        })
        .collect();
    let ReloadOutcome { changed, needs_restart } = operator.last_reload();
    json!({ "config": rows, "changed": changed, "needs_restart": needs_restart })
}

fn mapping(operator: &Operator) -> Value {
    let mapping = operator.mapping();
    let collected = operator.collected();
    let count = |rule: &str| {
        let of = collected.rewrites.iter().filter(|((_, place), _)| place.rule == rule);
        number(of.map(|(_, entry)| entry.count).sum())
    };
    let text = json_table(&mapping).unwrap_or_default();
    let mut rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    for (row, rule) in rows.iter_mut().zip(mapping.rules()) {
        if let Some(row) = row.as_object_mut() {
            row.insert("count".into(), count(&rule.id));
        }
    }
    json!({ "source": mapping.options().source, "mapping": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_those_of_javascript_are_texts() {
        assert_eq!(number(1 << 53), json!(9_007_199_254_740_992_u64));
        assert_eq!(number((1 << 53) + 1), json!("9007199254740993"));
    }
}
