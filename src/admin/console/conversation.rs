//! The protocol of the console, simple and extended, with a client that has logged in.

use std::collections::HashMap;
use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::listing::{Cell, Listing};
use super::super::operator::Operator;
use super::commands::{CommandOutcome, ConsoleRole, Forgotten, describe, run, statements};
use super::server::SETTINGS;
use crate::stream::Stream;
use crate::wire::{self, HEAD_BYTES, OwnError, Severity, tag};

/// Bytes of a message.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Prepared statements and portals of one client.
const NAMES_MAX: usize = 1000;

/// The state of a console client.
struct Conversation<'o> {
    operator: &'o Operator,
    role: ConsoleRole,
    statements: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, Portal>,
    /// `I` or `T`: what fails leaves a transaction as it is.
    status: u8,
    /// Messages up to the next Sync are skipped.
    skips: bool,
    out: Vec<u8>,
}

/// A bound statement.
#[derive(Default)]
struct Portal {
    text: String,
    /// The format of each column, or of all; 1 is binary.
    formats: Vec<i16>,
    /// What it gave, of which rows are left for the next Execute.
    said: Option<CommandOutcome>,
}

/// Talks to a client whose login is checked until it goes.
///
/// # Errors
/// It has gone.
pub async fn converse(
    mut stream: Stream,
    role: ConsoleRole,
    user: &str,
    id: u64,
    operator: &Operator,
) -> io::Result<()> {
    let mut conversation = Conversation {
        operator,
        role,
        statements: HashMap::new(),
        portals: HashMap::new(),
        status: b'I',
        skips: false,
        out: Vec::new(),
    };
    conversation.greet(user, id);
    loop {
        stream.write_all(&conversation.out).await?;
        stream.flush().await?;
        conversation.out.clear();
        let mut head = [0; HEAD_BYTES];
        stream.read_exact(&mut head).await?;
        let found = wire::head(&head, MESSAGE_BYTES_MAX);
        let Ok(Some(head)) = found else {
            let error = OwnError::new("08P01", "this is no message for the console");
            stream.write_all(&wire::error_response(&error, Severity::Fatal)).await?;
            return stream.shutdown().await;
        };
        let mut body = vec![0; head.body_bytes()];
        stream.read_exact(&mut body).await?;
        if head.tag == tag::TERMINATE {
            return stream.shutdown().await;
        }
        conversation.on_message(head.tag, &body).await;
    }
}

