//! Backslash escapes read byte by byte, as COPY text and `E'...'` literals have them: which
//! characters they stand for. Knows no values and changes nothing.

/// The digits of an escape that is open.
#[derive(Clone, Copy, Debug)]
struct Digits {
    radix: u32,
    value: u32,
    count: u8,
    count_max: u8,
    /// What the escape stands for if no digit follows.
    letter: u8,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Outside,
    Backslash,
    Digits(Digits),
}

/// What a byte turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    /// A part of an escape of which more follows.
    Part,
    /// The last byte of an escape for this character.
    Escaped(u8),
    /// A byte outside escapes.
    Plain(u8),
}

/// Reads a text with backslash escapes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BackslashEscapes {
    state: State,
    has_unicode: bool,
}

/// The character that an escape with a code stands for. Only ASCII matters to who asks here.
fn character(code: u32, has_unicode_code: bool) -> u8 {
    match u8::try_from(code) {
        Ok(byte) => byte,
        Err(_) if has_unicode_code => 0xFF,
        // The server keeps the low eight bits of an octal number.
        Err(_) => u8::try_from(code & 0xFF).unwrap_or_default(),
    }
}

/// What a letter stands for behind a backslash: a control character, or itself.
pub(crate) fn control(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        letter => letter,
    }
}

impl BackslashEscapes {
    /// The escapes of COPY text: `\ooo`, `\xhh`, and a backslash before any other character.
    pub(crate) fn of_copy_text() -> BackslashEscapes {
        BackslashEscapes { state: State::Outside, has_unicode: false }
    }

    /// The escapes of `E'...'`: also `\uhhhh` and `\Uhhhhhhhh`.
    pub(crate) fn of_literal() -> BackslashEscapes {
        BackslashEscapes { state: State::Outside, has_unicode: true }
    }

    /// Takes the next byte; gives the character of an escape that it ended by not being a part of
    /// it, and what the byte itself is.
    #[inline]
    pub(crate) fn feed(&mut self, byte: u8) -> (Option<u8>, Now) {
        match std::mem::take(&mut self.state) {
            State::Outside => (None, self.outside(byte)),
            State::Backslash => (None, self.behind_backslash(byte)),
            State::Digits(digits) => match char::from(byte).to_digit(digits.radix) {
                Some(digit) => (None, self.digit(digits, digit)),
                None => (Some(digits.character()), self.outside(byte)),
            },
        }
    }

    /// Whether the next byte would be a part of the open escape.
    #[inline]
    pub(crate) fn takes(&self, byte: u8) -> bool {
        match self.state {
            State::Outside => false,
            // A longer character is not a part of it.
            State::Backslash => byte < 0x80,
            State::Digits(digits) => char::from(byte).is_digit(digits.radix),
        }
    }

    /// Ends the open escape, behind which nothing follows or what is not a part of it; gives the
    /// character that it stands for. A backslash alone stands for nothing.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<u8> {
        match std::mem::take(&mut self.state) {
            State::Digits(digits) => Some(digits.character()),
            State::Outside | State::Backslash => None,
        }
    }

    /// Whether a digit has been seen that could be the last byte of its escape.
    pub(crate) fn has_digits(&self) -> bool {
        matches!(self.state, State::Digits(Digits { count: 1.., .. }))
    }

    /// Whether no escape is open.
    #[inline]
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self.state, State::Outside)
    }

    #[inline]
    fn outside(&mut self, byte: u8) -> Now {
        if byte != b'\\' {
            return Now::Plain(byte);
        }
        self.state = State::Backslash;
        Now::Part
    }

    #[inline]
    fn behind_backslash(&mut self, byte: u8) -> Now {
        let hexadecimal =
            |count_max| Digits { radix: 16, value: 0, count: 0, count_max, letter: byte };
        self.state = State::Digits(match byte {
            b'0'..=b'7' => Digits {
                radix: 8,
                value: u32::from(byte - b'0'),
                count: 1,
                count_max: 3,
                letter: byte,
            },
            b'x' => hexadecimal(2),
            b'u' if self.has_unicode => hexadecimal(4),
            b'U' if self.has_unicode => hexadecimal(8),
            _ => {
                self.state = State::Outside;
                // A backslash before a longer character stands for nothing.
                return if byte >= 0x80 { Now::Plain(byte) } else { Now::Escaped(control(byte)) };
            }
        });
        Now::Part
    }

    fn digit(&mut self, digits: Digits, digit: u32) -> Now {
        let value = digits.value.wrapping_mul(digits.radix).wrapping_add(digit);
        let digits = Digits { value, count: digits.count + 1, ..digits };
        if digits.count == digits.count_max {
            return Now::Escaped(digits.character());
        }
        self.state = State::Digits(digits);
        Now::Part
    }
}

impl Digits {
    fn character(self) -> u8 {
        match self.count {
            0 => self.letter,
            _ => character(self.value, self.count_max > 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], mut escapes: BackslashEscapes) -> Vec<u8> {
        let mut characters = Vec::new();
        for &byte in text {
            let (ended, now) = escapes.feed(byte);
            characters.extend(ended);
            match now {
                Now::Part => {}
                Now::Escaped(byte) | Now::Plain(byte) => characters.push(byte),
            }
        }
        characters
    }

    #[test]
    fn escapes_end_where_the_server_ends_them() {
        let copy = |text| read(text, BackslashEscapes::of_copy_text());
        assert_eq!(copy(br"\\u0\60\0600\x30\x3g\400\u."), b"\\u0000\x30\x03g\0u.");
        assert_eq!(copy(br"\xg\1344."), b"xg\\4.");
        let literal = |text| read(text, BackslashEscapes::of_literal());
        assert_eq!(literal(br"\\\u005c\U0000005Cu\u0030."), b"\\\\\\u0.");
        assert_eq!(literal("\\u0130\\'.".as_bytes()), b"\xFF'.");
    }
}
