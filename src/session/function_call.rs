//! What happens to a FunctionCall: arguments that are characters are mended; which ones are is asked
//! of the catalog where it matters.

use std::collections::HashMap;
use std::sync::Arc;

use super::client_frames::Judged;
use super::expected_replies::{Expected, Request};
use super::own_statement::{OwnAnswer, OwnStatement};
use super::{Session, Step};
use crate::ledger::Place;
use crate::value::type_oid::kind_of;
use crate::value::{NulPolicy, ValueKind, called_function, mend_function_call};
use crate::wire::{HEAD_BYTES, Head};

/// The functions whose arguments are known.
pub(super) type Functions = HashMap<u32, Arc<[ValueKind]>>;

/// Functions remembered at most.
const FUNCTIONS_MAX: usize = 1_000;

impl Session {
    pub(super) fn on_function_call(&mut self, head: Head, rest: &mut [u8], first: bool) -> Judged {
        let mends = self.settings.rewrite && self.policy.values.nul != NulPolicy::Reject;
        if mends && head.frame_bytes <= self.policy.statement_bytes_max {
            let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else {
                return Judged::Later;
            };
            let function = called_function(body);
            let known = function.and_then(|oid| self.functions.get(&oid)).cloned();
            let encoding = self.lexing.encoding;
            let mended = mend_function_call(body, known.as_deref(), encoding);
            self.counts.nul_bind += mended.spaces;
            self.note_place(Place::default(), "nul-in-parameter", mended.spaces);
            let can_ask = self.transaction_status != b'E' && !self.in_pipeline;
            if mended.asks_for_kinds && can_ask {
                if !first {
                    return Judged::Later;
                }
                let oid = function.unwrap_or_default();
                // By messages with a name: the client's unnamed statement has to survive.
                let frames = self.ask(OwnStatement::Arguments(oid), true);
                return Judged::Done(Step::Replace(0, frames));
            }
        }
        self.replies.push(Expected::new(Request::FunctionCall));
        self.pass(head)
    }

    /// The types of a function's arguments are known, as far as they can be.
    pub(super) fn on_arguments(&mut self, function: u32, answer: &OwnAnswer) {
        let oids = answer.rows.first().and_then(|row| row.first()?.as_deref());
        let oids = oids.and_then(|oids| std::str::from_utf8(oids).ok()).unwrap_or_default();
        let kinds = oids.split(' ').map(|oid| oid.parse().map_or(ValueKind::Other, kind_of));
        if self.functions.len() >= FUNCTIONS_MAX {
            self.functions.clear();
        }
        self.functions.insert(function, kinds.collect());
    }
}
