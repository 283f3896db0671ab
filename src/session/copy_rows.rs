//! COPY streams whose rows are taken apart because policies or columns ask for it: the client's
//! CopyData frames go in, frames of our own come out.

use std::sync::Arc;

use super::expected_replies::{Failing, Synthesize};
use super::relations::{CopyStream, Relation};
use super::{Body, CopyIn, Mend, Session, Step};
use crate::ledger::{NOT_JUDGED, Place};
use crate::value::{CopyColumn, CopyFormat, CopyRows, RowRefusal, SilentLoss};
use crate::wire::{self, HEAD_BYTES, OwnError, tag};

/// The longest field in bytes that is judged; a longer one passes as it is, counted.
const FIELD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The reason that a CopyFail of the proxy's own gives, by which the target's error is known: an error
/// about a row in front of the refused one comes first.
pub(super) const REFUSED_ROW: &str = "a row was refused by the proxy";

/// A stream under way.
#[derive(Debug)]
pub(super) struct RowStream {
    rows: CopyRows,
    relation: Arc<Relation>,
    /// The index in the relation of each field.
    fields: Vec<Option<usize>>,
    /// The fields that passed unjudged, as far as they are noted.
    not_judged: u64,
}

impl Session {
    /// The stream taken apart, where that is asked for and its columns are known.
    pub(super) fn row_stream(&self, copy: &CopyStream) -> Option<RowStream> {
        let relation = copy.relation.as_ref().filter(|relation| !relation.columns.is_empty())?;
        let left_out = |index: Option<usize>| {
            let column = index.and_then(|index| relation.columns.get(index));
            column.is_some_and(|column| column.is_generated && self.policy.leaves_out_generated)
        };
        let leaves_out = copy.fields.iter().any(|index| left_out(*index));
        let binary = copy.options.format == CopyFormat::Binary;
        let fits = binary
            && copy.fields.iter().flatten().any(|&index| {
                let column = relation.columns.get(index);
                column.is_some_and(|column| column.column.takes_other_binary())
            });
        if !self.policy.judges_values() && !leaves_out && !fits {
            return None;
        }
        let columns = copy.fields.iter().map(|&index| {
            if left_out(index) {
                return CopyColumn::LeftOut;
            }
            let column = index.and_then(|index| relation.columns.get(index));
            let judge = column.map(|column| self.row_judge(relation, &column.column));
            judge.map_or(CopyColumn::Kept, CopyColumn::Judged)
        });
        let encoding = copy.options.encoding.unwrap_or(self.lexing.encoding);
        Some(RowStream {
            rows: CopyRows::new(&copy.options, encoding, columns.collect(), FIELD_BYTES_MAX),
            relation: Arc::clone(relation),
            fields: copy.fields.clone(),
            not_judged: 0,
        })
    }

    /// Takes the CopyData frames at the front apart; `None` where another frame stands there.
    ///
    /// # Errors
    /// The client sent what cannot be a frame.
    pub(super) fn on_rows(&mut self, unread: &[u8]) -> Result<Option<Step>, OwnError> {
        let CopyIn::Rows(mut stream) = std::mem::replace(&mut self.copy_in, CopyIn::None) else {
            return Ok(None);
        };
        let mut taken = 0;
        let mut out = Vec::new();
        let mut ended = false;
        let mut refused = None;
        while refused.is_none() {
            let rest = unread.get(taken..).unwrap_or_default();
            let left = self.client_body.remaining;
            if left > 0 {
                let Some(chunk) = rest.get(..left.min(rest.len())).filter(|c| !c.is_empty()) else {
                    break;
                };
                refused = stream.rows.rewrite(chunk, &mut out).err();
                taken += chunk.len();
                self.client_body.remaining -= chunk.len();
                continue;
            }
            match wire::head(rest, self.policy.message_bytes_max) {
                Ok(Some(head)) if head.tag == tag::COPY_DATA => {
                    self.client_body = Body { remaining: head.body_bytes(), mend: Mend::Rows };
                    taken += HEAD_BYTES;
                }
                Ok(Some(head)) if head.tag == tag::COPY_DONE => {
                    refused = stream.rows.finish(&mut out).err();
                    ended = true;
                    break;
                }
                Ok(Some(head)) => {
                    ended = head.tag == tag::COPY_FAIL;
                    break;
                }
                Ok(None) => break,
                Err(error) if taken == 0 => return Err(Session::protocol_violation(error)),
                Err(_) => break,
            }
        }
        self.note_rows(&mut stream);
        let mut frames = Vec::new();
        if !out.is_empty() {
            frames = wire::with_body(tag::COPY_DATA, &[&out]);
        }
        if let Some(refused) = refused {
            let error = stream.refusal(&refused);
            frames.extend(self.refuse_rows(error));
            // Whatever else the client sends reaches the target behind its COPY, as it would behind
            // an error of its own.
            self.copying = None;
        } else {
            let rows = CopyIn::Rows(stream);
            self.copy_in = if ended { CopyIn::Untouched } else { rows };
        }
        Ok((taken > 0 || !frames.is_empty()).then_some(Step::Replace(taken, frames)))
    }

    /// Makes the target end its COPY with an error, whose place ours takes.
    fn refuse_rows(&mut self, error: OwnError) -> Vec<u8> {
        self.counts.refused += 1;
        if let Some(front) = self.replies.front() {
            let notes = front.notes.get_or_insert_default();
            notes.synthesize = Some(Synthesize { error, instead_of: Failing::CopyFail });
        }
        wire::with_body(tag::COPY_FAIL, &[REFUSED_ROW.as_bytes(), b"\0"])
    }

    fn note_rows(&mut self, stream: &mut RowStream) {
        let so_far = stream.rows.too_long() + stream.rows.of_two_encodings();
        let fresh = so_far - std::mem::replace(&mut stream.not_judged, so_far);
        self.counts.too_long += fresh;
        self.note_place(stream.relation.place(), NOT_JUDGED, fresh);
        for found in stream.rows.take_findings() {
            let index = stream.fields.get(found.column).copied().flatten();
            let column = index.and_then(|index| stream.relation.columns.get(index));
            let place = Place {
                column: column.map_or_else(String::new, |column| column.column.name.clone()),
                ..stream.relation.place()
            };
            self.counts.count_value(found.rule, found.count);
            if found.rule.is_silent_loss() && self.policy.values.silent_loss == SilentLoss::Warn {
                self.warn_of_loss(&stream.relation, &place.column, found.rule, found.count);
            }
            let mut sample = format!("row {}", found.row);
            if let Some(value) = &found.sample {
                sample = format!("{sample}: {value}");
            }
            self.note_sample(place, found.rule.name(), found.count, sample);
        }
    }
}

impl RowStream {
    fn refusal(&self, refused: &RowRefusal) -> OwnError {
        let index = refused.column.and_then(|field| self.fields.get(field).copied().flatten());
        let column = index.and_then(|index| self.relation.columns.get(index));
        let name = column.map_or("", |column| column.column.name.as_str());
        let place = format!("row {}", refused.row);
        let table = &self.relation.table;
        let mut error = self.relation.refusal(&refused.refusal, name, &place);
        if let Some(about) = &mut error.about {
            about.context = Some(format!("COPY {table}, line {}, column {name}", refused.row));
        }
        error
    }
}
