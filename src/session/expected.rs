//! What the target owes for one message, and what becomes of its answer. Data; knows nothing of the messages
//! around it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ask::Delivery;
use super::prepared::Undo;
use crate::rewrite::{CopyStream, Parameters, PositionMap};
use crate::statement::Word;
use crate::statistics::CountedStatement;
use crate::wire::OwnError;

/// A message that the target answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Query,
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    /// A Sync that the client has sent among the rows of a COPY. In COPY mode the target ignores it; if
    /// the COPY had failed before, the target answers it.
    EarlySync,
    FunctionCall,
    /// A question of the proxy's own. All of the answer is swallowed.
    Own(Delivery),
}

impl Request {
    /// Whether an error leaves the messages behind it alone.
    pub(super) fn ends_with_ready(self) -> bool {
        match self {
            Request::Query | Request::FunctionCall | Request::Sync | Request::EarlySync => true,
            Request::Own(delivery) => delivery.ends_with_ready(),
            _ => false,
        }
    }

    pub(super) fn is_sync(self) -> bool {
        matches!(self, Request::Sync | Request::EarlySync)
    }
}

/// What is remembered of a message until its answer is complete.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) request: Request,
    pub(super) treatment: Treatment,
    /// The COPY streams that its statements ask for, those still to come.
    pub(super) copies: Option<Box<CopyStart>>,
    /// How to put the known prepared statements back should the target refuse this Parse.
    pub(super) undo: Option<Box<Undo>>,
    /// What its statements are about, where that is counted.
    pub(super) subjects: Option<Box<Subjects>>,
    /// It may change how the server reads texts.
    pub(super) sets_lexing: bool,
    /// What its statements, those still to come, say about settings on a target that does not tell them.
    pub(super) words: Option<Box<Words>>,
}

/// What the statements of a message say about settings, those still to come.
#[derive(Debug)]
pub(super) struct Words(pub(super) VecDeque<Option<Word>>);

impl Expected {
    /// A message whose answer passes as it is.
    pub(super) fn new(request: Request) -> Expected {
        Expected::with(request, Treatment::Pass)
    }

    pub(super) fn with(request: Request, treatment: Treatment) -> Expected {
        Expected {
            request,
            treatment,
            copies: None,
            undo: None,
            subjects: None,
            sets_lexing: false,
            words: None,
        }
    }

    /// The same with the COPY streams that it asks for.
    #[must_use]
    pub(super) fn starting(mut self, copies: CopyStart) -> Expected {
        self.copies = copies.may_start().then(|| Box::new(copies));
        self
    }

    /// The same with what its statements say about settings.
    #[must_use]
    pub(super) fn saying(mut self, words: Vec<Option<Word>>) -> Expected {
        self.words = (!words.is_empty()).then(|| Box::new(Words(words.into())));
        self
    }

    /// A message that is answered with our error: the target was sent what can only fail.
    pub(super) fn failing(request: Request, error: OwnError, instead_of: Failing) -> Expected {
        Expected::with(request, Treatment::Fail(Box::new(Fail { error, instead_of })))
    }

    /// Whether nothing but the message itself is remembered.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.treatment, Treatment::Pass)
            && self.copies.is_none()
            && self.undo.is_none()
            && self.words.is_none()
            && !self.sets_lexing
    }

    /// The same with what its statements are about.
    #[must_use]
    pub(super) fn about(mut self, subjects: Option<Arc<[CountedStatement]>>) -> Expected {
        self.subjects = subjects.map(Subjects::new);
        self
    }

    /// Whether it is answered with our error.
    pub(super) fn is_failing(&self) -> bool {
        matches!(self.treatment, Treatment::Fail(_))
    }

    pub(super) fn may_start_copy(&self) -> bool {
        self.copies.as_ref().is_some_and(|copies| copies.may_start())
    }
}

/// What the statements of a message are about, and how many of them are complete.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) list: Arc<[CountedStatement]>,
    pub(super) completed: usize,
}

impl Subjects {
    /// Those of a message of which nothing is complete yet.
    pub(super) fn new(list: Arc<[CountedStatement]>) -> Box<Subjects> {
        Box::new(Subjects { list, completed: 0 })
    }

    /// That of the statement which is at work.
    pub(super) fn current(&self) -> Option<&CountedStatement> {
        self.list.get(self.completed)
    }
}

/// What happens to the frames of an answer.
#[derive(Debug, Default)]
pub(super) enum Treatment {
    /// They pass as they are.
    #[default]
    Pass,
    /// They pass with what the rewriting of the text asks.
    Adjust(Box<Adjust>),
    /// They are swallowed: the answer to a question of ours.
    Own,
    /// The target was made to fail, and our error takes the place of its error.
    Fail(Box<Fail>),
}

/// What changes in an answer on its way to the client.
#[derive(Debug, Default)]
pub(super) struct Adjust {
    /// The text was changed: positions in errors are moved back to the client's own text.
    pub(super) positions: Option<Arc<PositionMap>>,
    /// Types in a ParameterDescription are put back to those that the client declared.
    pub(super) described: Option<Arc<Parameters>>,
    /// The command tags that the client is to see, by the number of the statement in the text.
    pub(super) tags: VecDeque<(usize, &'static str)>,
    /// The statements of the text that are complete.
    pub(super) completed: usize,
    /// A constant is refused: an expression that can only fail stands in its place, and this takes
    /// the place of the error about it.
    pub(super) refused: Option<OwnError>,
}

impl Adjust {
    /// Moves positions back; `None` where there is nothing to move.
    pub(super) fn positions(positions: &Option<Arc<PositionMap>>) -> Treatment {
        match positions {
            Some(map) => Treatment::Adjust(Box::new(Adjust {
                positions: Some(Arc::clone(map)),
                ..Adjust::default()
            })),
            None => Treatment::Pass,
        }
    }
}

/// An error of ours that waits for its turn.
#[derive(Debug)]
pub(super) struct Fail {
    pub(super) error: OwnError,
    pub(super) instead_of: Failing,
}

/// What was sent to the target to make it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// One statement or a Bind. In an aborted transaction the server would have said 25P02 to the
    /// client's as well.
    Statement,
    /// A statement in place of several. They may hold the ROLLBACK that ends an aborted transaction,
    /// so there our error says more.
    Script,
    /// The end of a COPY. Only its own error is replaced.
    CopyFail,
}

/// The COPY streams that a message may ask for.
#[derive(Debug)]
pub(super) enum CopyStart {
    /// Those of a text that was read, in order.
    Streams(VecDeque<CopyStream>),
    /// The text was too long to be read, so any stream may begin.
    Unread,
}

impl CopyStart {
    pub(super) fn may_start(&self) -> bool {
        match self {
            CopyStart::Streams(streams) => !streams.is_empty(),
            CopyStart::Unread => true,
        }
    }
}
