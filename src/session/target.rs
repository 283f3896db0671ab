//! Frames of the target: each is treated as the reply at the front says. What changes in an answer on its
//! way is decided in `adjust`.

use super::adjust::{self, InsteadOfError};
use super::ask::{Delivery, Question};
use super::client_side::Drops;
use super::frame_reading::{LENGTH_MAX, Reading, whole_frames};
use super::message::copy_in::CopyIn;
use super::protocol::Protocol;
use super::replies::{Expected, Request, Treatment};
use super::rest::Rest;
use super::step::Step;
use super::{Phase, Session, completed, telling};
use crate::wire::{self, HEAD_BYTES, Head, OwnError, tag};

/// The longest message from the target that is looked into; a longer one passes as it is.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The target's side of a session.
#[derive(Debug, Default)]
pub(super) struct TargetSide {
    /// The rest of the frame that is arriving.
    pub(super) rest: Rest,
    /// The target has sent the last row of a COPY to the client; its CommandComplete follows.
    pub(super) copied_out: bool,
    /// The answer to a Sync that is held until it is known whether it is for a Sync of ours.
    held: Vec<u8>,
    /// Cancels what this session runs, on a connection of its own.
    pub(super) backend_key: Vec<u8>,
}

impl TargetSide {
    /// The process that the key for cancels names.
    pub(super) fn process(&self) -> Option<i32> {
        self.backend_key.first_chunk().map(|process| i32::from_be_bytes(*process))
    }

    /// Counts the rest of a frame of the target's that goes to the client, out of so many bytes that
    /// are there.
    pub(super) fn finish_frame(&mut self, there: usize) -> usize {
        self.rest.take(there)
    }
}

impl Session {
    /// Judges what the target has sent so far and the proxy has not yet let go.
    ///
    /// # Errors
    /// The target has sent what cannot be a frame, or the session has to end by configuration: the
    /// error is for the client, and the session ends.
    pub fn on_target(&mut self, unread: &mut [u8]) -> Result<Step, OwnError> {
        let mut at = 0;
        while at < unread.len() {
            if self.phase == Phase::Relay {
                return Ok(Step::Pass(unread.len()));
            }
            if self.target.rest.bytes() > 0 {
                let there = unread.len() - at;
                match self.target.rest {
                    Rest::Passes(_) => at += self.target.rest.take(there),
                    Rest::Swallowed(_) if at > 0 => break,
                    Rest::Swallowed(_) => {
                        let count = self.target.rest.take(there);
                        return Ok(Step::Replace(count, Vec::new()));
                    }
                }
                continue;
            }
            let rest = unread.get(at..).unwrap_or_default();
            let found = wire::head(rest, LENGTH_MAX);
            let found = found.map_err(|error| OwnError::new("08P01", format!("target: {error}")));
            let Some(head) = found? else { break };
            telling::frame("target", head);
            if matches!(head.tag, tag::DATA_ROW | tag::COPY_DATA)
                && head.frame_bytes <= rest.len()
                && self.phase == Phase::Ready
                && !self.asking.is_probing()
                && self.replies.front_passes_rows()
            {
                at += whole_frames(rest, head.tag);
                continue;
            }
            match self.reading(head) {
                Reading::Head => {
                    self.on_target_head(head.tag);
                    self.target.rest = Rest::Passes(head.body_bytes());
                    at += HEAD_BYTES;
                }
                Reading::Body => {
                    let Some(body) = rest.get(HEAD_BYTES..head.frame_bytes) else { break };
                    self.on_target_body(head.tag, body);
                    at += head.frame_bytes;
                }
                _ if at > 0 => break,
                Reading::Swallow => {
                    self.asking.on_long_frame(head.tag, head.frame_bytes)?;
                    self.target.rest = Rest::Swallowed(head.body_bytes());
                    return Ok(Step::Replace(HEAD_BYTES, Vec::new()));
                }
                Reading::Frame => {
                    let Some(frame) = rest.get(..head.frame_bytes) else { break };
                    return self.on_frame(head.tag, frame);
                }
            }
        }
        Ok(if at == 0 { Step::NeedMore } else { Step::Pass(at) })
    }

    /// How much of the frame is looked at. Whose answer it belongs to decides before its size does.
    fn reading(&self, head: Head) -> Reading {
        let is_long = head.frame_bytes > BODY_BYTES_MAX;
        if matches!(self.phase, Phase::Startup { .. }) {
            return match head.tag {
                tag::READY_FOR_QUERY if !is_long => Reading::Frame,
                _ => Reading::plain(head, is_long),
            };
        }
        // These come at any time and are about the session, not about a statement.
        if matches!(head.tag, tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE) {
            return Reading::plain(head, is_long);
        }
        if head.tag == tag::READY_FOR_QUERY && self.report.has_notices() {
            return Reading::Frame;
        }
        if self.asking.is_probing() {
            return Reading::frame_unless(is_long);
        }
        let hints = head.tag == tag::ERROR_RESPONSE && self.context.hints_at_json();
        match self.replies.front().and_then(Expected::treatment) {
            None | Some(Treatment::Pass) => Reading::frame_if(hints, head, is_long),
            Some(Treatment::Own) => match self.asking.delivery() {
                // An error of the client's pipeline, which the question is a part of.
                Some(delivery)
                    if head.tag == tag::ERROR_RESPONSE && !delivery.ends_with_ready() =>
                {
                    Reading::plain(head, is_long)
                }
                _ if is_long => Reading::Swallow,
                _ => Reading::Frame,
            },
            Some(Treatment::Fail(_)) => Reading::frame_unless(is_long),
            Some(Treatment::Adjust(adjust)) => {
                Reading::frame_if(hints || adjust.concerns(head.tag), head, is_long)
            }
        }
    }

