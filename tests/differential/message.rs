//! The messages of a client, as bytes and as a line of text each.

use std::fmt::{self, Display, Formatter};

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Query(Vec<u8>),
    Parse {
        name: String,
        sql: Vec<u8>,
        types: Vec<u32>,
    },
    Bind {
        portal: String,
        statement: String,
        values: Vec<Value>,
        binary_result: bool,
    },
    Describe {
        kind: u8,
        name: String,
    },
    Execute {
        portal: String,
        rows_max: u32,
    },
    Close {
        kind: u8,
        name: String,
    },
    Sync,
    Flush,
    CopyData(Vec<u8>),
    CopyDone,
    CopyFail(String),
    FunctionCall {
        oid: u32,
        arguments: Vec<Value>,
    },
    /// Bytes that need not be a message.
    Raw(Vec<u8>),
    /// Nothing is sent before the server has said all that it has to say.
    Wait,
}

/// A parameter, in the format that it is sent in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Value {
    fn format(&self) -> u16 {
        u16::from(matches!(self, Value::Binary(_)))
    }
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn count(items: usize) -> [u8; 2] {
    u16::try_from(items).unwrap().to_be_bytes()
}

/// Format codes and values, as Bind and FunctionCall have them.
fn with_values(body: &mut Vec<u8>, values: &[Value]) {
    match values.iter().any(|value| value.format() == 1) {
        false => body.extend(count(0)),
        true => {
            body.extend(count(values.len()));
            values.iter().for_each(|value| body.extend(value.format().to_be_bytes()));
        }
    }
    body.extend(count(values.len()));
    for value in values {
        match value {
            Value::Null => body.extend((-1_i32).to_be_bytes()),
            Value::Text(bytes) | Value::Binary(bytes) => {
                body.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                body.extend(bytes);
            }
        }
    }
}

impl Message {
    /// What goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let cstring = |text: &[u8]| [text, b"\0"].concat();
        match self {
            Message::Query(sql) => frame(b'Q', &cstring(sql)),
            Message::Parse { name, sql, types } => {
                let mut body = [cstring(name.as_bytes()), cstring(sql)].concat();
                body.extend(count(types.len()));
                types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
                frame(b'P', &body)
            }
            Message::Bind { portal, statement, values, binary_result } => {
                let mut body = [cstring(portal.as_bytes()), cstring(statement.as_bytes())].concat();
                with_values(&mut body, values);
                match binary_result {
                    false => body.extend(count(0)),
                    true => body.extend([0, 1, 0, 1]),
                }
                frame(b'B', &body)
            }
            Message::Describe { kind, name } => {
                frame(b'D', &[&[*kind], &cstring(name.as_bytes())[..]].concat())
            }
            Message::Execute { portal, rows_max } => {
                frame(b'E', &[&cstring(portal.as_bytes())[..], &rows_max.to_be_bytes()].concat())
            }
            Message::Close { kind, name } => {
                frame(b'C', &[&[*kind], &cstring(name.as_bytes())[..]].concat())
            }
            Message::Sync => frame(b'S', b""),
            Message::Flush => frame(b'H', b""),
            Message::CopyData(rows) => frame(b'd', rows),
            Message::CopyDone => frame(b'c', b""),
            Message::CopyFail(reason) => frame(b'f', &cstring(reason.as_bytes())),
            Message::FunctionCall { oid, arguments } => {
                let mut body = oid.to_be_bytes().to_vec();
                with_values(&mut body, arguments);
                body.extend(count(0));
                frame(b'F', &body)
            }
            Message::Raw(bytes) => bytes.clone(),
            Message::Wait => Vec::new(),
        }
    }

    /// Whether the server answers it by a ReadyForQuery, if it is not skipped and no COPY is open.
    pub fn asks_for_ready(&self) -> bool {
        matches!(self, Message::Query(_) | Message::Sync | Message::FunctionCall { .. })
    }

    /// The message that [`Display`] has written as this line.
    pub fn parse(line: &str) -> Result<Message, String> {
        let mut words = Words(line);
        let message = match words.word() {
            "Query" => Message::Query(words.bytes()?),
            "Parse" => {
                let (name, sql) = (words.string()?, words.bytes()?);
                let types = std::mem::take(&mut words.0);
                let types = types.split_whitespace().map(str::parse).collect::<Result<_, _>>();
                Message::Parse { name, sql, types: types.map_err(|error| format!("{error}"))? }
            }
            "Bind" => {
                let (portal, statement) = (words.string()?, words.string()?);
                let (values, binary_result) = words.values()?;
                Message::Bind { portal, statement, values, binary_result }
            }
            "Describe" => Message::Describe { kind: words.kind()?, name: words.string()? },
            "Execute" => Message::Execute { portal: words.string()?, rows_max: words.number()? },
            "Close" => Message::Close { kind: words.kind()?, name: words.string()? },
            "Sync" => Message::Sync,
            "Flush" => Message::Flush,
            "CopyData" => Message::CopyData(words.bytes()?),
            "CopyDone" => Message::CopyDone,
            "CopyFail" => Message::CopyFail(words.string()?),
            "FunctionCall" => {
                Message::FunctionCall { oid: words.number()?, arguments: words.values()?.0 }
            }
            "Raw" => Message::Raw(words.bytes()?),
            "Wait" => Message::Wait,
            word => return Err(format!("{word:?} is not a message")),
        };
        match words.0.trim() {
            "" => Ok(message),
            rest => Err(format!("{rest:?} is too much")),
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        // Readable, where it is text.
        Ok(text) if !text.contains(char::is_control) => {
            text.replace('\\', "\\\\").replace('"', "\\\"")
        }
        _ => bytes.escape_ascii().to_string().replace("\\'", "'"),
    };
    format!("\"{text}\"")
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => write!(f, "NULL"),
            Value::Text(bytes) => write!(f, "{}", quoted(bytes)),
            Value::Binary(bytes) => write!(f, "binary {}", quoted(bytes)),
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = |text: &str| quoted(text.as_bytes());
        match self {
            Message::Query(sql) => write!(f, "Query {}", quoted(sql)),
            Message::Parse { name, sql, types } => {
                write!(f, "Parse {} {}", text(name), quoted(sql))?;
                types.iter().try_for_each(|oid| write!(f, " {oid}"))
            }
            Message::Bind { portal, statement, values, binary_result } => {
                write!(f, "Bind {} {}", text(portal), text(statement))?;
                values.iter().try_for_each(|value| write!(f, " {value}"))?;
                if *binary_result { write!(f, " -> binary") } else { Ok(()) }
            }
            Message::Describe { kind, name } => {
                write!(f, "Describe {} {}", kind_word(*kind), text(name))
            }
            Message::Execute { portal, rows_max } => {
                write!(f, "Execute {} {rows_max}", text(portal))
            }
            Message::Close { kind, name } => write!(f, "Close {} {}", kind_word(*kind), text(name)),
            Message::Sync => write!(f, "Sync"),
            Message::Flush => write!(f, "Flush"),
            Message::CopyData(rows) => write!(f, "CopyData {}", quoted(rows)),
            Message::CopyDone => write!(f, "CopyDone"),
            Message::CopyFail(reason) => write!(f, "CopyFail {}", text(reason)),
            Message::FunctionCall { oid, arguments } => {
                write!(f, "FunctionCall {oid}")?;
                arguments.iter().try_for_each(|value| write!(f, " {value}"))
            }
            Message::Raw(bytes) => write!(f, "Raw {}", quoted(bytes)),
            Message::Wait => write!(f, "Wait"),
        }
    }
}

