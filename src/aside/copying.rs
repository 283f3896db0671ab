//! Messages of the client's while its rows are taken.

use super::{Aside, AsideState, Turn};
use crate::wire::{self, HEAD_BYTES, tag};

impl Aside {
    /// A message of the client's while rows are taken.
    pub(super) fn copy_frame(&mut self, head: wire::Head) -> Turn {
        let AsideState::Copying { load, is_extended } = &mut self.state else { return Turn::Waits };
        let is_extended = *is_extended;
        let end = match head.tag {
            tag::COPY_DATA => {
                self.input.take(HEAD_BYTES);
                self.rows_left = head.body_bytes();
                return Turn::Taken;
            }
            tag::COPY_DONE => {
                self.input.take(head.frame_bytes);
                load.on_done(&mut self.out)
            }
            // Among rows they are ignored.
            tag::FLUSH | tag::SYNC => {
                if head.tag == tag::SYNC {
                    load.note_sync();
                }
                self.input.take(head.frame_bytes);
                return Turn::Taken;
            }
            // CopyFail, or what ends the session.
            frame_tag => {
                let Some(body) = self.input.body(head) else { return Turn::Waits };
                let frame = wire::with_body(frame_tag, &[body]);
                self.input.take(head.frame_bytes);
                load.on_client_end(frame, &mut self.out)
            }
        };
        if let Some(end) = end {
            self.end_copy(end, is_extended);
        }
        Turn::Taken
    }
}
