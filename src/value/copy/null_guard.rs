//! NULs in the fields of a COPY whose NULL string, or whose delimiter or quotes, a space could be
//! taken for: a field is mended only where that leaves it what it is. Knows no ends of fields.

use super::text_bytes::TextScanner;
use crate::encoding::CharacterSteps;
use crate::value::nul::nul_to_space;

/// What mends the bytes of a field.
#[derive(Debug)]
enum Filter {
    /// COPY text, with the steps of its characters.
    Text(TextScanner, Option<CharacterSteps>),
    Csv,
}

/// A byte of a field that may be the NULL string.
#[derive(Clone, Copy, Debug)]
struct Held {
    byte: u8,
    /// Offset in the buffer.
    at: usize,
    /// Whether it may change.
    may_change: bool,
}

/// Mends one field after the other. Holds what it may still have to leave alone: at most the bytes
/// of one field, and those only up to the length of the NULL string.
#[derive(Debug)]
pub(super) struct NullGuard {
    null: Vec<u8>,
    filter: Filter,
    mends_raw: bool,
    /// The field as it came, while it is not longer than the NULL string.
    held: Vec<Held>,
    is_longer: bool,
}

impl NullGuard {
    /// For COPY text; a raw NUL outside escapes is mended unless a space is the delimiter.
    pub(super) fn of_text(
        null: &[u8],
        mends_raw: bool,
        characters: Option<CharacterSteps>,
    ) -> NullGuard {
        let filter = Filter::Text(TextScanner::new(mends_raw, characters), characters);
        NullGuard::new(null, filter, mends_raw)
    }

    pub(super) fn of_csv(null: &[u8]) -> NullGuard {
        NullGuard::new(null, Filter::Csv, true)
    }

    fn new(null: &[u8], filter: Filter, mends_raw: bool) -> NullGuard {
        let null = null.to_vec();
        NullGuard { null, filter, mends_raw, held: Vec::new(), is_longer: false }
    }

    /// Takes `buffer[from..to]`, the next bytes of the field; gives the number of NULs replaced. The
    /// last of them may be a backslash that does not count where the stream ends with it.
    #[inline]
    pub(super) fn take(
        &mut self,
        buffer: &mut [u8],
        from: usize,
        to: usize,
        ends_in_backslash: bool,
    ) -> u64 {
        if self.is_longer {
            return self.filter.scan(buffer, from, to);
        }
        let length = self.held.len() + (to - from);
        if length.saturating_sub(usize::from(ends_in_backslash)) > self.null.len() {
            return self.get_longer(buffer) + self.filter.scan(buffer, from, to);
        }
        let bytes = buffer.get(from..to).unwrap_or_default();
        let held = bytes.iter().zip(from..).map(|(&byte, at)| Held { byte, at, may_change: true });
        self.held.extend(held);
        0
    }

    /// Takes a byte that has to stay; gives the number of NULs replaced with that.
    pub(super) fn take_fixed(&mut self, buffer: &mut [u8], at: usize) -> u64 {
        if !self.is_longer && self.held.len() < self.null.len() {
            let byte = buffer.get(at).copied().unwrap_or_default();
            self.held.push(Held { byte, at, may_change: false });
            return 0;
        }
        if self.is_longer { 0 } else { self.get_longer(buffer) }
    }

    /// The field is longer than the NULL string: what was held of it is mended.
    fn get_longer(&mut self, buffer: &mut [u8]) -> u64 {
        self.is_longer = true;
        let held = std::mem::take(&mut self.held);
        let mut replaced = 0;
        for Held { byte, at, may_change } in held {
            match (may_change, byte) {
                (true, _) => replaced += self.filter.scan(buffer, at, at + 1),
                (false, 0) => {}
                // It has gone, but may begin a character.
                (false, byte) => replaced += self.filter.scan(&mut [byte], 0, 1),
            }
        }
        replaced
    }

    /// The field has ended; gives the number of NULs replaced with that. A field in quotes is not
    /// NULL.
    #[inline]
    pub(super) fn end(&mut self, buffer: &mut [u8], is_quoted: bool) -> u64 {
        if std::mem::take(&mut self.is_longer) {
            return self.filter.finish(buffer);
        }
        if self.held.is_empty() {
            return 0;
        }
        let replaced = self.end_short(buffer, is_quoted);
        self.held.clear();
        replaced
    }

    fn end_short(&mut self, buffer: &mut [u8], is_quoted: bool) -> u64 {
        let mut mended: Vec<u8> = self.held.iter().map(|held| held.byte).collect();
        let is_null = |field: &[u8]| !is_quoted && field == self.null;
        if is_null(&mended) {
            return 0;
        }
        let replaced = match &self.filter {
            Filter::Text(_, characters) => {
                let mut text = TextScanner::new(self.mends_raw, *characters);
                let length = mended.len();
                text.scan(&mut mended, 0, length) + text.finish(&mut mended)
            }
            Filter::Csv => {
                let bytes = self.held.iter().zip(&mut mended);
                let nuls = bytes.filter(|(held, byte)| held.may_change && **byte == 0);
                nuls.map(|(_, byte)| *byte = b' ').map(|()| 1).sum()
            }
        };
        if replaced == 0 || is_null(&mended) {
            return 0;
        }
        for (held, mended) in self.held.iter().zip(mended) {
            if let Some(slot) = buffer.get_mut(held.at).filter(|_| held.byte != mended) {
                *slot = mended;
            }
        }
        replaced
    }

    /// Offset of the first byte that may still change.
    pub(super) fn held_from(&self) -> Option<usize> {
        // A NUL is the byte itself, or an escape.
        let is_text = matches!(self.filter, Filter::Text(..));
        let may_change =
            |held: &&Held| held.may_change && (held.byte == 0 || is_text && held.byte == b'\\');
        let held = self.held.iter().find(may_change).map(|held| held.at);
        held.or_else(|| self.filter.held_from())
    }

    /// What is held goes as it stands.
    pub(super) fn release(&mut self) {
        if !self.held.is_empty() {
            // The filter has to see what it leaves alone.
            let mut gone: Vec<u8> = self.held.drain(..).map(|held| held.byte).collect();
            let length = gone.len();
            self.filter.scan(&mut gone, 0, length);
            self.is_longer = true;
        }
        self.filter.release();
    }

    /// The first `sent` bytes of the buffer have gone.
    pub(super) fn rebase(&mut self, sent: usize) {
        if self.held_from().is_some_and(|at| at < sent) {
            self.release();
        }
        for held in &mut self.held {
            held.may_change &= held.at >= sent;
            held.at = held.at.saturating_sub(sent);
        }
        self.filter.rebase(sent);
    }

    /// The stream ends in a backslash, which does not count as a byte of the field.
    pub(super) fn forget_last(&mut self) {
        self.held.pop();
    }
}

impl Filter {
    fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        match self {
            Filter::Text(text, _) => text.scan(buffer, from, to),
            Filter::Csv => buffer.get_mut(from..to).map_or(0, nul_to_space),
        }
    }

    fn finish(&mut self, buffer: &mut [u8]) -> u64 {
        match self {
            Filter::Text(text, _) => text.finish(buffer),
            Filter::Csv => 0,
        }
    }

    fn held_from(&self) -> Option<usize> {
        match self {
            Filter::Text(text, _) => text.held_from(),
            Filter::Csv => None,
        }
    }

    fn release(&mut self) {
        if let Filter::Text(text, _) = self {
            text.release();
        }
    }

    fn rebase(&mut self, sent: usize) {
        if let Filter::Text(text, _) = self {
            text.rebase(sent);
        }
    }
}
