//! The client's side of a session: the frame that is arriving, the rows and the text that wait, and what was
//! sent since the last Sync.

use super::ask::parking::Tried;
use super::context::Context;
use super::message::copy_in::{self, CopyIn};
use super::message::text::Text;
use super::pipeline::Pipeline;
use super::protocol::Protocol;
use super::replies::{Expected, Replies, Request};
use super::report::Report;
use super::step::{Body, Mend, Progress, Step};
use super::telling;
use crate::ledger::{Place, Road};
use crate::statement::AliasTypes;
use crate::statistics::Watched;
use crate::wire::{self, FrameError, Head, tag};

/// The client's side of a session.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// The rest of the frame that is arriving.
    pub(super) body: Body,
    /// The COPY stream that the target has asked for and not yet had.
    pub(super) copy_in: CopyIn,
    /// The Query or Parse that waits for the answer to a question about it.
    pub(super) text: Option<Box<Text>>,
    /// The types that its texts have made of others.
    pub(super) aliases: AliasTypes,
    /// What was tried for the message that waits.
    pub(super) tried: Tried,
    pub(super) pipeline: Pipeline,
    pub(super) drops: Drops,
    /// The client has sent Terminate.
    pub(super) is_terminated: bool,
}

/// Which of the client's messages do not go to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drops {
    /// All go.
    #[default]
    None,
    /// The next one does not: a COPY has taken a message of ours in its place.
    Next,
    /// Those up to a Sync do not: the target would skip them, but a Sync of ours has ended that.
    ToSync,
}

impl ClientSide {
    /// The text of a Query or Parse, read behind those that the client has sent before. Should the server refuse it, the
    /// types that it makes of others mean the same to the client all the same.
    pub(super) fn take_text(
        &mut self,
        frame_tag: u8,
        body: &mut [u8],
        report: &mut Report,
        context: &Context,
    ) -> Option<Box<Text>> {
        Text::take(&mut self.text, &mut self.aliases, frame_tag, body, report, context)
    }

    /// The frames that end the COPY of a client that sends no more rows, in place of the end of its connection.
    pub(super) fn give_up_copy(&mut self, replies: &mut Replies) -> Vec<u8> {
        let mut frames = wire::with_body(tag::COPY_FAIL, &[b"the client has left\0"]);
        if self.copy_in.protocol() == Protocol::Extended {
            replies.push(Expected::new(Request::Sync));
            frames.extend(wire::with_body(tag::SYNC, &[]));
        }
        self.copy_in.end();
        frames
    }

    /// Whether the target is in the middle of none of its messages, and takes no rows.
    pub(super) fn is_between_messages(&self) -> bool {
        self.body.remaining == 0 && !self.copy_in.is_open()
    }

    /// Whether what comes next may be something else than the head of a frame.
    #[inline]
    pub(super) fn may_be_inside(&self) -> bool {
        self.body.remaining > 0 || self.copy_in.is_taken_apart()
    }

    /// A message of the client's, or one in its place, goes to the target.
    #[inline]
    pub(super) fn note_sent(&mut self, frame_tag: u8) {
        self.tried = Tried::default();
        self.pipeline.note_sent(frame_tag);
    }

    /// A message passes unread, and the answer to it, if any, as it is. Gives the bytes that pass.
    #[inline]
    pub(super) fn pass_as(
        &mut self,
        request: Option<Request>,
        head: Head,
        there: usize,
        replies: &mut Replies,
        watched: Watched,
    ) -> usize {
        if let Some(request) = request {
            telling::passed(watched, request, head);
            replies.push_plain(request);
        }
        self.note_sent(head.tag);
        self.pass(head, there)
    }

    /// A frame passes unread: what is there of it now, the rest as it arrives. Gives the bytes that pass.
    #[inline]
    pub(super) fn pass(&mut self, head: Head, there: usize) -> usize {
        if there < head.frame_bytes {
            let remaining = head.frame_bytes - there;
            self.body = Body { remaining, mend: Mend::Nothing };
            return there;
        }
        head.frame_bytes
    }

    /// Judges more of a frame that has begun, and of rows that are taken apart; `None` where a frame begins.
    ///
    /// # Errors
    /// The client has sent what cannot be a frame, and nothing stands in front of it.
    pub(super) fn judge_part(
        &mut self,
        unread: &mut [u8],
        at: usize,
        replies: &mut Replies,
        report: &mut Report,
        context: &Context,
    ) -> Result<Option<Progress>, FrameError> {
        if self.copy_in.is_taken_apart() && self.body.may_be_rows() {
            if at > 0 {
                return Ok(Some(Progress::Later));
            }
            let (copy_in, body) = (&mut self.copy_in, &mut self.body);
            let step = copy_in::take_rows(unread, copy_in, body, replies, report, context)?;
            if let Some(step) = step {
                return Ok(Some(Progress::Done(step)));
            }
            if self.body.remaining > 0 {
                return Ok(Some(Progress::Later));
            }
        }
        if self.body.remaining == 0 {
            return Ok(None);
        }
        if self.body.is_dropped() {
            if at > 0 {
                return Ok(Some(Progress::Later));
            }
            let dropped = Step::Replace(self.body.take(unread.len()), Vec::new());
            return Ok(Some(Progress::Done(dropped)));
        }
        let judged = self.judge_body(unread, at, report, context);
        Ok(Some(if judged == at { Progress::Later } else { Progress::Passed(judged - at) }))
    }

    /// Judges more of the frame that is arriving; gives how far it got.
    pub(super) fn judge_body(
        &mut self,
        unread: &mut [u8],
        at: usize,
        report: &mut Report,
        context: &Context,
    ) -> usize {
        let mut end = unread.len().min(at + self.body.remaining);
        let arrived = unread.get_mut(at..end).unwrap_or_default();
        match &mut self.body.mend {
            Mend::Nothing | Mend::Dropped | Mend::Rows => {}
            Mend::Query(scanner) => {
                scanner.scan(arrived);
                let replaced = scanner.take_replaced();
                report.note_nuls(Place::default(), Road::Query, replaced, context.seconds());
            }
            Mend::Bind(arriving) => {
                // What follows may decide over the last byte: then it waits in the buffer.
                end = at + arriving.scanner.scan(arrived);
                let replaced = arriving.scanner.take_replaced();
                if replaced > 0 {
                    let place = arriving.place.clone();
                    report.note_nuls(place, Road::Parameter, replaced, context.seconds());
                }
            }
            Mend::CopyData => self.copy_in.scan(unread, at, end),
        }
        self.body.remaining -= end - at;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;
    use crate::value::QueryScanner;

    #[test]
    fn a_body_is_judged_in_pieces() {
        let context = context("");
        let mut report = Report::default();
        let mend = Mend::Query(QueryScanner::new(6));
        let mut client = ClientSide { body: Body { remaining: 6, mend }, ..ClientSide::default() };
        let mut unread = *b"ab\0d\0\0next";
        assert_eq!(client.judge_body(&mut unread[..3], 0, &mut report, &context), 3);
        assert_eq!(client.body.remaining, 3);
        assert_eq!(client.judge_body(&mut unread, 3, &mut report, &context), 6);
        assert_eq!((client.body.remaining, &unread), (0, b"ab d \0next"));
        assert_eq!(report.counts.values, [("nul", 2)]);
    }
}
