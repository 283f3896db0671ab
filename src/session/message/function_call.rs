//! FunctionCall: arguments that are characters are mended; which ones are is asked of the catalog where it
//! matters. Decides; may not send anything.

use crate::catalog::{Catalog, CatalogQuestion};
use crate::ledger::{Place, Road};
use crate::session::ask::{Delivery, Question};
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame};
use crate::session::pipeline::Pipeline;
use crate::session::replies::Request;
use crate::session::report::Report;
use crate::value::{NulPolicy, called_function, mend_function_call};
use crate::wire::{HEAD_BYTES, TransactionStatus};

/// A FunctionCall; `is_owed` says that the target has not answered all that has gone.
pub(in crate::session) fn function_call(
    frame: Frame<'_>,
    pipeline: &mut Pipeline,
    catalog: &Catalog,
    report: &mut Report,
    is_owed: bool,
    context: &Context,
) -> Decision {
    let Frame { head, rest, .. } = frame;
    let policy = &context.policy;
    let mends = context.settings.rewrite && policy.values.nul != NulPolicy::Reject;
    if mends && head.frame_bytes <= policy.statement_bytes_max {
        let Some(body) = rest.get_mut(HEAD_BYTES..head.frame_bytes) else {
            return Decision::Later;
        };
        let function = called_function(body);
        let known = function.and_then(|oid| catalog.function(oid)).map(|kinds| &**kinds);
        let mended = mend_function_call(body, known, context.lexing.encoding);
        report.note_nuls(Place::default(), Road::Parameter, mended.spaces, context.seconds());
        let can_ask = context.status != TransactionStatus::Aborted && !pipeline.is_open();
        if mended.asks_for_kinds && can_ask {
            if !pipeline.is_certain(is_owed) {
                // The Sync of a question would end the skipping that this message may meet.
                return Decision::Flush;
            }
            let question = CatalogQuestion::Arguments(function.unwrap_or_default());
            // By messages with a name: the client's unnamed statement has to survive.
            return Decision::ask_by(Question::Catalog(question), Delivery::Group);
        }
    }
    pipeline.note_query(is_owed);
    Decision::pass_answered(Request::FunctionCall)
}
