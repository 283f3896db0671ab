//! What happens to the messages that carry SQL: the text is read, and goes with other types, other
//! constants and other declared parameters, or is answered with an error of our own.

use std::ops::Range;
use std::sync::Arc;

use super::client_frames::{Progress, PLANS_MAX};
use super::expected_replies::{Expected, Failing, Notes, Request, Synthesize};
use super::position_map::PositionMap;
use super::prepared_statements::Plan;
use super::relations::{CopyStream, Name};
use super::settling::Cause;
use super::value_rules::Planned;
use super::{Mend, Session, Step};
use crate::ledger::Place;
use crate::statement::{self, Replacement, Script};
use crate::value::{NulPolicy, QueryScanner, mend_parse, text_with_nuls};
use crate::wire::{self, HEAD_BYTES, Head, OwnError, tag};

/// A statement that every server refuses when it analyses it: the type of our own errors is the one
/// that PostgreSQL gives to a bad type modifier, in every transaction state.
pub(super) const FAILING_SQL: &str = "SELECT NULL::pg_catalog.varchar(0)";

impl Session {
    /// Query and Parse: the messages that carry SQL.
    pub(super) fn on_statement(&mut self, head: Head, rest: &mut [u8], first: bool) -> Progress {
        if head.frame_bytes > self.context.policy.statement_bytes_max {
            return self.on_long_statement(head, rest, first);
        }
        if !first {
            return Progress::Later;
        }
        if self.parking_awaits_status() {
            return Progress::Wait;
        }
        let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else { return Progress::Later };
        self.counts.statements += u64::from(!self.relations.text_waits());
        if head.tag == tag::QUERY { self.on_query(head, body) } else { self.on_parse(head, body) }
    }

    /// A statement that is too long to be held: only raw NULs are mended, while it arrives.
    fn on_long_statement(&mut self, head: Head, rest: &[u8], first: bool) -> Progress {
        // What is that long holds rows.
        if let Some(park) = self.parking_of_all_due(true) {
            return self.ask_first(park, head.tag == tag::PARSE, first);
        }
        self.forget_parking_of_text();
        if head.tag == tag::PARSE {
            // The name stands for another statement now. The target reads no more of it than this.
            const NAME_BYTES: usize = 64;
            let there = rest.get(HEAD_BYTES..).unwrap_or_default();
            let name = match wire::cstring(there) {
                Some((name, _)) => name,
                None if there.len() < NAME_BYTES => return Progress::Later,
                None => there,
            };
            self.prepared.forget_kinds(name);
            self.prepared.note_written(name, None);
            let undo = self.prepared.prepare(name, None);
            self.in_pipeline = true;
            self.counts.too_long += 1;
            let notes = Notes { unread: true, undo, ..Notes::default() };
            self.replies.push(Expected::with(Request::Parse, notes));
            return self.pass(head);
        }
        self.counts.too_long += 1;
        self.in_pipeline = false;
        self.prepared.close_unnamed();
        self.prepared.forget_all_kinds();
        // It may define anything.
        self.relations.on_change();
        let notes = Notes { unread: true, ..Notes::default() };
        self.replies.push(Expected::with(Request::Query, notes));
        if self.context.settings.rewrite && self.context.policy.values.nul == NulPolicy::Space {
            let scanner = QueryScanner::new(head.body_bytes());
            return self.pass_mending(head, Mend::Query(scanner));
        }
        self.pass(head)
    }

