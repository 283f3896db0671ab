//! Frames of the client: judged one after the other, each by its tag. What becomes of one is decided in `gate`
//! and in `message`, and carried out here.

use super::ask::{Delivery, Question};
use super::decision::{Decision, Frame, Outgoing, Passing};
use super::message::basis::Basis;
use super::message::copy_in::Mended;
use super::message::text::{self, Judged, Text};
use super::message::{
    bind, copy_in, execute, function_call, long_text, parse, role_first, subjects, terminate, turn,
};
use super::replies::{Expected, Request};
use super::step::{Body, Mend, Progress, Step};
use super::{Phase, Session, gate, telling};
use crate::ledger::Road;
use crate::rewrite::{self, Reached, Rewrite};
use crate::statement::Effects;
use crate::wire::{self, FrameError, HEAD_BYTES, Head, OwnError, TransactionStatus, tag};

/// The effects that may have to be settled.
const SETTLES: Effects =
    Effects::TOUCHES_SETTINGS.and(Effects::RESETS_ROLE).and(Effects::ENDS_TRANSACTION);

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
            let Session { client, replies, report, context, .. } = self;
            let part = match client.may_be_inside() {
                true => client.judge_part(unread, at, replies, report, context),
                false => Ok(None),
            };
            let progress = match part.map_err(malformed)? {
                Some(progress) => progress,
                None if self.asking.is_asked() => {
                    self.asking.note_waiting();
                    Progress::Wait
                }
                None => self.on_client_frame(unread, at)?,
            };
            match progress {
                Progress::Passed(count) => at += count,
                Progress::Done(step) => {
                    debug_assert_eq!(at, 0, "what lies in front would be replaced");
                    return Ok(step);
                }
                Progress::Later => break,
                Progress::Wait => {
                    wait = true;
                    break;
                }
            }
        }
        let (free, mended) = self.client.copy_in.release(at);
        if let Some(Mended { place, count }) = mended {
            self.report.note_nuls(place, Road::Copy, count, self.context.seconds());
        }
        Ok(Step::pass_or(free, wait))
    }

    /// Judges the frame that begins at `at`.
    fn on_client_frame(&mut self, unread: &mut [u8], at: usize) -> Result<Progress, OwnError> {
        let first = at == 0;
        let rest = unread.get(at..).unwrap_or_default();
        let there = rest.len();
        let found = wire::head(rest, self.context.policy.message_bytes_max);
        if !matches!(found, Ok(None | Some(Head { tag: tag::COPY_DATA, .. }))) {
            self.client.copy_in.finish(unread);
        }
        let head = match found {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(Progress::Later),
            // What stands in front of it is the target's, and is answered first, unless the target
            // waits for rows.
            Err(_) if !first => return Ok(Progress::Later),
            Err(error) if self.replies.is_empty() || self.client.copy_in.is_open() => {
                return Err(malformed(error));
            }
            Err(_) => return Ok(self.client.pipeline.flush(first)),
        };
        telling::frame("client", head);
        if matches!(self.phase, Phase::Startup { .. }) {
            // A client that runs ahead of its own login waits for it.
            return Ok(match head.tag {
                tag::PASSWORD => self.carry_out(Decision::pass(), head, there, first),
                _ => Progress::Wait,
            });
        }
        let Session { client, replies, asking, settling, prepared, report, context, .. } = self;
        if head.tag == tag::COPY_DATA && gate::is_clear_for_rows(client, replies, asking) {
            client.body = Body { remaining: head.body_bytes(), mend: Mend::CopyData };
            client.note_sent(head.tag);
            context.watched.on_copy_bytes(head.body_bytes());
            let judged = client.judge_body(unread, at + HEAD_BYTES, report, context);
            return Ok(Progress::Passed(judged - at));
        }
        if gate::is_clear(client, replies, asking, settling, prepared, context) {
            let pipeline = &mut client.pipeline;
            let plain = execute::plain(head.tag, pipeline, replies, prepared, settling);
            if plain.is_some() {
                let watched = context.watched;
                return Ok(Progress::Passed(client.pass_as(plain, head, there, replies, watched)));
            }
        } else {
            let rest = unread.get_mut(at..).unwrap_or_default();
            let mut frame = Frame { head, rest, first };
            let gated = gate::skipped(&frame, client, replies, asking).or_else(|| {
                gate::held(&mut frame, client, replies, asking, settling, prepared, context)
            });
            if let Some(decision) = gated {
                return Ok(self.carry_out(decision, head, there, first));
            }
        }
        let frame = Frame { head, rest: unread.get_mut(at..).unwrap_or_default(), first };
        let decision = match self.decide(frame).map_err(|error| *error)? {
            Decision::Pass(request) => {
                let Session { client, replies, context, .. } = self;
                let watched = context.watched;
                return Ok(Progress::Passed(
                    client.pass_as(request, head, there, replies, watched),
                ));
            }
            decision => decision,
        };
        let progress = self.carry_out(decision, head, there, first);
        if progress.takes_frame() {
            self.client.note_sent(head.tag);
        }
        Ok(progress)
    }

    /// What becomes of the message, by its tag.
    ///
    /// # Errors
    /// A Bind is too long to be given the types that the target was told: the session ends.
    fn decide(&mut self, frame: Frame<'_>) -> Result<Decision, Box<OwnError>> {
        if matches!(frame.head.tag, tag::QUERY | tag::PARSE) {
            return Ok(self.on_text(frame));
        }
        let Session { context, client, replies, prepared, settling, .. } = self;
        let Session { parking, catalog, report, .. } = self;
        let (is_owed, tried) = (!replies.is_empty(), client.tried);
        if role_first::concerns(frame.head.tag, prepared, context) {
            let basis = Basis { context, parking, settling, tried, now: context.now(is_owed) };
            let pipeline = &client.pipeline;
            let role = role_first::first(&frame, prepared, catalog, (replies, pipeline), basis);
            if let Some(decision) = role {
                return Ok(decision);
            }
        }
        let (copy_in, pipeline) = (&mut client.copy_in, &mut client.pipeline);
        Ok(match frame.head.tag {
            tag::BIND => bind::bind(frame, prepared, catalog, report, is_owed, context)?,
            tag::EXECUTE => execute::execute(&frame, prepared, (parking, settling), tried, context),
            tag::SYNC => {
                let is_open = copy_in.is_open();
                execute::sync(&frame, is_open, pipeline, replies, prepared, settling, context)
            }
            tag::DESCRIBE => execute::describe(&frame, prepared),
            tag::CLOSE => execute::close(&frame, prepared),
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => {
                copy_in::copy(&frame, copy_in, replies, report, context)
            }
            tag::FUNCTION_CALL => {
                function_call::function_call(frame, pipeline, catalog, report, is_owed, context)
            }
            tag::TERMINATE => terminate::end(&frame, client, report, catalog, is_owed, context),
            // Flush, and what the target makes of the rest.
            _ => Decision::pass(),
        })
    }

    /// What was decided over a frame is done.
    fn carry_out(&mut self, decision: Decision, head: Head, there: usize, first: bool) -> Progress {
        match decision {
            Decision::Pass(request) => {
                if let Some(request) = request {
                    telling::passed(self.context.watched, request, head);
                    self.replies.push(Expected::new(request));
                }
                Progress::Passed(self.client.pass(head, there))
            }
            Decision::Later => Progress::Later,
            Decision::Wait => Progress::Wait,
            Decision::Flush => self.client.pipeline.flush(first),
            Decision::Ask(question, via) => {
                let (is_owed, has_unnamed) =
                    (!self.replies.is_empty(), self.prepared.has_unnamed());
                let pipeline = &mut self.client.pipeline;
                match via.delivery(pipeline, is_owed, has_unnamed) {
                    None => pipeline.flush(first),
                    Some(_) if !first => Progress::Later,
                    Some(delivery) => {
                        Progress::Done(Step::Replace(0, self.ask(*question, delivery)))
                    }
                }
            }
            Decision::Send(outgoing) => {
                let Outgoing { expected, passing } = *outgoing;
                if let Some(expected) = expected {
                    telling::sent(self.context.watched, &expected, head);
                    self.report.counts.refused += u64::from(expected.is_failing());
                    self.replies.push(expected);
                }
                match passing {
                    Passing::Arriving(mend) => {
                        self.client.body = Body { remaining: head.body_bytes(), mend };
                        Progress::Passed(HEAD_BYTES)
                    }
                    Passing::Whole => Progress::Passed(head.frame_bytes),
                    Passing::Replaced(instead) => {
                        Progress::Done(Step::Replace(head.frame_bytes, instead))
                    }
                    Passing::Dropped(instead) => {
                        let remaining = head.body_bytes();
                        self.client.body = Body { remaining, mend: Mend::Dropped };
                        Progress::Done(Step::Replace(HEAD_BYTES, instead))
                    }
                }
            }
            Decision::Execute(plan) => {
                let expected = execute::expected_of_execute(&plan);
                telling::sent(self.context.watched, &expected, head);
                self.replies.push(expected);
                self.on_sent(plan.effects, Some(&plan.writes), plan.reached());
                if plan.effects.has(SETTLES) {
                    self.settling.note_for_sync(plan.effects, plan.said.stated);
                }
                Progress::Passed(self.client.pass(head, there))
            }
            Decision::Settle(effects) => {
                self.replies.push(Expected::new(Request::Sync));
                let mut frames = wire::with_body(tag::SYNC, &[]);
                let settle = Question::Settle(self.settling.begin(effects));
                frames.extend(self.ask(settle, Delivery::Group));
                Progress::Done(Step::Replace(head.frame_bytes, frames))
            }
        }
    }

    /// Query and Parse: the messages that carry SQL.
    fn on_text(&mut self, frame: Frame<'_>) -> Decision {
        let Session {
            context, client, replies, prepared, parking, settling, catalog, report, ..
        } = self;
        let frame_tag = frame.head.tag;
        let is_owed = !replies.is_empty();
        if frame.head.frame_bytes > context.policy.statement_bytes_max {
            let tried = client.tried;
            let decision =
                long_text::long_text(&frame, prepared, parking, settling, tried, context);
            if matches!(decision, Decision::Send(_)) {
                report.counts.too_long += 1;
                if frame_tag == tag::QUERY {
                    client.pipeline.note_query(is_owed);
                    // It may do anything; but of settings it is not asked.
                    let effects = Effects::CHANGES_RELATIONS
                        | Effects::CHANGES_LEXING
                        | Effects::CHANGES_USER;
                    self.on_sent(effects, None, &Reached::unknown());
                }
            }
            return decision;
        }
        let held = turn::held(&frame, &client.pipeline, replies, parking, settling, context);
        if let Some(decision) = held {
            return decision;
        }
        let Some(body) = frame.rest.get_mut(HEAD_BYTES..frame.head.frame_bytes) else {
            return Decision::Later;
        };
        let Some(mut text) = client.take_text(frame_tag, body, report, context) else {
            return Decision::send(Some(Expected::new(Request::Parse)), None);
        };
        if !rewrite::are_ruled(&context.rules()) && text.is_quiet(body, context) {
            prepared.on_query();
            client.pipeline.note_query(is_owed);
            self.on_sent(Effects::default(), None, text.reached());
            text.give_back();
            return Decision::pass_answered(Request::Query);
        }
        let now = context.now(is_owed);
        let basis = Basis { context, parking, settling, tried: client.tried, now };
        let renaming = text.rename(body, catalog, basis);
        let sent = &*body;
        let judged =
            renaming.unwrap_or_else(|| text::judge(&text, text.body(sent), catalog, basis));
        match judged {
            Judged::Ask(question) => {
                let extended = text.is_extended();
                client.text = Some(text);
                Decision::ask(question, extended)
            }
            Judged::Refuse(error) => {
                let (failing, expected) = text::refuse(&text, text.body(sent), *error);
                if !text.is_extended() {
                    prepared.on_query();
                    client.pipeline.note_query(is_owed);
                }
                Decision::send(Some(expected), Some(failing))
            }
            Judged::Send(rewrite) => {
                let decision = match text.is_extended() {
                    true => {
                        let reached = text.take_reached();
                        self.send_parse(&text, text.body(sent), reached, *rewrite)
                    }
                    false => self.send_query(&text, text.body(sent), *rewrite),
                };
                text.give_back();
                decision
            }
        }
    }

    fn send_query(&mut self, text: &Text, body: &[u8], mut rewrite: Rewrite) -> Decision {
        let mut sent = text::send_query(text, body, &mut rewrite, &self.context);
        let effects = text.effects();
        let is_due = self.settling.is_due(effects);
        // Behind a pipeline the target may skip the text, and behind a COPY it takes nothing but rows.
        let is_owed = !self.replies.is_empty();
        let follows = self.context.follows_own_words();
        if follows {
            sent.expected = sent.expected.saying(text.words(body));
        }
        let is_certain =
            !follows && self.client.pipeline.is_certain(is_owed) && !sent.expected.may_start_copy();
        let stated = text.stated(&self.context).filter(|_| is_due && is_certain);
        // A Query of ours would destroy what the client's may leave when it fails early.
        let by_group = self.prepared.has_unnamed();
        self.prepared.on_query();
        self.client.pipeline.note_query(is_owed);
        self.replies.push(subjects::tell_query(
            sent.expected,
            text,
            body,
            &self.catalog,
            &self.context,
        ));
        let (silent_loss, seconds) = self.context.loss_and_seconds();
        let not_understood = text.not_understood(body);
        let unread = self.catalog.unread();
        self.report.note_text(not_understood, unread, sent.changes, silent_loss, seconds);
        let writes = std::mem::take(&mut rewrite.writes);
        self.on_sent(effects, (!writes.is_empty()).then(|| writes.into()).as_ref(), text.reached());
        let mut frames = sent.frame;
        let may_be_open = is_owed || self.context.status == TransactionStatus::Open;
        match stated.filter(|_| may_be_open) {
            Some(settings) => self.settling.note_stated(settings, effects),
            None if is_due && is_certain => {
                let settle = Question::Settle(self.settling.begin(effects));
                let delivery = if by_group { Delivery::Group } else { Delivery::Query };
                let settle = self.ask(settle, delivery);
                let query = || wire::with_body(tag::QUERY, &[body]);
                frames.get_or_insert_with(query).extend(settle);
            }
            None if is_due => self.settling.note_for_later(effects),
            None => {}
        }
        match frames {
            None => Decision::pass(),
            frames => Decision::send(None, frames),
        }
    }

    fn send_parse(
        &mut self,
        text: &Text,
        body: &[u8],
        reached: Reached,
        rewrite: Rewrite,
    ) -> Decision {
        let Session { context, prepared, settling, parking, catalog, report, .. } = self;
        let effects = parse::lasting_effects(text, settling, catalog, parking, context);
        let rewrite = (rewrite, reached);
        let sent = parse::parse(text, body, rewrite, effects, prepared, catalog, context);
        let (silent_loss, seconds) = context.loss_and_seconds();
        let not_understood = text.not_understood(body);
        let unread = catalog.unread() + sent.not_judged;
        report.note_text(not_understood, unread, sent.changes, silent_loss, seconds);
        self.on_sent(Effects::default(), None, Reached::nothing());
        Decision::send(Some(sent.expected), sent.frame)
    }
}

/// The error for a client that has sent a frame which cannot be one.
fn malformed(error: FrameError) -> OwnError {
    OwnError::new("08P01", error.to_string())
        .with_hint("The connection is closed: where the next message begins is not known.")
}
