//! An answer changed on its way to the client: positions, command tags, descriptions of parameters, errors
//! of ours. Gives frames; may not know where they stand in the conversation.

use memchr::memmem;

use super::context::Context;
use super::message::copy_in::REFUSED_ROW;
use super::replies::{Adjust, Fail, Failing};
use crate::rewrite::{PositionMap, ReplyNames, is_of_table_prep};
use crate::wire::{self, HEAD_BYTES, OwnError, Severity, tag};

/// What takes the place of an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InsteadOfError {
    /// The error about a value that was refused.
    Refusal(Vec<u8>),
    /// The target's own with its position moved; `None` where it passes as it is.
    Moved(Option<Vec<u8>>),
}

impl Adjust {
    /// Whether a frame with this tag may change.
    pub(super) fn concerns(&self, frame_tag: u8) -> bool {
        match frame_tag {
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => self.positions.is_some(),
            tag::COMMAND_COMPLETE => !self.completions.is_empty() || self.reply_names().is_some(),
            tag::PARAMETER_DESCRIPTION => {
                self.described.is_some() || self.client_parameters().is_some()
            }
            tag::ROW_DESCRIPTION => self.reply_names().is_some(),
            _ => false,
        }
    }

    /// A statement is complete, as this frame says: the frames in its place, if any are.
    pub(super) fn completed(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let number = self.completed;
        self.completed += 1;
        let (notices, tag) = self.completions.take(number);
        let tag = tag.map(|tag| wire::with_body(tag::COMMAND_COMPLETE, &[tag.as_bytes(), b"\0"]));
        if notices.is_empty() {
            return tag;
        }
        let notices = notices.iter().flat_map(wire::notice_of_success);
        Some(notices.chain(tag.unwrap_or_else(|| frame.to_vec())).collect())
    }

    /// A notice of the target's, as the client gets it; `None` where that is as it is.
    pub(super) fn notice(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        if !self.completions.json.is_empty() {
            let field = |code| wire::error_field(frame.get(HEAD_BYTES..)?, code);
            let message = field(b'M').map(wire::printable).unwrap_or_default();
            let sqlstate = field(b'C').unwrap_or_default();
            self.completions.on_notice(self.completed, sqlstate, &message);
        }
        self.moved(frame)
    }

    /// The ParameterDescription with the types that the client declared, or the RowDescription with the names of
    /// its text.
    pub(super) fn described(&self, frame_tag: u8, body: &[u8]) -> Option<Vec<u8>> {
        if frame_tag == tag::ROW_DESCRIPTION {
            return self.row_described(body);
        }
        let mut oids = wire::parameter_oids(body);
        let count = self.client_parameters();
        oids.truncate(count.unwrap_or(oids.len()));
        let declared = self.described.as_ref().and_then(|described| described.described(&oids));
        match (declared, count) {
            (None, None) => None,
            (declared, _) => Some(wire::parameter_description(&declared.unwrap_or(oids))),
        }
    }

    /// How many parameters the client has, where the proxy has others behind them.
    fn client_parameters(&self) -> Option<usize> {
        self.reply_names()?.client_parameters
    }

    fn reply_names(&self) -> Option<&ReplyNames> {
        self.positions.as_ref()?.reply_names()
    }

    fn row_described(&self, body: &[u8]) -> Option<Vec<u8>> {
        let names = self.reply_names()?;
        let fields = wire::field_names(body)?;
        let fields: Vec<String> = fields
            .into_iter()
            .map(|field| String::from_utf8(field.to_vec()).ok())
            .collect::<Option<_>>()?;
        let new = names.row(self.completed, &fields);
        if new == fields { None } else { wire::with_field_names(body, &new) }
    }

    /// The frame of an error with the names of the client's text; `None` where it has none of them.
    fn renamed(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let names = self.reply_names()?;
        let body = frame.get(HEAD_BYTES..)?;
        let text = |code| std::str::from_utf8(wire::error_field(body, code)?).ok();
        let (schema, table) = (text(b's'), text(b't'));
        let column = text(b'c').zip(table);
        let message = text(b'C').zip(text(b'M'));
        let new = [
            (b's', schema.and_then(|schema| names.schema(schema))),
            (b't', table.and_then(|table| names.table(schema, table))),
            (b'c', column.and_then(|(column, table)| names.column_of(schema, table, column))),
            (b'M', message.and_then(|(sqlstate, message)| names.message(sqlstate, message))),
        ];
        let changes: Vec<(u8, String)> =
            new.into_iter().filter_map(|(code, name)| Some((code, name?))).collect();
        (!changes.is_empty()).then(|| wire::with_error_fields(frame, &changes))
    }

    /// The frame with its position moved back to the client's text, with the names of that where they are
    /// asked for, and with both names of a relation that
    /// is there already; `None` where it passes as it is.
    pub(super) fn moved(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let map = self.positions.as_ref()?;
        let moved = wire::with_position(frame, |at| map.to_client(at));
        let renamed = self.renamed(moved.as_deref().unwrap_or(frame));
        let moved = renamed.or(moved);
        let body = frame.get(HEAD_BYTES..)?;
        let message = wire::error_field(body, b'M').map(wire::printable).unwrap_or_default();
        let is_taken = wire::error_field(body, b'C') == Some(b"42P07");
        if !is_taken && !is_of_table_prep(&message) {
            return moved;
        }
        let Some((target, source)) = map.table_in(&message) else { return moved };
        let detail = format!("By rule, {source} of the statement is \"{target}\" on the target.");
        let frame = moved.as_deref().unwrap_or(frame);
        Some(wire::with_error_bytes(frame, b'D', detail.as_bytes()))
    }

