//! COPY text where fields need not be told apart: escapes and raw NULs, at memory speed. Knows
//! neither delimiters nor NULL strings.

use memchr::memchr2;

use crate::encoding::CharacterSteps;
use crate::escape::nul::{NulEscape, OpenEscape, judge};

/// The bytes that are looked at together; one more has to follow them.
const BLOCK_BYTES: usize = 64;

/// Scans COPY text for NULs whose mending cannot change where a field ends or whether it is NULL.
#[derive(Debug)]
pub(super) struct TextScanner {
    /// Whether a raw NUL outside an escape becomes a space: not where a space is the delimiter.
    mends_raw: bool,
    /// Only where a backslash byte can be part of a character.
    characters: Option<CharacterSteps>,
    escape: Option<OpenEscape>,
}

impl TextScanner {
    pub(super) fn new(mends_raw: bool, characters: Option<CharacterSteps>) -> TextScanner {
        TextScanner { mends_raw, characters, escape: None }
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let mut next = from;
        if let (Some(characters), Some(chunk)) = (&mut self.characters, buffer.get(from..to)) {
            next += characters.resume(chunk);
        }
        let mut replaced = 0;
        while self.escape.is_some() && next < to {
            (next, replaced) = self.scan_cut_escape(buffer, next, replaced);
        }
        // The block that ends here is known to hold something that may have to be mended.
        let mut suspicious_to = next;
        while next < to {
            if next >= suspicious_to && self.characters.is_none() {
                next += clean_prefix(buffer.get(next..to).unwrap_or_default());
                suspicious_to = (next + BLOCK_BYTES).min(to);
            } else if self.characters.is_some() {
                suspicious_to = to;
            }
            match self.find(buffer.get(next..suspicious_to).unwrap_or_default()) {
                None => next = suspicious_to,
                Some(found) => {
                    next += found;
                    let rest = buffer.get_mut(next..to).unwrap_or_default();
                    let (bytes, mended) = self.mend(rest, next);
                    next += bytes;
                    replaced += u64::from(mended);
                }
            }
        }
        replaced
    }

    /// The next byte that has to be looked at.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self.characters {
            None => memchr2(0, b'\\', bytes),
            Some(_) => bytes.iter().position(|byte| matches!(byte, 0 | b'\\' | 0x80..)),
        }
    }

    /// Mends what `rest` starts with, at offset `at`; gives how many bytes that was and whether a
    /// NUL was replaced.
    fn mend(&mut self, rest: &mut [u8], at: usize) -> (usize, bool) {
        match rest {
            [b'\\', after @ ..] => match judge(after) {
                NulEscape::Open => {
                    self.escape = Some(OpenEscape::cut(after, at + 1));
                    (rest.len(), false)
                }
                NulEscape::Keep(bytes) => (1 + bytes, false),
                NulEscape::Mend(with) => {
                    if let Some(escape) = after.get_mut(..with.len()) {
                        escape.copy_from_slice(with);
                    }
                    (1 + with.len(), true)
                }
            },
            [byte @ 0, ..] => {
                if self.mends_raw {
                    *byte = b' ';
                }
                (1, self.mends_raw)
            }
            _ => (self.characters.as_mut().map_or(1, |characters| characters.step(rest)), false),
        }
    }

    /// Feeds the byte at `next` to the escape that is cut; gives the offset to go on from.
    fn scan_cut_escape(&mut self, buffer: &mut [u8], next: usize, replaced: u64) -> (usize, u64) {
        let (Some(escape), Some(&byte)) = (&mut self.escape, buffer.get(next)) else {
            return (next + 1, replaced);
        };
        let fed = escape.feed(byte, next);
        let next = next + usize::from(fed.belongs);
        match fed.verdict {
            NulEscape::Open => (next, replaced),
            verdict => (next, replaced + self.settle(buffer, verdict)),
        }
    }

    /// Ends the open escape as judged.
    fn settle(&mut self, buffer: &mut [u8], verdict: NulEscape) -> u64 {
        let Some(escape) = self.escape.take() else { return 0 };
        let NulEscape::Mend(with) = verdict else { return 0 };
        for (_, at, byte) in escape.patches(with) {
            if let Some(slot) = buffer.get_mut(at) {
                *slot = byte;
            }
        }
        u64::from(!escape.is_released())
    }

    pub(super) fn finish(&mut self, buffer: &mut [u8]) -> u64 {
        let verdict = self.escape.as_ref().map_or(NulEscape::Open, OpenEscape::last);
        self.settle(buffer, verdict)
    }

    pub(super) fn held_from(&self) -> Option<usize> {
        self.escape.as_ref().and_then(OpenEscape::held_from)
    }

    pub(super) fn release(&mut self) {
        self.escape.iter_mut().for_each(OpenEscape::release);
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        self.escape.iter_mut().for_each(|escape| escape.rebase(sent));
    }
}

/// The length of a prefix of `text` in which nothing needs mending. `text` starts outside an escape,
/// and so does what is behind the prefix.
///
/// Whole blocks are skipped that have no NUL and none of the pairs that a NUL escape starts with,
/// whatever the parity of the backslashes, so rows full of `\N` and `\\` cost no more than others.
fn clean_prefix(text: &[u8]) -> usize {
    let mut clean = 0;
    while let (Some(block), Some(behind)) =
        (text.get(clean..clean + BLOCK_BYTES), text.get(clean + 1..clean + 1 + BLOCK_BYTES))
    {
        if is_suspicious(block, behind) {
            break;
        }
        clean += BLOCK_BYTES;
    }
    let prefix = text.get(..clean).unwrap_or_default();
    let backslashes = prefix.iter().rev().take_while(|&&byte| byte == b'\\').count();
    // The last of an odd number is a backslash whose escape lies behind the prefix.
    clean - backslashes % 2
}

/// Whether a block may hold a NUL, raw or escaped; `behind` is the block one byte on.
#[inline]
fn is_suspicious(block: &[u8], behind: &[u8]) -> bool {
    let pairs = block.iter().zip(behind);
    pairs.fold(0, |found, (&byte, &next)| {
        let escape =
            u8::from(byte == b'\\') & u8::from((next == b'0') | (next == b'4') | (next == b'x'));
        found | u8::from(byte == 0) | escape
    }) != 0
}
