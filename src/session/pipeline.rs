//! The messages of an extended query that the target takes for one, as far as the client has sent them. Knows
//! tags and what was noted; may not read message bodies.

use super::ask::Delivery;
use super::step::{Progress, Step};
use crate::wire::{self, tag};

/// The client's pipeline.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    stage: PipelineStage,
    /// A Query has gone behind a pipeline without a Sync: whether the target runs it or skips it, and with
    /// it what follows, is known when all is answered.
    query_is_unsure: bool,
    /// The target answers everything that has gone: a Flush or a Sync is behind it.
    is_flushed: bool,
}

/// The messages of an extended query since the last Sync that the target takes for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PipelineStage {
    /// There are none.
    #[default]
    None,
    /// Nothing of them was bound or executed.
    Prepares,
    /// A portal was made, or executed.
    Runs,
    /// A Sync is behind them, which the target ignores if it asks for the rows of a COPY.
    Ending,
}

impl Pipeline {
    /// Whether an error would make the target skip what the client sends next.
    pub(super) fn is_open(&self) -> bool {
        self.stage != PipelineStage::None
    }

    /// Whether a Sync is behind it that the target may yet ignore.
    pub(super) fn is_ending(&self) -> bool {
        self.stage == PipelineStage::Ending
    }

    /// A Sync that the target takes for one is behind all that has gone.
    pub(super) fn end(&mut self) {
        self.stage = PipelineStage::None;
        self.query_is_unsure = false;
    }

    /// A Query or a FunctionCall goes to the target; `is_owed` says that it has not answered all that went
    /// before. A message that is not skipped ends the pipeline.
    pub(super) fn note_query(&mut self, is_owed: bool) {
        self.query_is_unsure = is_owed && (self.is_open() || self.query_is_unsure);
        self.stage = PipelineStage::None;
    }

    /// Whether it is known what the target skips.
    pub(super) fn is_certain(&self, is_owed: bool) -> bool {
        !(is_owed && (self.is_open() || self.query_is_unsure))
    }

    /// The target has asked for rows, so it has ignored the Sync behind the statement.
    pub(super) fn continue_copy(&mut self) {
        if self.stage == PipelineStage::Ending {
            self.stage = PipelineStage::Runs;
        }
    }

    /// A Sync has gone behind a statement that may ask for the rows of a COPY.
    pub(super) fn note_uncertain_sync(&mut self) {
        self.stage = PipelineStage::Ending;
    }

    /// A message of the client's, or one in its place, goes to the target.
    #[inline]
    pub(super) fn note_sent(&mut self, frame_tag: u8) {
        self.is_flushed = matches!(frame_tag, tag::FLUSH | tag::SYNC);
        self.note_stage(frame_tag);
    }

    /// A message with this tag goes to the target in place of the client's.
    #[inline]
    pub(super) fn note_stage(&mut self, frame_tag: u8) {
        match (frame_tag, self.stage) {
            (tag::BIND | tag::EXECUTE, _) => self.stage = PipelineStage::Runs,
            (tag::PARSE | tag::DESCRIBE | tag::CLOSE, PipelineStage::None) => {
                self.stage = PipelineStage::Prepares;
            }
            _ => {}
        }
    }

    /// The target answers all that has gone: it ends in a Sync or a Flush.
    pub(super) fn note_flushed(&mut self) {
        self.is_flushed = true;
    }

    /// Waits until the target has answered what has gone, which it keeps to itself in a pipeline until it
    /// is told to send it.
    pub(super) fn flush(&mut self, first: bool) -> Progress {
        if !self.is_open() || self.is_flushed {
            return Progress::Wait;
        }
        if !first {
            return Progress::Later;
        }
        self.is_flushed = true;
        Progress::Done(Step::Replace(0, wire::with_body(tag::FLUSH, &[])))
    }

    /// How a question travels in front of a message of the simple or of the extended protocol; `None` where
    /// all has to be answered first. A question in a pipeline is an Execute there; where the pipeline has
    /// executed nothing before, that would change what may follow, so the question goes in front of the
    /// rest with a Sync of its own.
    pub(super) fn delivery(
        &self,
        extended: bool,
        is_owed: bool,
        has_unnamed: bool,
    ) -> Option<Delivery> {
        if self.query_is_unsure && is_owed {
            return None;
        }
        match self.stage {
            PipelineStage::Runs | PipelineStage::Ending => Some(Delivery::Pipeline),
            PipelineStage::Prepares if is_owed => None,
            PipelineStage::Prepares => Some(Delivery::Group),
            // The client's own Query may fail before it destroys the unnamed statement.
            PipelineStage::None if extended || has_unnamed => Some(Delivery::Group),
            PipelineStage::None => Some(Delivery::Query),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tags: &[u8]) -> Pipeline {
        let mut pipeline = Pipeline::default();
        tags.iter().for_each(|tag| pipeline.note_sent(*tag));
        pipeline
    }

    #[test]
    fn a_question_travels_as_the_pipeline_allows() {
        let delivery = |tags: &[u8], is_owed| after(tags).delivery(true, is_owed, false);
        assert_eq!(delivery(b"", false), Some(Delivery::Group));
        assert_eq!(delivery(b"P", false), Some(Delivery::Group));
        assert_eq!(delivery(b"PD", true), None, "it would be an Execute among them");
        assert_eq!(delivery(b"PB", true), Some(Delivery::Pipeline));
        let simple = |has_unnamed| after(b"").delivery(false, false, has_unnamed);
        assert_eq!(simple(false), Some(Delivery::Query));
        assert_eq!(simple(true), Some(Delivery::Group), "a Query would destroy it");
    }

    #[test]
    fn a_query_behind_a_pipeline_is_unsure_until_all_is_answered() {
        let mut pipeline = after(b"PBE");
        assert!(!pipeline.is_certain(true) && pipeline.is_certain(false));
        pipeline.note_query(true);
        assert!(!pipeline.is_open());
        assert_eq!(pipeline.delivery(true, true, false), None);
        assert_eq!(pipeline.delivery(true, false, false), Some(Delivery::Group));
        pipeline.end();
        assert!(pipeline.is_certain(true));
    }

    #[test]
    fn a_pipeline_is_flushed_once() {
        let mut pipeline = after(b"PB");
        assert!(matches!(pipeline.flush(false), Progress::Later));
        assert!(matches!(pipeline.flush(true), Progress::Done(Step::Replace(0, _))));
        assert!(matches!(pipeline.flush(true), Progress::Wait));
        assert!(matches!(after(b"").flush(true), Progress::Wait), "nothing is kept back");
    }

    #[test]
    fn a_copy_takes_the_sync_behind_its_statement() {
        let mut pipeline = after(b"PBE");
        pipeline.note_uncertain_sync();
        assert!(pipeline.is_ending());
        pipeline.continue_copy();
        assert!(pipeline.is_open() && !pipeline.is_ending());
        pipeline.end();
        pipeline.continue_copy();
        assert!(!pipeline.is_open());
    }
}
