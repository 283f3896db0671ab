//! A session between its two buffers: bytes that arrived are judged, what may go on is outgoing.
//! Still free of IO, so that whole conversations are tested without a network.

use super::context::Context;
use super::{Phase, Session, Step};
use crate::aside::{Aside, SessionFacts};
use crate::wire::{self, OwnError, RelayBuffer, Severity};

/// A session and the bytes on their way through it.
#[derive(Debug)]
pub struct Exchange {
    session: Session,
    /// From the client to the target.
    to_target: RelayBuffer,
    /// From the target to the client.
    to_client: RelayBuffer,
    client_waits: bool,
    state: ExchangeState,
    /// What sets rows aside, where that is asked for.
    aside: Option<Box<Aside>>,
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExchangeState {
    /// It goes on.
    Open,
    /// The client sends no more, and may still read.
    ClientEnded,
    /// The proxy stops.
    Stopping,
    /// It has ended; the client's error is outgoing.
    Failed,
    /// It has ended, and what the session changed is still written to the target.
    Leaving,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToTarget,
    /// From the target.
    ToClient,
}

impl Exchange {
    /// An exchange in which nothing has been said yet.
    pub fn new(session: Session) -> Exchange {
        Exchange {
            session,
            to_target: RelayBuffer::default(),
            to_client: RelayBuffer::default(),
            client_waits: false,
            state: ExchangeState::Open,
            aside: None,
        }
    }

    /// The buffer of a direction: what is read goes into it. Where rows are set aside, what is outgoing is
    /// elsewhere: see [`Exchange::outgoing`] and [`Exchange::mark_sent`].
    pub fn buffer(&mut self, direction: Direction) -> &mut RelayBuffer {
        match (direction, &mut self.aside) {
            (Direction::ToTarget, _) => &mut self.to_target,
            (Direction::ToClient, Some(aside)) => aside.incoming(),
            (Direction::ToClient, None) => &mut self.to_client,
        }
    }

    /// The bytes that may be written to the peer at the end of a direction.
    pub fn outgoing(&self, direction: Direction) -> &[u8] {
        match (direction, &self.aside) {
            (Direction::ToTarget, Some(aside)) => aside.outgoing(),
            (Direction::ToTarget, None) => self.to_target.outgoing(),
            (Direction::ToClient, _) => self.to_client.outgoing(),
        }
    }

    /// Counts bytes as written to the peer at the end of a direction.
    pub fn mark_sent(&mut self, direction: Direction, count: usize) {
        match (direction, &mut self.aside) {
            (Direction::ToTarget, Some(aside)) => aside.mark_sent(count),
            (Direction::ToTarget, None) => self.to_target.mark_sent(count),
            (Direction::ToClient, _) => self.to_client.mark_sent(count),
        }
        if direction == Direction::ToTarget && self.aside.is_some() && self.client_waits {
            self.judge_client();
        }
    }

    /// Forgets what the target was to get and does not read any more.
    pub fn clear_to_target(&mut self) {
        self.to_target.clear();
        if let Some(aside) = &mut self.aside {
            aside.clear_outgoing();
        }
    }

    /// Whether more may be read from the client. Rows that may be set aside are read while others are on their
    /// way; else nothing is read before all has been written.
    pub fn may_read_client(&self) -> bool {
        match &self.aside {
            Some(aside) => !aside.is_full(),
            None => self.to_target.outgoing().is_empty(),
        }
    }

    /// Whether the client waits for the target, or has left something here that is still to be sent.
    pub fn holds_for_target(&self) -> bool {
        self.client_waits || self.aside.as_ref().is_some_and(|aside| aside.is_busy())
    }

    /// Bytes of the client that wait to be judged.
    pub fn unjudged_bytes(&self) -> usize {
        self.to_target.unjudged_bytes()
    }

    /// Whether the target works on something that the client has asked for.
    pub fn is_busy(&self) -> bool {
        self.session.is_busy() || self.aside.as_ref().is_some_and(|aside| aside.is_busy())
    }

    /// Whether the client has sent Terminate.
    pub fn is_terminated(&self) -> bool {
        self.session.is_terminated()
    }

    /// The body of the BackendKeyData; empty before login.
    pub fn backend_key(&self) -> &[u8] {
        self.session.backend_key()
    }

