//! One client's session: frames in, frames and messages of our own out. Free of IO and of clocks: it is
//! given the bytes that have arrived, mends them where they lie and says how many may go on.
//!
//! ```text
//!            first ReadyForQuery            questions answered
//!  Startup ----------------------> Ready (settling) ---------> Ready <--.
//!     |                                                         |  |    | settings may have
//!     | pure relay, walsender                CopyBothResponse   |  '----' changed: settling
//!     v                                                         v         again, the client waits
//!   Relay <-----------------------------------------------------'
//! ```
//!
//! Its parts do not know each other. What concerns more than one of them is an event, told in this file.

mod adjust;
mod answered;
mod ask;
mod budget;
mod client;
mod client_side;
mod common;
mod completed;
mod context;
mod counts;
mod decision;
mod exchange;
mod expected;
mod frame_reading;
mod gate;
mod message;
mod pipeline;
mod plan;
mod portals;
mod prepared;
mod protocol;
mod replies;
mod report;
mod rest;
mod statements_by_name;
mod step;
mod target;
mod telling;

use std::sync::Arc;

pub use common::Common;
pub use context::setting_names;
pub use counts::Counts;
pub use exchange::{Direction, Exchange};
pub use step::Step;

use crate::catalog::{Catalog, CatalogQuestion, Name, Sent};
use crate::policy::Policy;
use crate::rewrite::Reached;
use crate::statement::Effects;
use crate::statistics::Watched;
use crate::wire::{self, OwnError, StartupParameters, TransactionStatus, tag};
use answered::{notices, on_catalog, on_parked};
use ask::parking::Parking;
use ask::settling::Settling;
use ask::{Asked, Asking, Cancelled, Delivery, Question};
use client_side::ClientSide;
use context::Context;
use message::role;
use prepared::Prepared;
use replies::{Expected, Replies, Request, Treatment};
use report::Report;
use target::TargetSide;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The target has not yet said that it is ready: authentication. `relays` says that nothing is
    /// looked at from then on.
    Startup { relays: bool },
    /// Ready, or settling in between.
    Ready,
    /// Nothing is looked at.
    Relay,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    context: Context,
    phase: Phase,
    client: ClientSide,
    target: TargetSide,
    replies: Replies,
    prepared: Prepared,
    asking: Asking,
    settling: Settling,
    parking: Parking,
    catalog: Catalog,
    report: Report,
}

impl Session {
    /// A session that begins with the client's startup packet, which goes to the target as it is.
    pub fn new(policy: Arc<Policy>, common: Arc<Common>, startup: StartupParameters) -> Session {
        let relays = policy.is_pure_relay() || startup.replication;
        let asking = Asking::new(common.new_name());
        let prepared = Prepared::new(policy.session_bytes_max);
        let mut catalog = Catalog::default();
        catalog.set_answers(common.answers().unwrap_or_default());
        Session {
            context: Context::new(policy, common, startup),
            // A relay, too, wants the key by which it cancels what a vanished client left running.
            phase: Phase::Startup { relays },
            client: ClientSide::default(),
            target: TargetSide::default(),
            replies: Replies::default(),
            prepared,
            asking,
            settling: Settling::default(),
            parking: Parking::default(),
            catalog,
            report: Report::default(),
        }
    }

    /// The session with the number by which the log names it.
    #[must_use]
    pub fn numbered(self, number: u64) -> Session {
        self.watched(Watched::uncounted(number))
    }

    /// The session as one that may be counted.
    #[must_use]
    pub fn watched(mut self, watched: Watched) -> Session {
        (self.context.watched, self.report.watched) = (watched, watched);
        self
    }

    /// A connection with another protocol version. The target answers it.
    pub fn relay(policy: Arc<Policy>, common: Arc<Common>) -> Session {
        let mut session = Session::new(policy, common, StartupParameters::default());
        session.phase = Phase::Relay;
        session
    }

    /// Whether the target is in the middle of a frame, where nothing can be put between.
    pub fn target_is_mid_frame(&self) -> bool {
        self.target.rest.bytes() > 0
    }

    /// Whether frames are not looked for, so that it is not known where one ends.
    fn is_relay(&self) -> bool {
        self.phase == Phase::Relay
    }

    /// Whether the target works on something: a client that vanishes now leaves a running
    /// statement behind. In a relay that is not known, so it may. What a client has asked for in front
    /// of its Terminate is meant to run on, as without a proxy; what the proxy asks for is not.
    pub fn is_busy(&self) -> bool {
        let works = match self.phase {
            Phase::Startup { .. } => false,
            Phase::Ready => !self.replies.is_empty(),
            Phase::Relay => !self.target.backend_key.is_empty(),
        };
        works && (!self.client.is_terminated || self.asking.is_asked())
    }

