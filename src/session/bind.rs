//! What happens to a Bind: its values are mended in place while they arrive, or, where columns or
//! policies ask for more, fitted to their columns as a whole.

use std::sync::Arc;

use super::client_frames::{Judged, WHOLE_BYTES_MAX, positions_of};
use super::expected_replies::{Expected, Failing, Request};
use super::parameters::Parameters;
use super::{Mend, Session, Step};
use crate::ledger::{NOT_JUDGED, Place};
use crate::value::{
    BindFindings, BindRefusal, BindRules, BindScanner, FittedBind, NulPolicy, ValueRule, fit,
};
use crate::wire::{self, BindBody, ErrorAbout, HEAD_BYTES, Head, OwnError, tag};

impl Session {
    /// A Bind, as far as it is there.
    ///
    /// # Errors
    /// It is too long to be given the types that the target was told: the session ends.
    pub(super) fn on_bind(
        &mut self,
        head: Head,
        rest: &mut [u8],
        first: bool,
    ) -> Result<Judged, OwnError> {
        let there = rest.len().min(head.frame_bytes);
        if there < head.frame_bytes.min(WHOLE_BYTES_MAX) {
            return Ok(Judged::Later);
        }
        let body = rest.get_mut(HEAD_BYTES..there).unwrap_or_default();
        let Some(bind) = BindBody::cut(body) else { return Ok(self.on_unnamed_bind(head)) };
        let parameters = self.parameters_of(bind.statement);
        let retyped = parameters.as_ref().filter(|parameters| parameters.is_retyped());
        // What the target was told of a statement holds for it when rewriting is off again.
        if !self.settings.rewrite && retyped.is_none() {
            self.note_bind(&bind);
            return Ok(self.pass(head));
        }
        let is_whole = there == head.frame_bytes;
        let is_judged = parameters.is_some() || self.policy.values.nul != NulPolicy::Space;
        if is_judged && head.frame_bytes <= self.policy.statement_bytes_max {
            if !is_whole || !first {
                return Ok(Judged::Later);
            }
            let nul = self.policy.values.nul;
            return Ok(self.on_whole_bind(head, bind, parameters.as_deref(), nul, None, first));
        }
        if retyped.is_some_and(|parameters| parameters.need_rewriting(&bind)) {
            return Err(too_long());
        }
        let not_judged = is_judged.then(|| {
            let relation = parameters.as_ref().map(|parameters| parameters.relation.place());
            relation.unwrap_or_else(|| self.written_place(bind.statement))
        });
        Ok(match is_whole {
            true => self.on_whole_bind(head, bind, None, NulPolicy::Space, not_judged, first),
            false => self.on_arriving_bind(head, &bind, not_judged, first),
        })
    }

    /// A Bind whose names are longer than what is waited for, or have no end.
    fn on_unnamed_bind(&mut self, head: Head) -> Judged {
        self.replies.push(Expected::new(Request::Bind));
        match self.settings.rewrite {
            true => {
                let scanner = BindScanner::new(head.body_bytes());
                self.pass_mending(head, Mend::Bind(Box::new(scanner)))
            }
            false => self.pass(head),
        }
    }

    /// A Bind that still arrives: its values stay where they are. `not_judged` is what it writes to
    /// where they should have been judged and are too long for it.
    fn on_arriving_bind(
        &mut self,
        head: Head,
        bind: &BindBody<'_>,
        not_judged: Option<Place>,
        first: bool,
    ) -> Judged {
        if !self.settings.rewrite {
            self.note_bind(bind);
            return self.pass(head);
        }
        // On its way it cannot stop to ask.
        let Some(kinds) = self.prepared.kinds(bind.statement) else {
            if !first {
                return Judged::Later;
            }
            return Judged::Done(Step::Replace(0, self.look_up(bind.statement)));
        };
        let encoding = self.lexing.encoding;
        let scanner = BindScanner::with_kinds(head.body_bytes(), encoding, kinds);
        self.note_not_judged(not_judged);
        self.note_bind(bind);
        self.bound = self.written_place(bind.statement);
        self.pass_mending(head, Mend::Bind(Box::new(scanner)))
    }

