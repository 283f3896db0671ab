//! A COPY stream in CopyData frames that passes through one buffer, and a model of how PostgreSQL
//! reads it into rows of fields.

use std::sync::Arc;

use dms_proxy::encoding::Encoding;
use dms_proxy::value::{CopyFormat, CopyOptions, CopyScanner, ValueKind};

/// What the bytes between two payloads look like: a frame header that a careless scanner would take
/// for a NUL escape or a NUL.
const HEADER: &[u8; 5] = b"d\0\x000\\";

/// The stream as the target gets it when it comes in one piece, and the NULs replaced.
pub(super) fn mend_whole(stream: &[u8], options: &CopyOptions, client: Encoding) -> (Vec<u8>, u64) {
    mend_whole_kinds(stream, options, client, &Arc::default())
}

/// The same where the kinds of the columns are known.
pub(super) fn mend_whole_kinds(
    stream: &[u8],
    options: &CopyOptions,
    client: Encoding,
    kinds: &Arc<[ValueKind]>,
) -> (Vec<u8>, u64) {
    let mut buffer = stream.to_vec();
    let mut scanner = CopyScanner::with_kinds(options, client, kinds);
    scanner.scan(&mut buffer, 0, stream.len());
    assert!(scanner.held_from().is_none_or(|held| held < stream.len()));
    scanner.finish(&mut buffer);
    assert_eq!(scanner.held_from(), None);
    (buffer, scanner.take_replaced())
}

/// The same through a buffer, frame by frame: the payloads are as long as `frames` says, over and
/// over; after every `sends`-th frame everything that is not held is sent.
pub(super) fn mend_framed(
    stream: &[u8],
    options: &CopyOptions,
    client: Encoding,
    frames: &[usize],
    sends: usize,
) -> (Vec<u8>, u64) {
    mend_framed_kinds(stream, options, client, &Arc::default(), frames, sends)
}

/// The same where the kinds of the columns are known.
pub(super) fn mend_framed_kinds(
    stream: &[u8],
    options: &CopyOptions,
    client: Encoding,
    kinds: &Arc<[ValueKind]>,
    frames: &[usize],
    sends: usize,
) -> (Vec<u8>, u64) {
    let mut scanner = CopyScanner::with_kinds(options, client, kinds);
    let (mut buffer, mut sent) = (Vec::new(), Vec::new());
    let (mut rest, mut lengths, mut number) = (stream, frames.iter().cycle(), 0);
    while !rest.is_empty() {
        let length = lengths.next().map_or(1, |length| *length).clamp(0, rest.len());
        number += 1;
        // Frames without payload must not make the loop endless.
        let length = if number % 5 == 0 { length.max(1) } else { length };
        let (payload, behind) = rest.split_at(length);
        rest = behind;
        buffer.extend_from_slice(HEADER);
        let from = buffer.len();
        buffer.extend_from_slice(payload);
        let to = buffer.len();
        scanner.scan(&mut buffer, from, to);
        if number % sends == 0 {
            let free = scanner.held_from().unwrap_or(buffer.len());
            sent.extend(buffer.drain(..free));
            scanner.rebase(free);
            assert!(scanner.held_from().is_none_or(|held| held == 0));
        }
    }
    scanner.finish(&mut buffer);
    sent.append(&mut buffer);
    (payloads(&sent, stream.len(), frames), scanner.take_replaced())
}

/// The payloads of the frames that were sent; their headers must have come through as they were.
fn payloads(sent: &[u8], stream_bytes: usize, frames: &[usize]) -> Vec<u8> {
    let (mut rest, mut lengths, mut number) = (sent, frames.iter().cycle(), 0);
    let mut stream = Vec::new();
    while stream.len() < stream_bytes {
        let left = stream_bytes - stream.len();
        let length = lengths.next().map_or(1, |length| *length).clamp(0, left);
        number += 1;
        let length = if number % 5 == 0 { length.max(1) } else { length };
        assert_eq!(&rest[..HEADER.len()], HEADER, "a frame header was changed");
        stream.extend_from_slice(&rest[HEADER.len()..HEADER.len() + length]);
        rest = &rest[HEADER.len() + length..];
    }
    assert!(rest.is_empty());
    stream
}

/// A field as PostgreSQL reads it, and its bytes in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// `None` is NULL.
    pub(super) value: Option<Vec<u8>>,
    pub(super) raw: Vec<u8>,
    /// Whether a NUL of it comes as the byte itself, unescaped and outside CSV quotes.
    pub(super) has_bare_nul: bool,
    /// Whether an escape spells a byte above ASCII. The server resolves escapes behind the conversion
    /// from the client's encoding, so such a byte begins no character of that encoding.
    pub(super) has_high_escape: bool,
}

/// The rows of a stream, read the way the server reads them: first lines, then fields.
pub(super) fn read_rows(stream: &[u8], options: &CopyOptions, client: Encoding) -> Vec<Vec<Field>> {
    let encoding = options.encoding.unwrap_or(client);
    let characters = characters(stream, encoding);
    let csv = options.format == CopyFormat::Csv;
    let mut rows = Vec::new();
    for line in lines(&characters, options, csv) {
        rows.push(if csv { csv_fields(line, options) } else { text_fields(line, options) });
    }
    rows
}

