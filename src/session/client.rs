//! Frames of the client: what is under way, what has to wait, and which message a frame is. Looks into
//! bodies only through `message`.

use super::ask::parking::Tried;
use super::ask::{CANCELLED, Delivery, Question};
use super::message::copy_in::{self, CopyIn};
use super::message::text::Text;
use super::message::{bind, execute};
use super::replies::{Expected, Failing, Request};
use super::step::{Body, Mend, Progress, Step};
use super::{Phase, Session};
use crate::wire::{self, FAILING_SQL, FrameError, HEAD_BYTES, Head, OwnError, tag};

/// The client's side of a session.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// The rest of the frame that is arriving.
    pub(super) body: Body,
    /// The COPY stream that the target has asked for and not yet had.
    pub(super) copy_in: CopyIn,
    /// The Query or Parse that waits for the answer to a question about it.
    pub(super) text: Option<Box<Text>>,
    /// What was tried for the message that waits.
    pub(super) tried: Tried,
    pipeline: Pipeline,
    /// A Query has gone behind a pipeline without a Sync: whether the target runs it or skips it, and with
    /// it what follows, is known when all is answered.
    query_is_unsure: bool,
    /// The target answers everything that has gone: a Flush or a Sync is behind it.
    pub(super) is_flushed: bool,
    pub(super) drops: Drops,
    /// A statement has gone that may change how the server reads texts.
    pub(super) lexing_is_unsure: bool,
    /// The client has sent Terminate.
    pub(super) is_terminated: bool,
}

/// The messages of an extended query since the last Sync that the target takes for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pipeline {
    /// There are none.
    #[default]
    None,
    /// Nothing of them was bound or executed.
    Prepares,
    /// A portal was made, or executed.
    Runs,
    /// A Sync is behind them, which the target ignores if it asks for the rows of a COPY.
    Ending,
}

/// Which of the client's messages do not go to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drops {
    /// All go.
    #[default]
    None,
    /// The next one does not: a COPY has taken a message of ours in its place.
    Next,
    /// Those up to a Sync do not: the target would skip them, but a Sync of ours has ended that.
    ToSync,
}

impl ClientSide {
    /// Whether an error would make the target skip what the client sends next.
    pub(super) fn is_in_pipeline(&self) -> bool {
        self.pipeline != Pipeline::None
    }

    /// A Sync that the target takes for one is behind all that has gone.
    pub(super) fn end_pipeline(&mut self) {
        self.pipeline = Pipeline::None;
        self.query_is_unsure = false;
    }

    /// A Query or a FunctionCall goes to the target; `is_owed` says that it has not answered all that went
    /// before. A message that is not skipped ends the pipeline.
    pub(super) fn note_query(&mut self, is_owed: bool) {
        self.query_is_unsure = is_owed && (self.is_in_pipeline() || self.query_is_unsure);
        self.pipeline = Pipeline::None;
    }

    /// Whether it is known what the target skips.
    pub(super) fn is_certain(&self, is_owed: bool) -> bool {
        !(is_owed && (self.is_in_pipeline() || self.query_is_unsure))
    }

    /// The target has asked for rows, so it has ignored the Sync behind the statement.
    pub(super) fn continue_pipeline(&mut self) {
        if self.pipeline == Pipeline::Ending {
            self.pipeline = Pipeline::Runs;
        }
    }

    /// A Sync has gone behind a statement that may ask for the rows of a COPY.
    pub(super) fn note_uncertain_sync(&mut self) {
        self.pipeline = Pipeline::Ending;
    }

    fn note_in_pipeline(&mut self, frame_tag: u8) {
        match (frame_tag, self.pipeline) {
            (tag::BIND | tag::EXECUTE, _) => self.pipeline = Pipeline::Runs,
            (tag::PARSE | tag::DESCRIBE | tag::CLOSE, Pipeline::None) => {
                self.pipeline = Pipeline::Prepares;
            }
            _ => {}
        }
    }
}

