//! `/api/tables`: the list, one of them, and lines of CSV.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::answers::{HttpQuestion, decoded, json_answer, refusal, with_type};
use super::api::{envelope, error, fits, moment, number, rewrite, session};
use super::body::AnswerBody;
use super::operator::Operator;
use crate::ledger::Place;
use crate::statistics::{RATE_SECONDS, Table, TableKey, TableState};

/// A table in the words of the list of tables.
pub(super) fn table(key: &TableKey, table: &Table, now: u64) -> Value {
    let counted = &table.counted;
    let rows = |index: usize| {
        let of = counted.rows.iter().filter_map(|phase| phase.get(index));
        number(of.sum::<u64>())
    };
    let (rows_per_second, bytes_per_second) = table.rates();
    let phase = if counted.phase == 1 { "cdc" } else { "full-load" };
    let ended = if table.state(now) == TableState::Loading { 0 } else { table.full_load.1 };
    json!({
        "database": key.database, "schema": key.schema, "table": key.table,
        "state": table.state(now).name(), "phase": phase, "copy_rows": rows(0),
        "insert_rows": rows(1), "update_rows": rows(2), "delete_rows": rows(3),
        "merge_rows": rows(4), "full_load_rows": number(table.full_load_rows()),
        "rolled_back_rows": number(counted.rolled_back),
        "set_aside_rows": number(counted.set_aside),
        "uncommitted_rows": number(table.uncommitted), "ddls": counted.ddls,
        "truncates": counted.truncates, "rewrites": number(counted.rewrites),
        "errors": counted.errors, "bytes": number(counted.bytes.iter().sum()),
        "rows_per_second": rows_per_second, "bytes_per_second": bytes_per_second,
        "first_seen": moment(table.first_seen), "full_load_started": moment(table.full_load.0),
        "full_load_ended": moment(ended), "last_activity": moment(counted.last_activity),
        "last_sqlstate": counted.last_sqlstate, "sessions": table.sessions,
        "estimated_rows": table.estimated_rows.map(number),
    })
}

/// The list of tables.
pub(super) fn list(asked: &HttpQuestion, operator: &Operator) -> Response<AnswerBody> {
    let collected = operator.collected();
    let wanted = |name| asked.parameter(name);
    let mut found: Vec<(&TableKey, &Table)> = collected
        .tables
        .iter()
        .filter(|(key, one)| {
            let whole = format!("{}.{}", key.schema, key.table);
            fits(wanted("database"), &key.database)
                && fits(wanted("schema"), &key.schema)
                && (fits(wanted("table"), &key.table) || fits(wanted("table"), &whole))
                && wanted("state").is_none_or(|states| {
                    let state = one.state(collected.now).name();
                    states.split(',').any(|wanted| wanted == state)
                })
        })
        .collect();
    match wanted("sort").map(|name| name.trim_start_matches('-')) {
        None | Some("name") => {}
        Some(name) => match sort_figure(name) {
            Some(figure) => found.sort_by_key(|(_, one)| std::cmp::Reverse(figure(one))),
            None => {
                return bad_parameter(
                    "sort",
                    "name, rows, bytes, errors, rewrites, ddls, \
                rolled_back_rows, set_aside_rows, rows_per_second, bytes_per_second, first_seen or last_activity",
                );
            }
        },
    }
    let matching = found.len();
    match wanted("limit").map(str::parse) {
        None => {}
        Some(Ok(limit)) => found.truncate(limit),
        Some(Err(_)) => return bad_parameter("limit", "a number"),
    }
    let is_state = |name: &str| TableState::ALL.iter().any(|state| state.name() == name);
    if wanted("state").is_some_and(|states| !states.split(',').all(is_state)) {
        let all = TableState::ALL.map(TableState::name).join(", ");
        return bad_parameter("state", &format!("some of {all}, with commas"));
    }
    if wanted("format").is_some_and(|format| !["json", "csv"].contains(&format)) {
        return bad_parameter("format", "json or csv");
    }
    let rows: Vec<Value> = found.iter().map(|(key, one)| table(key, one, collected.now)).collect();
    drop(collected);
    if wanted("format") == Some("csv") {
        return with_type(StatusCode::OK, "text/csv; charset=utf-8", csv(&rows, COLUMNS).into());
    }
    json_answer(
        StatusCode::OK,
        &envelope(operator, json!({ "tables": rows, "matching": matching })),
    )
}

