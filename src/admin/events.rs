//! `/api/events`: what has changed, once a second, as server-sent events.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::statistics::{GoneSince, TableKey};

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
    /// Sessions as they were told.
    sessions: BTreeMap<u64, Value>,
    state: &'static str,
    /// What has gone while it was away.
    gone: GoneSince,
}

/// A stream of events. One that goes on behind the event `last` gets what has changed since, if that is not
/// too long ago.
pub(super) fn stream(
    operator: &Arc<Operator>,
    streams: &Arc<AtomicUsize>,
    last: Option<u64>,
) -> Response<AnswerBody> {
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
        let _ = send(&operator, &events, last).await;
    });
    with_type(StatusCode::OK, "text/event-stream", AnswerBody::Events(body))
}

async fn send(
    operator: &Operator,
    events: &mpsc::Sender<Bytes>,
    last: Option<u64>,
) -> Option<Infallible> {
    let known = last.and_then(|last| SubscriberView::as_of(last, operator));
    let hello = json!({
        "version": env!("CARGO_PKG_VERSION"), "instance": operator.instance(),
        "started_at": rfc3339(operator.started), "goes_on": known.is_some(),
    });
    put(events, format!("retry: 2000\nevent: hello\ndata: {hello}\n\n"))?;
    let mut seen = known.unwrap_or_default();
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
    /// That of a subscriber who has seen all up to a collection; `None` where it is not known any more.
    fn as_of(step: u64, operator: &Operator) -> Option<SubscriberView> {
        let collected = operator.collected();
        let gone = collected.gone_since(step)?;
        let tables = collected.tables.keys().cloned().collect();
        Some(SubscriberView { step, tables, gone, ..SubscriberView::default() })
    }

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
        let missing = std::mem::take(&mut self.gone);
        let gone = self.tables.iter().filter(|key| !collected.tables.contains_key(*key));
        let gone: Vec<Value> = missing.tables.iter().chain(gone).map(name).collect();
        let all = collected.sessions.iter();
        let here: BTreeMap<u64, Value> =
            all.map(|session| (session.facts.id, api::session(session))).collect();
        let is_told = |(id, session): &(&u64, &Value)| self.sessions.get(id) == Some(session);
        let sessions: Vec<&Value> =
            here.iter().filter(|one| !is_told(one)).map(|(_, session)| session).collect();
        let left = self.sessions.keys().filter(|id| !here.contains_key(id));
        let ended: Vec<u64> = missing.sessions.iter().chain(left).copied().collect();
        self.tables = collected.tables.keys().cloned().collect();
        self.step = collected.step;
        let stats = json!({
            "seq": collected.step, "at": rfc3339(now), "totals": api::totals(&collected),
            "target": api::target(operator), "tables": tables, "gone": gone,
            "sessions": sessions, "ended": ended,
        });
        self.sessions = here;
        (collected.step, stats)
    }
}
