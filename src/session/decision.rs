//! What becomes of one message of the client's, as a value: decided in `gate` and in `message`, carried out
//! by the session.

use std::rc::Rc;

use super::ask::{Delivery, Question};
use super::pipeline::Pipeline;
use super::plan::Plan;
use super::replies::{Expected, Request};
use super::step::Mend;
use crate::statement::Effects;
use crate::wire::Head;

/// A frame of the client's at the front of what is not yet judged.
#[derive(Debug)]
pub(super) struct Frame<'f> {
    pub(super) head: Head,
    /// The bytes that are there, from its head on; they may end before it does.
    pub(super) rest: &'f mut [u8],
    /// Nothing that is judged and has not yet gone lies in front of it.
    pub(super) first: bool,
}

/// What becomes of a frame.
#[derive(Debug)]
pub(super) enum Decision {
    /// More of it has to arrive, or what is in front of it has to go first.
    Later,
    /// The target has to say something first.
    Wait,
    /// The target has to answer first what has gone, and is told to where that is needed.
    Flush,
    /// This is asked in front of it.
    Ask(Box<Question>, Via),
    /// It passes unread; the target owes a plain answer to this message, if any.
    Pass(Option<Request>),
    /// It goes on like this.
    Send(Box<Outgoing>),
    /// It is an Execute of a statement with this plan, and passes.
    Execute(Rc<Plan>),
    /// It is a Sync and passes; what has these effects is settled behind it.
    Settle(Effects),
}

/// A frame that goes on.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What the target owes for it, if anything.
    pub(super) expected: Option<Expected>,
    /// How it goes on.
    pub(super) passing: Passing,
}

/// How a frame goes on.
#[derive(Debug)]
pub(super) enum Passing {
    /// While it arrives.
    Arriving(Mend),
    /// As it stands; all of it is there.
    Whole,
    /// All of it is there, and this goes in its place.
    Replaced(Vec<u8>),
    /// It does not go on, as far as it has arrived or not; this stands in its place.
    Dropped(Vec<u8>),
}

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// As it says.
    Delivery(Delivery),
    /// As fits a message of the simple protocol.
    Simple,
    /// As fits a message of the extended protocol.
    Extended,
}

impl Decision {
    /// The frame passes while it arrives, unread, and the target owes nothing for it.
    pub(super) fn pass() -> Decision {
        Decision::Pass(None)
    }

    /// The frame passes while it arrives, unread, and the answer to it passes as it is.
    pub(super) fn pass_answered(request: Request) -> Decision {
        Decision::Pass(Some(request))
    }

    /// The frame passes while it arrives, unread.
    pub(super) fn pass_owing(expected: Expected) -> Decision {
        Decision::outgoing(Some(expected), Passing::Arriving(Mend::Nothing))
    }

    /// All of the frame is there: `instead` goes, or the frame as it stands.
    pub(super) fn send(expected: Option<Expected>, instead: Option<Vec<u8>>) -> Decision {
        Decision::outgoing(expected, instead.map_or(Passing::Whole, Passing::Replaced))
    }

    /// The frame goes on.
    pub(super) fn outgoing(expected: Option<Expected>, passing: Passing) -> Decision {
        Decision::Send(Box::new(Outgoing { expected, passing }))
    }

    /// The question is asked as fits a message of this protocol.
    pub(super) fn ask(question: Question, extended: bool) -> Decision {
        let via = if extended { Via::Extended } else { Via::Simple };
        Decision::Ask(Box::new(question), via)
    }

    /// The question is asked by this delivery.
    pub(super) fn ask_by(question: Question, delivery: Delivery) -> Decision {
        Decision::Ask(Box::new(question), Via::Delivery(delivery))
    }
}

impl Via {
    /// How the question travels now; `None` while it cannot. `is_owed` says that the target has not answered
    /// all that has gone, `has_unnamed` that the client may have an unnamed statement.
    pub(super) fn delivery(
        self,
        pipeline: &Pipeline,
        is_owed: bool,
        has_unnamed: bool,
    ) -> Option<Delivery> {
        match self {
            Via::Delivery(delivery) => Some(delivery),
            Via::Simple => pipeline.delivery(false, is_owed, has_unnamed),
            Via::Extended => pipeline.delivery(true, is_owed, has_unnamed),
        }
    }
}
