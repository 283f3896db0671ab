//! `POST /api/admin`: what an operator asks for by HTTP, always with the token.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::answers::{HttpQuestion, json_answer, refusal, unauthorized};
use super::api;
use super::body::AnswerBody;
use super::guard::Guard;
use super::life::{Order, ReloadOutcome};
use super::operator::Operator;

/// Bytes of the body of a request.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// How long it may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The answer to an order.
pub(super) async fn post(
    request: Request<Incoming>,
    asked: &HttpQuestion,
    operator: &Operator,
    guard: &Guard,
) -> Response<AnswerBody> {
    if !guard.has_token_file() {
        let message = "orders need admin.token_file";
        return refusal(StatusCode::FORBIDDEN, "no_token_file", message);
    }
    if !asked.has_token {
        return unauthorized();
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_none_or(|kind| !kind.starts_with("application/json")) {
        let message = "the Content-Type is application/json";
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message);
    }
    let body = match order_body(request).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let (Ok(database), Ok(table)) = (named(&body, "database"), named(&body, "table")) else {
        let message = "the names of a database and of a table are texts";
        return refusal(StatusCode::BAD_REQUEST, "body", message);
    };
    let life = &operator.life;
    match asked.path.strip_prefix("/api/admin/").unwrap_or_default() {
        "reload" => {
            let (reloaded, outcome) = oneshot::channel();
            life.order(Order::Reload(reloaded));
            match outcome.await {
                Ok(Ok(done)) => done_with(operator, {
                    let ReloadOutcome { changed, needs_restart } = done;
                    json!({ "changed": changed, "needs_restart": needs_restart })
                }),
                Ok(Err(error)) => refusal(StatusCode::CONFLICT, "reload_failed", &error),
                Err(_) => refusal(StatusCode::CONFLICT, "draining", "the proxy is ending"),
            }
        }
        "pause" => {
            operator.pause(database, true);
            done_with(operator, json!({}))
        }
        "resume" => {
            operator.pause(database, false);
            done_with(operator, json!({}))
        }
        "drain" => match life.order(Order::Drain) {
            true => done_with(operator, json!({})),
            false => refusal(StatusCode::CONFLICT, "draining", "the proxy is ending"),
        },
        "reset-stats" => {
            operator.collected().reset(table);
            done_with(operator, json!({}))
        }
        path => {
            let number = path.strip_prefix("sessions/").and_then(|rest| rest.strip_suffix("/kill"));
            match number.map(str::parse::<u64>) {
                Some(Ok(id)) if life.kill(id) => done_with(operator, json!({ "session": id })),
                Some(Ok(_)) => {
                    refusal(StatusCode::NOT_FOUND, "no_session", "no session has this number")
                }
                _ => refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"),
            }
        }
    }
}

/// A name in the body of an order.
fn named<'b>(body: &'b Value, key: &str) -> Result<Option<&'b str>, ()> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(name) => name.as_str().map(Some).ok_or(()),
    }
}

/// The body of an order: an object, or nothing.
async fn order_body(request: Request<Incoming>) -> Result<Value, Response<AnswerBody>> {
    let body = http_body_util::Limited::new(request.into_body(), BODY_BYTES_MAX);
    let body = tokio::time::timeout(BODY_TIMEOUT, http_body_util::BodyExt::collect(body)).await;
    let Ok(body) = body else {
        let message = "the body did not come within 10 seconds";
        return Err(refusal(StatusCode::REQUEST_TIMEOUT, "body", message));
    };
    let Ok(body) = body else {
        let message = "the body is longer than 4 KiB";
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "body", message));
    };
    let body = body.to_bytes();
    if body.is_empty() {
        return Ok(Value::Null);
    }
    // What cannot be read may have named one database, and is not taken for all of them.
    let read = serde_json::from_slice(&body).ok();
    read.filter(Value::is_object).ok_or_else(|| {
        refusal(StatusCode::BAD_REQUEST, "body", "the body is an object of JSON, or empty")
    })
}

fn done_with(operator: &Operator, more: Value) -> Response<AnswerBody> {
    let mut value = json!({ "ok": true });
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    json_answer(StatusCode::OK, &api::envelope(operator, value))
}