fn characters(stream: &[u8], encoding: Encoding) -> Vec<&[u8]> {
    let (mut rest, mut characters) = (stream, Vec::new());
    while !rest.is_empty() {
        // Where no byte of a longer character is ASCII, bytes serve as well as characters do.
        let bytes = if encoding.has_ascii_trail() { encoding.character_length(rest) } else { 1 };
        let (character, behind) = rest.split_at(bytes);
        characters.push(character);
        rest = behind;
    }
    characters
}

fn lines<'a>(text: &'a [&'a [u8]], options: &CopyOptions, csv: bool) -> Vec<&'a [&'a [u8]]> {
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    let (mut in_quotes, mut escaped) = (false, false);
    while at < text.len() {
        match text[at] {
            b"\\" if !csv && at + 1 < text.len() && text[at + 1].len() == 1 => at += 1,
            b"\n" | b"\r" if !in_quotes => {
                lines.push(&text[start..at]);
                start = at + 1;
            }
            character if csv => {
                let is_escape = character == [options.escape] && options.escape != options.quote;
                if in_quotes && is_escape {
                    escaped = !escaped;
                }
                if character == [options.quote] && !escaped {
                    in_quotes = !in_quotes;
                }
                if !is_escape {
                    escaped = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

fn text_fields(line: &[&[u8]], options: &CopyOptions) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (start, mut end, mut found_delimiter) = (at, at, false);
        let (mut value, mut has_bare_nul, mut has_high_escape) = (Vec::new(), false, false);
        while at < line.len() {
            end = at;
            let character = line[at];
            at += 1;
            if character == [options.delimiter] {
                found_delimiter = true;
                break;
            }
            if character == b"\\" {
                if at >= line.len() {
                    break;
                }
                let (unescaped, characters) = unescape(&line[at..]);
                has_high_escape |= characters > 1 && unescaped[0] >= 0x80;
                value.extend(unescaped);
                at += characters;
            } else {
                has_bare_nul |= character == [0];
                value.extend_from_slice(character);
            }
            end = at;
        }
        let raw = line[start..end].concat();
        let value = (raw != options.null).then_some(value);
        fields.push(Field { value, raw, has_bare_nul, has_high_escape });
        if !found_delimiter {
            return fields;
        }
    }
}

/// The bytes that stand for what follows a backslash, and how many characters of it they take.
fn unescape(after: &[&[u8]]) -> (Vec<u8>, usize) {
    let digits = |from: usize, most: usize, radix: u32| {
        let all = after[from..].iter().take(most);
        all.map_while(|character| match character {
            [byte] => char::from(*byte).to_digit(radix),
            _ => None,
        })
        .collect::<Vec<u32>>()
    };
    let value = |digits: &[u32], radix: u32| {
        let value = digits.iter().fold(0, |value, digit| value * radix + digit);
        vec![u8::try_from(value & 0xFF).unwrap()]
    };
    match after[0] {
        b"0" | b"1" | b"2" | b"3" | b"4" | b"5" | b"6" | b"7" => {
            let digits = digits(0, 3, 8);
            (value(&digits, 8), digits.len())
        }
        b"x" => match digits(1, 2, 16) {
            digits if digits.is_empty() => (b"x".to_vec(), 1),
            digits => (value(&digits, 16), 1 + digits.len()),
        },
        b"n" => (b"\n".to_vec(), 1),
        b"t" => (b"\t".to_vec(), 1),
        other => (other.to_vec(), 1),
    }
}

fn csv_fields(line: &[&[u8]], options: &CopyOptions) -> Vec<Field> {
    let (delimiter, quote, escape) = ([options.delimiter], [options.quote], [options.escape]);
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (start, mut saw_quote, mut in_quotes, mut found_delimiter) = (at, false, false, false);
        let (mut value, mut has_bare_nul) = (Vec::new(), false);
        let mut end = at;
        while at < line.len() {
            end = at;
            let character = line[at];
            at += 1;
            if !in_quotes && character == delimiter {
                found_delimiter = true;
                break;
            }
            if !in_quotes && character == quote {
                (saw_quote, in_quotes) = (true, true);
            } else if in_quotes
                && character == escape
                && line.get(at).is_some_and(|next| *next == escape || *next == quote)
            {
                value.extend_from_slice(line[at]);
                at += 1;
            } else if in_quotes && character == quote {
                in_quotes = false;
            } else {
                has_bare_nul |= character == [0] && !in_quotes;
                value.extend_from_slice(character);
            }
            end = at;
        }
        let raw = line[start..end].concat();
        let value = (saw_quote || raw != options.null).then_some(value);
        fields.push(Field { value, raw, has_bare_nul, has_high_escape: false });
        if !found_delimiter {
            return fields;
        }
    }
}
