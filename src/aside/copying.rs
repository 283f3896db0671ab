//! Messages of the client's while its rows are taken.

use super::{Aside, AsideState, Turn};
use crate::wire::{self, HEAD_BYTES, OwnError, tag};

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
            tag::COPY_FAIL => {
                let Some(reason) = self.input.body(head) else { return Turn::Waits };
                let end = load.on_client_fail(reason, &mut self.out);
                self.input.take(head.frame_bytes);
                end
            }
            tag::COPY_DONE => {
                self.input.take(head.frame_bytes);
                load.on_done(&mut self.out)
            }
            // Among rows they are ignored.
            tag::FLUSH | tag::SYNC => {
                self.input.take(head.frame_bytes);
                return Turn::Taken;
            }
            tag::TERMINATE => {
                self.state = AsideState::Passing;
                return Turn::Taken;
            }
            frame_tag => {
                if self.input.body(head).is_none() {
                    return Turn::Waits;
                }
                self.input.take(head.frame_bytes);
                let what =
                    format!("unexpected message type 0x{frame_tag:02X} during COPY from stdin");
                let error = load.at_next_line(OwnError::new("08P01", what));
                load.fail_by(&error, &mut self.out)
            }
        };
        if let Some(end) = end {
            self.end_copy(end, is_extended);
        }
        Turn::Taken
    }
}
