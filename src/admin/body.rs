//! Bodies of answers: a text that is there, or events that come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// Events, until their sender is gone.
    Events(mpsc::Receiver<Bytes>),
}

impl AnswerBody {
    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, AnswerBody::Whole(_))
    }
}

impl From<String> for AnswerBody {
    fn from(text: String) -> AnswerBody {
        AnswerBody::Whole(Some(Bytes::from(text)))
    }
}

impl From<&'static str> for AnswerBody {
    fn from(text: &'static str) -> AnswerBody {
        AnswerBody::Whole(Some(Bytes::from_static(text.as_bytes())))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match self.get_mut() {
            AnswerBody::Whole(text) => text.take().map(|text| Ok(Frame::data(text))),
            AnswerBody::Events(events) => {
                ready!(events.poll_recv(cx)).map(|event| Ok(Frame::data(event)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(text) => {
                let bytes = text.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
            }
            AnswerBody::Events(_) => SizeHint::default(),
        }
    }
}
