//! Where numbers end. Knows bytes, no grammar.

use super::Lexer;

impl Lexer<'_> {
    pub(super) fn number_end(&self, start: usize) -> usize {
        let radix = match (self.byte(start), self.byte(start + 1).map(|byte| byte | 0x20)) {
            (Some(b'0'), Some(b'x')) => 16,
            (Some(b'0'), Some(b'o')) => 8,
            (Some(b'0'), Some(b'b')) => 2,
            _ => 10,
        };
        if radix != 10 {
            let end = self.digits_end(start + 2, radix);
            // `0x` by itself has no digits.
            let is_one = end > start + 2 || radix == 16 && self.word_end(end) == end;
            return if is_one { end } else { start + 1 };
        }
        let end = self.digits_end(start, 10);
        match (self.byte(end), self.byte(end + 1)) {
            // `1..10` is a range of two integers.
            (Some(b'.'), Some(b'.')) => end,
            (Some(b'.'), _) => self.fraction_end(end + 1),
            _ => self.exponent_end(end),
        }
    }

    pub(super) fn fraction_end(&self, start: usize) -> usize {
        self.exponent_end(self.digits_end(start, 10))
    }

    fn exponent_end(&self, end: usize) -> usize {
        if !matches!(self.byte(end), Some(b'e' | b'E')) {
            return end;
        }
        let digits = end + 1 + usize::from(matches!(self.byte(end + 1), Some(b'+' | b'-')));
        let stop = self.digits_end(digits, 10);
        if stop > digits { stop } else { end }
    }

    fn digits_end(&self, start: usize, radix: u32) -> usize {
        let mut end = start;
        while let Some(byte) = self.byte(end) {
            let digit = char::from(byte).is_digit(radix);
            let separator = byte == b'_'
                && (end > start || radix != 10)
                && self.byte(end + 1).is_some_and(|next| char::from(next).is_digit(radix));
            if !digit && !separator {
                break;
            }
            end += 1;
        }
        end
    }
}
