//! One session of a sequence: what is sent, and what the peer says to it.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::by_design;
use super::message::Message;
use super::random::Random;
use super::sequence::Sequence;
use crate::support::{Body, Endpoint, Frame};

/// What a session has brought.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The replies that are compared, a line each.
    pub lines: Vec<String>,
    /// How many replies there were at each [`Message::Wait`], and how many of them ReadyForQuery.
    pub at_waits: Vec<(usize, usize)>,
    /// The peer did not say in time what it should have said, or did not close.
    pub timed_out: bool,
}

/// A server that is asked directly and has been silent for so long has nothing more to say. A shorter
/// time makes a sequence less of a test, not a false one.
const SILENCE: Duration = Duration::from_millis(12);

/// Plays a sequence. With `expected`, what the server has said to it, a [`Message::Wait`] ends with as
/// many replies as there; without, it ends when the server is silent.
pub fn play(
    endpoint: &Endpoint,
    sequence: &Sequence,
    expected: Option<&Said>,
    timeout: Duration,
) -> Said {
    let mut session = Session::log_in(endpoint, timeout, &sequence.policies);
    let mut random = Random::new(sequence.cuts);
    let mut burst = Vec::new();
    let mut waits = expected.map(|said| said.at_waits.iter().copied());
    for message in &sequence.messages {
        if *message != Message::Wait {
            burst.extend(message.bytes());
            session.unanswered += usize::from(message.asks_for_ready());
            continue;
        }
        session.send(&std::mem::take(&mut burst), sequence.cuts, &mut random);
        let in_time = match &mut waits {
            Some(counts) => session.wait_for(counts.next().unwrap_or_default()),
            None => session.wait_for_silence(),
        };
        if !in_time {
            return session.end(true);
        }
    }
    // The Sync brings what the server has not sent yet; a Terminate alone would not.
    burst.extend(Message::Sync.bytes());
    if by_design::compares_last_settings(&sequence.policies) {
        burst.extend(Message::Query(b"ROLLBACK".to_vec()).bytes());
    }
    burst.extend(b"X\0\0\0\x04");
    session.send(&burst, sequence.cuts, &mut random);
    let closed = session.wait_until(|heard, _| heard.closed.then_some(true));
    session.end(!closed)
}

#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    /// The tags of all frames that count.
    tags: Vec<u8>,
    /// The settings that were told: what they were at login, and what they are.
    settings: BTreeMap<String, [String; 2]>,
    closed: bool,
    last_at: Option<Instant>,
}

impl Heard {
    fn ready(&self) -> usize {
        self.tags.iter().filter(|tag| **tag == b'Z').count()
    }
}

type Shared = Arc<(Mutex<Heard>, Condvar)>;

struct Session {
    stream: TcpStream,
    heard: Shared,
    timeout: Duration,
    /// Messages sent that may bring a ReadyForQuery, for which none has been waited.
    unanswered: usize,
    /// How many frames have been looked at.
    seen: usize,
    at_waits: Vec<(usize, usize)>,
}

impl Session {
    fn log_in(endpoint: &Endpoint, timeout: Duration, policies: &str) -> Session {
        let mut stream = TcpStream::connect(endpoint.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(timeout)).unwrap();
        let body = Body::default().int32(196_608).string("user").string(&endpoint.user);
        let body = body.string("database").string(&endpoint.database).bytes([0]);
        let length = i32::try_from(body.0.len() + 4).unwrap();
        stream.write_all(&Body::default().int32(length).bytes(body.0).0).unwrap();
        let heard = Shared::default();
        let (reads, hears) = (stream.try_clone().unwrap(), Arc::clone(&heard));
        let policies = policies.to_owned();
        thread::spawn(move || listen(reads, &hears, &policies));
        let session =
            Session { stream, heard, timeout, unanswered: 0, seen: 0, at_waits: Vec::new() };
        // What a login brings is a matter of other tests.
        session.wait_until(|heard, _| (heard.closed || heard.tags.contains(&b'Z')).then_some(true));
        let mut heard = session.heard.0.lock().unwrap();
        heard.lines.clear();
        heard.tags.clear();
        heard.settings.values_mut().for_each(|[first, last]| first.clone_from(last));
        drop(heard);
        session
    }

    /// Sends bytes, in pieces if the stream is to be cut. A peer that has closed does not matter: what
    /// it has said is compared.
    fn send(&mut self, bytes: &[u8], cuts: u64, random: &mut Random) {
        let mut at: Vec<usize> = match cuts {
            0 => Vec::new(),
            _ => (0..random.below(7)).map(|_| random.below(bytes.len() + 1)).collect(),
        };
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        at.dedup();
        for ends in at.windows(2) {
            if self.stream.write_all(&bytes[ends[0]..ends[1]]).is_err() {
                return;
            }
            if ends[1] < bytes.len() {
                thread::sleep(Duration::from_micros(300));
            }
        }
    }

