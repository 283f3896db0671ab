//! NULs in the row stream of a COPY FROM STDIN, mended in place and within their length while the
//! stream passes through a buffer; knows no SQL, and of frames only that headers lie between rows.

use std::sync::Arc;

use super::binary::BinaryScanner;
use super::fields_in_place::FieldScanner;
use super::json_columns::JsonColumns;
use super::options::{CopyFormat, CopyOptions};
use super::text_bytes::TextScanner;
use crate::encoding::{CharacterSteps, Encoding};
use crate::value::column::ValueKind;
use crate::value::nul::nul_to_space;

/// Replaces NULs by spaces in a COPY stream that lies, piece by piece, in a buffer.
///
/// The payloads of the CopyData frames are given to [`CopyScanner::scan`] one after the other; what
/// lies between them in the buffer (frame headers) is never touched. A byte may be sent unless it
/// lies at or behind [`CopyScanner::held_from`].
///
/// | Format | A NUL is | It becomes |
/// | --- | --- | --- |
/// | text | the byte 0x00 | the byte 0x20 |
/// | text | `\0` `\00` `\000` `\400` | `\ ` `\40` `\040` `\040` |
/// | text | `\x0` `\x00` | `\40` `\x20` |
/// | CSV | the byte 0x00 | the byte 0x20 |
/// | text, CSV, JSON columns | `\u0000`, as the format spells it | `\u0020`, spelled alike |
/// | binary, character and JSON columns | the byte 0x00 | the byte 0x20 |
/// | binary, JSON columns | `\u0000` | `\u0020` |
/// | binary, other columns | | untouched |
///
/// A NUL stays, and the server refuses the row with SQLSTATE 22021, where a space would make the
/// field equal to the NULL string, split it (the space is the delimiter), or change what CSV quotes
/// mean (the space is the quote or the escape).
#[derive(Debug)]
pub struct CopyScanner {
    rows: Rows,
    /// Only where a column is known to be JSON. Changes none of the bytes that `rows` changes.
    json: Option<Box<JsonColumns>>,
    replaced: u64,
}

#[derive(Debug)]
enum Rows {
    /// Nothing may be touched.
    Opaque,
    /// Every byte 0x00 becomes a space.
    Raw,
    Text(TextScanner),
    /// Boxed, as the next: rare, and larger than the rest.
    Fields(Box<FieldScanner>),
    Binary(Box<BinaryScanner>),
}

impl CopyScanner {
    /// A scanner for the stream of a COPY with these options. The encoding that the COPY names wins
    /// over the client's.
    pub fn new(options: &CopyOptions, client_encoding: Encoding) -> CopyScanner {
        CopyScanner::with_kinds(options, client_encoding, &Arc::default())
    }

    /// The same where the kind of each column is known, in the order in which the COPY names them.
    pub fn with_kinds(
        options: &CopyOptions,
        client_encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
    ) -> CopyScanner {
        let encoding = options.encoding.unwrap_or(client_encoding);
        let characters = CharacterSteps::needed(encoding);
        let json = match options.format {
            CopyFormat::Binary => None,
            _ => JsonColumns::needed(options, characters, kinds.clone()).map(Box::new),
        };
        let rows = match options.format {
            CopyFormat::Binary if kinds.iter().all(|kind| *kind == ValueKind::Other) => {
                Rows::Opaque
            }
            CopyFormat::Binary => {
                Rows::Binary(Box::new(BinaryScanner::new(kinds.clone(), encoding)))
            }
            CopyFormat::Text if text_mend_may_be_null(&options.null) => {
                Rows::Fields(Box::new(FieldScanner::new(options, characters)))
            }
            CopyFormat::Text => Rows::Text(TextScanner::new(options.delimiter != b' ', characters)),
            CopyFormat::Csv if csv_mend_may_matter(options) => {
                Rows::Fields(Box::new(FieldScanner::new(options, characters)))
            }
            CopyFormat::Csv => Rows::Raw,
        };
        CopyScanner { rows, json, replaced: 0 }
    }

    /// A scanner for a stream whose statement was not understood: only the byte 0x00 is mended. Not
    /// for a stream that the CopyInResponse announces as binary.
    pub fn raw() -> CopyScanner {
        CopyScanner { rows: Rows::Raw, json: None, replaced: 0 }
    }

    /// Mends `buffer[from..to]`, the next bytes of the stream, and any byte that was held.
    pub fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) {
        self.replaced += match &mut self.rows {
            Rows::Opaque => 0,
            Rows::Raw => buffer.get_mut(from..to).map_or(0, nul_to_space),
            Rows::Text(text) => text.scan(buffer, from, to),
            Rows::Fields(fields) => fields.scan(buffer, from, to),
            Rows::Binary(binary) => binary.scan(buffer, from, to),
        };
        if let Some(json) = &mut self.json {
            self.replaced += json.scan(buffer, from, to);
        }
    }

    /// Offset of the first byte that must not be sent yet, because it may still change: its escape
    /// is cut, or its field may still turn out to be NULL. `None`: everything scanned may go.
    pub fn held_from(&self) -> Option<usize> {
        let rows = match &self.rows {
            Rows::Opaque | Rows::Raw => None,
            Rows::Text(text) => text.held_from(),
            Rows::Fields(fields) => fields.held_from(),
            Rows::Binary(binary) => binary.held_from(),
        };
        match &self.json {
            None => rows,
            Some(json) => rows.into_iter().chain(json.held_from()).min(),
        }
    }

    /// Lets go of what is held, as it stands and uncounted, though the stream goes on: for a buffer
    /// that is full of held bytes. A NUL among them is then refused by the server.
    pub fn release(&mut self) {
        match &mut self.rows {
            Rows::Opaque | Rows::Raw => {}
            Rows::Text(text) => text.release(),
            Rows::Fields(fields) => fields.release(),
            Rows::Binary(binary) => binary.release(),
        }
        self.json.iter_mut().for_each(|json| json.release());
    }

    /// The first `sent` bytes of the buffer have gone: what is held lies so much lower.
    pub fn rebase(&mut self, sent: usize) {
        match &mut self.rows {
            Rows::Opaque | Rows::Raw => {}
            Rows::Text(text) => text.rebase(sent),
            Rows::Fields(fields) => fields.rebase(sent),
            Rows::Binary(binary) => binary.rebase(sent),
        }
        self.json.iter_mut().for_each(|json| json.rebase(sent));
    }

    /// Settles what is held: the stream has ended (CopyDone).
    pub fn finish(&mut self, buffer: &mut [u8]) {
        self.replaced += match &mut self.rows {
            Rows::Opaque | Rows::Raw => 0,
            Rows::Text(text) => text.finish(buffer),
            Rows::Fields(fields) => fields.finish(buffer),
            Rows::Binary(binary) => {
                binary.release();
                0
            }
        };
        // A JSON escape that the stream leaves unfinished is none.
        self.json.iter_mut().for_each(|json| json.release());
    }

    /// NULs replaced since the last call.
    pub fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }
}

/// Whether a field that is mended, or that needs no mending because it is NULL, could be this NULL
/// string: it has a space, or the start of an escape for a NUL or a space.
fn text_mend_may_be_null(null: &[u8]) -> bool {
    null.contains(&b' ') || null.windows(2).any(|pair| matches!(pair, [b'\\', b'0' | b'4' | b'x']))
}

/// Whether a space in place of a NUL can mean anything but itself.
fn csv_mend_may_matter(options: &CopyOptions) -> bool {
    [options.delimiter, options.quote, options.escape].contains(&b' ')
        || options.null.contains(&b' ')
}
