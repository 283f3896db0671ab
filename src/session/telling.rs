//! What those who count are told of a session: messages, errors, questions. Reads what there is; changes nothing.

use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::ask::Question;
use super::replies::{Expected, Request};
use super::report::Report;
use crate::statistics::{CountedStatement, ErrorOrigin, OwnKind, Watched};
use crate::wire::{self, Head, OwnError};

/// A frame of this peer is looked at, maybe again once more of it has arrived.
#[inline]
pub(super) fn frame(from: &'static str, head: Head) {
    // One look in place of a call: this is on the path of each frame.
    if LevelFilter::current() == LevelFilter::TRACE {
        trace_frame(from, head);
    }
}

#[cold]
fn trace_frame(from: &'static str, head: Head) {
    tracing::trace!(from, tag = %char::from(head.tag).escape_default(), length = head.frame_bytes, "frame");
}

/// A message goes to the target, which owes this for it.
pub(super) fn sent(watched: Watched, expected: &Expected, head: Head) {
    sent_about(watched, expected.request, expected.subject(), head);
}

/// A message that means nothing to the proxy goes to the target.
#[inline]
pub(super) fn passed(watched: Watched, request: Request, head: Head) {
    if watched.is_counted() {
        sent_about(watched, request, None, head);
    }
}

fn sent_about(watched: Watched, request: Request, subject: Option<&CountedStatement>, head: Head) {
    match request {
        Request::Parse => watched.on_parse(),
        Request::Bind => watched.on_bind(head.body_bytes()),
        Request::Query | Request::Execute | Request::FunctionCall => watched.on_sent(subject, 0),
        _ => {}
    }
}

/// The client is told an error of the target's with this body, while this is at work.
pub(super) fn error(report: &mut Report, body: &[u8], subject: Option<&CountedStatement>) {
    let watched = report.watched;
    let sqlstate = wire::error_field(body, b'C').map(wire::printable).unwrap_or_default();
    report.counts.count_error(&sqlstate);
    if watched.is_counted() || tracing::enabled!(Level::DEBUG) {
        let field = |code| wire::error_field(body, code).map(wire::printable);
        let fields = [b'C', b's', b't', b'c', b'n'].map(|code| field(code).unwrap_or_default());
        told(watched, ErrorOrigin::Target, fields.each_ref().map(String::as_str), subject);
    }
}

/// The client is told an error of the proxy's.
pub(super) fn own_error(report: &mut Report, error: &OwnError, subject: Option<&CountedStatement>) {
    let watched = report.watched;
    report.counts.count_error(error.sqlstate);
    let about = error.about.as_deref();
    let name = |name: Option<&Option<String>>| name.and_then(Option::clone).unwrap_or_default();
    let schema = name(about.map(|about| &about.schema));
    let table = name(about.map(|about| &about.table));
    let column = name(about.map(|about| &about.column));
    told(watched, ErrorOrigin::Proxy, [error.sqlstate, &schema, &table, &column, ""], subject);
}

/// The message is left out: it may quote values.
fn told(
    watched: Watched,
    origin: ErrorOrigin,
    fields: [&str; 5],
    subject: Option<&CountedStatement>,
) {
    let [sqlstate, schema, table, column, constraint] = fields.map(wire::logged);
    let origin_name = origin.name();
    tracing::debug!(
        event = "statement_failed",
        kind = subject.map(|subject| subject.kind).unwrap_or_default().name(),
        %sqlstate,
        condition = wire::condition_name(&sqlstate),
        origin = origin_name,
        %schema,
        %table,
        %column,
        %constraint,
        "a statement failed"
    );
    watched.on_error(origin, fields, subject);
}

/// A command with this tag is complete.
pub(super) fn completed(watched: Watched, tag: &[u8], subject: Option<&CountedStatement>) {
    if tag.starts_with(b"COPY ") && tracing::enabled!(Level::DEBUG) {
        let table = subject.and_then(|subject| subject.tables.first());
        let table =
            table.map(|key| wire::logged(&format!("{}.{}", key.schema, key.table)).to_string());
        let copy = watched.copy();
        tracing::debug!(
            event = "copy_ended",
            table,
            rows = wire::command_rows(tag),
            bytes = copy.map(|copy| copy.bytes),
            duration_ms = copy.map(|copy| copy.micros / 1000),
            rewrites = copy.map(|copy| copy.rewrites),
            "a COPY ended"
        );
    }
}

/// The kind under which the time of a question is counted.
pub(super) fn own_kind(question: &Question) -> Option<OwnKind> {
    Some(match question {
        Question::Settle(_) | Question::Lexing => OwnKind::Settings,
        Question::Catalog(_) | Question::Trial(_) => OwnKind::Columns,
        Question::Parameters(_) | Question::TypesOf { .. } => OwnKind::Describe,
        Question::Park { .. } | Question::ParkKeys { .. } => OwnKind::ForeignKeys,
        Question::Ledger(_) => OwnKind::Ledger,
        Question::Probe(_) => return None,
    })
}
