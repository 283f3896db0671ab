//! Messages of the client, one handler each: `message` decides what becomes of one, and here its parts are
//! told.

use std::sync::Arc;

use super::Session;
use super::ask::{Delivery, Question};
use super::message::bind::{self, BindVerdict};
use super::message::execute::{self, kind_and_name, small_body};
use super::message::text::{self, Basis, Judged, Text};
use super::prepared::Statement;
use super::replies::{Adjust, CopyStart, Expected, Failing, Request, Treatment};
use super::step::{ArrivingBind, Mend, Progress, Step};
use crate::catalog::CatalogQuestion;
use crate::ledger::{self, NOT_JUDGED, Place};
use crate::rewrite::{self, Change, Rewrite};
use crate::statement::Effects;
use crate::value::{NulPolicy, QueryScanner, called_function, mend_function_call};
use crate::wire::{self, BindBody, HEAD_BYTES, Head, OwnError, TransactionStatus, tag};

/// The effects that may have to be settled.
const SETTLES: Effects =
    Effects::TOUCHES_SETTINGS.and(Effects::RESETS_ROLE).and(Effects::ENDS_TRANSACTION);

impl Session {
    /// Query and Parse: the messages that carry SQL.
    pub(super) fn on_text(&mut self, head: Head, rest: &mut [u8], first: bool) -> Progress {
        if head.frame_bytes > self.context.policy.statement_bytes_max {
            return self.on_long_text(head, rest, first);
        }
        if !first {
            return Progress::Later;
        }
        // In a pipeline the target may not answer before a Sync, so nothing waits there.
        let is_owed = !self.replies.is_empty();
        if is_owed && !self.client.is_in_pipeline() && self.parking.awaits_status(&self.context) {
            return Progress::Wait;
        }
        if let Some(progress) = self.lexing_first(first) {
            return progress;
        }
        let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else {
            return Progress::Later;
        };
        let Some(text) = self.take_text(head.tag, body) else {
            self.replies.push(Expected::new(Request::Parse));
            return Progress::Passed(head.frame_bytes);
        };
        let now = self.context.now(!self.replies.is_empty());
        let (context, parking, tried) = (&self.context, &self.parking, self.client.tried);
        let basis = Basis { context, parking, tried, now };
        let body = text.body(body);
        match text::judge(&text, body, &mut self.catalog, basis) {
            Judged::Ask(question) => {
                let extended = text.is_extended();
                self.client.text = Some(text);
                self.ask_about(question, extended, first)
            }
            Judged::Refuse(error) => {
                self.report.counts.refused += 1;
                let (frame, expected) = text::refuse(&text, body, *error);
                self.replies.push(expected);
                if !text.is_extended() {
                    self.prepared.on_query();
                    self.client.note_query(now.is_owed);
                }
                Progress::Done(Step::Replace(head.frame_bytes, frame))
            }
            Judged::Send(rewrite) => {
                let progress = match text.is_extended() {
                    true => self.send_parse(head, &text, body, *rewrite),
                    false => self.send_query(head, &text, body, *rewrite),
                };
                text.give_back();
                progress
            }
        }
    }

    /// The reading of the text in `body`: the one that has waited, or a new one.
    fn take_text(&mut self, frame_tag: u8, body: &mut [u8]) -> Option<Box<Text>> {
        let waited = self.client.text.take();
        if let Some(text) = waited.filter(|text| text.is_of(frame_tag, &self.context)) {
            return Some(text);
        }
        self.report.counts.statements += 1;
        Text::read(frame_tag, body, &self.context.rules()).map(Box::new)
    }

    /// While a statement is on its way that may change how the server reads texts, the next text waits. In
    /// a pipeline the target does not tell, and is asked.
    fn lexing_first(&mut self, first: bool) -> Option<Progress> {
        if !self.client.lexing_is_unsure {
            return None;
        }
        if self.replies.lexing_is_unsure() {
            return Some(self.wait_for_target(first));
        }
        if self.client.is_in_pipeline() && self.context.status != TransactionStatus::Aborted {
            return Some(self.ask_about(Question::Lexing, true, first));
        }
        self.client.lexing_is_unsure = false;
        None
    }

