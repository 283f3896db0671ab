//! Names in the parameters of a Bind: they become the target's, as those in constants of a text do. Decides; may not
//! send anything.

use std::collections::HashMap;

use super::question::ask;
use crate::catalog::Catalog;
use crate::encoding::Encoding;
use crate::rewrite::NameParameters;
use crate::session::ask::Question;
use crate::session::context::Context;
use crate::session::plan::Plan;
use crate::value::GivenValue;
use crate::wire::{BindBody, Parameter, ParameterReader};

/// The parameters of a statement that hold names, where they are looked at.
pub(super) fn parameters<'p>(
    plan: Option<&'p Plan>,
    context: &Context,
) -> Option<&'p NameParameters> {
    let names = plan?.noted.names.as_deref()?;
    // The target waits for parameters of the proxy's own whatever the rules are now.
    (context.settings.rewrite || names.client_count().is_some()).then_some(names)
}

/// The values that take the place of those in a Bind, which is there as a whole.
///
/// # Errors
/// This has to be asked first.
pub(super) fn given(
    bind: &BindBody<'_>,
    names: &NameParameters,
    catalog: &mut Catalog,
    is_owed: bool,
    context: &Context,
) -> Result<Vec<GivenValue>, Question> {
    let values = texts(bind, context.lexing.encoding);
    let rules = &context.policy.names;
    let value_of = |index: usize| values.get(&index).copied();
    if !context.settings.rewrite {
        return Ok(names.values_that_stay(value_of));
    }
    match names.values(value_of, rules, catalog) {
        Ok(given) => Ok(given),
        // What cannot be asked leaves them as they are: the transaction has failed.
        Err(needs) => ask(needs, catalog, context.now(is_owed))
            .map_or_else(|| Ok(names.values_that_stay(value_of)), Err),
    }
}

/// The values that are texts, and whether they are in text format.
fn texts<'b>(bind: &'b BindBody<'_>, encoding: Encoding) -> HashMap<usize, (&'b str, bool)> {
    let values = &*bind.values;
    let mut reader = ParameterReader::of_bind_values(values.len());
    let (mut texts, mut at) = (HashMap::new(), 0);
    loop {
        match reader.next(values, &mut at) {
            Parameter::Value(piece) => {
                reader.pass(piece.to - piece.from, &mut at);
                let value = values.get(piece.from..piece.to).unwrap_or_default();
                let speaks = encoding == Encoding::Utf8 || value.is_ascii();
                if let Ok(text) = std::str::from_utf8(value)
                    && speaks
                    && !value.contains(&0)
                {
                    texts.insert(piece.index, (text, piece.is_text));
                }
            }
            Parameter::Null => {}
            Parameter::End | Parameter::Cut | Parameter::Malformed => return texts,
        }
    }
}