fn bad_parameter(name: &str, allowed: &str) -> Response<AnswerBody> {
    refusal(StatusCode::BAD_REQUEST, "parameter", &format!("{name} is {allowed}"))
}

/// What tables are sorted by, the most first.
fn sort_figure(name: &str) -> Option<fn(&Table) -> u64> {
    Some(match name {
        "rows" => |one| one.counted.all_rows(),
        "bytes" => |one| one.counted.bytes.iter().sum(),
        "errors" => |one| one.counted.errors,
        "rewrites" => |one| one.counted.rewrites,
        "ddls" => |one| one.counted.ddls,
        "rolled_back_rows" => |one| one.counted.rolled_back,
        "set_aside_rows" => |one| one.counted.set_aside,
        "rows_per_second" => |one| one.rates().0,
        "bytes_per_second" => |one| one.rates().1,
        "first_seen" => |one| one.first_seen,
        "last_activity" => |one| one.counted.last_activity,
        _ => return None,
    })
}

/// The columns of CSV, in the order in which a person reads them.
const COLUMNS: &str = "database schema table state phase copy_rows insert_rows update_rows delete_rows merge_rows \
    full_load_rows rolled_back_rows set_aside_rows uncommitted_rows ddls truncates rewrites errors bytes \
    rows_per_second bytes_per_second first_seen full_load_started full_load_ended last_activity last_sqlstate \
    sessions estimated_rows";

/// Objects with these fields as lines of CSV. Texts are quoted, and none of them begins with what a
/// spreadsheet takes for a formula.
fn csv(rows: &[Value], columns: &str) -> String {
    let columns: Vec<&str> = columns.split_whitespace().collect();
    let mut text = columns.join(",") + "\r\n";
    for row in rows {
        let cell = |column: &&str| match row.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => {
                let is_formula = text.starts_with(['=', '+', '-', '@']);
                let mark = if is_formula { "'" } else { "" };
                format!("\"{mark}{}\"", text.replace('"', "\"\""))
            }
            Some(other) => other.to_string(),
        };
        text.push_str(&columns.iter().map(cell).collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}

/// One table with what is known of it; `path` names database, schema and table.
pub(super) fn one(path: &str, operator: &Operator) -> Option<Response<AnswerBody>> {
    let mut parts = path.strip_prefix('/')?.split('/').map(decoded);
    let key = TableKey { database: parts.next()?, schema: parts.next()?, table: parts.next()? };
    let collected = operator.collected();
    let found = collected.tables.get(&key)?;
    let is_here = |place: &Place| place.schema == key.schema && place.table == key.table;
    let changes = collected
        .rewrites
        .iter()
        .filter(|((database, place), _)| *database == key.database && is_here(place));
    let errors = collected.errors.iter().rev().filter(|error| {
        let [schema, table, ..] = &error.names;
        error.database == key.database && *schema == key.schema && *table == key.table
    });
    let writing = collected
        .sessions
        .iter()
        .filter(|session| session.writes.iter().any(|written| **written == key));
    let mut seconds: Vec<u64> = vec![0; RATE_SECONDS.saturating_sub(found.seconds.len())];
    seconds.extend(found.seconds.iter().map(|(rows, _)| *rows));
    let value = json!({
        "table": table(&key, found, collected.now),
        "rewrites": changes.map(|(place, entry)| rewrite(place, entry)).collect::<Vec<_>>(),
        "errors": errors.take(10).map(error).collect::<Vec<_>>(),
        "sessions": writing.map(session).collect::<Vec<_>>(),
        "rates": seconds,
    });
    drop(collected);
    Some(json_answer(StatusCode::OK, &envelope(operator, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_and_defuses_texts() {
        let rows = [json!({ "a": "x\"y", "b": 1, "c": null, "d": "=1+1" })];
        assert_eq!(csv(&rows, "d a b c"), "d,a,b,c\r\n\"'=1+1\",\"x\"\"y\",1,\r\n");
        assert_eq!(csv(&[], "a b"), "a,b\r\n");
    }
}
