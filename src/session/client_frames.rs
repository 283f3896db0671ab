//! What happens to the frames that the client sends: statements are read and rewritten, values are
//! mended in place, everything that will be answered is noted.

use std::sync::Arc;

use super::expected_replies::{Expected, Notes, Request};
use super::prepared_statements::Plan;
use super::relations::Relation;
use super::{Body, CopyIn, Mend, Phase, Session, Step};
use crate::ledger::Place;
use crate::wire::{self, HEAD_BYTES, Head, OwnError, tag};

/// Frames up to this size are judged when they are there as a whole; longer ones while they arrive.
pub(super) const WHOLE_BYTES_MAX: usize = 32 * 1024;

/// The longest Describe, Execute or Close that the server takes.
///
/// Source: PostgreSQL, `PQ_SMALL_MESSAGE_LIMIT` in `src/include/libpq/libpq.h`.
const SMALL_BYTES_MAX: usize = 10_000;

/// Bytes held back at most before an undecided value is let go as it stands.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Prepared statements that need attention, remembered at most in one session.
pub(super) const PLANS_MAX: usize = 10_000;

impl Session {
    /// Judges what the client has sent so far and the proxy has not yet let go.
    ///
    /// # Errors
    /// The client sent what cannot be a frame: nothing of it may go on, the session ends.
    pub fn on_client(&mut self, unread: &mut [u8]) -> Result<Step, OwnError> {
        if self.phase == Phase::Relay {
            return Ok(if unread.is_empty() { Step::NeedMore } else { Step::Pass(unread.len()) });
        }
        let mut at = std::mem::take(&mut self.judged_ahead);
        let mut wait = false;
        while at < unread.len() {
            // A frame among the rows that is none of them goes by as it would elsewhere.
            let of_rows = matches!(
                self.client_body,
                Body { remaining: 0, .. } | Body { mend: Mend::Rows, .. }
            );
            if of_rows && matches!(self.copy_in, CopyIn::Rows(_)) {
                if at > 0 {
                    break;
                }
                if let Some(step) = self.on_rows(unread)? {
                    return Ok(step);
                }
                if self.client_body.remaining > 0 {
                    break;
                }
            }
            if matches!(self.client_body, Body { remaining: 1.., mend: Mend::Rows }) {
                // The COPY was over before all of the frame had come.
                if at > 0 {
                    break;
                }
                let dropped = unread.len().min(self.client_body.remaining);
                self.client_body.remaining -= dropped;
                return Ok(Step::Replace(dropped, Vec::new()));
            }
            if self.client_body.remaining > 0 {
                let judged = self.on_client_body(unread, at);
                if judged == at {
                    break;
                }
                at = judged;
                continue;
            }
            if self.settling.active
                || self.looks_up.is_some()
                || self.replies.len() >= self.policy.replies_max
            {
                self.settling.client_waits = true;
                wait = true;
                break;
            }
            let found =
                wire::head(unread.get(at..).unwrap_or_default(), self.policy.message_bytes_max);
            let goes_on = matches!(found, Ok(None | Some(Head { tag: tag::COPY_DATA, .. })));
            if !goes_on && let CopyIn::Scanned(scanner) = &mut self.copy_in {
                scanner.finish(unread);
            }
            // What stands in front of a frame that cannot be one is the target's.
            let head = match found {
                Ok(Some(head)) => head,
                Err(error) if at == 0 => return Err(Session::protocol_violation(error)),
                Ok(None) | Err(_) => break,
            };
            let rest = unread.get_mut(at..).unwrap_or_default();
            match self.on_client_frame(head, rest, at == 0)? {
                Judged::Passed(count) => at += count,
                Judged::Done(step) => return Ok(step),
                Judged::Later => break,
                Judged::Wait => {
                    wait = true;
                    break;
                }
            }
        }
        Ok(self.client_step(at, wait))
    }