    /// Whether the client has sent Terminate.
    pub fn is_terminated(&self) -> bool {
        self.client.is_terminated
    }

    /// The body of the BackendKeyData, with which a CancelRequest is made; empty before login.
    pub fn backend_key(&self) -> &[u8] {
        &self.target.backend_key
    }

    /// Who the client is.
    pub fn startup(&self) -> &StartupParameters {
        &self.context.startup
    }

    /// What the session has done so far.
    pub fn counts(&self) -> &Counts {
        &self.report.counts
    }

    /// Whether it waits for its client outside of a transaction.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Ready
            && self.context.status == TransactionStatus::Idle
            && self.replies.is_empty()
            && self.client.is_between_messages()
            && !self.client.pipeline.is_open()
            && !self.target_is_mid_frame()
    }

    /// Whether what it changed is still to be written to the target, or on its way there.
    pub fn has_to_write(&self) -> bool {
        let can_write = !self.client.is_terminated
            && self.client.body.remaining == 0
            && self.report.has_entries();
        self.phase == Phase::Ready
            && self.context.policy.writes_ledger
            && (can_write || self.asking.is_asked())
    }

    /// The frames by which the target writes down what the session changed whose client has gone or is cut;
    /// `None` while it works on something. An open transaction ends as it would without them.
    pub fn write_at_end(&mut self) -> Option<Vec<u8>> {
        if self.client.is_terminated || !self.has_to_write() {
            return None;
        }
        if self.client.copy_in.is_open() {
            return Some(self.client.give_up_copy(&mut self.replies));
        }
        if !self.replies.is_empty() {
            return None;
        }
        let (ledger, database) = (&self.context.common.ledger, &self.context.startup.database);
        let seen = self.catalog.seen_names();
        let entries = self.report.begin_writing(seen, (ledger, database))?;
        self.client.is_terminated = true;
        let mut sql = self.context.ledger_sql(&entries);
        let mut frames = Vec::new();
        if self.client.pipeline.is_open() {
            self.replies.push(Expected::new(Request::Sync));
            frames = wire::with_body(tag::SYNC, &[]);
        }
        if self.context.status != TransactionStatus::Idle {
            sql = format!("ROLLBACK; {sql}");
        }
        frames.extend(self.ask(Question::Ledger(sql), Delivery::Query));
        Some(frames)
    }

    /// Ends the session: what it could not write to the ledger is kept for the next one.
    #[must_use]
    pub fn end(mut self) -> Session {
        let (ledger, seen) = (&self.context.common.ledger, self.catalog.seen_names());
        self.report.keep_unwritten(seen, ledger, &self.context.startup.database);
        self
    }

    /// The frames that ask; what the target owes for them is noted.
    fn ask(&mut self, question: Question, delivery: Delivery) -> Vec<u8> {
        self.replies.push(Expected::with(Request::Own(delivery), Treatment::Own));
        // All of them end in a Sync or a Flush, or the target answers by itself.
        self.client.pipeline.note_flushed();
        if delivery == Delivery::Group {
            self.client.pipeline.end();
        }
        self.context.watched.on_asked();
        self.asking.ask(
            question,
            delivery,
            self.context.server_major(),
            self.context.lexing.encoding,
        )
    }

    /// Event: a statement with these effects, which writes to these relations and reaches so far, is sent.
    fn on_sent(&mut self, effects: Effects, writes: Option<&Arc<[Name]>>, reached: &Reached) {
        self.catalog.on_sent(Sent {
            changes_relations: effects.changes_relations(),
            ends_transaction: effects.ends_transaction(),
            writes,
        });
        if effects.ends_transaction() {
            self.parking.on_rollback();
        }
        self.settling.role_mut().on_sent(effects, self.replies.counts().0);
        let Session { catalog, settling, parking, replies, report, context, .. } = self;
        role::note_sent(reached, catalog, settling, parking, (replies, report), context);
        if effects.changes_lexing() {
            self.replies.note_lexing_change();
        }
    }

    /// Event: ReadyForQuery.
    fn on_ready(&mut self, body: &[u8]) {
        let status = wire::ready_status(body);
        self.context.status = status;
        self.settling.on_ready(&self.context);
        if self.replies.front().is_some_and(|front| !front.is_plain()) {
            let prepared = self.replies.take_prepares(Request::Query);
            self.report.note_prepared(prepared, &self.context);
        }
        if self.replies.on_ready() == Some(Request::EarlySync) {
            self.client.pipeline.end();
        }
        if status == TransactionStatus::Idle {
            // A portal that is on its way belongs to the next transaction.
            if self.replies.is_empty() {
                self.prepared.close_portals();
            }
            self.parking.on_transaction_end();
        }
        self.settling.role_mut().on_ready(status == TransactionStatus::Idle, self.replies.counts());
        if self.catalog.on_ready(status) {
            self.context.common.note_definition();
        }
        self.context.tell_ready(self.report.counts.passed());
    }

    /// Event: ErrorResponse. What was expected up to the next Sync never comes.
    fn on_error(&mut self) {
        self.parking.on_rollback();
        self.client.copy_in.end();
        self.target.copied_out = false;
        self.prepared.forget_all_kinds();
        self.catalog.on_error();
        let all = self.replies.on_error();
        self.settling.on_error(self.replies.goes_on_behind_error());
        for (index, dropped) in all.into_iter().enumerate().rev() {
            if matches!(dropped.request, Request::Own(_)) {
                self.asking.on_dropped(index == 0);
            }
            dropped.into_undo().into_iter().for_each(|undo| self.prepared.undo(undo));
        }
    }

    /// Event: one of our questions is answered. Gives warnings for the client about what was found.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    fn on_answer(&mut self, mut answered: Asked) -> Result<Vec<u8>, OwnError> {
        let aborted = self.context.status == TransactionStatus::Aborted;
        let cancelled = self.asking.on_cancelled(&mut answered, aborted);
        if cancelled == Cancelled::Again {
            self.ask_next(answered.question.clone(), &answered);
            return Ok(Vec::new());
        }
        let (mut to_client, answer) = (Vec::new(), &answered.answer);
        // The status of a pipeline is not known: it may be a transaction of its own.
        let is_outside =
            self.context.status == TransactionStatus::Idle && !self.client.pipeline.is_open();
        match &answered.question {
            Question::Settle(done) => {
                let key = self.target.process();
                let settled = self.settling.on_answer(done, answer, key, &mut self.context)?;
                self.settling.role_mut().on_settled(is_outside);
                to_client = notices(&settled.warnings);
                if let Some(next) = settled.next {
                    self.ask_next(Question::Settle(next), &answered);
                }
            }
            Question::Catalog(CatalogQuestion::Arguments(_)) if cancelled != Cancelled::No => {}
            question @ (Question::Trial(_) | Question::Catalog(_)) => {
                let (catalog, common) = (&mut self.catalog, &self.context.common);
                let next = on_catalog(question, answer, is_outside, catalog, common);
                next.into_iter().for_each(|next| self.ask_next(next, &answered));
            }
            Question::Parameters(statement) => {
                let oids = answer.parameters.clone();
                if let Some(question) = self.catalog.unknown_types(&oids) {
                    let statement = statement.clone();
                    self.ask_next(Question::TypesOf { statement, oids, question }, &answered);
                } else {
                    // A target that does not say is not asked again either.
                    self.prepared.set_kinds(statement, self.catalog.kinds_of(&oids));
                }
            }
            Question::TypesOf { statement, oids, question } => {
                self.catalog.on_answer(question, answer);
                self.prepared.set_kinds(statement, self.catalog.kinds_of(oids));
            }
            question @ (Question::Park { .. } | Question::ParkKeys { .. }) => {
                let Session { client, parking, catalog, context, .. } = self;
                let parts = (&mut client.tried, parking, catalog);
                let warnings =
                    on_parked(question, answer.failure.as_ref(), is_outside, parts, context)?;
                to_client = notices(&warnings);
            }
            Question::Ledger(_) => {
                let Context { common, startup, .. } = &self.context;
                let failure = answer.failure.as_ref();
                self.report.on_written(failure, &common.ledger, &startup.database);
            }
            Question::Lexing => {
                self.replies.note_lexing_known();
                self.context.on_lexing(answer);
            }
            Question::Probe(_) => {}
        }
        self.context.tell_answered(telling::own_kind(&answered.question));
        Ok(to_client)
    }

    /// Asks the next question in the way of the one that is answered.
    fn ask_next(&mut self, question: Question, answered: &Asked) {
        let frames = self.ask(question, answered.next_delivery());
        self.asking.follow(answered);
        self.asking.send(&frames);
    }
}
