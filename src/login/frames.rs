//! Single frames before a session, read without reading ahead.

use std::io;

use tokio::io::AsyncReadExt as _;

use crate::stream::Stream;
use crate::wire::{self, HEAD_BYTES};

/// The longest frame of a login, in bytes: what libpq takes of an error, and more than a password.
pub(super) const FRAME_BYTES_MAX: usize = 70_000;

/// A frame that was read as a whole, or the head of one that cannot be.
#[derive(Debug)]
pub(super) struct LoginFrame {
    /// The message type; 0 where the head is not one.
    pub(super) tag: u8,
    /// All of its bytes, the head included.
    pub(super) bytes: Vec<u8>,
}

impl LoginFrame {
    /// What follows the head.
    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES..).unwrap_or_default()
    }
}

/// Tag and body of each frame that these bytes begin with, as long as they are whole and not longer than
/// `bytes_max`.
pub(super) fn whole_frames(
    bytes: &[u8],
    bytes_max: usize,
) -> impl Iterator<Item = (u8, &[u8])> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = wire::head(rest, bytes_max).ok()??;
        let (frame, behind) = rest.split_at_checked(head.frame_bytes)?;
        rest = behind;
        Some((head.tag, frame.get(HEAD_BYTES..)?))
    })
}

/// Reads exactly one frame. One that is longer than `bytes_max` or cannot be a frame is given up
/// after its head, with tag 0.
pub(super) async fn read_frame(stream: &mut Stream, bytes_max: usize) -> io::Result<LoginFrame> {
    let mut bytes = vec![0; HEAD_BYTES];
    stream.read_exact(&mut bytes).await?;
    let Ok(Some(head)) = wire::head(&bytes, bytes_max) else {
        return Ok(LoginFrame { tag: 0, bytes });
    };
    bytes.resize(head.frame_bytes, 0);
    stream.read_exact(bytes.get_mut(HEAD_BYTES..).unwrap_or_default()).await?;
    Ok(LoginFrame { tag: head.tag, bytes })
}
