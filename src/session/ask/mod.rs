//! One question of the proxy's own on its way in the client's session. Knows how questions travel and
//! where their answers end; may not know what is done with an answer.
//!
//! ```text
//!            ask(question, delivery)                last frame, by delivery
//!    Idle --------------------------> Asked ----------------------------------> answered
//!     ^                                |                                           |
//!     |  on_dropped: an error of       |                    its part asks the next, or is done
//!     '--the client's pipeline --------'
//! ```

mod delivery;
pub(super) mod parking;
pub(super) mod question;
pub(super) mod role;
pub(super) mod settle;
pub(super) mod settling;
pub(super) mod trial;

use crate::encoding::Encoding;
use crate::wire::{Answer, OwnError};

pub(super) use delivery::{Delivery, Seen};
pub(super) use question::Question;

/// How often a question that settles is asked again when it is cancelled. A time limit of milliseconds
/// would cancel it each time.
const TRIES_MAX: u8 = 3;

/// The SQLSTATE of a statement that its client or a time limit has cancelled.
///
/// Source: PostgreSQL manual, "PostgreSQL Error Codes", query_canceled.
pub(super) const CANCELLED: &str = "57014";

/// One question at a time: the client's frames wait for it.
#[derive(Debug)]
pub(super) struct Asking {
    stage: AskingStage,
    /// What the client's next message fails with: a question was cancelled in its place.
    fails: Option<String>,
    /// Frames of ours that go before what the client sends next.
    outgoing: Vec<u8>,
    /// The name of our statement and portal, which no client has.
    name: String,
}

/// How far a question is.
#[derive(Debug)]
enum AskingStage {
    /// None is asked.
    Idle,
    /// It is on its way.
    Asked(Box<Asked>),
    /// It has failed in the client's pipeline, so the message that waits is skipped with it.
    Swept,
}

/// A question on its way, or with the whole of its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    delivery: Delivery,
    seen: Seen,
    pub(super) answer: Answer,
    /// How often it was asked before.
    tries: u8,
    /// A message of the client's waits for the answer.
    client_waits: bool,
}

/// What becomes of a question that was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// It was not.
    No,
    /// It is asked again.
    Again,
    /// It stays unanswered; what waits for it fails.
    Failed,
}

impl Asked {
    /// How a question travels that follows this one.
    pub(super) fn next_delivery(&self) -> Delivery {
        match self.delivery {
            Delivery::Describe => Delivery::Pipeline,
            delivery => delivery,
        }
    }
}

impl Asking {
    /// An `Asking` whose statements and portals have this name.
    pub(super) fn new(name: String) -> Asking {
        Asking { stage: AskingStage::Idle, fails: None, outgoing: Vec::new(), name }
    }

    /// The name of our statements and portals. Nothing has it while no question is on its way.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The frames that ask a server of this major version in a session that speaks `encoding`. The caller
    /// notes the answer that the target owes.
    pub(super) fn ask(
        &mut self,
        question: Question,
        delivery: Delivery,
        server_major: u32,
        encoding: Encoding,
    ) -> Vec<u8> {
        debug_assert!(!self.is_asked(), "a question is asked while another is on its way");
        let answer = Answer::catching(question.caught());
        let sql = question.sql(server_major, encoding);
        let frames = delivery.frames(&sql, question.statement(), &self.name);
        self.stage = AskingStage::Asked(Box::new(Asked {
            question,
            delivery,
            seen: Seen::default(),
            answer,
            tries: 0,
            client_waits: false,
        }));
        frames
    }

    /// The question that is on its way follows one that is answered: what waited for that waits for this.
    pub(super) fn follow(&mut self, answered: &Asked) {
        if let AskingStage::Asked(asked) = &mut self.stage {
            asked.client_waits = answered.client_waits;
            asked.tries = answered.tries;
        }
    }

