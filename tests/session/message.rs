//! Messages as one line of text and back: a name, then its fields, strings in quotes.

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Target,
}

/// What a field of a message is.
#[derive(Clone, Copy)]
enum Field {
    /// Ended by a zero byte.
    CString,
    /// The rest of the body.
    Rest,
    /// One byte, written as a letter.
    Letter,
    Int16,
    Int32,
    /// The one format code for all parameters, binary; not written.
    BinaryFormat,
    /// A count and 32-bit numbers.
    Oids,
    /// A count and values with their lengths.
    Values,
    /// Letter and string pairs up to a zero byte.
    ErrorFields,
}

type Shape = (Side, u8, &'static str, &'static [Field]);

use Field::{BinaryFormat, CString, ErrorFields, Int16, Int32, Letter, Oids, Rest, Values};

const SHAPES: &[Shape] = &[
    (Side::Client, b'Q', "Query", &[CString]),
    (Side::Client, b'P', "Parse", &[CString, CString, Oids]),
    (Side::Client, b'B', "Bind", &[CString, CString, Int16, Values, Int16]),
    (Side::Client, b'B', "BinaryBind", &[CString, CString, BinaryFormat, Values, Int16]),
    (Side::Client, b'D', "Describe", &[Letter, CString]),
    (Side::Client, b'E', "Execute", &[CString, Int32]),
    (Side::Client, b'C', "Close", &[Letter, CString]),
    (Side::Client, b'S', "Sync", &[]),
    (Side::Client, b'H', "Flush", &[]),
    (Side::Client, b'd', "CopyData", &[Rest]),
    (Side::Client, b'c', "CopyDone", &[]),
    (Side::Client, b'f', "CopyFail", &[CString]),
    (Side::Client, b'p', "Password", &[CString]),
    (Side::Client, b'X', "Terminate", &[]),
    (Side::Client, b'F', "FunctionCall", &[Rest]),
    (Side::Target, b'R', "Authentication", &[Int32]),
    (Side::Target, b'S', "ParameterStatus", &[CString, CString]),
    (Side::Target, b'K', "BackendKeyData", &[Int32, Int32]),
    (Side::Target, b'Z', "ReadyForQuery", &[Letter]),
    (Side::Target, b'1', "ParseComplete", &[]),
    (Side::Target, b'2', "BindComplete", &[]),
    (Side::Target, b'3', "CloseComplete", &[]),
    (Side::Target, b'n', "NoData", &[]),
    (Side::Target, b's', "PortalSuspended", &[]),
    (Side::Target, b'I', "EmptyQueryResponse", &[]),
    (Side::Target, b'C', "CommandComplete", &[CString]),
    (Side::Target, b't', "ParameterDescription", &[Oids]),
    (Side::Target, b'T', "RowDescription", &[Int16]),
    (Side::Target, b'D', "DataRow", &[Values]),
    (Side::Target, b'G', "CopyInResponse", &[Letter, Int16]),
    (Side::Target, b'H', "CopyOutResponse", &[Letter, Int16]),
    (Side::Target, b'W', "CopyBothResponse", &[Letter, Int16]),
    (Side::Target, b'd', "CopyData", &[Rest]),
    (Side::Target, b'c', "CopyDone", &[]),
    (Side::Target, b'E', "ErrorResponse", &[ErrorFields]),
    (Side::Target, b'N', "NoticeResponse", &[ErrorFields]),
    (Side::Target, b'A', "NotificationResponse", &[Int32, CString, CString]),
    (Side::Target, b'V', "FunctionCallResponse", &[Int32]),
];

/// The words of a line; a quoted one is unescaped.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let word = if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted);
            let word = unescape(&quoted[..end]);
            rest = quoted[end + 1..].trim_start();
            word
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            let word = rest.as_bytes()[..end].to_vec();
            rest = rest[end..].trim_start();
            word
        };
        words.push(word);
    }
    words
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' if !escaped => return index,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("no closing quote in {text}");
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().unwrap();
        rest = after;
        bytes.push(match kind {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).unwrap()
            }
            other => other,
        });
    }
    bytes
}

fn number(word: &[u8]) -> i32 {
    std::str::from_utf8(word).unwrap().parse().expect("a number")
}

