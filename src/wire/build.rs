//! The messages that the proxy writes itself: own statements to the target, errors and notices to
//! the client. Knows no sockets.

use bytes::{Bytes, BytesMut};
use pgwire::messages::Message;
use pgwire::messages::extendedquery::{Bind, Close, Describe, Execute, Flush, Parse, Sync};
use pgwire::messages::response::{ErrorResponse, NoticeResponse};
use pgwire::messages::simplequery::Query;

/// How bad it is, for the `S` and `V` fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The session ends.
    Fatal,
    /// The statement fails.
    Error,
    /// Nothing fails.
    Warning,
    /// Something is said.
    Notice,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Fatal => "FATAL",
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
        }
    }
}

/// An error or a warning that the proxy itself has to tell the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnError {
    /// Five characters, as PostgreSQL's appendix of error codes lists them.
    pub sqlstate: &'static str,
    /// One line, without a full stop, as the server words its messages.
    pub message: String,
    /// More about the cause.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the client's own text, counted in characters from 1.
    pub position: Option<usize>,
    /// The row values that it is about.
    pub about: Option<Box<ErrorAbout>>,
}

/// Which row values an error is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorAbout {
    /// Where in the work of the server, such as the line of a COPY.
    pub context: Option<String>,
    /// The schema of the table.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
}

impl OwnError {
    /// An error with nothing but its code and its message.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> OwnError {
        OwnError {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            about: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> OwnError {
        self.hint = Some(hint.into());
        self
    }

    fn fields(&self, severity: Severity) -> Vec<(u8, String)> {
        let mut fields = vec![
            (b'S', severity.word().to_owned()),
            (b'V', severity.word().to_owned()),
            (b'C', self.sqlstate.to_owned()),
            (b'M', self.message.clone()),
        ];
        fields.extend(self.detail.clone().map(|detail| (b'D', detail)));
        fields.extend(self.hint.clone().map(|hint| (b'H', hint)));
        fields.extend(self.position.map(|position| (b'P', position.to_string())));
        if let Some(about) = &self.about {
            let ErrorAbout { context, schema, table, column } = &**about;
            let texts = [(b'W', context), (b's', schema), (b't', table), (b'c', column)];
            fields.extend(texts.into_iter().filter_map(|(code, text)| Some((code, text.clone()?))));
        }
        fields
    }
}

/// An ErrorResponse frame.
pub fn error_response(error: &OwnError, severity: Severity) -> Vec<u8> {
    frame(&ErrorResponse::new(error.fields(severity)))
}

/// A NoticeResponse frame with severity WARNING.
pub fn notice_response(notice: &OwnError) -> Vec<u8> {
    frame(&NoticeResponse::new(notice.fields(Severity::Warning)))
}

/// A NoticeResponse frame with severity NOTICE.
pub fn notice_of_success(notice: &OwnError) -> Vec<u8> {
    frame(&NoticeResponse::new(notice.fields(Severity::Notice)))
}

/// A Query frame.
pub fn query(sql: &str) -> Vec<u8> {
    frame(&Query::new(sql.to_owned()))
}

/// A statement that every server refuses when it analyses it: the type of our own errors is the one that
/// PostgreSQL gives to a bad type modifier, in every transaction state.
pub const FAILING_SQL: &str = "SELECT NULL::pg_catalog.varchar(0)";

/// A Parse frame that declares no parameter types.
pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    frame(&Parse::new(Some(name.to_owned()), sql.to_owned(), Vec::new()))
}

/// An Execute frame without a limit of rows.
pub fn execute(portal: &str) -> Vec<u8> {
    frame(&Execute::new(Some(portal.to_owned()), 0))
}

/// The frames that run `sql` by the extended protocol under `name`, up to Sync. Unlike a simple query
/// they leave the client's unnamed statement and unnamed portal alone.
pub fn own_group(name: &str, sql: &str) -> Vec<u8> {
    let mut frames = own_messages(name, sql);
    frames.extend(frame(&Sync::new()));
    frames
}

/// The same up to a Flush, inside a pipeline of the client's. The answer ends with the third
/// CloseComplete.
pub fn own_group_in_pipeline(name: &str, sql: &str) -> Vec<u8> {
    let mut frames = own_messages(name, sql);
    frames.extend(frame(&Flush::new()));
    frames
}

/// The CloseComplete messages that answer [`own_group_in_pipeline`].
pub const OWN_GROUP_CLOSES: u8 = 3;

