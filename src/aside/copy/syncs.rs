//! Sync messages among the rows of a COPY: the server ignores them, unless a row in front of one has failed. Rows go on
//! later than they come, so that which it was is known at the end. Data.

use super::super::refusal::{self, NamedLine};
use super::CopyLoad;
use crate::policy::is_about_row;
use crate::wire::{self, tag};

/// Sync messages that are remembered.
const SYNCS_MAX: usize = 1000;

/// The class of errors of constraints, most of which the server looks at when more rows have come.
const LATE: &[u8] = b"23";

/// Whether the server may look at what it refuses when more has come.
pub(super) fn is_late(failure: &[u8]) -> bool {
    refusal::sqlstate(failure).starts_with(LATE)
}

/// The Sync messages among the rows that have come.
#[derive(Debug, Default)]
pub(super) struct SyncsAmongRows {
    /// The line of the row behind each.
    lines: Vec<u64>,
    /// How many of them the server would have answered.
    answered: usize,
}

impl SyncsAmongRows {
    /// The server has ignored them all.
    pub(super) fn ignore(&mut self) {
        self.lines.clear();
    }
}

impl CopyLoad {
    /// A Sync comes among the rows.
    pub(in crate::aside) fn note_sync(&mut self) {
        if self.syncs.lines.len() < SYNCS_MAX {
            self.syncs.lines.push(self.rows.line_now().unwrap_or_default());
        }
    }

    /// The load has failed with this error.
    pub(super) fn note_end(&mut self, failure: &[u8]) {
        let is_late = is_late(failure);
        let has_rows = self.loaded > 0 || self.streamed > 0 || self.flight.is_some();
        let is_behind = |line: &&u64| match refusal::named_line(failure, self.request.table()) {
            NamedLine::Line(failed) => !is_late && failed < **line,
            // The COPY was not begun.
            NamedLine::None => !has_rows || !is_about_row(refusal::sqlstate(failure)),
        };
        self.syncs.answered = self.syncs.lines.iter().filter(is_behind).count();
    }

    /// The messages that have come and are the target's behind the COPY that has failed: the Sync messages that the server
    /// would have answered, and what the client has sent behind its rows.
    pub(in crate::aside) fn take_behind(&mut self) -> Vec<u8> {
        let mut frames = wire::with_body(tag::SYNC, &[]).repeat(self.syncs.answered);
        frames.extend(self.client_end.take().unwrap_or_default());
        frames
    }
}
