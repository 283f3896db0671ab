//! Where things are in a script of psql: lines and columns, and the rows behind a COPY. Knows no
//! statements.

use memchr::{memchr, memmem};

use crate::encoding::Encoding;

/// Lines and columns of offsets that are asked for in rising order, in one pass over the text.
pub(super) struct ScriptLines<'a> {
    sql: &'a [u8],
    line: usize,
    column: usize,
    offset: usize,
}

impl<'a> ScriptLines<'a> {
    pub(super) fn new(sql: &'a [u8]) -> ScriptLines<'a> {
        ScriptLines { sql, line: 1, column: 1, offset: 0 }
    }

    pub(super) fn position(&mut self, offset: usize) -> (usize, usize) {
        let mut passed = self.sql.get(self.offset..offset).unwrap_or_default();
        self.offset = offset.max(self.offset);
        while let Some(end) = memchr(b'\n', passed) {
            self.line += 1;
            self.column = 1;
            passed = passed.get(end + 1..).unwrap_or_default();
        }
        self.column += Encoding::Utf8.count_characters(passed);
        (self.line, self.column)
    }
}

/// The offset of the line break behind `offset`, or the end.
pub(super) fn line_end(sql: &[u8], offset: usize) -> usize {
    let rest = sql.get(offset..).unwrap_or_default();
    memchr(b'\n', rest).map_or(sql.len(), |length| offset + length)
}

/// Behind the rows of a COPY whose statement ends at `offset`: behind the line `\.`, or the end.
pub(super) fn rows_end(sql: &[u8], offset: usize) -> usize {
    let mut position = line_end(sql, offset);
    loop {
        let rest = sql.get(position..).unwrap_or_default();
        let Some(length) = memmem::find(rest, b"\n\\.") else { return sql.len() };
        position += length + 3;
        if matches!(sql.get(position), None | Some(b'\n' | b'\r')) {
            return position;
        }
    }
}