impl Conversation<'_> {
    fn greet(&mut self, user: &str, id: u64) {
        self.put(tag::AUTHENTICATION, &[&0_u32.to_be_bytes()]);
        let own =
            [("session_authorization", user), ("is_superuser", "off"), ("application_name", "")];
        for (name, value) in SETTINGS.into_iter().chain(own) {
            self.put(tag::PARAMETER_STATUS, &[name.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
        }
        // There is nothing to cancel: an answer takes no time.
        let pid = u32::try_from(id & 0x7FFF_FFFF).unwrap_or(0);
        self.put(tag::BACKEND_KEY_DATA, &[&pid.to_be_bytes(), &0_u32.to_be_bytes()]);
        self.ready();
    }

    fn put(&mut self, tag: u8, body: &[&[u8]]) {
        self.out.extend(wire::with_body(tag, body));
    }

    fn ready(&mut self) {
        if self.status == b'I' {
            self.portals.clear();
        }
        let status = [self.status];
        self.put(tag::READY_FOR_QUERY, &[&status]);
    }

    fn fail(&mut self, error: &OwnError) {
        self.out.extend(wire::error_response(error, Severity::Error));
    }

    async fn on_message(&mut self, message: u8, body: &[u8]) {
        if message == tag::QUERY {
            self.skips = false;
            return self.on_query(body).await;
        }
        if message == tag::SYNC {
            self.skips = false;
            return self.ready();
        }
        if self.skips || message == tag::FLUSH {
            return;
        }
        let outcome = match message {
            tag::PARSE => self.on_parse(body),
            tag::BIND => self.on_bind(body),
            tag::DESCRIBE => self.on_describe(body),
            tag::EXECUTE => self.on_execute(body).await,
            tag::CLOSE => {
                if let Some((kind, name)) = body.split_first() {
                    let name = wire::cstring(name).map_or(&[][..], |(name, _)| name);
                    match kind {
                        b'S' => drop(self.statements.remove(name)),
                        _ => drop(self.portals.remove(name)),
                    }
                }
                self.put(tag::CLOSE_COMPLETE, &[]);
                Ok(())
            }
            _ => Err(OwnError::new("08P01", "this is no message for the console")),
        };
        if let Err(error) = outcome {
            self.fail(&error);
            self.skips = true;
        }
    }

    async fn on_query(&mut self, body: &[u8]) {
        let text = wire::cstring(body).map_or(body, |(text, _)| text);
        let all = statements(std::str::from_utf8(text).unwrap_or("not UTF-8"));
        if all.is_empty() {
            self.put(tag::EMPTY_QUERY_RESPONSE, &[]);
        }
        for statement in all {
            match self.run(&statement).await {
                Ok(said) => self.say(&said, &[], true),
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        self.ready();
    }

    async fn run(&mut self, statement: &str) -> Result<CommandOutcome, OwnError> {
        let said = run(statement, self.role, self.operator).await?;
        match &said.forgets {
            None => {}
            Some(Forgotten::All) => self.statements.clear(),
            Some(Forgotten::Statement(name)) => {
                // Whether the name was quoted is not known any more.
                let found = [name.clone(), name.to_lowercase()]
                    .into_iter()
                    .find(|name| self.statements.remove(name.as_bytes()).is_some());
                found.ok_or_else(|| no_statement(name.as_bytes()))?;
            }
        }
        Ok(said)
    }

    /// What a statement gave; `described` says that the names of its columns go in front.
    fn say(&mut self, said: &CommandOutcome, formats: &[i16], described: bool) {
        for notice in &said.notices {
            self.out.extend(notice_frame(notice));
        }
        if let Some(listing) = &said.listing {
            if described {
                self.out.extend(row_description(listing, formats));
            }
            self.rows(listing, formats);
        }
        match said.tag.as_str() {
            "BEGIN" => self.status = b'T',
            "COMMIT" | "ROLLBACK" => self.status = b'I',
            _ => {}
        }
        self.put(tag::COMMAND_COMPLETE, &[said.tag.as_bytes(), b"\0"]);
    }

    fn rows(&mut self, listing: &Listing, formats: &[i16]) {
        for row in &listing.rows {
            self.out.extend(data_row(row, formats));
        }
    }

    fn on_parse(&mut self, body: &[u8]) -> Result<(), OwnError> {
        let malformed = || OwnError::new("08P01", "malformed Parse");
        let parse = wire::parse_view(body).ok_or_else(malformed)?;
        let all = statements(std::str::from_utf8(parse.sql).unwrap_or("not UTF-8"));
        if all.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(OwnError::new("42601", message));
        }
        if !parse.name.is_empty() && self.statements.contains_key(parse.name) {
            let name = wire::printable(parse.name);
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(OwnError::new("42P05", message));
        }
        if self.statements.len() >= NAMES_MAX {
            return Err(OwnError::new("54000", "too many prepared statements"));
        }
        let text = all.into_iter().next().unwrap_or_default();
        self.statements.insert(parse.name.to_vec(), text);
        self.put(tag::PARSE_COMPLETE, &[]);
        Ok(())
    }

    fn on_bind(&mut self, body: &[u8]) -> Result<(), OwnError> {
        let malformed = || OwnError::new("08P01", "malformed Bind");
        let (portal, rest) = wire::cstring(body).ok_or_else(malformed)?;
        let (name, rest) = wire::cstring(rest).ok_or_else(malformed)?;
        let (formats, rest) = int16s(rest).ok_or_else(malformed)?;
        let (parameters, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        if *parameters != [0, 0] || !formats.is_empty() && rest.is_empty() {
            return Err(OwnError::new("08P01", "statements of the console have no parameters"));
        }
        let (formats, _) = int16s(rest).ok_or_else(malformed)?;
        let text = self.statements.get(name).cloned().ok_or_else(|| no_statement(name))?;
        if !portal.is_empty() && self.portals.contains_key(portal) {
            let message = format!("cursor \"{}\" already exists", wire::printable(portal));
            return Err(OwnError::new("42P03", message));
        }
        if self.portals.len() >= NAMES_MAX {
            return Err(OwnError::new("54000", "too many portals"));
        }
        self.portals.insert(portal.to_vec(), Portal { text, formats, said: None });
        self.put(tag::BIND_COMPLETE, &[]);
        Ok(())
    }

    fn on_describe(&mut self, body: &[u8]) -> Result<(), OwnError> {
        let (&kind, name) = body.split_first().unwrap_or((&b'P', &[]));
        let name = wire::cstring(name).map_or(&[][..], |(name, _)| name);
        let found = match kind {
            b'S' => {
                if self.statements.contains_key(name) {
                    self.put(tag::PARAMETER_DESCRIPTION, &[&[0, 0]]);
                }
                self.statements.get(name).map(|text| (text, &[][..]))
            }
            _ => self.portals.get(name).map(|portal| (&portal.text, portal.formats.as_slice())),
        };
        let (text, formats) = found.ok_or_else(|| match kind {
            b'S' => no_statement(name),
            _ => no_portal(name),
        })?;
        match describe(text, self.operator).map(|listing| row_description(&listing, formats)) {
            Some(described) => self.out.extend(described),
            None => self.put(tag::NO_DATA, &[]),
        }
        Ok(())
    }

    async fn on_execute(&mut self, body: &[u8]) -> Result<(), OwnError> {
        let (name, rows) = wire::cstring(body).unwrap_or_default();
        let rows = rows.first_chunk().map_or(0, |rows| u32::from_be_bytes(*rows));
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        if portal.text.is_empty() {
            self.put(tag::EMPTY_QUERY_RESPONSE, &[]);
            return Ok(());
        }
        let mut said = match portal.said.take() {
            Some(said) => said,
            None => self.run(&portal.text).await?,
        };
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let left = match &mut said.listing {
            Some(listing) if rows > 0 && listing.rows.len() >= rows => {
                Some(listing.rows.split_off(rows))
            }
            _ => None,
        };
        match left {
            None => self.say(&said, &portal.formats, false),
            Some(left) => {
                let listing = said.listing.take().unwrap_or_default();
                self.rows(&listing, &portal.formats);
                self.put(tag::PORTAL_SUSPENDED, &[]);
                let listing = Some(Listing { rows: left, ..listing });
                portal.said = Some(CommandOutcome { listing, ..said });
            }
        }
        self.portals.insert(name.to_vec(), portal);
        Ok(())
    }
}

/// As PostgreSQL says it.
fn no_statement(name: &[u8]) -> OwnError {
    let message = match name {
        [] => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{}\" does not exist", wire::printable(name)),
    };
    OwnError::new("26000", message)
}

/// As PostgreSQL says it.
fn no_portal(name: &[u8]) -> OwnError {
    OwnError::new("34000", format!("portal \"{}\" does not exist", wire::printable(name)))
}

/// A list of numbers with its length in front, and what follows.
fn int16s(bytes: &[u8]) -> Option<(Vec<i16>, &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut numbers = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (number, after) = rest.split_first_chunk::<2>()?;
        numbers.push(i16::from_be_bytes(*number));
        rest = after;
    }
    Some((numbers, rest))
}

/// The format of a column: one for all, or one each.
fn format_of(formats: &[i16], index: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(index).copied().unwrap_or(0),
    }
}

