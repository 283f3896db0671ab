//! Between a session and its target, where rows that the target refuses are set aside: the session sees a
//! server that goes on. Pure bytes in, bytes out; may not touch sockets, and knows no part of a session.
//!
//! ```text
//!   session --on_session--> input --.                  .--> outgoing --> target
//!                                   |   Passing, Copy   |
//!   session <-- to_session <--------'                  '--- incoming <-- target
//! ```

mod answers;
mod awaits;
mod batch;
mod block;
mod block_query;
mod bound;
mod change;
mod change_answer;
mod change_text;
mod changing;
mod copy;
mod copying;
mod facts;
mod fields;
mod incoming;
mod outgoing;
mod owed;
mod passing;
mod pipeline;
mod queue;
mod refusal;
mod rejected;
mod rejected_changes;
mod request;
mod rows;
mod series;
mod shared;
mod suspects;
mod suspension;
mod texts;
mod transaction;
mod unanswered;
mod unit;
mod writes;

use std::collections::VecDeque;
use std::sync::Arc;

pub use facts::SessionFacts;
pub use shared::SharedLoads;

use crate::wire::{self, RelayBuffer, TransactionStatus, tag};
use block::BehindEnd;
use block_query::BlockQuery;
use change::ChangeLoad;
use copy::CopyLoad;
use outgoing::BothWays;
use owed::OwedReady;
use pipeline::HeldPipeline;
use queue::FrameQueue;
use series::SeriesPart;
use texts::KnownText;
use unanswered::SentName;
use unit::Unit;

/// Bytes of rows that are looked at in one step.
const ROW_PIECE_BYTES: usize = 64 * 1024;

/// Bytes for the target at which no more are taken.
const OUTGOING_BYTES_MAX: usize = 256 * 1024;

/// The layer between a session and its target.
#[derive(Debug)]
pub struct Aside {
    facts: SessionFacts,
    /// What the session has sent and was not looked at.
    input: FrameQueue,
    /// What the target has sent.
    incoming: RelayBuffer,
    out: BothWays,
    state: AsideState,
    /// The rest of a frame that passes, from the session and from the target, and of a CopyData.
    passing: usize,
    target_passing: usize,
    rows_left: usize,
    /// ReadyForQuery messages that are on their way.
    owed: OwedReady,
    /// The next ReadyForQuery answers a Sync of ours.
    swallows_ready: bool,
    status: TransactionStatus,
    pipeline: HeldPipeline,
    /// The statements of a text behind the one that is under way.
    series: Option<VecDeque<SeriesPart>>,
    /// When no table was suspended.
    none_suspended_at: Option<u64>,
    /// The answer to a BEGIN in a transaction of ours is on its way, which makes it the client's.
    awaits_begin: bool,
    /// What the messages name whose statement is under way.
    unit_names: Vec<SentName>,
}

#[derive(Debug)]
enum AsideState {
    Passing,
    /// A Sync of ours is on its way, behind which this begins.
    Syncing(Box<BehindSync>),
    Copying {
        load: Box<CopyLoad>,
        is_extended: bool,
    },
    Changing {
        load: Box<ChangeLoad>,
        is_extended: bool,
    },
    /// A savepoint of the client's, among the statements of a text.
    InSeries,
    /// The session's messages up to a Sync are dropped, as the target would.
    Skipping,
    /// A transaction of ours ends.
    Ending(BehindEnd),
    /// A simple query or a function call ends a transaction of ours.
    Querying(Box<BlockQuery>),
    /// The target is asked whether it skips what comes next, and answers to this number of Close messages first.
    Probing(usize),
}

/// What begins behind a Sync of ours.
#[derive(Debug)]
enum BehindSync {
    Copy(Arc<KnownText>),
    /// Messages that execute a statement; the client's Sync follows them, or not.
    Unit(Unit, bool),
    /// The simple query that comes next.
    Query,
    /// The end of a transaction of ours, at a Sync of the client's.
    End,
}

/// What became of the frame at the front.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// It was taken.
    Taken,
    /// The target has to answer first, or more of it has to come.
    Waits,
}

impl Aside {
    /// A layer for a session that waits for nothing.
    pub fn new(facts: SessionFacts) -> Aside {
        Aside {
            status: facts.status,
            facts,
            input: FrameQueue::default(),
            incoming: RelayBuffer::default(),
            out: BothWays::default(),
            state: AsideState::Passing,
            passing: 0,
            target_passing: 0,
            rows_left: 0,
            owed: OwedReady::default(),
            swallows_ready: false,
            pipeline: HeldPipeline::default(),
            series: None,
            none_suspended_at: None,
            awaits_begin: false,
            unit_names: Vec::new(),
        }
    }