impl Session {
    /// Judges what the client has sent so far and the proxy has not yet let go.
    ///
    /// # Errors
    /// The client has sent what cannot be a frame: nothing of it may go on, the session ends.
    pub fn on_client(&mut self, unread: &mut [u8]) -> Result<Step, OwnError> {
        if self.phase == Phase::Relay {
            return Ok(if unread.is_empty() { Step::NeedMore } else { Step::Pass(unread.len()) });
        }
        let mut at = self.client.copy_in.take_judged_ahead();
        let mut wait = false;
        while at < unread.len() {
            if self.client.copy_in.is_taken_apart() && self.client.body.may_be_rows() {
                if at > 0 {
                    break;
                }
                if let Some(step) = self.on_rows(unread)? {
                    return Ok(step);
                }
                if self.client.body.remaining > 0 {
                    break;
                }
            }
            if self.client.body.is_dropped() {
                if at > 0 {
                    break;
                }
                return Ok(Step::Replace(self.client.body.take(unread.len()), Vec::new()));
            }
            if self.client.body.remaining > 0 {
                let judged = self.on_client_body(unread, at);
                if judged == at {
                    break;
                }
                at = judged;
                continue;
            }
            if self.asking.is_asked() {
                self.asking.note_waiting();
                wait = true;
                break;
            }
            let rest = unread.get(at..).unwrap_or_default();
            let found = wire::head(rest, self.context.policy.message_bytes_max);
            if !matches!(found, Ok(None | Some(Head { tag: tag::COPY_DATA, .. }))) {
                self.client.copy_in.finish(unread);
            }
            let progress = match found {
                Ok(Some(head)) => {
                    let rest = unread.get_mut(at..).unwrap_or_default();
                    self.on_client_frame(head, rest, at == 0)?
                }
                Ok(None) => break,
                Err(error) => self.on_malformed(error, at == 0)?,
            };
            match progress {
                Progress::Passed(count) => at += count,
                Progress::Done(step) => return Ok(step),
                Progress::Later => break,
                Progress::Wait => {
                    wait = true;
                    break;
                }
            }
        }
        let (free, mended) = self.client.copy_in.release(at);
        self.report.note_copy_nuls(&mended.place, mended.count, self.context.seconds());
        Ok(Step::pass_or(free, wait))
    }

    /// Judges more of the frame that is arriving; gives how far it got.
    fn on_client_body(&mut self, unread: &mut [u8], at: usize) -> usize {
        let body = &mut self.client.body;
        let mut end = unread.len().min(at + body.remaining);
        let arrived = unread.get_mut(at..end).unwrap_or_default();
        match &mut body.mend {
            Mend::Nothing | Mend::Dropped | Mend::Rows => {}
            Mend::Query(scanner) => {
                scanner.scan(arrived);
                self.report.counts.nul_query += scanner.take_replaced();
            }
            Mend::Bind(arriving) => {
                // What follows may decide over the last byte: then it waits in the buffer.
                end = at + arriving.scanner.scan(arrived);
                let replaced = arriving.scanner.take_replaced();
                if replaced > 0 {
                    let place = arriving.place.clone();
                    self.report.note_bind_nuls(place, replaced, self.context.seconds());
                }
            }
            Mend::CopyData => self.client.copy_in.scan(unread, at, end),
        }
        self.client.body.remaining -= end - at;
        end
    }

    /// Takes the rows at the front apart; `None` where another frame stands there.
    fn on_rows(&mut self, unread: &[u8]) -> Result<Option<Step>, OwnError> {
        let Some(rows) = self.client.copy_in.rows() else { return Ok(None) };
        let frame_bytes_max = self.context.policy.message_bytes_max;
        let taken = rows.take(unread, &mut self.client.body, frame_bytes_max);
        let mut taken = taken.map_err(malformed)?;
        let (not_judged, findings) = (rows.take_not_judged(), rows.take_findings());
        let silent_loss = self.context.policy.values.silent_loss;
        self.report.note_rows(not_judged, findings, silent_loss, self.context.seconds());
        if !taken.frames.is_empty() {
            self.client.copy_in.note_rows();
        }
        if let Some(error) = taken.refused {
            // The target ends its COPY with an error, and ours takes its place. What else the client
            // sends reaches the target behind its COPY, as it would behind an error of its own.
            self.report.counts.refused += 1;
            self.replies.fail_front(error, Failing::CopyFail);
            self.client.copy_in.end();
            taken.frames.extend(copy_in::refused_row());
        } else if taken.ended {
            self.client.copy_in.leave_rest_untouched();
        }
        let changes = taken.bytes > 0 || !taken.frames.is_empty();
        Ok(changes.then_some(Step::Replace(taken.bytes, taken.frames)))
    }

