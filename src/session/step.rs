//! What becomes of the bytes at the front of a direction, and of the frame that is being judged.

use crate::ledger::Place;
use crate::value::{BindScanner, QueryScanner};

/// What is to happen to the bytes at the front of a direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes go on as they now stand.
    Pass(usize),
    /// So many bytes are taken, and these stand in their place.
    Replace(usize, Vec<u8>),
    /// More bytes have to arrive first.
    NeedMore,
    /// Nothing is taken from this peer before the other one has said something.
    Wait,
}

impl Step {
    /// `count` judged bytes go on; with none of them the peer is waited for, or the other one if `wait`.
    pub(super) fn pass_or(count: usize, wait: bool) -> Step {
        match (count, wait) {
            (0, true) => Step::Wait,
            (0, false) => Step::NeedMore,
            (count, _) => Step::Pass(count),
        }
    }
}

/// What became of one frame.
#[derive(Debug)]
pub(super) enum Progress {
    /// So many of its bytes are judged; the rest of it, if any, is judged as it arrives.
    Passed(usize),
    /// This is the step.
    Done(Step),
    /// More of it has to arrive, or what is in front of it has to go first.
    Later,
    /// The target has to say something first.
    Wait,
}

/// The rest of a frame whose head has been judged.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Bytes that have not been judged.
    pub(super) remaining: usize,
    /// What is done to them.
    pub(super) mend: Mend,
}

/// What happens to the body of a frame while it arrives.
#[derive(Debug, Default)]
pub(super) enum Mend {
    /// It passes as it is.
    #[default]
    Nothing,
    /// Zero bytes of a long Query are mended.
    Query(QueryScanner),
    /// U+0000 in the values of a Bind is mended.
    Bind(Box<ArrivingBind>),
    /// It is a part of a COPY stream.
    CopyData,
    /// It is taken apart into rows, which are framed anew; its head did not go on.
    Rows,
    /// It does not go on, as its head did not. Another message stands in its place, or none.
    Dropped,
}

/// A Bind that is mended while it arrives.
#[derive(Debug)]
pub(super) struct ArrivingBind {
    pub(super) scanner: BindScanner,
    /// What its statement writes to.
    pub(super) place: Place,
}

impl Progress {
    /// Whether the frame has been taken: it, or something in its place, is on its way.
    pub(super) fn takes_frame(&self) -> bool {
        match self {
            Progress::Passed(_) => true,
            Progress::Done(Step::Replace(taken, _) | Step::Pass(taken)) => *taken > 0,
            _ => false,
        }
    }
}

impl Body {
    /// Whether what comes next may be the rows of a stream that is taken apart.
    pub(super) fn may_be_rows(&self) -> bool {
        self.remaining == 0 || matches!(self.mend, Mend::Rows)
    }

    /// Whether the rest of the frame does not go on.
    pub(super) fn is_dropped(&self) -> bool {
        self.remaining > 0 && matches!(self.mend, Mend::Dropped | Mend::Rows)
    }

    /// Takes up to `there` bytes of the frame; gives how many.
    pub(super) fn take(&mut self, there: usize) -> usize {
        let taken = there.min(self.remaining);
        self.remaining -= taken;
        taken
    }
}