    /// A statement that is too long to be held: only zero bytes are mended, while it arrives.
    fn on_long_text(&mut self, head: Head, rest: &[u8], first: bool) -> Progress {
        // What is that long holds rows.
        if self.parking.is_due(true, self.client.tried, &self.context) {
            return self.ask_about(
                text::park_all(&self.context.policy),
                head.tag == tag::PARSE,
                first,
            );
        }
        let mut undo = None;
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
            undo = self.prepared.prepare(name, None).map(Box::new);
        }
        self.report.counts.too_long += 1;
        let is_owed = !self.replies.is_empty();
        let is_query = head.tag == tag::QUERY;
        let request = if is_query { Request::Query } else { Request::Parse };
        let expected = Expected { undo, ..Expected::new(request) };
        self.replies.push(expected.starting(CopyStart::Unread));
        if !is_query {
            return self.pass(head);
        }
        self.client.note_query(is_owed);
        self.prepared.on_query();
        // It may do anything; but of settings it is not asked.
        self.on_sent(Effects::CHANGES_RELATIONS | Effects::CHANGES_LEXING, &[]);
        if self.context.settings.rewrite && self.context.policy.values.nul == NulPolicy::Space {
            return self.pass_mending(head, Mend::Query(QueryScanner::new(head.body_bytes())));
        }
        self.pass(head)
    }

    fn send_query(
        &mut self,
        head: Head,
        text: &Text,
        body: &[u8],
        mut rewrite: Rewrite,
    ) -> Progress {
        let sent = text::send_query(text, body, &mut rewrite, &self.context);
        let effects = text.effects();
        let is_due = self.settling.is_due(effects);
        // Behind a pipeline the target may skip the text, and behind a COPY it takes nothing but rows.
        let is_owed = !self.replies.is_empty();
        let is_certain = self.client.is_certain(is_owed) && sent.expected.copies.is_none();
        let stated = text.stated(self.context.settings).filter(|_| is_due && is_certain);
        // A Query of ours would destroy what the client's may leave when it fails early.
        let by_group = self.prepared.has_unnamed();
        self.prepared.on_query();
        self.client.note_query(is_owed);
        self.replies.push(sent.expected);
        self.note_sent(text, sent.changes);
        self.on_sent(effects, &rewrite.writes);
        let mut frames = sent.frame;
        let may_be_open = is_owed || self.context.status == TransactionStatus::Open;
        match stated.filter(|_| may_be_open) {
            Some(settings) => self.settling.note_stated(settings),
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
            Some(frames) => Progress::Done(Step::Replace(head.frame_bytes, frames)),
            None => Progress::Passed(head.frame_bytes),
        }
    }

    fn send_parse(
        &mut self,
        head: Head,
        text: &Text,
        body: &[u8],
        mut rewrite: Rewrite,
    ) -> Progress {
        let (name, types) = text.name_and_types(body);
        self.prepared.note_parse(name);
        // A Bind that is not remembered cannot be fitted to types that the target infers.
        let has_room = self.prepared.has_room();
        rewrite.parameters = rewrite.parameters.filter(|_| has_room);
        let positions = text.positions(body, &rewrite, &self.context);
        let mut undo = None;
        // A statement that has the name keeps it where the Parse is sure to fail.
        if rewrite.refused.is_none() {
            let told = rewrite.parameters.as_ref().and_then(|parameters| parameters.told());
            self.note_declared_types(name, told.as_deref().unwrap_or(types));
            self.prepared.note_written(name, rewrite.place.take());
            let effects = self.lasting_effects(text.effects(), name);
            let settings = self.context.settings;
            let plan = text::plan_of_parse(text, &mut rewrite, &positions, effects, settings);
            undo = self.prepared.prepare(name, plan.filter(|_| has_room));
        }
        let sent = text::send_parse(text, body, &mut rewrite, positions, undo);
        self.replies.push(sent.expected);
        self.note_sent(text, sent.changes);
        self.on_sent(Effects::default(), &[]);
        match sent.frame {
            Some(frame) => Progress::Done(Step::Replace(head.frame_bytes, frame)),
            None => Progress::Passed(head.frame_bytes),
        }
    }

    /// The effects of a prepared statement for which its execution is looked at.
    fn lasting_effects(&self, effects: Effects, name: &[u8]) -> Effects {
        let ends_changes = self.settling.is_unsettled()
            || self.catalog.has_changed()
            || self.parking.is_in_transaction();
        let loads = self.parking.parks(&self.context.settings);
        effects
            .without(Effects::ENDS_TRANSACTION.when(name.is_empty() && !ends_changes))
            .without(Effects::LOADS.when(!loads))
    }

    /// What was done to a text that goes to the target.
    fn note_sent(&mut self, text: &Text, changes: Vec<Change>) {
        let counts = &mut self.report.counts;
        let (not_understood, unknown_types, is_too_long) = text.not_understood();
        counts.not_understood += u64::try_from(not_understood).unwrap_or(u64::MAX);
        counts.unknown_types += u64::try_from(unknown_types).unwrap_or(u64::MAX);
        counts.too_long += u64::from(is_too_long) + self.catalog.unread();
        let silent_loss = self.context.policy.values.silent_loss;
        self.report.note_changes(changes, silent_loss, self.context.seconds());
    }

    /// A Parse goes to the target: where it declares every type, and all of them are known, nothing has
    /// to be asked up to the next Sync.
    fn note_declared_types(&mut self, statement: &[u8], types: &[u8]) {
        let oids = wire::parameter_oids(types);
        let is_known = |oid: &u32| *oid != 0 && !self.catalog.lacks_type(*oid);
        let all_known = !oids.is_empty() && oids.iter().all(is_known);
        let kinds = all_known.then(|| oids.iter().map(|oid| self.catalog.kind_of(*oid)).collect());
        self.prepared.note_declared(statement, kinds);
    }

    /// A Bind, as far as it is there.
    ///
    /// # Errors
    /// It is too long to be given the types that the target was told: the session ends.
    pub(super) fn on_bind(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Result<Progress, OwnError> {
        let Some(body) = bind::body_there(head, rest) else { return Ok(Progress::Later) };
        if !first && self.prepared.is_known() {
            // It may be put in another place, or something asked in front of it.
            return Ok(Progress::Later);
        }
        let body_bytes = body.len();
        let Some(cut) = BindBody::cut(body) else {
            let verdict = bind::judge_unnamed(head, &self.context);
            self.replies.push(Expected::new(Request::Bind));
            return Ok(self.on_bind_verdict(head, Statement::default(), verdict));
        };
        let statement = self.statement_of(cut.statement);
        let is_exact = match &statement.parameters {
            Some(parameters) => self.catalog.is_exact(&parameters.name),
            None => true,
        };
        let mut verdict = bind::judge(head, cut, body_bytes, &statement, is_exact, &self.context)?;
        if let BindVerdict::AsksAgain { spaces } = verdict {
            self.note_bind_nuls(&statement, spaces);
            if let Some(question) = self.question_about_relation(&statement) {
                return Ok(self.ask_about(question, true, first));
            }
            // It cannot be asked: what is known has to do.
            let Some(cut) = BindBody::cut(body) else { return Ok(Progress::Later) };
            verdict = bind::judge(head, cut, body_bytes, &statement, true, &self.context)?;
        }
        match &verdict {
            BindVerdict::Later => return Ok(Progress::Later),
            BindVerdict::AsksForKinds { spaces } => {
                self.note_bind_nuls(&statement, *spaces);
                let name = wire::bound_statement(body).unwrap_or_default();
                let question = Question::Parameters(name.into());
                return Ok(self.ask_first(question, Delivery::Describe, first));
            }
            _ => {}
        }
        if let BindVerdict::Refused(error) = verdict {
            self.report.counts.refused += 1;
            self.replies.push(Expected::failing(Request::Bind, *error, Failing::Statement));
            return Ok(Progress::Done(Step::Replace(head.frame_bytes, bind::failing(body))));
        }
        self.note_bind(body);
        Ok(self.on_bind_verdict(head, statement, verdict))
    }

    /// A Bind goes to the target, as it is or changed.
    fn on_bind_verdict(
        &mut self,
        head: Head,
        statement: Statement,
        verdict: BindVerdict,
    ) -> Progress {
        match verdict {
            BindVerdict::Arriving { scanner, not_judged } => {
                self.note_not_judged(&statement, not_judged);
                let arriving = ArrivingBind { scanner: *scanner, place: statement.place };
                self.pass_mending(head, Mend::Bind(Box::new(arriving)))
            }
            BindVerdict::Fitted { body, spaces, changes, not_judged } => {
                self.note_not_judged(&statement, not_judged);
                self.note_bind_nuls(&statement, spaces);
                if !changes.is_empty() {
                    let silent_loss = self.context.policy.values.silent_loss;
                    self.report.note_changes(changes, silent_loss, self.context.seconds());
                }
                match body {
                    Some(body) => {
                        let frame = wire::with_body(tag::BIND, &[&body]);
                        Progress::Done(Step::Replace(head.frame_bytes, frame))
                    }
                    None => Progress::Passed(head.frame_bytes),
                }
            }
            _ => self.pass(head),
        }
    }

    /// What is known of the statement that a Bind names, by the latest of its relation.
    fn statement_of(&self, name: &[u8]) -> Statement {
        let mut statement = self.prepared.of(name);
        if let Some(parameters) = &statement.parameters
            && let Some(relation) = self.catalog.relation(&parameters.name)
            && let Some(renewed) = parameters.renewed(relation, &self.context.rules())
        {
            statement.parameters = Some(Arc::new(renewed));
        }
        statement
    }

    /// The question about the relation of a statement whose values a rule changes; `None` where it cannot
    /// be asked: the transaction has failed, or the answer has come and says nothing.
    fn question_about_relation(&mut self, statement: &Statement) -> Option<Question> {
        let name = statement.parameters.as_ref().map(|parameters| parameters.name.clone())?;
        let now = self.context.now(!self.replies.is_empty());
        text::ask_exactly(name, &mut self.catalog, now)
    }

    fn note_bind_nuls(&mut self, statement: &Statement, count: u64) {
        if count > 0 {
            let place = statement.place.clone();
            self.report.note_bind_nuls(place, count, self.context.seconds());
        }
    }

    fn note_not_judged(&mut self, statement: &Statement, not_judged: bool) {
        if not_judged {
            let place = match &statement.parameters {
                Some(parameters) => rewrite::place(&parameters.relation),
                None => statement.place.clone(),
            };
            self.report.counts.too_long += 1;
            self.report.note(place, NOT_JUDGED, 1, self.context.seconds());
        }
    }

    /// A Bind with this body goes to the target.
    fn note_bind(&mut self, body: &mut [u8]) {
        let mut treatment = Treatment::Pass;
        if self.prepared.is_known()
            && let Some(cut) = BindBody::cut(body)
            && let Some(plan) = self.prepared.bind(cut.portal, cut.statement)
        {
            treatment = Adjust::positions(&plan.positions);
        }
        self.replies.push(Expected::with(Request::Bind, treatment));
    }

    pub(super) fn on_execute(&mut self, head: Head, rest: &[u8], first: bool) -> Progress {
        if !self.prepared.is_known() {
            self.replies.push(Expected::new(Request::Execute));
            return self.pass(head);
        }
        let Some(body) = small_body(head, rest) else { return Progress::Later };
        let name = wire::cstring(body).map(|(name, _)| name);
        let plan = name.and_then(|name| self.prepared.portal(name)).map(Arc::clone);
        let Some(plan) = plan else {
            self.replies.push(Expected::new(Request::Execute));
            return self.pass(head);
        };
        // Since the Parse a rollback may have brought foreign keys back.
        if self.parking.is_due(plan.effects.loads(), self.client.tried, &self.context) {
            return self.ask_about(text::park_all(&self.context.policy), true, first);
        }
        self.replies.push(execute::expected_of_execute(&plan));
        self.on_sent(plan.effects, &plan.writes);
        if plan.effects.has(SETTLES) {
            self.settling.note_for_sync(plan.effects, plan.stated);
        }
        self.pass(head)
    }

    pub(super) fn on_describe(&mut self, head: Head, rest: &[u8]) -> Progress {
        let mut expected = Expected::new(Request::Describe);
        if self.prepared.is_known() {
            let Some(body) = small_body(head, rest) else { return Progress::Later };
            if let Some((b'S', name)) = kind_and_name(body)
                && let Some(plan) = self.prepared.statement(name)
            {
                expected = execute::expected_of_describe(plan);
            }
        }
        self.replies.push(expected);
        self.pass(head)
    }

    pub(super) fn on_close(&mut self, head: Head, rest: &[u8]) -> Progress {
        if self.prepared.is_known() {
            let Some(body) = small_body(head, rest) else { return Progress::Later };
            if let Some((kind, name)) = kind_and_name(body) {
                self.prepared.close(kind, name);
            }
        }
        self.replies.push(Expected::new(Request::Close));
        self.pass(head)
    }

    pub(super) fn on_sync(&mut self, head: Head, first: bool) -> Progress {
        if self.client.copy_in.is_open() {
            // The target ignores it, unless it has met an error before.
            self.replies.push(Expected::new(Request::EarlySync));
            return self.pass(head);
        }
        if self.replies.may_start_copy() {
            // Should it start, the target ignores this Sync: the one behind the rows settles.
            self.replies.push(Expected::new(Request::Sync));
            self.client.note_uncertain_sync();
            return self.pass(head);
        }
        if !first && self.settling.is_due_at_sync() {
            return Progress::Later;
        }
        self.client.end_pipeline();
        self.prepared.on_sync(self.replies.parses_answered());
        self.replies.push(Expected::new(Request::Sync));
        let is_open = self.context.status == TransactionStatus::Open;
        let Some(effects) = self.settling.take_for_sync(is_open) else { return self.pass(head) };
        let mut frames = wire::with_body(tag::SYNC, &[]);
        let settle = Question::Settle(self.settling.begin(effects));
        frames.extend(self.ask(settle, Delivery::Group));
        Progress::Done(Step::Replace(head.frame_bytes, frames))
    }

    pub(super) fn on_copy(&mut self, head: Head, first: bool) -> Progress {
        if !self.client.copy_in.is_open() && self.replies.may_start_copy() {
            return self.wait_for_target(first);
        }
        if head.tag == tag::COPY_DATA {
            return self.pass_mending(head, Mend::CopyData);
        }
        let mended = self.client.copy_in.end();
        self.report.note_copy_nuls(&mended.place, mended.count, self.context.seconds());
        self.pass(head)
    }

    /// A FunctionCall: arguments that are characters are mended; which ones are is asked of the catalog
    /// where it matters.
    pub(super) fn on_function_call(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Progress {
        let policy = &self.context.policy;
        let mends = self.context.settings.rewrite && policy.values.nul != NulPolicy::Reject;
        if mends && head.frame_bytes <= policy.statement_bytes_max {
            let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else {
                return Progress::Later;
            };
            let function = called_function(body);
            let known = function.and_then(|oid| self.catalog.function(oid)).map(|kinds| &**kinds);
            let mended = mend_function_call(body, known, self.context.lexing.encoding);
            let seconds = self.context.seconds();
            self.report.note_bind_nuls(Place::default(), mended.spaces, seconds);
            let can_ask =
                self.context.status != TransactionStatus::Aborted && !self.client.is_in_pipeline();
            if mended.asks_for_kinds && can_ask {
                let question = CatalogQuestion::Arguments(function.unwrap_or_default());
                // By messages with a name: the client's unnamed statement has to survive.
                return self.ask_first(Question::Catalog(question), Delivery::Group, first);
            }
        }
        self.client.note_query(!self.replies.is_empty());
        self.replies.push(Expected::new(Request::FunctionCall));
        self.pass(head)
    }

    /// The client leaves: what was changed is written first, where the target can take it.
    pub(super) fn on_terminate(&mut self, head: Head, first: bool) -> Progress {
        let is_idle = self.context.status == TransactionStatus::Idle
            && self.replies.is_empty()
            && !self.client.copy_in.is_open()
            && !self.client.is_in_pipeline();
        if !self.client.is_terminated && is_idle && self.context.policy.writes_ledger {
            if !first {
                return Progress::Later;
            }
            let (ledger, database) = (&self.context.common.ledger, &self.context.startup.database);
            if let Some(entries) = self.report.begin_writing(ledger, database) {
                // From here on the client waits for nothing.
                self.client.is_terminated = true;
                let sql = ledger::target::write_sql(&entries, self.context.lexing.encoding);
                return self.ask_first(Question::Ledger(sql), Delivery::Query, first);
            }
        }
        self.client.is_terminated = true;
        self.pass(head)
    }
}