    /// What is read from the target goes here.
    pub fn incoming(&mut self) -> &mut RelayBuffer {
        &mut self.incoming
    }

    /// What may be written to the target.
    pub fn outgoing(&self) -> &[u8] {
        self.out.unsent()
    }

    /// Counts bytes as written.
    pub fn mark_sent(&mut self, count: usize) {
        self.out.mark_sent(count);
    }

    /// Forgets what was not written to the target.
    pub fn clear_outgoing(&mut self) {
        self.out.clear_to_target();
    }

    /// Whether the session may not send more for now.
    pub fn is_full(&self) -> bool {
        let is_full = match &self.state {
            AsideState::Passing | AsideState::Skipping => false,
            AsideState::Syncing(_)
            | AsideState::Changing { .. }
            | AsideState::InSeries
            | AsideState::Probing(_)
            | AsideState::Ending(_) => true,
            AsideState::Querying(query) => !query.takes_rows(),
            AsideState::Copying { load, .. } => load.is_full(),
        };
        is_full && !self.input.is_empty() || self.outgoing().len() > OUTGOING_BYTES_MAX
    }

    /// Whether something is under way here.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, AsideState::Passing | AsideState::Skipping) || !self.input.is_empty()
    }

    /// What the session sends, with what it knows at this moment.
    pub fn on_session(&mut self, bytes: &[u8], facts: SessionFacts) {
        self.facts = facts;
        self.input.extend(bytes);
        self.work();
    }

    /// What has come from the target; gives what the session gets.
    pub fn on_target(&mut self) -> Vec<u8> {
        while self.step_of_target() {}
        self.work();
        std::mem::take(&mut self.out.to_session)
    }

    /// The rows that were set aside of the statement that has ended.
    pub fn take_set_aside(&mut self) -> u64 {
        std::mem::take(&mut self.out.set_aside)
    }

    /// Whether there is something for the session: the end of a load whose rows were in before the client ends it.
    pub fn has_answers(&self) -> bool {
        !self.out.to_session.is_empty()
    }

    /// The session has its answers: nothing is owed.
    pub fn note_quiet(&mut self) {
        if self.input.is_empty() {
            self.owed.clear();
            self.pipeline.note_quiet();
        }
    }

    /// Works on what the session has sent.
    fn work(&mut self) {
        while self.turn() == Turn::Taken {}
    }

    fn turn(&mut self) -> Turn {
        if self.passing > 0 {
            return self.pass_on();
        }
        if self.rows_left > 0 {
            return self.take_rows();
        }
        let Some(head) = self.input.head() else { return Turn::Waits };
        match &mut self.state {
            AsideState::Syncing(_)
            | AsideState::Changing { .. }
            | AsideState::InSeries
            | AsideState::Probing(_)
            | AsideState::Ending(_) => Turn::Waits,
            AsideState::Querying(_) => self.query_frame(head),
            AsideState::Skipping => self.skip(head),
            AsideState::Copying { load, .. } if load.is_full() => Turn::Waits,
            AsideState::Copying { .. } => self.copy_frame(head),
            AsideState::Passing => self.frame(head),
        }
    }

    /// Passes the rest of a frame.
    fn pass_on(&mut self) -> Turn {
        let bytes = self.input.take(self.passing);
        if bytes.is_empty() {
            return Turn::Waits;
        }
        self.passing -= bytes.len();
        if !matches!(self.state, AsideState::Skipping) {
            self.out.to_target.extend_from_slice(bytes);
        }
        Turn::Taken
    }

    /// Takes what is there of a CopyData.
    fn take_rows(&mut self) -> Turn {
        let is_full = matches!(&self.state, AsideState::Copying { load, .. } if load.is_full());
        if is_full || self.input.is_empty() {
            return Turn::Waits;
        }
        let rows = self.input.take(self.rows_left.min(ROW_PIECE_BYTES));
        self.rows_left -= rows.len();
        if let AsideState::Copying { load, is_extended } = &mut self.state {
            let is_extended = *is_extended;
            if let Some(end) = load.on_rows(rows, &mut self.out) {
                self.end_copy(end, is_extended);
            }
        }
        Turn::Taken
    }

    /// A message that the target would skip.
    fn skip(&mut self, head: wire::Head) -> Turn {
        if matches!(head.tag, tag::SYNC | tag::TERMINATE) {
            self.state = AsideState::Passing;
            return Turn::Taken;
        }
        self.passing = head.frame_bytes;
        Turn::Taken
    }
}