    /// Whether the target is in the middle of a frame, where nothing can be put between.
    pub fn target_is_mid_frame(&self) -> bool {
        self.session.target_is_mid_frame()
    }

    /// What the target has said before its connection was handed over.
    pub fn target_said(&mut self, bytes: &[u8]) {
        self.to_client.extend(bytes);
        self.judge_target();
    }

    /// Whether the session idles outside of a transaction, and nothing of it is on its way.
    pub fn is_idle(&self) -> bool {
        self.state == ExchangeState::Open
            && self.session.is_idle()
            && self.to_target.is_empty()
            && self.to_client.is_empty()
    }

    /// The client sends no more: once it has nothing on its way, what its session changed goes to the target.
    pub fn on_client_end(&mut self) {
        if self.state == ExchangeState::Open {
            self.state = ExchangeState::ClientEnded;
            self.write_ledger();
        }
    }

    /// Whether something is still to be written to the target for a client that has ended or was cut.
    pub fn awaits_ledger(&self) -> bool {
        match self.state {
            ExchangeState::ClientEnded => self.session.has_to_write(),
            ExchangeState::Leaving => true,
            _ => false,
        }
    }

    /// The client has been told that the session ends. What that changed goes to the target as soon as the
    /// target has answered what it runs; gives whether that has to be waited for.
    pub fn leave(&mut self) -> bool {
        if self.has_failed() && self.session.has_to_write() {
            self.state = ExchangeState::Leaving;
            self.judge_target_to_leave();
        }
        self.state == ExchangeState::Leaving
    }

    /// Nothing of what the target sends goes to the client any more.
    fn judge_target_to_leave(&mut self) {
        self.take_from_aside();
        while self.to_client.unjudged_bytes() > 0 {
            match self.session.on_target(self.to_client.unjudged()) {
                Ok(Step::Pass(count) | Step::Replace(count, _)) => {
                    self.to_client.replace(count, &[]);
                }
                Ok(Step::NeedMore | Step::Wait) => break,
                Err(_) => {
                    self.state = ExchangeState::Failed;
                    return;
                }
            }
        }
        let own = self.session.asking.take_outgoing();
        self.to_target.replace(0, &own);
        self.write_ledger();
        if !self.session.has_to_write() {
            self.state = ExchangeState::Failed;
        }
    }

    /// Asks the target to write down what the session changed, where it can take a question.
    fn write_ledger(&mut self) {
        if self.state == ExchangeState::ClientEnded && self.to_target.unjudged_bytes() > 0 {
            return;
        }
        if self.aside.as_ref().is_some_and(|aside| aside.is_busy()) {
            return;
        }
        if let Some(frames) = self.session.write_at_end() {
            self.to_target.replace(0, &frames);
            self.hand_over();
        }
    }

    /// Ends the exchange, and with it the session.
    pub fn end(self) -> Session {
        self.session.end()
    }

    /// Whether nothing more may be read from the client before the target has spoken.
    pub fn client_waits(&self) -> bool {
        self.client_waits
    }

    /// Whether the session cannot go on; the client's error is outgoing.
    pub fn has_failed(&self) -> bool {
        self.state == ExchangeState::Failed
    }

    /// Judges what was read from the client.
    pub fn judge_client(&mut self) {
        self.pass_client();
        if self.aside.as_ref().is_some_and(|aside| aside.has_answers()) {
            self.judge_target();
        }
    }

    /// Lets through what may go on of what was read from the client.
    #[inline]
    fn pass_client(&mut self) {
        self.client_waits = false;
        self.set_aside_from_here();
        while self.to_target.unjudged_bytes() > 0 && !self.has_failed() {
            if self.aside.as_ref().is_some_and(|aside| aside.is_full()) {
                self.client_waits = true;
                return;
            }
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
            self.hand_over();
        }
    }

    /// Whether rows that the target refuses may be set aside.
    fn may_set_aside(&self) -> bool {
        let Context { policy, startup, settings, .. } = &self.session.context;
        let is_ready = self.session.phase == Phase::Ready;
        is_ready && policy.errors.may_set_aside(startup, settings.errors)
    }

