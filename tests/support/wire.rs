//! A client that speaks the protocol frame by frame and writes down what comes back, so that two
//! conversations can be compared as text.

use std::fmt::{self, Display, Formatter};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Endpoint;

/// How long a reply may take before the test has failed.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// First OID that the server gives to objects of users; these differ from database to database.
const FIRST_USER_OID: u32 = 16384;

/// A connection to the server or to the proxy.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

/// A frame from the server. Displayed as one line of text, without what differs from one
/// connection to the next: process ids, keys, OIDs of users' objects, lines of the server's code.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: u8,
    pub body: Vec<u8>,
}

/// The body of a frame, field by field.
#[derive(Debug, Default, Clone)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn int16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn int32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn bytes(mut self, value: impl AsRef<[u8]>) -> Self {
        self.0.extend(value.as_ref());
        self
    }

    /// A string with the zero byte that ends it.
    pub fn string(self, value: impl AsRef<[u8]>) -> Self {
        self.bytes(value).bytes([0])
    }

    fn count(self, count: usize) -> Self {
        self.int16(u16::try_from(count).unwrap().cast_signed())
    }
}

impl Wire {
    /// Opens the connection and sends nothing.
    pub fn open(endpoint: &Endpoint) -> Self {
        let stream = TcpStream::connect(endpoint.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(REPLY_TIMEOUT)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Logs in; gives what the server said up to ReadyForQuery.
    pub fn log_in(endpoint: &Endpoint, parameters: &[(&str, &str)]) -> (Self, Vec<Frame>) {
        let mut wire = Self::open(endpoint);
        wire.startup(endpoint, parameters);
        let frames = wire.until_ready();
        (wire, frames)
    }

    /// Sends a startup packet of protocol 3.0.
    pub fn startup(&mut self, endpoint: &Endpoint, parameters: &[(&str, &str)]) {
        let mut body = Body::default().int32(196_608);
        body = body.string("user").string(&endpoint.user);
        body = body.string("database").string(&endpoint.database);
        for (name, value) in parameters {
            body = body.string(name).string(value);
        }
        let body = body.bytes([0]).0;
        let length = i32::try_from(body.len() + 4).unwrap();
        self.send_raw(&Body::default().int32(length).bytes(body).0);
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.get_mut().write_all(bytes).unwrap();
        self
    }

    /// Sends a frame.
    pub fn send(&mut self, tag: u8, body: Body) -> &mut Self {
        let length = i32::try_from(body.0.len() + 4).unwrap();
        self.send_raw(&Body::default().bytes([tag]).int32(length).bytes(body.0).0)
    }

    pub fn query(&mut self, sql: impl AsRef<[u8]>) -> &mut Self {
        self.send(b'Q', Body::default().string(sql))
    }

    pub fn parse(&mut self, name: &str, sql: impl AsRef<[u8]>, types: &[i32]) -> &mut Self {
        let body = Body::default().string(name).string(sql).count(types.len());
        self.send(b'P', types.iter().fold(body, |body, oid| body.int32(*oid)))
    }

    /// All results in the same format.
    pub fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        formats: &[i16],
        values: &[Option<&[u8]>],
        result_format: i16,
    ) -> &mut Self {
        let body = Body::default().string(portal).string(statement).count(formats.len());
        let body = formats.iter().fold(body, |body, format| body.int16(*format));
        let body = values.iter().fold(body.count(values.len()), |body, value| match value {
            Some(value) => body.int32(i32::try_from(value.len()).unwrap()).bytes(value),
            None => body.int32(-1),
        });
        self.send(b'B', body.count(1).int16(result_format))
    }

    /// `b'S'` a prepared statement, `b'P'` a portal.
    pub fn describe(&mut self, kind: u8, name: &str) -> &mut Self {
        self.send(b'D', Body::default().bytes([kind]).string(name))
    }

    /// At most so many rows; 0 is all.
    pub fn execute(&mut self, portal: &str, rows_max: i32) -> &mut Self {
        self.send(b'E', Body::default().string(portal).int32(rows_max))
    }

    /// `b'S'` a prepared statement, `b'P'` a portal.
    pub fn close(&mut self, kind: u8, name: &str) -> &mut Self {
        self.send(b'C', Body::default().bytes([kind]).string(name))
    }

    pub fn flush(&mut self) -> &mut Self {
        self.send(b'H', Body::default())
    }

    pub fn sync(&mut self) -> &mut Self {
        self.send(b'S', Body::default())
    }

    pub fn copy_data(&mut self, data: impl AsRef<[u8]>) -> &mut Self {
        self.send(b'd', Body::default().bytes(data))
    }

    pub fn copy_done(&mut self) -> &mut Self {
        self.send(b'c', Body::default())
    }

    pub fn copy_fail(&mut self, reason: &str) -> &mut Self {
        self.send(b'f', Body::default().string(reason))
    }

    pub fn terminate(&mut self) -> &mut Self {
        self.send(b'X', Body::default())
    }

    /// The next frame; `None` when the peer has closed.
    pub fn read_frame(&mut self) -> Option<Frame> {
        let mut header = [0; 5];
        match self.stream.read_exact(&mut header) {
            Err(error) if closed(error.kind()) => return None,
            read => read.unwrap_or_else(|error| panic!("no reply: {error}")),
        }
        let [tag, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        let mut body = vec![0; length.checked_sub(4).expect("a length counts itself")];
        self.stream.read_exact(&mut body).unwrap();
        Some(Frame { tag, body })
    }

    /// All bytes up to the end of the connection, frames or not.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if !closed(error.kind()) => panic!("no end: {error}"),
            _ => bytes,
        }
    }