    /// What takes the place of an ErrorResponse.
    pub(super) fn error(&mut self, frame: &[u8]) -> InsteadOfError {
        let body = frame.get(HEAD_BYTES..).unwrap_or_default();
        if let (Some(refused), Some(map)) = (self.refused.take(), &self.positions)
            && is_about_refused(&refused, map, body)
        {
            return InsteadOfError::Refusal(wire::error_response(&refused, Severity::Error));
        }
        InsteadOfError::Moved(self.moved(frame))
    }
}

impl Fail {
    /// Whether the target was made to fail in the middle of a COPY.
    pub(super) fn is_of_copy(&self) -> bool {
        self.instead_of == Failing::CopyFail
    }

    /// Our error, where the frame is the failure that the target was made to have; `None` where the frame
    /// says more.
    pub(super) fn in_place_of(&self, frame_tag: u8, body: &[u8]) -> Option<Vec<u8>> {
        let field = |code| wire::error_field(body, code).unwrap_or_default();
        let is_ours = frame_tag == tag::READY_FOR_QUERY
            || match self.instead_of {
                Failing::Statement => field(b'C') != b"25P02",
                Failing::Script => true,
                Failing::CopyFail => memmem::find(field(b'M'), REFUSED_ROW.as_bytes()).is_some(),
            };
        let fatal = matches!(field(b'S'), b"FATAL" | b"PANIC") || field(b'V') == b"FATAL";
        (is_ours && !fatal).then(|| wire::error_response(&self.error, Severity::Error))
    }
}

/// The HINT of [`with_json_hint`].
const JSON_HINT: &str = "JSON columns are text on the target, as AWS DMS makes them. Cast the column to jsonb, or \
    let JSON stay JSON in definitions: mapping.json = \"keep\", or serve --source postgresql.";

/// The frame of an error with a hint, where it says that an operator or a function of JSON is not there for text.
pub(super) fn with_json_hint(frame: &[u8], context: &Context) -> Option<Vec<u8>> {
    /// What follows the type of the left side in the message, in all languages.
    const OPERATORS: [&str; 10] = ["->", "->>", "#>", "#>>", "#-", "@>", "<@", "?", "?|", "?&"];
    if frame.first() != Some(&tag::ERROR_RESPONSE) || !context.hints_at_json() {
        return None;
    }
    let body = frame.get(HEAD_BYTES..)?;
    if wire::error_field(body, b'C') != Some(b"42883") {
        return None;
    }
    let message = std::str::from_utf8(wire::error_field(body, b'M')?).ok()?;
    let words: Vec<&str> = message.split_whitespace().collect();
    let is_operator =
        |pair: &[&str]| matches!(pair, ["text", operator] if OPERATORS.contains(operator));
    let is_function = |word: &&str| word.starts_with("json") && word.contains("(text");
    let is_ours = words.windows(2).any(is_operator) || words.iter().any(is_function);
    is_ours.then(|| wire::with_error_bytes(frame, b'H', JSON_HINT.as_bytes()))
}

/// Whether the target's error is about the expression that stands in place of a refused constant.
fn is_about_refused(refused: &OwnError, map: &PositionMap, body: &[u8]) -> bool {
    let field = |code| wire::error_field(body, code).unwrap_or_default();
    let position = std::str::from_utf8(field(b'P')).ok().and_then(|text| text.parse().ok());
    field(b'C') == b"22023" && position.map(|position| map.to_client(position)) == refused.position
}

/// The error of a COPY that met our Close, as it would be for the client's message with the tag
/// `frame_tag`; `None` for any other error.
///
/// Source: PostgreSQL, `CopyGetData` in `src/backend/commands/copyfromparse.c`.
pub(super) fn unexpected_message(frame: &[u8], frame_tag: u8) -> Option<Vec<u8>> {
    let body = frame.get(HEAD_BYTES..)?;
    let message = wire::printable(wire::error_field(body, b'M')?);
    let ours = format!("0x{:02X}", tag::CLOSE);
    let is_about_ours = wire::error_field(body, b'C') == Some(b"08P01") && message.contains(&ours);
    is_about_ours.then(|| {
        let theirs = message.replace(&ours, &format!("0x{frame_tag:02X}"));
        wire::with_error_fields(frame, &[(b'M', theirs)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sqlstate: &str, message: &str) -> Vec<u8> {
        let body = format!("SERROR\0C{sqlstate}\0M{message}\0\0");
        wire::with_body(tag::ERROR_RESPONSE, &[body.as_bytes()])
    }

    #[test]
    fn an_error_that_says_more_than_ours_passes() {
        let fail = |instead_of| Fail { error: OwnError::new("22023", "no"), instead_of };
        let instead = |instead_of, sqlstate: &str, message: &str| {
            let frame = error(sqlstate, message);
            fail(instead_of).in_place_of(tag::ERROR_RESPONSE, &frame[HEAD_BYTES..]).is_some()
        };
        assert!(instead(Failing::Statement, "22023", "x"));
        assert!(!instead(Failing::Statement, "25P02", "x"));
        assert!(instead(Failing::Script, "25P02", "x"));
        assert!(!instead(Failing::CopyFail, "22P02", "bad row"));
        assert!(instead(Failing::CopyFail, "57014", REFUSED_ROW));
    }

    #[test]
    fn the_client_sees_its_own_message_in_an_error_about_our_close() {
        let frame = error("08P01", "unexpected message type 0x43 during COPY from stdin");
        let theirs = unexpected_message(&frame, b'Q').unwrap();
        let text = theirs.escape_ascii().to_string();
        assert!(text.contains("message type 0x51 during"), "{text}");
        assert_eq!(unexpected_message(&error("22P02", "0x43"), b'Q'), None);
    }
}
