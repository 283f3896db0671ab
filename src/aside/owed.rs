//! ReadyForQuery messages that are on their way, for messages that have passed. The server ignores a Sync among the rows
//! of a COPY, also one that has gone before it was known that there is a COPY. Data.

use crate::wire::tag;

/// How many are to come.
#[derive(Debug, Default)]
pub(super) struct OwedReady {
    count: usize,
    /// Sync messages behind the last statement, which may be a COPY.
    syncs: usize,
    /// The client has ended the rows that the last statement may ask for.
    is_ended: bool,
    /// The target takes rows.
    takes_rows: bool,
    /// The last statement is executed by an Execute.
    is_extended: bool,
}

impl OwedReady {
    pub(super) fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Whether the target takes rows, among which it ignores a Sync.
    pub(super) fn takes_rows(&self) -> bool {
        self.takes_rows
    }

    /// Whether rows that the target asks for belong to a pipeline.
    pub(super) fn is_extended(&self) -> bool {
        self.is_extended
    }

    /// A message passes.
    pub(super) fn note_passed(&mut self, frame_tag: u8) {
        match frame_tag {
            tag::QUERY | tag::FUNCTION_CALL | tag::EXECUTE => {
                self.count += usize::from(frame_tag != tag::EXECUTE);
                (self.syncs, self.is_ended, self.takes_rows) = (0, false, false);
                self.is_extended = frame_tag == tag::EXECUTE;
            }
            tag::SYNC if !self.takes_rows => {
                self.count += 1;
                self.syncs += usize::from(!self.is_ended);
            }
            tag::COPY_DONE | tag::COPY_FAIL => (self.is_ended, self.takes_rows) = (true, false),
            _ => {}
        }
    }

    /// The target answers to what has passed.
    pub(super) fn note_answer(&mut self, frame_tag: u8) {
        match frame_tag {
            tag::READY_FOR_QUERY => self.count = self.count.saturating_sub(1),
            tag::COPY_IN_RESPONSE => {
                self.count = self.count.saturating_sub(std::mem::take(&mut self.syncs));
                self.takes_rows = !self.is_ended;
            }
            tag::ERROR_RESPONSE | tag::COMMAND_COMPLETE => self.takes_rows = false,
            _ => {}
        }
    }

    /// Nothing is to come.
    pub(super) fn clear(&mut self) {
        *self = OwedReady::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(frames: &[u8]) -> OwedReady {
        let mut owed = OwedReady::default();
        for frame_tag in frames {
            match frame_tag {
                b'G' | b'Z' => owed.note_answer(*frame_tag),
                _ => owed.note_passed(*frame_tag),
            }
        }
        owed
    }

    #[test]
    fn a_sync_among_rows_is_not_answered() {
        for (frames, count) in [
            (&b"ES"[..], 1),
            (b"ESG", 0),
            (b"EGSdSc", 0),
            (b"ESGdcS", 1),
            (b"ESdcSG", 1),
            (b"QSdcG", 1),
            (b"QSdcGZ", 0),
            (b"QQS", 3),
        ] {
            assert_eq!(after(frames).count, count, "{}", frames.escape_ascii());
        }
    }
}
