//! Questions and answers of HTTP, as all paths share them.

use std::collections::BTreeMap;

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::AnswerBody;

/// What a request is, as far as answers need it.
#[derive(Debug)]
pub(super) struct HttpQuestion {
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) has_token: bool,
    /// It prefers OpenMetrics.
    pub(super) takes_open_metrics: bool,
    /// The tags of answers that the client has.
    pub(super) known: Option<HeaderValue>,
    /// The last event that it has seen.
    pub(super) last_event: Option<u64>,
}

impl HttpQuestion {
    /// Whether the client has the answer with this tag.
    pub(super) fn has(&self, tag: &str) -> bool {
        let known = self.known.as_ref().and_then(|tags| tags.to_str().ok()).unwrap_or_default();
        let mut tags = known.split(',').map(|one| one.trim().trim_start_matches("W/"));
        tags.any(|one| one == tag || one == "*")
    }

    /// A parameter that is there and not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// An answer in JSON.
pub(super) fn json_answer(status: StatusCode, value: &Value) -> Response<AnswerBody> {
    with_type(status, "application/json", format!("{value}\n").into())
}

/// An answer that is a failure.
pub(super) fn refusal(status: StatusCode, error: &str, message: &str) -> Response<AnswerBody> {
    json_answer(status, &json!({ "error": error, "message": message }))
}

/// The answer to who has no token.
pub(super) fn unauthorized() -> Response<AnswerBody> {
    let message = "a bearer token is needed, that of admin.token_file";
    let mut answer = refusal(StatusCode::UNAUTHORIZED, "unauthorized", message);
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// An answer with this type of content.
pub(super) fn with_type(
    status: StatusCode,
    kind: &'static str,
    body: AnswerBody,
) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// A name or value of a query string, where `+` is a blank.
pub(super) fn query_decoded(text: &str) -> String {
    decoded(&text.replace('+', " "))
}

/// A part of a path without its percent signs.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = after.get(2..).unwrap_or_default();
                    }
                    None => bytes.push(b'%'),
                }
            }
            byte => bytes.push(byte),
        }
    }
    // What is not UTF-8 names nothing.
    String::from_utf8(bytes).unwrap_or_default()
}