    /// Decides over an answer that may say that the question was cancelled. `aborted` says that the
    /// transaction has failed with it: then nothing can be asked again.
    pub(super) fn on_cancelled(&mut self, answered: &mut Asked, aborted: bool) -> Cancelled {
        let failure = answered.answer.failure.as_ref();
        let Some(failure) = failure.filter(|failure| failure.sqlstate == CANCELLED) else {
            return Cancelled::No;
        };
        if matches!(answered.question, Question::Ledger(_)) && answered.tries < TRIES_MAX {
            // It was meant for what the session ran before: a COPY that waits for rows takes no notice of it.
            answered.tries += 1;
            return Cancelled::Again;
        }
        if !answered.question.is_asked_for_the_client() {
            return Cancelled::No;
        }
        // Where nothing waits it came too late, as it may without a proxy; but a transaction that
        // it has aborted must not be taken for one that goes on.
        let settles = answered.question.settles();
        if !settles || answered.client_waits || aborted {
            self.fails = Some(failure.message.clone());
        }
        if !settles || aborted || answered.tries >= TRIES_MAX {
            return Cancelled::Failed;
        }
        answered.tries += 1;
        answered.client_waits = false;
        Cancelled::Again
    }

    /// How the question that is on its way travels.
    pub(super) fn delivery(&self) -> Option<Delivery> {
        self.asked().map(|asked| asked.delivery)
    }

    /// Whether a probe is on its way.
    pub(super) fn is_probing(&self) -> bool {
        self.delivery() == Some(Delivery::Probe)
    }

    /// The tag of the message in whose place a probe is on its way.
    pub(super) fn probed_tag(&self) -> Option<u8> {
        match self.asked()?.question {
            Question::Probe(frame_tag) => Some(frame_tag),
            _ => None,
        }
    }

    /// Whether a question is on its way.
    pub(super) fn is_asked(&self) -> bool {
        self.asked().is_some()
    }

    /// The question that is on its way.
    fn asked(&self) -> Option<&Asked> {
        match &self.stage {
            AskingStage::Asked(asked) => Some(asked),
            AskingStage::Idle | AskingStage::Swept => None,
        }
    }

    /// A message of the client's waits for the answer.
    pub(super) fn note_waiting(&mut self) {
        if let AskingStage::Asked(asked) = &mut self.stage {
            asked.client_waits = true;
        }
    }

    /// A frame of the answer; gives the whole of it once it is there.
    ///
    /// # Errors
    /// The answer is longer than that of any question.
    pub(super) fn on_frame(
        &mut self,
        frame_tag: u8,
        body: &[u8],
    ) -> Result<Option<Asked>, OwnError> {
        let AskingStage::Asked(asked) = &mut self.stage else { return Ok(None) };
        asked.answer.on_frame(frame_tag, body).map_err(|_| too_long())?;
        if !asked.delivery.ends(&mut asked.seen, frame_tag) {
            return Ok(None);
        }
        Ok(match std::mem::replace(&mut self.stage, AskingStage::Idle) {
            AskingStage::Asked(asked) => Some(*asked),
            AskingStage::Idle | AskingStage::Swept => None,
        })
    }

    /// A frame of the answer that is too long to be held: its bytes are counted and dropped.
    ///
    /// # Errors
    /// The answer is longer than that of any question.
    pub(super) fn on_long_frame(&mut self, frame_tag: u8, bytes: usize) -> Result<(), OwnError> {
        let AskingStage::Asked(asked) = &mut self.stage else { return Ok(()) };
        asked.seen.frame(frame_tag);
        asked.answer.on_long_frame(frame_tag, bytes).map_err(|_| too_long())
    }

    /// An error in the client's pipeline has swept the question away; `failed` says that it was the
    /// question's own.
    pub(super) fn on_dropped(&mut self, failed: bool) {
        self.stage = if failed { AskingStage::Swept } else { AskingStage::Idle };
    }

    /// Whether the message that comes now has waited for a question that has failed in its pipeline.
    pub(super) fn is_swept(&self) -> bool {
        matches!(self.stage, AskingStage::Swept)
    }

    /// The message that has waited is gone.
    pub(super) fn forget_swept(&mut self) {
        if self.is_swept() {
            self.stage = AskingStage::Idle;
        }
    }

    /// Whether the client's next message fails.
    pub(super) fn has_failure(&self) -> bool {
        self.fails.is_some()
    }

    /// What the client's next message fails with.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.fails.take()
    }

    /// Puts frames before what the client sends next.
    pub(super) fn send(&mut self, frames: &[u8]) {
        self.outgoing.extend_from_slice(frames);
    }

    /// The frames that go before what the client sends next, while its direction stands between two frames.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }
}

fn too_long() -> OwnError {
    OwnError::new("08P01", "the target's answer to a question of the proxy has no end")
        .with_hint("The target does not speak as PostgreSQL does.")
}

#[cfg(test)]
mod tests;
