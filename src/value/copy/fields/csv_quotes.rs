//! Quotes and escapes of CSV read byte by byte: which bytes are a field's value. Knows no ends of
//! fields.
//!
//! Source: PostgreSQL, `CopyReadAttributesCSV` in `copyfromparse.c`.

/// What a byte turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::value::copy) enum CsvByte {
    /// A quote that begins or ends a part, or something that the next byte decides over.
    Mark,
    /// A byte of the value, inside quotes.
    Inside(u8),
    /// A byte outside quotes: of the value, or what ends the field.
    Outside(u8),
}

/// Where a field stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::value::copy) struct CsvQuotes {
    quote: u8,
    escape: u8,
    in_quotes: bool,
    /// The byte before was the escape inside quotes. Where it is the quote, it may have ended them.
    is_open: bool,
}

impl CsvQuotes {
    pub(in crate::value::copy) fn new(quote: u8, escape: u8) -> CsvQuotes {
        CsvQuotes { quote, escape, in_quotes: false, is_open: false }
    }

    /// Whether the next byte decides over the one before.
    #[inline]
    pub(in crate::value::copy) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the field stands inside quotes, unless the next byte goes on with a quote.
    #[inline]
    pub(in crate::value::copy) fn is_inside(&self) -> bool {
        self.in_quotes && !(self.is_open && self.quote == self.escape)
    }

    /// The next byte begins another field.
    #[inline]
    pub(in crate::value::copy) fn restart(&mut self) {
        self.in_quotes = false;
        self.is_open = false;
    }

    /// What comes next is neither a quote nor an escape: gives the escape, if it stood for itself.
    #[inline]
    pub(in crate::value::copy) fn settle(&mut self) -> Option<u8> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        if self.quote == self.escape {
            self.in_quotes = false;
            return None;
        }
        Some(self.escape)
    }

    /// Takes the next byte; gives the escape before it, if that stood for itself, and what the byte is.
    #[inline]
    pub(in crate::value::copy) fn feed(&mut self, byte: u8) -> (Option<u8>, CsvByte) {
        if self.is_open && (byte == self.quote || byte == self.escape) {
            self.is_open = false;
            return (None, CsvByte::Inside(byte));
        }
        let before = self.settle();
        let now = if !self.in_quotes {
            self.in_quotes = byte == self.quote;
            if self.in_quotes { CsvByte::Mark } else { CsvByte::Outside(byte) }
        } else if byte == self.escape {
            self.is_open = true;
            CsvByte::Mark
        } else if byte == self.quote {
            self.in_quotes = false;
            CsvByte::Mark
        } else {
            CsvByte::Inside(byte)
        };
        (before, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(field: &[u8], quote: u8, escape: u8) -> Vec<u8> {
        let mut quotes = CsvQuotes::new(quote, escape);
        let mut value = Vec::new();
        for &byte in field {
            let (before, now) = quotes.feed(byte);
            value.extend(before);
            if let CsvByte::Inside(byte) | CsvByte::Outside(byte) = now {
                value.push(byte);
            }
        }
        value.extend(quotes.settle());
        value
    }

    #[test]
    fn quotes_and_escapes_are_read_as_the_server_does() {
        for (field, expected) in [
            (&br#""a,""b""""#[..], &br#"a,"b""#[..]),
            (br#"a"b"c"#, b"abc"),
            (br#""a""#, b"a"),
            (br#""""#, b""),
            (br#""""""#, br#"""#),
        ] {
            assert_eq!(value(field, b'"', b'"'), expected, "{field:?}");
        }
        for (field, expected) in [
            (&br#""a\"b\\c\d""#[..], &br#"a"b\c\d"#[..]),
            (br#"\"a\""#, br#"\a""#),
            (br#""a\"#, br"a\"),
        ] {
            assert_eq!(value(field, b'"', b'\\'), expected, "{field:?}");
        }
    }
}