/// A Sync, a Close of a statement that does not exist, and a Flush. The CloseComplete comes behind the
/// answers to all Syncs that the target has taken; in COPY mode the Close is an error instead.
pub fn own_probe(name: &str) -> Vec<u8> {
    let mut frames = frame(&Sync::new());
    frames.extend(frame(&Close::new(b'S', Some(name.to_owned()))));
    frames.extend(frame(&Flush::new()));
    frames
}

fn own_messages(name: &str, sql: &str) -> Vec<u8> {
    let named = || Some(name.to_owned());
    let mut frames = frame(&Close::new(b'S', named()));
    frames.extend(parse(name, sql));
    frames.extend(frame(&Bind::new(named(), named(), Vec::new(), Vec::new(), Vec::new())));
    frames.extend(frame(&Execute::new(named(), 0)));
    frames.extend(frame(&Close::new(b'P', named())));
    frames.extend(frame(&Close::new(b'S', named())));
    frames
}

/// The frames that run `sql` by the extended protocol with one parameter, up to Sync: without names,
/// described, all as text, and for so many rows at most.
pub fn question(sql: &str, parameter: &str, rows_max: i32) -> Vec<u8> {
    let value = Some(Bytes::copy_from_slice(parameter.as_bytes()));
    let mut frames = parse("", sql);
    frames.extend(frame(&Bind::new(None, None, Vec::new(), vec![value], Vec::new())));
    frames.extend(frame(&Describe::new(b'P', None)));
    frames.extend(frame(&Execute::new(None, rows_max)));
    frames.extend(frame(&Sync::new()));
    frames
}

/// A ParameterDescription frame.
pub fn parameter_description(oids: &[u32]) -> Vec<u8> {
    let count = u16::try_from(oids.len()).unwrap_or(u16::MAX).to_be_bytes();
    let oids: Vec<u8> = oids.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    with_body(super::tag::PARAMETER_DESCRIPTION, &[&count, &oids])
}

/// Writes the length of a whole frame into its length field.
pub(super) fn set_length(frame: &mut [u8]) {
    let length = u32::try_from(frame.len().saturating_sub(1)).unwrap_or(u32::MAX);
    if let Some(field) = frame.get_mut(1..super::HEAD_BYTES) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A copy of a frame's tag with another body.
pub fn with_body(tag: u8, body: &[&[u8]]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_body(&mut frame, tag, body);
    frame
}

/// Puts a frame with this body behind others.
pub fn put_body(frames: &mut Vec<u8>, tag: u8, body: &[&[u8]]) {
    let start = frames.len();
    frames.reserve(super::HEAD_BYTES + body.iter().map(|part| part.len()).sum::<usize>());
    frames.extend_from_slice(&[tag, 0, 0, 0, 0]);
    for part in body {
        frames.extend_from_slice(part);
    }
    set_length(frames.get_mut(start..).unwrap_or_default());
}

fn frame(message: &impl Message) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    // Encoding into memory has no way to fail; an empty frame would only be left out.
    match message.encode(&mut bytes) {
        Ok(()) => bytes.into(),
        Err(error) => {
            debug_assert!(false, "{error}");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_framed_with_its_length_and_a_closing_zero() {
        assert_eq!(query("SELECT 1"), b"Q\0\0\0\x0dSELECT 1\0");
    }

    #[test]
    fn an_error_names_its_code_and_position() {
        let mut error = OwnError::new("22023", "no").with_hint("yes");
        error.position = Some(7);
        let frame = error_response(&error, Severity::Error);
        let text = frame.escape_ascii().to_string();
        assert!(
            text.ends_with(r"SERROR\x00VERROR\x00C22023\x00Mno\x00Hyes\x00P7\x00\x00"),
            "{text}"
        );
    }

    #[test]
    fn a_question_carries_its_parameter_apart_from_its_text() {
        let parse: &[u8] = b"P\0\0\0\x11\0SELECT $1\0\0\0";
        let bind = b"B\0\0\0\x11\0\0\0\0\0\x01\0\0\0\x01'\0\0";
        let rest = b"D\0\0\0\x06P\0E\0\0\0\x09\0\0\0\0\x02S\0\0\0\x04";
        assert_eq!(question("SELECT $1", "'", 2), [parse, bind, rest].concat());
    }

    #[test]
    fn our_own_group_ends_in_one_sync() {
        let frames = own_group("ours", "SELECT 1");
        assert!(frames.ends_with(b"S\0\0\0\x04"));
        assert!(frames.starts_with(b"C\0\0\0\x0aSours\0"));
    }
}
