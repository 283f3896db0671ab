//! One client socket and one target socket: reads bytes, gives them to the session, and writes what it
//! lets through. IO and session meet only here; messages are not read here.
//!
//! One task owns all of it. A direction reads only when everything it read before has been written,
//! so a peer that stops reading stops the other one, and memory stays bounded.

mod buffers;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep};

use crate::session::Direction::{ToClient, ToTarget};
use crate::session::Exchange;
use crate::statistics::{Added, Watched};
use crate::stream::Stream;
pub use buffers::BufferPool;
use buffers::{BUFFER_BYTES, poll_read};

/// How long the target may take to answer the last messages of a client that sends no more: long enough for
/// a COMMIT, short enough for an abandoned query.
const CLIENT_GONE_GRACE: Duration = Duration::from_secs(1);

/// How often it is looked whether a client has closed from which nothing is read.
const CLIENT_LOOK_PAUSE: Duration = Duration::from_millis(500);

/// How long a client may take to accept the end of a TLS connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The silence by which a drain tells a session that idles from one between two statements.
const DRAIN_SILENCE: Duration = Duration::from_millis(500);

/// How long a target may take to write down what a session changed that is cut.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a connection that has to stop may take to reach the end of the frame that is being sent to
/// the client, and to send the error.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client sent Terminate, or closed while nothing was running.
    Client,
    /// The client closed while the target was running something for it.
    ClientGone,
    /// The target closed.
    Target,
    /// The proxy closed, with an error to the client.
    Proxy,
    /// The proxy stops, and the session did not end in time.
    Stopped,
}

/// Bytes that were read from the two peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client.
    pub client_bytes: u64,
    /// From the target.
    pub target_bytes: u64,
}

/// A client and its target.
#[derive(Debug)]
pub struct Connection<'a> {
    client: Stream,
    target: Stream,
    exchange: &'a mut Exchange,
    pool: &'a BufferPool,
    traffic: Traffic,
    /// The client sends no more.
    client_ended: bool,
    /// The target has got the end of what the client sends.
    target_told: bool,
    /// The target reads no more; what it still sends is passed on.
    target_deaf: bool,
    /// The proxy stops: nothing more is read from the client.
    stopping: bool,
    /// The session among those that are counted.
    watched: Watched,
    /// The connection ends; only what is left for the client is still written.
    closing: Option<End>,
}

