//! The encoding of a script by its first bytes.

use std::borrow::Cow;

/// How a file was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileEncoding {
    /// As it is: UTF-8, or another encoding whose letters are ASCII's.
    #[default]
    Plain,
    /// UTF-8 with a byte order mark.
    MarkedUtf8,
    /// UTF-16, lowest byte first.
    Utf16Le,
    /// UTF-16, highest byte first.
    Utf16Be,
}

/// The text of a file without its byte order mark, in UTF-8 if it was UTF-16.
///
/// # Errors
/// A file in UTF-16 that is malformed; the number of the first unit that is, from 0.
pub fn decode(bytes: &[u8]) -> Result<(FileEncoding, Cow<'_, [u8]>), usize> {
    let (encoding, rest) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return Ok((FileEncoding::MarkedUtf8, rest.into())),
        [0xFF, 0xFE, rest @ ..] => (FileEncoding::Utf16Le, rest),
        [0xFE, 0xFF, rest @ ..] => (FileEncoding::Utf16Be, rest),
        // Without a mark: SQL begins with ASCII.
        [first, 0, ..] if *first != 0 => (FileEncoding::Utf16Le, bytes),
        [0, second, ..] if *second != 0 => (FileEncoding::Utf16Be, bytes),
        _ => return Ok((FileEncoding::Plain, bytes.into())),
    };
    let units = rest.chunks(2).map(|unit| match *unit {
        [low, high] if encoding == FileEncoding::Utf16Le => u16::from_le_bytes([low, high]),
        [high, low] => u16::from_be_bytes([high, low]),
        // Half a unit at the end is not a character.
        _ => 0xDC00,
    });
    let mut text = String::with_capacity(rest.len());
    for (at, unit) in char::decode_utf16(units).enumerate() {
        text.push(unit.map_err(|_| at)?);
    }
    Ok((encoding, text.into_bytes().into()))
}

/// A text of [`decode`] as the file had it, with its byte order mark.
///
/// # Errors
/// The text is not UTF-8 and the file is to be UTF-16.
pub fn encode(text: &[u8], encoding: FileEncoding) -> Result<Vec<u8>, std::str::Utf8Error> {
    let units = |to_bytes: fn(u16) -> [u8; 2]| {
        let text = std::str::from_utf8(text)?;
        let marked = [0xFEFF].into_iter().chain(text.encode_utf16());
        Ok(marked.flat_map(to_bytes).collect())
    };
    match encoding {
        FileEncoding::Plain => Ok(text.to_vec()),
        FileEncoding::MarkedUtf8 => Ok([b"\xEF\xBB\xBF", text].concat()),
        FileEncoding::Utf16Le => units(u16::to_le_bytes),
        FileEncoding::Utf16Be => units(u16::to_be_bytes),
    }
}
