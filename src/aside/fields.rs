//! Where the fields of a row of COPY are, as they were sent. Reads no values.

use std::ops::Range;

use crate::encoding::Encoding;
use crate::value::{CopyFormat, CopyOptions};

/// The fields of a row without its line break; of binary each with its length. `None` where they cannot be told.
pub(super) fn raw_fields(
    row: &[u8],
    options: &CopyOptions,
    encoding: Encoding,
) -> Option<Vec<Range<usize>>> {
    let mut fields = RawFields::new(row, options, encoding);
    let spans = fields.by_ref().collect();
    fields.is_whole().then_some(spans)
}

/// The fields of a row, one after the other.
#[derive(Debug)]
pub(super) struct RawFields<'a> {
    row: &'a [u8],
    options: &'a CopyOptions,
    encoding: Encoding,
    at: usize,
    /// The fields that are left; more than one is counted in binary alone.
    left: u16,
}

impl<'a> RawFields<'a> {
    pub(super) fn new(
        row: &'a [u8],
        options: &'a CopyOptions,
        encoding: Encoding,
    ) -> RawFields<'a> {
        let encoding = options.encoding.unwrap_or(encoding);
        let (at, left) = match (options.format, row.split_first_chunk::<2>()) {
            (CopyFormat::Binary, Some((count, _))) => (2, u16::from_be_bytes(*count)),
            // Broken.
            (CopyFormat::Binary, None) => (1, 0),
            (CopyFormat::Text | CopyFormat::Csv, _) => (0, 1),
        };
        RawFields { row, options, encoding, at, left }
    }

    /// Whether the row ends where its fields do, once all of them were given.
    fn is_whole(&self) -> bool {
        self.left == 0 && self.at == self.row.len()
    }

    fn rest(&self) -> &'a [u8] {
        self.row.get(self.at..).unwrap_or_default()
    }

    fn tuple_field(&mut self) -> Option<Range<usize>> {
        let length = i32::from_be_bytes(*self.rest().first_chunk::<4>()?);
        let start = self.at;
        let end = start + 4 + usize::try_from(length).unwrap_or(0);
        self.row.get(start..end)?;
        (self.at, self.left) = (end, self.left - 1);
        Some(start..end)
    }

    fn line_field(&mut self) -> Range<usize> {
        let options = self.options;
        let is_csv = options.format == CopyFormat::Csv;
        let (start, mut in_quotes) = (self.at, false);
        loop {
            self.step_over_plain(is_csv, in_quotes);
            let rest = self.rest();
            let Some(byte) = rest.first().copied() else { break };
            let length = self.encoding.character_length(rest).max(1);
            let has_escape = in_quotes && byte == options.escape && options.escape != options.quote;
            self.at += match byte {
                _ if length > 1 => length,
                b'\\' if !is_csv => 2,
                _ if has_escape => 2,
                _ if is_csv && byte == options.quote => {
                    in_quotes = !in_quotes;
                    1
                }
                _ if !in_quotes && byte == options.delimiter => {
                    let end = self.at;
                    self.at += 1;
                    return start..end;
                }
                _ => 1,
            };
        }
        self.at = self.row.len();
        self.left = 0;
        start..self.at
    }

    /// Steps over what is neither a delimiter nor a quote nor an escape.
    fn step_over_plain(&mut self, is_csv: bool, in_quotes: bool) {
        if self.encoding.has_ascii_trail() {
            return;
        }
        let CopyOptions { delimiter, quote, escape, .. } = *self.options;
        let rest = self.rest();
        let count = match (is_csv, in_quotes) {
            (false, _) => memchr::memchr2(delimiter, b'\\', rest),
            (true, false) => memchr::memchr2(delimiter, quote, rest),
            (true, true) => memchr::memchr2(quote, escape, rest),
        };
        self.at += count.unwrap_or(rest.len());
    }
}

impl Iterator for RawFields<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        match self.options.format {
            _ if self.left == 0 => None,
            CopyFormat::Binary => self.tuple_field(),
            CopyFormat::Text | CopyFormat::Csv => Some(self.line_field()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: CopyFormat, row: &[u8]) -> Option<Vec<String>> {
        let mut options = CopyOptions::new(format);
        if format == CopyFormat::Csv {
            options.escape = b'!';
        }
        let fields = raw_fields(row, &options, Encoding::Utf8)?;
        Some(fields.into_iter().map(|span| row[span].escape_ascii().to_string()).collect())
    }

    #[test]
    fn fields_are_as_they_were_sent() {
        let of = |format, row: &[u8]| shown(format, row).unwrap();
        assert_eq!(of(CopyFormat::Text, b"a\\\tb\t\\N\t"), ["a\\\\\\tb", "\\\\N", ""]);
        assert_eq!(of(CopyFormat::Csv, b"\"a,!\",b\",,c"), ["\\\"a,!\\\",b\\\"", "", "c"]);
        let tuple = b"\0\x02\0\0\0\x01a\xFF\xFF\xFF\xFF";
        assert_eq!(
            of(CopyFormat::Binary, tuple),
            ["\\x00\\x00\\x00\\x01a", "\\xff\\xff\\xff\\xff"]
        );
        assert_eq!(shown(CopyFormat::Binary, &tuple[..9]), None);
    }
}
