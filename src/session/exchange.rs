//! A session between its two buffers: bytes that arrived are judged, what may go on is outgoing.
//! Still free of IO, so that whole conversations are tested without a network.

use super::{Session, Step};
use crate::wire::{self, OwnError, RelayBuffer, Severity};

/// A session and the bytes on their way through it.
#[derive(Debug)]
pub struct Exchange {
    session: Session,
    /// From the client to the target.
    to_target: RelayBuffer,
    /// From the target to the client.
    to_client: RelayBuffer,
    client_waits: bool,
    state: ExchangeState,
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExchangeState {
    /// It goes on.
    Open,
    /// The proxy stops.
    Stopping,
    /// It has ended; the client's error is outgoing.
    Failed,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToTarget,
    /// From the target.
    ToClient,
}

impl Exchange {
    /// An exchange in which nothing has been said yet.
    pub fn new(session: Session) -> Exchange {
        Exchange {
            session,
            to_target: RelayBuffer::default(),
            to_client: RelayBuffer::default(),
            client_waits: false,
            state: ExchangeState::Open,
        }
    }

    /// The buffer of a direction: what is read goes into it, what is outgoing is written from it.
    pub fn buffer(&mut self, direction: Direction) -> &mut RelayBuffer {
        match direction {
            Direction::ToTarget => &mut self.to_target,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// The bytes that may be written to the peer at the end of a direction.
    pub fn outgoing(&self, direction: Direction) -> &[u8] {
        match direction {
            Direction::ToTarget => self.to_target.outgoing(),
            Direction::ToClient => self.to_client.outgoing(),
        }
    }

    /// Bytes of the client that wait to be judged.
    pub fn unjudged_bytes(&self) -> usize {
        self.to_target.unjudged_bytes()
    }

    /// Whether the target works on something that the client has asked for.
    pub fn is_busy(&self) -> bool {
        self.session.is_busy()
    }

    /// Whether the client has sent Terminate.
    pub fn is_terminated(&self) -> bool {
        self.session.is_terminated()
    }

    /// The body of the BackendKeyData; empty before login.
    pub fn backend_key(&self) -> &[u8] {
        self.session.backend_key()
    }

    /// Whether the target is in the middle of a frame, where nothing can be put between.
    pub fn target_is_mid_frame(&self) -> bool {
        self.session.target_is_mid_frame()
    }

    /// What the target has said before its connection was handed over.
    pub fn target_said(&mut self, bytes: &[u8]) {
        self.to_client.extend(bytes);
        self.judge_target();
    }

    /// Ends the exchange, and with it the session.
    pub fn end(mut self) -> Session {
        self.session.end();
        self.session
    }

    /// Whether nothing more may be read from the client before the target has spoken.
    pub fn client_waits(&self) -> bool {
        self.client_waits
    }

    /// Whether the session cannot go on; the client's error is outgoing.
    pub fn has_failed(&self) -> bool {
        self.state == ExchangeState::Failed
    }

    /// Judges what was read from the client.
    pub fn judge_client(&mut self) {
        self.client_waits = false;
        while self.to_target.unjudged_bytes() > 0 && !self.has_failed() {
            match self.session.on_client(self.to_target.unjudged()) {
                Ok(Step::Pass(count)) => self.to_target.pass(count),
                Ok(Step::Replace(count, bytes)) => self.to_target.replace(count, &bytes),
                Ok(Step::NeedMore) => return,
                Ok(Step::Wait) => {
                    self.client_waits = true;
                    return;
                }
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Judges what was read from the target.
    pub fn judge_target(&mut self) {
        if self.state == ExchangeState::Stopping {
            return self.judge_target_to_stop();
        }
        while self.to_client.unjudged_bytes() > 0 && !self.has_failed() {
            match self.session.on_target(self.to_client.unjudged()) {
                Ok(Step::Pass(count)) => self.to_client.pass(count),
                Ok(Step::Replace(count, bytes)) => self.to_client.replace(count, &bytes),
                Ok(Step::NeedMore | Step::Wait) => break,
                Err(error) => self.fail(&error),
            }
        }
        let own = self.session.take_own_to_target();
        if !own.is_empty() {
            self.to_target.replace(0, &own);
        }
        if self.client_waits {
            self.judge_client();
        }
    }

    /// The proxy stops: ends the session where the frame ends that is on its way to the client, at
    /// once if there is none. The client is told as the server would tell it, but in a relay, where
    /// nobody knows where a frame ends.
    pub fn stop(&mut self) {
        if !self.has_failed() {
            self.state = ExchangeState::Stopping;
        }
        self.judge_target();
    }

    /// Nothing goes to the client any more but the rest of a frame and the reason.
    fn judge_target_to_stop(&mut self) {
        if self.has_failed() {
            return;
        }
        let count = self.session.finish_target_frame(self.to_client.unjudged_bytes());
        self.to_client.pass(count);
        if self.session.target_is_mid_frame() {
            return;
        }
        let message = "terminating connection due to administrator command";
        let error = OwnError::new("57P01", message)
            .with_hint("The proxy was stopped; this session outlasted limits.drain_timeout.");
        self.tell_and_end(&error);
    }

    fn fail(&mut self, error: &OwnError) {
        tracing::warn!(sqlstate = error.sqlstate, "session ended: {}", error.message);
        self.tell_and_end(error);
    }

    /// The client is told, unless it is in the middle of a message.
    fn tell_and_end(&mut self, error: &OwnError) {
        if !self.session.target_is_mid_frame() && !self.session.is_relay() {
            self.to_client.replace(0, &wire::error_response(error, Severity::Fatal));
        }
        self.state = ExchangeState::Failed;
    }
}