    /// Waits for a condition that is given the time since the last frame; false after the time limit.
    fn wait_until(&self, done: impl Fn(&Heard, Duration) -> Option<bool>) -> bool {
        let begin = Instant::now();
        let mut heard = self.heard.0.lock().unwrap();
        loop {
            let since = heard.last_at.map_or(begin, |at| at.max(begin)).elapsed();
            if let Some(result) = done(&heard, since) {
                return result;
            }
            if begin.elapsed() > self.timeout {
                return false;
            }
            heard = self.heard.1.wait_timeout(heard, SILENCE / 2).unwrap().0;
        }
    }

    /// Waits until the server can have nothing more to say.
    fn wait_for_silence(&mut self) -> bool {
        let (seen, unanswered) = (self.seen, self.unanswered);
        let in_time = self.wait_until(|heard, silent| {
            let new = &heard.tags[seen..];
            let ready = new.iter().filter(|tag| **tag == b'Z').count();
            let done = match new.last() {
                // A server that waits for rows says nothing else, but for an error of which it is told.
                Some(b'G') => true,
                Some(b'Z') => ready >= unanswered,
                _ => false,
            };
            (done || heard.closed || silent > SILENCE).then_some(true)
        });
        self.unanswered = 0;
        self.note_wait();
        in_time
    }

    /// Waits for so many replies. As many times ReadyForQuery as there do as well: a session that says
    /// less in between differs, but need not be waited for.
    fn wait_for(&mut self, (replies, ready): (usize, usize)) -> bool {
        let in_time = self.wait_until(|heard, _| {
            let ends = heard.tags.last() == Some(&b'Z');
            let done = heard.tags.len() >= replies || (ends && heard.ready() >= ready.max(1));
            (heard.closed || done).then_some(true)
        });
        self.note_wait();
        in_time
    }

    fn note_wait(&mut self) {
        let heard = self.heard.0.lock().unwrap();
        self.seen = heard.tags.len();
        self.at_waits.push((heard.tags.len(), heard.ready()));
    }

    fn end(self, timed_out: bool) -> Said {
        // Ends the listener, too.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let mut heard = self.heard.0.lock().unwrap();
        let mut lines = std::mem::take(&mut heard.lines);
        let changed = heard.settings.iter().filter(|(_, [first, last])| first != last);
        lines.extend(changed.map(|(name, [_, last])| format!("-- {name} is {last}")));
        drop(heard);
        Said { lines, at_waits: self.at_waits, timed_out }
    }
}

fn listen(stream: TcpStream, heard: &Shared, policies: &str) {
    let mut stream = BufReader::new(stream);
    while let Some(frame) = read_frame(&mut stream) {
        let line = line(&frame).and_then(|line| by_design::compared(policies, line));
        let Some(line) = line else { continue };
        let mut now = heard.0.lock().unwrap();
        if frame.tag == b'S' && by_design::compares_last_settings(policies) {
            let setting = line.split_once(' ').unwrap_or_default().1;
            let (name, value) = setting.split_once('=').unwrap_or_default();
            now.settings.entry(name.to_owned()).or_default()[1] = value.to_owned();
            continue;
        }
        now.lines.push(line);
        now.tags.push(frame.tag);
        now.last_at = Some(Instant::now());
        heard.1.notify_all();
    }
    heard.0.lock().unwrap().closed = true;
    heard.1.notify_all();
}

fn read_frame(stream: &mut impl Read) -> Option<Frame> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let [tag, length @ ..] = head;
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
    stream.read_exact(&mut body).ok()?;
    Some(Frame { tag, body })
}

/// A frame as a line, without what may differ; `None` for what only the proxy says.
fn line(frame: &Frame) -> Option<String> {
    let text = frame.to_string();
    match frame.tag {
        b'K' => None,
        // The proxy's own warnings, which tell of values and of foreign keys.
        b'N' if ["C=\"01000\"", "C=\"42501\""].iter().any(|code| text.contains(code)) => None,
        // A message that cannot be one: the proxy says so, the server may close at once.
        b'E' if text.contains("V=\"FATAL\" C=\"08P01\"") => None,
        // Whose message it was that came in between: the session ends either way.
        b'E' if text.contains("unexpected message type 0x") => {
            let (before, after) = text.split_once(" type 0x").unwrap_or_default();
            Some(format!("{before} type ??{}", after.get(2..).unwrap_or_default()))
        }
        _ => Some(text),
    }
}