    /// One byte: the answer to a request for encryption is not a frame.
    pub fn read_byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// Whether anything comes, without reading it.
    pub fn has_reply_within(&mut self, timeout: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(timeout)).unwrap();
        let filled = self.stream.fill_buf().map(|bytes| !bytes.is_empty());
        self.stream.get_ref().set_read_timeout(Some(REPLY_TIMEOUT)).unwrap();
        filled.unwrap_or(false)
    }

    /// All frames up to one with this tag, or to the end of the connection.
    pub fn until(&mut self, tag: u8) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.read_frame() {
            let last = frame.tag == tag;
            frames.push(frame);
            if last {
                break;
            }
        }
        frames
    }

    /// All frames up to ReadyForQuery, or to the end of the connection.
    pub fn until_ready(&mut self) -> Vec<Frame> {
        self.until(b'Z')
    }
}

fn closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
}

/// One line a frame.
pub fn transcript(frames: &[Frame]) -> String {
    frames.iter().map(|frame| format!("{frame}\n")).collect()
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for Frame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut fields = Fields(&self.body);
        match self.tag {
            b'R' => write!(f, "Authentication {}", fields.int32()),
            b'S' => write!(f, "ParameterStatus {}={}", fields.string(), fields.string()),
            b'K' => write!(f, "BackendKeyData"),
            b'Z' => write!(f, "ReadyForQuery {}", fields.rest()),
            b'C' => write!(f, "CommandComplete {}", fields.string()),
            b'1' => write!(f, "ParseComplete"),
            b'2' => write!(f, "BindComplete"),
            b'3' => write!(f, "CloseComplete"),
            b'n' => write!(f, "NoData"),
            b'I' => write!(f, "EmptyQueryResponse"),
            b's' => write!(f, "PortalSuspended"),
            b'c' => write!(f, "CopyDone"),
            b'd' => write!(f, "CopyData {}", fields.rest()),
            b'D' => write_data_row(f, &mut fields),
            b'T' => write_row_description(f, &mut fields),
            b't' => {
                write!(f, "ParameterDescription")?;
                (0..fields.int16()).try_for_each(|_| write!(f, " {}", fields.type_oid()))
            }
            b'G' => write_copy_response(f, "CopyInResponse", &mut fields),
            b'H' => write_copy_response(f, "CopyOutResponse", &mut fields),
            b'W' => write_copy_response(f, "CopyBothResponse", &mut fields),
            b'A' => {
                fields.int32();
                write!(f, "NotificationResponse {} {}", fields.string(), fields.string())
            }
            b'E' => write_fields(f, "ErrorResponse", &mut fields),
            b'N' => write_fields(f, "NoticeResponse", &mut fields),
            tag => write!(f, "{} {}", tag.escape_ascii(), fields.rest()),
        }
    }
}

fn write_data_row(f: &mut Formatter<'_>, fields: &mut Fields<'_>) -> fmt::Result {
    write!(f, "DataRow")?;
    (0..fields.int16()).try_for_each(|_| match usize::try_from(fields.int32()) {
        Ok(length) => write!(f, " {}", fields.take(length).escape_ascii()),
        Err(_) => write!(f, " NULL"),
    })
}

fn write_row_description(f: &mut Formatter<'_>, fields: &mut Fields<'_>) -> fmt::Result {
    write!(f, "RowDescription")?;
    (0..fields.int16()).try_for_each(|_| {
        let name = fields.string();
        let (_table, column) = (fields.int32(), fields.int16());
        let oid = fields.type_oid();
        let (size, modifier, format) = (fields.int16(), fields.int32(), fields.int16());
        write!(f, " {name}(column {column}, type {oid} {size} {modifier}, format {format})")
    })
}

fn write_copy_response(f: &mut Formatter<'_>, name: &str, fields: &mut Fields<'_>) -> fmt::Result {
    write!(f, "{name} {}", fields.take(1).escape_ascii())?;
    (0..fields.int16()).try_for_each(|_| write!(f, " {}", fields.int16()))
}

/// All fields but file, line and routine, which are the server's and differ by version.
fn write_fields(f: &mut Formatter<'_>, name: &str, fields: &mut Fields<'_>) -> fmt::Result {
    write!(f, "{name}")?;
    loop {
        match fields.take(1) {
            [] | [0] => return Ok(()),
            [b'F' | b'L' | b'R'] => drop(fields.string()),
            kind => write!(f, " {}={:?}", kind.escape_ascii(), fields.string())?,
        }
    }
}

/// What is left of a body. A frame that is too short panics: the peer is wrong.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        assert!(taken.len() == length || self.0.is_empty(), "short frame: {:?}", self.0);
        self.0 = rest;
        taken
    }

    fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn type_oid(&mut self) -> String {
        match self.int32().cast_unsigned() {
            oid @ 0..FIRST_USER_OID => oid.to_string(),
            _ => "user's".to_owned(),
        }
    }

    fn string(&mut self) -> String {
        let length = self.0.iter().position(|byte| *byte == 0).expect("an unended string");
        let text = self.take(length).utf8_chunks().map(|chunk| chunk.valid()).collect();
        self.take(1);
        text
    }

    fn rest(&mut self) -> String {
        self.take(self.0.len()).escape_ascii().to_string()
    }
}