    fn on_query(&mut self, head: Head, body: &mut [u8]) -> Progress {
        let mut shorter = self.without_raw_nuls(body);
        let is_shorter = shorter.is_some();
        let whole: &mut [u8] = shorter.as_deref_mut().unwrap_or(body);
        self.mend_query(whole);
        // The server reads up to the first zero byte.
        let length = wire::cstring(whole).map_or(whole.len(), |(sql, _)| sql.len());
        let is_cut = length + 1 < whole.len();
        let sql = whole.get_mut(..length).unwrap_or_default();
        let script = statement::read(sql, self.context.lexing, &self.context.policy.mapping);
        self.prepared.close_unnamed();
        self.prepared.forget_all_kinds();
        let zero_byte = is_cut.then(|| self.zero_byte_refusal(sql)).flatten();
        if let Some(error) = zero_byte.or_else(|| self.refusal(sql, &script)) {
            return self.fail_query(head, error, &script);
        }
        let written = self.written(sql, &[]);
        let asked = self.ask_before(&script, written.relations.clone(), false);
        self.query_waits = asked.is_err() && self.in_pipeline;
        if let Err(question) = asked {
            return Progress::Done(Step::Replace(0, question));
        }
        self.know_new_tables(sql, &script);
        let mut planned = self.plan_writes(sql, &[], &written);
        self.plan_copies(sql, &script.copies, &mut planned);
        self.plan_table_statements(&script, &mut planned);
        self.mend_constants(sql, &planned);
        let copies = self.copy_streams(&script);
        self.in_pipeline = false;
        let cause = cause_of(&script);
        if cause.relations || cause.transaction && self.relations.has_changed() {
            self.relations.on_change();
        }
        let refused = planned.refused.take();
        if refused.is_none() {
            self.note_changes(std::mem::take(&mut planned.changes));
        }
        let tags = std::mem::take(&mut planned.tags);
        let replacements = self.note_edits(&script, planned);
        let positions = self.positions(sql, &replacements);
        let rewritten = (is_shorter || positions.is_some()).then(|| {
            wire::with_body(tag::QUERY, &[&statement::replace(sql, &replacements), b"\0"])
        });
        let has_copies = !copies.is_empty();
        let notes = (positions.is_some() || has_copies).then(|| {
            let (copies, tags) = (copies.into(), tags.into());
            Box::new(Notes { positions, copies, tags, refused, ..Notes::default() })
        });
        self.replies.push(Expected { request: Request::Query, notes });
        let due = self.settling.is_due(cause);
        if due && has_copies {
            // Behind the text the target may take nothing but rows.
            self.settling.note_after_copy(cause);
        }
        let settle = (due && !has_copies).then(|| self.settle_frames(cause, false));
        match (rewritten, settle) {
            (None, None) => Progress::Passed(head.frame_bytes),
            (rewritten, settle) => {
                let mut frames =
                    rewritten.unwrap_or_else(|| wire::with_body(tag::QUERY, &[&*body]));
                frames.extend(settle.unwrap_or_default());
                Progress::Done(Step::Replace(head.frame_bytes, frames))
            }
        }
    }

