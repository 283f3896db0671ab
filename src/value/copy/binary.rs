//! COPY binary, mended where it lies by the kinds of its columns. Knows no frames.

use std::sync::Arc;

use super::binary_framing::{BinaryFraming, BinarySection};
use crate::encoding::Encoding;
use crate::value::column::ValueKind;
use crate::value::nul::{NulMender, NulRule, nul_to_space};
use crate::wire::CutNumber;

/// Scans COPY binary. From the first thing on that cannot be right nothing is touched.
#[derive(Debug)]
pub(super) struct BinaryScanner {
    framing: BinaryFraming,
    number: CutNumber,
    /// A rule a column.
    rules: Box<[NulRule]>,
    mender: NulMender,
}

impl BinaryScanner {
    pub(super) fn new(kinds: &Arc<[ValueKind]>, encoding: Encoding) -> BinaryScanner {
        BinaryScanner {
            framing: BinaryFraming::new(kinds.len()),
            number: CutNumber::default(),
            rules: kinds.iter().map(|kind| NulRule::of(*kind, false)).collect(),
            mender: NulMender::new(encoding),
        }
    }

    /// Mends `buffer[from..to]` and what is held; gives the number of NULs replaced.
    pub(super) fn scan(&mut self, buffer: &mut [u8], from: usize, to: usize) -> u64 {
        let to = to.min(buffer.len());
        let (mut next, mut replaced) = (from, 0);
        while next < to {
            let rest = buffer.get(next..to).unwrap_or_default();
            match self.framing.section() {
                BinarySection::Field { left } => {
                    let there = left.min(rest.len());
                    replaced += self.mend(buffer, next, next + there, there == left);
                    self.framing.pass(there);
                    next += there;
                }
                BinarySection::Length => {
                    let (taken, length) = self.number.take::<4>(rest);
                    next += taken;
                    if let Some(length) = length {
                        self.framing.begin_field(length);
                    }
                }
                BinarySection::FieldCount => {
                    let (taken, count) = self.number.take::<2>(rest);
                    next += taken;
                    if let Some(count) = count {
                        self.framing.begin_tuple(count);
                    }
                }
                BinarySection::Rest => break,
                _ => next += self.framing.take_front(rest),
            }
        }
        replaced
    }

    /// Mends a piece of a field, perhaps the last.
    #[inline]
    fn mend(&mut self, buffer: &mut [u8], from: usize, to: usize, is_last: bool) -> u64 {
        match self.rules.get(self.framing.column()).copied() {
            None | Some(NulRule::Keep) => 0,
            Some(NulRule::Nul) => buffer.get_mut(from..to).map_or(0, nul_to_space),
            Some(rule) => {
                let replaced = self.mender.scan(rule, buffer, from, to);
                if is_last {
                    self.mender.restart(rule);
                }
                replaced
            }
        }
    }

    pub(super) fn held_from(&self) -> Option<usize> {
        self.mender.held_from()
    }

    pub(super) fn release(&mut self) {
        self.mender.release();
    }

    pub(super) fn rebase(&mut self, sent: usize) {
        self.mender.rebase(sent);
    }
}