    /// Lets everything judged go, except what a COPY scanner holds back.
    fn client_step(&mut self, at: usize, wait: bool) -> Step {
        if let CopyIn::Scanned(scanner) = &mut self.copy_in {
            if scanner.held_from().is_some_and(|held| at - held > HELD_BYTES_MAX) {
                scanner.release();
            }
            let replaced = scanner.take_replaced();
            let free = scanner.held_from().unwrap_or(at).min(at);
            self.judged_ahead = at - free;
            scanner.rebase(free);
            self.note_copy_nuls(replaced);
            return pass_or(free, wait);
        }
        pass_or(at, wait)
    }

    /// Judges more of the frame that is arriving; gives how far it got.
    fn on_client_body(&mut self, unread: &mut [u8], at: usize) -> usize {
        let mut end = unread.len().min(at + self.client_body.remaining);
        let mut nuls_bound = 0;
        match &mut self.client_body.mend {
            Mend::Nothing | Mend::Rows => {}
            Mend::Query(scanner) => {
                scanner.scan(unread.get_mut(at..end).unwrap_or_default());
                self.counts.nul_query += scanner.take_replaced();
            }
            Mend::Bind(scanner) => {
                // What follows may decide over the last byte: then it waits in the buffer.
                end = at + scanner.scan(unread.get_mut(at..end).unwrap_or_default());
                let replaced = scanner.take_replaced();
                if replaced > 0 {
                    nuls_bound = replaced;
                }
            }
            Mend::CopyData => {
                if let CopyIn::Scanned(scanner) = &mut self.copy_in {
                    scanner.scan(unread, at, end);
                }
            }
        }
        self.client_body.remaining -= end - at;
        if nuls_bound > 0 {
            self.counts.nul_bind += nuls_bound;
            self.note_place(self.bound.clone(), "nul-in-parameter", nuls_bound);
        }
        end
    }

    /// Counts U+0000 that were mended in place in a COPY stream.
    fn note_copy_nuls(&mut self, count: u64) {
        if count > 0 {
            self.counts.nul_copy += count;
            let relation = self.copying.as_deref();
            let name = |of: fn(&Relation) -> &String| {
                relation.map_or_else(String::new, |relation| of(relation).clone())
            };
            let place = Place {
                schema: name(|relation| &relation.schema),
                table: name(|relation| &relation.table),
                ..Place::default()
            };
            self.note_place(place, "nul-in-copy", count);
        }
    }