    fn on_parse(&mut self, head: Head, body: &mut [u8]) -> Progress {
        let mut shorter = self.without_nuls_of(body, text_with_nuls);
        let is_shorter = shorter.is_some();
        let body: &mut [u8] = shorter.as_deref_mut().unwrap_or(body);
        let Some(sql) = self.mend_parse_text(body) else {
            // The target says what is wrong with it.
            self.in_pipeline = true;
            self.replies.push(Expected::new(Request::Parse));
            return Progress::Passed(head.frame_bytes);
        };
        let (front, rest) = body.split_at_mut(sql.start);
        let (sql, back) = rest.split_at_mut(sql.len());
        let name = front.strip_suffix(b"\0").unwrap_or_default();
        let types = back.get(1..).unwrap_or_default();
        let declared = wire::parameter_oids(types);
        let script = statement::read(sql, self.context.lexing, &self.context.policy.mapping);
        if let Some(error) = self.refusal(sql, &script) {
            return self.fail_parse(head, name, types, error);
        }
        let written = self.written(sql, &declared);
        if let Err(question) = self.ask_before(&script, written.relations.clone(), true) {
            return Progress::Done(Step::Replace(0, question));
        }
        let mut planned = self.plan_writes(sql, &declared, &written);
        self.plan_copies(sql, &script.copies, &mut planned);
        self.plan_table_statements(&script, &mut planned);
        self.mend_constants(sql, &planned);
        self.in_pipeline = true;
        // A Bind that is not remembered cannot be fitted to types that the target infers.
        let has_room = self.prepared.len() < PLANS_MAX;
        let parameters = planned.parameters.take().filter(|_| has_room);
        let told = parameters.as_ref().and_then(|parameters| parameters.told());
        let refused = planned.refused.take();
        // A statement that has the name keeps it where the Parse is sure to fail.
        let is_refused = refused.is_some();
        if !is_refused {
            self.prepared.note_written(name, written.place);
            self.note_declared_types(name, told.as_deref().unwrap_or(types));
            self.note_changes(std::mem::take(&mut planned.changes));
        }
        let tag = planned.tags.first().map(|(_, tag)| *tag);
        let replacements = self.note_edits(&script, planned);
        let positions = self.positions(sql, &replacements);
        let mut cause = cause_of(&script);
        let ends_changes = self.settling.is_unsettled()
            || self.relations.has_changed()
            || self.parking.is_in_transaction();
        cause.transaction &= !name.is_empty() || ends_changes;
        let loads = script.loads && self.parks();
        let copies = self.copy_streams(&script);
        let matters = positions.is_some()
            || !copies.is_empty()
            || cause.any()
            || parameters.is_some()
            || loads;
        let plan = (matters && has_room).then(|| {
            Arc::new(Plan { positions: positions.clone(), copies, parameters, tag, cause, loads })
        });
        let undo = if is_refused { None } else { self.prepared.prepare(name, plan) };
        let rewritten = (is_shorter || positions.is_some() || told.is_some()).then(|| {
            let sql = statement::replace(sql, &replacements);
            let types = told.as_deref().unwrap_or(types);
            wire::with_body(tag::PARSE, &[name, b"\0", &sql, b"\0", types])
        });
        let notes = (positions.is_some() || undo.is_some())
            .then(|| Box::new(Notes { positions, undo, refused, ..Notes::default() }));
        self.replies.push(Expected { request: Request::Parse, notes });
        match rewritten {
            Some(frame) => Progress::Done(Step::Replace(head.frame_bytes, frame)),
            None => Progress::Passed(head.frame_bytes),
        }
    }

    /// Whether all U+0000 of a text become spaces, whatever they go into.
    fn mends_texts_in_place(&self) -> bool {
        let values = &self.context.policy.values;
        self.context.settings.rewrite
            && values.nul == NulPolicy::Space
            && values.replacements.of_nul().is_none()
    }

    /// The body of a Query with other bytes or none for those that are U+0000, where that is asked
    /// for.
    fn without_raw_nuls(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        self.without_nuls_of(body, |body| Some(0..body.len().checked_sub(1)?))
    }

    /// The same for a body whose text lies where `find` says.
    fn without_nuls_of(
        &mut self,
        body: &[u8],
        find: impl FnOnce(&[u8]) -> Option<Range<usize>>,
    ) -> Option<Vec<u8>> {
        let values = &self.context.policy.values;
        let put = match (values.replacements.of_nul(), values.nul) {
            (Some(Some(put)), _) => u8::try_from(put).ok().filter(u8::is_ascii)?,
            (Some(None), _) | (None, NulPolicy::Remove) => 0,
            (None, _) => return None,
        };
        let span = if self.context.settings.rewrite { find(body)? } else { return None };
        let text = body.get(span.clone())?;
        let nuls = memchr::memchr_iter(0, text).count();
        if nuls == 0 {
            return None;
        }
        if !self.relations.text_waits() {
            self.note_nuls(Nuls::Query, u64::try_from(nuls).unwrap_or(u64::MAX));
        }
        let kept = text.iter().map(|byte| if *byte == 0 { put } else { *byte });
        let kept: Vec<u8> = kept.filter(|byte| *byte != 0).collect();
        Some([body.get(..span.start)?, &kept, body.get(span.end..)?].concat())
    }

