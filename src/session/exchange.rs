//! A session between its two buffers: bytes that arrived are judged, what may go on is outgoing.
//! Still free of IO, so that whole conversations are tested without a network.

use super::{Session, Step};
use crate::wire::{self, OwnError, RelayBuffer, Severity};

/// A session and the bytes on their way through it.
#[derive(Debug)]
pub struct Exchange {
    /// The session.
    pub session: Session,
    /// From the client to the target.
    pub to_target: RelayBuffer,
    /// From the target to the client.
    pub to_client: RelayBuffer,
    client_waits: bool,
    stopping: bool,
    failed: bool,
}

impl Exchange {
    /// An exchange that begins with the client's startup packet.
    pub fn new(session: Session, startup_packet: &[u8]) -> Exchange {
        let mut to_target = RelayBuffer::default();
        to_target.replace(0, startup_packet);
        let to_client = RelayBuffer::default();
        Exchange {
            session,
            to_target,
            to_client,
            client_waits: false,
            stopping: false,
            failed: false,
        }
    }

    /// Whether nothing more may be read from the client before the target has spoken.
    pub fn client_waits(&self) -> bool {
        self.client_waits
    }

    /// Whether the session cannot go on; the client's error is outgoing.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Judges what was read from the client.
    pub fn judge_client(&mut self) {
        self.client_waits = false;
        while self.to_target.unjudged_bytes() > 0 && !self.failed {
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
        if self.stopping {
            return self.judge_target_to_stop();
        }
        while self.to_client.unjudged_bytes() > 0 && !self.failed {
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
        self.stopping = true;
        self.judge_target();
    }

    /// Nothing goes to the client any more but the rest of a frame and the reason.
    fn judge_target_to_stop(&mut self) {
        if self.failed {
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
        self.failed = true;
    }
}
