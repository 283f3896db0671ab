//! Lines of the log on their way out, written by a thread of their own: a reader that is slow, or
//! gone, or a disk that is full does not hold up sessions. Does not know what a line says.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that wait for a slow reader; more of them are lost, and counted.
const WAITING_LINES_MAX: usize = 4096;

/// The way out; cheap to clone.
#[derive(Clone, Debug)]
pub struct LogLines {
    waiting: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    /// All that were lost since the start.
    lost_in_all: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Is told when everything before it has been written.
    Written(SyncSender<()>),
}

impl LogLines {
    /// Starts the thread. It ends with the last clone.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<LogLines> {
        let (waiting, messages) = sync_channel(WAITING_LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(to, &messages, &counted))?;
        Ok(LogLines { waiting, lost, lost_in_all: Arc::default() })
    }

    /// Lines that were lost since the start, as it goes on.
    pub fn lost_in_all(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost_in_all)
    }

    /// Waits until everything logged so far has been written, at most for `timeout`. For the end of the
    /// program: blocks.
    pub fn flush(&self, timeout: Duration) {
        let (written, wait) = sync_channel(1);
        if self.waiting.try_send(Message::Written(written)).is_ok() {
            // Written, or the time is over.
            let _ = wait.recv_timeout(timeout);
        }
    }
}

/// One call is one line. Does not fail: an error about the log could not be logged.
impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.waiting.try_send(Message::Line(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                self.lost_in_all.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(mut to: impl Write, messages: &Receiver<Message>, lost: &AtomicU64) {
    for message in messages {
        let line = match message {
            Message::Line(line) => line,
            Message::Written(written) => {
                // Whoever has waited may have given up.
                let _ = written.send(());
                continue;
            }
        };
        if to.write_all(&line).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let lines = lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(
                event = "log_lines_lost",
                lines,
                "lines of the log were lost: nobody took them, or the disk is full"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    const LONG: Duration = Duration::from_secs(30);

    /// Takes a line only when it is told to, and may refuse it.
    struct Slow {
        allowed: Receiver<io::Result<()>>,
        written: Written,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.allowed.recv().unwrap_or(Ok(()))?;
            self.written.lock().unwrap().extend(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Written = Arc<Mutex<Vec<u8>>>;

    fn slow() -> (LogLines, Sender<io::Result<()>>, Written) {
        let (allow, allowed) = channel();
        let written = Written::default();
        let lines = LogLines::start(Slow { allowed, written: Arc::clone(&written) }).unwrap();
        (lines, allow, written)
    }

    #[test]
    fn a_reader_that_takes_nothing_holds_up_nobody() {
        let (mut lines, allow, written) = slow();
        for _ in 0..WAITING_LINES_MAX + 10 {
            lines.write_all(b"line\n").unwrap();
        }
        let lost = lines.lost.load(Ordering::Relaxed);
        // The thread may hold one that it cannot get rid of.
        assert!((9..=10).contains(&lost), "{lost}");
        lines.flush(Duration::from_millis(1));
        drop(allow);
        while written.lock().unwrap().len() < WAITING_LINES_MAX * 5 {
            std::thread::yield_now();
        }
        lines.flush(LONG);
        assert_eq!(lines.lost.load(Ordering::Relaxed), 0, "they have been spoken of");
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_alone() {
        let (mut lines, allow, written) = slow();
        allow.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        drop(allow);
        lines.write_all(b"one\n").unwrap();
        lines.write_all(b"two\n").unwrap();
        lines.flush(LONG);
        assert_eq!(*written.lock().unwrap(), b"two\n");
    }
}
