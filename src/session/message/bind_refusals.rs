//! The errors for a Bind, and the one that goes to the target in its place. Plain text; decides nothing.

use crate::session::plan::Statement;
use crate::value::BindRefusal;
use crate::wire::{self, BindBody, ErrorAbout, OwnError, tag};

/// The error for a value that is refused.
pub(super) fn refusal(refused: &BindRefusal, statement: &Statement) -> OwnError {
    let parameters = statement.parameters.as_deref();
    if let Some(error) = parameters.and_then(|parameters| parameters.refusal(refused)) {
        return error;
    }
    let (number, place) = (refused.index + 1, &statement.place);
    let mut error = OwnError::new("22021", format!("parameter ${number} holds U+0000"))
        .with_hint("Set values.nul to \"space\" or \"remove\" to load it.");
    if !place.table.is_empty() {
        error.detail = Some(format!("The statement writes to \"{}\".", place.table));
        let (schema, table) = (Some(place.schema.clone()), Some(place.table.clone()));
        error.about = Some(Box::new(ErrorAbout { schema, table, ..ErrorAbout::default() }));
    }
    error
}

/// The Bind that goes to the target in place of one that is refused, and can only fail: its values are
/// missing. The server finds that out where it reads them, behind what it has to say to the statement and
/// to the state of the transaction.
pub(super) fn failing(body: &mut [u8]) -> Vec<u8> {
    let (statement, count) = match BindBody::cut(body) {
        Some(bind) => (bind.statement.to_vec(), bind.value_count().unwrap_or_default()),
        None => (Vec::new(), 0),
    };
    wire::with_body(tag::BIND, &[b"\0", &statement, b"\0\0\0", &count.to_be_bytes()])
}

/// It may be one whose values are changed.
pub(super) fn names_too_long() -> OwnError {
    OwnError::new("54000", "the names of a portal and of its statement are too long to be read")
        .with_hint("PostgreSQL keeps 63 bytes of a name. Or raise limits.statement_bytes.")
}

/// The target would store other values than the client has sent.
pub(super) fn too_long() -> OwnError {
    OwnError::new("54000", "values in binary format that need another type are too long")
        .with_hint("Raise limits.statement_bytes, or send them as text.")
}