/// The frame that `line` stands for.
pub fn encode(side: Side, line: &str) -> Vec<u8> {
    let words = words(line);
    let name = std::str::from_utf8(&words[0]).unwrap();
    let &(_, tag, _, fields) = SHAPES
        .iter()
        .find(|shape| shape.0 == side && shape.2 == name)
        .unwrap_or_else(|| panic!("no message {name}"));
    let mut body = Vec::new();
    let mut rest = words[1..].iter();
    for field in fields {
        match field {
            CString => {
                body.extend(rest.next().expect(line));
                body.push(0);
            }
            Rest => body.extend(rest.next().expect(line)),
            Letter => body.push(match rest.next().expect(line).as_slice() {
                [digit @ 0..=b'9'] => digit - b'0',
                letter => letter[0],
            }),
            Int16 => {
                let value = rest.next().map_or(0, |word| number(word));
                body.extend(i16::try_from(value).unwrap().to_be_bytes());
            }
            Int32 => body.extend(rest.next().map_or(0, |word| number(word)).to_be_bytes()),
            BinaryFormat => body.extend([0, 1, 0, 1]),
            Oids => {
                let count = number(rest.next().expect("a count of types"));
                body.extend(i16::try_from(count).unwrap().to_be_bytes());
                for _ in 0..count {
                    body.extend(number(rest.next().expect(line)).to_be_bytes());
                }
            }
            Values => {
                let count = number(rest.next().expect("a count of values"));
                body.extend(i16::try_from(count).unwrap().to_be_bytes());
                for _ in 0..count {
                    match rest.next().expect(line).as_slice() {
                        b"null" => body.extend((-1_i32).to_be_bytes()),
                        value => {
                            body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                            body.extend(value);
                        }
                    }
                }
            }
            ErrorFields => {
                for word in rest.by_ref() {
                    body.extend(word);
                    body.push(0);
                }
                body.push(0);
            }
        }
    }
    let mut frame = vec![tag];
    frame.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

/// The messages in `bytes`, one line each; what is no whole message is shown as bytes.
pub fn render(side: Side, mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let whole = bytes.get(1..5).map(|length| {
            1 + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap()
        });
        match whole.filter(|&length| length <= bytes.len()) {
            Some(length) => {
                lines.push(render_one(side, bytes[0], &bytes[5..length]));
                bytes = &bytes[length..];
            }
            None => {
                lines.push(format!("part of a message: {}", bytes.escape_ascii()));
                break;
            }
        }
    }
    lines
}

/// A string without what differs from build to build or only fills the page: our own name, and the text of
/// a question about relations, of which the subjects stay.
fn readable(string: Vec<u8>) -> Vec<u8> {
    if string.starts_with(b"\x01dms_proxy_") {
        return b"dms_proxy".to_vec();
    }
    let text = std::str::from_utf8(&string).unwrap_or_default().to_owned();
    match text
        .strip_prefix("SELECT s.number, a.attnum, ")
        .and_then(|text| text.split_once("JOIN (VALUES "))
    {
        Some((_, subjects)) => {
            let subjects = subjects.split_once(") s (number").map_or(subjects, |(found, _)| found);
            format!("(columns of {})", subjects.replace("pg_catalog.", "")).into_bytes()
        }
        None => string,
    }
}

fn render_one(side: Side, tag: u8, body: &[u8]) -> String {
    let is_binary = tag == b'B' && {
        let behind_names = body.splitn(3, |&byte| byte == 0).nth(2).unwrap_or_default();
        behind_names.starts_with(&[0, 1, 0, 1])
    };
    let fits = |shape: &&Shape| {
        shape.0 == side && shape.1 == tag && (tag != b'B' || (shape.2 == "BinaryBind") == is_binary)
    };
    let Some(&(_, _, name, fields)) = SHAPES.iter().find(fits) else {
        return format!("{} \"{}\"", tag.escape_ascii(), body.escape_ascii());
    };
    let mut line = name.to_owned();
    let mut rest = body;
    let cstring = |rest: &mut &[u8]| {
        let end = rest.iter().position(|&byte| byte == 0).unwrap();
        let string = rest[..end].to_vec();
        *rest = &rest[end + 1..];
        string
    };
    let int16 = |rest: &mut &[u8]| {
        let value = i16::from_be_bytes(rest[..2].try_into().unwrap());
        *rest = &rest[2..];
        value
    };
    let int32 = |rest: &mut &[u8]| {
        let value = i32::from_be_bytes(rest[..4].try_into().unwrap());
        *rest = &rest[4..];
        value
    };
    for field in fields {
        match field {
            CString => line.push_str(&quoted(&readable(cstring(&mut rest)))),
            Rest => line.push_str(&quoted(std::mem::take(&mut rest))),
            Letter => {
                let letter = rest[0];
                rest = &rest[1..];
                let shown = if letter < 10 { letter + b'0' } else { letter };
                line.push_str(&format!(" {}", char::from(shown)));
            }
            Int16 => line.push_str(&format!(" {}", int16(&mut rest))),
            Int32 => line.push_str(&format!(" {}", int32(&mut rest))),
            BinaryFormat => rest = &rest[4..],
            Oids => {
                let count = int16(&mut rest);
                line.push_str(&format!(" {count}"));
                for _ in 0..count {
                    line.push_str(&format!(" {}", int32(&mut rest)));
                }
            }
            Values => {
                let count = int16(&mut rest);
                line.push_str(&format!(" {count}"));
                for _ in 0..count {
                    match usize::try_from(int32(&mut rest)) {
                        Err(_) => line.push_str(" null"),
                        Ok(length) => {
                            line.push_str(&quoted(&rest[..length]));
                            rest = &rest[length..];
                        }
                    }
                }
            }
            ErrorFields => {
                while rest[0] != 0 {
                    line.push_str(&quoted(&cstring(&mut rest)));
                }
            }
        }
    }
    line
}

fn quoted(bytes: &[u8]) -> String {
    format!(" \"{}\"", bytes.escape_ascii().to_string().replace("\\'", "'"))
}
