//! The memory that bytes on their way lie in: lent by a thread, filled by reading. Knows no session.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::wire::RelayBuffer;

/// The size of the buffer of a direction: what one system call reads or writes.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// Buffers kept for re-use on one thread.
const POOLED_BUFFERS_MAX: usize = 32;

/// The buffers of one thread: a direction has one only while it has bytes to write.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: RefCell<Vec<Vec<u8>>>,
}

impl BufferPool {
    pub(super) fn take(&self) -> Vec<u8> {
        self.free.borrow_mut().pop().unwrap_or_else(|| vec![0; BUFFER_BYTES])
    }

    pub(super) fn put_back(&self, bytes: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if bytes.len() == BUFFER_BYTES && free.len() < POOLED_BUFFERS_MAX {
            free.push(bytes);
        }
    }
}

/// Reads once into the buffer, which gets memory if it has none; 0 bytes are the end.
pub(super) fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut RelayBuffer,
    pool: &BufferPool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if buffer.is_empty() && buffer.capacity() < BUFFER_BYTES {
        buffer.attach(pool.take());
    }
    // Never more at a time, even if one statement has made the buffer large: the bytes behind a frame are
    // moved when that frame is replaced.
    let spare = buffer.spare();
    let room = spare.len().min(BUFFER_BYTES);
    let mut room = ReadBuf::new(spare.get_mut(..room).unwrap_or_default());
    ready!(Pin::new(stream).poll_read(cx, &mut room))?;
    let count = room.filled().len();
    buffer.fill(count);
    Poll::Ready(Ok(count))
}
