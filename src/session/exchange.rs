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
    failed: bool,
}

impl Exchange {
    /// An exchange that begins with the client's startup packet.
    pub fn new(session: Session, startup_packet: &[u8]) -> Exchange {
        let mut to_target = RelayBuffer::default();
        to_target.replace(0, startup_packet);
        let to_client = RelayBuffer::default();
        Exchange { session, to_target, to_client, client_waits: false, failed: false }
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

    /// The client is told, unless it is in the middle of a message.
    fn fail(&mut self, error: &OwnError) {
        tracing::warn!(sqlstate = error.sqlstate, "session ended: {}", error.message);
        if !self.session.target_is_mid_frame() {
            self.to_client.replace(0, &wire::error_response(error, Severity::Fatal));
        }
        self.failed = true;
    }
}
