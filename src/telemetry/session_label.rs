//! Which session a line of the log belongs to: its number, the process of its target and who its client is,
//! added to every line that is logged while its future is polled. Figures by name go the same way, because a
//! field of a line has one value.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::future::poll_fn;
use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Figures by name, under the name of their field.
pub(super) type NamedFigures = Vec<(&'static str, Vec<(String, u64)>)>;

/// Who the client of a session is, fit for the log: `client`, `user`, `database`, `application`.
pub type ClientNames = [(&'static str, String); 4];

/// The session that this thread works for; number 0 is none, process 0 is not known yet.
#[derive(Clone, Default)]
struct SessionLabel {
    number: u64,
    target_pid: u32,
    names: Option<Arc<ClientNames>>,
    figures: NamedFigures,
}

thread_local! {
    static CURRENT: RefCell<SessionLabel> = RefCell::default();
}

/// Runs a future whose lines in the log are those of session `number`. Costs two moves a poll.
///
/// # Cancel safety
/// That of the future.
pub async fn in_session<F: Future>(number: u64, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut label = SessionLabel { number, ..SessionLabel::default() };
    poll_fn(|cx| {
        CURRENT.set(std::mem::take(&mut label));
        let polled = future.as_mut().poll(cx);
        label = CURRENT.take();
        polled
    })
    .await
}

/// Names the target's process of the session that is being polled. `backend_key` is the body of its
/// BackendKeyData; one that is too short names none.
pub fn set_target_pid(backend_key: &[u8]) {
    if let Some(pid) = backend_key.first_chunk() {
        CURRENT.with_borrow_mut(|label| label.target_pid = u32::from_be_bytes(*pid));
    }
}

/// Says who the client of the session is that is being polled.
pub fn set_client_names(names: ClientNames) {
    CURRENT.with_borrow_mut(|label| label.names = Some(Arc::new(names)));
}

/// Logs lines that have these figures.
pub(super) fn with_figures(figures: NamedFigures, log: impl FnOnce()) {
    CURRENT.with_borrow_mut(|label| label.figures = figures);
    log();
    CURRENT.with_borrow_mut(|label| label.figures.clear());
}

/// A format of lines with the label of the session at the end.
pub(super) struct WithLabel<E> {
    pub(super) format: E,
    pub(super) is_json: bool,
}

impl<S, N, E> FormatEvent<S, N> for WithLabel<E>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let label = CURRENT.with_borrow(SessionLabel::clone);
        if label.number == 0 && label.figures.is_empty() {
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        label.add(&mut line, self.is_json)?;
        writer.write_str(&line)
    }
}

impl SessionLabel {
    /// Adds it to a whole line; what the line says itself stays.
    fn add(&self, line: &mut String, is_json: bool) -> fmt::Result {
        let end = line.trim_end_matches('\n').len();
        line.truncate(end);
        let closes = is_json && line.ends_with('}');
        if closes {
            line.pop();
        }
        for (name, value) in self.names.iter().flat_map(|names| names.iter()) {
            let said = if closes { format!("\"{name}\":") } else { format!(" {name}=") };
            if !value.is_empty() && !line.contains(&said) {
                let value =
                    if closes { serde_json::json!(value).to_string() } else { value.clone() };
                write!(line, "{}{said}{value}", if closes { "," } else { "" })?;
            }
        }
        for (name, figures) in &self.figures {
            let (separator, quote) = if closes { (",", "\"") } else { (" ", "") };
            let equals = if closes { ":" } else { "=" };
            write!(line, "{separator}{quote}{name}{quote}{equals}{{")?;
            for (index, (of, count)) in figures.iter().enumerate() {
                let separator = if index > 0 { "," } else { "" };
                write!(line, "{separator}{quote}{of}{quote}:{count}")?;
            }
            line.push('}');
        }
        let (separator, equals) = if closes { (",\"", "\":") } else { (" ", "=") };
        if self.number != 0 {
            write!(line, "{separator}session{equals}{}", self.number)?;
        }
        if self.target_pid != 0 {
            write!(line, "{separator}target_pid{equals}{}", self.target_pid)?;
        }
        line.push_str(if closes { "}\n" } else { "\n" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gets_its_label_in_either_format() {
        let added = |line: &str, is_json, target_pid| {
            let mut line = line.to_owned();
            let names = ["client", "user", "database", "application"].map(|name| {
                (name, if name == "user" { "a \"b\"".to_owned() } else { String::new() })
            });
            let figures = vec![("errors", vec![("42703".to_owned(), 2), ("22012".to_owned(), 1)])];
            let names = Some(Arc::new(names));
            SessionLabel { number: 7, target_pid, names, figures }.add(&mut line, is_json).unwrap();
            line
        };
        let figures = "errors={42703:2,22012:1}";
        let line = format!("INFO x user=a {figures} session=7 target_pid=12\n");
        assert_eq!(added("INFO x user=a\n", false, 12), line);
        let line = format!("INFO x user=a \"b\" {figures} session=7\n");
        assert_eq!(added("INFO x\n", false, 0), line);
        let json = added("{\"event\":\"a\"}\n", true, 12);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!({ "event": "a", "user": "a \"b\"", "session": 7,
            "target_pid": 12, "errors": { "42703": 2, "22012": 1 } });
        assert_eq!(json, expected);
    }

    #[tokio::test]
    async fn a_label_is_there_while_its_future_is_polled() {
        let number = || CURRENT.with_borrow(|label| label.number);
        let session = |own| {
            in_session(own, async move {
                set_target_pid(&[0, 0, 0, 9, 1, 1, 1, 1]);
                for _ in 0..3 {
                    let pid = CURRENT.with_borrow(|label| label.target_pid);
                    assert_eq!((number(), pid), (own, 9));
                    tokio::task::yield_now().await;
                }
            })
        };
        tokio::join!(session(1), session(2), async {
            for _ in 0..3 {
                assert_eq!(number(), 0);
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(number(), 0);
    }
}
