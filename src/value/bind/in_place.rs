//! A Bind whose values are mended where they lie while it arrives. Knows no SQL and no sockets, and of
//! parameter types only their kinds.

use std::sync::Arc;

use crate::encoding::Encoding;
use crate::value::column::ValueKind;
use crate::value::nul::{NulMender, NulRule};
use crate::wire::{Parameter, ParameterReader, ValuePiece};

/// Mends the body of one Bind message that arrives in pieces.
///
/// | Parameter | in text format | in binary format |
/// | --- | --- | --- |
/// | character | the byte 0x00 | the byte 0x00 |
/// | JSON | the byte 0x00, `\u0000` | the byte 0x00, `\u0000` |
/// | array of characters | the byte 0x00 | the byte 0x00 in its elements |
/// | array of JSON | the byte 0x00 | the byte 0x00 and `\u0000` in its elements |
/// | other, or of no known kind | the byte 0x00 | untouched: it may be data |
///
/// From the first count or length on that cannot be right, nothing is touched: the server will
/// refuse the message.
#[derive(Debug)]
pub struct BindScanner {
    reader: ParameterReader,
    /// A parameter beyond these is [`ValueKind::Other`].
    kinds: Arc<[ValueKind]>,
    mender: NulMender,
    replaced: u64,
}

impl BindScanner {
    /// A scanner for a body of `body_bytes` whose parameters are of no known kind.
    pub fn new(body_bytes: usize) -> BindScanner {
        BindScanner::with_kinds(body_bytes, Encoding::SingleByte, &Arc::default())
    }

    /// A scanner where the kind of each parameter is known. Those that are missing count as
    /// [`ValueKind::Other`].
    pub fn with_kinds(
        body_bytes: usize,
        client_encoding: Encoding,
        kinds: &Arc<[ValueKind]>,
    ) -> BindScanner {
        BindScanner {
            reader: ParameterReader::of_bind(body_bytes),
            kinds: Arc::clone(kinds),
            mender: NulMender::new(client_encoding),
            replaced: 0,
        }
    }

    /// Mends the next bytes of the body in place; gives how many of them are settled and may be
    /// sent. The others are to be given again, at the front of the next chunk: one byte at most,
    /// where a JSON escape is cut behind it. Where no kind is JSON, all are settled.
    pub fn scan(&mut self, chunk: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            match self.reader.next(chunk, &mut at) {
                Parameter::Value(piece) => {
                    let settled = self.mend(chunk, piece);
                    self.reader.pass(settled - piece.from, &mut at);
                    if settled < piece.to {
                        return settled;
                    }
                }
                Parameter::Null => {}
                Parameter::Cut | Parameter::End | Parameter::Malformed => return chunk.len(),
            }
        }
    }

    /// Mends a piece of a value; gives the offset up to which it is settled.
    fn mend(&mut self, chunk: &mut [u8], piece: ValuePiece) -> usize {
        let kind = self.kinds.get(piece.index).copied().unwrap_or_default();
        let rule = NulRule::of(kind, piece.is_text);
        self.replaced += self.mender.scan(rule, chunk, piece.from, piece.to);
        if piece.is_last {
            self.mender.restart(rule);
            return piece.to;
        }
        match self.mender.held_from() {
            Some(digit) => {
                self.mender.give_back(piece.to - digit);
                digit
            }
            None => piece.to,
        }
    }

    /// NULs replaced since the last call.
    pub fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }
}