    /// A frame that may reach the client changed, or not at all.
    fn on_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Step, OwnError> {
        let instead = self.treat(frame_tag, frame)?;
        if frame_tag == tag::READY_FOR_QUERY && self.report.has_notices() {
            let behind = instead.as_deref().unwrap_or(frame);
            if !behind.is_empty() {
                let notices = [&self.report.take_notices(), behind].concat();
                return Ok(Step::Replace(frame.len(), notices));
            }
        }
        Ok(match instead {
            Some(instead) => Step::Replace(frame.len(), instead),
            None => Step::Pass(frame.len()),
        })
    }

    /// What the client gets in place of the frame; `None` where it gets the frame.
    fn treat(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Option<Vec<u8>>, OwnError> {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        if matches!(self.phase, Phase::Startup { .. }) {
            return Ok(self.on_first_ready(frame));
        }
        if self.asking.is_probing()
            && let Some(instead) = self.on_probe_frame(frame_tag, frame)
        {
            return Ok(Some(instead));
        }
        match self.replies.front_mut().and_then(Expected::treatment_mut) {
            Some(Treatment::Own) => self.on_own_frame(frame_tag, frame).map(Some),
            Some(Treatment::Fail(_)) => Ok(self.on_failing_frame(frame_tag, frame)),
            Some(Treatment::Adjust(adjust)) => match frame_tag {
                tag::COMMAND_COMPLETE => {
                    let instead = adjust.completed(frame);
                    self.on_target_body(frame_tag, body);
                    Ok(instead)
                }
                tag::ERROR_RESPONSE => {
                    let refused = adjust.refused.clone();
                    let instead = match adjust.error(frame) {
                        InsteadOfError::Refusal(frame) => {
                            self.report.counts.refused += 1;
                            if let Some(error) = refused {
                                let subject = self.replies.subject();
                                telling::own_error(&mut self.report, &error, subject);
                            }
                            Some(frame)
                        }
                        InsteadOfError::Moved(moved) => {
                            telling::error(&mut self.report, body, self.replies.subject());
                            let said = moved.as_deref().unwrap_or(frame);
                            adjust::with_json_hint(said, &self.context).or(moved)
                        }
                    };
                    self.on_error();
                    Ok(instead)
                }
                tag::PARAMETER_DESCRIPTION | tag::ROW_DESCRIPTION => {
                    let described = adjust.described(frame_tag, body);
                    self.on_target_body(frame_tag, body);
                    Ok(described)
                }
                tag::NOTICE_RESPONSE => Ok(adjust.notice(frame)),
                _ => {
                    self.on_target_body(frame_tag, body);
                    Ok(None)
                }
            },
            Some(Treatment::Pass) | None => {
                self.on_target_body(frame_tag, body);
                Ok(adjust::with_json_hint(frame, &self.context))
            }
        }
    }

    /// The target is ready for the first time; the client's first ReadyForQuery waits for ours.
    fn on_first_ready(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        if self.phase == (Phase::Startup { relays: true }) {
            self.phase = Phase::Relay;
            return None;
        }
        self.phase = Phase::Ready;
        self.context.status = wire::ready_status(frame.get(HEAD_BYTES..).unwrap_or_default());
        let settled = self.settling.begin_login(&mut self.context);
        let mut to_client: Vec<u8> =
            settled.warnings.iter().flat_map(wire::notice_response).collect();
        match settled.next {
            Some(settle) => {
                let frames = self.ask(Question::Settle(settle), Delivery::Query);
                self.asking.send(&frames);
            }
            None => {
                to_client.extend(self.context.login_warnings());
                to_client.extend_from_slice(frame);
            }
        }
        Some(to_client)
    }

    /// A frame of the answer to a question: swallowed.
    fn on_own_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Vec<u8>, OwnError> {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        let Some(answered) = self.asking.on_frame(frame_tag, body)? else { return Ok(Vec::new()) };
        self.replies.pop();
        if frame_tag == tag::READY_FOR_QUERY {
            self.context.status = wire::ready_status(body);
        }
        let was_at_login = self.settling.is_at_login();
        let mut to_client = self.on_answer(answered)?;
        if was_at_login && !self.settling.is_at_login() {
            // It is the client's first ReadyForQuery.
            to_client.extend(self.context.login_warnings());
            to_client.extend_from_slice(frame);
        }
        Ok(to_client)
    }

    /// A frame of the answer to a statement that was made to fail: our error takes its place.
    fn on_failing_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Option<Vec<u8>> {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        let treatment = self.replies.front_mut().and_then(Expected::treatment_mut);
        let Some(Treatment::Fail(fail)) = treatment else { return None };
        if !matches!(frame_tag, tag::ERROR_RESPONSE | tag::READY_FOR_QUERY) {
            // Notices about the rows in front of the refused one pass.
            return if fail.is_of_copy() { None } else { Some(Vec::new()) };
        }
        let ours = fail.in_place_of(frame_tag, body);
        let told = ours.is_some().then(|| fail.error.clone());
        if let Some(front) = self.replies.front_mut() {
            front.treat(Treatment::Pass);
        }
        match told {
            Some(error) => telling::own_error(&mut self.report, &error, self.replies.subject()),
            None if frame_tag == tag::ERROR_RESPONSE => {
                telling::error(&mut self.report, body, self.replies.subject());
            }
            None => {}
        }
        if frame_tag == tag::READY_FOR_QUERY {
            self.on_target_body(frame_tag, body);
            return ours.map(|ours| [&ours, frame].concat());
        }
        self.on_error();
        ours
    }

    /// What the client gets for a frame that is about the Syncs of a probe; `None` for any other frame.
    fn on_probe_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Option<Vec<u8>> {
        let front = self.replies.front().map(|front| front.request);
        let is_ours = front == Some(Request::Own(Delivery::Probe));
        let of_syncs = is_ours || matches!(front, Some(Request::Sync | Request::EarlySync));
        match frame_tag {
            tag::READY_FOR_QUERY if of_syncs => {
                let body = frame.get(HEAD_BYTES..).unwrap_or_default();
                self.context.status = wire::ready_status(body);
                if is_ours {
                    self.replies.note_ready();
                } else {
                    self.replies.on_ready();
                }
                // The last of them is the answer to our own Sync.
                Some(std::mem::replace(&mut self.target.held, frame.to_vec()))
            }
            tag::CLOSE_COMPLETE if of_syncs => {
                self.target.held.clear();
                let skips = self.replies.doubt().is_some_and(|doubt| doubt.skips());
                self.client.drops = if skips { Drops::ToSync } else { Drops::None };
                self.client.pipeline.end();
                self.replies.end_doubt(false);
                self.asking.on_dropped(false);
                Some(Vec::new())
            }
            tag::ERROR_RESPONSE if self.client.copy_in.is_open() => {
                let theirs = adjust::unexpected_message(frame, self.asking.probed_tag()?)?;
                // The COPY was open, and has taken our Close for the client's message.
                let protocol = self.client.copy_in.protocol();
                self.on_error();
                self.asking.on_dropped(false);
                self.replies.forget_probe(protocol);
                self.client.drops = match protocol {
                    Protocol::Extended => Drops::None,
                    Protocol::Simple => Drops::Next,
                };
                Some(theirs)
            }
            _ => None,
        }
    }

    /// A frame whose tag says enough.
    fn on_target_head(&mut self, frame_tag: u8) {
        match frame_tag {
            tag::DATA_ROW | tag::COPY_DATA => {}
            tag::COPY_DONE => self.target.copied_out = true,
            tag::ERROR_RESPONSE => self.on_error(),
            tag::COPY_OUT_RESPONSE => self.context.watched.on_copy_out(),
            tag::COPY_BOTH_RESPONSE => self.phase = Phase::Relay,
            _ => self.replies.on_completion(frame_tag),
        }
    }

    /// A frame whose body matters.
    fn on_target_body(&mut self, frame_tag: u8, body: &[u8]) {
        match frame_tag {
            tag::READY_FOR_QUERY => self.on_ready(body),
            tag::COMMAND_COMPLETE => {
                let Session { target, replies, report, parking, settling, context, .. } = self;
                let copied_out = std::mem::take(&mut target.copied_out);
                completed::on_complete(
                    body,
                    copied_out,
                    (replies, report),
                    (parking, settling),
                    context,
                );
            }
            tag::COPY_IN_RESPONSE => {
                let protocol = self.replies.front_protocol();
                self.context.watched.on_copy_in(self.replies.subject());
                let copy = self.replies.on_copy_in();
                let is_binary = body.first() != Some(&0);
                self.client.copy_in = CopyIn::begin(copy, is_binary, protocol, &self.context);
                self.client.pipeline.continue_copy();
            }
            tag::ERROR_RESPONSE => {
                telling::error(&mut self.report, body, self.replies.subject());
                self.on_error();
            }
            tag::PARAMETER_STATUS => self.context.on_parameter_status(body),
            tag::BACKEND_KEY_DATA => self.target.backend_key = body.to_vec(),
            _ => self.on_target_head(frame_tag),
        }
    }
}
