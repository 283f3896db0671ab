//! Where one frame ends and the next one starts; never what a body means.

/// The bytes before a frame's body: the tag and the length.
pub const HEAD_BYTES: usize = 5;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The message type.
    pub tag: u8,
    /// The length of the whole frame in bytes, the tag included.
    pub frame_bytes: usize,
}

impl Head {
    /// The length of the body in bytes.
    pub fn body_bytes(&self) -> usize {
        self.frame_bytes - HEAD_BYTES
    }
}

/// A length field that no peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid message length {length} in a message of type 0x{tag:02x}")]
pub struct FrameError {
    /// The message type.
    pub tag: u8,
    /// The length field as sent; it counts itself but not the tag.
    pub length: u32,
}

/// The head of the frame that `bytes` start with, or `None` while fewer than five bytes are there.
///
/// # Errors
/// The length is below 4, which is its own size, or above `length_max`. Nothing was allocated.
#[inline]
pub fn head(bytes: &[u8], length_max: usize) -> Result<Option<Head>, FrameError> {
    let &[tag, a, b, c, d, ..] = bytes else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]);
    match usize::try_from(length) {
        Ok(bytes) if (4..=length_max).contains(&bytes) => {
            Ok(Some(Head { tag, frame_bytes: bytes + 1 }))
        }
        _ => Err(FrameError { tag, length }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_head_is_not_an_error() {
        assert_eq!(head(b"", 100), Ok(None));
        assert_eq!(head(b"Q\0\0\0", 100), Ok(None));
    }

    #[test]
    fn the_length_counts_itself() {
        let found = head(b"S\0\0\0\x04", 100).unwrap().unwrap();
        assert_eq!(found, Head { tag: b'S', frame_bytes: 5 });
        assert_eq!(found.body_bytes(), 0);
    }

    #[test]
    fn a_length_out_of_bounds_is_refused() {
        assert_eq!(head(b"Q\0\0\0\x03", 100), Err(FrameError { tag: b'Q', length: 3 }));
        assert_eq!(head(b"Q\0\0\0\x65", 100), Err(FrameError { tag: b'Q', length: 101 }));
        assert!(head(b"Q\xFF\xFF\xFF\xFF", 1 << 30).is_err());
    }
}