    /// Mends the U+0000 of a Query in place, as bytes and in constants.
    fn mend_query(&mut self, body: &mut [u8]) {
        let spaces = self.context.settings.rewrite && self.context.policy.values.nul == NulPolicy::Space;
        if !spaces {
            return;
        }
        let mut scanner = QueryScanner::new(body.len());
        scanner.scan(body);
        self.note_nuls(Nuls::Query, scanner.take_replaced());
        if self.mends_texts_in_place() {
            let constants = statement::mend_literals(body, self.context.lexing);
            self.note_nuls(Nuls::Constant, constants);
        }
    }

    /// The same for a Parse; gives where its text lies, or none where it is no Parse.
    fn mend_parse_text(&mut self, body: &mut [u8]) -> Option<Range<usize>> {
        let mends = self.context.settings.rewrite && self.context.policy.values.nul != NulPolicy::Reject;
        if mends {
            let bytes = mend_parse(body);
            self.note_nuls(Nuls::Query, bytes);
        }
        let parse = wire::parse_view(body)?;
        let start = parse.name.len() + 1;
        let span = start..start + parse.sql.len();
        if self.mends_texts_in_place() {
            let constants = statement::mend_literals(body.get_mut(span.clone())?, self.context.lexing);
            self.note_nuls(Nuls::Constant, constants);
        }
        Some(span)
    }

    /// Mends what only the columns or the plan have decided about.
    fn mend_constants(&mut self, sql: &mut [u8], planned: &Planned) {
        if !self.context.settings.rewrite {
            return;
        }
        self.mend_json_constants(sql, planned);
        if self.context.policy.values.nul != NulPolicy::Reject && !self.mends_texts_in_place() {
            // Those that go into no column that is known cannot be told from code points. The
            // others are spelled anew, and counted with their columns.
            let counted = planned.replacements.iter().map(|replacement| {
                let mut written = sql.get(replacement.span.clone()).unwrap_or_default().to_vec();
                statement::mend_literals(&mut written, self.context.lexing)
            });
            let counted: u64 = counted.sum();
            let constants = statement::mend_literals(sql, self.context.lexing);
            self.note_nuls(Nuls::Constant, constants.saturating_sub(counted));
        }
    }

    /// Counts U+0000 that were mended in a text.
    fn note_nuls(&mut self, place: Nuls, count: u64) {
        let rule = match place {
            Nuls::Query => {
                self.counts.nul_query += count;
                "nul-in-query"
            }
            Nuls::Constant => {
                self.counts.nul_constant += count;
                "nul-in-constant"
            }
        };
        self.note_place(Place::default(), rule, count);
    }

    /// The frames that ask for relations of which more has to be known before the text goes, and
    /// those that park foreign keys.
    fn ask_before(
        &mut self,
        script: &Script,
        mut written: Vec<Name>,
        extended: bool,
    ) -> Result<(), Vec<u8>> {
        if !self.context.settings.rewrite {
            written.clear();
        }
        written.extend(self.prepared_relations(script));
        let copies = script.copies.get(..).filter(|_| self.context.settings.rewrite).unwrap_or_default();
        let names = copies.iter().map(|copy| &copy.name).chain(&written);
        if names.clone().next().is_some() {
            self.know_relations(names, extended)?;
        }
        if let Some(park) = self.parking_due(script) {
            return Err(self.ask_anywhere(park, extended));
        }
        self.forget_parking_of_text();
        if script.ends_transaction {
            self.parking.on_possible_undo();
        }
        Ok(())
    }

    fn copy_streams(&self, script: &Script) -> Vec<CopyStream> {
        script.copies.iter().map(|copy| self.copy_stream(copy)).collect()
    }

    /// The error for a zero byte behind `sql`, where it is not the server's to complain.
    fn zero_byte_refusal(&self, sql: &[u8]) -> Option<OwnError> {
        let refuses = self.context.settings.rewrite && self.context.policy.values.nul == NulPolicy::Reject;
        refuses.then(|| OwnError {
            position: Some(self.context.lexing.encoding.count_characters(sql) + 1),
            ..OwnError::new("22021", "the statement holds U+0000")
                .with_hint("values.nul = \"space\" or \"remove\" mends it.")
        })
    }