    /// Judges one frame whose head is there. `first` says that nothing judged lies in front of it.
    fn on_client_frame(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Result<Judged, OwnError> {
        if self.phase == Phase::Startup {
            // A client that runs ahead of its own login waits for it.
            return Ok(if head.tag == tag::PASSWORD { self.pass(head) } else { Judged::Wait });
        }
        if self.replies.is_skipping()
            && head.tag == tag::QUERY
            && std::mem::take(&mut self.query_waits)
        {
            // It met the error of our question. The target would skip it and whatever comes after
            // it; a Sync gives the ReadyForQuery that its own failure would have given.
            self.in_pipeline = false;
            self.replies.push(Expected::new(Request::Sync));
            let sync = wire::with_body(tag::SYNC, &[]);
            return Ok(Judged::Done(Step::Replace(head.frame_bytes, sync)));
        }
        if self.replies.is_skipping() && head.tag != tag::SYNC {
            self.terminated |= head.tag == tag::TERMINATE;
            return Ok(self.pass(head));
        }
        if let Some(judged) = self.fail_cancelled(head, first) {
            return Ok(judged);
        }
        if let Some(judged) = self.settle_after_copy(head.tag, first) {
            return Ok(judged);
        }
        if let Some(judged) = self.waits_for_parse(head, rest) {
            return Ok(judged);
        }
        if matches!(head.tag, tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE) {
            self.in_pipeline = true;
        }
        Ok(match head.tag {
            tag::BIND => self.on_bind(head, rest, first)?,
            tag::EXECUTE => self.on_execute(head, rest, first),
            tag::SYNC => self.on_sync(head, first),
            tag::DESCRIBE => self.on_describe(head, rest),
            tag::CLOSE => self.on_close(head, rest),
            tag::QUERY | tag::PARSE => self.on_statement(head, rest, first),
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => self.on_copy(head),
            tag::FUNCTION_CALL => self.on_function_call(head, rest, first),
            tag::TERMINATE => {
                if let Some(judged) = self.before_terminate(first) {
                    return Ok(judged);
                }
                self.terminated = true;
                self.pass(head)
            }
            // Flush, and whatever the target makes of the rest.
            _ => self.pass(head),
        })
    }

    /// A message behind a Sync that names a statement whose Parse is not yet answered waits: should the
    /// Parse have failed, the name is still another statement's.
    fn waits_for_parse(&mut self, head: Head, rest: &[u8]) -> Option<Judged> {
        if !self.prepared.has_unsure(self.replies.parses_answered()) {
            return None;
        }
        let there = rest.len().min(head.frame_bytes);
        if there < head.frame_bytes.min(WHOLE_BYTES_MAX) {
            return Some(Judged::Later);
        }
        let body = rest.get(HEAD_BYTES..there).unwrap_or_default();
        let name = match head.tag {
            tag::PARSE => wire::cstring(body).map(|(name, _)| name).filter(|name| !name.is_empty()),
            tag::BIND => wire::bound_statement(body),
            tag::DESCRIBE | tag::CLOSE => {
                kind_and_name(body).filter(|(kind, _)| *kind == b'S').map(|(_, name)| name)
            }
            _ => None,
        };
        let waits = self.prepared.is_unsure(name?, self.replies.parses_answered());
        waits.then_some(Judged::Wait)
    }

    /// Lets the frame go without looking into it, while it still arrives.
    pub(super) fn pass(&mut self, head: Head) -> Judged {
        self.pass_mending(head, Mend::Nothing)
    }

    pub(super) fn pass_mending(&mut self, head: Head, mend: Mend) -> Judged {
        self.client_body = Body { remaining: head.body_bytes(), mend };
        Judged::Passed(HEAD_BYTES)
    }

    fn on_execute(&mut self, head: Head, rest: &mut [u8], first: bool) -> Judged {
        let mut notes = None;
        if !self.prepared.is_empty() {
            let Some(body) = small_body(head, rest) else { return Judged::Later };
            let name = wire::cstring(body).map(|(name, _)| name);
            let plan = name.and_then(|name| self.prepared.portal(name)).map(Arc::clone);
            if let Some(plan) = &plan {
                // Since the Parse a rollback may have brought foreign keys back.
                if let Some(park) = self.parking_of_all_due(plan.loads) {
                    return self.ask_first(park, true, first);
                }
                if plan.cause.transaction {
                    self.parking.on_possible_undo();
                }
                notes = positions_of(plan);
                if let Some(tag) = plan.tag {
                    notes.get_or_insert_default().tags = [(0, tag)].into();
                }
                if !plan.copies.is_empty() {
                    notes.get_or_insert_default().copies = plan.copies.clone().into();
                }
                let cause = plan.cause;
                if cause.relations || cause.transaction && self.relations.has_changed() {
                    self.relations.on_change();
                }
                if cause.may_settle() {
                    self.settling.note_for_sync(cause);
                }
            }
        }
        self.replies.push(Expected { request: Request::Execute, notes });
        self.pass(head)
    }

    fn on_describe(&mut self, head: Head, rest: &mut [u8]) -> Judged {
        let mut notes = None;
        if !self.prepared.is_empty() {
            let Some(body) = small_body(head, rest) else { return Judged::Later };
            if let Some((b'S', name)) = kind_and_name(body)
                && let Some(plan) = self.prepared.statement(name)
            {
                notes = positions_of(plan);
                if let Some(parameters) = &plan.parameters {
                    notes.get_or_insert_default().described = Some(Arc::clone(parameters));
                }
            }
        }
        self.replies.push(Expected { request: Request::Describe, notes });
        self.pass(head)
    }

    fn on_close(&mut self, head: Head, rest: &mut [u8]) -> Judged {
        if !self.prepared.is_empty() {
            let Some(body) = small_body(head, rest) else { return Judged::Later };
            if let Some((kind, name)) = kind_and_name(body) {
                self.prepared.close(kind, name);
            }
        }
        self.replies.push(Expected::new(Request::Close));
        self.pass(head)
    }

    fn on_sync(&mut self, head: Head, first: bool) -> Judged {
        self.in_pipeline = false;
        self.prepared.on_sync(self.replies.parses_answered());
        if !matches!(self.copy_in, CopyIn::None) {
            // In COPY mode the target ignores it.
            return self.pass(head);
        }
        if self.replies.may_start_copy() {
            // Should it start, the target ignores this Sync: the one behind the rows settles.
            self.replies.push(Expected::new(Request::Sync));
            return self.pass(head);
        }
        if let Some(cause) = self.settling.take_for_sync() {
            if !first {
                self.settling.note_for_sync(cause);
                return Judged::Later;
            }
            self.replies.push(Expected::new(Request::Sync));
            let mut frames = wire::with_body(tag::SYNC, &[]);
            frames.extend(self.settle_frames(cause, true));
            return Judged::Done(Step::Replace(head.frame_bytes, frames));
        }
        self.replies.push(Expected::new(Request::Sync));
        self.pass(head)
    }

    /// Settling that had to wait for the rows of a COPY comes before any other message, once the
    /// text that asked for both is answered.
    fn settle_after_copy(&mut self, frame_tag: u8, first: bool) -> Option<Judged> {
        let for_copy = matches!(frame_tag, tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL);
        // While it asks for rows, whatever else comes is wrong, and the target says so.
        let asks = !matches!(self.copy_in, CopyIn::None);
        if !self.settling.waits_for_copy() || for_copy || asks || frame_tag == tag::TERMINATE {
            return None;
        }
        if self.replies.len() > 0 {
            return Some(Judged::Wait);
        }
        if !first {
            return Some(Judged::Later);
        }
        let cause = self.settling.take_after_copy()?;
        Some(Judged::Done(Step::Replace(0, self.settle_frames(cause, false))))
    }

    fn on_copy(&mut self, head: Head) -> Judged {
        if matches!(self.copy_in, CopyIn::None) && self.replies.may_start_copy() {
            return Judged::Wait;
        }
        if head.tag == tag::COPY_DATA {
            return self.pass_mending(head, Mend::CopyData);
        }
        if let CopyIn::Scanned(mut scanner) = std::mem::replace(&mut self.copy_in, CopyIn::None) {
            self.note_copy_nuls(scanner.take_replaced());
        }
        self.copying = None;
        self.pass(head)
    }
}

/// What became of one frame.
pub(super) enum Judged {
    /// So many of its bytes are judged; the rest of it, if any, is judged as it arrives.
    Passed(usize),
    /// This is the step.
    Done(Step),
    /// More of it has to arrive, or what is in front of it has to go first.
    Later,
    /// The target has to say something first.
    Wait,
}

fn pass_or(count: usize, wait: bool) -> Step {
    match (count, wait) {
        (0, true) => Step::Wait,
        (0, false) => Step::NeedMore,
        (count, _) => Step::Pass(count),
    }
}

pub(super) fn positions_of(plan: &Arc<Plan>) -> Option<Box<Notes>> {
    let positions = plan.positions.clone()?;
    Some(Box::new(Notes { positions: Some(positions), ..Notes::default() }))
}

/// The body of a message that holds little more than a name, once it is there as a whole. One that
/// is longer than the server takes has an empty body here, and ends the session there.
fn small_body(head: Head, rest: &[u8]) -> Option<&[u8]> {
    if head.frame_bytes > SMALL_BYTES_MAX {
        return Some(&[]);
    }
    rest.get(HEAD_BYTES..head.frame_bytes)
}

/// The body of Describe and of Close: `S` or `P`, and a name.
fn kind_and_name(body: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, rest) = body.split_first()?;
    Some((kind, wire::cstring(rest)?.0))
}
