//! Conversations in the protocol itself, frame by frame: with the server, and through the proxy.

pub(crate) mod additions;
mod alias_types;
mod auth_query;
mod auto_role;
mod cancel;
mod copy;
mod copy_early_sync;
mod definitions;
mod engines;
mod executed;
mod extended_query;
mod function_call;
mod generated_columns;
mod hostile;
mod identity;
mod json_notices;
mod json_parameters;
mod ledger;
mod limits;
mod login;
mod login_demands;
mod masks;
mod name_look_ups;
mod names;
mod nested_values;
mod new_tables;
mod parking;
mod policies;
mod raw_nuls;
mod rejects;
mod removed_columns;
mod reply_names;
mod rewriting;
mod set_aside;
mod set_aside_blocks;
mod set_aside_changes;
mod set_aside_many;
mod set_aside_messages;
mod set_aside_policies;
mod set_aside_random;
mod set_aside_series;
mod set_aside_suspects;
mod settings;
mod shown;
mod simple_query;
mod startup;
mod table_prep;
mod terminate;
mod tls;
mod typed_constants;
mod typed_dates;
mod typed_keys;
mod typed_look_ups;
mod typed_rows;
mod typed_sources;
mod typed_statements;
mod typed_values;
mod typed_ways;
mod typed_words;
mod unix_socket;
mod values;

#[cfg(client = "psql")]
pub(crate) use self::terminate::{UsersFile, log_in as log_in_by_password};
use crate::support::{Endpoint, Frame, Wire, transcript};

/// A session that is ready.
pub(crate) fn log_in(endpoint: &Endpoint) -> Wire {
    let (wire, greeting) = Wire::log_in(endpoint, &[]);
    let last = greeting.last().map(ToString::to_string);
    assert_eq!(last.as_deref(), Some("ReadyForQuery I"), "{greeting:?}");
    wire
}

/// Every byte of the frames but those that differ from session to session and from database to
/// database: process ids, cancel keys, OIDs of tables.
fn exact(frames: &[Frame]) -> String {
    let line = |frame: &Frame| match frame.tag {
        b'K' | b'A' | b'T' => format!("{frame}\n"),
        tag => format!("{} {}\n", tag.escape_ascii(), frame.body.escape_ascii()),
    };
    frames.iter().map(line).collect()
}

/// The answers up to so many ReadyForQuery, exactly.
fn exact_until_ready(wire: &mut Wire, times: usize) -> String {
    (0..times).map(|_| exact(&wire.until_ready())).collect()
}

/// Runs a simple query; gives its transcript.
pub(crate) fn say(wire: &mut Wire, sql: impl AsRef<[u8]>) -> String {
    transcript(&wire.query(sql).until_ready())
}

/// The value of `session_replication_role`.
fn role(wire: &mut Wire) -> String {
    let said = say(wire, "SHOW session_replication_role");
    let row = said.lines().find_map(|line| line.strip_prefix("DataRow "));
    row.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// Runs a statement in one of the two ways.
pub(crate) fn run(wire: &mut Wire, sql: &str, by_parse: bool) -> String {
    match by_parse {
        false => say(wire, sql),
        true => {
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            transcript(&wire.until_ready())
        }
    }
}

/// Runs a simple query; gives its answer exactly.
fn say_exactly(wire: &mut Wire, sql: impl AsRef<[u8]>) -> String {
    exact(&wire.query(sql).until_ready())
}

/// A field of the first ErrorResponse or NoticeResponse with this tag.
pub(crate) fn field(frames: &[Frame], tag: u8, code: u8) -> Option<String> {
    let frame = frames.iter().find(|frame| frame.tag == tag)?;
    let mut fields = frame.body.split(|byte| *byte == 0);
    let found = fields.find(|field| field.first() == Some(&code))?;
    Some(String::from_utf8(found[1..].to_vec()).unwrap())
}

/// The SQLSTATE of the first ErrorResponse.
fn sqlstate(frames: &[Frame]) -> String {
    field(frames, b'E', b'C').unwrap_or_else(|| panic!("no error: {frames:?}"))
}

/// The position that the first ErrorResponse gives, in characters from 1.
fn position(frames: &[Frame]) -> Option<usize> {
    field(frames, b'E', b'P').map(|position| position.parse().unwrap())
}
