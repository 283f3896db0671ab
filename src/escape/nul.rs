//! Backslash escapes of COPY text whose value is NUL, whole or cut; touches no buffer itself.

/// What the bytes behind a backslash turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NulEscape {
    /// More bytes are needed to know.
    Open,
    /// Not a NUL; so many bytes behind the backslash belong to the escape.
    Keep(usize),
    /// A NUL: the bytes behind the backslash that make it a space, as many as the escape has.
    Mend(&'static [u8]),
}

/// Judges the escape of which `after` are the bytes behind the backslash, as far as they are known.
/// Three bytes always suffice.
///
/// No replacement can be read together with the byte that follows: `\40` is only written where no
/// octal digit follows, `\040` and `\x20` have all the digits an escape can have.
///
/// Source: PostgreSQL manual, COPY, "Text Format": up to three octal or two hexadecimal digits; the
/// server keeps the low eight bits, so `\400` is a NUL too.
#[inline]
pub(crate) fn judge(after: &[u8]) -> NulEscape {
    match after {
        [b'0' | b'4' | b'x', ..] => judge_digits(after),
        [0, ..] => NulEscape::Mend(b" "),
        // A longer character; in some encodings its next byte looks like a backslash.
        [lead, ..] if *lead >= 0x80 => NulEscape::Keep(0),
        [_, ..] => NulEscape::Keep(1),
        [] => NulEscape::Open,
    }
}

fn judge_digits(after: &[u8]) -> NulEscape {
    match after {
        [b'0' | b'4'] | [b'0' | b'4', b'0'] | [b'x'] => NulEscape::Open,
        [b'0' | b'4', b'0', b'0', ..] => NulEscape::Mend(b"040"),
        [b'0', b'0', b'1'..=b'7', ..] => NulEscape::Keep(3),
        [b'0', b'0', ..] => NulEscape::Mend(b"40"),
        [b'0', b'1'..=b'7', ..] => NulEscape::Keep(2),
        [b'0', ..] => NulEscape::Mend(b" "),
        [b'4', b'0', ..] => NulEscape::Keep(2),
        [b'x', high] if high.is_ascii_hexdigit() => NulEscape::Open,
        [b'x', b'0', b'0', ..] => NulEscape::Mend(b"x20"),
        [b'x', high, low, ..] if high.is_ascii_hexdigit() => match low.is_ascii_hexdigit() {
            true => NulEscape::Keep(3),
            false if *high == b'0' => NulEscape::Mend(b"40"),
            false => NulEscape::Keep(2),
        },
        _ => NulEscape::Keep(1),
    }
}

/// An escape that is cut, and where its bytes lie; frame headers may lie between them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenEscape {
    /// The bytes behind the backslash and their offsets in the buffer.
    seen: [(u8, usize); 3],
    length: usize,
    /// The bytes have been sent, so nothing can be mended any more.
    released: bool,
}

/// What one more byte did to an open escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    /// The verdict on the escape.
    pub(crate) verdict: NulEscape,
    /// Whether the byte is a part of the escape rather than the first byte behind it.
    pub(crate) belongs: bool,
}

impl OpenEscape {
    /// The escape whose backslash is followed by `after`, which lies at offset `at`.
    pub(crate) fn cut(after: &[u8], at: usize) -> OpenEscape {
        let mut escape = OpenEscape::default();
        for (index, &byte) in after.iter().enumerate() {
            escape.push(byte, at + index);
        }
        escape
    }

    fn push(&mut self, byte: u8, at: usize) {
        if let Some(slot) = self.seen.get_mut(self.length) {
            *slot = (byte, at);
            self.length += 1;
        }
    }

    fn judge_seen(&self) -> NulEscape {
        let [(first, _), (second, _), (third, _)] = self.seen;
        judge([first, second, third].get(..self.length).unwrap_or_default())
    }

