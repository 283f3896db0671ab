//! What happens to the frames that the target sends: answers to the client's messages go on as they
//! are, answers to our own statements are swallowed, our own errors take the place of the target's.

use memchr::memmem;

use super::copy_rows::REFUSED_ROW;
use super::expected_replies::{Failing, Request};
use super::position_map::PositionMap;
use super::{CopyIn, Phase, Session, Step};
use crate::encoding::Encoding;
use crate::value::{CopyFormat, CopyScanner};
use crate::wire::{self, HEAD_BYTES, Head, OwnError, Severity, tag};

/// The longest message from the target that is looked into; a longer one passes as it is.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The longest message that four bytes can announce: what the target sends, the client judges.
const LENGTH_MAX: usize = 0x7FFF_FFFF;

impl Session {
    /// Judges what the target has sent so far and the proxy has not yet let go.
    ///
    /// # Errors
    /// The target sent what cannot be a frame, or the session has to end by configuration: the
    /// error is for the client, and the session ends.
    pub fn on_target(&mut self, unread: &mut [u8]) -> Result<Step, OwnError> {
        let mut at = 0;
        while at < unread.len() {
            if self.phase == Phase::Relay {
                return Ok(Step::Pass(unread.len()));
            }
            if self.target_body_remaining > 0 {
                let count = self.target_body_remaining.min(unread.len() - at);
                self.target_body_remaining -= count;
                at += count;
                continue;
            }
            let rest = unread.get(at..).unwrap_or_default();
            let found = wire::head(rest, LENGTH_MAX);
            let found = found.map_err(|error| OwnError::new("08P01", format!("target: {error}")));
            let Some(head) = found? else { break };
            if self.answers_specially(head) {
                if at > 0 {
                    break;
                }
                let Some(frame) = rest.get(..head.frame_bytes) else { break };
                return self.on_special_frame(head.tag, frame);
            }
            if looks_inside(head) {
                let Some(body) = rest.get(HEAD_BYTES..head.frame_bytes) else { break };
                self.on_target_body(head.tag, body);
                at += head.frame_bytes;
            } else {
                self.on_target_head(head.tag);
                self.target_body_remaining = head.body_bytes();
                at += HEAD_BYTES;
            }
        }
        Ok(if at == 0 { Step::NeedMore } else { Step::Pass(at) })
    }

    /// Whether the frame may reach the client changed, or not at all.
    fn answers_specially(&mut self, head: Head) -> bool {
        if head.frame_bytes > BODY_BYTES_MAX {
            return false;
        }
        if self.phase == Phase::Startup {
            return head.tag == tag::READY_FOR_QUERY;
        }
        if head.tag == tag::READY_FOR_QUERY && !self.notices.is_empty() {
            return true;
        }
        let Some(front) = self.replies.front() else { return false };
        let Some(notes) = &front.notes else { return false };
        match head.tag {
            // These come at any time and are about the session, not about a statement.
            tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => false,
            tag::NOTICE_RESPONSE => notes.own.is_some() || notes.positions.is_some(),
            tag::ERROR_RESPONSE if notes.positions.is_some() => true,
            tag::COMMAND_COMPLETE if !notes.tags.is_empty() => true,
            tag::PARAMETER_DESCRIPTION if notes.described.is_some() => true,
            tag::ERROR_RESPONSE if notes.looks_up => false,
            tag::ERROR_RESPONSE if front.request == Request::OwnInPipeline => false,
            _ if notes.looks_up => true,
            _ => notes.own.is_some() || notes.synthesize.is_some(),
        }
    }

    fn on_special_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Step, OwnError> {
        let step = self.special_step(frame_tag, frame)?;
        if frame_tag != tag::READY_FOR_QUERY || self.notices.is_empty() {
            return Ok(step);
        }
        let behind = match &step {
            Step::Replace(_, frames) if frames.is_empty() => return Ok(step),
            Step::Replace(_, frames) => frames,
            _ => frame,
        };
        let mut frames = std::mem::take(&mut self.notices);
        frames.extend_from_slice(behind);
        Ok(Step::Replace(frame.len(), frames))
    }