    /// The error that the text deserves before the target sees any of it.
    fn refusal(&mut self, sql: &[u8], script: &Script) -> Option<OwnError> {
        let at = |span: &Range<usize>| {
            let before = sql.get(..span.start).unwrap_or_default();
            Some(self.context.lexing.encoding.count_characters(before) + 1)
        };
        let fault = script.fault.as_ref().filter(|_| self.context.settings.rewrite).map(|fault| OwnError {
            position: at(&fault.span),
            ..OwnError::new(fault.sqlstate, fault.message.clone()).with_hint(fault.hint.clone())
        });
        fault.or_else(|| {
            let mut settings = self.context.settings;
            script.settings.iter().find_map(|setting| {
                let bad = settings.set(&setting.name, setting.value.as_deref()?).err()?;
                Some(OwnError {
                    position: at(&setting.span),
                    ..OwnError::new("22023", bad.message).with_hint(bad.hint)
                })
            })
        })
    }

    /// The target gets a text that can only fail in place of one that is refused.
    fn fail_query(&mut self, head: Head, error: OwnError, script: &Script) -> Progress {
        let failing = if script.statements > 1 { Failing::Script } else { Failing::Statement };
        self.push_synthesized(Request::Query, error, failing);
        Progress::Done(Step::Replace(head.frame_bytes, wire::query(FAILING_SQL)))
    }

    fn fail_parse(&mut self, head: Head, name: &[u8], types: &[u8], error: OwnError) -> Progress {
        self.in_pipeline = true;
        // A statement that has the name keeps it.
        self.push_synthesized(Request::Parse, error, Failing::Statement);
        let body = [name, b"\0", FAILING_SQL.as_bytes(), b"\0", types];
        Progress::Done(Step::Replace(head.frame_bytes, wire::with_body(tag::PARSE, &body)))
    }

    pub(super) fn push_synthesized(
        &mut self,
        request: Request,
        error: OwnError,
        instead_of: Failing,
    ) {
        self.counts.refused += 1;
        let synthesize = Some(Synthesize { error, instead_of });
        self.replies.push(Expected::with(request, Notes { synthesize, ..Notes::default() }));
    }

    /// Counts what is rewritten, and gives all of it in order.
    fn note_edits(&mut self, script: &Script, planned: Planned) -> Vec<Replacement> {
        let widen = |count| u64::try_from(count).unwrap_or(u64::MAX);
        self.counts.not_understood += widen(script.not_understood);
        self.counts.unknown_types += widen(script.unknown_types);
        let mut replacements = planned.replacements;
        if !script.edits.is_empty() && self.context.settings.rewrite {
            for edit in &script.edits {
                self.counts.count_type(edit.rule);
                let mapping = Arc::clone(&self.context.policy.mapping);
                if let Some(rule) = mapping.rule(edit.rule) {
                    self.note_place(Place::default(), &rule.id, 1);
                }
            }
            replacements.extend(script.edits.iter().map(Replacement::from));
            replacements.sort_by_key(|replacement| replacement.span.start);
        }
        replacements
    }

    /// How positions move; `None` where nothing is replaced.
    fn positions(&self, sql: &[u8], replacements: &[Replacement]) -> Option<Arc<PositionMap>> {
        let encoding = self.context.lexing.encoding;
        let changes = !replacements.is_empty();
        changes.then(|| Arc::new(PositionMap::new(sql, replacements, encoding)))
    }
}

/// Where U+0000 stood in a text.
#[derive(Clone, Copy)]
enum Nuls {
    /// As a byte.
    Query,
    /// As an escape in a constant.
    Constant,
}

fn cause_of(script: &Script) -> Cause {
    Cause {
        settings: script.touches_settings,
        role: script.resets_role,
        transaction: script.ends_transaction,
        // Of settings, search_path is one.
        relations: script.changes_relations || script.touches_settings,
    }
}
