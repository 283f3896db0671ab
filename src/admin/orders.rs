//! `POST /api/admin`: what an operator asks for by HTTP, always with the token.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::answers::{HttpQuestion, json_answer, refusal, unauthorized};
use super::api;
use super::body::AnswerBody;
use super::guard::Guard;
use super::life::Order;
use super::operator::Operator;

/// Bytes of the body of a request.
const BODY_BYTES_MAX: usize = 4 * 1024;

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
    let body = http_body_util::Limited::new(request.into_body(), BODY_BYTES_MAX);
    let Ok(body) = http_body_util::BodyExt::collect(body).await else {
        let message = "the body is longer than 4 KiB";
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "body", message);
    };
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    let database = body.get("database").and_then(Value::as_str);
    let life = &operator.life;
    match asked.path.strip_prefix("/api/admin/").unwrap_or_default() {
        "reload" => {
            let (reloaded, outcome) = oneshot::channel();
            life.order(Order::Reload(reloaded));
            match outcome.await {
                Ok(Ok(done)) => done_with(operator, json!({ "needs_restart": done.needs_restart })),
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
            operator.collected().reset(body.get("table").and_then(Value::as_str));
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

fn done_with(operator: &Operator, more: Value) -> Response<AnswerBody> {
    let mut value = json!({ "ok": true });
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    json_answer(StatusCode::OK, &api::envelope(operator, value))
}