fn row_description(listing: &Listing, formats: &[i16]) -> Vec<u8> {
    let count = u16::try_from(listing.columns.len()).unwrap_or(u16::MAX);
    let mut body = count.to_be_bytes().to_vec();
    for (index, (name, kind)) in listing.columns.iter().enumerate() {
        let (oid, size) = kind.oid_and_size();
        body.extend(name.as_bytes());
        // No table and no column of one.
        body.extend([0; 7]);
        body.extend(oid.to_be_bytes());
        body.extend(size.to_be_bytes());
        body.extend((-1_i32).to_be_bytes());
        body.extend(format_of(formats, index).to_be_bytes());
    }
    wire::with_body(tag::ROW_DESCRIPTION, &[&body])
}

fn data_row(row: &[Cell], formats: &[i16]) -> Vec<u8> {
    let mut body = u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    for (index, cell) in row.iter().enumerate() {
        let value = match format_of(formats, index) {
            1 => cell.binary(),
            _ => cell.text().map(String::into_bytes),
        };
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend(u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
                body.extend(value);
            }
        }
    }
    wire::with_body(tag::DATA_ROW, &[&body])
}

fn notice_frame(text: &str) -> Vec<u8> {
    let fields = format!("SNOTICE\0VNOTICE\0C00000\0M{text}\0\0");
    wire::with_body(tag::NOTICE_RESPONSE, &[fields.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_described_and_sent_in_their_formats() {
        let mut listing = Listing::new("a b:int");
        listing.rows.push(vec![Cell::Null, Cell::Int(7)]);
        let described = row_description(&listing, &[1]);
        assert!(described.starts_with(b"T") && described.ends_with(&[0, 1]));
        let row = data_row(&listing.rows[0], &[0, 1]);
        assert_eq!(row, b"D\0\0\0\x16\0\x02\xff\xff\xff\xff\0\0\0\x08\0\0\0\0\0\0\0\x07");
    }

    #[test]
    fn lists_of_formats_are_read() {
        assert_eq!(int16s(&[0, 1, 0, 1, 9]), Some((vec![1], &[9][..])));
        assert_eq!(int16s(&[0, 2, 0, 1]), None);
        assert_eq!([format_of(&[], 3), format_of(&[1], 3), format_of(&[0, 1], 1)], [0, 1, 1]);
    }
}
