//! Between a session and its target, where rows that the target refuses are set aside: the session sees a
//! server that goes on. Pure bytes in, bytes out; may not touch sockets, and knows no part of a session.
//!
//! ```text
//!   session --on_session--> input --.                  .--> outgoing --> target
//!                                   |   Passing, Copy   |
//!   session <-- to_session <--------'                  '--- incoming <-- target
//! ```

mod awaits;
mod batch;
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
mod suspension;
mod texts;
mod transaction;
mod unit;
mod writes;

use std::collections::VecDeque;
use std::sync::Arc;

pub use facts::SessionFacts;
pub use shared::SharedLoads;

use crate::wire::{self, HEAD_BYTES, RelayBuffer, TransactionStatus, tag};
use awaits::CopyEnd;
use change::ChangeLoad;
use copy::CopyLoad;
use outgoing::BothWays;
use pipeline::HeldPipeline;
use queue::{FrameQueue, LENGTH_MAX};
use series::SeriesPart;
use texts::KnownText;
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
    /// ReadyForQuery messages that are on their way; more than come where a COPY has taken a Sync.
    owed: usize,
    /// The next ReadyForQuery answers a Sync of ours.
    swallows_ready: bool,
    status: TransactionStatus,
    pipeline: HeldPipeline,
    /// The statements of a text behind the one that is under way.
    series: Option<VecDeque<SeriesPart>>,
    /// When no table was suspended.
    none_suspended_at: Option<u64>,
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
    /// A transaction of ours ends, with the client's Sync or in front of another message that ends a pipeline.
    Ending {
        has_sync: bool,
    },
}

/// What begins behind a Sync of ours.
#[derive(Debug)]
enum BehindSync {
    Copy(Arc<KnownText>),
    /// Messages that execute a statement; the client's Sync follows them, or not.
    Unit(Unit, bool),
    /// The end of a transaction of ours, at a Sync of the client's or not.
    End {
        has_sync: bool,
    },
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
            owed: 0,
            swallows_ready: false,
            pipeline: HeldPipeline::default(),
            series: None,
            none_suspended_at: None,
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
            | AsideState::Ending { .. } => true,
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
            self.owed = 0;
        }
    }

    /// Takes a frame of the target's, or a part of one; gives whether there was one.
    fn step_of_target(&mut self) -> bool {
        let unread = self.incoming.unjudged();
        if self.target_passing > 0 {
            let count = self.target_passing.min(unread.len());
            self.out.to_session.extend_from_slice(unread.get(..count).unwrap_or_default());
            self.target_passing -= count;
            self.incoming_taken(count);
            return count > 0;
        }
        let head = match wire::head(unread, LENGTH_MAX) {
            Ok(Some(head)) => head,
            Ok(None) => return false,
            Err(_) => {
                // The session says what is wrong with it.
                let rest = unread.to_vec();
                self.out.to_session.extend_from_slice(&rest);
                self.incoming_taken(rest.len());
                return false;
            }
        };
        if matches!(self.state, AsideState::Passing | AsideState::Skipping)
            && head.tag != tag::READY_FOR_QUERY
        {
            if head.tag == tag::ERROR_RESPONSE && self.owed == 0 {
                self.pipeline.note_error();
            }
            self.target_passing = head.frame_bytes;
            return true;
        }
        let Some(frame) = unread.get(..head.frame_bytes).map(<[u8]>::to_vec) else { return false };
        self.incoming_taken(head.frame_bytes);
        self.on_target_frame(&frame);
        true
    }

    fn incoming_taken(&mut self, count: usize) {
        self.incoming.pass(count);
        self.incoming.mark_sent(count);
    }

    fn on_target_frame(&mut self, frame: &[u8]) {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        let is_ready = frame.first() == Some(&tag::READY_FOR_QUERY);
        if is_ready {
            self.status = wire::ready_status(body);
        }
        if is_ready && std::mem::take(&mut self.swallows_ready) {
            return;
        }
        let is_error = frame.first() == Some(&tag::ERROR_RESPONSE);
        match &mut self.state {
            AsideState::Syncing(behind)
                if is_error && !matches!(**behind, BehindSync::End { .. }) =>
            {
                // What begins was not reached: the Sync ends what the target skips.
                self.out.to_session.extend_from_slice(frame);
                self.owed = 0;
                self.state = AsideState::Skipping;
                self.swallows_ready = true;
            }
            AsideState::Syncing(behind) if is_ready => {
                let behind = std::mem::replace(&mut **behind, BehindSync::End { has_sync: true });
                self.begin_behind(behind);
            }
            AsideState::Copying { load, is_extended } => {
                let is_extended = *is_extended;
                if let Some(end) = load.on_target(frame, &mut self.out) {
                    self.end_copy(end, is_extended);
                }
            }
            AsideState::Changing { load, .. } => {
                if let Some(end) = load.on_target(frame, &mut self.out) {
                    self.end_change(end);
                }
            }
            AsideState::Ending { has_sync } => {
                let has_sync = *has_sync;
                self.on_ending(frame, has_sync);
            }
            AsideState::InSeries => self.on_savepoint(frame),
            _ => {
                if is_ready {
                    self.owed = self.owed.saturating_sub(1);
                }
                self.out.to_session.extend_from_slice(frame);
            }
        }
    }

    fn end_copy(&mut self, end: CopyEnd, is_extended: bool) {
        if let AsideState::Copying { load, .. } = &self.state {
            self.none_suspended_at = load.none_suspended_at();
        }
        self.state = match (end, is_extended) {
            (CopyEnd::Failed, true) => AsideState::Skipping,
            _ => AsideState::Passing,
        };
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
            | AsideState::Ending { .. } => Turn::Waits,
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