fn kind_word(kind: u8) -> &'static str {
    if kind == b'S' { "statement" } else { "portal" }
}

/// The rest of a line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a str {
        let line = self.0.trim_start();
        let end = line.find(' ').unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        self.0 = rest;
        word
    }

    fn number(&mut self) -> Result<u32, String> {
        self.word().parse().map_err(|error| format!("not a number: {error}"))
    }

    fn kind(&mut self) -> Result<u8, String> {
        match self.word() {
            "statement" => Ok(b'S'),
            "portal" => Ok(b'P'),
            word => Err(format!("{word:?} is neither statement nor portal")),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        String::from_utf8(self.bytes()?).map_err(|error| error.to_string())
    }

    fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let line = self.0.trim_start();
        let mut rest = line.strip_prefix('"').ok_or_else(|| format!("no string in {line:?}"))?;
        let mut bytes = Vec::new();
        loop {
            let plain =
                rest.find(['"', '\\']).ok_or_else(|| format!("unended string in {line:?}"))?;
            bytes.extend_from_slice(&rest.as_bytes()[..plain]);
            let (special, after) = rest[plain..].split_at(1);
            if special == "\"" {
                self.0 = after;
                return Ok(bytes);
            }
            let escaped = after.chars().next().ok_or("a backslash at the end")?;
            rest = &after[escaped.len_utf8()..];
            match escaped {
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'r' => bytes.push(b'\r'),
                'x' => {
                    let digits = rest.get(..2).ok_or("too few digits")?;
                    let byte = u8::from_str_radix(digits, 16);
                    bytes.push(byte.map_err(|error| error.to_string())?);
                    rest = &rest[2..];
                }
                other => bytes.extend(other.to_string().bytes()),
            }
        }
    }

    fn values(&mut self) -> Result<(Vec<Value>, bool), String> {
        let mut values = Vec::new();
        loop {
            let line = self.0.trim_start();
            if line.is_empty() {
                return Ok((values, false));
            }
            if line.starts_with('"') {
                values.push(Value::Text(self.bytes()?));
                continue;
            }
            match self.word() {
                "NULL" => values.push(Value::Null),
                "binary" => values.push(Value::Binary(self.bytes()?)),
                "->" if self.word() == "binary" => return Ok((values, true)),
                word => return Err(format!("{word:?} is not a value")),
            }
        }
    }
}
