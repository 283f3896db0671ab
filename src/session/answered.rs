//! What the answer to a question of the proxy's own means to the client. Decides; sends nothing.

use super::Common;
use super::ask::parking::{Parking, Tried};
use super::ask::{Question, trial};
use super::context::Context;
use crate::catalog::Catalog;
use crate::wire::{self, Answer, Failure, OwnError};

/// These warnings as notices for the client.
pub(super) fn notices(warnings: &[OwnError]) -> Vec<u8> {
    warnings.iter().flat_map(wire::notice_response).collect()
}

/// Event: the target has answered a question about its catalogs. Gives what is asked in its place.
pub(super) fn on_catalog(
    question: &Question,
    answer: &Answer,
    is_outside: bool,
    catalog: &mut Catalog,
    common: &Common,
) -> Option<Question> {
    let failure = answer.failure.as_ref();
    match question {
        Question::Trial(question) => {
            trial::on_answer(question, failure, catalog, common).map(Question::Trial)
        }
        Question::Catalog(question) => {
            // The first question outside of a transaction is a trial as well.
            let is_trial = is_outside && common.answers().is_none();
            let next = is_trial.then(|| trial::on_answer(question, failure, catalog, common));
            let next = next.flatten();
            if next.is_none() {
                catalog.on_answer(question, answer);
            }
            next.map(Question::Catalog)
        }
        _ => None,
    }
}

/// Event: the target has answered to the parking of foreign keys. Gives warnings for the client.
///
/// # Errors
/// The session has to end, by configuration.
pub(super) fn on_parked(
    question: &Question,
    failure: Option<&Failure>,
    is_outside: bool,
    (tried, parking, catalog): (&mut Tried, &mut Parking, &mut Catalog),
    context: &Context,
) -> Result<Vec<OwnError>, OwnError> {
    match question {
        Question::Park { all, .. } => {
            tried.note(if *all { Tried::ALL } else { Tried::TABLES });
            let warning = parking.on_answer(*all, failure, !is_outside, context)?;
            Ok(warning.into_iter().collect())
        }
        Question::ParkKeys { tables, .. } => {
            tried.note(Tried::KEYS);
            if failure.is_none() {
                catalog.on_parked();
            }
            Ok(parking.on_keys_answer(tables, failure, context))
        }
        _ => Ok(Vec::new()),
    }
}