    /// Begins to set rows aside where that is asked for, and nothing is on its way.
    fn set_aside_from_here(&mut self) {
        let is_due = self.aside.is_none()
            && self.may_set_aside()
            && self.to_client.unjudged_bytes() == 0
            && !self.session.target_is_mid_frame();
        if !is_due {
            return;
        }
        let facts = aside_facts(&self.session);
        if facts.is_quiet {
            self.aside = Some(Box::new(Aside::new(facts)));
            self.hand_over();
        }
    }

    /// What the target has said, as it looks from behind the rows that are set aside.
    fn take_from_aside(&mut self) {
        if let Some(aside) = &mut self.aside {
            let bytes = aside.on_target();
            self.to_client.extend(&bytes);
            let count = aside.take_set_aside();
            if count > 0 {
                self.session.context.watched.on_set_aside(count);
            }
        }
    }

    /// What the session has let through goes to where rows are set aside.
    fn hand_over(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        let outgoing = self.to_target.outgoing();
        if !outgoing.is_empty() {
            aside.on_session(outgoing, aside_facts(&self.session));
            let count = outgoing.len();
            self.to_target.mark_sent(count);
        }
    }

    /// Judges what was read from the target.
    pub fn judge_target(&mut self) {
        match self.state {
            ExchangeState::Stopping => return self.judge_target_to_stop(),
            ExchangeState::Leaving => return self.judge_target_to_leave(),
            _ => {}
        }
        self.take_from_aside();
        while self.to_client.unjudged_bytes() > 0 && !self.has_failed() {
            match self.session.on_target(self.to_client.unjudged()) {
                Ok(Step::Pass(count)) => self.to_client.pass(count),
                Ok(Step::Replace(count, bytes)) => self.to_client.replace(count, &bytes),
                Ok(Step::NeedMore | Step::Wait) => break,
                Err(error) => self.fail(&error),
            }
        }
        let own = self.session.asking.take_outgoing();
        if !own.is_empty() {
            self.to_target.replace(0, &own);
            self.hand_over();
        }
        if let Some(aside) = &mut self.aside
            && aside_facts(&self.session).is_quiet
        {
            aside.note_quiet();
        }
        if self.client_waits {
            self.judge_client();
        }
        if self.state == ExchangeState::ClientEnded {
            self.write_ledger();
        }
    }

    /// The proxy stops: ends the session where the frame ends that is on its way to the client, at
    /// once if there is none. The client is told as the server would tell it, but in a relay, where
    /// nobody knows where a frame ends.
    pub fn stop(&mut self) {
        if !self.has_failed() {
            self.state = ExchangeState::Stopping;
        }
        self.judge_target();
    }

    /// Nothing goes to the client any more but the rest of a frame and the reason.
    fn judge_target_to_stop(&mut self) {
        if self.has_failed() {
            return;
        }
        let count = self.session.target.finish_frame(self.to_client.unjudged_bytes());
        self.to_client.pass(count);
        if self.session.target_is_mid_frame() {
            return;
        }
        let message = "terminating connection due to administrator command";
        let error = OwnError::new("57P01", message).with_hint(match self.session.is_idle() {
            true => "The proxy is stopped, and this session was idle: connect again.",
            false => "The proxy was stopped; this session outlasted limits.drain_timeout.",
        });
        self.tell_and_end(&error);
    }

    fn fail(&mut self, error: &OwnError) {
        tracing::warn!(
            event = "session_failed",
            sqlstate = error.sqlstate,
            "session ended: {}",
            error.message
        );
        self.tell_and_end(error);
    }

    /// The client is told, unless it is in the middle of a message.
    fn tell_and_end(&mut self, error: &OwnError) {
        if !self.session.target_is_mid_frame() && !self.session.is_relay() {
            self.to_client.replace(0, &wire::error_response(error, Severity::Fatal));
        }
        self.state = ExchangeState::Failed;
    }
}

/// What setting rows aside has to know.
fn aside_facts(session: &Session) -> SessionFacts {
    let pid = session.target.backend_key.first_chunk();
    SessionFacts {
        name: session.asking.name().to_owned(),
        target_pid: pid.map_or(0, |pid| u32::from_be_bytes(*pid)),
        is_quiet: session.replies.is_empty() && session.client.body.remaining == 0,
        ..session.context.load_facts()
    }
}