    fn special_step(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Step, OwnError> {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        if self.phase == Phase::Startup && self.relays {
            self.phase = Phase::Relay;
            return Ok(Step::Pass(frame.len()));
        }
        if self.phase == Phase::Startup {
            self.transaction_status = wire::ready_status(body).unwrap_or(b'I');
            self.settle_at_login();
            return Ok(Step::Replace(frame.len(), Vec::new()));
        }
        let plain = self.replies.front_notes().is_none_or(|notes| {
            !notes.looks_up && notes.own.is_none() && notes.synthesize.is_none()
        });
        if plain && frame_tag == tag::READY_FOR_QUERY {
            self.on_target_body(frame_tag, body);
            return Ok(Step::Pass(frame.len()));
        }
        let Some(notes) = self.replies.front_notes() else { return Ok(Step::Pass(frame.len())) };
        if notes.looks_up {
            self.on_look_up_frame(frame_tag, body);
            return Ok(Step::Replace(frame.len(), Vec::new()));
        }
        if notes.own.is_some() {
            return self.on_own_frame(frame_tag, frame);
        }
        if notes.synthesize.is_some() {
            return Ok(self.on_synthesized_frame(frame_tag, frame));
        }
        if frame_tag == tag::COMMAND_COMPLETE {
            let number = notes.completed;
            notes.completed += 1;
            let due = notes.tags.front().is_some_and(|(due, _)| *due == number);
            let tag = if due { notes.tags.pop_front() } else { None };
            self.on_target_body(frame_tag, body);
            return Ok(match tag {
                Some((_, tag)) => {
                    let said = wire::with_body(frame_tag, &[tag.as_bytes(), b"\0"]);
                    Step::Replace(frame.len(), said)
                }
                None => Step::Pass(frame.len()),
            });
        }
        if frame_tag == tag::PARAMETER_DESCRIPTION {
            let described = notes.described.as_ref();
            let oids = described.and_then(|known| known.described(&wire::parameter_oids(body)));
            return Ok(match oids {
                Some(oids) => Step::Replace(frame.len(), wire::parameter_description(&oids)),
                None => Step::Pass(frame.len()),
            });
        }
        let positions = notes.positions.clone();
        if frame_tag == tag::ERROR_RESPONSE {
            let refused = notes.refused.take();
            self.on_target_error();
            if let (Some(refused), Some(map)) = (refused, &positions)
                && is_about_refused(&refused, map, body)
            {
                self.counts.refused += 1;
                let ours = wire::error_response(&refused, Severity::Error);
                return Ok(Step::Replace(frame.len(), ours));
            }
        }
        let moved = positions.and_then(|map| wire::with_position(frame, |at| map.to_client(at)));
        Ok(match moved {
            Some(moved) => Step::Replace(frame.len(), moved),
            None => Step::Pass(frame.len()),
        })
    }

    /// A frame of the answer to one of our own statements: swallowed.
    fn on_own_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Step, OwnError> {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        if self.replies.front().is_some_and(|front| front.request == Request::OwnInPipeline) {
            return self.on_own_frame_in_pipeline(frame_tag, frame);
        }
        if frame_tag != tag::READY_FOR_QUERY {
            if let Some(notes) = self.replies.front_notes() {
                notes.begun = true;
            }
            self.settling.answer.on_frame(frame_tag, body);
            return Ok(Step::Replace(frame.len(), Vec::new()));
        }
        let Some(own) = self.replies.on_ready().and_then(|done| done.notes?.own) else {
            return Ok(Step::Pass(frame.len()));
        };
        self.transaction_status = wire::ready_status(body).unwrap_or(b'I');
        let settled = self.on_own_answered(&own)?;
        let mut to_client = settled.to_client;
        if settled.owes_ready {
            to_client.extend_from_slice(frame);
        }
        Ok(Step::Replace(frame.len(), to_client))
    }

    /// The same where no ReadyForQuery ends the answer.
    fn on_own_frame_in_pipeline(&mut self, frame_tag: u8, frame: &[u8]) -> Result<Step, OwnError> {
        self.settling.answer.on_frame(frame_tag, frame.get(HEAD_BYTES..).unwrap_or_default());
        let mut to_client = Vec::new();
        if let Some(notes) = self.replies.front_notes()
            && frame_tag == tag::CLOSE_COMPLETE
        {
            notes.closes += 1;
            if notes.closes == wire::OWN_GROUP_CLOSES
                && let Some(own) = self.replies.pop().and_then(|done| done.notes?.own)
            {
                to_client = self.on_own_answered(&own)?.to_client;
            }
        }
        Ok(Step::Replace(frame.len(), to_client))
    }

    /// A frame of the answer to a statement that was made to fail: our error takes its place.
    fn on_synthesized_frame(&mut self, frame_tag: u8, frame: &[u8]) -> Step {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        if !matches!(frame_tag, tag::ERROR_RESPONSE | tag::READY_FOR_QUERY) {
            let is_copy = self.replies.front_notes().is_some_and(|notes| {
                let failing = notes.synthesize.as_ref().map(|synthesize| synthesize.instead_of);
                failing == Some(Failing::CopyFail)
            });
            // Notices about the rows in front of the refused one.
            return if is_copy {
                Step::Pass(frame.len())
            } else {
                Step::Replace(frame.len(), Vec::new())
            };
        }
        let synthesize = self.replies.front_notes().and_then(|notes| notes.synthesize.take());
        let Some(synthesize) = synthesize else { return Step::Pass(frame.len()) };
        let mut ours = wire::error_response(&synthesize.error, Severity::Error);
        if frame_tag == tag::READY_FOR_QUERY {
            self.on_target_body(frame_tag, body);
            ours.extend_from_slice(frame);
            return Step::Replace(frame.len(), ours);
        }
        let field = |code| wire::error_field(body, code).unwrap_or_default();
        let fatal = matches!(field(b'S'), b"FATAL" | b"PANIC") || field(b'V') == b"FATAL";
        let is_ours = match synthesize.instead_of {
            Failing::Statement => field(b'C') != b"25P02",
            Failing::Script => true,
            Failing::CopyFail => memmem::find(field(b'M'), REFUSED_ROW.as_bytes()).is_some(),
        };
        self.on_target_error();
        match is_ours && !fatal {
            true => Step::Replace(frame.len(), ours),
            false => Step::Pass(frame.len()),
        }
    }

    fn on_target_error(&mut self) {
        self.counts.target_errors += 1;
        self.parking.on_possible_undo();
        self.copy_in = CopyIn::None;
        self.copied_out = false;
        self.prepared.forget_all_kinds();
        self.relations.forget();
        for dropped in self.replies.on_error().into_iter().rev() {
            if dropped.request == Request::LookUp {
                // The statement is not there, or the transaction is aborted: the Bind that waits
                // would have met the same error, and is skipped now.
                self.looks_up = None;
            }
            if dropped.request == Request::OwnInPipeline {
                self.settling.active = false;
                self.looks_up = None;
            }
            if let Some(undo) = dropped.notes.and_then(|notes| notes.undo) {
                self.prepared.undo(undo);
            }
        }
    }

    /// A frame whose tag says enough.
    fn on_target_head(&mut self, frame_tag: u8) {
        match frame_tag {
            tag::DATA_ROW | tag::COPY_DATA => {}
            tag::COPY_DONE => self.copied_out = true,
            tag::ERROR_RESPONSE => self.on_target_error(),
            tag::COPY_BOTH_RESPONSE => self.phase = Phase::Relay,
            _ => self.replies.on_completion(frame_tag),
        }
    }

    /// A frame whose body matters.
    fn on_target_body(&mut self, frame_tag: u8, body: &[u8]) {
        match frame_tag {
            tag::READY_FOR_QUERY => {
                self.transaction_status = wire::ready_status(body).unwrap_or(b'I');
                self.replies.on_ready();
                if self.transaction_status == b'I' {
                    // A portal that is on its way belongs to the next transaction.
                    if self.replies.len() == 0 {
                        self.prepared.close_portals();
                    }
                    self.parking.on_transaction_end();
                    if self.relations.on_transaction_end() {
                        self.policy.common.note_definition();
                    }
                }
            }
            tag::COMMAND_COMPLETE => {
                // Rows that were read are nobody's load.
                if !std::mem::take(&mut self.copied_out) {
                    self.counts.rows += wire::command_rows(body);
                }
                if body.starts_with(b"ROLLBACK") {
                    self.parking.on_possible_undo();
                }
                self.replies.on_completion(frame_tag);
            }
            tag::COPY_IN_RESPONSE => self.on_copy_in_response(body),
            tag::PARAMETER_STATUS => self.on_parameter_status(body),
            tag::BACKEND_KEY_DATA => self.backend_key = body.to_vec(),
            _ => {}
        }
    }

    /// The target asks for a COPY stream: from here on the client's CopyData is looked into.
    fn on_copy_in_response(&mut self, body: &[u8]) {
        let copy = self.replies.on_copy_in();
        let is_binary = body.first() != Some(&0);
        // A binary stream is only looked into when it is the one that was understood.
        let is_known = copy.as_ref().is_some_and(|copy| copy.options.format == CopyFormat::Binary);
        if !self.settings.rewrite || (is_binary && !is_known) {
            self.copy_in = CopyIn::Untouched;
            return;
        }
        self.copying = copy.as_ref().and_then(|copy| copy.relation.clone());
        if let Some(copy) = &copy
            && (copy.options.format == CopyFormat::Binary) == is_binary
            && let Some(stream) = self.row_stream(copy)
        {
            self.copy_in = CopyIn::Rows(Box::new(stream));
            return;
        }
        let scanner = match copy {
            Some(copy) if (copy.options.format == CopyFormat::Binary) == is_binary => {
                CopyScanner::with_kinds(&copy.options, self.lexing.encoding, &copy.kinds)
            }
            _ => CopyScanner::raw(),
        };
        self.copy_in = CopyIn::Scanned(Box::new(scanner));
    }

    fn on_parameter_status(&mut self, body: &[u8]) {
        let Some((name, value)) = wire::parameter_status(body) else { return };
        let value = wire::printable(value);
        match name {
            b"client_encoding" => self.lexing.encoding = Encoding::from_name(&value),
            b"standard_conforming_strings" => {
                self.lexing.standard_conforming_strings = value == "on";
            }
            b"server_version" => self.server_version = value,
            _ => {}
        }
    }
}

/// Whether the target's error is about the expression that stands in place of a refused constant.
fn is_about_refused(refused: &OwnError, map: &PositionMap, body: &[u8]) -> bool {
    let field = |code| wire::error_field(body, code).unwrap_or_default();
    let position = std::str::from_utf8(field(b'P')).ok().and_then(|text| text.parse().ok());
    field(b'C') == b"22023" && position.map(|position| map.to_client(position)) == refused.position
}

/// Whether the body of a frame with this head is looked into.
fn looks_inside(head: Head) -> bool {
    matches!(
        head.tag,
        tag::READY_FOR_QUERY
            | tag::COMMAND_COMPLETE
            | tag::COPY_IN_RESPONSE
            | tag::PARAMETER_STATUS
            | tag::BACKEND_KEY_DATA
    ) && head.frame_bytes <= BODY_BYTES_MAX
}