    /// Judges one frame whose head is there. `first` says that nothing judged lies in front of it.
    fn on_client_frame(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Result<Progress, OwnError> {
        if matches!(self.phase, Phase::Startup { .. }) {
            // A client that runs ahead of its own login waits for it.
            let is_password = head.tag == tag::PASSWORD;
            return Ok(if is_password { self.pass(head) } else { Progress::Wait });
        }
        if let Some(progress) = self.skipped(head, first) {
            return Ok(progress);
        }
        if let Some(progress) = self.held(head, rest, first) {
            return Ok(progress);
        }
        self.dispatch(head, rest, first)
    }

    /// What becomes of a frame that the target skips, as it does behind an error in a pipeline.
    fn skipped(&mut self, head: Head, first: bool) -> Option<Progress> {
        let is_sync = head.tag == tag::SYNC;
        match self.client.drops {
            Drops::None => {}
            Drops::ToSync if is_sync || head.tag == tag::TERMINATE => {
                self.client.drops = Drops::None;
                return None;
            }
            _ if !first => return Some(Progress::Later),
            drops => {
                let to_sync = drops == Drops::ToSync;
                self.client.drops = if to_sync { drops } else { Drops::None };
                return Some(self.drop_frame(head, Vec::new()));
            }
        }
        if !self.replies.is_skipping() || is_sync {
            return None;
        }
        self.client.text = None;
        if head.tag == tag::QUERY && self.asking.is_swept() {
            if !first {
                return Some(Progress::Later);
            }
            // It met the error of our question. The target would skip it and what comes after it; a
            // Sync gives the ReadyForQuery that its own failure would have given.
            self.client.end_pipeline();
            self.asking.forget_swept();
            self.replies.push(Expected::new(Request::Sync));
            return Some(self.drop_frame(head, wire::with_body(tag::SYNC, &[])));
        }
        self.client.is_terminated |= head.tag == tag::TERMINATE;
        Some(self.pass(head))
    }

    /// Whether the frame has to wait, or something of ours comes first.
    fn held(&mut self, head: Head, rest: &mut [u8], first: bool) -> Option<Progress> {
        if let Some(progress) = self.fail_cancelled(head, first) {
            return Some(progress);
        }
        let is_open = self.client.copy_in.is_open();
        match head.tag {
            // A COPY takes these, and ignores a Flush and a Sync among its rows.
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL | tag::FLUSH => return None,
            tag::SYNC if is_open => return None,
            tag::TERMINATE if is_open || self.replies.may_start_copy() => return None,
            _ => {}
        }
        if self.replies.len() >= self.context.policy.replies_max {
            return Some(self.wait_for_target(first));
        }
        if head.tag == tag::SYNC {
            return None;
        }
        if self.replies.doubt().is_some() {
            return Some(self.ask_first(Question::Probe(head.tag), Delivery::Probe, first));
        }
        if is_open {
            let copy_in = &self.client.copy_in;
            let is_certain = copy_in.is_extended() && !self.replies.has_early_syncs();
            // It fails there, or the COPY has failed before and the target skips it: it is not read.
            return Some(match is_certain || !copy_in.has_rows() {
                true => self.pass(head),
                false => self.ask_first(Question::Probe(head.tag), Delivery::Probe, first),
            });
        }
        if self.replies.may_start_copy() || self.replies.has_early_syncs() {
            return Some(self.wait_for_target(first));
        }
        if self.client.pipeline == Pipeline::Ending {
            // No COPY has come of it.
            self.client.end_pipeline();
        }
        if head.tag == tag::TERMINATE {
            return None;
        }
        self.settle_later(first).or_else(|| self.waits_for_parse(head, rest))
    }

    /// The message is judged by its tag.
    fn dispatch(&mut self, head: Head, rest: &mut [u8], first: bool) -> Result<Progress, OwnError> {
        let progress = match head.tag {
            tag::BIND => self.on_bind(head, rest, first)?,
            tag::EXECUTE => self.on_execute(head, rest, first),
            tag::SYNC => self.on_sync(head, first),
            tag::DESCRIBE => self.on_describe(head, rest),
            tag::CLOSE => self.on_close(head, rest),
            tag::QUERY | tag::PARSE => self.on_text(head, rest, first),
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => self.on_copy(head, first),
            tag::FUNCTION_CALL => self.on_function_call(head, rest, first),
            tag::TERMINATE => self.on_terminate(head, first),
            // Flush, and what the target makes of the rest.
            _ => self.pass(head),
        };
        if progress.takes_frame() {
            self.client.tried = Tried::default();
            self.client.is_flushed = matches!(head.tag, tag::FLUSH | tag::SYNC);
            self.client.note_in_pipeline(head.tag);
        }
        Ok(progress)
    }

    /// Waits until the target has answered what has gone, which it keeps to itself in a pipeline until it
    /// is told to send it.
    pub(super) fn wait_for_target(&mut self, first: bool) -> Progress {
        if !self.client.is_in_pipeline() || self.client.is_flushed {
            return Progress::Wait;
        }
        if !first {
            return Progress::Later;
        }
        self.client.is_flushed = true;
        Progress::Done(Step::Replace(0, wire::with_body(tag::FLUSH, &[])))
    }

    /// The client has sent what cannot be a frame. What stands in front of it is the target's, and is
    /// answered first, unless the target waits for rows.
    fn on_malformed(&mut self, error: FrameError, first: bool) -> Result<Progress, OwnError> {
        if !first {
            return Ok(Progress::Later);
        }
        if self.replies.is_empty() || self.client.copy_in.is_open() {
            return Err(malformed(error));
        }
        Ok(self.wait_for_target(first))
    }

    /// Lets the frame pass without looking into it, while it still arrives.
    pub(super) fn pass(&mut self, head: Head) -> Progress {
        self.pass_mending(head, Mend::Nothing)
    }

    pub(super) fn pass_mending(&mut self, head: Head, mend: Mend) -> Progress {
        self.client.body = Body { remaining: head.body_bytes(), mend };
        Progress::Passed(HEAD_BYTES)
    }

    /// Takes the frame at the front away, and puts `instead` in its place.
    fn drop_frame(&mut self, head: Head, instead: Vec<u8>) -> Progress {
        self.client.body = Body { remaining: head.body_bytes(), mend: Mend::Dropped };
        Progress::Done(Step::Replace(HEAD_BYTES, instead))
    }

    /// Asks in front of the frame that is being judged, once what is in front of that has gone.
    pub(super) fn ask_first(
        &mut self,
        question: Question,
        delivery: Delivery,
        first: bool,
    ) -> Progress {
        if !first {
            return Progress::Later;
        }
        Progress::Done(Step::Replace(0, self.ask(question, delivery)))
    }

    /// The same in the way that fits a message of the simple or of the extended protocol. A question in a
    /// pipeline is an Execute there; where the pipeline has executed nothing before, that would change
    /// what may follow, so the question goes in front of the rest with a Sync of its own.
    pub(super) fn ask_about(
        &mut self,
        question: Question,
        extended: bool,
        first: bool,
    ) -> Progress {
        if self.client.query_is_unsure && !self.replies.is_empty() {
            return self.wait_for_target(first);
        }
        let delivery = match self.client.pipeline {
            Pipeline::Runs | Pipeline::Ending => Delivery::Pipeline,
            Pipeline::Prepares if !self.replies.is_empty() => return self.wait_for_target(first),
            Pipeline::Prepares => Delivery::Group,
            Pipeline::None if extended => Delivery::Group,
            Pipeline::None => Delivery::Query,
        };
        self.ask_first(question, delivery, first)
    }

    /// Settling that had to wait comes before any other message, once all that is on its way is answered.
    fn settle_later(&mut self, first: bool) -> Option<Progress> {
        if !self.settling.waits() {
            return None;
        }
        if !self.replies.is_empty() {
            return Some(self.wait_for_target(first));
        }
        if !first {
            return Some(Progress::Later);
        }
        let settle = match self.settling.on_stated(&mut self.context) {
            Some(settle) => settle,
            None => {
                let effects = self.settling.take_later()?;
                self.settling.begin(effects)
            }
        };
        Some(self.ask_about(Question::Settle(settle), true, first))
    }

    /// Where a question was cancelled for the message that comes now, that fails with it: in its place the
    /// target gets a message that can only fail, and nothing else of it is looked at.
    fn fail_cancelled(&mut self, head: Head, first: bool) -> Option<Progress> {
        if !self.asking.has_failure() {
            return None;
        }
        let (request, failing) = match head.tag {
            tag::QUERY => (Request::Query, wire::query(FAILING_SQL)),
            // It calls nothing, for which the server looks nowhere.
            tag::FUNCTION_CALL => (Request::FunctionCall, wire::with_body(head.tag, &[])),
            // There is no portal of our name while nothing is asked. The client's names stay as they are.
            tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE => {
                (Request::Execute, wire::execute(self.asking.name()))
            }
            tag::FLUSH | tag::TERMINATE => return None,
            _ => {
                self.asking.take_failure();
                return None;
            }
        };
        if !first {
            return Some(Progress::Later);
        }
        let message = self.asking.take_failure()?;
        self.client.text = None;
        self.client.tried = Tried::default();
        if request == Request::Query {
            self.prepared.close_unnamed();
        }
        if request == Request::Execute {
            self.client.note_in_pipeline(tag::EXECUTE);
        } else {
            self.client.note_query(!self.replies.is_empty());
        }
        self.report.counts.refused += 1;
        let error = OwnError::new(CANCELLED, message);
        self.replies.push(Expected::failing(request, error, Failing::Script));
        Some(self.drop_frame(head, failing))
    }

    /// A message behind a Sync that names a statement whose Parse is not yet answered waits: should the
    /// Parse have failed, the name is still another statement's.
    fn waits_for_parse(&mut self, head: Head, rest: &mut [u8]) -> Option<Progress> {
        let answered = self.replies.parses_answered();
        if !self.prepared.has_unsure(answered) {
            return None;
        }
        let Some(body) = bind::body_there(head, rest) else { return Some(Progress::Later) };
        let name = execute::statement_named(head.tag, body)?;
        self.prepared.is_unsure(name, answered).then_some(Progress::Wait)
    }
}

/// The error for a client that has sent a frame which cannot be one.
pub(super) fn malformed(error: FrameError) -> OwnError {
    OwnError::new("08P01", error.to_string())
        .with_hint("The connection is closed: where the next message begins is not known.")
}
