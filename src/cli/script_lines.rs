//! Where things are in a script: lines and columns. Knows no statements.

use memchr::memchr;

use crate::encoding::Encoding;

/// Lines and columns of offsets that are asked for in rising order, in one pass over the text. A copy
/// is a pass of its own from here on.
#[derive(Clone, Copy, Debug)]
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
