//! What the target owes for one message, and what becomes of its answer. Data; knows nothing of the messages
//! around it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ask::Delivery;
use super::plan::Undo;
use crate::ledger::Place;
use crate::rewrite::{Change, Completions, CopyStream, Parameters, PositionMap};
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
    /// What else is remembered: nothing of most messages.
    notes: Option<Box<Notes>>,
}

/// What is remembered of a message besides what it is.
#[derive(Debug, Default)]
struct Notes {
    treatment: Treatment,
    /// The COPY streams that its statements ask for, those still to come.
    copies: Option<CopyStart>,
    /// How to put the known prepared statements back should the target refuse this Parse.
    undo: Option<Undo>,
    /// What its statements are about, where that is counted.
    subjects: Option<Subjects>,
    /// What its statements, those still to come, say about settings on a target that does not tell them.
    words: VecDeque<Option<Word>>,
    /// The table whose rows it writes while the role keeps more than foreign keys from acting.
    silenced: Option<Place>,
    /// What counts only once the target has done it.
    prepares: Vec<Change>,
}

impl Expected {
    /// A message whose answer passes as it is.
    #[inline]
    pub(super) fn new(request: Request) -> Expected {
        Expected { request, notes: None }
    }

    /// A message whose answer is treated like this.
    pub(super) fn with(request: Request, treatment: Treatment) -> Expected {
        let mut expected = Expected::new(request);
        expected.treat(treatment);
        expected
    }

    /// The same with the COPY streams that it asks for.
    #[must_use]
    pub(super) fn starting(mut self, copies: CopyStart) -> Expected {
        if copies.may_start() {
            self.notes().copies = Some(copies);
        }
        self
    }

    /// The same with what its statements say about settings.
    #[must_use]
    pub(super) fn saying(mut self, words: Vec<Option<Word>>) -> Expected {
        if !words.is_empty() {
            self.notes().words = words.into();
        }
        self
    }

    /// The same with how to put the known prepared statements back.
    #[must_use]
    pub(super) fn undone_by(mut self, undo: Option<Undo>) -> Expected {
        if undo.is_some() {
            self.notes().undo = undo;
        }
        self
    }

    /// The same with what counts only once the target has done it.
    #[must_use]
    pub(super) fn preparing(mut self, changes: Vec<Change>) -> Expected {
        if !changes.is_empty() {
            self.notes().prepares = changes;
        }
        self
    }

    /// The target has done it, or will not.
    pub(super) fn take_prepares(&mut self) -> Vec<Change> {
        self.notes.as_mut().map(|notes| std::mem::take(&mut notes.prepares)).unwrap_or_default()
    }

    /// It writes rows of this table while the role silences more than foreign keys.
    pub(super) fn silence(&mut self, place: Place) {
        self.notes().silenced = Some(place);
    }

    /// The table whose rows it writes while the role silences more than foreign keys.
    pub(super) fn silenced(&self) -> Option<&Place> {
        self.notes.as_ref()?.silenced.as_ref()
    }

    fn notes(&mut self) -> &mut Notes {
        self.notes.get_or_insert_default()
    }

    /// What happens to the frames of its answer from here on.
    pub(super) fn treat(&mut self, treatment: Treatment) {
        match (&mut self.notes, treatment) {
            (None, Treatment::Pass) => {}
            (_, treatment) => self.notes().treatment = treatment,
        }
    }

    /// What happens to the frames of its answer; `None` where nothing does.
    #[inline]
    pub(super) fn treatment(&self) -> Option<&Treatment> {
        self.notes.as_ref().map(|notes| &notes.treatment)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn treatment_mut(&mut self) -> Option<&mut Treatment> {
        self.notes.as_mut().map(|notes| &mut notes.treatment)
    }

    /// The next of the COPY streams that its statements ask for, where their text was understood.
    pub(super) fn take_stream(&mut self) -> Option<CopyStream> {
        match self.notes.as_mut()?.copies.as_mut()? {
            CopyStart::Streams(streams) => streams.pop_front(),
            CopyStart::Unread => None,
        }
    }

    /// It starts no COPY any more.
    pub(super) fn forget_copies(&mut self) {
        if let Some(notes) = &mut self.notes {
            notes.copies = None;
        }
    }

    /// What its next statement says about settings.
    pub(super) fn take_word(&mut self) -> Option<Word> {
        self.notes.as_mut()?.words.pop_front()?
    }

    /// Whether it is a Parse that can be undone.
    pub(super) fn can_be_undone(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.undo.is_some())
    }

    /// How to put the known prepared statements back.
    pub(super) fn into_undo(self) -> Option<Undo> {
        self.notes?.undo
    }

    /// A message that is answered with our error: the target was sent what can only fail.
    pub(super) fn failing(request: Request, error: OwnError, instead_of: Failing) -> Expected {
        Expected::with(request, Treatment::Fail(Box::new(Fail { error, instead_of })))
    }

    /// Whether nothing but the message itself is remembered.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.notes.is_none()
    }

    /// It is answered. Where nothing else is remembered of it, as of most messages, this is one look.
    #[inline]
    pub(super) fn end(self) {
        if let Some(notes) = self.notes {
            drop(notes);
        }
    }

    /// The same with what its statements are about.
    #[must_use]
    pub(super) fn about(mut self, subjects: Option<Arc<[CountedStatement]>>) -> Expected {
        if let Some(subjects) = subjects {
            self.notes().subjects = Some(Subjects { list: subjects, completed: 0 });
        }
        self
    }

    /// What the statement is about that is at work.
    pub(super) fn subject(&self) -> Option<&CountedStatement> {
        let subjects = self.notes.as_ref()?.subjects.as_ref()?;
        subjects.list.get(subjects.completed)
    }

    /// One of its statements is complete.
    pub(super) fn complete_subject(&mut self) {
        if let Some(subjects) = self.notes.as_mut().and_then(|notes| notes.subjects.as_mut()) {
            subjects.completed += 1;
        }
    }

    /// Whether it is answered with our error.
    pub(super) fn is_failing(&self) -> bool {
        matches!(self.treatment(), Some(Treatment::Fail(_)))
    }

    /// Whether the target may ask for the rows of a COPY before it is answered.
    #[inline]
    pub(super) fn may_start_copy(&self) -> bool {
        let copies = self.notes.as_ref().and_then(|notes| notes.copies.as_ref());
        copies.is_some_and(CopyStart::may_start)
    }
}

/// What the statements of a message are about, and how many of them are complete.
#[derive(Debug)]
struct Subjects {
    list: Arc<[CountedStatement]>,
    completed: usize,
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
    /// What the client gets when statements of the text are complete.
    pub(super) completions: Completions,
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