    /// Takes the next byte of the stream into account.
    pub(crate) fn feed(&mut self, byte: u8, at: usize) -> Fed {
        self.push(byte, at);
        let verdict = self.judge_seen();
        let belongs = match verdict {
            NulEscape::Open => true,
            NulEscape::Keep(bytes) => bytes == self.length,
            NulEscape::Mend(with) => with.len() == self.length,
        };
        Fed { verdict, belongs }
    }

    /// The verdict where nothing follows: the stream has ended.
    pub(crate) fn last(&self) -> NulEscape {
        let mut ended = *self;
        // Any byte that is no digit ends an escape just as the end of the stream does.
        match ended.length {
            0 => NulEscape::Keep(0),
            _ => ended.feed(b'\n', usize::MAX).verdict,
        }
    }

    /// The bytes to change where the verdict is to mend: place behind the backslash, offset in the
    /// buffer, new byte. At least one, unless they were sent.
    pub(crate) fn patches(
        &self,
        with: &'static [u8],
    ) -> impl Iterator<Item = (usize, usize, u8)> + use<> {
        let (seen, released) = (self.seen, self.released);
        with.iter().zip(seen).enumerate().filter_map(move |(index, (&new, (old, at)))| {
            (new != old && !released).then_some((index, at, new))
        })
    }

    /// Offset of the first byte that may still change.
    pub(crate) fn held_from(&self) -> Option<usize> {
        let [(_, at), ..] = self.seen;
        (self.length > 0 && !self.released).then_some(at)
    }

    /// The bytes seen so far are sent as they are, whatever they turn out to be.
    pub(crate) fn release(&mut self) {
        self.released |= self.length > 0;
    }

    /// Whether the escape was sent before it could be judged.
    pub(crate) fn is_released(&self) -> bool {
        self.released
    }

    /// Moves the offsets down by the bytes that have gone.
    pub(crate) fn rebase(&mut self, sent: usize) {
        if self.held_from().is_some_and(|at| at < sent) {
            self.release();
        }
        for (_, at) in &mut self.seen {
            *at = at.saturating_sub(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_nul_is_mended_within_its_length() {
        for (after, with) in [
            (b"0\t.", &b" "[..]),
            (b"08.", b" "),
            (b"0\0.", b" "),
            (b"00\n", b"40"),
            (b"008", b"40"),
            (b"000", b"040"),
            (b"400", b"040"),
            (b"x00", b"x20"),
            (b"x0g", b"40"),
            (b"x0\\", b"40"),
            (b"\x0000", b" "),
        ] {
            assert_eq!(judge(after), NulEscape::Mend(with), "{after:?}");
        }
    }

    #[test]
    fn other_escapes_keep_their_bytes() {
        for (after, bytes) in [
            (b"\\00", 1),
            (b"N\t.", 1),
            (b"xg0", 1),
            (b"x0f", 3),
            (b"x20", 3),
            (b"xA.", 2),
            (b"07.", 2),
            (b"001", 3),
            (b"401", 2),
            (b"410", 1),
            (b"X00", 1),
            (b"\x95\\0", 0),
        ] {
            assert_eq!(judge(after), NulEscape::Keep(bytes), "{after:?}");
        }
    }

    #[test]
    fn what_is_cut_stays_open_until_it_is_known() {
        for after in [&b""[..], b"0", b"00", b"4", b"40", b"x", b"x0", b"xf"] {
            assert_eq!(judge(after), NulEscape::Open, "{after:?}");
        }
    }

    #[test]
    fn the_end_of_the_stream_ends_an_escape() {
        for (after, verdict) in [
            (&b""[..], NulEscape::Keep(0)),
            (b"0", NulEscape::Mend(b" ")),
            (b"00", NulEscape::Mend(b"40")),
            (b"x", NulEscape::Keep(1)),
            (b"x0", NulEscape::Mend(b"40")),
            (b"40", NulEscape::Keep(2)),
        ] {
            assert_eq!(OpenEscape::cut(after, 0).last(), verdict, "{after:?}");
        }
    }
}
