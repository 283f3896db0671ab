//! `/api/events`: what has changed, once a second, as server-sent events.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answers::{refusal, with_type};
use super::body::AnswerBody;
use super::operator::Operator;
use super::time::rfc3339;
use super::{api, api_tables};
use crate::statistics::TableKey;

/// Streams of events at a time.
const STREAMS_MAX: usize = 32;

/// Events that wait for a slow subscriber, who then loses the stream.
const WAITING_MAX: usize = 4;

/// Seconds between comments that keep a silent stream open.
const COMMENT_SECONDS: u64 = 15;

/// One of the streams that there may be; none when dropped.
struct Subscriber(Arc<AtomicUsize>);

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a subscriber has seen.
#[derive(Default)]
struct SubscriberView {
    step: u64,
    tables: BTreeSet<TableKey>,
    sessions: BTreeSet<u64>,
    state: &'static str,
}

/// A stream of events.
pub(super) fn stream(operator: &Arc<Operator>, streams: &Arc<AtomicUsize>) -> Response<AnswerBody> {
    if streams.fetch_add(1, Ordering::AcqRel) >= STREAMS_MAX {
        streams.fetch_sub(1, Ordering::AcqRel);
        let message = "there are 32 streams already";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "streams", message);
    }
    let (events, body) = mpsc::channel(WAITING_MAX);
    let (operator, subscriber) = (Arc::clone(operator), Subscriber(Arc::clone(streams)));
    tokio::spawn(async move {
        let _subscriber = subscriber;
        // It ends when the subscriber is gone or too slow.
        let _ = send(&operator, &events).await;
    });
    with_type(StatusCode::OK, "text/event-stream", AnswerBody::Events(body))
}

async fn send(operator: &Operator, events: &mpsc::Sender<Bytes>) -> Option<Infallible> {
    let hello = json!({
        "version": env!("CARGO_PKG_VERSION"), "instance": operator.instance(),
        "started_at": rfc3339(operator.started),
    });
    put(events, format!("retry: 2000\nevent: hello\ndata: {hello}\n\n"))?;
    let mut seen = SubscriberView::default();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for count in 1_u64.. {
        tokio::select! {
            _ = seconds.tick() => {}
            () = events.closed() => return None,
        }
        let state = api::state(operator);
        if std::mem::replace(&mut seen.state, state) != state {
            put(events, format!("event: state\ndata: {}\n\n", json!({ "state": state })))?;
        }
        let (number, stats) = seen.changes(operator);
        put(events, format!("id: {number}\nevent: stats\ndata: {stats}\n\n"))?;
        if count % COMMENT_SECONDS == 0 {
            put(events, ": still here\n\n".to_owned())?;
        }
    }
    None
}

fn put(events: &mpsc::Sender<Bytes>, event: String) -> Option<()> {
    events.try_send(Bytes::from(event)).ok()
}

impl SubscriberView {
    /// What has changed since the last time; all of it the first time.
    fn changes(&mut self, operator: &Operator) -> (u64, Value) {
        let collected = operator.collected();
        let now = collected.now;
        let is_new = |key: &TableKey| !self.tables.contains(key);
        let tables: Vec<Value> = collected
            .tables
            .iter()
            .filter(|(key, table)| table.changed > self.step || is_new(key))
            .map(|(key, table)| {
                let mut value = api_tables::table(key, table, now);
                if let Some(value) = value.as_object_mut() {
                    let rates = table.seconds.iter().map(|(rows, _)| *rows).collect::<Vec<_>>();
                    value.insert("rates".into(), json!(rates));
                }
                value
            })
            .collect();
        let name = |key: &TableKey| json!([key.database, key.schema, key.table]);
        let gone: Vec<Value> = self
            .tables
            .iter()
            .filter(|key| !collected.tables.contains_key(*key))
            .map(name)
            .collect();
        let sessions: Vec<Value> = collected.sessions.iter().map(api::session).collect();
        let here: BTreeSet<u64> =
            collected.sessions.iter().map(|session| session.facts.id).collect();
        let ended: Vec<u64> = self.sessions.difference(&here).copied().collect();
        self.sessions = here;
        self.tables = collected.tables.keys().cloned().collect();
        self.step = collected.step;
        let stats = json!({
            "seq": collected.step, "at": rfc3339(now), "totals": api::totals(&collected),
            "target": api::target(operator), "tables": tables, "gone": gone,
            "sessions": sessions, "ended": ended,
        });
        (collected.step, stats)
    }
}
