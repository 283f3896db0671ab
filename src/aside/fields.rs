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
    match options.format {
        CopyFormat::Binary => tuple_fields(row),
        CopyFormat::Text | CopyFormat::Csv => Some(line_fields(row, options, encoding)),
    }
}

fn tuple_fields(row: &[u8]) -> Option<Vec<Range<usize>>> {
    let (count, _) = row.split_first_chunk::<2>()?;
    let mut at = 2;
    let mut fields = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let length = i32::from_be_bytes(*row.get(at..)?.first_chunk::<4>()?);
        let end = at + 4 + usize::try_from(length).unwrap_or(0);
        row.get(at..end)?;
        fields.push(at..end);
        at = end;
    }
    (at == row.len()).then_some(fields)
}

fn line_fields(row: &[u8], options: &CopyOptions, encoding: Encoding) -> Vec<Range<usize>> {
    let is_csv = options.format == CopyFormat::Csv;
    let encoding = options.encoding.unwrap_or(encoding);
    let (mut fields, mut start, mut at, mut in_quotes) = (Vec::new(), 0, 0, false);
    while let Some(rest) = row.get(at..).filter(|rest| !rest.is_empty()) {
        let length = encoding.character_length(rest).max(1);
        match rest.first() {
            _ if length > 1 => at += length,
            Some(b'\\') if !is_csv => at += 2,
            Some(byte)
                if in_quotes && *byte == options.escape && options.escape != options.quote =>
            {
                at += 2;
            }
            Some(byte) if is_csv && *byte == options.quote => {
                in_quotes = !in_quotes;
                at += 1;
            }
            Some(byte) if !in_quotes && *byte == options.delimiter => {
                fields.push(start..at);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    fields.push(start..row.len());
    fields
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
