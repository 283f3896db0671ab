//! Where what has quotes ends: strings, names, and strings between dollars. Knows bytes and the client
//! encoding, no grammar.

use memchr::{memchr, memchr2, memmem};

use super::{Class, Lexer, TokenKind, class};

impl Lexer<'_> {
    pub(super) fn dollar(&self, start: usize) -> (TokenKind, usize) {
        if self.byte(start + 1).is_some_and(|byte| byte.is_ascii_digit()) {
            let digits = self.rest(start + 1).iter().take_while(|byte| byte.is_ascii_digit());
            return (TokenKind::Parameter, start + 1 + digits.count());
        }
        let Some(open) = self.dollar_tag_end(start) else { return (TokenKind::Other, start + 1) };
        let tag = self.sql.get(start..open).unwrap_or_default();
        match memmem::find(self.rest(open), tag) {
            Some(length) => (TokenKind::DollarText, open + length + tag.len()),
            None => (TokenKind::Unterminated, self.sql.len()),
        }
    }

    /// The offset behind `$tag$`, if that is what stands at `start`.
    fn dollar_tag_end(&self, start: usize) -> Option<usize> {
        let mut end = start + 1;
        loop {
            let byte = self.byte(end)?;
            end += match class(byte) {
                Class::Dollar => return Some(end + 1),
                Class::Letter if self.ascii_trail && byte >= 0x80 => {
                    self.lexing.encoding.character_length(self.rest(end))
                }
                Class::Letter | Class::Prefix => 1,
                Class::Digit if end > start + 1 => 1,
                _ => return None,
            };
        }
    }

    pub(super) fn quoted_name(&self, kind: TokenKind, mut position: usize) -> (TokenKind, usize) {
        while let Some(length) = memchr(b'"', self.rest(position)) {
            position += length + 1;
            if self.byte(position) != Some(b'"') {
                return (kind, position);
            }
            position += 1;
        }
        (TokenKind::Unterminated, self.sql.len())
    }

    pub(super) fn backticks(&self, mut position: usize) -> (TokenKind, usize) {
        while let Some(length) = memchr(b'`', self.rest(position)) {
            position += length + 1;
            if self.byte(position) != Some(b'`') {
                return (TokenKind::QuotedName, position);
            }
            position += 1;
        }
        (TokenKind::Unterminated, self.sql.len())
    }

    /// The offset behind `name]`. A subscript that looks like one is a name, too, which does no
    /// harm; what holds quotes, or marks that subscripts have, is none.
    pub(super) fn bracketed_name_end(&self, start: usize) -> Option<usize> {
        const MARKS: &[u8] = b"-./&@!?)";
        let mut end = start;
        loop {
            let byte = self.byte(end)?;
            end += match class(byte) {
                Class::Letter | Class::Prefix | Class::Dollar => 1,
                Class::Digit | Class::Blank if end > start => 1,
                _ if byte == b']' && end > start => match self.goes_on_behind(end) {
                    true => 2,
                    false => return Some(end + 1),
                },
                _ if matches!(byte, b'%' | b'#') => 1,
                _ if MARKS.contains(&byte) && end > start && !self.is_comment(end) => 1,
                // Not the call of a function.
                _ if byte == b'(' && self.byte(end - 1) == Some(b' ') => 1,
                _ => return None,
            };
        }
    }

    fn is_comment(&self, at: usize) -> bool {
        let start = self.rest(at).get(..2);
        matches!(start, Some(b"--" | b"/*"))
    }

    /// Whether a name goes on behind `]]`, which stands for one of them. Subscripts within each other may end so.
    fn goes_on_behind(&self, at: usize) -> bool {
        let next = self.byte(at + 2).map(class);
        self.byte(at + 1) == Some(b']') && matches!(next, Some(Class::Letter | Class::Prefix))
    }

    #[inline]
    pub(super) fn text(&self, kind: TokenKind, mut position: usize) -> (TokenKind, usize) {
        while let Some(length) = memchr(b'\'', self.rest(position)) {
            position += length + 1;
            match self.after_quote(position) {
                Some(inside) => position = inside,
                None => return (kind, position),
            }
        }
        (TokenKind::Unterminated, self.sql.len())
    }

    pub(super) fn escape_text(&self, mut position: usize) -> (TokenKind, usize) {
        loop {
            let rest = self.rest(position);
            let found = if self.ascii_trail {
                self.find_backslash_or_quote(rest)
            } else {
                memchr2(b'\\', b'\'', rest)
            };
            let Some(length) = found else { return (TokenKind::Unterminated, self.sql.len()) };
            position += length + 1;
            if self.byte(position - 1) == Some(b'\\') {
                let escaped = self.lexing.encoding.character_length(self.rest(position));
                position = (position + escaped).min(self.sql.len());
                continue;
            }
            match self.after_quote(position) {
                Some(inside) => position = inside,
                None => return (TokenKind::EscapeText, position),
            }
        }
    }

    /// As memchr2, under an encoding in which these bytes can be the tail of a character.
    fn find_backslash_or_quote(&self, bytes: &[u8]) -> Option<usize> {
        let mut position = 0;
        loop {
            match bytes.get(position)? {
                b'\\' | b'\'' => return Some(position),
                0..0x80 => position += 1,
                _ => {
                    let rest = bytes.get(position..).unwrap_or_default();
                    position += self.lexing.encoding.character_length(rest);
                }
            }
        }
    }

    /// Behind a quote: where the string goes on, if the quote was doubled or another part of the
    /// same constant follows after blanks with a line break.
    #[inline]
    fn after_quote(&self, position: usize) -> Option<usize> {
        match self.byte(position)? {
            b'\'' => Some(position + 1),
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | b'-' => self.continued(position),
            _ => None,
        }
    }

    fn continued(&self, mut position: usize) -> Option<usize> {
        let mut line_break = false;
        loop {
            position = match self.byte(position)? {
                b'\n' | b'\r' => {
                    line_break = true;
                    position + 1
                }
                b' ' | b'\t' | 0x0B | 0x0C => position + 1,
                b'-' if self.byte(position + 1) == Some(b'-') => {
                    position + memchr2(b'\n', b'\r', self.rest(position))?
                }
                b'\'' if line_break => return Some(position + 1),
                _ => return None,
            };
        }
    }
}