    /// A Bind that is there as a whole: its values are made what their columns and the policies want.
    fn on_whole_bind(
        &mut self,
        head: Head,
        mut bind: BindBody<'_>,
        parameters: Option<&Parameters>,
        nul: NulPolicy,
        not_judged: Option<Place>,
        first: bool,
    ) -> Judged {
        let rules = BindRules {
            parameters: parameters.map_or(&[], |parameters| parameters.list()),
            kinds: self.prepared.kinds(bind.statement).map(|kinds| &**kinds),
            nul: self.settings.rewrite.then_some(nul),
            encoding: self.lexing.encoding,
        };
        let (body, found) = match fit(&mut bind, &rules) {
            FittedBind::AsksForKinds(spaces) => {
                self.note_bind_nuls(bind.statement, spaces);
                if !first {
                    return Judged::Later;
                }
                return Judged::Done(Step::Replace(0, self.look_up(bind.statement)));
            }
            FittedBind::Refused(refused) => {
                let error = self.refusal_of(&bind, parameters, &refused);
                return self.refuse_bind(head, &bind, error);
            }
            FittedBind::InPlace(found) => (None, found),
            FittedBind::Body(body, found) => (Some(body), found),
        };
        self.note_not_judged(not_judged);
        if !found.is_empty() {
            self.note_bind_findings(bind.statement, parameters, found);
        }
        self.note_bind(&bind);
        match body {
            Some(body) => {
                let frame = wire::with_body(tag::BIND, &[&body]);
                Judged::Done(Step::Replace(head.frame_bytes, frame))
            }
            None => Judged::Passed(head.frame_bytes),
        }
    }

    /// The error for a value that is refused.
    fn refusal_of(
        &self,
        bind: &BindBody<'_>,
        parameters: Option<&Parameters>,
        refused: &BindRefusal,
    ) -> OwnError {
        if let Some(error) = parameters.and_then(|parameters| parameters.refusal(refused)) {
            return error;
        }
        let number = refused.index + 1;
        let mut error = OwnError::new("22021", format!("parameter ${number} holds U+0000"))
            .with_hint("Set values.nul to \"space\" or \"remove\" to load it.");
        let place = self.written_place(bind.statement);
        if !place.table.is_empty() {
            error.detail = Some(format!("The statement writes to \"{}\".", place.table));
            let (schema, table) = (Some(place.schema), Some(place.table));
            let about = ErrorAbout { schema, table, ..ErrorAbout::default() };
            error.about = Some(Box::new(about));
        }
        error
    }

    /// The target gets a Bind that can only fail in place of one that is refused.
    fn refuse_bind(&mut self, head: Head, bind: &BindBody<'_>, error: OwnError) -> Judged {
        self.push_synthesized(Request::Bind, error, Failing::Statement);
        let count = bind.value_count().unwrap_or_default().to_be_bytes();
        // Its values are missing: the server finds that out where it reads them, behind what it has
        // to say to the statement and to the state of the transaction.
        let failing = [b"\0", bind.statement, b"\0\0\0", &count];
        let frame = wire::with_body(tag::BIND, &failing);
        Judged::Done(Step::Replace(head.frame_bytes, frame))
    }

    fn parameters_of(&self, statement: &[u8]) -> Option<Arc<Parameters>> {
        self.prepared.statement(statement)?.parameters.clone()
    }

    /// The relation that a statement writes to, for the ledger.
    fn written_place(&self, statement: &[u8]) -> Place {
        self.prepared.written(statement).cloned().unwrap_or_default()
    }

    fn note_not_judged(&mut self, not_judged: Option<Place>) {
        if let Some(place) = not_judged {
            self.counts.too_long += 1;
            self.note_place(place, NOT_JUDGED, 1);
        }
    }

    fn note_bind_findings(
        &mut self,
        statement: &[u8],
        parameters: Option<&Parameters>,
        found: BindFindings,
    ) {
        self.note_bind_nuls(statement, found.spaces);
        if found.removed > 0 {
            self.counts.count_value(ValueRule::NulRemoved, found.removed);
            let place = self.written_place(statement);
            self.note_place(place, ValueRule::NulRemoved.name(), found.removed);
        }
        if let Some(parameters) = parameters {
            self.note_changes(parameters.changes(found.columns));
        }
    }

    fn note_bind_nuls(&mut self, statement: &[u8], count: u64) {
        if count > 0 {
            self.counts.nul_bind += count;
            let place = self.written_place(statement);
            self.note_place(place, "nul-in-parameter", count);
        }
    }

    /// A Bind goes to the target.
    fn note_bind(&mut self, bind: &BindBody<'_>) {
        let mut notes = None;
        if !self.prepared.is_empty()
            && let Some(plan) = self.prepared.bind(bind.portal, bind.statement)
        {
            notes = positions_of(plan);
        }
        self.replies.push(Expected { request: Request::Bind, notes });
    }
}

/// The target would store other values than the client has sent.
fn too_long() -> OwnError {
    OwnError::new("54000", "values in binary format that need another type are too long")
        .with_hint("Raise limits.statement_bytes, or send them as text.")
}
