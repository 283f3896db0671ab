//! The encoding of a script by its first bytes.

use std::borrow::Cow;

/// How a file was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEncoding {
    /// The units of its text.
    pub units: TextUnits,
    /// Whether it begins with a byte order mark.
    pub is_marked: bool,
}

/// What a text consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextUnits {
    /// Bytes: UTF-8, or another encoding whose letters are ASCII's.
    #[default]
    Bytes,
    /// UTF-16, lowest byte first.
    Utf16Le,
    /// UTF-16, highest byte first.
    Utf16Be,
}

/// The text of a file without its byte order mark, in UTF-8 if it was UTF-16.
///
/// # Errors
/// A file in UTF-16 that is malformed; the number of the first character that is, from 0.
pub fn decode(bytes: &[u8]) -> Result<(FileEncoding, Cow<'_, [u8]>), usize> {
    let (units, is_marked, rest) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (TextUnits::Bytes, true, rest),
        [0xFF, 0xFE, rest @ ..] => (TextUnits::Utf16Le, true, rest),
        [0xFE, 0xFF, rest @ ..] => (TextUnits::Utf16Be, true, rest),
        // Without a mark: SQL begins with ASCII.
        [first, 0, ..] if *first != 0 => (TextUnits::Utf16Le, false, bytes),
        [0, second, ..] if *second != 0 => (TextUnits::Utf16Be, false, bytes),
        _ => (TextUnits::Bytes, false, bytes),
    };
    let encoding = FileEncoding { units, is_marked };
    if units == TextUnits::Bytes {
        return Ok((encoding, rest.into()));
    }
    let numbers = rest.chunks(2).map(|unit| match *unit {
        [low, high] if units == TextUnits::Utf16Le => u16::from_le_bytes([low, high]),
        [high, low] => u16::from_be_bytes([high, low]),
        // Half a unit at the end is not a character.
        _ => 0xDC00,
    });
    let mut text = String::with_capacity(rest.len());
    for (at, character) in char::decode_utf16(numbers).enumerate() {
        text.push(character.map_err(|_| at)?);
    }
    Ok((encoding, text.into_bytes().into()))
}

/// A text of [`decode`] as the file had it, with its byte order mark if it had one.
///
/// # Errors
/// The text is not UTF-8 and the file is to be UTF-16.
pub fn encode(text: &[u8], encoding: FileEncoding) -> Result<Vec<u8>, std::str::Utf8Error> {
    let mark: &[u8] = if encoding.is_marked { "\u{feff}".as_bytes() } else { b"" };
    let marked = [mark, text].concat();
    let units = |to_bytes: fn(u16) -> [u8; 2]| {
        std::str::from_utf8(&marked)
            .map(|text| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>())
    };
    match encoding.units {
        TextUnits::Utf16Le => units(u16::to_le_bytes),
        TextUnits::Utf16Be => units(u16::to_be_bytes),
        TextUnits::Bytes => Ok(marked),
    }
}
