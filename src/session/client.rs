//! Frames of the client: judged one after the other, each by its tag. What becomes of one is decided in `gate`
//! and in `message`, and carried out here.

use super::ask::{Delivery, Question};
use super::decision::{Decision, Frame, Outgoing, Passing};
use super::message::basis::Basis;
use super::message::copy_in::Mended;
use super::message::query::SettledBehind;
use super::message::text::{self, Judged, Text};
use super::message::{
    bind, copy_in, execute, function_call, long_text, parse, query, role_first, terminate, turn,
};
use super::replies::{Expected, Request};
use super::step::{Body, Mend, Progress, Step};
use super::{Phase, Session, gate, telling};
use crate::ledger::Road;
use crate::rewrite::{Reached, Rewrite};
use crate::statement::Effects;
use crate::wire::{self, FrameError, HEAD_BYTES, Head, OwnError, tag};

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
    #[inline]
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
        if frame.head.frame_bytes > self.context.policy.statement_bytes_max {
            return self.on_long_text(&frame);
        }
        let Session { context, client, replies, parking, settling, catalog, report, .. } = self;
        let is_owed = !replies.is_empty();
        let held = turn::held(&frame, &client.pipeline, replies, parking, settling, context);
        if let Some(decision) = held {
            return decision;
        }
        let head = frame.head;
        let Some(body) = frame.rest.get_mut(HEAD_BYTES..head.frame_bytes) else {
            return Decision::Later;
        };
        let Some(mut text) = client.take_text(head.tag, body, report, context) else {
            return text::malformed();
        };
        let (tried, now) = (client.tried, context.now(is_owed));
        let basis = Basis { context, parking, settling, tried, now };
        let judged = text::judged(&mut text, body, catalog, basis);
        self.on_judged(text, body, judged)
    }

    /// What was judged of a text is done.
    fn on_judged(&mut self, mut text: Box<Text>, body: &[u8], judged: Judged) -> Decision {
        let Session {
            context, client, replies, prepared, parking, settling, catalog, report, ..
        } = self;
        let (pipeline, is_owed) = (&mut client.pipeline, !replies.is_empty());
        let decision = match judged {
            Judged::Pass => {
                query::note_sent(prepared, pipeline, is_owed);
                self.on_sent(Effects::default(), None, text.reached());
                Decision::pass_answered(Request::Query)
            }
            Judged::Ask(question) => {
                let extended = text.is_extended();
                client.text = Some(text);
                return Decision::ask(question, extended);
            }
            Judged::Refuse(error) => {
                if !text.is_extended() {
                    query::note_sent(prepared, pipeline, is_owed);
                }
                text::refused(&text, body, *error)
            }
            Judged::Send(rewrite) if text.is_extended() => {
                let (told, basis) = ((prepared, report), (&*parking, &*settling));
                let decision =
                    parse::send(&mut text, body, *rewrite, told, basis, catalog, context);
                self.on_sent(Effects::default(), None, Reached::nothing());
                decision
            }
            Judged::Send(rewrite) => self.send_query(&text, text.body(body), *rewrite),
        };
        text.give_back();
        decision
    }

    fn send_query(&mut self, text: &Text, body: &[u8], mut rewrite: Rewrite) -> Decision {
        let Session { context, client, replies, prepared, settling, catalog, report, .. } = self;
        let (pipeline, is_owed) = (&mut client.pipeline, !replies.is_empty());
        let sent = query::send(text, body, &mut rewrite, catalog, report, context);
        let parts = (&*prepared, &*settling);
        let behind = query::settled_behind(text, &sent.expected, is_owed, pipeline, parts, context);
        query::note_sent(prepared, pipeline, is_owed);
        replies.push(sent.expected);
        let writes = (!rewrite.writes.is_empty()).then(|| rewrite.writes.into());
        self.on_sent(text.effects(), writes.as_ref(), text.reached());
        query::goes(sent.frame, body, self.settle_behind(behind, text.effects()))
    }

    /// Settles behind a Query with these effects. Gives the frames that ask, if any do.
    fn settle_behind(&mut self, behind: SettledBehind, effects: Effects) -> Option<Vec<u8>> {
        match behind {
            SettledBehind::Nothing => return None,
            SettledBehind::Stated(settings) => self.settling.note_stated(settings, effects),
            SettledBehind::Later => self.settling.note_for_later(effects),
            SettledBehind::Asked(delivery) => {
                let settle = Question::Settle(self.settling.begin(effects));
                return Some(self.ask(settle, delivery));
            }
        }
        None
    }

    /// A Query or Parse of which nothing is read.
    #[cold]
    fn on_long_text(&mut self, frame: &Frame<'_>) -> Decision {
        let Session { context, client, replies, prepared, parking, settling, report, .. } = self;
        let is_owed = !replies.is_empty();
        let tried = client.tried;
        let decision = long_text::long_text(frame, prepared, parking, settling, tried, context);
        if matches!(decision, Decision::Send(_)) {
            report.counts.too_long += 1;
            if frame.head.tag == tag::QUERY {
                client.pipeline.note_query(is_owed);
                self.on_sent(long_text::EFFECTS, None, &Reached::unknown());
            }
        }
        decision
    }
}

/// The error for a client that has sent a frame which cannot be one.
fn malformed(error: FrameError) -> OwnError {
    OwnError::new("08P01", error.to_string())
        .with_hint("The connection is closed: where the next message begins is not known.")
}
