//! What happens to the frames that the client sends: statements are read and rewritten, values are
//! mended in place, everything that will be answered is noted.

use std::ops::Range;
use std::sync::Arc;

use super::expected_replies::{Expected, Notes, Request, Synthesize};
use super::position_map::PositionMap;
use super::prepared_statements::Plan;
use super::relations::CopyStream;
use super::settling::Cause;
use super::{Body, CopyIn, Mend, Phase, Session, Step};
use crate::statement::{self, Script};
use crate::value::{BindScanner, QueryScanner, mend_parse};
use crate::wire::{self, HEAD_BYTES, Head, OwnError, tag};

/// Frames up to this size are judged when they are there as a whole; longer ones while they arrive.
const WHOLE_BYTES_MAX: usize = 32 * 1024;

/// The longest Describe, Execute or Close that the server takes.
///
/// Source: PostgreSQL, `PQ_SMALL_MESSAGE_LIMIT` in `src/include/libpq/libpq.h`.
const SMALL_BYTES_MAX: usize = 10_000;

/// Bytes held back at most before an undecided value is let go as it stands.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Prepared statements that need attention, remembered at most in one session.
const PLANS_MAX: usize = 10_000;

/// A statement that every server refuses when it analyses it: the type of our own errors is the one
/// that PostgreSQL gives to a bad type modifier, in every transaction state.
const FAILING_SQL: &str = "SELECT NULL::pg_catalog.varchar(0)";

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
            self.counts.nul_copy += scanner.take_replaced();
            let free = scanner.held_from().unwrap_or(at).min(at);
            self.judged_ahead = at - free;
            scanner.rebase(free);
            return pass_or(free, wait);
        }
        pass_or(at, wait)
    }

    /// Judges more of the frame that is arriving; gives how far it got.
    fn on_client_body(&mut self, unread: &mut [u8], at: usize) -> usize {
        let mut end = unread.len().min(at + self.client_body.remaining);
        match &mut self.client_body.mend {
            Mend::Nothing => {}
            Mend::Query(scanner) => {
                scanner.scan(unread.get_mut(at..end).unwrap_or_default());
                self.counts.nul_query += scanner.take_replaced();
            }
            Mend::Bind(scanner) => {
                // What follows may decide over the last byte: then it waits in the buffer.
                end = at + scanner.scan(unread.get_mut(at..end).unwrap_or_default());
                self.counts.nul_bind += scanner.take_replaced();
            }
            Mend::CopyData => {
                if let CopyIn::Scanned(scanner) = &mut self.copy_in {
                    scanner.scan(unread, at, end);
                }
            }
        }
        self.client_body.remaining -= end - at;
        end
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
        if self.replies.is_skipping() && head.tag != tag::SYNC {
            self.terminated |= head.tag == tag::TERMINATE;
            return Ok(self.pass(head));
        }
        if let Some(judged) = self.settle_after_copy(head.tag, first) {
            return Ok(judged);
        }
        if matches!(head.tag, tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE) {
            self.in_pipeline = true;
        }
        Ok(match head.tag {
            tag::BIND => self.on_bind(head, rest, first),
            tag::EXECUTE => self.on_execute(head, rest),
            tag::SYNC => self.on_sync(head, first),
            tag::DESCRIBE => self.on_describe(head, rest),
            tag::CLOSE => self.on_close(head, rest),
            tag::QUERY | tag::PARSE => self.on_statement(head, rest, first),
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => self.on_copy(head),
            tag::FUNCTION_CALL => {
                self.replies.push(Expected::new(Request::FunctionCall));
                self.pass(head)
            }
            tag::TERMINATE => {
                self.terminated = true;
                self.pass(head)
            }
            // Flush, and whatever the target makes of the rest.
            _ => self.pass(head),
        })
    }

    /// Lets the frame go without looking into it, while it still arrives.
    fn pass(&mut self, head: Head) -> Judged {
        self.pass_mending(head, Mend::Nothing)
    }

    fn pass_mending(&mut self, head: Head, mend: Mend) -> Judged {
        self.client_body = Body { remaining: head.body_bytes(), mend };
        Judged::Passed(HEAD_BYTES)
    }

    fn on_bind(&mut self, head: Head, rest: &mut [u8], first: bool) -> Judged {
        let there = rest.len().min(head.frame_bytes);
        if there < head.frame_bytes.min(WHOLE_BYTES_MAX) {
            return Judged::Later;
        }
        let body = rest.get_mut(HEAD_BYTES..there).unwrap_or_default();
        if !self.settings.rewrite {
            self.note_bind(body);
            return self.pass(head);
        }
        let encoding = self.lexing.encoding;
        let known = if self.prepared.is_empty() {
            None
        } else {
            wire::bind_names(body).and_then(|names| self.prepared.kinds(names.statement).cloned())
        };
        let is_whole = there == head.frame_bytes;
        let mut scanner = match &known {
            Some(kinds) => BindScanner::with_kinds(head.body_bytes(), encoding, kinds),
            None if is_whole => BindScanner::asking_for_kinds(head.body_bytes(), encoding),
            // On its way it cannot stop to ask.
            None => BindScanner::new(head.body_bytes()),
        };
        // The kinds of a long one are wanted at once, unless its names are too long to be seen.
        let mut asks = known.is_none() && !is_whole;
        if is_whole {
            scanner.scan(body);
            asks = scanner.needs_kinds();
            self.counts.nul_bind += scanner.take_replaced();
        }
        if asks && let Some(statement) = wire::bind_names(body).map(|names| names.statement) {
            if !first {
                return Judged::Later;
            }
            let frames = self.look_up(statement);
            return Judged::Done(Step::Replace(0, frames));
        }
        self.note_bind(body);
        if is_whole {
            Judged::Passed(there)
        } else {
            self.pass_mending(head, Mend::Bind(Box::new(scanner)))
        }
    }

    /// A Bind goes to the target.
    fn note_bind(&mut self, body: &[u8]) {
        let mut notes = None;
        if !self.prepared.is_empty()
            && let Some(names) = wire::bind_names(body)
            && let Some(plan) = self.prepared.bind(names.portal, names.statement)
        {
            notes = positions_of(plan);
        }
        self.replies.push(Expected { request: Request::Bind, notes });
    }

    fn on_execute(&mut self, head: Head, rest: &mut [u8]) -> Judged {
        let mut notes = None;
        if !self.prepared.is_empty() {
            let Some(body) = small_body(head, rest) else { return Judged::Later };
            let name = wire::cstring(body).map(|(name, _)| name);
            if let Some(plan) = name.and_then(|name| self.prepared.portal(name)) {
                notes = positions_of(plan);
                if !plan.copies.is_empty() {
                    notes.get_or_insert_default().copies = plan.copies.clone().into();
                }
                let cause = plan.cause;
                if cause.relations {
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
            if let Some((b'S', name)) = kind_and_name(body) {
                notes = self.prepared.statement(name).and_then(positions_of);
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
        self.prepared.forget_declared_kinds();
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
            self.counts.nul_copy += scanner.take_replaced();
        }
        self.pass(head)
    }

    /// Query and Parse: the messages that carry SQL.
    fn on_statement(&mut self, head: Head, rest: &mut [u8], first: bool) -> Judged {
        if head.frame_bytes > self.policy.statement_bytes_max {
            return self.on_long_statement(head);
        }
        if !first {
            return Judged::Later;
        }
        let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else { return Judged::Later };
        self.counts.statements += u64::from(!self.relations.text_waits());
        if head.tag == tag::QUERY { self.on_query(head, body) } else { self.on_parse(head, body) }
    }

    /// A statement that is too long to be held: only raw NULs are mended, while it arrives.
    fn on_long_statement(&mut self, head: Head) -> Judged {
        self.counts.too_long += 1;
        let notes = Notes { unread: true, ..Notes::default() };
        if head.tag == tag::PARSE {
            self.replies.push(Expected::with(Request::Parse, notes));
            return self.pass(head);
        }
        self.replies.push(Expected::with(Request::Query, notes));
        if self.settings.rewrite {
            let scanner = QueryScanner::new(head.body_bytes());
            return self.pass_mending(head, Mend::Query(scanner));
        }
        self.pass(head)
    }

    fn on_query(&mut self, head: Head, body: &mut [u8]) -> Judged {
        if self.settings.rewrite {
            let mut scanner = QueryScanner::new(body.len());
            scanner.scan(body);
            self.counts.nul_query += scanner.take_replaced();
            self.counts.nul_constant += statement::mend_literals(body, self.lexing);
        }
        // The server reads up to the first zero byte.
        let sql = wire::cstring(body).map_or(&*body, |(sql, _)| sql);
        let script = statement::read(sql, self.lexing, &self.policy.mapping);
        self.prepared.close_unnamed();
        self.prepared.forget_all_kinds();
        if let Some(error) = self.refusal(sql, &script) {
            let aborted_wins = script.statements <= 1;
            self.push_synthesized(Request::Query, error, aborted_wins, None);
            return Judged::Done(Step::Replace(head.frame_bytes, wire::query(FAILING_SQL)));
        }
        if let Err(question) = self.ask_for_relations(&script, false) {
            return Judged::Done(Step::Replace(0, question));
        }
        let copies = self.copy_streams(&script);
        self.in_pipeline = false;
        let cause = cause_of(&script);
        if cause.relations || cause.transaction && self.relations.has_changed() {
            self.relations.on_change();
        }
        let positions = self.note_edits(sql, &script);
        let rewritten = positions
            .is_some()
            .then(|| wire::with_body(tag::QUERY, &[&statement::apply(sql, &script.edits), b"\0"]));
        let has_copies = !copies.is_empty();
        let notes = (positions.is_some() || has_copies)
            .then(|| Box::new(Notes { positions, copies: copies.into(), ..Notes::default() }));
        self.replies.push(Expected { request: Request::Query, notes });
        let due = self.settling.is_due(cause);
        if due && has_copies {
            // Behind the text the target may take nothing but rows.
            self.settling.note_after_copy(cause);
        }
        let settle = (due && !has_copies).then(|| self.settle_frames(cause, false));
        match (rewritten, settle) {
            (None, None) => Judged::Passed(head.frame_bytes),
            (rewritten, settle) => {
                let mut frames =
                    rewritten.unwrap_or_else(|| wire::with_body(tag::QUERY, &[&*body]));
                frames.extend(settle.unwrap_or_default());
                Judged::Done(Step::Replace(head.frame_bytes, frames))
            }
        }
    }

    fn on_parse(&mut self, head: Head, body: &mut [u8]) -> Judged {
        if self.settings.rewrite {
            self.counts.nul_query += mend_parse(body);
            let sql = wire::parse_view(body).map(|parse| {
                let start = parse.name.len() + 1;
                start..start + parse.sql.len()
            });
            if let Some(sql) = sql.and_then(|sql| body.get_mut(sql)) {
                self.counts.nul_constant += statement::mend_literals(sql, self.lexing);
            }
        }
        let Some(parse) = wire::parse_view(body) else {
            // The target says what is wrong with it.
            self.replies.push(Expected::new(Request::Parse));
            return Judged::Passed(head.frame_bytes);
        };
        self.note_declared_types(parse.name, parse.parameter_types);
        let script = statement::read(parse.sql, self.lexing, &self.policy.mapping);
        if let Some(error) = self.refusal(parse.sql, &script) {
            let undo = self.prepared.prepare(parse.name, None);
            self.push_synthesized(Request::Parse, error, true, undo);
            let frames = wire::with_body(
                tag::PARSE,
                &[parse.name, b"\0", FAILING_SQL.as_bytes(), b"\0", parse.parameter_types],
            );
            return Judged::Done(Step::Replace(head.frame_bytes, frames));
        }
        if let Err(question) = self.ask_for_relations(&script, true) {
            return Judged::Done(Step::Replace(0, question));
        }
        let copies = self.copy_streams(&script);
        self.in_pipeline = true;
        let positions = self.note_edits(parse.sql, &script);
        let mut cause = cause_of(&script);
        cause.transaction &= !parse.name.is_empty() || self.settling.is_unsettled();
        let plan = (positions.is_some() || !copies.is_empty() || cause.any())
            .then(|| Arc::new(Plan { positions: positions.clone(), copies, cause }));
        let plan = plan.filter(|_| self.prepared.len() < PLANS_MAX);
        let undo = self.prepared.prepare(parse.name, plan);
        let rewritten = positions.is_some().then(|| {
            let sql = statement::apply(parse.sql, &script.edits);
            wire::with_body(tag::PARSE, &[parse.name, b"\0", &sql, b"\0", parse.parameter_types])
        });
        let notes = (positions.is_some() || undo.is_some())
            .then(|| Box::new(Notes { positions, undo, ..Notes::default() }));
        self.replies.push(Expected { request: Request::Parse, notes });
        match rewritten {
            Some(frame) => Judged::Done(Step::Replace(head.frame_bytes, frame)),
            None => Judged::Passed(head.frame_bytes),
        }
    }

    /// The frames that ask for relations of which more has to be known before the text goes.
    fn ask_for_relations(&mut self, script: &Script, extended: bool) -> Result<(), Vec<u8>> {
        if script.copies.is_empty() || !self.settings.rewrite {
            return Ok(());
        }
        self.know_relations(script.copies.iter().map(|copy| &copy.name), extended)
    }

    fn copy_streams(&self, script: &Script) -> Vec<CopyStream> {
        script.copies.iter().map(|copy| self.copy_stream(copy)).collect()
    }

    /// The error that the text deserves before the target sees any of it.
    fn refusal(&mut self, sql: &[u8], script: &Script) -> Option<OwnError> {
        let at = |span: &Range<usize>| {
            let before = sql.get(..span.start).unwrap_or_default();
            Some(self.lexing.encoding.count_characters(before) + 1)
        };
        let fault = script.fault.as_ref().filter(|_| self.settings.rewrite).map(|fault| OwnError {
            position: at(&fault.span),
            ..OwnError::new(fault.sqlstate, fault.message.clone()).with_hint(fault.hint.clone())
        });
        let refusal = fault.or_else(|| {
            let mut settings = self.settings;
            script.settings.iter().find_map(|setting| {
                let bad = settings.set(&setting.name, setting.value.as_deref()?).err()?;
                let sqlstate = if bad.unsupported { "0A000" } else { "22023" };
                Some(OwnError {
                    position: at(&setting.span),
                    ..OwnError::new(sqlstate, bad.message).with_hint(bad.hint)
                })
            })
        });
        self.counts.refused += u64::from(refusal.is_some());
        refusal
    }

    fn push_synthesized(
        &mut self,
        request: Request,
        error: OwnError,
        aborted_wins: bool,
        undo: Option<super::prepared_statements::Undo>,
    ) {
        let synthesize = Some(Synthesize { error, aborted_wins });
        self.replies.push(Expected::with(request, Notes { synthesize, undo, ..Notes::default() }));
    }

    /// Counts what is rewritten and says how positions move; `None` where nothing is.
    fn note_edits(&mut self, sql: &[u8], script: &Script) -> Option<Arc<PositionMap>> {
        let widen = |count| u64::try_from(count).unwrap_or(u64::MAX);
        self.counts.not_understood += widen(script.not_understood);
        self.counts.unknown_types += widen(script.unknown_types);
        if script.edits.is_empty() || !self.settings.rewrite {
            return None;
        }
        for edit in &script.edits {
            self.counts.count_type(edit.rule);
        }
        Some(Arc::new(PositionMap::new(sql, &script.edits, self.lexing.encoding)))
    }
}

/// What became of one frame.
enum Judged {
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

fn cause_of(script: &Script) -> Cause {
    Cause {
        settings: script.touches_settings,
        role: script.resets_role,
        transaction: script.ends_transaction,
        relations: script.changes_relations,
    }
}

fn positions_of(plan: &Arc<Plan>) -> Option<Box<Notes>> {
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
