//! NULs in the row stream of a COPY FROM STDIN, mended in place and within their length while the
//! stream passes through a buffer; knows no SQL, and of frames only that headers lie between rows.

use std::sync::Arc;

use super::binary::BinaryScanner;
use super::fields::{CsvFields, TextFields};
use super::fields_in_place::FieldsInPlace;
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
    bytes: Bytes,
    /// Only where fields have to be told apart. Changes none of the bytes that `bytes` changes.
    fields: Option<Fields>,
    replaced: u64,
}

/// What is mended without knowing fields, or by the lengths in front of them.
#[derive(Debug)]
enum Bytes {
    /// Nothing may be touched.
    Opaque,
    /// Every byte 0x00 becomes a space.
    Raw,
    Text(TextScanner),
    Binary(Box<BinaryScanner>),
}

/// Fields that are told apart.
#[derive(Debug)]
enum Fields {
    Text(Box<FieldsInPlace<TextFields>>),
    Csv(Box<FieldsInPlace<CsvFields>>),
}

/// Calls a method of the fields, where there are any.
macro_rules! fields {
    ($fields:expr, $none:expr, $reader:ident => $call:expr) => {
        match $fields {
            None => $none,
            Some(Fields::Text($reader)) => $call,
            Some(Fields::Csv($reader)) => $call,
        }
    };
}

impl CopyScanner {
    /// A scanner for the stream of a COPY with these options. The encoding that the COPY names wins
    /// over the client's.
    pub fn new(options: &CopyOptions, client_encoding: Encoding) -> CopyScanner {
        CopyScanner::with_kinds(options, client_encoding, &Arc::default())
    }

    /// Whether what columns hold decides over the bytes of a stream with these options.
    pub fn goes_by_kinds(options: &CopyOptions, kinds: &[ValueKind]) -> bool {
        match options.format {
            CopyFormat::Binary => kinds.iter().any(|kind| *kind != ValueKind::Other),
            CopyFormat::Text | CopyFormat::Csv => kinds.contains(&ValueKind::Json),
        }
    }

    /// The same where the kind of each column is known, in the order in which the COPY names them.
    pub fn with_kinds(
        options: &CopyOptions,
        client_encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
    ) -> CopyScanner {
        let encoding = options.encoding.unwrap_or(client_encoding);
        let (bytes, fields) = match options.format {
            CopyFormat::Binary if !CopyScanner::goes_by_kinds(options, kinds) => {
                (Bytes::Opaque, None)
            }
            CopyFormat::Binary => {
                (Bytes::Binary(Box::new(BinaryScanner::new(kinds, encoding))), None)
            }
            CopyFormat::Text => {
                let guards = text_mend_may_be_null(&options.null);
                let fields = FieldsInPlace::of_text(options, encoding, kinds, guards);
                let characters = CharacterSteps::needed(encoding);
                let bytes = match guards {
                    true => Bytes::Opaque,
                    false => Bytes::Text(TextScanner::new(options.delimiter != b' ', characters)),
                };
                (bytes, fields.map(|fields| Fields::Text(Box::new(fields))))
            }
            CopyFormat::Csv => {
                let guards = csv_mend_may_matter(options);
                let fields = FieldsInPlace::of_csv(options, encoding, kinds, guards);
                let bytes = if guards { Bytes::Opaque } else { Bytes::Raw };
                (bytes, fields.map(|fields| Fields::Csv(Box::new(fields))))
            }
        };
        CopyScanner { bytes, fields, replaced: 0 }
    }

    /// A scanner for a stream whose statement was not understood: only the byte 0x00 is mended. Not
    /// for a stream that the CopyInResponse announces as binary.
    pub fn raw() -> CopyScanner {
        CopyScanner { bytes: Bytes::Raw, fields: None, replaced: 0 }
    }

    /// Mends `buffer[from..to]`, the next bytes of the stream, and any byte that was held.
    pub fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) {
        self.replaced += match &mut self.bytes {
            Bytes::Opaque => 0,
            Bytes::Raw => buffer.get_mut(from..to).map_or(0, nul_to_space),
            Bytes::Text(text) => text.scan(buffer, from, to),
            Bytes::Binary(binary) => binary.scan(buffer, from, to),
        };
        self.replaced += fields!(&mut self.fields, 0, reader => reader.scan(buffer, from, to));
    }

    /// Offset of the first byte that must not be sent yet, because it may still change: its escape
    /// is cut, or its field may still turn out to be NULL. `None`: everything scanned may go.
    pub fn held_from(&self) -> Option<usize> {
        let bytes = match &self.bytes {
            Bytes::Opaque | Bytes::Raw => None,
            Bytes::Text(text) => text.held_from(),
            Bytes::Binary(binary) => binary.held_from(),
        };
        let fields = fields!(&self.fields, None, reader => reader.held_from());
        bytes.into_iter().chain(fields).min()
    }

    /// Lets go of what is held, as it stands and uncounted, though the stream goes on: for a buffer
    /// that is full of held bytes. A NUL among them is then refused by the server.
    pub fn release(&mut self) {
        match &mut self.bytes {
            Bytes::Opaque | Bytes::Raw => {}
            Bytes::Text(text) => text.release(),
            Bytes::Binary(binary) => binary.release(),
        }
        fields!(&mut self.fields, (), reader => reader.release());
    }

    /// The first `sent` bytes of the buffer have gone: what is held lies so much lower.
    pub fn rebase(&mut self, sent: usize) {
        match &mut self.bytes {
            Bytes::Opaque | Bytes::Raw => {}
            Bytes::Text(text) => text.rebase(sent),
            Bytes::Binary(binary) => binary.rebase(sent),
        }
        fields!(&mut self.fields, (), reader => reader.rebase(sent));
    }

    /// Settles what is held: the stream has ended (CopyDone).
    pub fn finish(&mut self, buffer: &mut [u8]) {
        self.replaced += match &mut self.bytes {
            Bytes::Opaque | Bytes::Raw => 0,
            Bytes::Text(text) => text.finish(buffer),
            Bytes::Binary(binary) => {
                binary.release();
                0
            }
        };
        self.replaced += fields!(&mut self.fields, 0, reader => reader.finish(buffer));
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
