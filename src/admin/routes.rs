//! Requests and who may send them: the guard, the paths, and what each answers with.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::answers::{HttpQuestion, query_decoded, refusal, unauthorized, with_type};
use super::body::AnswerBody;
use super::guard::Guard;
use super::operator::Operator;
use super::{api, api_tables, dms, events, metrics, orders};

/// The answer to a request.
pub(super) async fn answer(
    request: Request<Incoming>,
    operator: &Arc<Operator>,
    guard: &Guard,
    streams: &Arc<AtomicUsize>,
) -> Result<Response<AnswerBody>, Infallible> {
    let headers = request.headers();
    let accepts = |name: &str| {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains(name))
    };
    if !guard.knows_host(headers.get(header::HOST)) {
        return Ok(refusal(StatusCode::MISDIRECTED_REQUEST, "host", "not a host of this proxy"));
    }
    let asked = HttpQuestion {
        path: request.uri().path().to_owned(),
        query: parameters(request.uri().query().unwrap_or_default()),
        has_token: guard.has_token(headers.get(header::AUTHORIZATION)),
        takes_open_metrics: accepts("application/openmetrics-text"),
        known: headers.get(header::IF_NONE_MATCH).cloned(),
        last_event: headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()),
    };
    if request.method() == Method::POST {
        return Ok(orders::post(request, &asked, operator, guard).await);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(refusal(StatusCode::METHOD_NOT_ALLOWED, "method", "GET and POST are known"));
    }
    if !asked.has_token && Guard::needed(&asked.path) > guard.anonymous {
        return Ok(unauthorized());
    }
    Ok(get(&asked, operator, streams).await)
}

async fn get(
    asked: &HttpQuestion,
    operator: &Arc<Operator>,
    streams: &Arc<AtomicUsize>,
) -> Response<AnswerBody> {
    match asked.path.as_str() {
        "/" => page(asked, "text/html; charset=utf-8", include_str!("page/page.html")),
        "/page.css" => page(asked, "text/css; charset=utf-8", include_str!("page/page.css")),
        "/page.js" => page(asked, "text/javascript; charset=utf-8", include_str!("page/page.js")),
        "/healthz" => {
            let silent = operator.silent_threads();
            match silent.is_empty() {
                true => text(StatusCode::OK, "ok\n".to_owned()),
                false => {
                    let said = format!("no answer for 10 seconds: {}\n", silent.join(", "));
                    text(StatusCode::SERVICE_UNAVAILABLE, said)
                }
            }
        }
        "/readyz" => ready(asked, operator),
        "/metrics" => {
            operator.refresh().await;
            let kind = match asked.takes_open_metrics {
                true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
                false => "text/plain; version=0.0.4; charset=utf-8",
            };
            let page = metrics::page(operator, asked.takes_open_metrics);
            with_type(StatusCode::OK, kind, page.into())
        }
        "/api/events" => events::stream(operator, streams, asked.last_event),
        path if path.starts_with("/api") => {
            operator.refresh().await;
            let found = match (path.strip_prefix("/api/dms/"), path.strip_prefix("/api/tables")) {
                (Some(rest), _) => dms::answer(rest, asked, operator),
                (_, Some("")) => Some(api_tables::list(asked, operator)),
                (_, Some(rest)) => api_tables::one(rest, operator),
                _ => api::answer(asked, operator),
            };
            found.unwrap_or_else(|| {
                refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
            })
        }
        _ => refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"),
    }
}

/// The probe of readiness, as kube-apiserver answers it.
fn ready(asked: &HttpQuestion, operator: &Operator) -> Response<AnswerBody> {
    let excluded: Vec<&str> =
        asked.query.get("exclude").map_or(Vec::new(), |names| names.split(',').collect());
    let checks = operator.readiness();
    let fails = |(name, reason): &&(&str, Option<&str>)| {
        reason.is_some_and(|reason| !excluded.contains(name) && !excluded.contains(&reason))
    };
    let reasons: Vec<&str> =
        checks.iter().filter(fails).filter_map(|(_, reason)| *reason).collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if asked.query.contains_key("verbose") {
        let line = |(name, reason): &(&str, Option<&str>)| {
            if excluded.contains(name) {
                return format!("[+]{name} excluded: ok\n");
            }
            match reason {
                Some(reason) => format!("[-]{name} failed: {reason}\n"),
                None => format!("[+]{name} ok\n"),
            }
        };
        let lines: String = checks.iter().map(line).collect();
        let end =
            if reasons.is_empty() { "readyz check passed\n" } else { "readyz check failed\n" };
        return text(status, lines + end);
    }
    match reasons.is_empty() {
        true => text(status, "ok\n".to_owned()),
        false => text(status, format!("{}\n", reasons.join("\n"))),
    }
}

fn text(status: StatusCode, text: String) -> Response<AnswerBody> {
    with_type(status, "text/plain; charset=utf-8", text.into())
}

/// A file of the page.
fn page(asked: &HttpQuestion, kind: &'static str, text: &'static str) -> Response<AnswerBody> {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
        img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let mut answer = match asked.has(&tag) {
        true => with_type(StatusCode::NOT_MODIFIED, kind, AnswerBody::Whole(None)),
        false => with_type(StatusCode::OK, kind, text.into()),
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
    answer
}

/// The parameters of a query string.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (query_decoded(name), query_decoded(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let found = parameters("table=s.%22T%22&verbose&a=b+c&x=%zz");
        assert_eq!(found["table"], "s.\"T\"");
        assert_eq!((found["verbose"].as_str(), found["a"].as_str()), ("", "b c"));
        assert_eq!(found["x"], "%zz");
    }
}
