//! What happens to a Bind: its values are mended in place while they arrive, or, where columns or
//! policies ask for more, fitted to their columns as a whole.

use std::sync::Arc;

use super::client_frames::{Progress, WHOLE_BYTES_MAX, positions_of};
use super::expected_replies::{Expected, Failing, Request};
use super::parameters::Parameters;
use super::value_rules::Change;
use super::{Mend, Session, Step};
use crate::ledger::{NOT_JUDGED, Place};
use crate::value::{
    BindScanner, NulPolicy, ValueKind, ValueRule, first_bind_nul, without_bind_nuls,
};
use crate::wire::{self, ErrorAbout, HEAD_BYTES, Head, OwnError, tag};

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
    ) -> Result<Progress, OwnError> {
        let there = rest.len().min(head.frame_bytes);
        if there < head.frame_bytes.min(WHOLE_BYTES_MAX) {
            return Ok(Progress::Later);
        }
        let body = rest.get_mut(HEAD_BYTES..there).unwrap_or_default();
        let parameters = self.parameters_of(body);
        let retyped = parameters.as_ref().filter(|parameters| parameters.is_retyped());
        // What the target was told of a statement holds for it when rewriting is off again.
        if !self.context.settings.rewrite && retyped.is_none() {
            self.note_bind(body);
            return Ok(self.pass(head));
        }
        let is_whole = there == head.frame_bytes;
        let is_judged = parameters.is_some() || self.context.policy.values.nul != NulPolicy::Space;
        if is_judged && head.frame_bytes <= self.context.policy.statement_bytes_max {
            if !is_whole || !first {
                return Ok(Progress::Later);
            }
            return Ok(self.on_fitted_bind(head, body, parameters));
        }
        if retyped.is_some_and(|parameters| parameters.need_rewriting(body)) {
            return Err(too_long());
        }
        let not_judged = is_judged.then(|| {
            let relation = parameters.as_ref().map(|parameters| parameters.relation.place());
            relation.unwrap_or_else(|| self.written_place(body))
        });
        Ok(self.on_mended_bind(head, body, is_whole, first, not_judged))
    }

    /// A Bind whose values stay where they are; `not_judged` is what it writes to where they should
    /// have been judged and are too long for it.
    fn on_mended_bind(
        &mut self,
        head: Head,
        body: &mut [u8],
        is_whole: bool,
        first: bool,
        not_judged: Option<Place>,
    ) -> Progress {
        if !self.context.settings.rewrite {
            self.note_bind(body);
            return self.pass(head);
        }
        let known = self.kinds_of(body);
        let encoding = self.context.lexing.encoding;
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
            self.note_bind_nuls(body, scanner.take_replaced());
        }
        if asks && let Some(statement) = wire::bind_names(body).map(|names| names.statement) {
            if !first {
                return Progress::Later;
            }
            let frames = self.look_up(statement);
            return Progress::Done(Step::Replace(0, frames));
        }
        if let Some(place) = not_judged {
            self.counts.too_long += 1;
            self.note_place(place, NOT_JUDGED, 1);
        }
        self.note_bind(body);
        if is_whole {
            Progress::Passed(head.frame_bytes)
        } else {
            self.bound = self.written_place(body);
            self.pass_mending(head, Mend::Bind(Box::new(scanner)))
        }
    }

    /// A Bind whose values have to be taken apart, and which is there as a whole.
    fn on_fitted_bind(
        &mut self,
        head: Head,
        body: &mut [u8],
        parameters: Option<Arc<Parameters>>,
    ) -> Progress {
        let fitted = match &parameters {
            Some(parameters) => self.fit_parameters(parameters, body),
            None => Ok((None, Vec::new())),
        };
        let (mut fitted, mut changes) = match fitted {
            Ok(fitted) => fitted,
            Err(error) => return self.refuse_bind(head, body, error),
        };
        let mended = match self.mend_fitted(fitted.as_deref_mut().unwrap_or(body)) {
            Mended::Asks => {
                let statement = wire::bind_names(body).map(|names| names.statement.to_vec());
                let frames = self.look_up(&statement.unwrap_or_default());
                return Progress::Done(Step::Replace(0, frames));
            }
            Mended::Refused(error) => return self.refuse_bind(head, body, error),
            Mended::InPlace(spaces) => {
                self.note_bind_nuls(body, spaces);
                None
            }
            Mended::Removed(shorter, count) => {
                self.counts.count_value(ValueRule::NulRemoved, count);
                let place = self.written_place(body);
                self.note_place(place, ValueRule::NulRemoved.name(), count);
                Some(shorter)
            }
        };
        self.note_bind(body);
        self.note_changes(std::mem::take::<Vec<Change>>(&mut changes));
        match mended.or(fitted) {
            Some(body) => {
                let frame = wire::with_body(tag::BIND, &[&body]);
                Progress::Done(Step::Replace(head.frame_bytes, frame))
            }
            None => Progress::Passed(head.frame_bytes),
        }
    }

    /// Does to U+0000 in the values what is configured.
    fn mend_fitted(&self, body: &mut [u8]) -> Mended {
        if !self.context.settings.rewrite {
            return Mended::InPlace(0);
        }
        let encoding = self.context.lexing.encoding;
        let known = self.kinds_of(body);
        let nul = self.context.policy.values.nul;
        if nul == NulPolicy::Space {
            let mut scanner = match &known {
                Some(kinds) => BindScanner::with_kinds(body.len(), encoding, kinds),
                None => BindScanner::asking_for_kinds(body.len(), encoding),
            };
            scanner.scan(body);
            if scanner.needs_kinds() {
                return Mended::Asks;
            }
            return Mended::InPlace(scanner.take_replaced());
        }
        let kinds: Arc<[ValueKind]> = match known {
            Some(kinds) => kinds,
            None => {
                let mut scanner = BindScanner::asking_for_kinds(body.len(), encoding);
                scanner.scan(&mut body.to_vec());
                if scanner.needs_kinds() {
                    return Mended::Asks;
                }
                Arc::default()
            }
        };
        if nul == NulPolicy::Remove {
            return match without_bind_nuls(body, encoding, &kinds) {
                Some((shorter, count)) => Mended::Removed(shorter, count),
                None => Mended::InPlace(0),
            };
        }
        match first_bind_nul(body, encoding, &kinds) {
            None => Mended::InPlace(0),
            Some(found) => {
                let place = self.written_place(body);
                let number = found.parameter;
                let mut error = OwnError::new("22021", format!("parameter ${number} holds U+0000"))
                    .with_hint("Set values.nul to \"space\" or \"remove\" to load it.");
                if !place.table.is_empty() {
                    error.detail = Some(format!("The statement writes to \"{}\".", place.table));
                    let (schema, table) = (Some(place.schema), Some(place.table));
                    let about = ErrorAbout { schema, table, ..ErrorAbout::default() };
                    error.about = Some(Box::new(about));
                }
                Mended::Refused(error)
            }
        }
    }

    /// The target gets a Bind that can only fail in place of one that is refused.
    fn refuse_bind(&mut self, head: Head, body: &[u8], error: OwnError) -> Progress {
        self.push_synthesized(Request::Bind, error, Failing::Statement);
        let statement = wire::bind_names(body).map(|names| names.statement).unwrap_or_default();
        let count = wire::bind_value_count(body).unwrap_or_default().to_be_bytes();
        // Its values are missing: the server finds that out where it reads them, behind what it has
        // to say to the statement and to the state of the transaction.
        let failing = [b"\0", statement, b"\0\0\0", &count];
        let frame = wire::with_body(tag::BIND, &failing);
        Progress::Done(Step::Replace(head.frame_bytes, frame))
    }

    fn parameters_of(&self, body: &[u8]) -> Option<Arc<Parameters>> {
        if self.prepared.is_empty() {
            return None;
        }
        let names = wire::bind_names(body)?;
        self.prepared.statement(names.statement)?.parameters.clone()
    }

    fn kinds_of(&self, body: &[u8]) -> Option<Arc<[ValueKind]>> {
        if self.prepared.is_empty() {
            return None;
        }
        self.prepared.kinds(wire::bind_names(body)?.statement).cloned()
    }

    /// The relation that the statement of a Bind writes to, for the ledger.
    fn written_place(&self, body: &[u8]) -> Place {
        let written =
            wire::bind_names(body).and_then(|names| self.prepared.written(names.statement));
        written.cloned().unwrap_or_default()
    }

    fn note_bind_nuls(&mut self, body: &[u8], count: u64) {
        if count > 0 {
            self.counts.nul_bind += count;
            let place = self.written_place(body);
            self.note_place(place, "nul-in-parameter", count);
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
}

/// The target would store other values than the client has sent.
fn too_long() -> OwnError {
    OwnError::new("54000", "values in binary format that need another type are too long")
        .with_hint("Raise limits.statement_bytes, or send them as text.")
}

/// What became of the values of a Bind.
enum Mended {
    /// The kinds of the parameters have to be known first.
    Asks,
    /// They stay where they are, so many U+0000 replaced.
    InPlace(u64),
    /// The body without so many U+0000.
    Removed(Vec<u8>, u64),
    /// One of them is refused.
    Refused(OwnError),
}
