//! `/api/dms`: the figures in the words of AWS DMS, so that what reads those reads these.
//!
//! Source: AWS DMS API reference, "DescribeTableStatistics" and "ReplicationTaskStats".

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::answers::{HttpQuestion, json_answer, refusal};
use super::body::AnswerBody;
use super::glob;
use super::operator::Operator;
use crate::statistics::{Table, TableKey, TableState};

/// Tables of one answer, by default; and how few and how many may be asked for.
const RECORDS: usize = 100;
const RECORDS_MIN: usize = 20;
const RECORDS_MAX: usize = 500;

/// The answer to a path below `/api/dms`; `None` where there is nothing.
pub(super) fn answer(
    path: &str,
    asked: &HttpQuestion,
    operator: &Operator,
) -> Option<Response<AnswerBody>> {
    match path {
        "table-statistics" => Some(table_statistics(asked, operator)),
        "replication-task" => {
            Some(json_answer(StatusCode::OK, &json!({ "ReplicationTask": task(operator) })))
        }
        _ => None,
    }
}

fn task_arn(operator: &Operator) -> String {
    format!("arn:dms-proxy:{}", operator.instance())
}

fn table_statistics(asked: &HttpQuestion, operator: &Operator) -> Response<AnswerBody> {
    let wanted = asked.parameter("max-records").map(str::parse::<usize>);
    let records = match wanted {
        None => RECORDS,
        Some(Ok(count)) if (RECORDS_MIN..=RECORDS_MAX).contains(&count) => count,
        Some(_) => {
            let message = format!("max-records is from {RECORDS_MIN} to {RECORDS_MAX}");
            return refusal(StatusCode::BAD_REQUEST, "InvalidParameterValue", &message);
        }
    };
    let fits = |name: &str, value: &str| {
        asked.parameter(name).is_none_or(|pattern| glob::is_like(pattern, value))
    };
    let state = asked.parameter("table-state");
    let collected = operator.collected();
    let marker = asked.parameter("marker").unwrap_or("");
    let mut found = collected
        .tables
        .iter()
        .filter(|(key, table)| {
            fits("schema-name", &key.schema)
                && fits("table-name", &key.table)
                && state.is_none_or(|state| {
                    table.state(collected.now).dms_name().eq_ignore_ascii_case(state)
                })
        })
        .skip_while(|(key, _)| !marker.is_empty() && mark(key).as_str() <= marker);
    let page: Vec<_> = found.by_ref().take(records).collect();
    let more = found.next().is_some();
    let statistics: Vec<Value> =
        page.iter().map(|(key, table)| statistic(key, table, collected.now)).collect();
    let mut answer = json!({
        "ReplicationTaskArn": task_arn(operator), "TableStatistics": statistics,
    });
    let last = page.last().filter(|_| more);
    if let (Some(answer), Some((key, _))) = (answer.as_object_mut(), last) {
        answer.insert("Marker".into(), Value::from(mark(key)));
    }
    json_answer(StatusCode::OK, &answer)
}

/// Where an answer ends, so that the next one goes on behind it. In the order of the tables.
fn mark(key: &TableKey) -> String {
    [&key.database, &key.schema, &key.table].map(|part| part.replace('\u{1}', "")).join("\u{1}")
}

/// Seconds since 1970 with milliseconds.
fn epoch(micros: u64) -> Value {
    if micros == 0 {
        return Value::Null;
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
    let millis = (micros / 1000) as f64;
    Value::from(millis / 1000.0)
}

fn statistic(key: &TableKey, table: &Table, now: u64) -> Value {
    let counted = &table.counted;
    let rows = |phase: usize, index: usize| {
        counted.rows.get(phase).and_then(|rows| rows.get(index)).copied().unwrap_or(0)
    };
    // Full load counts its own rows; inserts, updates and deletes are changes.
    let inserts = rows(1, 0) + rows(1, 1);
    let updates = rows(0, 2) + rows(1, 2) + rows(0, 4) + rows(1, 4);
    let deletes = rows(0, 3) + rows(1, 3);
    let state = table.state(now);
    let ended = if state == TableState::Loading { 0 } else { table.full_load.1 };
    let mut value = json!({
        "SchemaName": key.schema, "TableName": key.table, "Inserts": inserts, "Deletes": deletes,
        "Updates": updates, "Ddls": counted.ddls, "AppliedInserts": inserts,
        "AppliedDeletes": deletes, "AppliedUpdates": updates, "AppliedDdls": counted.ddls,
        "FullLoadRows": table.full_load_rows(), "FullLoadCondtnlChkFailedRows": 0,
        "FullLoadErrorRows": counted.errors, "FullLoadStartTime": epoch(table.full_load.0),
        "FullLoadEndTime": epoch(ended), "FullLoadReloaded": table.reloads > 0,
        "LastUpdateTime": epoch(counted.last_activity), "TableState": state.dms_name(),
        "ValidationPendingRecords": 0, "ValidationFailedRecords": 0,
        "ValidationSuspendedRecords": 0, "ValidationState": "Not enabled",
        "ValidationStateDetails": "",
    });
    if let Some(value) = value.as_object_mut() {
        // As the tool of AWS does, times that are not there are left out.
        value.retain(|_, field| !field.is_null());
    }
    value
}

fn task(operator: &Operator) -> Value {
    let collected = operator.collected();
    let count = |states: &[TableState]| {
        let of = collected.tables.values().filter(|one| states.contains(&one.state(collected.now)));
        of.count()
    };
    let loading = count(&[TableState::Loading, TableState::Reloading]);
    let loaded = count(&[TableState::Idle, TableState::Changing]);
    let (queued, errored) = (count(&[TableState::New]), count(&[TableState::Error]));
    let all = loading + loaded + queued + errored;
    let status = match super::api::state(operator) {
        "starting" => "starting",
        "draining" => "stopping",
        "paused" => "stopped",
        _ => "running",
    };
    let elapsed = collected.now.saturating_sub(operator.started) / 1000;
    json!({
        "ReplicationTaskIdentifier": operator.instance(),
        "ReplicationTaskArn": task_arn(operator), "Status": status,
        "ReplicationTaskStats": {
            "FullLoadProgressPercent": (loaded * 100).checked_div(all).unwrap_or(0),
            "ElapsedTimeMillis": elapsed, "TablesLoaded": loaded, "TablesLoading": loading,
            "TablesQueued": queued, "TablesErrored": errored,
            "FreshStartDate": epoch(operator.started), "StartDate": epoch(operator.started),
        },
    })
}
