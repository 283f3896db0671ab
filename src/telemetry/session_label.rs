//! Which session a line of the log belongs to: its number and the process of its target, added to
//! every line that is logged while its future is polled.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::future::poll_fn;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The session that this thread works for; number 0 is none, process 0 is not known yet.
#[derive(Clone, Copy, Default)]
struct SessionLabel {
    number: u64,
    target_pid: u32,
}

thread_local! {
    static CURRENT: Cell<SessionLabel> = const { Cell::new(SessionLabel { number: 0, target_pid: 0 }) };
}

/// Runs a future whose lines in the log are those of session `number`. Costs two stores a poll.
///
/// # Cancel safety
/// That of the future.
pub async fn in_session<F: Future>(number: u64, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut label = SessionLabel { number, target_pid: 0 };
    poll_fn(|cx| {
        CURRENT.set(label);
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
        CURRENT.set(SessionLabel { target_pid: u32::from_be_bytes(*pid), ..CURRENT.get() });
    }
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
        let label = CURRENT.get();
        if label.number == 0 {
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        label.add(&mut line, self.is_json)?;
        writer.write_str(&line)
    }
}

impl SessionLabel {
    /// Adds it to a whole line.
    fn add(self, line: &mut String, is_json: bool) -> fmt::Result {
        let end = line.trim_end_matches('\n').len();
        line.truncate(end);
        let closes = is_json && line.ends_with('}');
        let (separator, equals) = if closes { (",\"", "\":") } else { (" ", "=") };
        if closes {
            line.pop();
        }
        write!(line, "{separator}session{equals}{}", self.number)?;
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
            SessionLabel { number: 7, target_pid }.add(&mut line, is_json).unwrap();
            line
        };
        assert_eq!(added("INFO x user=a\n", false, 12), "INFO x user=a session=7 target_pid=12\n");
        assert_eq!(added("INFO x\n", false, 0), "INFO x session=7\n");
        let json = added("{\"user\":\"a\"}\n", true, 12);
        assert_eq!(json, "{\"user\":\"a\",\"session\":7,\"target_pid\":12}\n");
    }

    #[tokio::test]
    async fn a_label_is_there_while_its_future_is_polled() {
        let number = || CURRENT.get().number;
        let session = |own| {
            in_session(own, async move {
                set_target_pid(&[0, 0, 0, 9, 1, 1, 1, 1]);
                for _ in 0..3 {
                    assert_eq!((number(), CURRENT.get().target_pid), (own, 9));
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
