//! A simple query of several statements that change rows: one goes behind the other, as the server does them, and the
//! client gets one ReadyForQuery. Around them there may be savepoints of the client's.

use std::collections::VecDeque;
use std::sync::Arc;

use super::block::BehindEnd;
use super::change::ChangeLoad;
use super::change_text::ChangeText;
use super::facts::SessionFacts;
use super::transaction::OwnWay;
use super::{Aside, AsideState};
use crate::statement::script::{Scratch, Script};
use crate::wire::{self, tag};

/// Statements of one text that go one by one; a text with more passes as it is.
const PARTS_MAX: usize = 1000;

/// A text of several statements.
#[derive(Debug)]
pub(super) struct SeriesText(Vec<SeriesPart>);

/// One of its statements.
#[derive(Clone, Debug)]
pub(super) enum SeriesPart {
    Change(Arc<ChangeText>),
    /// SAVEPOINT or RELEASE.
    Savepoint(Vec<u8>),
}

impl SeriesText {
    /// The statements of a text, if each is one whose rows can be set aside, or a savepoint in the client's transaction,
    /// which is open or not.
    pub(super) fn read(
        sql: &[u8],
        facts: &SessionFacts,
        script: &Script,
        is_open: bool,
    ) -> Option<SeriesText> {
        if script.statements.len() > PARTS_MAX {
            return None;
        }
        let (mut parts, mut scratch) = (Vec::new(), Scratch::default());
        let (mut at, mut characters) = (0, 0);
        for statement in &*script.statements {
            let part = sql.get(statement.span.clone())?;
            if is_savepoint(part) {
                parts.push(SeriesPart::Savepoint(part.to_vec()));
                continue;
            }
            characters +=
                facts.lexing.encoding.count_characters(sql.get(at..statement.span.start)?);
            at = statement.span.start;
            let script = Script::read(part, facts.lexing, &facts.policy.mapping, &mut scratch);
            let text = ChangeText::read(part, Vec::new(), facts, &script);
            script.give_back(&mut scratch);
            parts.push(SeriesPart::Change(Arc::new(text?.behind(characters))));
        }
        let has = |is_change| parts.iter().any(|part| part.is_change() == is_change);
        (has(true) && (is_open || !has(false))).then_some(SeriesText(parts))
    }

    /// Whether rows of all its tables are set aside.
    pub(super) fn is_set_aside(&self, facts: &SessionFacts) -> bool {
        self.0.iter().all(|part| match part {
            SeriesPart::Change(text) => text.is_set_aside(facts),
            SeriesPart::Savepoint(_) => true,
        })
    }
}

impl SeriesPart {
    fn is_change(&self) -> bool {
        matches!(self, SeriesPart::Change(_))
    }
}

fn is_savepoint(sql: &[u8]) -> bool {
    let word = sql.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    word.eq_ignore_ascii_case(b"savepoint") || word.eq_ignore_ascii_case(b"release")
}

impl Aside {
    pub(super) fn begin_series(&mut self, text: &SeriesText) {
        self.series = Some(text.0.iter().cloned().collect());
        self.go_on_in_series();
    }

    fn go_on_in_series(&mut self) {
        let part = self.series.as_mut().and_then(VecDeque::pop_front);
        self.series.take_if(|parts| parts.is_empty());
        match part {
            Some(SeriesPart::Savepoint(sql)) => {
                wire::put_body(&mut self.out.to_target, tag::QUERY, &[&sql, b"\0"]);
                self.state = AsideState::InSeries;
            }
            Some(SeriesPart::Change(text)) => self.begin_change(text),
            None => {}
        }
    }

    /// A simple query with a statement that changes rows, or one statement of it.
    pub(super) fn begin_change(&mut self, text: Arc<ChangeText>) {
        let (facts, status) = (self.facts.load(self.none_suspended_at), self.status);
        let transaction = self.pipeline.transaction(&facts.name, status, OwnWay::Query);
        let is_last = self.series.is_none();
        let load = ChangeLoad::begin(text, facts, status, transaction, is_last, &mut self.out);
        self.state = AsideState::Changing { load: Box::new(load), is_extended: false };
    }

    /// A statement of a series has ended that is not the last one; behind a failure the others are not reached.
    pub(super) fn end_in_series(&mut self, has_failed: bool) {
        if !has_failed {
            return self.go_on_in_series();
        }
        self.series = None;
        if self.pipeline.has_block() {
            return self.end_transaction(BehindEnd::Sync);
        }
        let status = self.status.byte();
        wire::put_body(&mut self.out.to_session, tag::READY_FOR_QUERY, &[&[status]]);
    }

    /// A frame of the target's while a savepoint of the client's is under way.
    pub(super) fn on_savepoint(&mut self, frame: &[u8]) {
        match frame.first().copied().unwrap_or_default() {
            tag::READY_FOR_QUERY if self.series.is_some() => return self.go_on_in_series(),
            tag::READY_FOR_QUERY => self.state = AsideState::Passing,
            tag::ERROR_RESPONSE => self.series = None,
            _ => {}
        }
        self.out.to_session.extend_from_slice(frame);
    }
}
