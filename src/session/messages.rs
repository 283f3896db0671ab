//! Messages of the client, one handler each: `message` decides what becomes of one, and here its parts are
//! told.

use super::ask::ledger::LedgerWrite;
use super::ask::{Delivery, Question};
use super::client::ClientSide;
use super::message::bind::{self, BindVerdict};
use super::message::execute::{self, kind_and_name, small_body};
use super::message::text::{self, Basis, Judged, Text};
use super::prepared::Statement;
use super::replies::{CopyStart, Expected, Failing, Request};
use super::step::{ArrivingBind, Mend, Progress, Step};
use super::{PLANS_MAX, Session};
use crate::catalog::Question as CatalogQuestion;
use crate::ledger::NOT_JUDGED;
use crate::rewrite::Rewrite;
use crate::statement::Effects;
use crate::value::{NulPolicy, QueryScanner, called_function, mend_function_call};
use crate::wire::{self, HEAD_BYTES, Head, OwnError, TransactionStatus, tag};

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
                    self.client.end_pipeline();
                }
                Progress::Done(Step::Replace(head.frame_bytes, frame))
            }
            Judged::Send(rewrite) if text.is_extended() => {
                self.send_parse(head, *text, body, *rewrite)
            }
            Judged::Send(rewrite) => self.send_query(head, *text, body, *rewrite),
        }
    }

    /// The reading of the text in `body`: the one that has waited, or a new one.
    fn take_text(&mut self, frame_tag: u8, body: &mut [u8]) -> Option<Box<Text>> {
        let waited = self.client.text.take();
        if let Some(text) = waited.filter(|text| text.is_of(frame_tag, &self.context)) {
            return Some(text);
        }
        self.report.counts.statements += 1;
        if frame_tag == tag::QUERY {
            self.prepared.close_unnamed();
            self.prepared.forget_all_kinds();
        }
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
            return self.ask_about(text::park_all(), head.tag == tag::PARSE, first);
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
        let is_query = head.tag == tag::QUERY;
        let request = if is_query { Request::Query } else { Request::Parse };
        let expected = Expected { undo, ..Expected::new(request) };
        self.replies.push(expected.starting(CopyStart::Unread));
        if !is_query {
            return self.pass(head);
        }
        self.client.end_pipeline();
        self.prepared.close_unnamed();
        self.prepared.forget_all_kinds();
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
        text: Text,
        body: &[u8],
        mut rewrite: Rewrite,
    ) -> Progress {
        let sent = text::send_query(&text, body, &mut rewrite, &self.context);
        let effects = text.effects();
        let is_due = self.settling.is_due(effects);
        // Behind a pipeline the target may skip the text, and behind a COPY it takes nothing but rows.
        let is_certain = (!self.client.is_in_pipeline() || self.replies.is_empty())
            && sent.expected.copies.is_none();
        let stated = text.stated(self.context.settings).filter(|_| is_due && is_certain);
        self.client.end_pipeline();
        self.replies.push(sent.expected);
        self.note_sent(&text, sent.changes);
        self.on_sent(effects, &rewrite.writes);
        text.give_back();
        let mut frames = sent.frame;
        match stated.filter(|_| self.context.status == TransactionStatus::Open) {
            Some(settings) => self.settling.note_stated(settings),
            None if is_due && is_certain => {
                let settle = Question::Settle(self.settling.begin(effects));
                let settle = self.ask(settle, Delivery::Query);
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
        text: Text,
        body: &[u8],
        mut rewrite: Rewrite,
    ) -> Progress {
        let (name, types) = text.name_and_types(body);
        // A Bind that is not remembered cannot be fitted to types that the target infers.
        let has_room = self.prepared.has_room();
        rewrite.parameters = rewrite.parameters.filter(|_| has_room);
        let positions = text::positions(&text, body, &rewrite, &self.context);
        let mut undo = None;
        // A statement that has the name keeps it where the Parse is sure to fail.
        if rewrite.refused.is_none() {
            let told = rewrite.parameters.as_ref().and_then(|parameters| parameters.told());
            self.note_declared_types(name, told.as_deref().unwrap_or(types));
            self.prepared.note_written(name, rewrite.place.take());
            let effects = self.lasting_effects(text.effects(), name);
            let settings = self.context.settings;
            let plan = text::plan_of_parse(&text, &mut rewrite, &positions, effects, settings);
            undo = self.prepared.prepare(name, plan.filter(|_| has_room));
        }
        let sent = text::send_parse(&text, body, &mut rewrite, positions, undo);
        self.replies.push(sent.expected);
        self.note_sent(&text, sent.changes);
        self.on_sent(Effects::default(), &[]);
        text.give_back();
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
    fn note_sent(&mut self, text: &Text, changes: Vec<crate::rewrite::Change>) {
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
        let kinds =
            all_known.then(|| oids.iter().map(|oid| self.catalog.kind_of(*oid)).collect());
        self.prepared.note_declared(statement, kinds);
    }

    pub(super) fn on_bind(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Result<Progress, OwnError> {
        let Some(body) = bind::body_there(head, rest) else { return Ok(Progress::Later) };
        let statement = match wire::bind_names(body) {
            Some(names) => self.prepared.of(names.statement),
            None => Statement::default(),
        };
        let statement = self.renewed(statement);
        let is_exact = match &statement.parameters {
            Some(parameters) => self.catalog.is_exact(&parameters.name),
            None => true,
        };
        let verdict = bind::judge(head, body, first, &statement, is_exact, &self.context)?;
        Ok(match verdict {
            BindVerdict::Later => Progress::Later,
            BindVerdict::Unread => {
                self.note_bind(body);
                self.pass(head)
            }
            BindVerdict::InPlace { nuls, not_judged } => {
                self.note_bind_values(&statement, nuls, not_judged);
                self.note_bind(body);
                Progress::Passed(head.frame_bytes)
            }
            BindVerdict::Arriving { scanner, not_judged } => {
                self.note_bind_values(&statement, 0, not_judged);
                self.note_bind(body);
                let arriving = ArrivingBind { scanner: *scanner, place: statement.place };
                self.pass_mending(head, Mend::Bind(Box::new(arriving)))
            }
            BindVerdict::Fitted { body: fitted, nuls, changes } => {
                self.note_bind_values(&statement, nuls, false);
                self.note_bind(body);
                let silent_loss = self.context.policy.values.silent_loss;
                self.report.note_changes(changes, silent_loss, self.context.seconds());
                match fitted {
                    Some(body) => {
                        let frame = wire::with_body(tag::BIND, &[&body]);
                        Progress::Done(Step::Replace(head.frame_bytes, frame))
                    }
                    None => Progress::Passed(head.frame_bytes),
                }
            }
            BindVerdict::AsksForKinds => {
                let names = wire::bind_names(body);
                let name = names.map(|names| names.statement).unwrap_or_default();
                let question = Question::Parameters(name.into());
                self.ask_first(question, Delivery::Describe, first)
            }
            BindVerdict::AsksAgain => self.ask_exactly(&statement, first),
            BindVerdict::Refused(error) => {
                self.report.counts.refused += 1;
                self.replies.push(Expected::failing(Request::Bind, *error, Failing::Statement));
                Progress::Done(Step::Replace(head.frame_bytes, bind::failing(body)))
            }
        })
    }
}