impl<'a> Connection<'a> {
    /// A connection on which nothing has been relayed yet.
    pub fn new(
        client: Stream,
        target: Stream,
        exchange: &'a mut Exchange,
        pool: &'a BufferPool,
    ) -> Connection<'a> {
        Connection {
            client,
            target,
            exchange,
            pool,
            traffic: Traffic::default(),
            client_ended: false,
            target_told: false,
            target_deaf: false,
            stopping: false,
            watched: Watched::default(),
            closing: None,
        }
    }

    /// The same of a session that is counted.
    #[must_use]
    pub fn watched(mut self, watched: Watched) -> Connection<'a> {
        self.watched = watched;
        self
    }

    /// Relays until one of the peers closes, or until `stop` completes; the client then gets an error, between
    /// two frames if one ends soon, what runs is cancelled by `cancel`, which gets the session's key, and what
    /// was changed is written down. Once `drain` completes, a session that idles outside of a transaction is
    /// stopped. Both sockets are closed afterwards.
    ///
    /// # Cancel safety
    /// Dropping the future closes both sockets; bytes in the buffers are lost.
    pub async fn run<C: Future<Output = ()>>(
        mut self,
        stop: impl Future<Output = ()>,
        drain: impl Future<Output = ()>,
        cancel: impl FnOnce(Vec<u8>) -> C,
    ) -> (End, Traffic) {
        let (mut cancel, mut cancelling) = (Some(cancel), None);
        let mut silence = std::pin::pin!(tokio::time::sleep(DRAIN_SILENCE));
        let mut drain = std::pin::pin!(drain);
        // What had been read when the session was last seen to move, once it drains.
        let mut seen = None;
        let mut grace = std::pin::pin!(tokio::time::sleep(CLIENT_GONE_GRACE));
        let mut look = std::pin::pin!(tokio::time::sleep(CLIENT_LOOK_PAUSE));
        let mut stop = std::pin::pin!(stop);
        let end = poll_fn(|cx| {
            if !self.stopping && stop.as_mut().poll(cx).is_ready() {
                self.stopping = true;
                if self.exchange.is_busy() {
                    let key = self.exchange.backend_key().to_vec();
                    cancelling = cancel.take().map(|cancel| Box::pin(cancel(key)));
                }
                self.exchange.stop();
                grace.as_mut().reset(Instant::now() + STOP_TIMEOUT);
            }
            if let Some(future) = &mut cancelling
                && future.as_mut().poll(cx).is_ready()
            {
                cancelling = None;
            }
            if let Poll::Ready(end) = self.poll(cx, grace.as_mut(), look.as_mut()) {
                return Poll::Ready(end);
            }
            if self.stopping || (seen.is_none() && drain.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
            if seen != Some(self.traffic) {
                seen = Some(self.traffic);
                silence.as_mut().reset(Instant::now() + DRAIN_SILENCE);
            }
            if silence.as_mut().poll(cx).is_ready() && self.exchange.is_idle() {
                self.stopping = true;
                self.exchange.stop();
                grace.as_mut().reset(Instant::now() + STOP_TIMEOUT);
                return self.poll(cx, grace.as_mut(), look.as_mut());
            }
            Poll::Pending
        })
        .await;
        if self.client.is_tls() {
            // Without it the client could not tell the end from a broken connection. A client that has closed
            // does not need it.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.client.shutdown()).await;
        }
        (end, self.traffic)
    }

    /// Moves bytes in both directions until neither peer can send or receive more.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut grace: Pin<&mut Sleep>,
        mut look: Pin<&mut Sleep>,
    ) -> Poll<End> {
        loop {
            let had_ended = self.client_ended;
            self.look_for_end(cx, look.as_mut());
            let mut moved = self.read_client(cx);
            moved |= self.write_target(cx);
            moved |= self.read_target(cx);
            let Ok(written) = self.write_client(cx) else { return Poll::Ready(self.client_left()) };
            moved |= written;
            let Ok(flushed) = self.flush(cx) else { return Poll::Ready(self.client_left()) };
            if self.exchange.has_failed() && self.closing.is_none() {
                self.closing = Some(if self.stopping { End::Stopped } else { End::Proxy });
                // What was let through before the failure still goes to the target, as far as the target reads it.
                self.write_target(cx);
            }
            if let Some(end) = self.closing
                && flushed
                && self.exchange.outgoing(ToClient).is_empty()
            {
                let leaves = self.exchange.awaits_ledger();
                if end != End::Stopped || self.target_deaf || !(leaves || self.exchange.leave()) {
                    return Poll::Ready(end);
                }
                if !leaves {
                    grace.as_mut().reset(Instant::now() + LEDGER_TIMEOUT);
                    moved = true;
                }
            }
            if self.client_ended || self.stopping {
                if !self.stopping && (written || !had_ended) {
                    grace.as_mut().reset(Instant::now() + CLIENT_GONE_GRACE);
                }
                if grace.as_mut().poll(cx).is_ready() {
                    let stopped = self.stopping;
                    return Poll::Ready(if stopped { End::Stopped } else { self.client_left() });
                }
            }
            if !moved {
                self.give_back_buffers();
                return Poll::Pending;
            }
        }
    }

    fn client_left(&self) -> End {
        if self.exchange.is_busy() { End::ClientGone } else { End::Client }
    }

    /// A client that waits is still read from, up to one buffer, so that its end is noticed.
    fn waits_unread(&self) -> bool {
        self.exchange.client_waits() && self.exchange.unjudged_bytes() >= BUFFER_BYTES
    }

    /// The end of a client from which nothing is read is behind what it has sent, so it is looked for.
    fn look_for_end(&mut self, cx: &mut Context<'_>, mut look: Pin<&mut Sleep>) {
        while !self.client_ended && self.waits_unread() && look.as_mut().poll(cx).is_ready() {
            look.as_mut().reset(Instant::now() + CLIENT_LOOK_PAUSE);
            self.client_ended = self.client.is_closed_by_peer(cx);
        }
    }

    fn read_client(&mut self, cx: &mut Context<'_>) -> bool {
        let idle = self.client_ended
            || self.stopping
            || self.waits_unread()
            || self.target_deaf
            || self.closing.is_some()
            || !self.exchange.may_read_client();
        if idle {
            return false;
        }
        match poll_read(&mut self.client, self.exchange.buffer(ToTarget), self.pool, cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.traffic.client_bytes += widen(count);
                self.watched.read(Added::ToTarget, widen(count));
                self.exchange.judge_client();
                true
            }
            Poll::Ready(_) => {
                self.client_ended = true;
                self.exchange.on_client_end();
                true
            }
        }
    }

    fn write_target(&mut self, cx: &mut Context<'_>) -> bool {
        if self.exchange.outgoing(ToTarget).is_empty() {
            let waits = self.exchange.holds_for_target() || self.exchange.awaits_ledger();
            if !self.client_ended || waits || self.target_told {
                return false;
            }
            // A target that has closed is noticed by the next read from it.
            self.target_told = Pin::new(&mut self.target).poll_shutdown(cx).is_ready();
            return self.target_told;
        }
        match Pin::new(&mut self.target).poll_write(cx, self.exchange.outgoing(ToTarget)) {
            Poll::Pending => {
                self.watched.held_up(Added::ToTarget);
                return false;
            }
            Poll::Ready(Ok(count)) if count > 0 => {
                self.exchange.mark_sent(ToTarget, count);
                self.watched.written(Added::ToTarget, self.exchange.outgoing(ToTarget));
            }
            Poll::Ready(_) => {
                self.target_deaf = true;
                self.exchange.clear_to_target();
            }
        }
        true
    }

    fn read_target(&mut self, cx: &mut Context<'_>) -> bool {
        let closes = self.closing.is_some() && !self.exchange.awaits_ledger();
        let told = self.target_deaf && self.closing.is_some();
        if closes || told || !self.exchange.outgoing(ToClient).is_empty() {
            return false;
        }
        match poll_read(&mut self.target, self.exchange.buffer(ToClient), self.pool, cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.traffic.target_bytes += widen(count);
                self.watched.read(Added::ToClient, widen(count));
                self.exchange.judge_target();
                true
            }
            Poll::Ready(_) => {
                let client_left = self.client_ended || self.exchange.is_terminated();
                let end = if client_left { End::Client } else { End::Target };
                // One that is stopped waits for no answer any more.
                self.target_deaf |= self.closing.is_some();
                self.closing.get_or_insert(end);
                true
            }
        }
    }

    fn write_client(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.exchange.outgoing(ToClient).is_empty() {
            return Ok(false);
        }
        match Pin::new(&mut self.client).poll_write(cx, self.exchange.outgoing(ToClient)) {
            Poll::Pending => {
                self.watched.held_up(Added::ToClient);
                Ok(false)
            }
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                self.exchange.mark_sent(ToClient, count);
                self.watched.written(Added::ToClient, self.exchange.outgoing(ToClient));
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// Sends what TLS has buffered, which is a bounded amount. Returns whether the client has everything.
    ///
    /// # Errors
    /// The client has closed.
    #[inline]
    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if !self.target_deaf
            && let Poll::Ready(Err(_)) = self.target.poll_flush_rest(cx)
        {
            self.target_deaf = true;
            self.exchange.clear_to_target();
        }
        match self.client.poll_flush_rest(cx) {
            Poll::Ready(flushed) => flushed.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    fn give_back_buffers(&mut self) {
        for direction in [ToTarget, ToClient] {
            let buffer = self.exchange.buffer(direction);
            if buffer.is_empty() && buffer.capacity() > 0 {
                self.pool.put_back(buffer.detach());
            }
        }
    }
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
